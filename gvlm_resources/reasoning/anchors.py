"""Times that a question gives by events (pure): "before my second death", "10 seconds after I died"."""

from __future__ import annotations

import re
from dataclasses import replace

from gvlm_resources.reasoning import times as clocks
from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.question_parts import Anchor, AnchorRelation, EventQuery
from gvlm_resources.reasoning.times import ORDINALS

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
_SUBORDINATE = re.compile(rf"(?:{vocabulary.WHO}|(?:the\s+)?(?:screen|picture|sound|message))\b", re.I)
NTH = re.compile(
    r"(?:(?P<from_end>second[\s-]to[\s-]last|next[\s-]to[\s-]last|penultimate|last|final|latest|most\s+recent)|(?P<next>next)"
    r"|(?P<prev>previous)|(?P<word>" + "|".join(ORDINALS) + r")|(?P<digits>[1-9][0-9]{0,2})(?:st|nd|rd|th))\b",
    re.I,
)
_TELLS_WHEN = re.compile(r"when|while|as|upon", re.I)
_IN_SIGHT = re.compile(r"\s*(?:the\s+)?(?:screen|picture|hud|display|image|frame|top|bottom)\b", re.I)
_LENGTH_LEAD = re.compile(r"(?:\b(?:in|during|over)\s+)?(?:\bthe\s+)?(?:\b(?:last|first|final|next)\s+)?$", re.I)
_BOUNDARY = re.compile(
    r"\s*(?:[,.;:?!]|$|\b(?:and|but|or|did|do|does|what|why|how|who|when|where|which|was|were|is|are|in|on|at|with|from|before"
    r"|after|for|again|until|then|i|we|you|he|she|they|the\s+player)\b)",
    re.I,
)


def take_anchors(text: str) -> tuple[str, list[Anchor]]:
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
        event = replace(event, which=ordinal_of(NTH.match(found["nth"])))
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
    nth, text = ordinal_of(NTH.match(found["nth"])) or 1, found.group().strip()
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
    if not _TELLS_WHEN.match(connective) and _IN_SIGHT.match(words):
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
        nth = None if lead else NTH.match(text, position)
        word = None if lead or nth else re.match(r"([\w'-]+)\s+", text[position:])
        if lead is not None:
            position = lead.end()
        elif nth is not None:
            which = ordinal_of(nth)
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
    found = re.match(rf"\s+(?:for\s+)?(?:the|my)\s+({NTH.pattern})\s+time\b", text[position:], re.I)
    if found is None:
        return which, position
    return ordinal_of(NTH.match(found.group(1))), position + found.end()


def ordinal_of(found: re.Match[str] | None) -> int | None:
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
