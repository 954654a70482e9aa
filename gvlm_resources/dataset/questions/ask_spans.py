"""What a span of the video comes to (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import LENGTHS, SUMMARY
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_counts import WORDED
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_moments import QUIET_KINDS, covers, quiet
from gvlm_resources.dataset.questions.ask_view import View, count, moment, starting_in, value
from gvlm_resources.dataset.questions.wording import Wording
from gvlm_resources.timebase import Span

LENGTHS_S, STEP_S = (8, 10, 15, 20, 30), 1
MOST_EVENTS = 12
MOST_TOLD = 8
BUSY = ("shot", "weapon_change", "heal", "armor", "respawn", "secret")  # no quiet stretch has any of these
COUNTED = ("death", "respawn", "damage", "pickup", "weapon_change", "secret", "black_screen", "scene_change", "sound")


def summary(view: View) -> Iterator[Draft]:
    happenings = [event for event in view.happenings if event.kind in COUNTED]
    told: set[tuple[str, ...]] = set()
    for span in view.stretches(LENGTHS_S, step_s=STEP_S):
        if 0 < len(events := starting_in(happenings, span)) <= MOST_EVENTS:
            for draft in _told(view, span, events):
                if draft.evidence not in told:  # the same events in a stretch a second later are no other summary
                    yield draft
                told.add(draft.evidence)
    for span in view.stretches():
        if not any(view.of_kind(kind, span=span) for kind in BUSY) and quiet(view, span):
            yield _quiet(view, span)


def _told(view: View, span: Span, events: Sequence[Event]) -> Iterator[Draft]:
    kinds = [kind for kind in COUNTED if kind in view.kinds and kind not in ("sound", "weapon_change")]
    told = [event for event in events if event.kind not in ("sound", "weapon_change")]
    if not told or not all(view.countable(kind, span) for kind in kinds):
        return
    numbers = Counter(event.kind for event in view.events_in(span))
    found = {kind: numbers[kind] for kind in kinds if numbers[kind]}
    sure = all(view.timed(event) for event in told) and len(told) <= MOST_TOLD
    yield Draft(
        SUMMARY,
        "summary_events",
        " ".join(found),
        span,
        say.ids_of(told),
        tuple(count(kind, span, number) for kind, number in found.items()),
        {
            "start": say.clock(span.start_ns),
            "end": say.clock(span.end_ns),
            "counts": _counts(found),
            "sentences": say.sentences(told),
        },
        at_ns=tuple(event.start_ns for event in told),
        lengths=LENGTHS if sure else LENGTHS[:2],
        more_claims=tuple(moment(event) for event in told),
    )


def _counts(found: dict[str, int]) -> Phrase:
    def worded(wording: Wording) -> str:
        parts = [say.counted(WORDED.get(kind, kind), "counted_", number)(wording) for kind, number in found.items()]
        return wording.listed(parts)

    return worded


def _quiet(view: View, span: Span) -> Draft:
    held = next(held for held in view.held_in("health", span) if covers(held, span))
    return Draft(
        SUMMARY,
        "summary_quiet",
        "quiet",
        span,
        (held.state_id,),
        tuple(count(kind, span, 0) for kind in QUIET_KINDS),
        {"start": say.clock(span.start_ns), "end": say.clock(span.end_ns), "value": say.number(held.value)},
        at_ns=(span.middle_ns,),
        more_claims=(value(held, span),),
    )
