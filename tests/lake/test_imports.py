"""What was made elsewhere is kept whole, known by its content, and replaced or not at all."""

from pathlib import Path

import pytest

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import imports
from gvlm_resources.lake.layout import Layout

VIDEO = "run-0123456789ab"


def put(layout: Layout, content: bytes, *, origin: str = "pairs.json", kind: str = "pairs") -> None:
    with imports.replacing(layout, VIDEO, kind, origin=origin) as folder:
        (folder / "pairs.json").write_bytes(content)


def test_an_import_is_found_with_its_origin_and_its_files(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert imports.find(layout, VIDEO, "pairs") is None
    assert imports.digests(layout, VIDEO) == {}
    put(layout, b"[]", origin="/somewhere/else/theirs.json")
    found = imports.find(layout, VIDEO, "pairs")
    assert found is not None
    assert found.origin == "theirs.json"
    assert found.path("pairs.json").read_bytes() == b"[]"
    assert imports.digests(layout, VIDEO) == {"pairs": found.digest}


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    put(layout, b"one")
    one = imports.digests(layout, VIDEO)
    put(layout, b"other")
    other = imports.digests(layout, VIDEO)
    put(layout, b"one")
    assert one != other
    assert imports.digests(layout, VIDEO) == one


def test_an_import_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    put(layout, b"one")
    before = imports.digests(layout, VIDEO)
    with pytest.raises(OSError, match="full"), imports.replacing(layout, VIDEO, "pairs", origin="x") as folder:
        (folder / "pairs.json").write_bytes(b"half")
        raise OSError("full")
    assert imports.digests(layout, VIDEO) == before
    assert [path.name for path in layout.imports(VIDEO).iterdir()] == ["pairs"]


def test_an_import_can_be_forgotten(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    put(layout, b"one")
    assert imports.remove(layout, VIDEO, "pairs")
    assert not imports.remove(layout, VIDEO, "pairs")
    assert imports.digests(layout, VIDEO) == {}


def test_a_damaged_record_and_an_unknown_kind_are_errors_with_a_remedy(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    put(layout, b"one")
    (layout.imports(VIDEO) / "pairs" / imports.RECORD).write_text("{")
    with pytest.raises(LakeError, match="import again"):
        imports.digests(layout, VIDEO)
    with pytest.raises(LakeError, match="there are pairs, features"):
        imports.find(layout, VIDEO, "../catalogue")
