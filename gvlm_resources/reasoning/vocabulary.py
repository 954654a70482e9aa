"""English words for what a timeline holds (pure): event kinds, HUD variables, kinds of item, words that say nothing.

A kind is the `kind` of a timeline row. Which item was meant is not listed here: the words left in a question are
matched with the rows themselves, so a game with other items needs no change. `CATEGORIES` only knows that shells are
ammunition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WHO = r"(?:i|we|you|he|she|they|it|one|the\s+player|player|my\s+character|the\s+character|doomguy)"
_BE = r"(?:was|were|am|is|are|be|been|being|got|get|gets|getting)"
_ADVERB = r"(?:\w+ly|ever|just|again|also|never)"
_HURT = r"(?:hit|hurt|shot(?:\s+at)?|wounded|injured|damaged|burned|burnt|bitten|clawed|blasted|harmed)"

# Tried at every place of a question in this order: "was I shot" is damage before "shot" is a shot.
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "death",
        rf"{_BE}\s+(?:{WHO}\s+)?(?:{_ADVERB}\s+)?(?:killed|fragged|slain|murdered|dead)|killers?"
        r"|kill(?:ed|s|ing)?\s+(?:me|us|you|him|her|them|the\s+player)\b"
        r"|die[sd]?|dying|deaths?|dead|los(?:e|t|ing)\s+(?:a|my|his|her|the|all\s+my|any)\s+li(?:fe|ves)|lives\s+lost"
        r"|li(?:fe|ves)\s+(?:did|do|does|have|has|had)\s+(?:the\s+)?\w+\s+los[et]"
        r"|perish(?:ed|es)?|game\s*over|kick(?:ed)?\s+the\s+bucket|passed\s+away|demise",
    ),
    (
        "kill",
        r"kill(?:s|ed|ing)?|frag(?:s|ged|ging)?|slay|slew|slain|murder(?:s|ed)?|take\s+out\s+(?:the|an?|any)\s+enem(?:y|ies)",
    ),
    (
        "damage",
        rf"{_BE}\s+(?:{WHO}\s+)?(?:{_ADVERB}\s+)?{_HURT}|(?:hurt|hit|shot|shoot|injure[ds]?|damage[ds]?)\s+(?:me|us|him|her)\b"
        r"|t(?:ook|ake|akes|aking|aken)\s+(?:a\s+|any\s+|the\s+|some\s+|more\s+|most\s+|\w+est\s+)?(?:hits?|damage|hurt)"
        r"|t(?:ook|ake|akes|aking|aken)\s+(?:(?:more|less|fewer|at|least|most|than|over|under|about|exactly|up|to|[0-9]+)\s+)*damage"
        r"|(?:hits?|damage)\s+(?:did\s+\w+\s+take|taken|received|suffered)|los(?:e|t|es|ing)\s+(?:\w+\s+){0,4}(?:health|hp|hit\s+points)"
        r"|(?:health|hp)\s+(?:did|do|does|have|has|had)\s+(?:the\s+)?\w+\s+los[et]"
        rf"|(?:health|hp)\s+(?:that\s+)?{WHO}\s+(?:have\s+|had\s+|has\s+)?los[et]|health\s+(?:loss(?:es)?|lost|drop(?:s|ped)?)|damag(?:e|es|ed|ing)|hurt(?:s|ing)?|injur(?:y|ies|ed)|wound(?:s|ed)?"
        r"|got\s+hit|(?<!\bi )(?<!\bwe )hits?|suffer(?:s|ed|ing)?",
    ),
    (
        "heal",
        r"heal(?:s|ed|ing)?|(?:gain|regain|recover|restor|replenish)(?:s|e|es|ed|ing)?\s+(?:\w+\s+)?(?:health|hp|hit\s+points)"
        rf"|(?:health|hp)\s+(?:that\s+)?{WHO}\s+(?:have\s+|had\s+|has\s+)?(?:re)?(?:gain|cover|store)(?:ed)?|gains?\s+(?:in|of)\s+(?:health|hp)"
        r"|health\s+(?:gain(?:s|ed)?|regained|recovered|restored)"
        r"|(?:health|hp)\s+(?:did|do|does|have|has|had)\s+(?:the\s+)?\w+\s+(?:re)?(?:gain|cover|store)(?:ed)?",
    ),
    (
        "armor",
        r"(?:gain|los|regain)(?:s|e|es|t|ed|ing)?\s+(?:\w+\s+)?armou?r|armou?r\s+(?:gain(?:s|ed)?|loss(?:es)?|lost|gained)"
        r"|armou?r\s+(?:did|do|does|have|has|had)\s+(?:the\s+)?\w+\s+(?:los[et]|gain(?:ed)?)",
    ),
    (
        "respawn",
        r"re-?spawn(?:s|ed|ing)?|c(?:ome|ame|oming)\s+back(?:\s+to\s+life)?|reviv(?:e|es|ed|al)|reborn|restart(?:s|ed|ing)?"
        r"|start(?:ed)?\s+over|new\s+life|return(?:s|ed|ing)?\s+to\s+life",
    ),
    (
        "weapon_change",
        r"(?:switch|chang|swap)(?:e|es|ed|ing|ped|ping)?\s+(?:(?:my|his|her|the|to|over|from|between)\s+)*(?:weapons?|guns?)"
        r"|(?:switch|chang|swap)(?:e|es|ed|ing|ped|ping)?\s+to\b(?!\s+(?:be\s+)?[0-9])|weapon\s+(?:switch|chang|swap)(?:e|es|s|ed|ing)?"
        r"|equip(?:s|ped|ping)?",
    ),
    ("sound", r"sounds?(?!\s+like)|noises?|audio\s+events?|soundtrack|audio(?:\s+track)?|audible"),
    (
        "shot",
        r"shots?|sho(?:o)?t(?:s|ing)?|fir(?:ed|es|ing)|gunshots?"
        r"|(?<!on )(?<!the )fire(?=\s*(?:$|[?.!,]|my|the|a|an|off|at|any))"
        r"|(?:ammo|ammunition|bullets|shells|rounds)\s+(?:did|do|does|have|has|had)\s+(?:the\s+)?\w+\s+(?:us|spen|wast|fir|shoot|shot)\w*"
        r"|pull(?:ed)?\s+the\s+trigger|(?:ammo|ammunition|rounds)\s+(?:was\s+|were\s+)?(?:used|spent|wasted|fired)|(?:us(?:e|ed|ing)|spen[dt]|wast(?:e|ed))\s+(?:\w+\s+)?(?:ammo|ammunition|bullets|shells)",
    ),
    (
        "secret",
        r"(?:(?:find|found|discover(?:ed)?|reveal(?:ed)?)\s+(?:(?:a|an|any|the|some|\w+)\s+)?)?secrets?(?:\s+areas?)?",
    ),
    (
        "pickup",
        r"pick(?:s|ed|ing)?(?:-|\s+)?ups?|pick(?:s|ed|ing)?(?=\s+(?:[\w-]+\s+){1,4}up\b)|collect(?:s|ed|ing)?|grab(?:s|bed|bing)?"
        r"|loot(?:s|ed|ing)?|(?:find|found|get|got)(?=\s*(?:$|[?.!,]))|obtain(?:s|ed|ing)?|acquir(?:e|es|ed|ing)|gather(?:s|ed|ing)?|(?:get|got|gets|getting|find|found|finds"
        r"|finding|t(?:ake|ook|akes|aking)|receiv(?:e|ed|es|ing))(?=\s+(?:a|an|the|my|any|some|more|another|his|her|that|hold\s+of)\s)"
        r"|(?:get|got|t(?:ake|ook|akes|aking)|receiv(?:e|ed|es|ing))(?=\s+\")"
        r"|(?:get|got|gets|getting|find|found|finds|finding)(?=\s+(?:\w+\s+)?(?:ammo|armou?r|health|items?|weapons?|keys?|keycards?|"
        r"shells|bullets|rockets|cells|medi?kits?|stimpacks?)\b)|items?(?!\s+(?:list|box))|power-?ups?",
    ),
    (
        "scene_change",
        r"(?:scene|camera)\s+(?:changes?|cuts?)|picture\s+chang(?:e|es|ed)(?:\s+abruptly)?|(?:abrupt\s+)?changes?\s+of\s+the\s+picture",
    ),
    (
        "black_screen",
        r"black\s+(?:screens?|frames?)|(?:screen|picture)\s+(?:go|goes|went|turn(?:s|ed)?|became)\s+black",
    ),
    (
        "message",
        r"messages?|notifications?|(?:written|words?|texts?)\s+on\s+(?:the\s+)?screen|lines?\s+of\s+text|(?:on-?\s?screen|hud)\s+(?:text|line)|text\s+on\s+(?:the\s+)?screen|(?:hud|screen|game)\s+"
        r"(?:said|says|say|show(?:ed|s)?|read|tell|told)|(?:did|does)\s+the\s+(?:hud|screen|game)\s+(?:say|show|tell|read)",
    ),
    (
        "speech",
        r"said|says?|saying|sp(?:eak|eaks|eaking|oke|oken)|talk(?:s|ed|ing)?|speech|voices?|comment(?:ary|ator|s)?|narrat(?:or|ion)"
        r"|hear|heard|dialogue?|utter(?:ed|ance|ances)?|transcript",
    ),
)
_KINDS = tuple((kind, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.I)) for kind, pattern in _PATTERNS)

# "Health bonus" and "rocket launcher" are things, whatever they raise or take.
_NO_ITEM = (
    r"(?!\s+(?:bonus|pack|kit|refill|potion|vial|orb|boost|pick-?up|vest|shard|launcher|item|box|crate)(?:e?s)?\b)"
)
VARIABLES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\b(?:{pattern})\b", re.I))
    for name, pattern in (
        ("health", rf"health{_NO_ITEM}|hp|hit\s?points?|life\s+points|life\s?bar|healthy|(?<=much\s)life"),
        ("armor", rf"armou?r{_NO_ITEM}|shields?"),
        ("bullets", rf"bullets?{_NO_ITEM}"),
        ("shells", rf"shells?{_NO_ITEM}"),
        ("rockets", rf"(?:rockets?|missiles?){_NO_ITEM}"),
        ("cells", rf"cells?{_NO_ITEM}"),
        ("ammo", rf"ammo{_NO_ITEM}|ammunition|rounds?|clip"),
        ("score", r"score|points"),
        ("lives", r"lives"),
        ("weapon", r"weapons?|guns?"),
    )
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What a question may call a kind of thing, and the words that rows have for things of that kind.
CATEGORIES: dict[str, frozenset[str]] = {
    "bulletgun": _set("bulletgun bullet pistol handgun chaingun minigun"),  # "a weapon that uses bullets"
    "shellgun": _set("shellgun shell shotgun supershotgun"),
    **dict.fromkeys(("rocketgun", "missilegun"), _set("rocketgun missilegun rocket missile launcher rocketlauncher")),
    "cellgun": _set("cellgun cell plasma bfg bfg9000 skag"),
    "ammo": _set("ammo ammunition clip bullet shell rocket cell round magazine missile backpack energy charge pack"),
    "health": _set("health medikit medkit stimpack soulsphere supercharge berserk heal megasphere refill"),
    "armor": _set("armor megaarmor vest megasphere"),
    "weapon": _set("weapon shotgun chaingun minigun pistol launcher rifle plasma bfg9000 bfg chainsaw gun skag cannon"),
}
# Other names for one thing. Freedoom's items are not called as Doom's are, and people use both.
_SAME = (
    ("rocket", "missile"),
    ("chaingun", "minigun"),
    ("medikit", "medkit"),
    ("stimpack", "stimpak"),
    ("key", "keycard", "passcard", "skull"),
    ("bfg", "bfg9000", "skag"),
    ("chainsaw", "grinder"),
    ("clip", "bullet"),
    ("gun", "weapon"),
)
SYNONYMS: dict[str, frozenset[str]] = {
    word: frozenset(other for group in _SAME if word in group for other in group) for word in sum(_SAME, ())
}

# What a variable is also counted in, where a game's HUD has no number of that name.
STANDS_FOR = dict.fromkeys(("bullets", "shells", "rockets", "cells"), "ammo")

# Words that say nothing about what a question is about.
SILENT = _set(
    """
    a about above actually after again alive all along already also altogether always am amount amounts an
    and another any anyone anything anywhere appear appeared appears are around as ask at away be because
    been before beginning being below between both but by came can cause caused causes change changed clip
    come comes could did do does doing done down drop dropped during each either else end entire ever every
    everything exactly explain far fell few first following footage for from full game gameplay gave get
    gets getting give go goes going gone got had happen happened happening happens has have having he her
    here hers him his hour hours how however i if in include including into is it its itself just kind kinds
    know last lead least led left less fewer let level like list long longest lot made main make makes many match may
    me mention mentioned mentions might min mine mins minute minutes moment moments more most much my myself
    name named near never no none nor not nothing now number occur occurred occurs of off often on once one only
    onto or other our out over overall own part player players please point points present quite reach
    reached really reason recording right round run same say sec second seconds secs see seen session shall
    she should show showed shown shows so some somebody someone something soon start started still stream
    such summarise summarize survive survived take taken takes taking tell than that the their them then there
    these they thing things this those through thus time timeline times timestamp timestamps to together
    told too took total tried under until up upon us use used uses using very video was way we well went
    were what whats when whens where which while who whole whom whose why will with within without word
    words would yes yet you your yours
    """
)


_WORD = re.compile(r"[^\W_](?:[\w'’-]*\w)?")


@dataclass(frozen=True, slots=True)
class KindFound:
    kind: str
    start: int
    end: int


def find_kinds(text: str) -> tuple[KindFound, ...]:
    """The event kinds that `text` names, in order of place; of two that overlap the earlier pattern wins.

    What stands in quotes is a name or a text, and names no kind.
    """
    found: list[KindFound] = []
    text = _unquoted(text)
    for kind, pattern in _KINDS:
        for match in pattern.finditer(text):
            if match.end() > match.start() and all(match.end() <= f.start or f.end <= match.start() for f in found):
                found.append(KindFound(kind, match.start(), match.end()))
    return tuple(sorted(found, key=lambda f: f.start))


def kind_at(text: str) -> KindFound | None:
    """The event kind that `text` begins with."""
    for kind, pattern in _KINDS:
        match = pattern.match(text)
        if match and match.end():
            return KindFound(kind, 0, match.end())
    return None


def find_variables(text: str) -> tuple[str, ...]:
    """The HUD variables that `text` names, outside quotes."""
    text = _unquoted(text)
    return tuple(name for name, pattern in VARIABLES if pattern.search(text))


def _unquoted(text: str) -> str:
    """`text` with what stands in quotes blanked, as long as before."""
    return re.sub(r'"[^"]*"', lambda found: '"' + "·" * (len(found.group()) - 2) + '"', text)


def fold(word: str) -> str:
    """A word in the form in which words are compared: lower case, British and plural endings gone."""
    word = word.lower().replace("’", "'").removesuffix("'s").strip("'").replace("armour", "armor")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-2] + "y" if len(word) > 4 and word.endswith("ie") else word


def words_of(text: str) -> tuple[str, ...]:
    """Folded words of `text`, in order, each once."""
    return tuple(dict.fromkeys(fold(word) for word in _WORD.findall(text)))


def telling_words(text: str) -> tuple[str, ...]:
    """The words that say what a question is about: those left without pronouns, auxiliaries and the like."""
    kept = (w for w in _WORD.findall(text) if w.lower() not in SILENT)
    folded = (fold(w) for w in kept)
    return tuple(dict.fromkeys(w for w in folded if w not in SILENT and (len(w) > 1 or w.isdigit())))


@dataclass(frozen=True, slots=True)
class Named:
    """The words of a row, and the last ones of its subject's names, which say what kind of thing it is.

    A subject may have a second name in brackets: "large health refill (medikit)" is a refill and a medikit.
    """

    words: frozenset[str]
    heads: frozenset[str]

    @staticmethod
    def of(text: str, subject: str) -> Named:
        heads = (head for name in re.split(r"[()]", subject) for head in words_of(name)[-1:])
        return Named(frozenset(words_of(f"{text} {subject}")), frozenset(heads))

    def names(self, word: str) -> bool:
        """Whether the row names `word`, the same thing by another name, or a thing of the kind that it stands for."""
        is_weapon = not self.heads.isdisjoint(CATEGORIES["weapon"])
        if word in ("weapon", "gun") and self.heads:
            return is_weapon  # shotgun shells are no weapon
        if word == "ammo" and is_weapon:
            return False  # and a rocket launcher is no ammunition
        return not _called(word).isdisjoint(self.words)

    def is_a(self, word: str) -> bool:
        """Whether the thing itself is called so, and not only named after it."""
        return not _called(word).isdisjoint(self.heads)


def _called(word: str) -> frozenset[str]:
    return CATEGORIES.get(word, frozenset()) | SYNONYMS.get(word, frozenset()) | {word}


def names_all(words: Iterable[str], named: Named) -> bool:
    """Whether a row names every one of `words`."""
    return all(named.names(word) for word in words)


def names_any(words: Iterable[str], named: Named) -> bool:
    """Whether a row names one of `words`."""
    return any(named.names(word) for word in words)
