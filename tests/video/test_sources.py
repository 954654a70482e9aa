import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.errors import SourceError
from gvlm_resources.video import sources
from gvlm_resources.video.sources import expand, hash_file, slug, video_id

SHA = "0123456789abcdef" * 4


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(expansion: sources.Expansion) -> list[str]:
    return [Path(source.location).name for source in expansion.sources]


def test_a_file_is_one_source_whatever_its_suffix(tmp_path: Path) -> None:
    file = touch(tmp_path / "capture.bin")
    (source,) = expand(file, game="freedoom", licence="CC0-1.0").sources
    assert (source.path, source.game, source.licence, source.title) == (file, "freedoom", "CC0-1.0", None)
    assert source.name == "capture"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: folder / "gone.mp4", "missing"),
        (lambda folder: touch(folder / "empty.mp4", b""), "empty_file"),
        (lambda folder: os.mkfifo(folder / "pipe.mp4") or folder / "pipe.mp4", "unsupported"),
        (lambda folder: folder / "nul\0.mp4", "missing"),
    ],
)
def test_a_path_that_is_no_usable_file_is_refused_by_name(tmp_path: Path, make, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        expand(make(tmp_path))
    assert caught.value.code == code


def test_a_folder_gives_its_videos_in_order_and_says_what_it_left(tmp_path: Path) -> None:
    for name in (
        "b.mp4",
        "a.MKV",
        "notes.txt",
        "b.truth.json",
        "b.truth.mp4",
        ".hidden.mp4",
        "deep/c.webm",
        ".git/d.mp4",
    ):
        touch(tmp_path / name)
    touch(tmp_path / "zero.mp4", b"")
    expansion = expand(tmp_path)
    assert names(expansion) == ["a.MKV", "b.mp4", "zero.mp4"], "an empty video is taken, so that adding it names it"
    left = {Path(ignored.what).name: ignored.reason for ignored in expansion.ignored}
    assert set(left) == {"notes.txt", "b.truth.json", "b.truth.mp4", ".hidden.mp4", "deep", ".git"}
    assert "truth" in left["b.truth.mp4"]
    assert "recursive" in left["deep"]


def test_recursion_enters_folders_but_never_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.mp4", "a/z.mp4", "a/b/c.mp4", "a/.cache/d.mp4"):
        touch(tmp_path / name)
    assert names(expand(tmp_path, recursive=True)) == ["c.mp4", "z.mp4", "b.mp4"]


def test_links_out_of_the_folder_are_not_followed_and_links_within_count_once(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside" / "secret.mp4")
    inside = tmp_path / "inside"
    video = touch(inside / "video.mp4")
    (inside / "a-link.mp4").symlink_to(outside)
    (inside / "b-folder").symlink_to(outside.parent)
    (inside / "z-again.mp4").symlink_to(video)
    (inside / "loop").symlink_to(inside)
    expansion = expand(inside, recursive=True)
    assert names(expansion) == ["video.mp4"]
    assert {Path(ignored.what).name for ignored in expansion.ignored} == {
        "a-link.mp4",
        "b-folder",
        "z-again.mp4",
        "loop",
    }


def test_a_broken_link_costs_itself_alone(tmp_path: Path) -> None:
    touch(tmp_path / "good.mp4")
    (tmp_path / "broken.mp4").symlink_to(tmp_path / "gone.mp4")
    expansion = expand(tmp_path)
    assert names(expansion) == ["good.mp4"]
    assert "no file" in expansion.ignored[0].reason


def test_a_web_address_is_one_source_and_is_looked_at_before_anything_is_fetched() -> None:
    (source,) = expand("https://example.org/watch?v=1").sources
    assert source.is_url
    with pytest.raises(ValueError, match="download it first"):
        _ = source.path
    for url in ("ftp://example.org/a.mp4", "file:///etc/passwd", "http://user:pw@example.org/a.mp4"):
        with pytest.raises(SourceError) as caught:
            expand(url)
        assert caught.value.code == "unsafe_url"


def test_the_hash_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    assert hash_file(touch(tmp_path / "a.mp4", content)) == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_still_written_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = touch(tmp_path / "recording.mp4")
    digest = hashlib.file_digest

    def digest_while_someone_writes(opened, algorithm: str):
        with file.open("ab") as writer:
            writer.write(b"more")
        return digest(opened, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", digest_while_someone_writes)
    with pytest.raises(SourceError) as caught:
        hash_file(file)
    assert caught.value.code == "changing"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("E1M1 – Hangar (run 2)", "e1m1-hangar-run-2"),
        ("Größe_Ærø Łódź", "grosse-aero-lodz"),
        ("Player's best", "players-best"),
        ("ゲーム実況", "video"),
        ("../../etc/passwd", "etc-passwd"),
        ("…", "video"),
        ("①②", "12"),
    ],
)
def test_slugs_read_like_the_name(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_any_name_at_all_gives_a_valid_key(name: str) -> None:
    key = video_id(name, SHA)
    assert sources._VIDEO_ID.fullmatch(key)
    assert key.endswith("-0123456789ab")
    assert slug(slug(name)) == slug(name)


def test_a_key_needs_a_whole_hash() -> None:
    with pytest.raises(ValueError, match="64"):
        video_id("a", SHA[:12])


def test_one_name_with_two_contents_gives_two_keys() -> None:
    assert video_id("clip", SHA) != video_id("clip", SHA[::-1])
