"""What a file is found to be, and how each bad one is named."""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from gvlm_resources.errors import SourceError
from gvlm_resources.settings import VideoSettings
from gvlm_resources.video.probe import Probe, probe
from tests.video import films
from tests.video.conftest import FilmMaker
from tests.video.films import NS, Film, Sound, cfr, with_options

SETTINGS = VideoSettings()
WITH_SOUND = cfr(90, sound=Sound(3.0))


def code_of(path: Path, settings: VideoSettings = SETTINGS) -> str:
    with pytest.raises(SourceError) as raised:
        probe(path, settings)
    assert raised.value.remedy
    assert path.name in raised.value.cause
    return raised.value.code


def test_a_plain_video_is_described_by_its_packets(film: FilmMaker) -> None:
    path = film("sound.mp4", WITH_SOUND)
    found = probe(path, SETTINGS)
    assert (found.codec, found.pixel_format, found.frame_count) == ("h264", "yuv420p", 90)
    assert (found.width, found.height) == (found.display_width, found.display_height) == (films.WIDTH, films.HEIGHT)
    assert found.duration_ns == 3 * NS
    assert found.first_frame_ns == 0
    assert found.average_interval_ns == round(89 / 30 * NS / 89)
    assert not found.is_vfr
    assert found.has_audio
    assert (found.audio[0].rate_hz, found.audio[0].channels, found.audio[0].codec) == (48_000, 1, "aac")
    assert abs(found.audio_end_ns - 3 * NS) < NS // 20
    assert found.size_bytes == path.stat().st_size
    assert found.keyframe_count == 2


def test_a_probe_survives_json(film: FilmMaker) -> None:
    found = probe(
        film("turned_wide.mp4", cfr(10, rotation_deg=90, pixel_aspect=Fraction(4, 3), sound=Sound(0.4))), SETTINGS
    )
    again = Probe.from_json(found.to_json())
    assert again == found
    assert again.display == found.display
    assert again.display.swap


def test_a_turned_video_with_wide_pixels_says_so(film: FilmMaker) -> None:
    found = probe(
        film("turned_wide.mp4", cfr(10, rotation_deg=90, pixel_aspect=Fraction(4, 3), sound=Sound(0.4))), SETTINGS
    )
    assert (found.width, found.height) == (192, 128)
    assert (found.display_width, found.display_height) == (128, 256)
    assert (found.rotation_deg, found.sample_aspect_ratio) == (270, "4/3")


def test_a_video_without_sound_is_fine(film: FilmMaker) -> None:
    found = probe(film("mute.mp4", cfr(30)), SETTINGS)
    assert not found.has_audio
    assert found.audio_end_ns == 0


def test_uneven_frame_times_are_seen(film: FilmMaker) -> None:
    found = probe(film("uneven.mp4", Film((0, 10, 50, 60, 160), Fraction(1, 1000))), SETTINGS)
    assert found.is_vfr
    assert (found.min_interval_ns, found.max_interval_ns) == (10_000_000, 100_000_000)
    assert found.average_interval_ns == 40_000_000


def test_times_that_a_container_rounds_are_not_uneven(film: FilmMaker) -> None:
    found = probe(film("rounded.mkv", cfr(60)), SETTINGS)
    assert {found.min_interval_ns, found.max_interval_ns} == {33_000_000, 34_000_000}
    assert not found.is_vfr


def test_media_time_starts_where_the_container_does(film: FilmMaker) -> None:
    found = probe(film("late.ts", Film(range(150, 210), sound=Sound(3.0, start_s=4.0))), SETTINGS)
    assert abs(found.origin_ns - 4 * NS) < NS // 20, "a transport stream's clock does not start at zero"
    assert abs(found.first_frame_ns - NS) < NS // 20
    assert found.audio[0].start_ns == 0


def test_frames_hidden_by_an_edit_list_do_not_count(film: FilmMaker, tmp_path: Path) -> None:
    path = films.cut_without_encoding(film("mute.mp4", cfr(30)), tmp_path / "cut.mp4", 0.5)
    found = probe(path, SETTINGS)
    assert (found.frame_count, found.first_frame_ns, found.duration_ns) == (15, 0, NS // 2)


def test_a_missing_file_and_a_folder_are_missing(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none.mp4") == "missing"
    assert code_of(tmp_path) == "missing"


def test_a_named_pipe_is_no_file_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert code_of(tmp_path / "pipe.mp4") == "missing"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert code_of(tmp_path / "empty.mp4") == "empty_file"


def _text(path: Path) -> None:
    path.write_text("this is no video\n" * 50)


def _playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")


def _concat(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")


def _image(path: Path) -> None:
    path.write_bytes(cv2.imencode(".png", films.picture(1))[1].tobytes())


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("video.mp4", bytes(5000))


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


@pytest.mark.parametrize(
    "write", [_text, _playlist, _concat, _image, _archive, _noise], ids=lambda write: write.__name__
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m3u8"])
def test_what_only_calls_itself_a_video_is_none(write: object, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"pretender{suffix}"
    write(path)
    assert code_of(path) == "not_a_video"


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout="mono")
        for packet in films._sounds(stream, Sound(1.0)):
            output.mux(packet)
    assert code_of(path) == "no_video_stream"


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    cover = cv2.imencode(".jpg", films.picture(1))[1].tobytes()
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=48_000, layout="mono")
        picture = output.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = films.WIDTH, films.HEIGHT, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        for packet in films._sounds(sound, Sound(1.0)):
            output.mux(packet)
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
        output.mux(packet)
    assert code_of(path) == "no_video_stream"


def test_a_video_stream_without_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "blank.mkv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = films.WIDTH, films.HEIGHT, "yuv420p"
        sound = output.add_stream("aac", rate=48_000, layout="mono")
        for packet in films._sounds(sound, Sound(1.0)):
            output.mux(packet)
    assert code_of(path) == "no_frames"


def cut(path: Path, target: Path, share: float) -> Path:
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def test_an_mp4_without_its_index_is_corrupt(film: FilmMaker, tmp_path: Path) -> None:
    assert code_of(cut(film("sound.mp4", WITH_SOUND), tmp_path / "cut.mp4", 0.6)) == "corrupt"


@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_an_mp4_that_lacks_packets_it_lists_is_truncated(share: float, film: FilmMaker, tmp_path: Path) -> None:
    path = film("fast.mp4", replace(WITH_SOUND, muxing=(("movflags", "faststart"),)))
    assert code_of(cut(path, tmp_path / "cut.mp4", share)) == "truncated"


def test_a_matroska_that_ends_early_is_truncated(film: FilmMaker, tmp_path: Path) -> None:
    assert code_of(cut(film("sound.mkv", WITH_SOUND), tmp_path / "cut.mkv", 0.6)) == "truncated"


def test_a_transport_stream_that_ends_early_is_as_long_as_it_is(film: FilmMaker, tmp_path: Path) -> None:
    found = probe(cut(film("sound.ts", WITH_SOUND), tmp_path / "cut.ts", 0.6), SETTINGS)
    assert 1.0 < found.duration_ns / NS < 2.5


@pytest.mark.parametrize("name", ["fast.mp4", "sound.mkv"])
def test_a_file_cut_anywhere_is_named_or_read_but_never_hangs(name: str, film: FilmMaker, tmp_path: Path) -> None:
    muxing = (("movflags", "faststart"),) if name == "fast.mp4" else ()
    path = film(name, replace(WITH_SOUND, muxing=muxing))
    codes = set()
    for share in np.linspace(0.0001, 0.7, 12):
        codes.add(code_of(cut(path, tmp_path / f"cut{path.suffix}", float(share))))
    assert codes <= {"truncated", "corrupt", "not_a_video", "no_frames", "no_video_stream", "unsupported", "empty_file"}


def test_scribbled_files_are_named_or_read_but_never_crash(film: FilmMaker, tmp_path: Path) -> None:
    content = film("fast.mp4", replace(WITH_SOUND, muxing=(("movflags", "faststart"),))).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(40):
        scribbled = bytearray(content)
        for at in rng.integers(0, len(content) if rng.random() < 0.5 else 5000, 30):
            scribbled[at] = rng.integers(0, 256)
        path = tmp_path / "scribbled.mp4"
        path.write_bytes(scribbled)
        with suppress(SourceError):
            probe(path, SETTINGS)


def test_a_video_of_which_nothing_can_be_decoded_is_corrupt(film: FilmMaker, tmp_path: Path) -> None:
    path = films.damaged(film("mute.mp4", cfr(30)), tmp_path / "dark.mp4", list(range(30)))
    assert code_of(path) == "corrupt"


def test_a_video_over_the_limit_is_too_long(film: FilmMaker) -> None:
    path = film("sound.mp4", WITH_SOUND)
    assert code_of(path, VideoSettings(max_duration_s=2.5)) == "too_long"
    assert probe(path, VideoSettings(max_duration_s=3.5)).frame_count == 90


def test_times_that_turn_back_are_not_supported(film: FilmMaker, tmp_path: Path) -> None:
    part = film("part.ts", cfr(60, options=with_options(g="30")))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    assert code_of(joined) == "unsupported"


def test_an_avi_with_b_frames_is_not_supported(film: FilmMaker) -> None:
    assert code_of(film("reordered.avi", cfr(30))) == "unsupported"
