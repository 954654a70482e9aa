"""A reviewer's words in a line: what they may not copy, and what of the old words goes with them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.releases import decided, release
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Balance, Decision, Ratios
from tests.dataset import shard_maker
from tests.dataset.shard_maker import Made

PAIR = "q" + "1" * 16
ROW = "[00:03] the marine picks up the red key behind the tower and turns left"
SHOWN = '[00:05] (Text: "you need the blue key to open this door now")'
TIMELINE = ["<evidence>", ROW, SHOWN, "</evidence>"]
COPY = "Look: the marine picks up the red key behind the tower and turns left."


def line(kind: str = "what", **provenance: Any) -> tuple[bytes, dict[str, Any]]:
    """A line of a shard and its row."""
    told = {"pair": PAIR, "kind": kind, "curriculum": "dynamics", "language": "en", "length": "short"}
    told |= {"made_by": "templates@1", "confidence": 1.0, "fingerprints": {}}
    value = {
        "id": "x" + "0" * 16,
        "video": "play",
        "conversations": [
            {"from": "human", "value": "\n".join(["<ts=00:03><v>", *TIMELINE, "What happens?"])},
            {"from": "gpt", "value": "It opens."},
        ],
        "timestamps": [[3.0, 5.0]],
        "embeddings": [{"token": "<v>", "table": "siglip_embeddings", "id": "f000003000000"}],
        "frames": ["f000003000000"],
        "boxes": [],
        "box_frames": [],
        "width": 640,
        "height": 400,
        "evidence": ["e000003000000-pickup"],
        "provenance": told | provenance,
    }
    assert validate.errors(value) == []
    row = {"example_id": value["id"], "question": "What happens?", "answer": "It opens.", "kind": kind, "digest": "d"}
    return json.dumps(value).encode() + b"\n", row


def fix(answer: str, question: str = "What is taken?", kind: str = "what", **provenance: Any) -> decided.Fixed:
    return decided.fixed(
        *line(kind, **provenance), Decision(pair_id=PAIR, decision="fixed", question=question, answer=answer)
    )


def test_an_answer_in_words_of_its_own_copies_nothing() -> None:
    assert fix("The red key, behind the tower.").copies == ""


@pytest.mark.parametrize("row", [ROW, SHOWN])
def test_an_answer_that_holds_a_row_of_the_timeline_copies_it(row: str) -> None:
    assert fix(f"It says: {row}").copies


def test_an_answer_that_holds_the_question_copies_it() -> None:
    asked = "What does the marine take there first?"
    assert fix(f"{asked} The red key.", question=asked).copies == "what does the marine take there first"


@pytest.mark.parametrize(("kind", "is_copied"), [("said_or_shown", False), ("what", True)])
def test_only_who_is_asked_what_is_shown_may_quote_it(kind: str, is_copied: bool) -> None:
    assert bool(fix('"You need the blue key to open this door now"', kind=kind).copies) == is_copied


def test_a_row_that_quotes_nothing_may_not_be_quoted_whatever_is_asked() -> None:
    assert fix(f'It reads "{ROW}"', kind="said_or_shown").copies


def test_the_claims_of_the_old_words_go_with_them() -> None:
    claims = [{"what": "count", "start_ns": 0, "end_ns": 5, "kind": "pickup", "value": 1}]
    made = json.loads(fix("The red key.", claims=claims).line)
    assert "claims" not in made["provenance"]
    assert validate.errors(made) == []
    assert made["provenance"]["pair"] == PAIR


def built(folder: Path, *decisions: Decision) -> Release:
    """A release of one pair in two curricula, of which one shows a timeline, and of another pair."""
    vectors = shard_maker.unit(np.random.default_rng(0).normal(size=(3, 8)))
    words = {"question": "What is at the door?", "answer": "A gate."}
    made = [
        Made(pair=PAIR, vector=vectors[0], curriculum="alignment", **words),
        Made(pair=PAIR, vector=vectors[1], curriculum="dynamics", timeline=TIMELINE, **words),
        Made(pair="q" + "2" * 16, vector=vectors[2], curriculum="dynamics", timeline=TIMELINE, **words),
    ]
    video = shard_maker.video_id(0)
    spec = release.spec_of(
        "made",
        [shard_maker.given(0)],
        ratios=Ratios(train=1, validation=0, test=0),
        balance=Balance(largest_share=1),
        decisions=decisions,
    )
    out = folder / "out"
    release.build(spec, {video: shard_maker.shard(folder / "shard", video, made)}, out)
    return Release(out)


def test_a_fix_that_copies_a_row_leaves_that_example_out_and_no_other(tmp_path: Path) -> None:
    found = built(tmp_path, Decision(pair_id=PAIR, decision="fixed", question="What is taken?", answer=COPY))
    (gone,) = found.removed.to_pylist()
    assert (gone["pair_id"], gone["reason"], gone["kept"]) == (PAIR, "copies_the_prompt", "")
    assert gone["detail"] in COPY.casefold()
    kept = {(row["pair_id"], row["curriculum"]): row for row in found.index.to_pylist()}
    assert set(kept) == {(PAIR, "alignment"), ("q" + "2" * 16, "dynamics")}
    assert kept[PAIR, "alignment"]["answer"] == COPY, "no timeline is shown there"
    assert found.manifest["removed"]["by_reason"]["copies_the_prompt"] == 1


def test_a_fix_in_other_words_stays_in_all_curricula(tmp_path: Path) -> None:
    found = built(tmp_path, Decision(pair_id=PAIR, decision="fixed", question="What is taken?", answer="The red key."))
    assert found.removed.num_rows == 0
    assert sorted(row["answer"] for row in found.index.to_pylist()) == ["A gate.", "The red key.", "The red key."]
