"""When a row can be seen or heard in what an example really shows, and when a timeline may be withheld for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc
import pytest

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.examples import examples
from gvlm_resources.dataset.examples.curriculum_evidence import all_perceptible, is_negative, perceptible
from gvlm_resources.dataset.examples.curriculum_shown import Placed, Shown
from gvlm_resources.dataset.examples.example import DYNAMICS, LONG, TOKEN_V, Embedding, Example
from gvlm_resources.dataset.examples.examples import Skipped
from gvlm_resources.dataset.examples.vectors import SIGLIP, WAV2VEC2, Vectors
from gvlm_resources.dataset.facts import Event, Facts, Sound
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.settings import ExampleSettings
from gvlm_resources.timebase import Span
from tests.dataset import footage
from tests.dataset.footage import CALL, FULL, HURT, IMP, SIGN, how_many, ns, pair, when

DARK = replace(HURT, event_id="e000010000000-black_screen", kind="black_screen", start_ns=ns(10), end_ns=ns(10.3))
CRY = Sound("a000012000000-1", ns(12), ns(12.2), "player pain", 0.9, "")
HEARD = replace(HURT, event_id="e000012000000-sound", kind="sound", start_ns=ns(12), end_ns=ns(12.2))
FACTS = replace(footage.facts(), events=(DARK, HEARD, HURT), sounds=(CRY,))


def showing(
    frames: Sequence[float] = (), clips: Sequence[tuple[float, float]] = (), heard: Sequence[tuple[float, float]] = ()
) -> Shown:
    names = [f"f{round(at * 1e6):012d}" for at in frames]
    return Shown(
        placed=tuple(
            Placed(ns(at), Embedding(TOKEN_V, SIGLIP, name), name) for at, name in zip(frames, names, strict=True)
        ),
        pictures=tuple(map(ns, frames)),
        clips=tuple(Span(ns(start), ns(end)) for start, end in clips),
        heard=tuple(Span(ns(start), ns(end)) for start, end in heard),
    )


ROWS = {
    "a change between two frames": (HURT, showing([12, 13]), True),
    "a change between a frame and a clip": (HURT, showing([12], [(13, 15)]), True),
    "a change within a clip": (HURT, showing([], [(12, 14)]), True),
    "a change with no frame before it": (HURT, showing([13, 14]), False),
    "a change with no frame after it": (HURT, showing([11, 12]), False),
    "a change between frames far apart": (HURT, showing([8, 17]), False),
    "a change with a clip a while after it": (HURT, showing([12], [(14, 16)]), False),
    "a change under sound alone": (HURT, showing([], [], [(12, 14)]), False),
    "a change beside nothing": (HURT, showing(), False),
    "a black screen with a frame in it": (DARK, showing([10.1]), True),
    "a black screen between two frames": (DARK, showing([9.9, 10.5]), False),
    "a text with a frame in it": (SIGN, showing([4]), True),
    "a text between two frames": (SIGN, showing([2, 6]), False),
    "a text under a clip": (SIGN, showing([], [(5, 7)]), True),
    "a value while it is held": (FULL, showing([0]), True),
    "a value after it was held": (FULL, showing([13]), False),
    "a sound under a window": (CRY, showing([], [], [(11, 13)]), True),
    "a sound between windows": (CRY, showing([12, 13], [(11, 13)], [(8, 10), (14, 16)]), False),
    "the event of a sound under a window": (HEARD, showing([], [], [(11, 13)]), True),
    "the event of a sound on frames": (HEARD, showing([11.5, 12.1], [(11, 13)]), False),
    "words under windows": (CALL, showing([], [], [(15, 17)]), True),
    "words of which the end is not heard": (CALL, showing([], [], [(13, 15.5)]), False),
    "a thing on the frame": (IMP, showing([7]), True),
    "a thing on another frame": (IMP, showing([6.9, 7.1], [(6, 8)]), False),
}


@pytest.mark.parametrize(("row", "shown", "is_seen"), ROWS.values(), ids=ROWS)
def test_a_row_is_perceptible_where_what_is_shown_lies_over_it(row: Any, shown: Shown, is_seen: bool) -> None:
    name = getattr(row, next(iter(row.__dataclass_fields__)))
    assert FACTS.row(name) is row
    assert perceptible(name, FACTS, shown) is is_seen


def test_a_row_that_is_not_there_is_not_perceptible() -> None:
    assert not perceptible("e000099000000-death", FACTS, showing(range(20)))


def claimed(what: str, start_s: float, end_s: float, **more: Any) -> Pair:
    claim = Claim(what, ns(start_s), ns(end_s), **{"value": 0.0, **more})  # type: ignore[arg-type]
    return pair(evidence=(FULL.state_id,), claims=(claim,))


CLAIMS = {
    "nothing on frames a second apart": (claimed("count", 4, 8, kind="death"), showing([4, 5, 6, 7, 8]), True),
    "nothing on frames two seconds apart": (claimed("count", 4, 8, kind="death"), showing([4, 6, 8]), False),
    "nothing on frames and clips": (claimed("count", 4, 8, kind="death"), showing([4, 8], [(4.5, 7.5)]), True),
    "nothing, seen up to the middle": (claimed("count", 4, 8, kind="death"), showing([4, 5, 6]), False),
    "nothing, seen from the middle on": (claimed("count", 4, 8, kind="death"), showing([6, 7, 8]), False),
    "silence under windows": (claimed("count", 4, 8, kind="speech"), showing([4], [], [(4, 6), (6.5, 8)]), True),
    "silence with holes": (claimed("count", 4, 8, kind="speech"), showing([4], [], [(4, 5), (7, 8)]), False),
    "silence on frames": (claimed("count", 4, 8, kind="speech"), showing([4, 5, 6, 7, 8]), False),
    "the lowest value of all": (claimed("lowest", 4, 6, subject="health"), showing([4, 5, 6]), True),
    "the lowest value of some": (claimed("lowest", 4, 6, subject="health"), showing([4]), False),
    "a value in its second": (claimed("value", 8, 9, subject="health"), showing([8]), True),
    "a value in another second": (claimed("value", 8, 9, subject="health"), showing([6]), False),
    "what nothing tells": (claimed("unknown", 0, 20, subject="the year"), showing([6]), True),
}


@pytest.mark.parametrize(("of", "shown", "is_seen"), CLAIMS.values(), ids=CLAIMS)
def test_what_is_said_of_a_stretch_is_perceptible_where_all_of_it_is_shown(
    of: Pair, shown: Shown, is_seen: bool
) -> None:
    assert all_perceptible(of, FACTS, shown) is is_seen


def test_a_count_is_perceptible_where_each_of_its_events_is_cited_or_not() -> None:
    of = claimed("count", 11, 15, kind="damage", value=1.0)
    assert all_perceptible(of, FACTS, showing([11, 12, 13, 14, 15]))
    later = replace(HURT, event_id="e000014900000-damage", start_ns=ns(14.9), end_ns=ns(15))
    facts = replace(FACTS, events=(*FACTS.events, later))
    assert not all_perceptible(of, facts, showing([11, 12, 13, 14]))
    assert all_perceptible(of, facts, showing([11, 12, 13, 14, 15]))


# --------------------------------------------------------------------------------------------- what follows from it

EMPTY = 'Video: "A run", 00:20 long\n<evidence>\n</evidence>\nThe timeline holds no row for this question.'
QUIET = {
    "kind": pairs.HOW_MANY,
    "question": "How many times does the player die between 00:02 and 00:08?",
    "answer": "Not once.",
    "start_ns": ns(2),
    "end_ns": ns(8),
    "claims": (Claim("count", ns(2), ns(8), kind="death", value=0.0),),
}


def one(
    of: Pair, curriculum: str, timeline: str, *, facts: Facts = FACTS, vectors: Vectors | None = None, **more: Any
) -> Example | Skipped:
    settings = ExampleSettings(curricula=(curriculum,), **{"timeline_dropout": 1.0, **more})
    (found,) = examples.make(
        [of], facts, vectors or footage.vectors(), lambda _: timeline, settings, {"qa_pairs": "a" * 64}
    )
    return found


def told(found: Example | Skipped) -> str:
    return found.reason if isinstance(found, Skipped) else found.provenance["timeline"]


def every(seconds: int, table: str = SIGLIP, column: str = "pts_ns") -> Vectors:
    """Frames or windows as many seconds apart, and no clips."""
    tables = footage.tables()
    kept = pc.equal(pc.bit_wise_and(pc.divide(tables[table][column], ns(1)), seconds - 1), 0)
    tables = {name: rows.filter(kept) if name == table else rows for name, rows in tables.items()}
    return Vectors.of_tables(footage.VIDEO, {name: rows for name, rows in tables.items() if "mae" not in name})


def test_a_timeline_stays_where_the_frames_are_too_far_apart_to_show_the_change() -> None:
    assert told(one(when(), LONG, footage.timeline(when()))) == "withheld"
    assert told(one(when(), LONG, footage.timeline(when()), vectors=every(4))) == "shown"
    assert told(one(when(), LONG, EMPTY, vectors=every(4))) == "evidence_not_shown"


def test_a_timeline_stays_where_sound_has_holes_in_what_is_called_silent() -> None:
    name = "f000008000000"
    silent = pair(
        kind=pairs.SAID_OR_SHOWN,
        question="Is anything said between 00:04 and 00:12?",
        answer="Nothing was said.",
        start_ns=ns(4),
        end_ns=ns(12),
        evidence=(name,),
        frames=(name,),
        claims=(Claim("count", ns(4), ns(12), kind="speech", value=0.0),),
    )
    assert told(one(silent, DYNAMICS, footage.timeline(silent))) == "withheld"
    holes = every(4, WAV2VEC2, "start_ns")
    assert told(one(silent, DYNAMICS, footage.timeline(silent), vectors=holes)) == "shown"


def test_the_frames_shown_are_those_that_show_the_change() -> None:
    for number in range(8):
        asked = when(question=f"When is the player hurt, asked {number}?")
        found = one(asked, LONG, EMPTY, long_frames=4)
        assert isinstance(found, Example)
        assert {"f000012000000", "f000013000000"} <= set(found.frames)


def test_how_long_the_video_is_stays_where_the_timeline_does_not() -> None:
    name = "f000019000000"
    beyond = pair(
        kind=pairs.UNANSWERABLE,
        question="Describe the moment at 04:08.",
        answer="That cannot be told: its last second is 00:19.",
        start_ns=ns(19),
        end_ns=ns(20),
        evidence=(name,),
        frames=(name,),
        claims=(Claim("unknown", ns(19), ns(20), subject="what comes after the end"),),
    )
    found = one(beyond, DYNAMICS, footage.timeline(beyond))
    assert told(found) == "withheld"
    assert isinstance(found, Example)
    assert found.conversations[1].value.split("\n")[1:-1] == ['Video: "A run", 00:20 long']
    assert told(one(beyond, DYNAMICS, "<evidence>\n</evidence>")) == "shown"  # nothing says how long it is


def test_a_timeline_without_a_row_is_withheld_where_nothing_was_and_stays_where_something_is_seen() -> None:
    share = {"timeline_dropout": 1e-9}
    assert told(one(pair(**QUIET), DYNAMICS, EMPTY, **share)) == "withheld"
    assert told(one(pair(**QUIET), DYNAMICS, footage.timeline(pair()), **share)) == "shown"
    assert told(one(when(), DYNAMICS, EMPTY, **share)) == "shown"
    assert told(one(pair(**QUIET), DYNAMICS, EMPTY, timeline_dropout=0.0)) == "shown"
    assert told(one(pair(**QUIET), DYNAMICS, EMPTY, vectors=every(4), **share)) == "shown"


def test_of_the_values_that_bear_out_that_nothing_happened_one_is_enough() -> None:
    known = replace(FACTS, states=(FULL, replace(FULL, state_id="g000009000000-armor", variable="armor")))
    later = replace(FULL, state_id="g000015000000-health", start_ns=ns(15), end_ns=ns(16))
    known = replace(known, states=(*known.states, later))
    quiet = pair(**QUIET, evidence=(FULL.state_id, later.state_id))
    assert told(one(quiet, DYNAMICS, EMPTY, facts=known, vectors=every(4), timeline_dropout=0.0)) == "shown"
    only = replace(quiet, evidence=(later.state_id,))
    assert told(one(only, DYNAMICS, EMPTY, facts=known, clip_s=6)) == "evidence_not_shown"


def test_what_a_refusal_takes_for_granted_has_to_be_shown() -> None:
    refused = when(kind=pairs.UNANSWERABLE, question="Who dealt the hit?", answer="It cannot be told.")
    refused = replace(refused, evidence=(HURT.event_id, FULL.state_id))
    assert told(one(refused, DYNAMICS, EMPTY, vectors=every(4), timeline_dropout=0.0)) == "evidence_not_shown"
    assert told(one(refused, DYNAMICS, footage.timeline(refused), vectors=every(4), timeline_dropout=0.0)) == "shown"


def test_a_negative_answer_claims_nothing_else() -> None:
    assert is_negative(pair(**QUIET))
    assert is_negative(pair(kind=pairs.UNANSWERABLE))
    assert not is_negative(claimed("count", 0, 1, value=1.0))
    assert not is_negative(pair())
    assert not is_negative(how_many())
    assert not is_negative(when())


def test_a_sound_is_an_event_too() -> None:
    assert isinstance(FACTS.row(HEARD.event_id), Event)


@pytest.mark.parametrize(("row", "room"), [(CRY, 1), (CALL, 2)])
def test_the_windows_under_which_the_evidence_is_heard_are_among_those_of_minutes(row: Any, room: int) -> None:
    name = getattr(row, next(iter(row.__dataclass_fields__)))
    for number in range(6):
        asked = when(question=f"When is it heard, asked {number}?", evidence=(name,), claims=())
        found = one(
            replace(asked, start_ns=row.start_ns, end_ns=row.end_ns),
            LONG,
            footage.timeline(asked),
            long_frames=2 * room,
        )
        assert isinstance(found, Example)
        assert sum(each.token == "<a>" for each in found.embeddings) == room
