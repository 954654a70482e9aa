"""Decoding by plan, against decoding everything: the same times and the same pixels in every hard case."""

from __future__ import annotations

import bisect
import hashlib
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gvlm_resources import schemas
from gvlm_resources import settings as profiles
from gvlm_resources.errors import SourceError
from gvlm_resources.game import HudRegion
from gvlm_resources.settings import Settings
from gvlm_resources.timebase import moment_id
from gvlm_resources.video import decode, encode, pipeline, sampling
from gvlm_resources.video.decode import Outputs, SamplingReport
from gvlm_resources.video.display import Display
from gvlm_resources.video.index import scan
from gvlm_resources.video.picture import PictureMaker, Recipe
from gvlm_resources.video.probe import probe
from tests.video import films
from tests.video.conftest import FilmMaker
from tests.video.films import NS, Film, Sound, cfr, with_options

ROOT = Path(__file__).parents[2]
VIDEO_ID = "film-0123456789ab"
CPU = profiles.load("cpu")
BASE = cfr(200)
OPEN = with_options(**{"x264-params": "open-gop=1:keyint=24:bframes=3:b-pyramid=normal:scenecut=0"})
REFRESH = with_options(**{"x264-params": "intra-refresh=1:keyint=24:bframes=0:scenecut=0"})
X265 = "keyint=30:bframes=4:b-pyramid=1:open-gop=1:log-level=none:pools=1:frame-threads=1:b-adapt=0"
VFR_TICKS = tuple(np.cumsum(np.random.default_rng(0).integers(1, 90, 160)).tolist())
MS = Fraction(1, 1000)

HARD: dict[str, Film] = {
    "cfr.mp4": BASE,
    "cfr.mkv": BASE,
    "cfr.ts": BASE,
    "cfr.flv": BASE,
    "vfr.mp4": Film(VFR_TICKS, MS),
    "vfr.mkv": Film(VFR_TICKS, MS),
    "open.mp4": cfr(120, options=OPEN),
    "open.mkv": cfr(120, options=OPEN),
    "open.ts": cfr(120, options=OPEN),
    "refresh.mkv": cfr(100, options=REFRESH),
    "late.mp4": Film(range(70, 200), sound=Sound(6.0)),
    "late.ts": Film(range(70, 200), sound=Sound(6.0)),
    "hevc.mp4": cfr(120, codec="libx265", options=(("preset", "ultrafast"), ("x265-params", X265))),
    "layers.mkv": cfr(
        120, codec="libx265", options=(("preset", "ultrafast"), ("x265-params", f"{X265}:temporal-layers=3"))
    ),
    "vp9.webm": cfr(
        90,
        codec="libvpx-vp9",
        options=(("g", "40"), ("lag-in-frames", "16"), ("cpu-used", "8"), ("deadline", "realtime")),
    ),
    "mpeg4.avi": cfr(90, codec="mpeg4", options=(("g", "30"), ("b", "1M"))),
    "mpeg2.ts": cfr(90, codec="mpeg2video", options=(("g", "30"), ("bf", "2"), ("b", "2M"))),
    "mjpeg.avi": cfr(60, codec="mjpeg", pix_fmt="yuvj420p", options=(("qscale", "3"),)),
    "ten_bit.mp4": cfr(60, pix_fmt="yuv420p10le"),
    "full_chroma.mp4": cfr(60, pix_fmt="yuv444p"),
    "bt709.mp4": cfr(60, colours=(1, 1)),
}


def settings_with(**sections: dict[str, object]) -> Settings:
    """The `cpu` profile with some values changed, `frames={"rate_hz": 3}`."""
    changed = {name: getattr(CPU, name).model_copy(update=values) for name, values in sections.items()}
    return CPU.model_copy(update=changed)


def at_rate(rate_hz: float, **more: object) -> Settings:
    """Frames at a rate, and no extra ones."""
    return settings_with(frames={"rate_hz": rate_hz, "scene_threshold": 1.0, **more})


def sample(
    path: Path, outputs: Outputs, settings: Settings = CPU, regions: tuple[HudRegion, ...] = (), **more: object
) -> SamplingReport:
    return decode.sample(
        path,
        probe(path, CPU.video),
        video_id=VIDEO_ID,
        settings=settings,
        hud_regions=regions,
        outputs=outputs,
        **more,
    )


def assert_schema(path: Path, schema: pa.Schema) -> None:
    found = pq.read_schema(path)
    assert found.equals(schema)
    assert found.metadata == schema.metadata


def rows_of(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def expected(frames: list[films.Shown], rate_hz: float, origin_ns: int, end_ns: int) -> list[tuple[int, films.Shown]]:
    """The frames on screen at k / rate, by the definition, from what the oracle saw."""
    times = [round(frame.time_s * NS) - origin_ns for frame in frames]
    chosen: dict[int, films.Shown] = {}
    k = 0
    while (instant := round(k * NS / rate_hz)) < end_ns:
        at = bisect.bisect_right(times, instant) - 1
        if at < 0 and times[0] < instant + NS / rate_hz:
            at = 0
        if at >= 0:
            chosen[times[at]] = frames[at]
        k += 1
    return list(chosen.items())


def assert_exact(path: Path, rate_hz: float, target: Path) -> SamplingReport:
    found = probe(path, CPU.video)
    oracle = films.shown(path)
    assert found.frame_count == len(oracle)
    report = sample(path, Outputs(frames=target), at_rate(rate_hz))
    rows = rows_of(target)
    wanted = expected(oracle, rate_hz, found.origin_ns, found.duration_ns)
    assert [row["pts_ns"] for row in rows] == [pts_ns for pts_ns, _ in wanted]
    for row, (_, frame) in zip(rows, wanted, strict=True):
        assert row["status"] == "ok", row["reason"]
        assert row["source_pts"] == frame.source_pts
        assert films.number_in(encode.decode_image(row["image"])) == frame.number
        assert row["image"] == frame.jpeg, "the same pixels as when everything is decoded"
    return report


@pytest.mark.parametrize("rate_hz", [1.0, 7.0])
@pytest.mark.parametrize("name", HARD)
def test_frames_are_exact(name: str, rate_hz: float, film: FilmMaker, tmp_path: Path) -> None:
    assert_exact(film(name, HARD[name]), rate_hz, tmp_path / "frames.parquet")


def test_frames_of_a_file_cut_by_an_edit_list_are_exact(film: FilmMaker, tmp_path: Path) -> None:
    path = films.cut_without_encoding(film("cfr.mp4", BASE), tmp_path / "cut.mp4", 2.3)
    assert films.shown(path)[0].number == 69
    assert_exact(path, 5.0, tmp_path / "frames.parquet")


def test_frames_are_exact_where_the_stream_does_not_say_how_far_it_reorders(film: FilmMaker, tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    path.write_bytes(film("cfr.mp4", BASE).read_bytes())
    films.without_reordering_depth(path)
    assert [frame.number for frame in films.shown(path)] == list(range(200))
    assert_exact(path, 4.0, tmp_path / "frames.parquet")


def test_most_packets_of_a_slow_rate_are_skipped(film: FilmMaker, tmp_path: Path) -> None:
    path = film("sparse.mp4", cfr(240, options=with_options(g="15", bf="2")))
    report = assert_exact(path, 0.5, tmp_path / "frames.parquet")
    assert report.displayed_frames == 240
    assert report.decoded_packets <= 4
    assert report.decoded_packets + report.skipped_packets == 240


def test_a_turned_video_is_stored_as_it_is_shown(film: FilmMaker, tmp_path: Path) -> None:
    path = film("turned.mp4", cfr(60, rotation_deg=90))
    upright = {frame.source_pts: frame for frame in films.shown(path)}
    sample(path, Outputs(frames=tmp_path / "f.parquet"), at_rate(2.0))
    for row in rows_of(tmp_path / "f.parquet"):
        image = encode.decode_image(row["image"])
        assert image.shape == (films.WIDTH, films.HEIGHT, 3)
        assert (row["width"], row["height"]) == (films.HEIGHT, films.WIDTH)
        turned_back = np.rot90(image, -1)  # a matrix of 90 degrees turns counter-clockwise
        assert films.number_in(turned_back) == upright[row["source_pts"]].number


def test_wide_pixels_and_a_height_limit_give_the_displayed_size(film: FilmMaker, tmp_path: Path) -> None:
    path = film("wide.mp4", cfr(40, pixel_aspect=Fraction(4, 3)))
    sample(path, Outputs(frames=tmp_path / "f.parquet"), at_rate(1.0, max_height_px=64))
    for row in rows_of(tmp_path / "f.parquet"):
        assert (row["width"], row["height"]) == (128, 64)
        assert encode.decode_image(row["image"]).shape == (64, 128, 3)


def test_a_cut_between_two_instants_is_caught_by_its_key_frame(film: FilmMaker, tmp_path: Path) -> None:
    path = film("scenes.mp4", cfr(200, cuts=(75,), options=with_options(**{"g": "100", "forced-idr": "1"})))
    sample(path, Outputs(frames=tmp_path / "f.parquet"), settings_with(frames={"rate_hz": 1.0}))
    rows = rows_of(tmp_path / "f.parquet")
    extra = [row for row in rows if row["sampled_by"] == "scene"]
    assert [films.number_in(encode.decode_image(row["image"])) for row in extra] == [75]
    assert extra[0]["is_scene_change"]
    assert extra[0]["is_keyframe"]
    assert [row["pts_ns"] for row in rows if row["is_scene_change"]] == [extra[0]["pts_ns"]]
    assert [row["pts_ns"] for row in rows] == sorted(row["pts_ns"] for row in rows)


def test_clips_hold_the_frames_on_screen_at_their_instants(film: FilmMaker, tmp_path: Path) -> None:
    path = film("cfr.mp4", BASE)
    settings = settings_with(clips={"every_s": 2.0, "frames": 16, "rate_hz": 8.0, "size_px": 64})
    sample(path, Outputs(clips=tmp_path / "c.parquet"), settings)
    rows = rows_of(tmp_path / "c.parquet")
    assert [row["start_ns"] for row in rows] == [k * 2 * NS for k in range(4)]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "filtered"]
    assert rows[-1]["end_ns"] == round(200 / 30 * NS)
    for row in rows:
        assert row["clip_id"] == moment_id("c", row["start_ns"])
        numbers = [films.number_in(encode.decode_image(image)) for image in row["images"]]
        first_s = row["start_ns"] / NS
        wanted = [int((first_s + i / 8) * 30 + 1e-6) for i in range(16) if first_s + i / 8 < 200 / 30]
        assert numbers == wanted
        assert (row["width"], row["height"]) == (96, 64)


def test_overlapping_clips_share_their_frames(film: FilmMaker, tmp_path: Path) -> None:
    settings = settings_with(clips={"every_s": 0.5, "frames": 16, "rate_hz": 8.0, "size_px": 64})
    sample(film("cfr.mp4", BASE), Outputs(clips=tmp_path / "c.parquet"), settings)
    rows = rows_of(tmp_path / "c.parquet")
    assert rows[0]["images"][4:] == rows[1]["images"][:12]


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_damaged_packet_costs_only_the_frames_that_depend_on_it(film: FilmMaker, tmp_path: Path) -> None:
    whole = film("cfr.mp4", BASE)  # a key frame every 48 frames
    path = films.damaged(whole, tmp_path / "damaged.mp4", [60])
    right = {frame.source_pts: frame for frame in films.shown(whole)}
    report = sample(path, Outputs(frames=tmp_path / "f.parquet"), at_rate(30.0))
    rows = rows_of(tmp_path / "f.parquet")
    assert len(rows) == 200
    failed = [right[row["source_pts"]].number for row in rows if row["status"] == "failed"]
    assert failed
    assert min(failed) > 48
    assert max(failed) < 96
    assert report.failed_frames == len(failed)
    assert report.facts("frames")["failed"] == len(failed)
    for row in rows:
        if row["status"] == "ok":
            assert row["image"] == right[row["source_pts"]].jpeg, "nothing concealed passes as right"
            assert row["reason"] == ""
        else:
            assert row["image"] == b""
            assert row["reason"]


def test_a_damaged_picture_that_nothing_refers_to_costs_itself_alone(film: FilmMaker, tmp_path: Path) -> None:
    whole = film("cfr.mp4", BASE)
    spare = int(np.flatnonzero(scan(whole).packets.disposable)[20])
    path = films.damaged(whole, tmp_path / "damaged.mp4", [spare])
    sample(path, Outputs(frames=tmp_path / "f.parquet"), at_rate(30.0))
    assert sum(row["status"] == "failed" for row in rows_of(tmp_path / "f.parquet")) == 1


def test_a_clip_with_a_damaged_frame_fails_and_the_next_one_does_not(film: FilmMaker, tmp_path: Path) -> None:
    path = films.damaged(film("cfr.mp4", BASE), tmp_path / "damaged.mp4", [49])
    settings = settings_with(clips={"every_s": 2.0, "frames": 8, "rate_hz": 8.0})
    sample(path, Outputs(clips=tmp_path / "c.parquet"), settings)
    rows = rows_of(tmp_path / "c.parquet")
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "filtered"]
    assert rows[1]["images"] == []
    assert "frames failed" in rows[1]["reason"]


def test_a_scribbled_film_gives_rows_for_every_instant_and_never_crashes(film: FilmMaker, tmp_path: Path) -> None:
    whole = film("fast.mp4", replace(BASE, muxing=(("movflags", "faststart"),)))
    right = {frame.source_pts: frame for frame in films.shown(whole)}
    content, rng = whole.read_bytes(), np.random.default_rng(3)
    media = content.index(b"mdat") + 4
    oks = wrong = 0
    for _ in range(6):
        scribbled = bytearray(content)
        for at in rng.integers(media, len(content), 12):
            scribbled[at] = rng.integers(0, 256)
        (tmp_path / "scribbled.mp4").write_bytes(scribbled)
        sample(tmp_path / "scribbled.mp4", Outputs(frames=tmp_path / "f.parquet"), at_rate(10.0))
        rows = rows_of(tmp_path / "f.parquet")
        assert len(rows) == 67
        good = [row for row in rows if row["status"] == "ok"]
        oks += len(good)
        wrong += sum(row["image"] != right[row["source_pts"]].jpeg for row in good)
    assert oks > 50
    assert wrong <= oks / 5, "a byte that happens to be valid as well cannot be told, any other is"


# --- HUD ------------------------------------------------------------------------------------------------------------

BIT_BOX = (0.0, 0.0, 1 / 8, 1 / 4)  # the block of the lowest bit, which changes with every frame
SLOW_BOX = (4 / 8, 0.0, 5 / 8, 1 / 4)  # bit 4: every 16 frames
STILL_BOX = (0.0, 1 / 4, 1.0, 1 / 2)  # bits 8 to 15: never within 200 frames
REGIONS = (
    HudRegion(name="fast", box=BIT_BOX, kind="number"),
    HudRegion(name="slow", box=SLOW_BOX, kind="number"),
    HudRegion(name="still", box=STILL_BOX, kind="number"),
)


def spans(rows: list[dict], region: str) -> list[tuple[int, int]]:
    return sorted((row["start_ns"], row["end_ns"]) for row in rows if row["region"] == region)


def frame_ns(number: int) -> int:
    return round(Fraction(number * NS, 30))


def test_a_crop_is_stored_when_and_only_when_its_pixels_change(film: FilmMaker, tmp_path: Path) -> None:
    sample(film("cfr.mp4", BASE), Outputs(hud_crops=tmp_path / "h.parquet"), regions=REGIONS)
    rows = rows_of(tmp_path / "h.parquet")
    end = frame_ns(200)
    edges = [frame_ns(number) for number in range(0, 200, 16)] + [end]
    assert spans(rows, "slow") == list(pairwise(edges))
    assert spans(rows, "fast") == [(frame_ns(k), frame_ns(k + 1)) for k in range(200)]
    assert spans(rows, "still") == [(0, end)]
    assert [row["end_ns"] for row in rows] == sorted(row["end_ns"] for row in rows)


def test_a_crop_holds_the_pixels_of_its_box_without_loss(film: FilmMaker, tmp_path: Path) -> None:
    path = film("cfr.mp4", BASE)
    sample(path, Outputs(hud_crops=tmp_path / "h.parquet"), regions=REGIONS)
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    for row in rows_of(tmp_path / "h.parquet"):
        if row["start_ns"] == 0:
            x0, y0, x1, y1 = (int(edge) for edge in row["box"])
            crop = encode.decode_image(row["image"])
            assert crop.shape == (y1 - y0, x1 - x0, 3)
            assert (row["width"], row["height"]) == (films.WIDTH, films.HEIGHT)
            assert row["crop_id"] == f"h000000000000-{row['region']}"
            inner = np.abs(crop.astype(int) - first[y0:y1, x0:x1])[2:-2, 2:-2]
            assert inner.max() <= 3, "chroma at the edge of a crop is interpolated without its neighbours"


def test_message_regions_are_looked_at_at_their_own_rate(film: FilmMaker, tmp_path: Path) -> None:
    regions = (HudRegion(name="chat", box=(0.0, 0.5, 1.0, 1.0), kind="message"), REGIONS[1])
    settings = settings_with(hud={"message_rate_hz": 5.0})
    sample(film("cfr.mp4", BASE), Outputs(hud_crops=tmp_path / "h.parquet"), settings, regions)
    rows = rows_of(tmp_path / "h.parquet")
    assert [start for start, _ in spans(rows, "chat")] == [frame_ns(number) for number in range(0, 200, 6)]
    assert len(spans(rows, "slow")) == 13


def test_a_region_of_a_turned_video_lies_where_it_is_seen(film: FilmMaker, tmp_path: Path) -> None:
    path = film("turned.mp4", cfr(60, rotation_deg=90))
    regions = (HudRegion(name="bit", box=(0.0, 7 / 8, 1 / 4, 1.0), kind="number"),)  # the lowest bit once it is turned
    sample(path, Outputs(hud_crops=tmp_path / "h.parquet"), regions=regions)
    rows = rows_of(tmp_path / "h.parquet")
    assert len(rows) == 60
    for number, row in enumerate(rows):
        crop = encode.decode_image(row["image"])
        assert crop.shape[:2] == (24, 32)
        assert (crop.mean() > 128) == bool(number & 1)


def test_damage_ends_a_span_for_what_was_shown_is_not_known(film: FilmMaker, tmp_path: Path) -> None:
    path = films.damaged(film("cfr.mp4", BASE), tmp_path / "damaged.mp4", [49])
    sample(path, Outputs(hud_crops=tmp_path / "h.parquet"), regions=REGIONS)
    first, second = spans(rows_of(tmp_path / "h.parquet"), "still")
    assert first == (0, frame_ns(49))
    assert second == (frame_ns(96), frame_ns(200))


def test_full_chroma_ten_bits_and_full_range_are_cut_as_well(film: FilmMaker, tmp_path: Path) -> None:
    for name in ("full_chroma.mp4", "ten_bit.mp4", "mjpeg.avi"):
        sample(film(name, HARD[name]), Outputs(hud_crops=tmp_path / "h.parquet"), regions=REGIONS)
        rows = rows_of(tmp_path / "h.parquet")
        assert spans(rows, "slow") == [(frame_ns(k), frame_ns(min(60, k + 16))) for k in range(0, 60, 16)]


def test_without_regions_the_table_of_crops_is_empty(film: FilmMaker, tmp_path: Path) -> None:
    report = sample(film("cfr.mp4", BASE), Outputs(hud_crops=tmp_path / "h.parquet"))
    table = pq.read_table(tmp_path / "h.parquet")
    assert table.num_rows == 0
    assert_schema(tmp_path / "h.parquet", schemas.HUD_CROPS)
    assert report.decoded_packets == 0


# --- the pass as a whole --------------------------------------------------------------------------------------------


def all_outputs(folder: Path) -> Outputs:
    folder.mkdir()
    names = {"frames": "f.parquet", "clips": "c.parquet", "hud_crops": "h.parquet", "audio": "a.wav"}
    return Outputs(**{name: folder / file for name, file in names.items()})


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


WITH_SOUND = replace(BASE, sound=Sound(6.5))


def test_the_same_input_gives_the_same_bytes_on_any_number_of_threads(film: FilmMaker, tmp_path: Path) -> None:
    whole = film("sound.mp4", replace(WITH_SOUND, options=with_options(g="24")))
    path = films.damaged(whole, tmp_path / "damaged.mp4", [77])
    found = []
    for threads in (1, 3, 3):
        folder = tmp_path / f"run{len(found)}"
        sample(path, all_outputs(folder), at_rate(5.0), REGIONS, threads=threads)
        found.append(digests(folder))
    assert len(found[0]) == 4
    assert found[0] == found[1] == found[2]


def test_each_output_alone_is_what_it_is_beside_the_others(film: FilmMaker, tmp_path: Path) -> None:
    path = film("sound.mp4", replace(WITH_SOUND, options=with_options(g="24")))
    together, alone = all_outputs(tmp_path / "together"), all_outputs(tmp_path / "alone")
    whole = sample(path, together, at_rate(2.0), REGIONS)
    for name in ("frames", "clips", "hud_crops", "audio"):
        report = sample(path, Outputs(**{name: getattr(alone, name)}), at_rate(2.0), REGIONS)
        assert report.facts(name) == whole.facts(name)
    assert digests(tmp_path / "together") == digests(tmp_path / "alone")


def test_tables_have_the_schemas_to_the_letter(film: FilmMaker, tmp_path: Path) -> None:
    outputs = all_outputs(tmp_path / "out")
    sample(film("sound.mp4", replace(WITH_SOUND, options=with_options(g="24"))), outputs, CPU, REGIONS)
    for path, schema in (
        (outputs.frames, schemas.FRAMES),
        (outputs.clips, schemas.CLIPS),
        (outputs.hud_crops, schemas.HUD_CROPS),
    ):
        assert_schema(path, schema)
        ids = pq.read_table(path).column(1).to_pylist()
        assert len(set(ids)) == len(ids) > 0


def test_a_mute_video_gets_no_sound_file(film: FilmMaker, tmp_path: Path) -> None:
    report = sample(film("cfr.mp4", BASE), Outputs(audio=tmp_path / "a.wav"))
    assert not (tmp_path / "a.wav").exists()
    assert report.facts("audio")["samples"] == 0


def test_a_file_that_is_not_the_one_probed_is_refused_and_nothing_stays(film: FilmMaker, tmp_path: Path) -> None:
    other = probe(film("vfr.mp4", HARD["vfr.mp4"]), CPU.video)
    with pytest.raises(SourceError, match="probed"):
        decode.sample(
            film("cfr.mp4", BASE),
            other,
            video_id=VIDEO_ID,
            settings=CPU,
            hud_regions=(),
            outputs=Outputs(frames=tmp_path / "f.parquet"),
        )
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_ends_every_thread_and_removes_what_was_written(film: FilmMaker, tmp_path: Path) -> None:
    import threading

    class Enough(Exception):
        pass

    def stop(done_ns: int, _: int) -> None:
        if done_ns > NS:
            raise Enough

    before = threading.active_count()
    with pytest.raises(Enough):
        sample(film("cfr.mp4", BASE), all_outputs(tmp_path / "out"), at_rate(30.0), REGIONS, progress=stop)
    assert threading.active_count() == before
    assert list((tmp_path / "out").iterdir()) == []


def test_decoders_do_not_run_far_ahead_of_who_takes_their_pictures(
    film: FilmMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = films.looped(film("cfr.mp4", BASE), tmp_path / "long.mp4", 5)
    found = scan(path)
    plan = sampling.plan(found.packets, sampling.Wants(frames_hz=30.0))
    made: list[int] = []
    plain = PictureMaker.make
    monkeypatch.setattr(PictureMaker, "make", lambda self, frame, roles: made.append(1) or plain(self, frame, roles))
    recipe = Recipe(Display(), CPU.frames, CPU.clips, ())
    source = pipeline.Source(path, found.decoder, found.extradata)
    with closing(pipeline.decoded(source, plan, recipe, threads=2)) as pictures:
        next(pictures)
        seen = -1
        while seen < len(made):  # until nobody decodes any more
            seen = len(made)
            time.sleep(0.3)
        assert 48 <= seen < 400 < len(plan.wanted)


def test_progress_rises_to_the_end(film: FilmMaker, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sample(
        film("cfr.mp4", BASE),
        Outputs(frames=tmp_path / "f.parquet"),
        at_rate(2.0),
        progress=lambda done, whole: told.append((done, whole)),
    )
    assert told == sorted(told)
    assert told[-1] == (frame_ns(200), frame_ns(200))
    assert len(told) >= 7


def test_nothing_asked_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Outputs()


MEMORY = """
    import sys
    from pathlib import Path
    from gvlm_resources import settings
    from gvlm_resources.game import HudRegion
    from gvlm_resources.video import decode
    from gvlm_resources.video.probe import probe

    cpu = settings.load("cpu")
    cpu = cpu.model_copy(update={"frames": cpu.frames.model_copy(update={"rate_hz": 5.0, "jpeg_quality": 100})})
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    regions = (HudRegion(name="fast", box=(0, 0, 0.125, 0.25), kind="number"),)
    names = {"frames": "f.parquet", "clips": "c.parquet", "hud_crops": "h.parquet", "audio": "a.wav"}
    outputs = decode.Outputs(**{name: folder / file for name, file in names.items()})
    found = probe(path, cpu.video)
    decode.sample(path, found, video_id="v", settings=cpu, hud_regions=regions, outputs=outputs, threads=2)
    written = sum(path.stat().st_size for path in folder.iterdir())
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) >> 10, written >> 20)
"""


def test_memory_does_not_grow_with_the_length_of_the_video(film: FilmMaker, tmp_path: Path) -> None:
    slow = Film(range(100), Fraction(1, 10), sound=Sound(10.0), options=with_options(g="25"))
    minute = films.looped(film("slow.mp4", slow), tmp_path / "1.mp4", 6)
    ten_minutes = films.looped(minute, tmp_path / "10.mp4", 10)
    peaks, sizes = [], []
    for path in (minute, ten_minutes):
        folder = tmp_path / f"out-{path.stem}"
        folder.mkdir()
        script = textwrap.dedent(MEMORY)
        done = subprocess.run(
            [sys.executable, "-c", script, str(path), str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        peak, size = map(int, done.stdout.split())
        peaks.append(peak)
        sizes.append(size)
    assert sizes[1] - sizes[0] > 35, "what is written would be seen if it stayed in memory"
    assert peaks[1] - peaks[0] < 25, f"peaks in MB: {peaks}"
