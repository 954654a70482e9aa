"""Questions and answers written from a timeline by templates (pure): no model, nothing that no row says.

Each kind of question has a module that drafts what can be asked and what the rows answer; the words of each language
stand in `wording/`. Drafts are taken in turn: one of each sort of question, of each kind of event or number, from all
over the video. One fact is told once, and a second time only behind all others. Of what is easy to ask, such as that
nothing happened, a share of a kind's pairs at most is told (`SHARES`). Twice as many as the quota asks for come out,
the first ones first, because a check takes some away.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, zip_longest
from typing import TypeVar

from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import (
    BEFORE_AFTER,
    HOW_MANY,
    KINDS,
    SAID_OR_SHOWN,
    STATE,
    SUMMARY,
    UNANSWERABLE,
    WHAT,
    WHEN,
    WHERE,
    WHY,
    Claim,
    Pair,
)
from gvlm_resources.dataset.questions import (
    ask_causes,
    ask_counts,
    ask_moments,
    ask_order,
    ask_places,
    ask_spans,
    ask_unknown,
    ask_values,
    ask_words,
    ask_yes_no,
)
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import View
from gvlm_resources.dataset.questions.wording import Wording, load
from gvlm_resources.settings import SynthesisSettings
from gvlm_resources.timebase import NS_PER_S, Span

VERSION = "5"
MADE_BY = f"templates@{VERSION}"
SPARE = 2  # candidates for each pair that the quota asks for
QUOTA_NS = 600 * NS_PER_S  # what a quota is for
OFTENEST = 2  # pairs about one fact, in other words; the second where too little else can be asked
# One in so many pairs of a kind at most: that there was nothing (of what is said or shown less), a count of 0 or 1, the
# place of a number, something in the first third, what a shot used up or lowered, an answer by yes or no, how many
# rounds are left.
SHARES: Mapping[str, int] = {
    "nothing": 3,
    "nothing said": 5,
    "few": 3,
    "where_number": 4,
    "first third": 2,
    "what_spent": 6,
    "why_fall": 6,
    "yes_no": 7,
    "count_left": 4,
}
# Questions that one frame answers. In their kinds and tiers they come in turn with all others, so that there is enough
# to teach what a single picture shows.
ON_ONE_FRAME = frozenset(("value_at", "shown_message", "shown_lines"))
LENGTHS_IN_TURN = ("short", "medium", "long", "medium", "long")  # of answers: a phrase is the least of a lesson
FIGURES = ("count", "sum", "value", "lowest", "highest")  # claims that hold over any span with the same rows in it

Item = TypeVar("Item")

WRITERS: Mapping[str, Callable[[View], Iterator[Draft]]] = {
    WHAT: ask_moments.what,
    WHEN: ask_moments.when,
    WHERE: ask_places.where,
    HOW_MANY: ask_counts.how_many,
    BEFORE_AFTER: ask_order.before_after,
    STATE: ask_values.state,
    WHY: ask_causes.why,
    SUMMARY: ask_spans.summary,
    SAID_OR_SHOWN: ask_words.said_or_shown,
    UNANSWERABLE: ask_unknown.unanswerable,
}


def write(facts: Facts, settings: SynthesisSettings) -> list[Pair]:
    """Candidates of every kind in every language of the settings, in order of preference; none of an empty video."""
    if not (facts.events or facts.states or facts.texts or facts.speech or facts.sounds or facts.sights):
        return []
    view = View(facts, settings.min_confidence)
    return [pair for kind in KINDS for pair in _of_kind(kind, view, settings)]


def _of_kind(kind: str, view: View, settings: SynthesisSettings) -> Iterator[Pair]:
    quota = getattr(settings.quotas, kind)
    wanted = SPARE * quota * -(-view.facts.duration_ns // QUOTA_NS)
    if not wanted:
        return
    chance = random.Random(f"{settings.seed}/{view.facts.video_id}/{kind}")
    drafts = varied(WRITERS[kind](view), chance)
    for language in settings.languages:
        chance = random.Random(f"{settings.seed}/{view.facts.video_id}/{kind}/{language}")
        yes = random.Random(f"{settings.seed}/{view.facts.video_id}/{language}/yes").random() < 0.5
        yield from _worded(drafts, view, load(language), wanted, chance, yes=yes == (kind != STATE))


def _worded(
    drafts: Sequence[Draft], view: View, wording: Wording, wanted: int, chance: random.Random, *, yes: bool
) -> Iterator[Pair]:
    """The first `wanted` drafts in words, no question asked twice."""
    asked: set[str] = set()
    phrasings = _Phrasings(wording, chance)
    for draft in _within_shares(_facts_first(drafts), yes=yes):
        pair = _pair(draft, view, phrasings)
        if pair is None or pair.question in asked:
            continue
        asked.add(pair.question)
        yield pair
        if len(asked) == wanted:
            return


def _facts_first(drafts: Sequence[Draft]) -> Iterator[Draft]:
    """One draft about each fact, in their order, and then a second one."""
    told: dict[Hashable, list[Draft]] = {}
    for draft in drafts:
        told.setdefault(_fact(draft), []).append(draft)
    for place in range(OFTENEST):
        yield from (same[place] for same in told.values() if place < len(same))


def _fact(draft: Draft) -> Hashable:
    """What a draft tells, whatever stretch of the video its question names."""
    if draft.topic == "where_number":
        return draft.topic, draft.about  # its place never changes
    if ask_yes_no.is_one(draft):
        return "yes or no", draft.topic, draft.evidence
    pointed = [claim for claim in draft.claims if claim.what not in ("count", "sum")]
    told = [
        (claim.what, claim.kind, claim.subject, claim.value, -1 if claim.what in FIGURES else claim.start_ns)
        for claim in pointed or draft.claims
    ]
    figures = not told or any(claim.what in FIGURES for claim in pointed or draft.claims)
    return frozenset(told), draft.evidence if figures else ()


def _within_shares(drafts: Iterable[Draft], *, yes: bool) -> Iterator[Draft]:
    """Those of which there may be only a share wait until enough others have come; the rest of them is left out.

    Where there is nothing else to tell, the first of them comes alone. Of those that are answered by yes or no, a yes
    comes first if `yes`, and then one of each in turn.
    """
    waiting: dict[str, deque[Draft]] = {}
    told: Counter[str] = Counter()
    number = 0
    for draft in drafts:
        share = _share(draft)
        if share is None:
            number += 1
            yield draft
        else:
            waiting.setdefault(share, deque()).append(draft)
        for name, queue in waiting.items():
            chosen = _next_of(queue, yes=yes) if told[name] + 1 <= (number + 1) // SHARES[name] else None
            if chosen is not None:
                queue.remove(chosen)
                number, told[name] = number + 1, told[name] + 1
                yes = not yes if ask_yes_no.is_one(chosen) else yes
                yield chosen
    if not number:
        yield from (queue[0] for queue in list(waiting.values())[:1])


def _next_of(queue: Iterable[Draft], *, yes: bool) -> Draft | None:
    """The first that waits; of answers by yes or no the first one whose turn it is."""
    wanted = (draft for draft in queue if not ask_yes_no.is_one(draft) or ask_yes_no.says_yes(draft) == yes)
    return next(wanted, None)


def _share(draft: Draft) -> str | None:
    """The name of the share that a draft counts for; None where there may be any number of its like."""
    if ask_yes_no.is_one(draft):
        return "yes_no"
    if draft.kind == HOW_MANY and any(claim.what == "count" and (claim.value or 0) <= 1 for claim in draft.claims):
        return "few"
    if _says_nothing(draft):
        return "nothing said" if draft.kind == SAID_OR_SHOWN else "nothing"
    if draft.about == ask_places.FIRST_THIRD:
        return "first third"
    return draft.topic if draft.topic in SHARES else None


def _says_nothing(draft: Draft) -> bool:
    """Whether all that it tells is that something did not happen."""
    only_counts = all(claim.what in ("count", "sum") and not claim.value for claim in draft.claims)
    return draft.kind != UNANSWERABLE and bool(draft.claims) and only_counts


class _Phrasings:
    """The ways to say something in turn, for each sort of question, so that no two drafts in a row share one."""

    def __init__(self, wording: Wording, chance: random.Random) -> None:
        self.wording = wording
        self._chance = chance
        self._turns: dict[tuple[str, ...], Iterator[str]] = {}

    def question(self, draft: Draft) -> str:
        unknown = draft.topic == "unknown"
        asked = self.wording.unknowns[draft.about].ask if unknown else self.wording.topics[draft.topic].ask
        return self._next((draft.topic, "ask", draft.about if unknown else ""), asked)

    def answer(self, draft: Draft, length: str) -> str:
        return self._next((draft.topic, length), getattr(self.wording.topics[draft.topic], length))

    def lengths(self, draft: Draft) -> list[str]:
        """The lengths that a draft may have, that whose turn it is first."""
        often = [length for length in LENGTHS_IN_TURN if length in draft.lengths]
        first = self._next((draft.topic, "lengths", *draft.lengths), often)
        place = draft.lengths.index(first)
        return [*draft.lengths[place:], *draft.lengths[:place]]

    def _next(self, key: tuple[str, ...], ways: Sequence[str]) -> str:
        if key not in self._turns:
            self._turns[key] = cycle(self._chance.sample(ways, len(ways)))
        return next(self._turns[key])


def _pair(draft: Draft, view: View, phrasings: _Phrasings) -> Pair | None:
    """The draft in words; in another length where the question would give the answer away, None if in all."""
    if _around(draft.span, (*draft.claims, *draft.more_claims)).end_ns > view.facts.duration_ns:
        return None  # the last second is cut short: what it names is not all there
    wording = phrasings.wording
    fields = {name: phrase(wording) for name, phrase in draft.fields.items()}
    question = phrasings.question(draft).format(**fields)
    for length in phrasings.lengths(draft):
        answer = phrasings.answer(draft, length).format(**fields)
        if answer.rstrip(".").casefold() not in question.casefold():
            return _made(draft, view, wording, question, _capital(answer), length)
    return None


def _capital(answer: str) -> str:
    return f"{answer[:1].upper()}{answer[1:]}"


def _made(draft: Draft, view: View, wording: Wording, question: str, answer: str, length: str) -> Pair:
    more = length == "long"
    claims = (*draft.claims, *(draft.more_claims if more else ()))
    evidence = tuple(dict.fromkeys((*draft.evidence, *(draft.more_evidence if more else ()))))
    span = _around(draft.span, claims)
    return Pair(
        video_id=view.facts.video_id,
        kind=draft.kind,
        question=_capital(question),
        answer=answer,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        evidence=evidence,
        made_by=MADE_BY,
        language=wording.language,
        length=length,
        frames=draft.frames or view.frames_at(draft.at_ns),
        boxes=draft.boxes,
        claims=claims,
        confidence=_weakest(evidence, view.facts),
    )


def _around(span: Span, claims: Sequence[Claim]) -> Span:
    spans = [span, *(claim.span for claim in claims), *(c.other_span for c in claims if c.other_end_ns)]
    return Span(min(one.start_ns for one in spans), max(one.end_ns for one in spans))


def _weakest(evidence: Iterable[str], facts: Facts) -> float:
    """The confidence of the weakest row; of rows that have none, such as frames, 1."""
    rows = [facts.row(name) for name in evidence]
    known = [getattr(row, "confidence", getattr(row, "score", None)) for row in rows]
    return min((float(one) for one in known if one is not None), default=1.0)


def varied(drafts: Iterable[Draft], chance: random.Random) -> list[Draft]:
    """Tier by tier: the sorts of questions in turn, of each what it can be about in turn, of each from all over."""
    tiers: dict[int, dict[str, dict[str, list[Draft]]]] = {}
    for draft in drafts:
        tiers.setdefault(draft.tier, {}).setdefault(draft.topic, {}).setdefault(draft.about, []).append(draft)
    return [draft for tier in sorted(tiers) for draft in _mixed(tiers[tier], chance)]


def _mixed(groups: Mapping[str, Mapping[str, Sequence[Draft]]], chance: random.Random) -> list[Draft]:
    topics = []
    for topic in sorted(groups):
        abouts = [spread(groups[topic][about], chance) for about in sorted(groups[topic])]
        chance.shuffle(abouts)
        topics.append((topic in ON_ONE_FRAME, in_turn(abouts)))
    chance.shuffle(topics)
    return in_turn([in_turn([drafts for on_one, drafts in topics if on_one == first]) for first in (True, False)])


def spread(items: Sequence[Item], chance: random.Random) -> list[Item]:
    """In an order that covers the whole sequence early: halves, then quarters, begun at a place drawn by chance."""
    bits = max(1, (len(items) - 1).bit_length())
    order = [int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits)]
    shift = chance.randrange(len(items))
    return [items[(place + shift) % len(items)] for place in order if place < len(items)]


def in_turn(several: Sequence[Sequence[Item]]) -> list[Item]:
    """One of each, then the second of each, and so on."""
    none = object()
    return [item for row in zip_longest(*several, fillvalue=none) for item in row if item is not none]
