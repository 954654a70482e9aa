"""The core that needs no language model: it writes the answer out of the rows found, and nothing else.

It is exact where the timeline is (counts, times, amounts, values of the HUD), says what led up to a death, quotes what
was shown and said, and where the timeline holds nothing it says so, with what was looked for and what is there.
"""

from __future__ import annotations

import time
from dataclasses import replace

from gvlm_resources.reasoning import causes, phrases, readings, vocabulary
from gvlm_resources.reasoning.accounts import ACCOUNTS, Passage, Telling, elsewhere, unmatched
from gvlm_resources.reasoning.citing import Cites
from gvlm_resources.reasoning.phrases import Voice, listed
from gvlm_resources.reasoning.protocol import Answer, Evidence, EvidenceSource, Row, Scope, Usage
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.reasoning.retrieve import describe_spans, is_about, row_words

VERSION = "3"
TOLD_VIDEOS = 8
SHOWN_HITS = 5
_COUNTED = frozenset((Ask.COUNT, Ask.LIST, Ask.YES_NO, Ask.WHEN, Ask.TOTAL, Ask.EXTREME, Ask.WHY, Ask.HOW_LONG))


class ExtractiveCore:
    """Composes answers from cited rows. Stateless; the same evidence gives the same answer."""

    name = "extractive"
    model = f"gvlm-extractive@{VERSION}"

    def __init__(self, *, max_frames: int = 6) -> None:
        self._max_frames = max_frames

    def compose(self, question: Question, evidence: Evidence, source: EvidenceSource) -> Answer:
        """The answer; `source` is not asked: everything that is needed lies in the evidence."""
        started = time.perf_counter()
        cites = Cites(evidence.videos)
        passage = write(question, evidence, cites)
        return Answer(
            question=question.text,
            text=passage.text,
            citations=tuple(cites.citations),
            evidence=tuple(cites.rows.values()),
            frames=cites.frames(self._max_frames),
            core=self.name,
            model=self.model,
            supported=passage.supported,
            confidence=cites.confidence(),
            notes=(*question.notes, *evidence.notes),
            usage=Usage(compose_ms=(time.perf_counter() - started) * 1000),
            trace=evidence.lookups,
        )


def write(question: Question, evidence: Evidence, cites: Cites) -> Passage:
    """The text for a question over one video or many, citing into `cites`."""
    voice = Voice.of(first_person=question.first_person)
    if question.is_outside:
        return Passage(f"{question.notes[0]} There is nothing to look at.", supported=False)
    if not any(scope.everywhere or scope.spans for scope in evidence.scopes):
        reason = evidence.notes[0] if evidence.notes else "The part of the video asked about is empty."
        return Passage(f"{reason} {_holdings(evidence)}", supported=False)
    if evidence.is_search and (evidence.unmatched or evidence.elsewhere):
        return _beside(question, evidence, cites, voice)
    if evidence.is_search:
        return _hits(question, evidence, cites)
    if len(evidence.scopes) == 1:
        return _one(Telling(question, evidence, cites, voice))
    return _many(question, evidence, cites, voice)


def _one(telling: Telling) -> Passage:
    question, evidence = telling.question, telling.evidence
    if question.variables:
        return readings.state(telling)
    if evidence.rows or (question.ask is Ask.HOW_LONG and not question.target.kinds):
        if question.ask is Ask.WHY:
            return causes.why(telling)
        if question.ask in ACCOUNTS:
            return _account(telling)
        return _hits(question, evidence, telling.cites)
    if evidence.unmatched:
        return unmatched(telling)
    if evidence.elsewhere:
        return elsewhere(telling)
    return _nothing(telling)


def _account(telling: Telling) -> Passage:
    if telling.question.ask is Ask.COUNT and not telling.question.target.kinds:
        return _naming(telling)
    return ACCOUNTS[telling.question.ask](telling)


def _naming(telling: Telling) -> Passage:
    """A count of something the timeline has no kind for: the rows that name it, and no claim beyond that."""
    rows, asked = telling.evidence.rows, " ".join(telling.question.target.subject)
    named = [f"{phrases.quote(row.text)} {telling.cites.row(row)}" for row in rows]
    shown = listed(named if len(named) <= 8 else [*named[:7], f"{len(named) - 7} more"])
    lines = f"{len(rows)} row{' names' if len(rows) == 1 else 's name'}"
    return Passage(f"The timeline has no events of that name to count; {lines} “{asked}”: {shown}.", supported=True)


# --------------------------------------------------------------------------------------- many videos


def _many(question: Question, evidence: Evidence, cites: Cites, voice: Voice) -> Passage:
    """One paragraph a video that has something to say, the videos with most rows first; the others in one sentence."""
    parts = [_part(evidence, scope) for scope in evidence.scopes]
    if question.variables:
        speaking = [p for p in parts if p.states or p.context]
    else:
        speaking = [p for p in parts if p.rows or (question.ask is Ask.HOW_LONG and not question.target.kinds)]
    if not speaking:
        whole = Telling(question, evidence, cites, voice)
        return unmatched(whole) if evidence.unmatched else elsewhere(whole) if evidence.elsewhere else _nothing(whole)
    speaking.sort(key=lambda p: -len(p.rows))
    lines, supported = [], False
    for part in speaking[:TOLD_VIDEOS]:
        passage = _one(Telling(question, part, cites, voice))
        supported = supported or passage.supported
        lines.append(f"{phrases.plain(part.videos[0].title)} ({part.videos[0].video_id}): {passage.text}")
    for part in speaking[TOLD_VIDEOS:]:
        cites.each(part.rows)
    text = "\n".join([*_lead(question, evidence, speaking), *lines, *_rest(question, parts, speaking)])
    return Passage(text, supported=supported)


def _part(evidence: Evidence, scope: Scope) -> Evidence:
    mine = scope.video.video_id
    return Evidence(
        scopes=(scope,),
        rows=tuple(row for row in evidence.rows if row.video_id == mine),
        unmatched=tuple(row for row in evidence.unmatched if row.video_id == mine),
        elsewhere=tuple(row for row in evidence.elsewhere if row.video_id == mine),
        context=tuple(row for row in evidence.context if row.video_id == mine),
        anchors=tuple(row for row in evidence.anchors if row.video_id == mine),
        states=tuple(state for state in evidence.states if state.video_id == mine),
    )


def _lead(question: Question, evidence: Evidence, speaking: list[Evidence]) -> list[str]:
    if question.ask not in (Ask.COUNT, Ask.LIST, Ask.TOTAL, Ask.YES_NO) or not question.target.kinds:
        return []
    total = len(evidence.rows)
    kinds = listed([phrases.counted(sum(row.tells(k) for row in evidence.rows), k) for k in question.target.kinds])
    if question.ask is Ask.YES_NO:
        return []
    if question.target.which is not None or not total:
        return []
    return [f"{kinds[0].upper()}{kinds[1:]} in {len(speaking)} of {len(evidence.scopes)} videos."]


def _rest(question: Question, parts: list[Evidence], speaking: list[Evidence]) -> list[str]:
    lines = []
    if len(speaking) > TOLD_VIDEOS:
        names = listed([part.videos[0].video_id for part in speaking[TOLD_VIDEOS:][:20]])
        lines.append(f"Not told in full here, though cited: {names}.")
    silent = [part.videos[0].video_id for part in parts if part not in speaking]
    if silent:
        more = "" if len(silent) <= 20 else f" and {len(silent) - 20} more"
        lines.append(f"Nothing of it on the timeline of {listed(silent[:20])}{more}.")
    return lines


# ----------------------------------------------------------------------------------- found by search


def _hits(question: Question, evidence: Evidence, cites: Cites) -> Passage:
    """The rows that speak of the question's words or lie near them in meaning; the nearest one named if none does."""
    words = question.words
    close = [row for row in evidence.rows if is_about(row, words)]
    where = (
        f" {describe_spans(evidence.scopes[0])}"
        if len(evidence.scopes) == 1 and not evidence.scopes[0].everywhere
        else ""
    )
    asked = f"“{question.search_text}”"
    if not close:
        nearest = ""
        if evidence.rows:
            row = evidence.rows[0]
            nearest = f" The nearest row is {phrases.quote(row.text)} {cites.row(row)}, which does not speak of it."
        text = f"The timeline holds nothing on {asked}{where}. {_searches(evidence)}{nearest} {_holdings(evidence)}"
        return Passage(text.strip(), supported=False)
    lead = f"On {asked}{where} the timeline has"
    if question.ask is Ask.COUNT:
        lead = f"The timeline has no events of that name to count. On {asked}{where} it has"
    if question.ask is Ask.YES_NO and vocabulary.names_all(words, row_words(close[0])):
        lead = "The timeline speaks of it"
    shown = close[:SHOWN_HITS]
    if len(shown) == 1:
        return Passage(f"{lead}: {_hit(shown[0], cites)}.", supported=True)
    return Passage("\n".join([f"{lead}:", *(f"- {_hit(row, cites)}" for row in shown)]), supported=True)


def _beside(question: Question, evidence: Evidence, cites: Cites, voice: Voice) -> Passage:
    """Events of the kind asked about, none that names the thing; and the rows of other kinds that do."""
    telling = Telling(question, replace(evidence, rows=()), cites, voice)
    passage = unmatched(telling) if evidence.unmatched else elsewhere(telling)
    told = {row.row_id for row in (*evidence.unmatched, *evidence.elsewhere)}
    naming = [row for row in evidence.rows if vocabulary.names_all(question.target.subject, row_words(row))]
    beside = [_hit(row, cites) for row in naming if row.row_id not in told][:SHOWN_HITS]
    also = f" Besides, the timeline has {listed(beside)}." if beside else ""
    return Passage(passage.text + also, supported=passage.supported)


def _hit(row: Row, cites: Cites) -> str:
    who = "said: " if row.is_said else "on the screen: " if row.is_shown else ""
    return f"{cites.row(row)} {who}{phrases.quote(phrases.words_of(row) if who else phrases.told(row))}"


# ------------------------------------------------------------------------------------------- nothing


def _nothing(telling: Telling) -> Passage:
    """No row at all: a count of none where the game's rules find the kind, otherwise that it cannot be told."""
    question, evidence = telling.question, telling.evidence
    where = f" {telling.where}" if len(evidence.scopes) == 1 and telling.where else ""
    kinds = question.target.kinds
    if not kinds or question.ask not in _COUNTED:
        return Passage(
            f"The timeline holds nothing{where or ' at all'}. {_searches(evidence)} {_holdings(evidence)}".strip(),
            supported=False,
        )
    named = listed([phrases.words_for(kind).many for kind in kinds], last="or")
    known = [video.recorded_kinds for video in evidence.videos]
    if all(known) and all(set(kinds) <= set(recorded) for recorded in known):
        no = "No. " if question.ask is Ask.YES_NO else ""
        text = f"{no}{phrases.sentence(f'the timeline records no {named}{where}')}"
        is_answer = question.ask in (Ask.COUNT, Ask.YES_NO, Ask.LIST, Ask.TOTAL)
        return Passage(f"{text} {_holdings(evidence)}".strip(), supported=is_answer)
    unknown = all(known) and any(not set(kinds) <= set(recorded) for recorded in known)
    why = "the rules of this game find none" if unknown else "whether its game's rules find them is not known"
    text = f"The timeline records no {named}{where}, and {why}: this is not to say that there were none."
    return Passage(f"{text} {_holdings(evidence)}".strip(), supported=False)


def _searches(evidence: Evidence) -> str:
    """Which searches were made, as one sentence."""
    made = [lookup.describe() for lookup in evidence.lookups if lookup.method == "search"]
    made = made or [lookup.describe() for lookup in evidence.lookups[:1]]
    return f"Looked at: {'; '.join(made)}." if made else ""


def _holdings(evidence: Evidence) -> str:
    """What the timeline does hold."""
    if not evidence.inventory:
        return ""
    return f"What it holds: {phrases.counted_kinds(evidence.inventory)}."
