"""Videos that are longer than an example shows: what is told of all of it, and what is asked of minutes in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gvlm_resources import game
from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.examples import examples, shards, validate
from gvlm_resources.dataset.examples.example import ALIGNMENT, DYNAMICS, LONG, Example, as_json
from gvlm_resources.dataset.examples.examples import Skipped
from gvlm_resources.dataset.examples.vectors import REGIONS, SIGLIP, VIDEOMAE, WAV2VEC2, Vectors
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.settings import ExampleSettings
from gvlm_resources.timebase import NS_PER_S, format_clock, moment_id
from tests.dataset.play import VIDEO, S, event, frame, held

SETTINGS = ExampleSettings(timeline_dropout=0.0)
LENGTHS = pytest.mark.parametrize("minutes", [15, 120])
Timeline = Callable[[Pair], str]


@cache
def facts(minutes: int) -> Facts:
    """A hit every minute, an item every 47 s, and two deaths: after a third of the video and shortly before its end."""
    end_s = minutes * 60
    deaths = (end_s // 3 + 0.5, end_s - 40.5)
    hits = [event("damage", at + 0.4, "Took 7 damage (health 100 to 93).", value=-7.0) for at in range(60, end_s, 60)]
    items = [event("pickup", at + 0.6, "Picked up bullets (clip).", subject="bullets") for at in range(47, end_s, 47)]
    died = [event("death", at, "Died, killed by an imp (health 3 to 0).") for at in deaths]
    values = [0.0, *(at for death in deaths for at in (death, death + 5.0)), float(end_s)]
    levels = [100, 0, 100, 0, 100]
    return Facts(
        video_id=VIDEO,
        title="A long run",
        duration_ns=end_s * S,
        game=game.load("freedoom"),
        events=tuple(sorted([*hits, *items, *died], key=lambda one: one.start_ns)),
        states=tuple(held("health", level, *values[at : at + 2]) for at, level in enumerate(levels)),
        frames=tuple(frame(at) for at in range(end_s)),
    )


@cache
def vectors(minutes: int) -> Vectors:
    def of(key: str, letter: str, every_s: int, span_s: int) -> pa.Table:
        starts = range(0, minutes * 60 - span_s + 1, every_s)
        times = {"pts_ns": [at * S for at in starts]} if not span_s else {
            "start_ns": [at * S for at in starts], "end_ns": [(at + span_s) * S for at in starts]
        }  # fmt: skip
        count = len(starts)
        flat = pa.array([0.5] * (4 * count), pa.float32())
        return pa.table(
            {
                key: [moment_id(letter, at * S) for at in starts],
                **times,
                "status": ["ok"] * count,
                "vector": pa.FixedSizeListArray.from_arrays(flat, 4),
            }
        )

    tables = {
        SIGLIP: of("frame_id", "f", 1, 0).slice(0, minutes * 60),
        VIDEOMAE: of("clip_id", "c", 4, 2),
        WAV2VEC2: of("window_id", "w", 1, 2),
    }
    return Vectors.of_tables(VIDEO, tables | {REGIONS: None})  # type: ignore[dict-item]


def retrieved(known: Facts, *kinds: str, states: Sequence[int] = ()) -> Timeline:
    """A timeline that lists the events of some kinds, at most 120, and some values of the HUD."""
    rows = [(e.start_ns, e.kind, e.text) for e in known.events if e.kind in kinds][:120]
    rows += [(known.states[at].start_ns, "state", f"health {known.states[at].value:.10g}") for at in states]
    lines = [f'E{n} {format_clock(at)} {kind} "{text}"' for n, (at, kind, text) in enumerate(sorted(rows), 1)]
    header = f'Video: "A long run" ({VIDEO}), {format_clock(known.duration_ns)} long'
    note = [] if lines else ["The timeline holds no row for this question."]
    text = "\n".join([header, "<evidence>", *lines, "</evidence>", *note])
    return lambda _: text


def whole(known: Facts, kind: str, question: str, answer: str, **more: Any) -> Pair:
    """A pair about all of the video."""
    values = {"video_id": VIDEO, "made_by": "templates@1", "start_ns": 0, "end_ns": known.duration_ns, **more}
    return Pair(kind=kind, question=question, answer=answer, **values)


def count(known: Facts, kind: str, value: int) -> Claim:
    return Claim("count", 0, known.duration_ns, kind, value=float(value))


def untold(known: Facts, tenth: int = 4, question: str = "In which city was this recorded?") -> Pair:
    name = frame(known.duration_ns // 10 * tenth // S).frame_id
    claims = (Claim("unknown", 0, known.duration_ns, subject="the city"),)
    return whole(
        known, pairs.UNANSWERABLE, question, "That cannot be told.", evidence=(name,), frames=(name,), claims=claims
    )


def never(known: Facts) -> Pair:
    name = frame(known.duration_ns // 2 // S).frame_id
    return whole(
        known,
        pairs.UNANSWERABLE,
        "What happened after the player found a secret?",
        "That cannot be told: the player found none.",
        evidence=(name,),
        frames=(name,),
        claims=(count(known, "secret", 0),),
    )


def third_time(known: Facts) -> Pair:
    died = tuple(one.event_id for one in known.of_kind("death"))
    question, answer = "How did the player die for the third time?", "That cannot be told: the player died twice."
    return whole(known, pairs.UNANSWERABLE, question, answer, evidence=died, claims=(count(known, "death", 2),))


def deaths(known: Facts) -> Pair:
    died = tuple(one.event_id for one in known.of_kind("death"))
    return whole(
        known,
        pairs.HOW_MANY,
        "How many times does the player die in the whole video?",
        "Twice.",
        evidence=died,
        claims=(count(known, "death", 2),),
    )


def none_of(known: Facts) -> Pair:
    rows = tuple(one.state_id for one in known.states)
    question = "How many secrets does the player find in the whole video?"
    return whole(known, pairs.HOW_MANY, question, "None.", evidence=rows, claims=(count(known, "secret", 0),))


def least(known: Facts) -> Pair:
    claim = Claim("lowest", 0, known.duration_ns, subject="health", value=0.0)
    evidence = (known.states[1].state_id,)
    question = "What is the lowest health in the whole video?"
    return whole(known, pairs.STATE, question, "0.", evidence=evidence, claims=(claim,))


def silence(known: Facts) -> Pair:
    name = frame(known.duration_ns // 2 // S).frame_id
    return whole(
        known,
        pairs.SAID_OR_SHOWN,
        "Does anybody speak in the whole video?",
        "Nobody does.",
        evidence=(name,),
        frames=(name,),
        claims=(count(known, "speech", 0),),
    )


def last_time(known: Facts, kind: str = pairs.WHEN, question: str = "When does the player die last?") -> Pair:
    first, last = known.of_kind("death")
    second = last.start_ns // S * S
    return whole(
        known,
        kind,
        question,
        f"At {format_clock(second)}, near the end.",
        start_ns=last.start_ns,
        end_ns=last.start_ns + S,
        evidence=(last.event_id, first.event_id),
        claims=(
            Claim("moment", second, second + S, "death"),
            Claim("count", 0, second, "death", value=1.0),
        ),
    )


def third(known: Facts) -> Pair:
    return last_time(known, pairs.WHERE, "In which third of the video does the player die for the last time?")


TOLD = {
    "how many": (deaths, ("death",), ()),
    "none": (none_of, (), (1,)),
    "the lowest value": (least, (), (1,)),
    "never": (never, (), ()),
    "once too often": (third_time, ("death",), ()),
    "silence": (silence, (), ()),
    "the last time": (last_time, ("death",), ()),
    "which third": (third, ("death",), ()),
}
BY_NAME = pytest.mark.parametrize("name", TOLD)


def one(of: Pair, minutes: int, timeline: Timeline, curriculum: str = LONG, **changed: Any) -> Example | Skipped:
    settings = SETTINGS.model_copy(update={"curricula": (curriculum,), **changed})
    (found,) = examples.make([of], facts(minutes), vectors(minutes), timeline, settings, {"qa_pairs": "a" * 64})
    return found


def checked(found: Example | Skipped) -> Example:
    assert isinstance(found, Example), found
    assert validate.errors(as_json(found)) == []
    return found


def moments(found: Example) -> list[int]:
    return [int(each.row_id[1:13]) * 1000 for each in found.embeddings]


def bounded(found: Example) -> bool:
    heard = sum(each.token == "<a>" for each in found.embeddings)
    within = max(moments(found)) - min(moments(found)) <= SETTINGS.long_s * NS_PER_S
    return within and 0 < len(found.frames) <= SETTINGS.long_frames and 0 < heard <= SETTINGS.long_frames // 2


# ----------------------------------------------------------------------------------------- what a long example carries


@LENGTHS
@BY_NAME
def test_a_question_about_all_of_a_long_video_shows_minutes_of_it_and_its_timeline(minutes: int, name: str) -> None:
    ask, kinds, states = TOLD[name]
    known = facts(minutes)
    found = checked(one(ask(known), minutes, retrieved(known, *kinds, states=states)))
    assert bounded(found)
    assert f"{format_clock(known.duration_ns)} long" in found.conversations[1].value
    assert "<evidence>" in found.conversations[1].value


@LENGTHS
@BY_NAME
def test_the_timeline_is_never_withheld_where_it_tells_what_the_minutes_do_not(minutes: int, name: str) -> None:
    ask, kinds, states = TOLD[name]
    known = facts(minutes)
    timeline = retrieved(known, *kinds, states=states)
    assert checked(one(ask(known), minutes, timeline, timeline_dropout=1.0)).provenance["timeline"] == "shown"


@LENGTHS
def test_what_no_recording_tells_is_asked_of_any_minutes_and_may_go_without_its_timeline(minutes: int) -> None:
    known = facts(minutes)
    found = [checked(one(untold(known, tenth), minutes, retrieved(known, "damage"))) for tenth in range(1, 10)]
    assert all(bounded(each) for each in found)
    assert all(each.evidence[0] in each.frames for each in found)
    assert len({min(moments(each)) // (60 * S) for each in found}) > 5
    bare = checked(one(untold(known), minutes, retrieved(known, "damage"), timeline_dropout=1.0))
    assert bare.provenance["timeline"] == "withheld"
    assert f"{format_clock(known.duration_ns)} long" in bare.conversations[1].value


@LENGTHS
def test_a_moment_that_the_answer_rests_on_is_among_the_minutes(minutes: int) -> None:
    known = facts(minutes)
    first, last = (one.start_ns for one in known.of_kind("death"))
    seen = set()
    for number in range(12):
        asked = replace(deaths(known), question=f"How many deaths are there in the whole video, asked {number}?")
        at = moments(checked(one(asked, minutes, retrieved(known, "death"))))
        covered = tuple(min(at) <= moment <= max(at) for moment in (first, last))
        assert any(covered)
        for moment, is_in in zip((first, last), covered, strict=True):
            assert not is_in or any(abs(each - moment) <= S for each in at)
        seen.add(covered)
    assert len(seen) > 1  # not the same death for every pair
    assert min(moments(checked(one(last_time(known), minutes, retrieved(known, "death"))))) <= last


@LENGTHS
def test_seconds_are_not_asked_about_all_of_a_video(minutes: int) -> None:
    known = facts(minutes)
    for ask, kinds, states in TOLD.values():
        found = one(ask(known), minutes, retrieved(known, *kinds, states=states), DYNAMICS)
        assert isinstance(found, Skipped)
        assert found.reason == "span_does_not_fit"


@pytest.mark.parametrize("ask", [third, last_time, untold, never, deaths])
def test_alignment_asks_nothing_that_takes_the_length_of_the_video(ask: Callable[[Facts], Pair]) -> None:
    assert isinstance(one(ask(facts(15)), 15, retrieved(facts(15)), ALIGNMENT), Skipped)


# -------------------------------------------------------------------------------------------------- what gives none


@LENGTHS
@pytest.mark.parametrize("ask", [deaths, third_time, last_time, third])
def test_a_count_of_which_the_timeline_lacks_an_event_gives_no_example(
    minutes: int, ask: Callable[[Facts], Pair]
) -> None:
    known = facts(minutes)
    without = replace(known, events=known.of_kind("damage"))
    found = one(ask(known), minutes, retrieved(without, "damage", "death"))
    assert isinstance(found, Skipped)
    assert found.reason == "evidence_not_shown"


@LENGTHS
def test_an_event_that_is_counted_and_not_cited_has_to_be_told_too(minutes: int) -> None:
    known = facts(minutes)
    cited = replace(deaths(known), evidence=(known.of_kind("death")[0].event_id,))
    only = replace(known, events=known.of_kind("death")[:1])
    assert isinstance(one(cited, minutes, retrieved(only, "death")), Skipped)
    assert checked(one(cited, minutes, retrieved(known, "death")))


@LENGTHS
@pytest.mark.parametrize("ask", [never, silence, least, none_of])
def test_without_any_timeline_nothing_is_said_of_the_whole(minutes: int, ask: Callable[[Facts], Pair]) -> None:
    found = one(ask(facts(minutes)), minutes, lambda _: "")
    assert isinstance(found, Skipped)
    assert found.reason == "evidence_not_shown"


@LENGTHS
def test_that_a_value_is_the_lowest_of_all_is_for_the_timeline_to_tell(minutes: int) -> None:
    known = facts(minutes)
    assert checked(one(least(known), minutes, retrieved(known, states=(1,))))
    found = one(least(known), minutes, retrieved(known, "death"))  # the value is on a frame that is shown
    assert isinstance(found, Skipped)
    assert found.reason == "evidence_not_shown"


def test_frames_that_a_pair_rests_on_and_lie_too_far_apart_do_not_fit() -> None:
    known = facts(15)
    far = (frame(10).frame_id, frame(880).frame_id)
    found = one(replace(untold(known), evidence=far), 15, retrieved(known))
    assert isinstance(found, Skipped)
    assert found.reason == "span_does_not_fit"


def test_what_comes_after_the_end_fits_nowhere() -> None:
    known = facts(15)
    beyond = replace(untold(known), end_ns=known.duration_ns + S)
    found = one(beyond, 15, retrieved(known))
    assert isinstance(found, Skipped)
    assert found.reason == "span_does_not_fit"


# ---------------------------------------------------------------------------------------------- what is told of them


def test_kept_and_used_pairs_are_counted_by_kind(tmp_path: Path) -> None:
    known = facts(15)
    asked = [untold(known), never(known), third_time(known), deaths(known), least(known)]
    made = examples.make(
        [*asked, asked[0]], known, vectors(15), retrieved(known), ExampleSettings(), {"qa_pairs": "a" * 64}
    )
    told = shards.write(tmp_path, made, vectors(15))["pairs"]
    # No row is retrieved: neither the deaths nor the lowest value are told.
    assert told["kept"] == {"how_many": 1, "state": 1, "unanswerable": 3}
    assert told["used"] == {"how_many": 0, "state": 0, "unanswerable": 2}


def test_the_same_long_video_gives_the_same_bytes(tmp_path: Path) -> None:
    known = facts(120)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        asked = [ask(known) for ask, _, _ in TOLD.values()]
        timeline = retrieved(known, "death", states=(1,))
        made = examples.make(asked, known, vectors(120), timeline, ExampleSettings(), {"qa_pairs": "a" * 64})
        assert shards.write(tmp_path / name, made, vectors(120))["examples"] == len(asked)
    assert (tmp_path / "one" / shards.LINES).read_bytes() == (tmp_path / "two" / shards.LINES).read_bytes()
