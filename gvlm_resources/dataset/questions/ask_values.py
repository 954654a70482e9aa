"""What the HUD's numbers were (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle

from gvlm_resources.dataset.facts import Held
from gvlm_resources.dataset.pairs import LENGTHS, STATE, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions import ask_yes_no
from gvlm_resources.dataset.questions.ask_context import Context, figure, trend
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, View, value
from gvlm_resources.timebase import NS_PER_S, Span

LONGEST_GAP_NS = 200_000_000  # a longer gap may hide a value
FAR_NS = 30 * NS_PER_S
COMPARED = 4
EXTREMES: Mapping[str, Callable[..., Held]] = {"lowest": min, "highest": max}
COMPARISONS = ("changed", "rose_or_fell", "higher_or_lower", "difference")  # ways to ask about two readings, in turn


def state(view: View) -> Iterator[Draft]:
    for name in filter(view.varies, view.rules):
        calm = view.sure_seconds(name)
        yield from _ats(view, calm)
        yield from _extremes(view, name)
        yield from _changes(view, calm)
    yield from ask_yes_no.values(view)


def _ats(view: View, calm: Sequence[tuple[Held, Span]]) -> Iterator[Draft]:
    """The value of each second; of three values in four nothing else is told, so that one frame shows the answer."""
    turn = cycle((False, False, False, True))
    tells_more: dict[str, bool] = {}
    for held, at in calm:
        if held.state_id not in tells_more:
            tells_more[held.state_id] = next(turn)
        yield _at(view, held, at, trend(view, held, at) if tells_more[held.state_id] else Context())


def _at(view: View, held: Held, at: Span, context: Context) -> Draft:
    return Draft(
        STATE,
        "value_at",
        held.variable,
        at,
        (held.state_id,),
        (value(held, at),),
        {
            "variable": say.variable(view, held.variable),
            "time": say.clock(at.start_ns),
            "value": say.number(held.value),
            "context": context.words,
        },
        at_ns=(at.middle_ns,),
        lengths=context.lengths,
        more_claims=context.claims,
        more_evidence=context.evidence,
    )


def _extremes(view: View, name: str) -> Iterator[Draft]:
    """The lowest and highest value of a stretch in which the number was read all the time."""
    if view.rules[name].shows_one_of:
        return  # it repeats another number, and another one again after a change of weapon
    for span in (view.whole, *view.stretches()):
        series = view.held_in(name, span)
        if not _moves(series, span) or not _read_through(series, span):
            continue
        if view.unread.under([name], span):
            continue
        found = {topic: best(series, key=lambda one: (one.value, one.start_ns)) for topic, best in EXTREMES.items()}
        shown = {topic: at for topic, held in found.items() if (at := _surely_within(view, held, span))}
        for topic, at in shown.items():
            other = next((one for one in shown if one != topic), None)
            more = figure(f"{other}_was", found[other], shown[other]) if other else Context()
            if other:
                more += Context(claims=(_reached(other, found[other], span),))
            yield _extreme(view, topic, found[topic], span, at, more)


def _moves(series: Sequence[Held], span: Span) -> bool:
    """Whether a number surely has two values within a stretch: one that stays as it is has no lowest."""
    inside = Span(span.start_ns + QUIET_NS, span.end_ns - QUIET_NS)
    return len({held.value for held in series if held.start_ns < inside.end_ns and held.end_ns > inside.start_ns}) > 1


def _read_through(series: Sequence[Held], span: Span) -> bool:
    edges = [span.start_ns, *(edge for held in series for edge in (held.start_ns, held.end_ns)), span.end_ns]
    gaps = [later - earlier for earlier, later in zip(edges[::2], edges[1::2], strict=True)]
    return all(gap <= LONGEST_GAP_NS for gap in gaps)


def _surely_within(view: View, held: Held, span: Span) -> Span | None:
    """A whole second of the stretch in which the value surely was on the screen, away from the stretch's ends."""
    first, last = max(held.start_ns, span.start_ns), min(held.end_ns, span.end_ns)
    inner = last - first if held.start_ns == 0 or held.start_ns >= span.start_ns + QUIET_NS else 0
    if min(inner, last - first) < 2 * QUIET_NS + NS_PER_S:
        return None
    start_s = -(-(first + QUIET_NS) // NS_PER_S)
    at = Span(start_s * NS_PER_S, (start_s + 1) * NS_PER_S)
    return at if at.end_ns <= last - QUIET_NS // 3 and held.confidence >= view.min_confidence else None


def _extreme(view: View, topic: str, held: Held, span: Span, shown: Span, more: Context) -> Draft:
    return Draft(
        STATE,
        topic,
        held.variable,
        span,
        (held.state_id,),
        (_reached(topic, held, span),),
        {
            "variable": say.variable(view, held.variable),
            "stretch": say.stretch(view, span),
            "value": say.number(held.value),
            "time": say.clock(shown.start_ns),
            "context": more.words,
        },
        at_ns=(shown.middle_ns,),
        more_claims=(value(held, shown), *more.claims),
        more_evidence=more.evidence,
    )


def _reached(topic: str, held: Held, span: Span) -> Claim:
    what = "lowest" if topic == "lowest" else "highest"
    return Claim(what, span.start_ns, span.end_ns, subject=held.variable, value=held.value)


def _changes(view: View, calm: Sequence[tuple[Held, Span]]) -> Iterator[Draft]:
    """Two sure readings of a number, compared: each of two values that lasted with the next few."""
    lasting = list({held.state_id: (held, at) for held, at in reversed(calm)}.values())[::-1]
    turn = cycle(COMPARISONS)
    for place, (before, start) in enumerate(lasting):
        for after, end in lasting[place + 1 : place + 1 + COMPARED]:
            if end.start_ns - start.start_ns > FAR_NS:
                continue
            changed = after.value != before.value
            yield _change(view, next(turn) if changed else "changed", (before, start), (after, end))


def _change(view: View, topic: str, start: tuple[Held, Span], end: tuple[Held, Span]) -> Draft:
    before, after = start[0], end[0]
    direction = "rose" if after.value > before.value else "fell" if after.value < before.value else "stayed"
    fields: dict[str, Phrase] = {
        "variable": say.variable(view, before.variable),
        "start": say.clock(start[1].start_ns),
        "end": say.clock(end[1].start_ns),
        "before": say.number(before.value),
        "after": say.number(after.value),
        "difference": say.number(after.value - before.value),
        "direction": lambda wording: wording.directions[direction],
        "comparison": lambda wording: wording.comparisons[direction],
    }
    return Draft(
        STATE,
        topic,
        f"{before.variable} {direction}",
        Span(start[1].start_ns, end[1].end_ns),
        (before.state_id, after.state_id),
        (value(before, start[1]), value(after, end[1])),
        fields,
        at_ns=(start[1].middle_ns, end[1].middle_ns),
        lengths=LENGTHS[1:2] if direction == "stayed" else LENGTHS,
    )
