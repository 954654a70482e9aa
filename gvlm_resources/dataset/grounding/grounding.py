"""Whether the answer of a pair is supported by the evidence it names (pure).

The same check for templates, language models and imports. Nothing is mended and nothing vanishes: a pair that is not
used stays, with one reason and a sentence that names the value found. docs/grounding.md has an example of each reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from gvlm_resources import schemas
from gvlm_resources.dataset import pairs as kinds
from gvlm_resources.dataset.claims import CANNOT_TELL, FALSE, TRUE, holds, letters
from gvlm_resources.dataset.facts import Event, Facts
from gvlm_resources.dataset.grounding.grounding_alike import over_quota, same_as_before
from gvlm_resources.dataset.grounding.grounding_evidence import Holds, Known
from gvlm_resources.dataset.grounding.grounding_reading import SLACK_NS, Reading
from gvlm_resources.dataset.grounding.grounding_text import (
    Stated,
    foreign,
    kinds_named,
    spoken_language,
    stem,
    without_names_and_quotes,
    words,
)
from gvlm_resources.dataset.grounding.grounding_unread import Unread
from gvlm_resources.dataset.grounding.grounding_words import ARTICLES, NONE, ONE, YES_NO
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.settings import SynthesisSettings
from gvlm_resources.timebase import NS_PER_S, Span, format_clock, s_from_ns

REASONS: Mapping[str, str] = {
    "instructions": "Its words hold markup, an address, control characters or instructions to a model.",
    "length": "The question or the answer is too short or too long.",
    "language": "Its language was not asked for, or its words are in another one.",
    "outside": "Its span, or a clock that it names, lies outside the video or outside its own span.",
    "bad_evidence": "It cites rows that are not there or lie elsewhere, or none where it needs some.",
    "cannot_tell": "It says that something cannot be told which is recorded, or tells what nothing recorded tells.",
    "contradicts_state": "What it states is false by the state series or the timeline.",
    "unread": "It rests on a number that could not be read for part of its time.",
    "unsupported": "It states something that its evidence does not hold.",
    "leak": "The question holds the answer.",
    "low_confidence": "Its evidence is less sure than the settings ask for.",
    "near_duplicate": "An earlier pair says the same.",
    "quota": "There are enough pairs of its kind and language.",
}

QUESTION_CHARS = (8, 400)
ANSWER_CHARS = (1, 1200)
LEAST_SHARE = 0.7  # of the content words of a language model's answer; docs/grounding.md has how it was chosen
WHOLE_ANSWER = 8  # letters: shorter answers may stand in a question by chance
MAY_BE_NONE = (kinds.WHAT, kinds.HOW_MANY, kinds.SUMMARY, kinds.SAID_OR_SHOWN)
FIGURES = (kinds.HOW_MANY, kinds.SAID_OR_SHOWN)  # "none" is of what they ask for, not of everything
# What such pairs say of their span is untrue if something more happened in it.
OVER_ITS_SPAN = (kinds.WHEN, kinds.HOW_MANY, kinds.BEFORE_AFTER, kinds.WHY, kinds.SUMMARY)
UNREMARKABLE = frozenset({"shot", "sound", "scene_change", "text", "entity"})  # who says "nothing" may pass over these
TEMPLATES = "templates"


def check(pairs: Sequence[Pair], facts: Facts, settings: SynthesisSettings) -> list[Pair]:
    """Every pair in its order, kept or dropped with one reason of REASONS. Those dropped before stay as they are.

    The order is that of preference: of pairs that say the same the first stays, and quotas count from the front.
    """
    checker = _Checker(facts, settings)
    checked = [checker.checked(pair) if pair.status == schemas.STATUS_OK else pair for pair in pairs]
    checked = _drop(checked, "near_duplicate", lambda kept: same_as_before(kept, checker.figures))
    return _drop(checked, "quota", lambda kept: over_quota(kept, settings.quotas, facts.duration_ns))


def _drop(pairs: list[Pair], reason: str, find: Callable[[Sequence[Pair]], Mapping[int, str]]) -> list[Pair]:
    kept = [index for index, pair in enumerate(pairs) if pair.status == schemas.STATUS_OK]
    for place, detail in find([pairs[index] for index in kept]).items():
        pairs[kept[place]] = pairs[kept[place]].dropped(reason, detail)
    return pairs


class _Checker:
    """One video's checks. Each takes a pair and what is read of it, and says what is wrong, or nothing."""

    def __init__(self, facts: Facts, settings: SynthesisSettings) -> None:
        self.facts = facts
        self.settings = settings
        self.known = Known(facts)
        self.unread = Unread(facts)

    def checked(self, pair: Pair) -> Pair:
        for reason, wrong in (
            ("instructions", self._foreign),
            ("length", self._length),
            ("language", self._language),
            ("outside", self._outside),
            ("bad_evidence", self._bad_evidence),
        ):
            if detail := wrong(pair):
                return pair.dropped(reason, detail)
        read = Reading(pair, self.known)
        for reason, wrong_by in (
            ("cannot_tell", self._cannot_tell),
            ("contradicts_state", self._contradicted),
            ("unread", self._rests_on_unread),
            ("unsupported", self._unsupported),
            ("leak", self._leak),
        ):
            if detail := wrong_by(read):
                return pair.dropped(reason, detail)
        if detail := self._unsure(read):
            return pair.dropped("low_confidence", detail)
        return pair

    def figures(self, text: str, language: str) -> Hashable:
        """Clocks, numbers, names, quotations and kinds of events of a text, each in their order."""
        said = self.known.stated(text, language)
        return (said.clocks_s, said.numbers, said.names, said.quotes, kinds_named(text))

    # ------------------------------------------------------------------------- the pair by itself

    def _foreign(self, pair: Pair) -> str:
        answer = pair.answer.replace("<box_2d>", "", len(pair.boxes)) if pair.boxes else pair.answer
        return next((f"it holds {found}" for text in (pair.question, answer) if (found := foreign(text))), "")

    def _length(self, pair: Pair) -> str:
        for name, text, (least, most) in (
            ("question", pair.question, QUESTION_CHARS),
            ("answer", pair.answer, ANSWER_CHARS),
        ):
            if not least <= len(text.strip()) <= most:
                return f"the {name} has {len(text.strip())} characters, not {least} to {most}"
        return ""

    def _language(self, pair: Pair) -> str:
        if pair.language not in self.settings.languages:
            return f"{pair.language!r} is none of {', '.join(self.settings.languages)}"
        plain = without_names_and_quotes(f"{pair.question} {pair.answer}", self.known.names)
        spoken = spoken_language(plain)
        return f"it says {pair.language!r} and is in {spoken!r}" if spoken not in ("", pair.language) else ""

    def _outside(self, pair: Pair) -> str:
        end_ns = self.facts.duration_ns
        if not 0 <= pair.start_ns < pair.end_ns <= end_ns + SLACK_NS:
            return f"the span is {_seconds(pair.start_ns, pair.end_ns)}, the video ends at {s_from_ns(end_ns):.2f} s"
        for claim in pair.claims:
            if max(claim.end_ns, claim.other_end_ns) > end_ns + SLACK_NS:
                return f"a claim is about {_seconds(claim.start_ns, max(claim.end_ns, claim.other_end_ns))}"
        asked = () if pair.kind == kinds.UNANSWERABLE else self._said(pair.question, pair).clocks_s
        for clock in (*asked, *self._said(pair.answer, pair).clocks_s):
            if not _near(clock, pair.span) or clock * NS_PER_S > end_ns:
                return f"{format_clock(clock * NS_PER_S)} lies outside {pair.span.label()}"
        return ""

    def _bad_evidence(self, pair: Pair) -> str:
        if missing := [row_id for row_id in pair.evidence if self.known.row(row_id) is None]:
            return f"there is no row {', '.join(missing)}"
        shown = (*pair.frames, *(box.frame_id for box in pair.boxes))
        if missing := [frame_id for frame_id in shown if frame_id not in self.known.frames]:
            return f"there is no frame {', '.join(missing)}"
        if far := self._elsewhere(pair):
            return f"{far.kind} at {far.span.label()} lies outside {pair.span.label()}"
        if not pair.evidence and not self._needs_none(pair):
            return f"an answer of kind {pair.kind} cites no row"
        return ""

    def _elsewhere(self, pair: Pair) -> Holds | None:
        """The first row that is not of the time that the pair is about, nor one that a cited event was made from."""
        about = Span(max(0, pair.start_ns - SLACK_NS), pair.end_ns + SLACK_NS)
        cited = [held for row_id in pair.evidence if (held := self.known.row(row_id))]
        behind = {
            name
            for one in cited
            if isinstance(one.row, Event) and one.span.overlaps(about)
            for name in one.row.evidence
        }
        rows = zip(pair.evidence, cited, strict=True)
        return next((one for row_id, one in rows if row_id not in behind and not one.span.overlaps(about)), None)

    def _needs_none(self, pair: Pair) -> bool:
        """Whether there is nothing to cite: something cannot be told, or did not happen, and the timeline agrees."""
        if pair.kind == kinds.UNANSWERABLE:
            return True
        if pair.claims:
            return all(claim.what in ("count", "sum") and not claim.value for claim in pair.claims)
        said = self._said(pair.answer, pair)
        if not (0.0 in said.numbers or NONE[pair.language] & set(words(pair.answer))):
            return False
        return not self._denied(pair, Reading(pair, self.known).asked_kinds(pair.question, pair.answer))

    # --------------------------------------------------------------- the pair against its evidence

    def _cannot_tell(self, read: Reading) -> str:
        pair = read.pair
        if pair.kind != kinds.UNANSWERABLE and not read.gives_up:
            return ""
        if not read.gives_up:
            return "the answer does not say that it cannot be told"
        for claim in pair.claims:
            if claim.what == "unknown" and (verdict := holds(claim, self.known.log)).result == FALSE:
                return verdict.detail
        return "" if pair.claims else self._told(read)

    def _told(self, read: Reading) -> str:
        """What of a question that was given up the facts do tell: a number of the HUD, or how often something was."""
        asked = self._said(read.pair.question, read.pair)
        about = _between(asked.clocks_s) or read.span
        if read.asks_how_much:
            for variable in read.variables(asked):
                values = {run.value for run in self.known.log.runs(variable, about) or () if run.value is not None}
                if values:
                    shown = ", ".join(f"{value:g}" for value in sorted(values))
                    return f"{variable} is read in {about.label()}: {shown}"
        unknown = [name for name in asked.names if not self._happened(name)]
        for kind in (
            read.asked_kinds(read.pair.question) if not unknown and (read.asks_how_often or read.asks_when) else ()
        ):
            found = self.known.log.happened(kind, "", read.span)
            if found or read.asks_how_often:  # of what is recorded, none is an answer too
                return f"{len(found)} of {kind} are recorded in {read.span.label()}"
        return ""

    def _happened(self, name: str) -> bool:
        return bool(self.known.names.subjects(name) & self.known.subjects)

    def _contradicted(self, read: Reading) -> str:
        for claim in read.pair.claims:
            if (verdict := holds(claim, self.known.log)).result == FALSE:
                return f"it claims {_claimed(claim)}, but {verdict.detail}"
        if read.pair.claims or read.gives_up:
            return read.contradicts_itself
        return self._wrong_value(read) or self._wrong_count(read) or self._wrong_none(read)

    def _wrong_value(self, read: Reading) -> str:
        """A number of the HUD, as the words of an answer have it, that was never shown then."""
        if read.pair.kind != kinds.STATE:
            return ""
        clocks = (*self._said(read.pair.question, read.pair).clocks_s, *read.answer.clocks_s)
        about = _between(clocks) or read.span
        about = Span(max(0, about.start_ns - SLACK_NS), about.end_ns + SLACK_NS)
        for variable, value in read.values():
            runs = self.known.log.runs(variable, about) or ()
            shown = {run.value for run in runs if run.value is not None}
            if shown and value not in shown | {abs(one - two) for one, two in combinations(shown, 2)}:
                values = ", ".join(f"{one:g}" for one in sorted(shown))
                return f"it says {variable} is {value:g}; read in {about.label()}: {values}"
        return ""

    def _wrong_count(self, read: Reading) -> str:
        """A count or sum, as the words have it, of the kind and subject that its evidence shares."""
        events = [one.row for one in read.evidence.cited if isinstance(one.row, Event)]
        numbers = read.answer.numbers
        if read.pair.kind != kinds.HOW_MANY or not numbers or not events or len({e.kind for e in events}) > 1:
            return ""
        kind, subjects = events[0].kind, {event.subject for event in events}
        about = ["", *subjects] if len(subjects) == 1 else [""]
        claims = [
            Claim(what, span.start_ns, span.end_ns, kind=kind, subject=subject, value=number)
            for span in read.asked_spans()
            for what in ("count", "sum")
            for subject in about
            for number in numbers
        ]
        if any(holds(claim, self.known.log).result == TRUE for claim in claims):
            return ""
        claims = claims[: 2 * len(about) * len(numbers)]
        exact = [holds(replace(claim, value=numbers[0]), self.known.log).detail for claim in claims]
        return f"it says {numbers[0]:g}, but {'; '.join(dict.fromkeys(exact))}"

    def _wrong_none(self, read: Reading) -> str:
        """That nothing of a kind happened, said without a row of an event, where something of it did."""
        asked = read.asked_kinds(read.pair.question, read.pair.answer)
        if not read.is_none or read.pair.kind not in MAY_BE_NONE or (read.pair.kind in FIGURES and not asked):
            return ""
        if any(isinstance(one.row, Event) for one in read.evidence.cited):
            return ""
        found = self._denied(read.pair, asked)
        return f"it says that there was none, but: {found[0].text}" if found else ""

    def _denied(self, pair: Pair, denied: Sequence[str]) -> list[Event]:
        """Events of these kinds in the span, of any remarkable kind where none is named; of subjects named, if any."""
        named = {name for text in (pair.question, pair.answer) for name in self._said(text, pair).names}
        subjects = {subject for name in named for subject in self.known.names.subjects(name)} - self.known.variables
        return [
            event
            for event in self.known.events_in(pair.span)
            if (event.kind in denied if denied else event.kind not in UNREMARKABLE)
            and (not subjects or event.subject.casefold() in subjects)
        ]

    def _rests_on_unread(self, read: Reading) -> str:
        """What it rests on and nobody could see: of claims what they are about, else what its words and rows are of."""
        if read.pair.claims:
            return next((hidden for claim in read.pair.claims if (hidden := self.unread.hides(claim))), "")
        if read.gives_up:
            return ""
        if read.pair.kind == kinds.STATE:
            return self._unread_value(read)
        about = self._rests_over(read)
        told = read.resting_kinds if about else ()
        return next((hidden for kind in told if about and (hidden := self.unread.under_kind(kind, about))), "")

    def _unread_value(self, read: Reading) -> str:
        asked, said = (read.variables(one) for one in (read.asked, read.answer))
        about = _between((*read.asked.clocks_s, *read.answer.clocks_s)) or read.span
        return self.unread.under(dict.fromkeys((*asked, *said)), about)

    def _rests_over(self, read: Reading) -> Span | None:
        """The span in which an unseen event would make words without claims untrue; None where none would.

        When, or in which part of the video, it happened asks for the first time, unless a time is named.
        """
        kind = read.pair.kind
        if kind in (kinds.WHEN, kinds.WHERE) and not read.asked.clocks_s:
            return Span(0, read.span.end_ns)
        over_it = kind in OVER_ITS_SPAN or (kind == kinds.WHAT and read.is_none)
        return read.span if over_it else None

    def _unsupported(self, read: Reading) -> str:
        if read.gives_up:  # "... the player died twice": what it adds is claimed, or left out
            return self._numbers(read) if read.pair.claims else ""
        return (
            self._claims_without_rows(read)
            or self._clocks(read)
            or self._durations(read)
            or self._numbers(read)
            or self._quotes(read)
            or self._names(read)
            or self._topic(read)
            or self._words(read)
        )

    def _claims_without_rows(self, read: Reading) -> str:
        """Claims that nothing recorded decides, and claims with no row. How many came before may be told beside one."""
        claims = read.pair.claims
        pointed = [claim for claim in claims if claim.what not in ("count", "sum")]
        for claim in claims:
            verdict = holds(claim, self.known.log)
            if verdict.result == CANNOT_TELL:
                return f"it claims {_claimed(claim)}, but {verdict.detail}"
            if (claim in pointed or not pointed) and not read.evidence.backs(claim):
                return f"no row that it cites holds that {_claimed(claim)}"
        return ""

    def _clocks(self, read: Reading) -> str:
        asked = self._said(read.pair.question, read.pair).clocks_s
        for clock in read.answer.clocks_s:
            if clock not in asked and not read.knows_clock(clock):
                return f"no row that it cites is at {format_clock(clock * NS_PER_S)}"
        return ""

    def _durations(self, read: Reading) -> str:
        asked = self._said(read.pair.question, read.pair).durations_s
        for length in read.answer.durations_s:
            if length not in asked and not read.knows_duration(length):
                return f"nothing that it cites lasts or lies {length:g} s apart"
        return ""

    def _numbers(self, read: Reading) -> str:
        for number in read.answer.numbers:
            if number not in read.numbers:
                return f"no row that it cites holds {number:g}"
        return ""

    def _quotes(self, read: Reading) -> str:
        told = [letters(claim.subject) for claim in read.pair.claims]
        asked = letters(read.pair.question)
        for quote in read.answer.quotes:
            plain = letters(quote)
            if plain and plain not in read.evidence.letters and plain not in asked and plain not in told:
                return f"no row that it cites holds the words {quote!r}"
        return ""

    def _names(self, read: Reading) -> str:
        """Names of the answer, and of the question, which is part of what the pair teaches."""
        asked = self._said(read.pair.question, read.pair).names
        for name in dict.fromkeys((*read.answer.names, *(asked if read.pair.evidence else ()))):
            if name in read.words_of_quotes:
                continue
            if not self.known.names.subjects(name) & read.subjects and letters(name) not in read.loose_names:
                return f"no row that it cites is about {name!r}"
        return ""

    def _topic(self, read: Reading) -> str:
        if read.pair.language != "en" or read.pair.claims or not read.pair.evidence:
            return ""
        for kind in read.topics():
            if kind not in read.evidence.kinds and not read.is_none:
                return f"it speaks of {kind}, and no row that it cites is one"
        return ""

    def _words(self, read: Reading) -> str:
        """Whether most words of a language model's English answer are in the evidence, the question or its kind."""
        pair = read.pair
        if pair.language != "en" or pair.made_by.startswith(TEMPLATES) or not pair.evidence:
            return ""
        share, strange = read.strange_words()
        if share >= LEAST_SHARE:
            return ""
        return f"{share:.0%} of its words are in the evidence; not there: {', '.join(dict.fromkeys(strange))}"

    def _leak(self, read: Reading) -> str:
        pair = read.pair
        if pair.kind == kinds.UNANSWERABLE or read.gives_up:
            return ""
        if read.is_yes_no and pair.claims:
            return ""  # what is so stands in such a question by right: the claims say whether it is
        asked = self._said(pair.question, pair)
        for wanted, key, given in (
            (kinds.WHEN, read.answer.clocks_s, asked.clocks_s),
            (kinds.HOW_MANY, read.answer.numbers, asked.numbers),
            (kinds.STATE, read.answer.numbers, asked.numbers),
            (kinds.SAID_OR_SHOWN, read.answer.quotes, asked.quotes),
        ):
            if pair.kind == wanted and key and set(key) <= set(given):
                return f"the question already names {_first(key)}"
        if pair.kind == kinds.HOW_MANY and ONE[pair.language] & set(words(pair.answer)) - set(words(pair.question)):
            return ""  # "einen Treffer": the article is the answer
        plain, given = letters(pair.answer), letters(pair.question)
        if len(plain) >= WHOLE_ANSWER and plain in given and not read.offers_a_choice:
            return "the whole answer stands in the question"
        # What a long answer says beyond the figure it is asked for may well repeat the question.
        told = set(read.answer.clocks_s) - set(asked.clocks_s) or set(read.answer.numbers) - set(asked.numbers)
        if told or read.offers_a_choice or (read.is_none and not read.is_yes_no):
            return ""
        asked_words = {stem(word) for word in words(pair.question)}
        own = [word for word in words(pair.answer) if word not in YES_NO[pair.language] | ARTICLES[pair.language]]
        if any(stem(word) not in asked_words for word in own):
            return ""
        return "everything that the answer says stands in the question" if own else "the answer is a bare yes or no"

    def _unsure(self, read: Reading) -> str:
        rows = [one.row.confidence for one in read.evidence.cited if hasattr(one.row, "confidence")]
        least = min([read.pair.confidence, *rows])
        asked = self.settings.min_confidence
        return f"its confidence is {least:.2f}, less than {asked:g}" if least < asked else ""

    def _said(self, text: str, pair: Pair) -> Stated:
        return self.known.stated(text, pair.language)


def _between(clocks_s: Sequence[int]) -> Span | None:
    """From the first to the last of some clocks, whose seconds it holds; None of none."""
    return Span(min(clocks_s) * NS_PER_S, (max(clocks_s) + 1) * NS_PER_S) if clocks_s else None


def _near(clock_s: int, span: Span) -> bool:
    at = clock_s * NS_PER_S
    return span.start_ns - 2 * SLACK_NS < at < span.end_ns + SLACK_NS


def _claimed(claim: Claim) -> str:
    value = "" if claim.value is None else f" {claim.value:g}"
    what = " ".join(part for part in (claim.what, claim.kind, claim.subject) if part)
    return f"{what}{value} in {_seconds(claim.start_ns, claim.end_ns)}"


def _seconds(start_ns: int, end_ns: int) -> str:
    return f"{s_from_ns(start_ns):.2f}-{s_from_ns(end_ns):.2f} s"


def _first(key: Sequence[object]) -> str:
    return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in key)
