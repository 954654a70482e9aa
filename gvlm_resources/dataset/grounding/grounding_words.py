"""Words that the grounding check knows in each language (pure).

Numbers, yes and no, ways to say that something cannot be told, and small words that carry nothing.

Articles that are also the number one (`ein`, `un`, `una`, `une`) are no numbers here: every answer holds some.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "de", "es", "fr")

_NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn"
    " sechzehn siebzehn achtzehn neunzehn zwanzig",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
    " diecisiete dieciocho diecinueve veinte",
    "fr": "zéro - deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
    " dix-sept dix-huit dix-neuf vingt",
}
_TIMES = {
    "en": {"once": 1, "twice": 2, "thrice": 3},
    "de": {"einmal": 1, "zweimal": 2, "dreimal": 3, "viermal": 4, "fünfmal": 5, "sechsmal": 6, "siebenmal": 7},
    "es": {"una vez": 1},
    "fr": {"une fois": 1},
}
NUMBERS: Mapping[str, Mapping[str, int]] = {
    language: {word: value for value, word in enumerate(words.split()) if word != "-"} | _TIMES[language]
    for language, words in _NUMBERS.items()
}

# "uno de", "one of", "no one": a pronoun, not a number.
NO_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "en": ("one of", "no one", "one another", "each one", "which one", "the one", "at once", "once the", "once again"),
    "de": ("auf einmal", "noch einmal", "nicht einmal"),
    "es": ("uno de", "cada uno", "a la vez", "otra vez", "alguna vez"),
    "fr": ("à la fois", "encore une fois"),
}

YES_NO: Mapping[str, frozenset[str]] = {
    "en": frozenset({"yes", "no", "yeah", "correct", "indeed", "true", "false", "right"}),
    "de": frozenset({"ja", "nein", "richtig", "stimmt", "doch", "genau", "wahr", "falsch"}),
    "es": frozenset({"sí", "si", "no", "correcto", "cierto", "verdadero", "falso"}),
    "fr": frozenset({"oui", "non", "si", "exact", "correct", "vrai", "faux"}),
}

NAYS: Mapping[str, frozenset[str]] = {
    "en": frozenset({"no", "false"}),
    "de": frozenset({"nein", "falsch"}),
    "es": frozenset({"no", "falso"}),
    "fr": frozenset({"non", "faux"}),
}

# Small words that an answer may begin with and a question need not have: "In the ...", "It was ...".
ARTICLES: Mapping[str, frozenset[str]] = {
    "en": frozenset(["a", "an", "the", "it", "is", "was", "in", "at", "that", "this", "player"]),
    "de": frozenset(
        [
            "der",
            "die",
            "das",
            "den",
            "dem",
            "ein",
            "eine",
            "einen",
            "es",
            "ist",
            "war",
            "im",
            "in",
            "am",
            "um",
            "spieler",
        ]
    ),
    "es": frozenset(["el", "la", "los", "las", "un", "una", "es", "fue", "era", "en", "a", "jugador"]),
    "fr": frozenset(
        ["le", "la", "les", "un", "une", "il", "elle", "c", "est", "était", "en", "dans", "à", "au", "joueur"]
    ),
}

# Articles that are also the number one: they answer "how many", and are no number in any other sentence.
ONE: Mapping[str, frozenset[str]] = {
    "en": frozenset({"one", "once"}),
    "de": frozenset({"ein", "eine", "einen", "einem", "einer", "einmal"}),
    "es": frozenset({"un", "una", "uno"}),
    "fr": frozenset({"un", "une"}),
}

# Between things of which one is the answer: naming them all gives nothing away.
CHOICE: Mapping[str, str] = {"en": " or ", "de": " oder ", "es": " o ", "fr": " ou "}

NONE: Mapping[str, frozenset[str]] = {
    "en": frozenset({"no", "none", "never", "not", "nothing", "nobody", "neither", "without"}),
    "de": frozenset({"kein", "keine", "keinen", "keiner", "keines", "nie", "niemals", "nichts", "niemand", "nicht"}),
    "es": frozenset({"no", "ningún", "ninguno", "ninguna", "nunca", "nada", "nadie", "jamás"}),
    "fr": frozenset({"aucun", "aucune", "jamais", "rien", "personne", "pas", "ne"}),
}

# Beginnings of ways to say that something cannot be told, as regular expressions over the text in lower case.
CANNOT_TELL: Mapping[str, tuple[str, ...]] = {
    "en": (
        r"can(?:not| ?not|'t|’t) (?:be )?(?:\w+ )?(?:told|tell|known?|determined?|said|say|seen|answer)",
        r"(?:impossible|not possible|no way) to (?:tell|know|say|determine)",
        r"(?:does|do|did) not (?:say|show|tell|reveal|record|mention|contain)",
        r"(?:doesn|don|didn)['’]t (?:say|show|tell|reveal|record|mention|contain)",
        r"(?:not|never|nowhere) (?:shown|recorded|known|stated|told|mentioned|specified|visible)",
        r"\b(?:unknown|unclear|not enough information|no information|nothing (?:recorded|shown|\w+ )?\w* ?tells)\b",
    ),
    "de": (
        r"(?:lässt|läßt) sich (?:\w+ )*nicht (?:sagen|feststellen|erkennen|bestimmen|beantworten|ermitteln)",
        r"kann (?:\w+ )*nicht (?:gesagt|festgestellt|erkannt|bestimmt|beantwortet) werden",
        r"ist nicht (?:zu )?(?:erkennen|bekannt|ersichtlich|zu sagen|feststellbar)|\bunbekannt\b|\bunklar\b",
        r"(?:zeigt|sagt|verrät|nennt|enthält) (?:\w+ )*(?:nicht|nichts|keine?n?)\b",
        r"(?:nicht|nirgends) (?:erkennbar|zu sehen)",
    ),
    "es": (
        r"no (?:se )?(?:puede|pueden|es posible) (?:\w+ )*(?:saber|decir|determinar|responder|deducir|conocer)\w*",
        r"no (?:se )?(?:sabe|muestra|indica|dice|revela|menciona|registra|aparece|consta)|\bdesconocid|\bimposible\b",
    ),
    "fr": (
        r"(?:ne|n['’]) ?(?:peut|peuvent|est) (?:\w+ )*(?:savoir|dire|déterminer|répondre|possible|connu|connaître)",
        r"impossible (?:de|à) (?:savoir|dire|déterminer|répondre)|\binconnue?s?\b",
        r"(?:ne|n['’]) ?(?:montre|dit|indique|révèle|mentionne|précise|permet) (?:pas|rien)",
    ),
}

_STOP = {
    "en": "a an the and or but of in on at to from for with by as is are was were be been being it its this"
    " that these those he she they his her their them him there then than when where what which who whom"
    " how many much did does do done had has have not no yes after before while during into out up down"
    " over under again once only just also so too very can could will would should may might between about"
    " around right left first second third last next each every all any some time times moment video"
    " recording footage clip game player second seconds minute minutes one because since until",
    "de": "der die das den dem des ein eine einen einem einer eines und oder aber von in im an am zu zum zur"
    " auf aus für mit bei als ist sind war waren sein wird wurde wurden es er sie ihr ihre sein seine"
    " dieser diese dieses da dann wenn wo was welche welcher welches wer wie viele viel hat haben hatte"
    " nicht nein ja nach vor während durch über unter wieder nur auch so sehr kann zwischen um erste"
    " letzte nächste jeder alle mal spieler video aufnahme sekunde sekunden weil bis",
    "es": "el la los las un una unos unas y o pero de del en a al por para con como es son era fue fueron ser"
    " está lo le se su sus este esta esto ese esa que qué cuál cuándo dónde quién cómo cuántos cuántas"
    " cuánto hay ha han había no sí después antes durante sobre entre también muy más solo vez veces"
    " jugador vídeo video segundo segundos porque hasta",
    "fr": "le la les un une des et ou mais de du en à au aux par pour avec comme est sont était fut être il"
    " elle ils on lui son sa ses ce cette ces que qui quel quelle quels quelles quand où comment combien a"
    " ont avait ne pas non oui après avant pendant sur sous entre aussi très plus seulement fois joueur"
    " vidéo seconde secondes parce jusque dans se",
}
STOP: Mapping[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _STOP.items()}

# Units of time: a number before one of these is a length of time.
TIME_UNITS = (
    r"(?:s|sec|secs|seconds?|min|minutes?|ms|milliseconds?|hours?|sekunden?|minuten?|stunden?|segundos?|minutos?|horas?"
    r"|secondes?|heures?)\b"
)

# Beginnings of words for kinds of events, in all languages: pairs that name different kinds never say the same.
KIND_BEGINNINGS: Mapping[str, str] = {
    "damage": "damag hit hits hurt schaden treffer getroffen verletz daño golpe impacto dégât coup touch",
    "heal": "heal gain gewinn gewann gan",
    "armor": "armor armour rüstung panzer armadura armure",
    "health": "health gesundheit salud santé",
    "pickup": "pick item collect gegenst aufheb aufgehoben aufsamm recog objeto ramass objet",
    "shot": "shot shoot fire fired schuss schüss feuer dispar tir tirs",
    "death": "die dead death tod tode gestorben starb stirbt muer muri mort meur mour",
    "respawn": "respawn return life leben vida vie",
    "weapon_change": "switch wechsel cambi chang",
    "secret": "secret geheim",
    "speech": "said speech speak sagt gesagt sprach dicho dijo dit parl",
    "sound": "sound heard geräusch sonido son sons",
    "highest": "highest most greatest höchst alto alta haut",
    "lowest": "lowest least smallest niedrigst bajo baja bas",
}

# What English answers may say of events of a kind without the event's own sentence using the word.
KIND_WORDS: Mapping[str, str] = {
    "damage": "damage take takes hit hits hurt hurts harm injured wounded lose loses lost losing took taken attack"
    " attacked enemy drop dropped drops fell falls decrease decreased health point points fire",
    "heal": "heal heals healed healing gain gained recover recovered restore restored increase increased rose"
    " health point",
    "armor": "armor armour gain gained increase increased rose protection point",
    "pickup": "pick picks picked pickup pickups collect collects collected take takes took taken grab grabbed"
    " get got obtain obtained find found acquire acquired item items thing ammo ammunition weapon",
    "shot": "shoot shoots shot shots shooting fire fires fired firing use used round rounds bullet weapon gun",
    "death": "lose loses lost remaining left die dies died death deaths dead killed kill life lost enemy zero dying"
    " cause caused",
    "respawn": "respawn respawned revive revived return returned back life again start started restart",
    "weapon_change": "weapon switch switched switches change changed changes hand gun swap swapped draw drew select",
    "secret": "secret secrets area found find discover discovered reveal revealed",
    "message": "message messages text line say says show shows shown appear appears appeared read reads screen display",
    "text": "text word words show shows shown appear appears appeared read reads screen display displayed",
    "speech": "say says said speak speaks spoke hear heard voice word words speech talk",
    "sound": "sound sounds hear heard audible noise",
    "scene_change": "scene cut change changes changed view",
    "black_screen": "black screen dark fade",
    "entity": "see seen visible appear appears appeared shown show view",
    "state": "value number level stood stand stands show shows shown read reads display displayed left amount current",
}
# What an answer to a kind of question may say of where and how it is known.
ANSWER_WORDS: Mapping[str, str] = {
    "where": "top bottom left right middle center centre corner side upper lower half box region area third part",
    "said_or_shown": f"soundtrack silence {KIND_WORDS['text']} {KIND_WORDS['speech']} line message nothing",
    "state": f"{KIND_WORDS['state']} highest lowest least most rise rises rose risen fall fell change changed same",
    "summary": "quiet calm nothing hurt pick picked die died",
}
PLAIN_WORDS = (
    "happen happened happens follow followed event events total several lead led result resulted reason caused cause"
    " nothing came come comes later earlier then both two screen picture hud message number value show shows showed"
    " shown say says name names tell tells told change changes record recorded recognised heard seen none"
    " player's still other things difference differ compared higher lower top bottom line lines up down stay stayed"
    " leave leaves leaving bring brings bringing raise raises raising cost costs use uses using new"
)
