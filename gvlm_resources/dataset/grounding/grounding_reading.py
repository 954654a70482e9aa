"""One pair as the grounding check reads it: what its words state, and what its evidence lets it state (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gvlm_resources.dataset import pairs as kinds
from gvlm_resources.dataset.claims import letters
from gvlm_resources.dataset.grounding.grounding_evidence import Evidence, Known
from gvlm_resources.dataset.grounding.grounding_text import (
    Stated,
    content,
    says_it_cannot_be_told,
    stem,
    vocabulary,
    without_quotes,
    words,
)
from gvlm_resources.dataset.grounding.grounding_words import (
    ANSWER_WORDS,
    CHOICE,
    KIND_WORDS,
    NAYS,
    NONE,
    NUMBERS,
    PLAIN_WORDS,
    YES_NO,
)
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.game import VariableRule
from gvlm_resources.timebase import NS_PER_S, Span, s_from_ns

SLACK_NS = NS_PER_S  # a clock names a second, and people round
FEW_WORDS = 3

# Words that speak of one kind of event alone: who uses one must cite such an event.
_TOPICS = {
    kind: frozenset(stem(word) for word in own.split())
    for kind, own in {
        "death": "die died dies dying death deaths",
        "respawn": "respawn respawned respawns",
        "pickup": "pickup pickups picked collected",
        "secret": "secret secrets",
        "weapon_change": "switched switch",
    }.items()
}
# Words by which a question may ask for a kind of event.
_ASKED_BY = {
    **_TOPICS,
    "damage": frozenset(stem(word) for word in ("damage", "hit", "hits", "hurt")),
    "speech": frozenset(stem(word) for word in ("said", "say", "speech", "speak", "spoken")),
    "shot": frozenset(stem(word) for word in ("shot", "shots", "fire", "fired", "shoot")),
    "respawn": _TOPICS["respawn"] | {stem("returns")},
    "pickup": _TOPICS["pickup"] | {stem("items"), stem("pick")},
}
_HOW_OFTEN = re.compile(
    r"\bhow (?:many|much|often)|\bnumber of\b|\bcount\b|\badd up\b|\bin all\b|\btotal\b"
    r"|\bwie ?(?:viel|oft)|\banzahl\b|\bcuánt|\bcombien|\bnombre de"
)
_HOW_MUCH = re.compile(
    rf"{_HOW_OFTEN.pattern}|\bwhat (?:is|was|were|are|did)|\bhow (?:high|low)|\bvalue\b"
    r"|\b(?:highest|lowest|most|least|higher|lower|rise|risen|fall|fallen|differ|difference)\b"
    r"|\b(?:read off|stand at)\b"
)
_WHEN = re.compile(r"\bwhen\b|\b(?:at )?what time|\bwann\b|\bcuándo\b|\bquand\b")


class Reading:
    """One pair with what its words state and what its evidence holds."""

    def __init__(self, pair: Pair, known: Known) -> None:
        self.pair = pair
        self.span = pair.span
        self.known = known
        self.asked: Stated = known.stated(pair.question, pair.language)
        self.answer: Stated = known.stated(pair.answer, pair.language)
        self.evidence: Evidence = known.of(pair.evidence)
        self.gives_up = self._gives_up()
        self.is_none = 0.0 in self.answer.numbers or bool(NONE[pair.language] & set(words(pair.answer)))

    def _gives_up(self) -> bool:
        """Whether all that the answer says is that it cannot be told, without a figure that could be checked."""
        if not says_it_cannot_be_told(self.pair.answer, self.pair.language):
            return False
        return self.pair.kind == kinds.UNANSWERABLE or not any(
            (self.pair.claims, self.answer.clocks_s, self.answer.numbers, self.answer.names, self.answer.quotes)
        )

    @property
    def numbers(self) -> frozenset[float]:
        """Numbers that the answer may state. Where claims state figures, those alone: they are what was checked."""
        claimed = {claim.value for claim in self.pair.claims if claim.value is not None}
        named = {
            float(found)
            for text in (*self.answer.quotes, *(claim.subject for claim in self.pair.claims))
            for found in re.findall(r"\d+", text)
        }
        own = claimed or self.evidence.numbers
        one = {1.0} if self.pair.evidence and self.pair.kind != kinds.HOW_MANY and not claimed else set()
        counted = self._counts_of_claims()
        return frozenset({*own, *self.asked.numbers, *named, *one, *differences(self.pair.claims)} | counted)

    def _counts_of_claims(self) -> set[float]:
        """How many claims of one sort there are: "two things: ..." of two claimed moments."""
        whats = [claim.what for claim in self.pair.claims]
        return {float(whats.count(what)) for what in whats if whats.count(what) > 1}

    @property
    def subjects(self) -> frozenset[str]:
        claimed = {
            subject.casefold()
            for claim in self.pair.claims
            for subject in (claim.subject, claim.other_subject)
            if subject
        }
        changed = {claim.kind for claim in self.pair.claims} - {""}
        moved = {rule.name for rule in self.known.facts.game.variables if changed & set(changes_of(rule))}
        words_of = {word for subject in claimed | moved for word in self.known.words_of(subject)}
        told = {subject for text in claimed for subject in self.known.names.told(text)}
        used = {name for text in claimed for name in self.known.names.used_by(text)}
        return self.evidence.subjects | claimed | words_of | told | used

    @property
    def loose_names(self) -> frozenset[str]:
        """Short forms of what the evidence is about: "shotgun" of "pump-action shotgun", if it is no other thing."""
        own = {(rule.subject or "").casefold() for rule in self.known.facts.game.messages}
        ends = {" ".join(name.split()[at:]) for name in self.subjects for at in range(len(name.split()))}
        return frozenset(letters(end) for end in ends if end not in own)

    @property
    def asks_how_much(self) -> bool:
        return bool(_HOW_MUCH.search(self._asked))

    @property
    def asks_how_often(self) -> bool:
        return bool(_HOW_OFTEN.search(self._asked))

    @property
    def asks_when(self) -> bool:
        return bool(_WHEN.search(self._asked))

    @property
    def _asked(self) -> str:
        return self.pair.question.casefold()

    @property
    def words_of_quotes(self) -> frozenset[str]:
        """Names that are only part of what is quoted: the quotation is what has to be held."""
        quotes = [quote.casefold() for said in (self.asked, self.answer) for quote in said.quotes]
        named = {name for said in (self.asked, self.answer) for name in said.names}
        return frozenset(
            name for name in named if any(name in quote and letters(name) != letters(quote) for quote in quotes)
        )

    def asked_spans(self) -> list[Span]:
        """The span of the pair, and that of the question's two clocks; with the last second named or without."""
        spans = [self.span]
        if len(self.asked.clocks_s) == 2 and self.asked.clocks_s[0] < self.asked.clocks_s[1]:
            start_s, end_s = self.asked.clocks_s
            spans.append(Span(start_s * NS_PER_S, (end_s + 1) * NS_PER_S))
        shorter = [Span(one.start_ns, one.end_ns - NS_PER_S) for one in spans if one.duration_ns > NS_PER_S]
        return list(dict.fromkeys([*spans, *shorter]))

    def variables(self, said: Stated) -> list[str]:
        """Variables of the HUD that a text names."""
        rules = self.known.facts.game.variables
        return [rule.name for rule in rules if {rule.name, rule.words.casefold()} & set(said.names)]

    def values(self) -> list[tuple[str, float]]:
        """Variables with the number that stands after or before them in the answer."""
        text = self.pair.answer.casefold()
        found = []
        for rule in self.known.facts.game.variables:
            for name in dict.fromkeys((rule.name, rule.words.casefold())):
                after = re.search(rf"\b{re.escape(name)}\b[^\d.;]{{0,24}}?(?<![\d:])(\d+)(?![\d:])", text)
                before = re.search(rf"(?<![\d:])(\d+)(?![\d:])(?: points? of| of)? {re.escape(name)}\b", text)
                found += [(rule.name, float(match[1])) for match in (after or before,) if match]
        if not found and len(asked := self.variables(self.asked)) == 1 and len(self.answer.numbers) == 1:
            return [(asked[0], self.answer.numbers[0])]
        return found

    def topics(self) -> list[str]:
        """Kinds of events that the words of the pair speak of in words that no other kind has, outside quotations."""
        asked, said = (_topics(text) for text in (self.pair.question, self.pair.answer))
        offered = len(asked) > 1  # "which hit, pickup or death": one of them is the answer
        named = said if offered else [*asked, *said]
        return [kind for kind in _TOPICS if kind in named and kind in self.known.facts.recorded]

    def asked_kinds(self, *texts: str) -> list[str]:
        """Kinds of events that texts ask for, or deny."""
        said = {stem(word) for text in texts for word in words(without_quotes(text))}
        return [kind for kind, own in _ASKED_BY.items() if said & own and kind in self.known.facts.recorded]

    @property
    def resting_kinds(self) -> list[str]:
        """Kinds of events that it speaks of or cites; all that the game tells where it denies without naming one."""
        named = [*self.asked_kinds(self.pair.question, self.pair.answer), *sorted(self.evidence.kinds)]
        found = [kind for kind in dict.fromkeys(named) if kind in self.known.facts.recorded]
        return found or (sorted(self.known.facts.recorded) if self.is_none else [])

    def knows_clock(self, clock_s: int) -> bool:
        """Whether something cited or claimed begins or ends in that second; of rows without claims, about then."""
        at = clock_s * NS_PER_S
        pointed = [claim for claim in self.pair.claims if claim.what not in ("unknown", "count", "sum")]
        if self.pair.kind == kinds.WHEN and pointed:
            return any(span.start_ns // NS_PER_S == clock_s for claim in pointed for span in _spans(claim))
        told = pointed or [claim for claim in self.pair.claims if claim.what != "unknown"]
        claimed = [span for claim in told for span in _spans(claim)]
        own = [] if self.pair.kind == kinds.WHEN or claimed else [self.span]
        if any(clock_s in named_by(span) for span in (*claimed, *own)):
            return True
        if self.pair.claims:
            return False
        about = Span(max(0, at - SLACK_NS), at + 2 * SLACK_NS)
        if self.pair.kind != kinds.WHEN and any(row.span.overlaps(about) for row in self.evidence.cited):
            return True
        return any(about.contains(edge) for row in self.evidence.cited for edge in (row.span.start_ns, row.span.end_ns))

    def knows_duration(self, length_s: float) -> bool:
        """Whether two moments of it lie so far apart, to the second."""
        spans = [
            self.span,
            *(row.span for row in self.evidence.cited),
            *(span for claim in self.pair.claims for span in _spans(claim)),
        ]
        edges = sorted({edge for span in spans for edge in (span.start_ns, span.end_ns)})
        return any(
            abs(s_from_ns(late - early) - length_s) <= 1 for place, early in enumerate(edges) for late in edges[place:]
        )

    def strange_words(self) -> tuple[float, list[str]]:
        """The share of an English answer's content words that its rows, the question or its kinds know; and the rest.

        Of fewer than FEW_WORDS a share says nothing: they count as known.
        """
        said = content(without_quotes(self.pair.answer), "en")
        plain = f"{PLAIN_WORDS} {ANSWER_WORDS.get(self.pair.kind, '')} {self.pair.question}"
        about = (
            frozenset(KIND_WORDS) if self.is_none else self.evidence.kinds
        )  # who says that nothing happened may name it all
        known = self.evidence.stems | vocabulary(about) | {stem(word) for word in words(plain)}
        strange = [word for word in said if stem(word) not in known and word not in NUMBERS["en"]]
        return (1.0 if len(said) < FEW_WORDS else 1 - len(strange) / len(said)), strange

    @property
    def is_yes_no(self) -> bool:
        """Whether the answer begins with a yes or a no that stands by itself."""
        return yes_or_no(self.pair) is not None

    @property
    def contradicts_itself(self) -> str:
        """Why a yes or no is not what the claims say, in words; empty where it is, or where they do not decide it."""
        return wrong_way_round(self.pair, self.asked)

    @property
    def offers_a_choice(self) -> bool:
        """Whether the question names several things of which the answer is one: that gives nothing away."""
        asked = self.known.names.without(self.pair.question)
        return CHOICE[self.pair.language] in asked and 2 * len(self.pair.answer) < len(self.pair.question)


def _topics(text: str) -> list[str]:
    said = {stem(word) for word in words(without_quotes(text))}
    return [kind for kind, own in _TOPICS.items() if said & own]


def differences(claims: Sequence[Claim]) -> frozenset[float]:
    """By how much two claimed values of one variable differ."""
    values = [claim for claim in claims if claim.what == "value"]
    return frozenset(
        abs((one.value or 0) - (other.value or 0))
        for place, one in enumerate(values)
        for other in values[place + 1 :]
        if one.subject == other.subject
    )


def yes_or_no(pair: Pair) -> bool | None:
    """Whether an answer begins with a yes or with a no; None where it begins with neither."""
    start = re.match(r"\s*(\w+)\s*(?:$|[,.;:!–—-])", pair.answer.casefold())
    if not start or start[1] not in YES_NO[pair.language]:
        return None
    return start[1] not in NAYS[pair.language]


def wrong_way_round(pair: Pair, asked: Stated) -> str:
    """That an answer says yes and its claims say no, or the other way round; empty where it does not."""
    said, is_so = yes_or_no(pair), _claims_say(pair.claims, asked)
    if said is None or is_so in (None, said):
        return ""
    return f"it says {'yes' if said else 'no'}, and by its claims it is {'so' if is_so else 'not so'}"


def _claims_say(claims: Sequence[Claim], asked: Stated) -> bool | None:
    """Whether what a question supposes is so by the first claim; None where that does not decide it.

    Asked for a number, its value is that number; asked for a thing, that is the subject of what happened, and with a
    count of none what is asked for did not happen.
    """
    first = claims[0] if claims else None
    if first is None:
        return None
    if first.what == "value":
        return first.value in asked.numbers if asked.numbers else None
    if first.what == "count" and not first.value:
        return False
    if first.what != "moment":
        return None
    return letters(first.subject) in {letters(quote) for quote in asked.quotes} if asked.quotes else True


def named_by(span: Span) -> set[int]:
    """The seconds that name a span in words: one by itself, or that in which it begins and that at which it ends."""
    first, end = span.start_ns // NS_PER_S, span.end_ns // NS_PER_S
    return {first} if span.end_ns <= (first + 1) * NS_PER_S else {first, end}


def changes_of(rule: VariableRule) -> list[str]:
    """Kinds of events that are a change of this variable."""
    named = (rule.on_increase, rule.on_decrease, rule.on_zero, rule.on_revival, rule.on_jump, rule.on_switch)
    return [kind for kind in named if kind]


def _spans(claim: Claim) -> list[Span]:
    return [claim.span, claim.other_span] if claim.other_end_ns > claim.other_start_ns else [claim.span]
