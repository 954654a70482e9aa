"""Questions and answers against what the game engine logged (pure).

`TruthLog` is the truth of a recording as a log that claims can be held against. It speaks of what a video shows, in the
words of the game's rules: the engine's classes become the subjects of the timeline, a number of the status bar changes
one tic after the engine's, a hit costs the health that was left. `judge` holds a pair against it, its claims and its
words: a figure in the answer that no claim states is a disagreement, so that words and claims cannot part.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from rapidfuzz import fuzz

from gvlm_resources.dataset.claims import CANNOT_TELL, FALSE, TRUE, Happened, Log, Run, holds, letters
from gvlm_resources.dataset.grounding.grounding_reading import differences, named_by, wrong_way_round
from gvlm_resources.dataset.grounding.grounding_text import Names, content, says_it_cannot_be_told, stated, words
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.game import Game, MessageRule
from gvlm_resources.simulator.items import WEAPON_SLOT
from gvlm_resources.simulator.truth import Truth
from gvlm_resources.timebase import NS_PER_S, Span, format_clock

UNCHECKABLE = "uncheckable"
SLACK_NS = 250_000_000  # beyond the second that a clock names
EDGE_NS = 60_000_000  # two tics: what lies so near to the edge of a span may count or not
ONE_HIT_NS = 150_000_000  # hits in neighbouring tics so close together may be one hit or several

AMMUNITION = {"bullets": "ammo2", "shells": "ammo3", "rockets": "ammo5", "cells": "ammo6"}
CARRIED_BY_SLOT = {2: "bullets", 3: "shells", 4: "bullets", 5: "rockets", 6: "cells", 7: "cells"}
HUD_KINDS = frozenset(
    {"damage", "heal", "armor", "pickup", "shot", "death", "respawn", "weapon_change", "message", "secret", "speech"}
)
STATUS_BAR_WORDS = frozenset({"ammo", "health", "arms", "armor", "bull", "shel", "rokt", "cell"})
LIKE_A_MESSAGE = 60.0  # of 100: a text so like a message of that time is that message, misread


@dataclass(frozen=True, slots=True)
class _Logged:
    start_ns: int
    subject: str
    amount: float | None
    also: str = ""  # a further subject that the timeline may have for it
    perhaps: bool = False


class TruthLog:
    """One recording's truth as a log. `game` gives the names of things."""

    slack_ns = SLACK_NS
    edge_ns = EDGE_NS

    def __init__(self, truth: Truth, game: Game) -> None:
        self.truth = truth
        self.game = game
        self._pts: list[int] = truth.tics["pts_ns"].to_pylist()
        self._rules = [(re.compile(rule.pattern, re.IGNORECASE), rule) for rule in game.messages]
        self._columns: dict[str, list] = {}

    # ----------------------------------------------------------------------------------- the Log

    def records(self, kind: str, subject: str) -> bool:
        return kind in HUD_KINDS and (not subject or subject.casefold() in self._subjects[kind])

    def happened(self, kind: str, subject: str, span: Span) -> Sequence[Happened]:
        wanted = subject.casefold()
        return [
            Happened(one.start_ns, one.amount, one.perhaps)
            for one in self._events.get(kind, ())
            if span.contains(one.start_ns) and wanted in ("", one.subject.casefold(), one.also.casefold())
        ]

    def runs(self, variable: str, span: Span) -> Sequence[Run] | None:
        shown = self._variables.get(variable)
        if shown is None:
            return None
        first = max(0, bisect_right(self._starts_of[variable], span.start_ns) - 1)
        last = bisect_left(self._starts_of[variable], span.end_ns)
        return [
            Run(max(run.start_ns, span.start_ns), min(run.end_ns, span.end_ns), run.value) for run in shown[first:last]
        ]

    def shows(self, text: str, span: Span) -> bool | None:
        """By the frames' message lines, the status bar's words and its numbers; a level's walls are not logged."""
        wanted = letters(text)
        if wanted in STATUS_BAR_WORDS:
            return True
        lines = [shown for start, end, shown in self._lines if start < span.end_ns and end > span.start_ns]
        if any(wanted in letters(shown) for shown in lines):
            return True
        if wanted.isdigit():
            numbers = {run.value for variable in self._variables for run in self.runs(variable, span) or ()}
            return True if float(wanted) in numbers else None
        like = max((fuzz.partial_ratio(wanted, letters(shown)) for shown in lines), default=0)
        return False if like >= LIKE_A_MESSAGE else None

    def says(self, text: str, span: Span) -> bool | None:
        """Nobody speaks in these games."""
        return False

    def tells(self, claim: Claim) -> str | None:
        """What the status bar and the messages show: all that a frame says in words or figures, but for walls.

        A message tells of a subject where it holds all its words.
        """
        for name in (claim.kind, claim.subject.casefold()):
            if name in HUD_KINDS:
                return f"the screen tells of {name}"
            if name in self._variables:
                return f"the status bar shows {name}"
        wanted = set(content(claim.subject, "en"))
        for start, end, text in self._lines if wanted else ():
            if start < claim.end_ns and end > claim.start_ns and wanted <= set(words(text)):
                return f"the screen says {text!r}"
        return "" if wanted else None

    # ------------------------------------------------------------------------- events, as shown

    @cached_property
    def _subjects(self) -> Mapping[str, frozenset[str]]:
        """The subjects by kind that this log would know if they had come up."""
        names: dict[str, set[str]] = {kind: set() for kind in HUD_KINDS}
        for rule in self.game.messages:
            names.get(rule.kind, set()).add((rule.subject or "").casefold())
        for variable in self.game.variables:
            names["pickup"].add(variable.words.casefold())
            if variable.used_by:
                names["shot"].add(variable.used_by.casefold())
                names["weapon_change"].add(variable.used_by.casefold())
        names["damage"] |= {"health", "armor"}
        names["heal"].add("health")
        names["armor"].add("armor")
        names["respawn"].add("health")
        names["death"].add("health")
        return {kind: frozenset(found - {""}) for kind, found in names.items()}

    @cached_property
    def _events(self) -> Mapping[str, list[_Logged]]:
        plain = {kind: list(self._numbers(kind)) for kind in ("heal", "armor", "respawn")}
        return {
            **plain,
            "damage": self._hits(),
            "pickup": list(self._pickups()),
            "shot": list(self._weapons("shot")),
            "weapon_change": list(self._weapons("weapon_change")),
            "death": list(self._deaths()),
            "message": list(self._told("message")),
            "secret": [_Logged(one.start_ns, "", 1) for one in self.truth.of_kind("secret")],
            "speech": [],
        }

    def _numbers(self, kind: str) -> Iterator[_Logged]:
        subject = "armor" if kind == "armor" else "health"
        for one in self.truth.of_kind(kind):
            yield _Logged(self._shown_ns(one.event.start_tic, kind), subject, one.amount)

    def _hits(self) -> list[_Logged]:
        """Each tic in which health or armor was lost. The amount is the health that the status bar lost.

        Hits within ONE_HIT_NS of the one before, and those that armor took alone, may be counted as hits or not.
        """
        health, armor, dead = self._column("health"), self._column("armor"), self._column("dead")
        taken = self._column("damage_taken")
        found: list[_Logged] = []
        for tic in range(1, len(self._pts)):
            if dead[tic - 1] or (dead[tic - 1] and not dead[tic]):
                continue
            lost = min(max(0, taken[tic] - taken[tic - 1]), max(0, health[tic - 1]))
            worn = max(0, armor[tic - 1] - armor[tic])
            if not lost and not worn:
                continue
            at = self._shown_ns(tic, "damage")
            again = bool(found) and at - found[-1].start_ns <= ONE_HIT_NS
            subject = "health" if lost else "armor"
            found.append(_Logged(at, subject, lost or worn, perhaps=again or not lost))
        return found

    def _pickups(self) -> Iterator[_Logged]:
        """Each message of a thing taken. Its amount is what the first number that it raises rose by in that tic."""
        for one in self.truth.of_kind("message"):
            rule = self._rule(one.subject)
            if rule is None or rule.kind != "pickup":
                continue
            tic = one.event.start_tic
            rises = {name: self._rise(name, tic) for name in (*rule.gives, *rule.may_give)}
            raised = next((v for v in self.game.variables if rises.get(v.name, 0) > 0), None)
            amount = rises[raised.name] if raised else None
            yield _Logged(self._shown_ns(tic, "pickup"), rule.subject or "", amount, raised.words if raised else "")

    def _rise(self, variable: str, tic: int) -> float:
        values = self._column(AMMUNITION.get(variable, variable))
        return values[tic] - values[tic - 1] if tic else 0

    def _weapons(self, kind: str) -> Iterator[_Logged]:
        used_by = {rule.name: rule.used_by or rule.words for rule in self.game.variables}
        for one in self.truth.of_kind(kind):
            carried = CARRIED_BY_SLOT.get(WEAPON_SLOT.get(one.subject, 0), "")
            subject = used_by.get(carried, one.subject)
            yield _Logged(self._shown_ns(one.event.start_tic, kind), subject, one.amount if kind == "shot" else None)

    def _deaths(self) -> Iterator[_Logged]:
        """Each death with the killer that a message of the same tic or the next ones names."""
        told = [
            one for one in self.truth.of_kind("message") if (rule := self._rule(one.subject)) and rule.kind == "death"
        ]
        for one in self.truth.of_kind("death"):
            near = [message for message in told if abs(message.start_ns - one.start_ns) <= NS_PER_S // 2]
            rule = self._rule(near[0].subject) if near else None
            subject = self._subject(rule, near[0].subject) if rule else ""
            yield _Logged(self._shown_ns(one.event.start_tic, "death"), subject, 1)

    def _told(self, kind: str) -> Iterator[_Logged]:
        """Messages that stand for no other kind of event."""
        for one in self.truth.of_kind("message"):
            rule = self._rule(one.subject)
            if rule is None or rule.kind == kind:
                yield _Logged(one.start_ns, self._subject(rule, one.subject) if rule else "", 1)

    def _rule(self, line: str) -> MessageRule | None:
        return next((rule for pattern, rule in self._rules if pattern.search(line)), None)

    @staticmethod
    def _subject(rule: MessageRule, line: str) -> str:
        found = re.search(rule.pattern, line, re.IGNORECASE)
        group = found[1] if found and found.re.groups else ""
        return (rule.subject or "{}").replace("{}", group or "")

    def _shown_ns(self, tic: int, kind: str) -> int:
        """When the frame that shows it stands on the screen: one tic late, but for a respawn."""
        late = 0 if kind == "respawn" else 1
        return self._pts[min(tic + late, len(self._pts) - 1)]

    # ------------------------------------------------------------------------ numbers and lines

    @cached_property
    def _variables(self) -> Mapping[str, list[Run]]:
        shown = {name: self._column(f"hud_{name}") for name in ("health", "armor", "ammo")}
        dead = self._column("dead")
        for name, column in AMMUNITION.items():
            values = self._column(column)
            late = [values[0], *values[:-1]]
            stood_up = [False, *(before and not now for before, now in pairwise(dead))]
            shown[name] = [now if up else was for now, was, up in zip(values, late, stood_up, strict=True)]
        return {name: self._runs_of(values) for name, values in shown.items()}

    @cached_property
    def _starts_of(self) -> Mapping[str, list[int]]:
        return {name: [run.start_ns for run in runs] for name, runs in self._variables.items()}

    def _runs_of(self, values: Sequence[float | None]) -> list[Run]:
        starts = [tic for tic in range(len(values)) if tic == 0 or values[tic] != values[tic - 1]]
        ends = [*(self._pts[tic] for tic in starts[1:]), self.truth.recording.duration_ns + NS_PER_S]
        return [
            Run(self._pts[tic], end, None if values[tic] is None else float(values[tic]))  # type: ignore[arg-type]
            for tic, end in zip(starts, ends, strict=True)
        ]

    @cached_property
    def _lines(self) -> list[tuple[int, int, str]]:
        """Stretches of equal message lines, as one text; a message that stands elsewhere for its usual time."""
        rows = list(enumerate(" ".join(lines) for lines in self._column("hud_messages")))
        shown = []
        for text, group in groupby(rows, key=lambda row: row[1]):
            tics = [tic for tic, _ in group]
            end = self._pts[tics[-1] + 1] if tics[-1] + 1 < len(self._pts) else self.truth.recording.duration_ns + 1
            shown.append((self._pts[tics[0]], end, text))
        stood_ns = round(self.game.feed.shown_s * NS_PER_S)
        shown += [(one.start_ns, one.start_ns + stood_ns, one.subject) for one in self.truth.of_kind("message")]
        return [line for line in shown if line[2]]

    def _column(self, name: str) -> list:
        if name not in self._columns:
            self._columns[name] = self.truth.tics[name].to_pylist()
        return self._columns[name]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdict` is `true | false | uncheckable`. `details` say of each claim that is not true what the log holds."""

    pair: Pair
    verdict: str
    details: tuple[str, ...]


def judge(pair: Pair, log: Log, names: Names) -> Judgement:
    """A pair is true where all its claims are and its words state no figure beside them; false where one is.

    It is uncheckable where it has no claims, or the log can tell none of them. Where it can tell some of them and the
    rest not, the pair is uncheckable too: what is not checked is not counted as true.
    """
    verdicts = [(claim, holds(claim, log)) for claim in pair.claims]
    wrong = [f"{_said(claim)}: {verdict.detail}" for claim, verdict in verdicts if verdict.result == FALSE]
    unstated = unclaimed(pair, names)
    if turned := wrong_way_round(pair, stated(pair.question, pair.language, names)):
        unstated = (*unstated, turned)
    if wrong or unstated:
        return Judgement(pair, FALSE, (*wrong, *unstated))
    open_ones = [f"{_said(claim)}: {verdict.detail}" for claim, verdict in verdicts if verdict.result == CANNOT_TELL]
    if open_ones or not verdicts:
        return Judgement(pair, UNCHECKABLE, tuple(open_ones) or ("it claims nothing",))
    return Judgement(pair, TRUE, ())


def unclaimed(pair: Pair, names: Names) -> tuple[str, ...]:
    """Clocks, numbers and names of the answer that neither a claim nor the question states."""
    said, asked = stated(pair.answer, pair.language, names), stated(pair.question, pair.language, names)
    if pair.kind == "unanswerable" or says_it_cannot_be_told(pair.answer, pair.language):
        return ()
    numbers = {claim.value for claim in pair.claims} | set(asked.numbers) | _digits_of_claims(pair)
    subjects = {s.casefold() for claim in pair.claims for s in (claim.subject, claim.other_subject) if s}
    subjects |= {subject for text in subjects for subject in (*names.told(text), *names.used_by(text))}
    numbers |= differences(pair.claims)
    found = [
        f"the answer says {format_clock(clock * NS_PER_S)}, which no claim states"
        for clock in said.clocks_s
        if clock not in asked.clocks_s and clock not in _edges(pair)
    ]
    found += [f"the answer says {number:g}, which no claim states" for number in said.numbers if number not in numbers]
    found += [
        f"the answer names {name!r}, which no claim states"
        for name in said.names
        if name not in asked.names and not _is_of(name, subjects, names)
    ]
    return tuple(found)


def _is_of(name: str, subjects: set[str], names: Names) -> bool:
    own = names.subjects(name)
    return bool(own & subjects) or any(letters(name) in letters(subject) for subject in subjects)


def _digits_of_claims(pair: Pair) -> set[float]:
    """Digits of names and texts that are claimed, and how many claims of one sort there are."""
    whats = [claim.what for claim in pair.claims]
    digits = {float(found) for claim in pair.claims for found in re.findall(r"\d+", claim.subject)}
    return digits | {float(whats.count(what)) for what in whats}


def _edges(pair: Pair) -> set[int]:
    """Seconds that a claimed span is named by; of a pair without claims, its own."""
    spans = [claim.span for claim in pair.claims if claim.what != "unknown"]
    spans += [claim.other_span for claim in pair.claims if claim.other_end_ns > claim.other_start_ns]
    return {second for span in spans or [pair.span] for second in named_by(span)}


def _said(claim: Claim) -> str:
    value = "" if claim.value is None else f" {claim.value:g}"
    return " ".join(part for part in (claim.what, claim.kind, claim.subject) if part) + value


def wilson(true: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval that a share of `true` in `of` lies in at 95 % (Wilson's, which holds near 0 and 1)."""
    if of == 0:
        return 0.0, 1.0
    share, square = true / of, z * z / of
    middle = share + square / 2
    spread = z * math.sqrt(share * (1 - share) / of + square / (4 * of))
    return max(0.0, (middle - spread) / (1 + square)), min(1.0, (middle + spread) / (1 + square))
