"""The card of an export for Hugging Face `datasets` (pure): that of the release, with the export's own way to load it.

One head of YAML, as `huggingface_hub` reads it: what the release's card says of licence, languages, size, tasks and
tags, and under `configs` the files of the export.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gvlm_resources.errors import ReleaseError

_HEAD = re.compile(r"---\n(.*?\n)?---\n\s*", re.S)
_LOADING = re.compile(r"^## How to load it\n.*?(?=^## |\Z)", re.M | re.S)  # no text of a video begins a line with `#`

_LOAD = """## How to load it

```python
from datasets import load_dataset

examples = load_dataset("FOLDER")  # the path of this folder, or its name on the hub
```

`images` are the pictures of `image_frames`. `image_tokens` has for each picture the number of its token in
`embeddings`, `embedding_images` for each of `embeddings` the number of its picture; -1 where there is none.

"""
_VECTORS = """The vectors behind `<v>`, `<r>` and `<a>` are in `vectors/`: a file a table, with `video_id`, `id` and
`vector`. The n-th of these tokens of an example, over all its turns, is the n-th of its `embeddings`, which names the
table and the id.

"""
_NO_VECTORS = """The vectors behind `<v>`, `<r>` and `<a>` are not in this folder.

"""
_ELSEWHERE = """`spec.json`, `manifest.json`, `removed.parquet` and `index.parquet` are files of the release, not of
this folder. `export.json` has the SHA-256 of that manifest, and what this export left out or changed.

"""


def hub_card(name: str, text: str, configs: Sequence[Mapping[str, Any]], *, vectors: bool) -> str:
    """`text` is the card of the release `name`, or empty. Raises ReleaseError where its head cannot be read."""
    found = _HEAD.match(text)
    head = {**(_read(found[1] or "") if found else {"pretty_name": name}), "configs": list(configs)}
    body = (text[found.end() :] if found else text) or f"# {name}\n"
    loading = _LOAD + (_VECTORS if vectors else _NO_VECTORS) + _ELSEWHERE
    if _LOADING.search(body):
        body = _LOADING.sub(lambda _: loading, body, count=1)
    else:
        body = f"{body.rstrip()}\n\n{loading}"
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{body.rstrip()}\n"


def _read(head: str) -> dict[str, Any]:
    remedy = "delete this release's result and build it again"
    try:
        values = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ReleaseError(f"the head of the release's card cannot be read: {error}", remedy=remedy) from error
    if values is not None and not isinstance(values, dict):
        raise ReleaseError("the head of the release's card is no mapping", remedy=remedy)
    return values or {}
