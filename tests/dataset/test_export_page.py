"""The snippets of docs/exports.md run as they stand there."""

import re
from pathlib import Path

import pytest

from gvlm_resources.dataset.export.write import FORMATS, write
from tests.dataset import tiny_release as tiny

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"
SECTIONS = {
    "hf": "Hugging Face datasets",
    "chat": "TRL, and other tools that take chat messages",
    "llava": "LLaVA",
    "webdataset": "WebDataset",
}


def snippet(heading: str) -> str:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    return code


@pytest.mark.parametrize("name", [*SECTIONS, "vectors"])
def test_the_snippet_loads_the_export(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    form = "hf" if name == "vectors" else name
    write(form, tiny.release(tmp_path / "release"), tmp_path / "export", tiny.frames, vectors=tiny.vectors)
    found: dict = {"FOLDER": str(tmp_path / "export")}
    exec(snippet(SECTIONS.get(name, "The vectors at their tokens")), found)
    if name == "hf":
        assert found["example"]["images"][0].size == (tiny.WIDTH, tiny.HEIGHT)
    elif name == "chat":
        assert found["train"][1]["images"][0].size == (tiny.WIDTH, tiny.HEIGHT)
    elif name == "llava":
        assert len(found["pictures"]) == 16
        assert all((tmp_path / "export" / picture).is_file() for picture in found["pictures"])
    elif name == "vectors":
        line, (first, *_, last) = tiny.LONG, found["vectors"]
        assert first.tolist() == tiny.vector(tiny.VIDEO, "siglip_embeddings", tiny.second(0))
        assert last.tolist() == tiny.vector(tiny.VIDEO, "wav2vec2_embeddings", tiny.SOUND["id"])
        assert [part for turn in found["parts"] for part in turn].count("<v>") == 20
        assert len(found["vectors"]) == len(line["embeddings"])
    else:
        assert len(found["pictures"]) == len(found["line"]["pictures"])
        assert found["line"]["id"] == tiny.OF_WORDS["id"]


def test_every_format_has_its_section_and_stands_in_the_command() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"--format {'|'.join(FORMATS)} " in page
    assert set(SECTIONS) | {"swift"} == set(FORMATS)
    assert "\n## ms-swift\n" in page
