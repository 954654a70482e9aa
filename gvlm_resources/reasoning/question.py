"""A question as it was asked, taken apart (pure): what it asks for, about which events, and when.

`parse` never guesses a meaning it has no words for: what it does not know stays in `words` and `search_text`, and the
question becomes `Ask.OPEN`, a search. Questions are read as English, in the first, second or third person;
`languages.read` puts other languages into that English first.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import asides, vocabulary
from gvlm_resources.reasoning import times as clocks
from gvlm_resources.reasoning.times import ORDINALS, Relation, TimeReference, VideoClock
from gvlm_resources.timebase import NS_PER_S, Span

MAX_CHARS = 1_000


class Ask(StrEnum):
    COUNT = "count"
    TOTAL = "total"  # a sum of amounts: "how much damage did I take"
    WHEN = "when"
    STATE = "state"  # a HUD variable at a time
    WHY = "why"
    WHAT_HAPPENED = "what_happened"
    LIST = "list"
    SUMMARY = "summary"
    EXTREME = "extreme"
    HOW_LONG = "how_long"
    YES_NO = "yes_no"
    WHICH_FIRST = "which_first"
    OPEN = "open"


class AnchorRelation(StrEnum):
    AT = "at"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are meant: kinds, words their rows must name, and which of them in order of time.

    `which` counts from 1, from the end where negative (-1 is the last); None means all of them.
    """

    kinds: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    which: int | None = None

    def __post_init__(self) -> None:
        if self.which == 0:
            raise ValueError("the first event is 1 and the last is -1; there is no event 0")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time given by an event: "before my second death", "10 seconds after I picked up the shotgun"."""

    text: str
    relation: AnchorRelation
    event: EventQuery
    offset_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a yes/no question compares with: "more than twice" is `>` 2."""

    operator: str  # > >= < <= ==
    number: float
    is_count: bool  # of events; otherwise of their amounts, or of a variable's value

    def holds(self, value: float) -> bool:
        checks = {
            ">": value > self.number,
            ">=": value >= self.number,
            "<": value < self.number,
            "<=": value <= self.number,
            "==": value == self.number,
        }
        return checks[self.operator]


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    ask: Ask
    times: tuple[TimeReference, ...]
    spans: tuple[Span, ...]  # where the times steer; empty: the whole video, unless `is_outside`
    target: EventQuery
    anchors: tuple[Anchor, ...]
    variables: tuple[str, ...]  # whose values are asked for
    threshold: Threshold | None
    words: tuple[str, ...]  # what it is about, beyond times and events
    search_text: str
    first_person: bool
    wants_lowest: bool  # of an EXTREME: the smallest, not the largest
    life: int | None  # of a HOW_LONG: which life, counted as `EventQuery.which` is
    is_outside: bool  # times were given, and no part of the video lies there
    notes: tuple[str, ...]
    read_as: str  # the English that was taken apart: `text`, or what languages.py made of it
    named: tuple[str, ...] = ()  # every variable that it names, whatever it asks
    quoted: tuple[str, ...] = ()  # what stands in quotes
    left_out: tuple[str, ...] = ()  # kinds of events that are not wanted
    step: int = 0  # 1: only what came next, -1: only what came before
    compared: tuple[EventQuery, ...] = ()  # of a WHICH_FIRST: the two events


def parse(text: str, *, duration_ns: int, moment_window_s: float) -> Question:
    """`text` taken apart for a video of `duration_ns`; a moment is `moment_window_s` to either side of a named time.

    Raises QuestionError where there is no question, or one of more than 1,000 characters.
    """
    line = clean(text)
    clock = VideoClock(duration_ns, max(1, round(moment_window_s * NS_PER_S)))
    wanted, left_out = asides.take_left_out(line)
    found = clocks.find_times(wanted, clock)
    parts = asides.two_parts(found.rest)
    if parts is not None:
        return _which_first(line, found, parts)
    rest, anchors = _take_anchors(_HUD_VALUE.sub(_value, _LOOK_FOR.sub("", found.rest)))
    step = asides.step_of(rest) if found.references or anchors else 0
    times = _stepped(found.references, step, clock)
    anchors = _steered(anchors, step, is_timed=bool(times))
    kinds = () if step else vocabulary.find_kinds(rest)
    threshold = _threshold(rest)
    variables = vocabulary.find_variables(rest)
    when_given = bool(times or anchors)
    words = _words_beyond(rest, kinds)
    ask = _ask(rest, kinds, variables, when_given=when_given or bool(found.unread), words=words)
    ask, asked_for, anchors = _asked_for(Ask.WHAT_HAPPENED if step else ask, rest, kinds, words, anchors)
    named = _kinds_of(ask, rest, kinds)
    is_life = ask is Ask.HOW_LONG and "respawn" in named
    which = _which(rest, ask)
    target = asked_for or EventQuery(named, _subject(ask, rest, words, named), None if is_life else which)
    spans = clocks.steer(times)
    return Question(
        text=line,
        ask=ask,
        times=times,
        spans=spans,
        target=target,
        anchors=tuple(anchors),
        variables=variables if _is_about_state(ask, rest, target) else (),
        threshold=threshold if ask is Ask.YES_NO or (ask is Ask.WHEN and not target.kinds) else None,
        words=words,
        search_text=rest.strip(" ?!.,") or line,
        first_person=_is_first_person(line),
        wants_lowest=_LOWEST.search(rest) is not None,
        life=which if is_life else None,
        is_outside=not spans and (bool(times) or (bool(found.unread) and ask is Ask.WHAT_HAPPENED)),
        notes=found.notes,
        read_as=line,
        named=variables,
        quoted=_quoted(line),
        left_out=left_out,
        step=step,
    )


def _which_first(line: str, found: clocks.TimesFound, parts: asides.TwoParts) -> Question:
    """ "Which came first: my first death or the pickup of the shotgun?" """
    compared = tuple(_event_named(part) for part in (parts.one, parts.other))
    spans = clocks.steer(found.references)
    return Question(
        text=line,
        ask=Ask.WHICH_FIRST,
        times=found.references,
        spans=spans,
        target=EventQuery(),
        anchors=(),
        variables=(),
        threshold=None,
        words=_words_beyond(f"{parts.one} {parts.other}", ()),
        search_text=found.rest.strip(" ?!.,") or line,
        first_person=_is_first_person(line),
        wants_lowest=not parts.wants_later,
        life=None,
        is_outside=not spans and bool(found.references),
        notes=found.notes,
        read_as=line,
        quoted=_quoted(line),
        compared=compared,
    )


def _event_named(text: str) -> EventQuery:
    """The event of "the first shot with the shotgun": one kind, the words beside it, the first where none is said."""
    kinds = vocabulary.find_kinds(text)
    words = tuple(word for word in _words_beyond(text, kinds) if word not in _PLAYER_WORDS)
    nth = _NTH.search(text)
    return EventQuery((kinds[0].kind,), words, _ordinal(nth) or 1)


def _stepped(times: tuple[TimeReference, ...], step: int, clock: VideoClock) -> tuple[TimeReference, ...]:
    """The times of "at 0:20 I fired. What came next?": from that moment on, or up to it."""
    if not step or len(times) != 1 or times[0].span is None:
        return times
    (time,) = times
    ends = {Relation.AFTER: time.span.start_ns, Relation.BEFORE: time.span.end_ns}
    at_ns = time.at_ns if time.at_ns is not None else ends.get(time.relation)
    if at_ns is None:
        return times
    if step == asides.NEXT:
        return (replace(time, relation=Relation.AFTER, span=clock.clamp(at_ns, clock.duration_ns), at_ns=at_ns),)
    span = clock.clamp(0, at_ns + NS_PER_S)  # a clock names a whole second
    return (replace(time, relation=Relation.BEFORE, span=span, at_ns=at_ns),)


def _steered(anchors: list[Anchor], step: int, *, is_timed: bool) -> list[Anchor]:
    """The anchors of a step: beside a time they only say what happened then; alone they are where it starts from."""
    if not step:
        return anchors
    if is_timed:
        return []
    relation = AnchorRelation.AFTER if step == asides.NEXT else AnchorRelation.BEFORE
    return [replace(anchor, relation=relation) for anchor in anchors]


def _asked_for(
    ask: Ask, rest: str, kinds: tuple[vocabulary.KindFound, ...], words: tuple[str, ...], anchors: list[Anchor]
) -> tuple[Ask, EventQuery | None, list[Anchor]]:
    """What is asked for where only an event in a clause says it: "when was the last time I died"."""
    at = [anchor for anchor in anchors if anchor.relation is AnchorRelation.AT]
    if kinds or not at or len(anchors) != len(at) or any(anchor.offset_ns for anchor in at):
        return ask, None, anchors
    is_told = ask is Ask.WHAT_HAPPENED and _HAPPENED.search(rest)
    is_bare = ask in (Ask.OPEN, Ask.WHAT_HAPPENED) and not is_told and all(word in _POINTING for word in words)
    if ask is Ask.WHY or (ask is Ask.WHEN and not _crosses(rest)) or is_bare:
        return (ask if ask is Ask.WHY else Ask.WHEN), at[0].event, [a for a in anchors if a is not at[0]]
    return ask, None, anchors


_POINTING = frozenset(
    [
        "watch",
        "contain",
        "find",
        "locate",
        "jump",
        "skip",
        "seek",
        "look",
        "moment",
        "play",
        "rewind",
        "scrub",
        "bring",
        "part",
        "bit",
        "clip",
    ]
)


def _is_first_person(line: str) -> bool:
    return re.search(r"\b(?:i|i'm|me|my|mine|myself|we|us|our)\b", line, re.I) is not None


def _quoted(line: str) -> tuple[str, ...]:
    return tuple(found for found in re.findall(r'"([^"]+)"', line) if sum(map(str.isalnum, found)) > 1)


def _value(found: re.Match[str]) -> str:
    weapon = found["for"] or found["of"]
    return _LOADS.get(vocabulary.fold(weapon), "ammo") if weapon else (found["what"] or "ammo").lower()


def clean(text: str) -> str:
    """`text` on one line: control and invisible characters gone, typographic quotes and dashes made plain."""
    if len(text) > MAX_CHARS:
        raise QuestionError(f"the question has {len(text)} characters", remedy=f"ask in at most {MAX_CHARS:,}")
    plain = text.translate(_PLAIN)
    kept = "".join(c if unicodedata.category(c)[0] != "C" else (" " if c in "\t\r\n" else "") for c in plain)
    line = re.sub(r"\s+", " ", kept).strip()
    if not line:
        raise QuestionError("there is no question", remedy="ask one, such as “how many times did I die?”")
    return line


_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "：": ":", "＠": "@", "？": "?"}
)

# -------------------------------------------------------------------------------------------- anchors

_CONNECTIVE = re.compile(
    r"\b(?P<soft>(?:right|just|shortly|immediately|directly|soon)\s+)?"
    r"(?:(?P<before>before|until|till|prior\s+to|leading\s+up\s+to|(?<!led\s)up\s+to|ahead\s+of|by\s+the\s+time)"
    r"|(?P<after>after|following|since|once)"
    r"|(?P<at>when(?:ever)?|while|during|as|upon|at\s+the\s+(?:time|moment)\s+(?:of|when|that|at\s+which)|the\s+(?:moment|point|time)\s+(?:when|where|at\s+which|in\s+which|that)"
    r"|the\s+moment|at\s+which|in\s+which|at|around|on)"
    r"|(?P<between>between|from))\s+",
    re.I,
)
_TIME_OF = re.compile(
    rf"\b(?:the\s+)?(?P<nth>{'|'.join(ORDINALS)}|last|final|[0-9]{{1,3}}(?:st|nd|rd|th))\s+time\s+(?=\w)", re.I
)
_IN_LIFE = re.compile(
    r"\b(?:in|during|of|over)\s+(?:my|the|his|her|their|your)\s+"
    r"(?P<nth>first|second|third|fourth|fifth|last|final|[1-9][0-9]?(?:st|nd|rd|th))\s+life\b",
    re.I,
)
_EVER_NS = 10**18  # to the end of any video
_LEAD = re.compile(
    rf"(?:(?:{vocabulary.WHO}|my|our|your|his|her|their|the|this|that|when|at\s+which|in\s+which|moment|point|instant|a|an|each|every|any|all|had|has|have|was|were|just|finally|"
    r"actually|being|having|very|of)\s+)",
    re.I,
)
_SUBORDINATE = re.compile(rf"(?:{vocabulary.WHO})\b", re.I)
_NTH = re.compile(
    r"(?:(?P<from_end>second[\s-]to[\s-]last|next[\s-]to[\s-]last|penultimate|last|final|latest|most\s+recent)|(?P<next>next)"
    r"|(?P<prev>previous)|(?P<word>" + "|".join(ORDINALS) + r")|(?P<digits>[1-9][0-9]{0,2})(?:st|nd|rd|th))\b",
    re.I,
)
_LENGTH_LEAD = re.compile(r"(?:\b(?:in|during|over)\s+)?(?:\bthe\s+)?(?:\b(?:last|first|final|next)\s+)?$", re.I)
_BOUNDARY = re.compile(
    r"\s*(?:[,.;:?!]|$|\b(?:and|but|or|did|do|does|what|why|how|who|when|where|which|was|were|is|are|in|on|at|with|from|before"
    r"|after|for|again|until|then|i|we|you|he|she|they|the\s+player)\b)",
    re.I,
)


def _take_anchors(text: str) -> tuple[str, list[Anchor]]:
    """The times of `text` that events give, and `text` without them."""
    anchors: list[Anchor] = []
    position = 0
    while True:
        found = _next_connective(text, position)
        if found is None:
            return re.sub(r"\s+", " ", text).strip(" ,"), anchors
        taken = _anchor_at(text, found)
        if taken is None:
            position = found.end()
            continue
        new, start, end = taken
        anchors.extend(new)
        text = f"{text[:start]} {text[end:]}"
        position = start


def _next_connective(text: str, position: int) -> re.Match[str] | None:
    matches = [m for m in (pattern.search(text, position) for pattern in (_IN_LIFE, _CONNECTIVE, _TIME_OF)) if m]
    return min(matches, key=lambda m: m.start(), default=None)


def _anchor_at(text: str, found: re.Match[str]) -> tuple[list[Anchor], int, int] | None:
    """The anchors that the connective `found` opens, and the part of `text` they take."""
    start = found.start()
    if found.re is _IN_LIFE:
        return _life(found), start, found.end()
    first = None if _asks_rather(text, found) else _event_after(text, found.end())
    if first is None:
        return None
    event, end = first
    if found.re is _TIME_OF:
        event = replace(event, which=_ordinal(_NTH.match(found["nth"])))
        return [Anchor(text[start:end].strip(), AnchorRelation.AT, event)], start, end
    if found["between"]:
        return _between_events(text, start, event, end)
    if found["at"] and not _is_a_moment(found["at"], text[found.end() : end]):
        return None
    relation = _relation(text, found)
    length = clocks.trailing_length(text[:start].rstrip())
    offset_ns = None
    if length is not None and relation is not AnchorRelation.AT:
        start, offset_ns = length
        start = _LENGTH_LEAD.search(text[:start].rstrip() + " ").start()
    return [Anchor(text[start:end].strip(), relation, event, offset_ns)], start, end


def _life(found: re.Match[str]) -> list[Anchor]:
    """ "during my second life": from the first respawn to the second death."""
    nth, text = _ordinal(_NTH.match(found["nth"])) or 1, found.group().strip()
    anchors = [] if nth < 0 else [Anchor(text, AnchorRelation.BEFORE, EventQuery(("death",), which=nth), _EVER_NS)]
    if nth != 1:
        born = EventQuery(("respawn",), which=nth if nth < 0 else nth - 1)
        anchors.append(Anchor(text, AnchorRelation.AFTER, born, _EVER_NS))
    return anchors


def _asks_rather(text: str, found: re.Match[str]) -> bool:
    """ "when did I die" asks; "when I died" and "while shooting" tell."""
    if (
        found.re is _TIME_OF
        or not found["at"]
        or not re.match(r"when|while|as|at\s+which|in\s+which", found["at"], re.I)
    ):
        return False
    return not _SUBORDINATE.match(text, found.end()) and not re.match(r"\w+ing\b", text[found.end() :])


def _relation(text: str, found: re.Match[str]) -> AnchorRelation:
    if found["before"]:
        return AnchorRelation.BEFORE
    if found["after"]:
        return AnchorRelation.AFTER
    if re.search(r"\bhad\b", text[: found.start()], re.I):
        return AnchorRelation.BEFORE  # "how many items had I collected when I died": up to then
    return AnchorRelation.AT


def _is_a_moment(connective: str, words: str) -> bool:
    """ "at my death" names a moment; "on items" and "at health" do not."""
    if re.match(r"\s*(?:the\s+)?(?:screen|picture|hud|display|image|frame|top|bottom)\b", words, re.I):
        return False  # "what did the message on the screen say"
    if connective.lower() in ("at", "around", "on", "during"):
        return re.match(r"\s*(?:my|the|his|her|their|our|your|a|each|every)\b", words, re.I) is not None
    return True


def _between_events(text: str, start: int, event: EventQuery, end: int) -> tuple[list[Anchor], int, int] | None:
    """ "between my first and second death", "from the first death to the respawn"."""
    joined = re.match(r"\s*(?:,\s*)?(?:and|to|until|till)\s+", text[end:])
    if joined is None:
        return None
    second = _event_after(text, end + joined.end())
    if second is None:
        return None
    other, stop = second
    written = text[start:stop].strip()
    return [Anchor(written, AnchorRelation.AFTER, event), Anchor(written, AnchorRelation.BEFORE, other)], start, stop


def _event_after(text: str, position: int) -> tuple[EventQuery, int] | None:
    """The event that stands at `position`, after pronouns, ordinals and up to two words of its subject."""
    which: int | None = None
    subject: list[str] = []
    while position < len(text):
        kind = vocabulary.kind_at(text[position:])
        if kind is not None:
            end = position + kind.end
            words, end = _subject_after(text, end, kind.kind)
            which, end = _time_after(text, end, which)
            return EventQuery((kind.kind,), (*subject, *words), which), end
        lead = _LEAD.match(text, position)
        nth = None if lead else _NTH.match(text, position)
        word = None if lead or nth else re.match(r"([\w'-]+)\s+", text[position:])
        if lead is not None:
            position = lead.end()
        elif nth is not None:
            which = _ordinal(nth)
            position = (
                nth.end() + re.match(r"\s*(?:times?\s+(?:(?:that|when|at\s+which)\s+)?)?", text[nth.end() :]).end()
            )
            if re.match(r"and\s", text[position:], re.I):
                return _shared_noun(text, position, which)
        elif word is not None and len(subject) < 2 and not _BOUNDARY.match(text, position):
            subject.extend(vocabulary.telling_words(word.group(1)))
            position += word.end()
            if not vocabulary.telling_words(word.group(1)):
                return None
        else:
            return None
    return None


def _shared_noun(text: str, position: int, which: int | None) -> tuple[EventQuery, int] | None:
    """The first of "my first and second death": its event is the one that the second ordinal names."""
    later = _event_after(text, position + len("and "))
    if later is None:
        return None
    return EventQuery(later[0].kinds, later[0].subject, which), position


def _subject_after(text: str, position: int, kind: str) -> tuple[list[str], int]:
    """The item a pickup or a weapon change names after its verb: "picked up the red keycard"."""
    if kind == "sound":
        heard = re.match(r'\s+"([^"]+)"(?:\s+(?:was|is|could\s+be|can\s+be)\s+heard)?', text[position:])
        return (list(vocabulary.telling_words(heard[1])), position + heard.end()) if heard else ([], position)
    if kind == "shot" and not re.match(r"\s+(?:the|my|a|an|his|her)\s", text[position:]):
        return [], position
    if kind not in ("pickup", "weapon_change", "shot"):
        return [], position
    words: list[str] = []
    end = position
    while len(words) < 4 and not _BOUNDARY.match(text, end):
        word = re.match(r'\s*["(]?([\w\'-]+)[")]*', text[end:])
        if word is None:
            break
        words.extend(vocabulary.telling_words(word.group(1)))
        end += word.end()
    return words, end


def _time_after(text: str, position: int, which: int | None) -> tuple[int | None, int]:
    """ "for the second time" after an event."""
    found = re.match(rf"\s+(?:for\s+)?(?:the|my)\s+({_NTH.pattern})\s+time\b", text[position:], re.I)
    if found is None:
        return which, position
    return _ordinal(_NTH.match(found.group(1))), position + found.end()


def _ordinal(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    if found["word"]:
        return ORDINALS[found["word"].lower()]
    if found["digits"]:
        return int(found["digits"])
    if found["next"]:
        return 1
    if found["from_end"] and not re.match(r"last|final|latest|most", found["from_end"], re.I):
        return -2
    return -1


# -------------------------------------------------------------------------------------- what it asks

_WHO = vocabulary.WHO
_STATE_NAME = (
    r"(?:health|hp|hit\s?points?|armou?r|shields?|ammo|ammunition|bullets?|shells?|rockets?|missiles?|rounds?|cells?|score|lives|weapons?"
    r"|gun)"
)
_LOWEST = re.compile(
    r"\b(?:lowest|smallest|least|fewest|minimum|min|weakest|lightest|how\s+(?:low|little|few|far\s+down)|(?:low|bottom|worst)\s+(?:point|mark)"
    r"|bottom(?:ed|s)?\s+out)\b",
    re.I,
)
_GETS = re.compile(
    r"\bhow\s+(?:low|high|far)\b.*\b(?:get|gets|go|goes|went|fall|falls|fell|drop|sink|climb|rise|reach|become)\b"
    r"|\b(?:low|high|bottom|top|lowest|highest)\s+(?:point|mark|value|level|number|count|reading)\b|\bpeak(?:ed|s)?\b|\bbottom(?:ed|s)?\s+out\b"
    r"|\bmaxed\s+out\b|\btop\s+(?:health|hp|armou?r|ammo)\b",
    re.I,
)
_EXTREME = re.compile(
    r"\b(?:biggest|largest|highest|hardest|heaviest|worst|strongest|greatest|maximum|max|lowest|smallest|least|fewest|minimum|min|weakest"
    r"|lightest|most\s+(?:damag\w*|health|armou?r|ammo|painful|severe|hurt)|hurt\s+\w+\s+(?:the\s+)?most|(?:the\s+)?most\s+(?:damage|health))\b",
    re.I,
)
_STATE = re.compile(
    rf"\bhow\s+(?:much|many)\s+(?:\w+\s+)?{_STATE_NAME}\b.*\b(?:have|had|has|left|remain\w*|got|is|are|was|were|there|carry\w*|on\s+me)\b"
    rf"|\bhow\s+(?:much|many)\s+(?:\w+\s+)?{_STATE_NAME}\s*\??$"
    rf"|\b(?:what|what's|whats|how|how's|tell\s+me|show\s+me|give\s+me)\b(?:\s+\w+)?\s+(?:my|the|his|her|their|your|our|player's|current)\s+"
    rf"(?:player's\s+|current\s+|total\s+)?{_STATE_NAME}\b|\bwhat\s+{_STATE_NAME}\s+(?:did|was|do|am)\s|\bhow\s+healthy\b"
    rf"|^(?:(?:my|the|his|her|player|player's|current)\s+)*{_STATE_NAME}(?:\s+(?:level|count|value|points|total|left))?\s*\??$"
    rf"|\bwhich\s+(?:weapon|gun)\s+(?:did|was|were|am|is)\s+{_WHO}\s+(?:have|hold\w*|us\w*|carry\w*|wield\w*)"
    rf"|\bhow\s+(?:high|low|full|good|bad)\s+(?:is|was|were|are)\b.*\b{_STATE_NAME}\b",
    re.I,
)
# Words beside the name of a value that ask for it, whatever else they say.
_VALUE = re.compile(
    r"\bread(?:ing)?s?\b|\bvalues?\b|\blevels?\b|\bcompare[ds]?\b|\bdifferences?\b|\bdisplay(?:s|ed)?\b|\bstatus\b|\b(?:screen|hud)\b"
    r"|\bcheck\s+(?:my|the)\b",
    re.I,
)
_THING = re.compile(rf"\b(?:a|an|any|some)\s+(?:\w+\s+)?{_STATE_NAME}\b", re.I)  # "where do I see a rocket"
_YES_NO = re.compile(
    r"^(?:so\s+|and\s+|but\s+)?(?:did|do|does|was|were|is|are|am|have|has|had|could|can|will|would)(?:n't)?\b", re.I
)
_COUNT = re.compile(
    r"\bhow\s+many\b|\bhow\s+often\b|\bnumber\s+of\b|\bcount\b|\bhow\s+frequently\b|#\s*of\b|\btally\b|\btotal\s+(?:deaths|kills|pick-?ups|shots|hits|items)\b",
    re.I,
)
_TOTAL = re.compile(
    r"\bhow\s+much\b|\b(?:add|sum|tot|total)(?:s|ed|med|ming)?\s+up\b|\btotal\s+(?:amount|damage|health|healing)\b|\bsum\s+of\b|\bdamage\b.*\b(?:in\s+total|altogether|overall)\b",
    re.I,
)
_FILM = r"video|recording|clip|footage|stream|gameplay|playthrough|game|match|session"
_SHARE = r"third|half|quarter|part|section|segment|portion|stretch"
_PART_ASKED = rf"\b(?:which|what)\s+(?:{_SHARE})\s+of\s+(?:the|this|my)\s+(?:{_FILM})\b"
_WHEN = re.compile(
    r"^(?:and\s+|so\s+|exactly\s+|tell\s+me\s+|show\s+me\s+)*when(?:'s)?\b(?!\s+(?:i|we|you|he|she|they|it|the\s+player)\s+\w)|\b(?:at\s+)?(?:what|which)\s+(?:time|moment|"
    r"point|timestamp|second|minute)s?\b|\btime\s?stamps?\b|\bhow\s+(?:far\s+in|soon|early|late)\b"
    r"|^(?:moments?|times?)\s+(?:at\s+which|when|that)\b|[.!?;]\s+(?:and\s+|so\s+)*(?:exactly\s+)?when\b|\bfrom\s+when\b"
    rf"|\bwhere\s+(?:in|on|during)\s+(?:the|this|my)\s+(?:{_FILM}|timeline)\b|\btimes?\s+(?:of|when|at\s+which|that)\b|{_PART_ASKED}"
    rf"|\b(?:split|divide|cut|break)\b.*\b(?:{_FILM})\b.*\b(?:thirds|halves|quarters|parts|pieces)\b"
    r"|^(?:(?:show|give|tell|bring|take|point|jump|skip|go|seek|scrub|rewind)\s+(?:me\s+)?(?:back\s+|ahead\s+)?(?:to\s+)?)?"
    r"(?:the|my|(?=first|last))\s*(?:exact\s+|very\s+|precise\s+|first\s+|last\s+)?(?:moments?|times?|points?|seconds?|instants?|spots?|clock)\b(?!\s+(?:before|after|of\s+the\s+video))",
    re.I,
)
_WHY_WORD = re.compile(
    r"\bwhy\b|\bhow\s+come\b|\breasons?\b|\bcause[sd]?\b|\bexplain\b|\bhow\s+did\s+it\s+come\b|\bbecause\s+of\s+what\b|\bdue\s+to\s+what\b",
    re.I,
)
_WHY = re.compile(
    r"\b(?:what|which\s+\w+)\s+(?:killed|hurt|hit|led\s+to|led\s+up\s+to|made\s+me\s+die)\b|\bwho\s+(?:killed|hurt|hit|shot)"
    r"|\bwhat\s+(?:made|makes|caused|brought|let)\b|\bwhat\s+(?:was|is)\s+behind\b"
    rf"|^how\s+did\s+{_WHO}\s+(?:get|gain|regain|recover|lose|come\s+by|end\s+up)\b"
    rf"|^how\s+did\s+{_WHO}\s+(?:\w+\s+)?die\b|\bwhat\s+did\s+{_WHO}\s+die\s+(?:of|from|to)\b|\b(?:killed|hit|hurt|shot)\s+by\s+(?:what|who)",
    re.I,
)
_SUMMARY = re.compile(
    r"\bsummar(?:y|ies|i[sz](?:e[sd]?|ing))\b|\brecap(?:s|ped|itulate)?\b|\bsum(?:s|med|ming)?\s+(?:\w+\s+){0,2}?up\b|\brun-?\s?down\b|\bgist\b|\bsynopsis\b"
    r"|\b(?:run|walk|talk|take|guide)\s+me\s+through\b|\bbreak\s?-?down\b|\boutline\b|\bplay-by-play\b|\b(?:catch\s+me\s+up|fill\s+me\s+in|brief\s+me)\b"
    r"|\bboil(?:ed)?\b.*\bdown\b|\bin\s+short\b|\b(?:main|key|important|notable|major|most\s+important)\s+(?:events?|moments?|points?|things?|beats?|happenings)\b|\bin\s+a\s+(?:nutshell|few\s+(?:words|sentences))\b"
    r"|\b(?:short|quick|brief)\s+(?:version|account|overview|description)\b|\b(?:worth\s+knowing|(?:do|should)\s+i\s+(?:need\s+to\s+)?know)\b|\bin\s+(?:short|brief)\b"
    rf"|\bhow\s+did\s+{_WHO}\s+(?:fare|do|get\s+on|get\s+along|perform|manage|play|hold\s+up)\b|\bhow\s+(?:was|were)\s+{_WHO}\s+doing\b"
    r"|\boverview\b|\btl;?dr\b|\bhighlights?\b|\bhow\s+did\s+(?:it|the\s+\w+|this|things)\s+go\b"
    r"|\bwhat(?:'s|\s+is|\s+was)\s+(?:this|the|that)\s+(?:video|recording|clip|session|match)(?:\s+\w+)?\s+about\b"
    r"|\bdescribe\s+(?:the|this)\s+(?:whole\s+|entire\s+)?(?:video|recording|clip|session|match|game|run)\b",
    re.I,
)
_LIST = re.compile(
    r"\blist\b|\bshow\s+(?:me\s+)?(?:all|every|each|the|my)\b|\benumerate\b|\bname\s+(?:all|every|each|the)\b|\bgive\s+me\s+(?:all|every|each|a\s+list)\b"
    r"|\b(?:all|every|each)\s+(?:of\s+)?(?:the\s+|my\s+)?\w+|\b(?:which|what)\s+(?:\w+\s+)?(?:items?|weapons?|guns?|pick-?ups?|messages?|things|keys?|ammo|power-?ups?)\b"
    rf"|\bwhat\s+(?:all\s+)?(?:did|have|had)\s+{_WHO}\s+(?:all\s+)?(?:pick|collect|grab|get|find|loot|say|switch|equip)",
    re.I,
)
_HAPPENED = re.compile(
    r"\bwhat(?:'s|\s+all)?\s*(?:happen(?:s|ed|ing)?|occur(?:s|red)?|went\s+on|goes\s+on|(?:was|is)\s+(?:going\s+on|happening|there)|took\s+place|going\s+on)\b"
    rf"|\bwhat\s+(?:did|do|does|was|were|am|is)\s+{_WHO}\s+(?:do|doing|up\s+to)\b|\bdescribe\b|\btell\s+me\b|\bwhat\s+do\s+you\s+see\b"
    r"|\bwhat\s+(?:was|is)\s+(?:happening|on\s+(?:the\s+)?screen)\b|\bevents?\b|\bwhat\s+came\s+(?:next|before|after)\b|\bwhat\s+next\b",
    re.I,
)
_HOW_LONG = re.compile(
    r"\bhow\s+long\b|\bwhat\s+is\s+the\s+(?:length|duration)\b|\b(?:length|duration)\s+of\s+the\s+(?:video|recording|clip)\b",
    re.I,
)
# "Find the moment at which" orders a search; "did I find the key" tells of a pickup.
_LOOK_FOR = re.compile(
    r"^(?:(?:please|can\s+you|could\s+you|now|i\s+want\s+(?:you\s+)?to|i'd\s+like\s+to)\s+)*"
    r"(?:find|locate|look\s+up|get|take|fetch|grab|pick\s+out)\s+(?:me\s+|out\s+)?"
    r"(?=(?:the|moments?|my|all|every|each|any|out|to|a|an|where|when|what|how|which)\b|\"|.*\b(?:on\s+the\s+screen|in\s+the\s+picture)\b)",
    re.I,
)
# "The number of bullets" is a value that the HUD shows; "the number of bullets fired" is a count. What a weapon is
# loaded with is the same in all games of this family.
_LOADS = {
    **dict.fromkeys(("shotgun", "supershotgun"), "shells"),
    **dict.fromkeys(("pistol", "handgun", "chaingun", "minigun"), "bullets"),
    **dict.fromkeys(("launcher", "rocketlauncher"), "rockets"),
    **dict.fromkeys(("plasma", "bfg", "bfg9000", "rifle"), "cells"),
}
_HUD_VALUE = re.compile(
    r"(?:\b(?:number|count|amount)\s+of\s+(?:my\s+|the\s+)?(?P<what>bullets|shells|rockets|missiles|cells)"
    r"|\b(?:ammo|ammunition|rounds)(?:\s+count)?\s+(?:of|for|in)\s+(?:the|my)\s+(?:current\s+)?"
    rf"(?:(?:weapon|gun)(?:\s+(?:in\s+(?:my\s+|the\s+)?hand|in\s+use))?|(?:[\w-]+\s+)??(?P<for>{'|'.join(_LOADS)})s?)"
    rf"|\b(?P<of>{'|'.join(_LOADS)})(?:'s)?\s+(?:ammo|ammunition)\b)"
    r"(?!\s+(?:that\s+)?(?:\w+\s+){0,2}(?:picked|fired|used|spent|shot|found|collected|got|pickups?))",
    re.I,
)
_LIFE = re.compile(rf"\bsurviv|\balive\b|\blive[ds]?\b|\blife\b|\bdead\b|\b(?:did|do|does)\s+{_WHO}\s+last\b", re.I)
_WHOLE = re.compile(
    r"\b(?:video|recording|clip|game|session|match|run|footage|stream|gameplay|round|playthrough|timeline)\b"
    r"|\bhow\s+long\s+(?:is|was)\s+(?:it|this|that)\b",
    re.I,
)


def _ask(
    rest: str,
    kinds: tuple[vocabulary.KindFound, ...],
    variables: tuple[str, ...],
    *,
    when_given: bool,
    words: tuple[str, ...],
) -> Ask:
    """What a question without its times asks for; the first that fits, since "how many" outranks "when"."""
    named = bool(kinds)
    takes_amount = any(k.kind in ("damage", "heal", "armor", "shot", "pickup") for k in kinds)
    says_only = all(k.kind in ("message", "speech") for k in kinds)
    if _HOW_LONG.search(rest):
        return Ask.HOW_LONG if named or when_given or _LIFE.search(rest) or _WHOLE.search(rest) else Ask.OPEN
    if _YES_NO.match(rest):
        return Ask.YES_NO if named or variables or words or not when_given else Ask.WHAT_HAPPENED
    if (_EXTREME.search(rest) or _GETS.search(rest)) and (named or variables) and not _WHY_WORD.search(rest):
        return Ask.EXTREME
    if _WHY.search(rest) or _WHY_WORD.search(rest):
        return Ask.WHY
    if _WHEN.search(rest) and _crosses(rest):
        return Ask.WHEN
    if variables and _STATE.search(rest) and not takes_amount:
        return Ask.STATE
    if _COUNT.search(rest):
        return Ask.COUNT
    if _TOTAL.search(rest) and takes_amount:
        return Ask.TOTAL
    if _SUMMARY.search(rest):
        return Ask.SUMMARY
    if _WHEN.search(rest):
        return Ask.WHEN
    if variables and says_only and not _THING.search(rest) and (when_given or _VALUE.search(rest)):
        return Ask.STATE
    if named and (_LIST.search(rest) or not _HAPPENED.search(rest)):
        return Ask.LIST
    happened = _HAPPENED.search(rest)
    if happened or not words:
        is_told = happened and (not words or not re.match(r"tell|describe", happened.group(), re.I))
        return Ask.WHAT_HAPPENED if when_given else Ask.SUMMARY if is_told else Ask.OPEN
    return Ask.OPEN


def _kinds_of(ask: Ask, rest: str, kinds: tuple[vocabulary.KindFound, ...]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(k.kind for k in kinds))
    if ask is Ask.HOW_LONG and _LIFE.search(rest):
        return ("death", "respawn")
    if ask in (Ask.SUMMARY, Ask.STATE) or (ask in (Ask.WHEN, Ask.YES_NO) and _crosses(rest)):
        return ()
    if ask is Ask.EXTREME and vocabulary.find_variables(rest) and all(_only_has(rest[k.start : k.end]) for k in kinds):
        return ()
    return _heard(rest, named)


def _only_has(words: str) -> bool:
    """ "The lowest value it got to": a verb that has no meaning of its own beside a value."""
    return re.fullmatch(r"(?:get|got|find|found|t(?:ake|ook)|receiv|show|read|say)\w*", words, re.I) is not None


def _heard(rest: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """ "What was heard" may be words or a sound; "which sound" and "which words" say what of it."""
    if "speech" not in kinds and "sound" not in kinds:
        return kinds
    if re.search(
        r"\b(?:words?|said|says?|saying|sp[eo]\w+|talk\w*|speech|voices?|dialogue?|transcript|comment\w*|narrat\w+|utter\w*)\b",
        rest,
        re.I,
    ):
        return tuple(kind for kind in kinds if kind != "sound" or re.search(r"\b(?:sounds?|noises?)\b", rest, re.I))
    if re.search(r"\b(?:sounds?|noises?)\b", rest, re.I):
        return tuple(kind for kind in kinds if kind != "speech")
    return tuple(dict.fromkeys((*kinds, "speech", "sound")))


def _crosses(rest: str) -> bool:
    """ "when did my health drop below 50": a variable meets a number."""
    threshold = _threshold(rest)
    if threshold is None or threshold.is_count or re.search(r"\b(?:los[et]|gain|take|took|heal(?!th))", rest, re.I):
        return False
    return bool(vocabulary.find_variables(rest))


def _words_beyond(rest: str, kinds: tuple[vocabulary.KindFound, ...]) -> tuple[str, ...]:
    """The telling words of a question outside the words that name event kinds."""
    kept, position = [], 0
    for kind in kinds:
        kept.append(rest[position : kind.start])
        position = kind.end
    kept.append(rest[position:])
    text = _NTH.sub(" ", " ".join(kept))
    words = vocabulary.telling_words(_EXTREME.sub(" ", text))
    return tuple(w for w in words if not w.isdigit() and w not in clocks.NUMBER_WORDS and w not in _COUNT_WORDS)


_PLAYER_WORDS = frozenset(
    (
        "video",
        "place",
        "spot",
        "enemy",
        "monster",
        "creature",
        "character",
        "doomguy",
        "hero",
        "number",
        "count",
        "frequently",
        "summary",
        "reason",
        "biggest",
    )
)


# How texts and sounds are spoken of, whatever they say.
_OF_TEXT = frozenset(
    [
        "read",
        "line",
        "text",
        "written",
        "write",
        "display",
        "screen",
        "hud",
        "picture",
        "tv",
        "visible",
        "legible",
        "letter",
        "message",
        "notification",
    ]
)
_OF_SOUND = frozenset(
    [
        "recognised",
        "recognized",
        "detected",
        "heard",
        "hear",
        "audible",
        "audio",
        "soundtrack",
        "picked",
        "listen",
        "play",
        "played",
        "playing",
    ]
)


def _subject(ask: Ask, rest: str, words: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The words that the rows asked for have to name."""
    if ask in (Ask.SUMMARY, Ask.STATE, Ask.WHAT_HAPPENED):
        return ()
    silent = _PLAYER_WORDS
    if ask is Ask.HOW_LONG or re.search(r"\b(?:switch|chang|swap|equip)\w*\b", rest, re.I):
        silent = silent | {"life", "live", "weapon", "gun"}
    if "message" in kinds:
        silent = silent | _OF_TEXT
    if "sound" in kinds:
        silent = silent | _OF_SOUND
    if ask in (Ask.TOTAL, Ask.EXTREME, Ask.YES_NO) and kinds and "pickup" not in kinds:
        silent = silent | {"health", "hp", "armor", "ammo"}  # what the amounts are of
    if ask is Ask.TOTAL:
        silent = silent | {"add", "sum", "total", "tally"}
    if any(kind in kinds for kind in ("heal", "armor")):
        silent = silent | {"add", "point", "up", "total", "sum", "gain"}
    return tuple(w for w in words if w not in silent)


def _which(rest: str, ask: Ask) -> int | None:
    """The ordinal of the events asked for: "my second death" is 2, "when did I last die" is -1."""
    if ask in (Ask.SUMMARY, Ask.STATE, Ask.OPEN, Ask.WHAT_HAPPENED):
        return None
    text = re.sub(r"\bat\s+(?:first|last)\b|\bfirst[\s-](?:aid|person)\b|\bthird[\s-]person\b", " ", rest, flags=re.I)
    if ask is Ask.HOW_LONG:
        text = re.sub(rf"\b(?:did|do|does)\s+{_WHO}\s+last\b", " ", text, flags=re.I)
    found = _NTH.search(text)
    if found is not None:
        return _ordinal(found)
    numbered = re.search(
        r"\b(?:death|hit|pick-?up|shot|message)\s+(?:number\s+|no\.?\s+|#\s?)?([1-9][0-9]{0,3})\b", text, re.I
    )
    return int(numbered.group(1)) if numbered else None


def _is_about_state(ask: Ask, rest: str, target: EventQuery) -> bool:
    if ask is Ask.STATE:
        return True
    if ask is Ask.WHEN:
        return _crosses(rest)
    return ask in (Ask.EXTREME, Ask.YES_NO) and not target.kinds


_COMPARISON = (
    (r"more\s+than|over|above|greater\s+than|better\s+than", ">"),
    (r"at\s+least|no\s+less\s+than|no\s+fewer\s+than", ">="),
    (r"less\s+than|fewer\s+than|under|below", "<"),
    (r"at\s+most|no\s+more\s+than|up\s+to", "<="),
    (r"exactly|only|just|precisely|", "=="),
)
_COUNT_WORDS = {"once": 1, "twice": 2, "thrice": 3}


def _threshold(rest: str) -> Threshold | None:
    """ "more than 2 times", "at least once", "under 50 health"; None where nothing is compared."""
    number = (
        r"(?<![:\w])(?P<n>[0-9]{1,7}(?:\.[0-9]+)?(?![:\w])|"
        + "|".join(k for k in clocks.NUMBER_WORDS if " " not in k and len(k) > 2)
        + ")"
    )
    for words, operator in _COMPARISON:
        lead = rf"\b(?:{words})\s+" if not words.endswith("|") else rf"\b(?:(?:{words[:-1]})\s+)?"
        once = re.search(rf"{lead}(?P<n>once|twice|thrice)\b", rest, re.I)
        if once:
            return Threshold(operator, _COUNT_WORDS[once["n"].lower()], is_count=True)
        found = re.search(rf"{lead}{number}\s*(?P<unit>%|[a-z-]+)?", rest, re.I)
        if found:
            return _compared(operator, found)
    return None


def _compared(operator: str, found: re.Match[str]) -> Threshold | None:
    word = found["n"].lower()
    value = float(clocks.NUMBER_WORDS.get(word, 0)) if word in clocks.NUMBER_WORDS else float(word)
    unit = (found["unit"] or "").lower()
    if unit == "damage":
        return Threshold(operator, value, is_count=False)
    if unit in ("time", "times") or vocabulary.find_kinds(unit):
        return Threshold(operator, value, is_count=True)
    if unit in ("", "%", "percent", "left", "or") or vocabulary.find_variables(unit):
        return Threshold(operator, value, is_count=False)
    return Threshold(operator, value, is_count=True)
