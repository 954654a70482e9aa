"""Words that decide what pairs are made cannot change without the version that is in their fingerprint.

Where one of these fails because words were changed on purpose: raise the version, and pin the new digest beside it.
"""

import hashlib
import json
from pathlib import Path

from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.dataset.questions import templates
from gvlm_resources.dataset.writer import context, writer_prompts
from gvlm_resources.recipes import STAGES

WORDING = Path(templates.__file__).parent / "wording"
OF_TEMPLATES = {"5": "6582c82d49cb9904"}
OF_PROMPTS = {"2": "afba6294f51f8558"}


def digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def test_the_wordings_are_those_of_the_templates_version() -> None:
    words = [path.read_text() for path in sorted(WORDING.glob("*.yaml"))]
    assert len(words) == 4
    assert {templates.VERSION: digest(*words)} == OF_TEMPLATES


def test_what_a_language_model_is_told_is_that_of_the_code_version_of_qa_pairs() -> None:
    schemas = json.dumps([writer_prompts.READABLE, context.SCHEMA])
    told = digest(writer_prompts.SYSTEM, writer_prompts.RETRY, context.SYSTEM, schemas, *KINDS)
    assert {STAGES["qa_pairs"].code_version: told} == OF_PROMPTS
