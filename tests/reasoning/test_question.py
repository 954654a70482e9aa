from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning.question import Ask, EventQuery, Question, Threshold, parse
from gvlm_resources.timebase import NS_PER_S, Span

S = NS_PER_S


def ask(text: str, duration_s: int = 300) -> Question:
    return parse(text, duration_ns=duration_s * S, moment_window_s=30)


COUNT, WHEN, WHY, LIST, YES_NO = Ask.COUNT, Ask.WHEN, Ask.WHY, Ask.LIST, Ask.YES_NO


@pytest.mark.parametrize(
    ("text", "kind", "kinds", "subject", "which"),
    [
        # how many
        ("how many times did I die", COUNT, ("death",), (), None),
        ("How many times have I died?", COUNT, ("death",), (), None),
        ("how often did he die", COUNT, ("death",), (), None),
        ("how many deaths were there in total?", COUNT, ("death",), (), None),
        ("number of pickups", COUNT, ("pickup",), (), None),
        ("number of pick-ups", COUNT, ("pickup",), (), None),
        ("count my deaths", COUNT, ("death",), (), None),
        ("How many lives did I lose?", COUNT, ("death",), (), None),
        ("how many times was the player killed", COUNT, ("death",), (), None),
        ("how many times did I get hit", COUNT, ("damage",), (), None),
        ("how often was I hurt", COUNT, ("damage",), (), None),
        ("how many hits did I take", COUNT, ("damage",), (), None),
        ("how many shots did I fire", COUNT, ("shot",), (), None),
        ("how many times did I shoot", COUNT, ("shot",), (), None),
        ("how many items did you collect", COUNT, ("pickup",), (), None),
        ("how many rockets did I pick up", COUNT, ("pickup",), ("rocket",), None),
        ("how many times did I respawn", COUNT, ("respawn",), (), None),
        ("how many enemies did I kill", COUNT, ("kill",), (), None),
        ("how many messages were shown", COUNT, ("message",), (), None),
        ("How many deaths and pickups were there?", COUNT, ("death", "pickup"), (), None),
        ("how many times did I die to imps", COUNT, ("death",), ("imp",), None),
        ("how many zombies are there", COUNT, (), ("zomby",), None),
        # when
        ("when did I first die?", WHEN, ("death",), (), 1),
        ("when did I last pick up ammo", WHEN, ("pickup",), ("ammo",), -1),
        ("when did I die for the second time", WHEN, ("death",), (), 2),
        ("when was my third death?", WHEN, ("death",), (), 3),
        ("when was the 2nd death", WHEN, ("death",), (), 2),
        ("when was my second to last death", WHEN, ("death",), (), -2),
        ("At what time did I find the medikit?", WHEN, ("pickup",), ("medikit",), None),
        ("at which moments was I hurt", WHEN, ("damage",), (), None),
        ("When exactly did the player die", WHEN, ("death",), (), None),
        # why
        ("why did I die", WHY, ("death",), (), None),
        ("how come I died?", WHY, ("death",), (), None),
        ("What killed me?", WHY, ("death",), (), None),
        ("who killed me the last time", WHY, ("death",), (), -1),
        ("how did I die the second time?", WHY, ("death",), (), 2),
        ("what led to my second death?", WHY, ("death",), (), 2),
        ("Explain my death", WHY, ("death",), (), None),
        ("which enemy killed me", WHY, ("death",), (), None),
        ("why was I hurt", WHY, ("damage",), (), None),
        ("why did I switch weapons", WHY, ("weapon_change",), (), None),
        # list
        ("list all pickups", LIST, ("pickup",), (), None),
        ("show me every death", LIST, ("death",), (), None),
        ("which weapons did I pick up", LIST, ("pickup",), ("weapon",), None),
        ("what did I pick up", LIST, ("pickup",), (), None),
        ("what did I find", LIST, ("pickup",), (), None),
        ("my deaths", LIST, ("death",), (), None),
        ("what messages were shown", LIST, ("message",), (), None),
        ("what was said", LIST, ("speech",), (), None),
        ("what did the HUD say", LIST, ("message",), (), None),
        ("which was the first item I picked up?", LIST, ("pickup",), (), 1),
        # yes or no
        ("did I die?", YES_NO, ("death",), (), None),
        ("did he pick up the chainsaw", YES_NO, ("pickup",), ("chainsaw",), None),
        ("pick the shotgun up: did I?", LIST, ("pickup",), ("shotgun",), None),
        ("was I ever shot?", YES_NO, ("damage",), (), None),
        ("did I ever shoot", YES_NO, ("shot",), (), None),
        ("has the player ever healed", YES_NO, ("heal",), (), None),
        ("was there a lava pool?", YES_NO, (), ("lava", "pool"), None),
        # the rest
        ("biggest hit", Ask.EXTREME, ("damage",), (), None),
        ("what was the biggest hit I took?", Ask.EXTREME, ("damage",), (), None),
        ("what hurt me most", Ask.EXTREME, ("damage",), (), None),
        ("how much damage did I take in total?", Ask.TOTAL, ("damage",), (), None),
        ("how much health did I lose", Ask.TOTAL, ("damage",), (), None),
        ("how much health did I regain", Ask.TOTAL, ("heal",), (), None),
        ("how much ammo did I use", Ask.TOTAL, ("shot",), (), None),
        ("how long did I survive", Ask.HOW_LONG, ("death", "respawn"), (), None),
        ("how long is the video", Ask.HOW_LONG, (), (), None),
        ("how long did it take me to find the shotgun", Ask.HOW_LONG, ("pickup",), ("shotgun",), None),
        ("summarize the video", Ask.SUMMARY, (), (), None),
        ("what is this video about", Ask.SUMMARY, (), (), None),
        ("what happened?", Ask.SUMMARY, (), (), None),
        ("lava behind the door", Ask.OPEN, (), ("lava", "behind", "door"), None),
        ("how long did the fight last", Ask.OPEN, (), ("fight",), None),
        ("???", Ask.OPEN, (), (), None),
        ("¿cuántas veces morí?", Ask.OPEN, (), ("cuánta", "vece", "morí"), None),
    ],
)
def test_a_question_is_read_as(text: str, kind: Ask, kinds: tuple, subject: tuple, which: int | None) -> None:
    question = ask(text)
    assert question.ask is kind
    assert question.target == EventQuery(kinds, subject, which)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("how much health did I have at 0:30", ("health",)),
        ("how much health at 0:30?", ("health",)),
        ("what was my armor at 1:10", ("armor",)),
        ("what was the player's armour at 1:10", ("armor",)),
        ("health @0:30", ("health",)),
        ("my hp at 0:30", ("health",)),
        ("how many bullets did I have left at 1:00", ("bullets",)),
        ("how much ammo do I have at the end", ("ammo",)),
        ("When I died, what was my health?", ("health",)),
        ("how did my health change between 1:00 and 2:00", ("health",)),
        ("what weapon was I using at 1:00", ("weapon",)),
        ("which gun did I have at 1:00", ("weapon",)),
    ],
)
def test_a_value_of_the_hud_is_asked_for_at_a_time(text: str, variables: tuple) -> None:
    question = ask(text)
    assert question.ask is Ask.STATE
    assert question.variables == variables
    assert question.spans or question.anchors


@pytest.mark.parametrize(
    ("text", "kind", "variables", "lowest"),
    [
        ("lowest health", Ask.EXTREME, ("health",), True),
        ("what was my highest armor", Ask.EXTREME, ("armor",), False),
        ("the least ammo I had", Ask.EXTREME, ("ammo",), True),
        ("when did my health drop below 50", Ask.WHEN, ("health",), False),
        ("when did my health reach 0", Ask.WHEN, ("health",), False),
        ("did my health ever drop below 10?", Ask.YES_NO, ("health",), False),
    ],
)
def test_other_questions_about_a_value(text: str, kind: Ask, variables: tuple, lowest: bool) -> None:
    question = ask(text)
    assert (question.ask, question.variables, question.wants_lowest) == (kind, variables, lowest)
    assert question.target.kinds == ()


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("did I die more than twice?", Threshold(">", 2, is_count=True)),
        ("did I die at least 3 times", Threshold(">=", 3, is_count=True)),
        ("did the player die three times?", Threshold("==", 3, is_count=True)),
        ("did I die exactly once", Threshold("==", 1, is_count=True)),
        ("did I take fewer than ten hits", Threshold("<", 10, is_count=True)),
        ("did I have more than 50 health at 1:00", Threshold(">", 50, is_count=False)),
        ("was my health below 20 at 1:00", Threshold("<", 20, is_count=False)),
        ("did I die?", None),
        ("did we win 3:2", None),
        ("did I die at 1:30", None),
    ],
)
def test_what_a_question_compares_with(text: str, threshold: Threshold | None) -> None:
    assert ask(text).threshold == threshold


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
    ],
)
def test_a_threshold_holds_on_its_side(operator: str, below: bool, equal: bool, above: bool) -> None:
    threshold = Threshold(operator, 2, is_count=True)
    assert [threshold.holds(1), threshold.holds(2), threshold.holds(3)] == [below, equal, above]


def anchors(text: str) -> list[tuple[str, tuple, tuple, int | None, float | None]]:
    found = ask(text).anchors
    return [
        (a.relation.value, a.event.kinds, a.event.subject, a.event.which, a.offset_ns and a.offset_ns / S)
        for a in found
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what happened before I died", [("before", ("death",), (), None, None)]),
        ("what happened before the second death", [("before", ("death",), (), 2, None)]),
        ("what happened after my first death?", [("after", ("death",), (), 1, None)]),
        ("what happened since my last death", [("after", ("death",), (), -1, None)]),
        ("When I died, what was my health?", [("at", ("death",), (), None, None)]),
        ("what happened when I picked up the shotgun", [("at", ("pickup",), ("shotgun",), None, None)]),
        ("After picking up the red keycard, what happened?", [("after", ("pickup",), ("red", "keycard"), None, None)]),
        ("what happened after the shotgun pickup", [("after", ("pickup",), ("shotgun",), None, None)]),
        ("how many hits did I take before dying?", [("before", ("death",), (), None, None)]),
        ("what happened while shooting", [("at", ("shot",), (), None, None)]),
        ("what happened 10 seconds before I died?", [("before", ("death",), (), None, 10)]),
        ("what happened in the last 10 seconds before my third death", [("before", ("death",), (), 3, 10)]),
        ("what happened 5 seconds after the second death", [("after", ("death",), (), 2, 5)]),
        ("what happened right after I respawned", [("after", ("respawn",), (), None, None)]),
        (
            "what happened between my first and second death?",
            [("after", ("death",), (), 1, None), ("before", ("death",), (), 2, None)],
        ),
        (
            "what did I do from the first death to the respawn",
            [("after", ("death",), (), 1, None), ("before", ("respawn",), (), None, None)],
        ),
        ("what happened the second time I died", [("at", ("death",), (), 2, None)]),
        ("how many items had I collected when I died", [("before", ("death",), (), None, None)]),
        ("how many times did I die before I got the shotgun?", [("before", ("pickup",), ("shotgun",), None, None)]),
        ("between 0:30 and my first death what happened", [("before", ("death",), (), 1, None)]),
        ("what did I do during my first life", [("before", ("death",), (), 1, 10**9)]),
        (
            "what happened in my second life",
            [("before", ("death",), (), 2, 10**9), ("after", ("respawn",), (), 1, 10**9)],
        ),
        # no anchors
        ("when did I die", []),
        ("when was I hit", []),
        ("what did I pick up on the way", []),
        ("why did I die", []),
        ("was I at full health at 1:00", []),
        ("after all, how many times did I die", []),
    ],
)
def test_a_time_given_by_an_event_is_an_anchor(text: str, expected: list) -> None:
    assert anchors(text) == expected


@pytest.mark.parametrize(
    ("text", "kind", "kinds"),
    [
        ("how many times did I die before I got the shotgun?", Ask.COUNT, ("death",)),
        ("what happened before the second death?", Ask.WHAT_HAPPENED, ()),
        ("When I died, what happened?", Ask.WHAT_HAPPENED, ()),
        ("why did I die after picking up the shotgun?", Ask.WHY, ("death",)),
        ("did I die after picking up the shotgun?", Ask.YES_NO, ("death",)),
        ("@1:20", Ask.WHAT_HAPPENED, ()),
        ("1:20?", Ask.WHAT_HAPPENED, ()),
        ("tell me about 1:00", Ask.WHAT_HAPPENED, ()),
        ("did anything happen after 2:00?", Ask.WHAT_HAPPENED, ()),
        ("what was I doing at 1:05?", Ask.WHAT_HAPPENED, ()),
        ("deaths between 0:00 and 2:00", Ask.LIST, ("death",)),
        ("2:20 what did I find", Ask.LIST, ("pickup",)),
    ],
)
def test_an_anchor_or_a_time_is_not_what_is_asked_for(text: str, kind: Ask, kinds: tuple) -> None:
    question = ask(text)
    assert (question.ask, question.target.kinds) == (kind, kinds)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("did I die", True),
        ("my deaths", True),
        ("did we die", True),
        ("did he die", False),
        ("did you die", False),
        ("deaths", False),
    ],
)
def test_the_player_is_spoken_to_or_spoken_of(text: str, first: bool) -> None:
    assert ask(text).first_person is first


def test_plain_words_stay_as_what_is_searched() -> None:
    question = ask("@1:30 what colour is the lava behind the door?")
    assert question.search_text == "what colour is the lava behind the door"
    assert question.words == ("colour", "lava", "behind", "door")


def test_a_time_outside_the_video_leaves_nowhere_to_look() -> None:
    assert ask("what happened at 59:00").is_outside
    assert ask("what happened @99:99").is_outside
    assert not ask("why did I die @99:99").is_outside
    assert not ask("what happened at 1:00").is_outside


def test_typographic_quotes_dashes_and_invisible_characters_make_no_difference() -> None:
    plain, typed = ask("what's my health 0:30-0:50"), ask("what’s​ my\thealth 0:30–0:50\n")
    assert (plain.ask, plain.spans, plain.variables) == (typed.ask, typed.spans, typed.variables)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x02", "​"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(QuestionError, match="no question"):
        ask(text)


def test_a_question_of_more_than_a_thousand_characters_is_refused() -> None:
    assert ask("a" * 1000).ask is Ask.OPEN
    with pytest.raises(QuestionError, match="1001 characters"):
        ask("a" * 1001)


def test_an_event_number_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="no event 0"):
        EventQuery(("death",), (), 0)


VOCABULARY = (
    "how many times did I die died death when why what happened before after between first second last "
    "2nd and my the a at 1:00 @2:10 99:99 pick picked up shotgun health armor ammo biggest lowest more "
    "than 50 twice seconds 10 in until while respawning life killed by imp list all summary ? , . or long "
    "was "
)
WORDS = st.sampled_from(VOCABULARY.split())


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=80), st.lists(WORDS, min_size=1, max_size=16).map(" ".join)),
    st.integers(1, 10**14),
    st.floats(0.001, 3600),
)
def test_parsing_never_raises_but_for_an_empty_question_and_stays_in_the_video(
    text: str, duration_ns: int, window_s: float
) -> None:
    try:
        question = parse(text, duration_ns=duration_ns, moment_window_s=window_s)
    except QuestionError:
        return  # nothing but blanks
    assert all(0 <= span.start_ns < span.end_ns <= duration_ns for span in question.spans)
    assert question.search_text
    assert isinstance(question.ask, Ask)


@pytest.mark.parametrize(
    "text",
    [
        "score was " * 99,
        "1 minute and " * 75,
        "a " * 499,
        "between the " * 80,
        "before my first and " * 49,
        "@" * 999,
        "1:" * 490,
    ],
)
def test_a_hostile_question_is_read_in_linear_time(text: str) -> None:
    assert ask(text).text


# ------------------------------------------------------------------------------------ beside what is asked


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("Apart from shots, what happened from 0:10 to 0:40?", ("shot",)),
        ("what happened between 0:10 and 0:40, ignoring shots and pickups", ("shot", "pickup")),
        ("What happened at 1:00? Leave out shots.", ("shot",)),
        ("leaving deaths aside, what happened at 1:00", ("death",)),
        ("what happened at 1:00 without dying", ()),
        ("how long did I survive without a shield", ()),
    ],
)
def test_what_is_not_wanted_is_taken_out_of_the_question(text: str, left_out: tuple) -> None:
    question = ask(text)
    assert question.left_out == left_out
    assert not set(question.target.kinds) & set(left_out)


@pytest.mark.parametrize(
    ("text", "step", "span"),
    [
        ("what came next after 0:30", 1, (30, 300)),
        ("At 0:30 I fired the shotgun. What came next?", 1, (30, 300)),
        ("At 0:30 I died. What came just before that?", -1, (0, 31)),
        ("what was the last thing to happen before 0:30", -1, (0, 30 + 1)),
        ("what happened before 0:30", 0, (0, 30)),
        ("what happened after 0:30", 0, (30, 300)),
    ],
)
def test_one_step_on_or_back_is_told_from_a_stretch(text: str, step: int, span: tuple[int, int]) -> None:
    question = ask(text)
    assert (question.ask, question.step) == (Ask.WHAT_HAPPENED, step)
    assert [(s.start_ns // S, s.end_ns // S) for s in question.spans] == [span]


def test_the_next_item_is_a_pickup_and_no_step() -> None:
    question = ask("what was the next item that I picked up after 0:30?")
    assert (question.step, question.target) == (0, EventQuery(("pickup",), (), 1))


@pytest.mark.parametrize(
    "text",
    [
        "Which came first: my first death or the pickup of the shotgun?",
        "what happened first, the first death or the first shotgun pickup",
        "Which of these two came earlier: the first death or the first pickup of the shotgun",
    ],
)
def test_two_events_are_compared(text: str) -> None:
    question = ask(text)
    assert question.ask is Ask.WHICH_FIRST
    assert question.compared == (EventQuery(("death",), (), 1), EventQuery(("pickup",), ("shotgun",), 1))


def test_a_list_of_kinds_is_no_comparison_of_two() -> None:
    question = ask("What was the last hit, pickup or death before 1:00?")
    assert (question.ask, set(question.target.kinds)) == (LIST, {"damage", "pickup", "death"})


def test_an_event_whose_name_holds_or_is_not_cut_in_two() -> None:
    question = ask("Which was earlier: the first shot with the handgun or minigun or my first death?")
    assert [event.kinds for event in question.compared] == [("shot",), ("death",)]
    assert question.compared[0].subject == ("handgun", "minigun")


@pytest.mark.parametrize(
    "text",
    [
        "When was the second time that I died?",
        "Find the second time that I died.",
        "In which third of the video is the second time that I died?",
        "Split the video into thirds. Which one contains the second time that I died?",
        "show me the second time I died",
    ],
)
def test_an_event_in_a_clause_is_what_is_asked_for_where_nothing_else_is(text: str) -> None:
    question = ask(text)
    assert (question.ask, question.target, question.anchors) == (WHEN, EventQuery(("death",), (), 2), ())


@pytest.mark.parametrize(
    ("text", "kind", "variables"),
    [
        ("What was the number of missiles at 1:00?", Ask.STATE, ("rockets",)),
        ("what's my lowest ammo for the shotgun", Ask.EXTREME, ("shells",)),
        ("how low did the ammo of my minigun get", Ask.EXTREME, ("bullets",)),
        ("how low did my health get", Ask.EXTREME, ("health",)),
        ("Read off my armor at 1:00.", Ask.STATE, ("armor",)),
        ("where on the screen is my health shown at 1:00", Ask.STATE, ("health",)),
        ("Compare my health at 0:30 and at 1:00.", Ask.STATE, ("health",)),
        ("what did the screen show for the number of shells at 1:00", Ask.STATE, ("shells",)),
        ("at what time my health was below 50", WHEN, ("health",)),
        ("how many shells did I pick up", COUNT, ()),
        ("when did I pick up a health bonus", WHEN, ()),
        ("the number of bullets fired", COUNT, ()),
        ("where do I see a rocket", Ask.OPEN, ()),
        ("show me a rocket at 1:00", Ask.OPEN, ()),
    ],
)
def test_values_are_told_from_things_and_events(text: str, kind: Ask, variables: tuple) -> None:
    question = ask(text)
    assert (question.ask, question.variables) == (kind, variables)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("what could be heard at 1:00", {"speech", "sound"}),
        ("which words can be heard at 1:00", {"speech"}),
        ("which sound can be heard at 1:00", {"sound"}),
        ("what was recognised in the soundtrack at 1:00", {"speech", "sound"}),
    ],
)
def test_what_is_heard_may_be_words_or_a_sound(text: str, kinds: set) -> None:
    assert set(ask(text).target.kinds) == kinds


def test_what_stands_in_quotes_names_no_kind_and_no_value() -> None:
    question = ask("When does “PICKED UP A HEALTH BONUS” first appear on the screen?")
    assert question.quoted == ("PICKED UP A HEALTH BONUS",)
    assert (question.target.kinds, question.variables) == ((), ())


def test_a_part_of_the_screen_is_no_moment() -> None:
    assert ask("What did the message on the screen say at 1:00?").anchors == ()


# --------------------------------------------------------------------- what came next, whether, which way, by how much


@pytest.mark.parametrize(
    ("text", "which", "span"),
    [
        ("At 0:20 I died. Which pickup came next?", 1, (21, 300)),
        ("After I died at 0:20, what was the next pickup?", 1, (21, 300)),
        ("What was the next pickup after 0:20, when I died?", 1, (21, 300)),
        ("Of pickups, which one came next after I died at 0:20?", 1, (21, 300)),
        ("At 0:20 I died. Which pickup came last before that?", -1, (0, 20)),
        ("What was the last pickup before 0:20, when the screen went black?", -1, (0, 20)),
    ],
)
def test_of_a_moment_that_is_told_the_next_or_the_last_event_of_a_kind_is_asked_for(
    text: str, which: int, span: tuple[int, int]
) -> None:
    question = ask(text)
    assert (question.target.kinds, question.target.which) == (("pickup",), which)
    assert question.spans == (Span(span[0] * S, span[1] * S),)
    assert question.anchors == ()


@pytest.mark.parametrize(
    "text",
    [
        "Is it true that I picked up the shotgun?",
        "Tell me whether I picked up the shotgun.",
        "Can you say if I picked up the shotgun?",
        "Did I take “shotgun”?",
    ],
)
def test_whether_something_happened_is_a_yes_or_no(text: str) -> None:
    question = ask(text)
    assert (question.ask, question.target.kinds, question.target.subject) == (Ask.YES_NO, ("pickup",), ("shotgun",))


@pytest.mark.parametrize(
    "text",
    [
        "Did my health rise or fall from 0:10 to 0:20?",
        "Was my health higher or lower at 0:20 than at 0:10?",
        "Did my health go up or down between 0:10 and 0:20?",
    ],
)
def test_which_of_two_ways_a_value_went_is_no_yes_or_no(text: str) -> None:
    question = ask(text)
    assert (question.ask, question.variables) == (Ask.STATE, ("health",))


def test_a_number_of_which_a_value_is_asked_counts_no_events() -> None:
    question = ask("Did the screen show 50 for my health at 0:20?")
    assert (question.ask, question.variables) == (Ask.YES_NO, ("health",))
    assert question.threshold == Threshold("==", 50, is_count=False)


def test_a_weapon_is_known_by_what_it_uses() -> None:
    question = ask("When did I first fire a weapon that uses bullets?")
    assert (question.ask, question.target) == (Ask.WHEN, EventQuery(("shot",), ("bulletgun",), 1))
    assert ask("How many bullets did I have at 0:20?").variables == ("bullets",)
