"""What a question asks for (pure): how many, when, why, a value, a list."""

from __future__ import annotations

import re

from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.question_parts import Ask, EventQuery
from gvlm_resources.reasoning.thresholds import crosses

WHO = vocabulary.WHO
_STATE_NAME = (
    r"(?:health|hp|hit\s?points?|armou?r|shields?|ammo|ammunition|bullets?|shells?|rockets?|missiles?|rounds?|cells?|score|lives|weapons?"
    r"|gun)"
)
LOWEST = re.compile(
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
EXTREME = re.compile(
    r"\b(?:biggest|largest|highest|hardest|heaviest|worst|strongest|greatest|maximum|max|lowest|smallest|least|fewest|minimum|min|weakest"
    r"|lightest|most\s+(?:damag\w*|health|armou?r|ammo|painful|severe|hurt)|hurt\s+\w+\s+(?:the\s+)?most|(?:the\s+)?most\s+(?:damage|health))\b",
    re.I,
)
_STATE = re.compile(
    rf"\bhow\s+(?:much|many)\s+(?:\w+\s+)?{_STATE_NAME}\b.*\b(?:have|had|has|left|remain\w*|got|is|are|was|were|there|carry\w*|on\s+me)\b"
    rf"|\bhow\s+(?:much|many)\s+(?:\w+\s+)?{_STATE_NAME}\s*\??$"
    rf"|\bhow\s+(?:much|many)\s+(?:\w+\s+)?{_STATE_NAME}\b.*\b(?:screen|hud|display(?:s|ed)?)\b"
    rf"|\b(?:what|what's|whats|how|how's|tell\s+me|show\s+me|give\s+me)\b(?:\s+\w+)?\s+(?:my|the|his|her|their|your|our|player's|current)\s+"
    rf"(?:player's\s+|current\s+|total\s+)?{_STATE_NAME}\b|\bwhat\s+{_STATE_NAME}\s+(?:did|was|do|am)\s|\bhow\s+healthy\b"
    rf"|^(?:(?:my|the|his|her|player|player's|current)\s+)*{_STATE_NAME}(?:\s+(?:level|count|value|points|total|left))?\s*\??$"
    rf"|\bwhich\s+(?:weapon|gun)\s+(?:did|was|were|am|is)\s+{WHO}\s+(?:have|hold\w*|us\w*|carry\w*|wield\w*)"
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
COUNT = re.compile(
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
    r"\b(?:what|which\s+\w+)\s+(?:was\s+it\s+that\s+)?(?:killed|hurt|hit|led\s+to|led\s+up\s+to|made\s+me\s+die)\b|\bwho\s+(?:killed|hurt|hit|shot|attacked|dealt|landed|caused)"
    r"|\b(?:who|whom|what)\s+did\s+(?:the|this|that|my)\s+(?:hit|damage|shot|blow)\s+come\s+from\b|\bwhose\s+(?:hit|shot|blow)\b"
    r"|\bwhat\s+(?:made|makes|caused|brought|let)\b|\bwhat\s+(?:was|is)\s+behind\b"
    rf"|^how\s+did\s+{WHO}\s+(?:get|gain|regain|recover|lose|come\s+by|end\s+up)\b"
    rf"|^how\s+did\s+{WHO}\s+(?:\w+\s+)?die\b|\bwhat\s+did\s+{WHO}\s+die\s+(?:of|from|to)\b|\b(?:killed|hit|hurt|shot)\s+by\s+(?:what|who)",
    re.I,
)
_SUMMARY = re.compile(
    r"\bsummar(?:y|ies|i[sz](?:e[sd]?|ing))\b|\brecap(?:s|ped|itulate)?\b|\bsum(?:s|med|ming)?\s+(?:\w+\s+){0,2}?up\b|\brun-?\s?down\b|\bgist\b|\bsynopsis\b"
    r"|\b(?:run|walk|talk|take|guide)\s+me\s+through\b|\bbreak\s?-?down\b|\boutline\b|\bplay-by-play\b|\b(?:catch\s+me\s+up|fill\s+me\s+in|brief\s+me)\b"
    r"|\bboil(?:ed)?\b.*\bdown\b|\bin\s+short\b|\b(?:main|key|important|notable|major|most\s+important)\s+(?:events?|moments?|points?|things?|beats?|happenings)\b|\bin\s+a\s+(?:nutshell|few\s+(?:words|sentences))\b"
    r"|\b(?:short|quick|brief)\s+(?:version|account|overview|description)\b|\b(?:worth\s+knowing|(?:do|should)\s+i\s+(?:need\s+to\s+)?know)\b|\bin\s+(?:short|brief)\b"
    rf"|\bhow\s+did\s+{WHO}\s+(?:fare|do|get\s+on|get\s+along|perform|manage|play|hold\s+up)\b|\bhow\s+(?:was|were)\s+{WHO}\s+doing\b"
    r"|\boverview\b|\btl;?dr\b|\bhighlights?\b|\bhow\s+did\s+(?:it|the\s+\w+|this|things)\s+go\b"
    r"|\bwhat(?:'s|\s+is|\s+was)\s+(?:this|the|that)\s+(?:video|recording|clip|session|match)(?:\s+\w+)?\s+about\b"
    r"|\bdescribe\s+(?:the|this)\s+(?:whole\s+|entire\s+)?(?:video|recording|clip|session|match|game|run)\b",
    re.I,
)
_LIST = re.compile(
    r"\blist\b|\bshow\s+(?:me\s+)?(?:all|every|each|the|my)\b|\benumerate\b|\bname\s+(?:all|every|each|the)\b|\bgive\s+me\s+(?:all|every|each|a\s+list)\b"
    r"|\b(?:all|every|each)\s+(?:of\s+)?(?:the\s+|my\s+)?\w+|\b(?:which|what)\s+(?:\w+\s+)?(?:items?|weapons?|guns?|pick-?ups?|messages?|things|keys?|ammo|power-?ups?)\b"
    rf"|\bwhat\s+(?:all\s+)?(?:did|have|had)\s+{WHO}\s+(?:all\s+)?(?:pick|collect|grab|get|find|loot|say|switch|equip)",
    re.I,
)
HAPPENED = re.compile(
    r"\bwhat(?:'s|\s+all)?\s*(?:happen(?:s|ed|ing)?|occur(?:s|red)?|went\s+on|goes\s+on|(?:was|is)\s+(?:going\s+on|happening|there)|took\s+place|going\s+on)\b"
    rf"|\bwhat\s+(?:did|do|does|was|were|am|is)\s+{WHO}\s+(?:do|doing|up\s+to)\b|\bdescribe\b|\btell\s+me\b|\bwhat\s+do\s+you\s+see\b"
    r"|\bwhat\s+(?:was|is)\s+(?:happening|on\s+(?:the\s+)?screen)\b|\bevents?\b|\bwhat\s+came\s+(?:next|before|after)\b|\bwhat\s+next\b",
    re.I,
)
_HOW_LONG = re.compile(
    r"\bhow\s+long\b|\bwhat\s+is\s+the\s+(?:length|duration)\b|\b(?:length|duration)\s+of\s+the\s+(?:video|recording|clip)\b",
    re.I,
)
# Two ways of which a value went one: no yes and no no.
_MORE = r"(?:ris(?:e|es|en|ing)|rose|up|increas\w+|higher|more|greater|larger|better|gr[eo]w\w*|gain\w*)"
_LESS = r"(?:fall\w*|fell|down|decreas\w+|lower|less|fewer|smaller|worse|drop\w*|s[aiu]nk\w*|shr[aiu]nk\w*|los[et]\w*)"
_EITHER_WAY = re.compile(rf"\b(?:{_MORE}\s+or\s+(?:go\s+)?{_LESS}|{_LESS}\s+or\s+(?:go\s+)?{_MORE})\b", re.I)
_LIFE = re.compile(rf"\bsurviv|\balive\b|\blive[ds]?\b|\blife\b|\bdead\b|\b(?:did|do|does)\s+{WHO}\s+last\b", re.I)
_WHOLE = re.compile(
    r"\b(?:video|recording|clip|game|session|match|run|footage|stream|gameplay|round|playthrough|timeline)\b"
    r"|\bhow\s+long\s+(?:is|was)\s+(?:it|this|that)\b",
    re.I,
)


def what_is_asked(
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
    if variables and _EITHER_WAY.search(rest):
        return Ask.STATE
    if _YES_NO.match(rest):
        return Ask.YES_NO if named or variables or words or not when_given else Ask.WHAT_HAPPENED
    if (EXTREME.search(rest) or _GETS.search(rest)) and (named or variables) and not _WHY_WORD.search(rest):
        return Ask.EXTREME
    if _WHY.search(rest) or _WHY_WORD.search(rest):
        return Ask.WHY
    if _WHEN.search(rest) and crosses(rest):
        return Ask.WHEN
    if variables and _STATE.search(rest) and not takes_amount:
        return Ask.STATE
    if COUNT.search(rest):
        return Ask.COUNT
    if _TOTAL.search(rest) and takes_amount:
        return Ask.TOTAL
    if _SUMMARY.search(rest):
        return Ask.SUMMARY
    if _WHEN.search(rest):
        return Ask.WHEN
    if variables and says_only and not _THING.search(rest) and (when_given or _VALUE.search(rest)):
        return Ask.STATE
    if named and (_LIST.search(rest) or not HAPPENED.search(rest)):
        return Ask.LIST
    return _told_or_open(rest, words, when_given=when_given)


def _told_or_open(rest: str, words: tuple[str, ...], *, when_given: bool) -> Ask:
    """What happened, where nothing else is asked for; a search, where something has a name that no rule knows."""
    happened = HAPPENED.search(rest)
    if happened or not words:
        is_told = happened and (not words or not re.match(r"tell|describe", happened.group(), re.I))
        return Ask.WHAT_HAPPENED if when_given else Ask.SUMMARY if is_told else Ask.OPEN
    return Ask.OPEN


def kinds_asked_for(ask: Ask, rest: str, kinds: tuple[vocabulary.KindFound, ...]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(k.kind for k in kinds))
    if ask is Ask.HOW_LONG and _LIFE.search(rest):
        return ("death", "respawn")
    if ask in (Ask.SUMMARY, Ask.STATE) or (ask in (Ask.WHEN, Ask.YES_NO) and crosses(rest)):
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


def is_about_state(ask: Ask, rest: str, target: EventQuery) -> bool:
    if ask is Ask.STATE:
        return True
    if ask is Ask.WHEN:
        return crosses(rest)
    return ask in (Ask.EXTREME, Ask.YES_NO) and not target.kinds
