"""Findings on stored results (pure): each is what one asset check says about one video."""

import itertools
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

import pyarrow as pa

from gvlm_assets.per_video import Finding
from gvlm_resources.game import Game
from gvlm_resources.lake import files
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord
from gvlm_resources.lake.store import Result
from gvlm_resources.schemas import STATUS_FAILED, STATUS_FILTERED, STATUS_OK
from gvlm_resources.settings import Wav2Vec2Settings
from gvlm_resources.timebase import format_clock, ns_from_s, s_from_ns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gvlm_resources.timeline.store import TimelineStore
    from gvlm_resources.timeline.table import LanceTable
    from gvlm_resources.video.probe import Probe

LONGEST_PAUSE_S = 5.0
COVERAGE_INTERVALS = 2.5
SOUND_TOLERANCE_S = 0.5
HUD_SHARE = 0.8
REJECTED_SHARE = 0.1
NORM_TOLERANCE = 1e-3
SHOWN = 5
LEAST_ROWS = 8


def source_is_intact(catalogue: Catalogue, record: VideoRecord) -> Finding:
    path = catalogue.source_path(record)
    if not path.is_file():
        return Finding("source_is_intact", False, f"{path.name} is gone; add the video again")
    found = files.sha256(path)
    same = found == record.sha256
    return Finding("source_is_intact", same, "content as added" if same else f"content changed: {found[:12]}")


def frame_times_are_sound(probe: "Probe") -> Finding:
    longest_s = s_from_ns(probe.max_interval_ns)
    return Finding("frame_times_are_sound", longest_s <= LONGEST_PAUSE_S, f"longest pause {longest_s:.3f} s")


def covers_the_video(rows: pa.Table, probe: "Probe", rate_hz: float) -> Finding:
    """The longest stretch without a sampled frame, from the first frame of the video to its end."""
    moments = [probe.first_frame_ns, *_ints(rows, "pts_ns"), probe.duration_ns]
    allowed_s = max(COVERAGE_INTERVALS / rate_hz, s_from_ns(probe.max_interval_ns) + 1 / rate_hz)
    gap_ns, start_ns = max((b - a, a) for a, b in itertools.pairwise(moments))
    summary = f"longest stretch without a frame {s_from_ns(gap_ns):.2f} s at {format_clock(start_ns)}"
    return Finding("covers_the_video", s_from_ns(gap_ns) <= allowed_s, summary)


def times_rise(rows: pa.Table, probe: "Probe") -> Finding:
    moments = _ints(rows, "pts_ns")
    rising = all(a < b for a, b in itertools.pairwise(moments))
    inside = all(0 <= ns < probe.duration_ns for ns in moments)
    return Finding("times_rise", rising and inside, f"{len(moments)} times, {'rising' if rising else 'out of order'}")


def clip_times_rise(rows: pa.Table, probe: "Probe") -> Finding:
    starts = _ints(rows, "start_ns")
    bad = [
        row["clip_id"]
        for row in rows.select(["clip_id", "start_ns", "end_ns", "frame_pts_ns"]).to_pylist()
        if not 0 <= row["start_ns"] < row["end_ns"] <= probe.duration_ns
        or any(a > b for a, b in zip(row["frame_pts_ns"], row["frame_pts_ns"][1:], strict=False))
    ]
    rising = all(a < b for a, b in itertools.pairwise(starts))
    return Finding("times_rise", rising and not bad, f"{len(starts)} clips, {len(bad)} with bad times {bad[:SHOWN]}")


def few_rows_failed(rows: pa.Table, *, limit: float) -> Finding:
    failed = sum(status == STATUS_FAILED for status in rows.column("status").to_pylist())
    share = failed / rows.num_rows if rows.num_rows else 0.0
    return Finding("few_rows_failed", share <= limit, f"{failed} of {rows.num_rows} rows failed ({share:.1%})")


def has_no_gaps(rows: pa.Table) -> Finding:
    """The spans of each region follow each other exactly."""
    breaks = [
        (region, a[1], b[0])
        for region, spans in _spans_by(rows, "region").items()
        for a, b in itertools.pairwise(spans)
        if a[1] != b[0]
    ]
    return Finding("has_no_gaps", not breaks, f"{rows.num_rows} crops, {len(breaks)} breaks {breaks[:SHOWN]}")


def sound_is_as_expected(result: Result, name: str, probe: "Probe") -> Finding:
    """The WAV's length against the container's; no WAV where the video has no sound."""
    import wave

    check = "sound_is_as_expected"
    if not probe.has_audio:
        return Finding(check, name not in result.files, "no sound in the video")
    if name not in result.files:
        return Finding(check, False, "the video has sound, and none was stored")
    with wave.open(str(result.path(name))) as wav:
        length_s = wav.getnframes() / wav.getframerate()
    off_s = length_s - s_from_ns(probe.audio_end_ns)
    return Finding(check, abs(off_s) <= SOUND_TOLERANCE_S, f"{length_s:.2f} s of sound, {off_s:+.2f} s off")


def spans_are_in_order(rows: pa.Table, probe: "Probe") -> Finding:
    spans = list(zip(_ints(rows, "start_ns"), _ints(rows, "end_ns"), strict=True))
    apart = all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    end_ns = max(probe.duration_ns, probe.audio_end_ns)
    inside = all(0 <= start < end <= end_ns for start, end in spans)
    return Finding("spans_are_in_order", apart and inside, f"{len(spans)} speech spans")


def words_lie_in_their_span(rows: pa.Table, probe: "Probe") -> Finding:
    end_ns = max(probe.duration_ns, probe.audio_end_ns)
    bad = [
        row["speech_id"]
        for row in rows.to_pylist()
        if not 0 <= row["start_ns"] < row["end_ns"] <= end_ns
        or any(w["start_ns"] < row["start_ns"] or w["end_ns"] > row["end_ns"] for w in row["words"])
    ]
    return Finding("words_lie_in_their_span", not bad, f"{rows.num_rows} utterances, {len(bad)} bad {bad[:SHOWN]}")


def spans_lie_in_the_video(rows: pa.Table, probe: "Probe") -> Finding:
    bad = [
        row["ocr_id"]
        for row in rows.select(["ocr_id", "start_ns", "end_ns"]).to_pylist()
        if not 0 <= row["start_ns"] < row["end_ns"] <= probe.duration_ns
    ]
    return Finding("spans_lie_in_the_video", not bad, f"{rows.num_rows} texts, {len(bad)} outside {bad[:SHOWN]}")


def hud_is_read(rows: pa.Table, game: Game, probe: "Probe") -> Finding:
    """The best-read number region's share of the video. A region may be blank by rights; all of them never are."""
    regions = [region.name for region in game.hud if region.kind == "number"]
    if not regions:
        return Finding("hud_is_read", True, f"{game.title} has no HUD regions")
    read_ns = dict.fromkeys(regions, 0)
    for row in rows.select(["region", "status", "start_ns", "end_ns"]).to_pylist():
        if row["region"] in read_ns and row["status"] == STATUS_OK:
            read_ns[row["region"]] += row["end_ns"] - row["start_ns"]
    shown_ns = max(1, probe.duration_ns - probe.first_frame_ns)
    shares = {region: ns / shown_ns for region, ns in read_ns.items()}
    summary = ", ".join(f"{region} {share:.0%}" for region, share in shares.items())
    return Finding("hud_is_read", max(shares.values()) >= HUD_SHARE, f"read for: {summary}", {"shares": shares})


def has_no_overlap(rows: pa.Table) -> Finding:
    kept = rows.filter(pa.array([status == STATUS_OK for status in rows.column("status").to_pylist()], pa.bool_()))
    overlaps = [
        (variable, b[0])
        for variable, spans in _spans_by(kept, "variable").items()
        for a, b in itertools.pairwise(spans)
        if a[1] > b[0]
    ]
    return Finding(
        "has_no_overlap", not overlaps, f"{kept.num_rows} spans, {len(overlaps)} overlaps {overlaps[:SHOWN]}"
    )


def few_readings_rejected(rows: pa.Table) -> Finding:
    """The share of the time read that the game's rules rejected."""
    times = {STATUS_OK: 0, STATUS_FILTERED: 0, STATUS_FAILED: 0}
    for row in rows.select(["status", "start_ns", "end_ns"]).to_pylist():
        times[row["status"]] += row["end_ns"] - row["start_ns"]
    share = times[STATUS_FILTERED] / max(1, times[STATUS_OK] + times[STATUS_FILTERED])
    return Finding("few_readings_rejected", share <= REJECTED_SHARE, f"{share:.2%} of the time read was rejected")


def events_are_in_order(rows: pa.Table, probe: "Probe") -> Finding:
    starts = _ints(rows, "start_ns")
    end_ns = max(probe.duration_ns, probe.audio_end_ns)
    rising = all(a <= b for a, b in itertools.pairwise(starts))
    inside = all(0 <= a < b <= end_ns for a, b in zip(starts, _ints(rows, "end_ns"), strict=True))
    unique = len(set(rows.column("event_id").to_pylist())) == rows.num_rows
    return Finding("events_are_in_order", rising and inside and unique, f"{rows.num_rows} events")


def evidence_resolves(rows: pa.Table, known: Set[str]) -> Finding:
    cited = [(row["event_id"], row["evidence"]) for row in rows.select(["event_id", "evidence"]).to_pylist()]
    bare = [event for event, ids in cited if not ids]
    lost = [name for _, ids in cited for name in ids if name not in known]
    summary = f"{len(cited)} events, {len(bare)} without evidence, {len(lost)} unknown ids {lost[:SHOWN]}"
    return Finding("evidence_resolves", not bare and not lost, summary)


def ordinals_count(rows: pa.Table) -> Finding:
    counts: dict[str, int] = {}
    wrong = []
    for row in rows.select(["event_id", "kind", "ordinal"]).to_pylist():
        counts[row["kind"]] = counts.get(row["kind"], 0) + 1
        if row["ordinal"] != counts[row["kind"]]:
            wrong.append(row["event_id"])
    summary = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no events"
    return Finding("ordinals_count", not wrong, f"{summary}; {len(wrong)} numbered wrongly")


def index_holds_the_rows(store: "TimelineStore", video_id: str, rows: pa.Table) -> Finding:
    wanted, found = set(rows.column("row_id").to_pylist()), store.row_ids(video_id)
    summary = f"{len(found)} rows, {len(wanted - found)} missing, {len(found - wanted)} strange"
    return Finding("index_holds_the_rows", wanted == found and len(wanted) == rows.num_rows, summary)


def unit_vectors(rows: pa.Table) -> Finding:
    """Of the rows that have a vector."""
    import numpy as np

    vectors = _vectors(rows)
    if not len(vectors):
        return Finding("unit_vectors", True, "no vectors")
    off = np.abs(np.linalg.norm(vectors, axis=1) - 1)
    worst = float(off.max()) if np.isfinite(off).all() else float("nan")
    return Finding("unit_vectors", worst <= NORM_TOLERANCE, f"norms off by at most {worst:.2g}")


def no_dead_dimensions(rows: pa.Table) -> Finding:
    """A dimension that never varies says nothing: a network that was loaded wrongly, or a unit that died in training.

    Where no dimension varies the rows are all of one thing, which is no fault of the network's.
    """
    import numpy as np

    vectors = _vectors(rows)
    spread = np.ptp(vectors, axis=0) if len(vectors) >= LEAST_ROWS else np.ones(1)
    dead = np.flatnonzero(spread == 0) if spread.any() else []
    summary = (
        f"{len(vectors)} vectors of {vectors.shape[1]} dimensions, {len(dead)} dead {list(map(int, dead[:SHOWN]))}"
    )
    return Finding("no_dead_dimensions", len(dead) == 0, summary)


def ids_match(rows: pa.Table, wanted: pa.Table, key: str) -> Finding:
    """The ids in `key` are those of `wanted`, as sets, and none stands there twice."""
    found, asked = rows.column(key).to_pylist(), set(wanted.column(key).to_pylist())
    missing, strange, twice = asked - set(found), set(found) - asked, len(found) - len(set(found))
    summary = f"{len(found)} rows, {len(missing)} missing, {len(strange)} strange, {twice} twice"
    return Finding("ids_match", not (missing or strange or twice), summary)


def windows_cover_the_sound(rows: pa.Table, probe: "Probe", settings: Wav2Vec2Settings) -> Finding:
    starts, ends = _ints(rows, "start_ns"), _ints(rows, "end_ns")
    stride_ns, window_ns = ns_from_s(settings.stride_s), ns_from_s(settings.window_s)
    even = all(start == number * stride_ns for number, start in enumerate(starts))
    reaches = not probe.has_audio or (bool(ends) and ends[-1] >= probe.audio_end_ns - window_ns)
    return Finding("windows_cover_the_sound", even and reaches, f"{len(starts)} windows, every {settings.stride_s:g} s")


def boxes_lie_in_the_frame(rows: pa.Table) -> Finding:
    columns = ["entity_id", "box", "width", "height", "mask", "status"]
    kept = [row for row in rows.select(columns).to_pylist() if row["status"] == STATUS_OK]
    bad = [
        row["entity_id"]
        for row in kept
        if not (
            0 <= row["box"][0] < row["box"][2] <= row["width"] and 0 <= row["box"][1] < row["box"][3] <= row["height"]
        )
        or not row["mask"]
    ]
    return Finding("boxes_lie_in_the_frame", not bad, f"{len(kept)} boxes, {len(bad)} bad {bad[:SHOWN]}")


def _is_inside(x0: float, y0: float, x1: float, y1: float, width: int, height: int) -> bool:
    return 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height


def frames_are_known(rows: pa.Table, frames: pa.Table) -> Finding:
    known = set(frames.column("frame_id").to_pylist())
    pairs = [(row["track_id"], row["frame_id"]) for row in rows.select(["track_id", "frame_id"]).to_pylist()]
    strange = [frame for _, frame in pairs if frame not in known]
    seen = [pair for pair in pairs if pair[0]]
    summary = f"{len({track for track, _ in seen})} tracks, {len(strange)} unknown frames {strange[:SHOWN]}"
    return Finding("frames_are_known", not strange and len(set(seen)) == len(seen), summary)


def sounds_are_in_order(rows: pa.Table, probe: "Probe") -> Finding:
    starts, end_ns = _ints(rows, "start_ns"), max(probe.duration_ns, probe.audio_end_ns)
    rising = all(a <= b for a, b in itertools.pairwise(starts))
    inside = all(0 <= a < b <= end_ns for a, b in zip(starts, _ints(rows, "end_ns"), strict=True))
    scored = all(score is None or 0 <= score <= 1 for score in rows.column("score").to_pylist())
    return Finding("sounds_are_in_order", rising and inside and scored, f"{rows.num_rows} sounds")


def index_holds_ids(store: "LanceTable", video_id: str, wanted: set[str]) -> Finding:
    found = store.row_ids(video_id)
    summary = f"{len(found)} rows, {len(wanted - found)} missing, {len(found - wanted)} strange"
    return Finding("index_holds_the_rows", wanted == found, summary)


def _vectors(rows: pa.Table) -> "NDArray[np.float32]":
    """(N, dim) of the rows that have a vector."""
    import numpy as np

    kept = rows.column("vector").drop_null().combine_chunks()
    if not len(kept):
        return np.empty((0, 0), np.float32)
    return kept.flatten().to_numpy(zero_copy_only=False).reshape(len(kept), -1)


def _ints(rows: pa.Table, column: str) -> list[int]:
    return rows.column(column).to_pylist()


def _spans_by(rows: pa.Table, key: str) -> Mapping[str, Sequence[tuple[int, int]]]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for name, start, end in zip(
        rows.column(key).to_pylist(), _ints(rows, "start_ns"), _ints(rows, "end_ns"), strict=True
    ):
        spans.setdefault(name, []).append((start, end))
    return {name: sorted(each) for name, each in spans.items()}
