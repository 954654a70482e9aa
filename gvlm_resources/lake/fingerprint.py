"""What a result was made from, as one hash (pure).

Equal fingerprints mean that building again would give the same bytes, so the build is skipped. Whatever can change a
result has to be in `Recipe`: the source's content, the fingerprints of the results it reads, the code's version, the
schema's version, the settings and parts of the game file that it uses, and the models' identities.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    asset: str
    code_version: str
    schema_version: str
    source: str = ""
    upstream: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    game: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of this recipe, 64 hex digits."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal text. NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
