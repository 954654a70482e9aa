import pyarrow as pa
import pytest

from gvlm_resources import game
from gvlm_resources.dataset.claims import CANNOT_TELL, FALSE, TRUE, holds
from gvlm_resources.dataset.grounding.grounding_text import names_of
from gvlm_resources.dataset.pairs import Claim, Pair
from gvlm_resources.evaluation.pairs import UNCHECKABLE, TruthLog, judge, unclaimed, wilson
from gvlm_resources.simulator import truth as truth_module
from gvlm_resources.simulator.events import TruthEvent
from gvlm_resources.simulator.truth import Recording, TimedEvent, Truth
from tests.dataset.small_facts import facts

RATE = 35
TICS = 10 * RATE
NAMES = names_of(facts())


def at(tic: float) -> int:
    return round(tic * 1_000_000_000 / RATE)


def ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


def recorded(kind: str, tic: int, amount: int = 1, subject: str = "") -> TimedEvent:
    return TimedEvent(TruthEvent(kind, tic, tic + 1, amount, subject), at(tic), at(tic + 1))


# Two hits in neighbouring tics at 2 s, one that armor takes alone at 3 s, one beyond what is left at 6 s, which kills.
HITS = {70: (10, 90, 50), 71: (5, 85, 50), 105: (0, 85, 49), 210: (120, -35, 49)}  # tic: damage, health, armor
RESPAWN = 260


def column(name: str) -> list:
    values, health, armor, taken = [], 100, 50, 0
    for tic in range(TICS):
        if tic in HITS:
            taken, health, armor = taken + HITS[tic][0], HITS[tic][1], HITS[tic][2]
        if tic == RESPAWN:
            health, armor = 100, 0
        dead = 210 <= tic < RESPAWN
        values.append({"health": health, "armor": armor, "damage_taken": taken, "dead": int(dead)}[name])
    return values


def late(values: list) -> list:
    """What the status bar shows: one tic late, but for the respawn, and never less than 0."""
    return [max(0, values[tic] if tic in (0, RESPAWN) else values[tic - 1]) for tic in range(TICS)]


def truth() -> Truth:
    bullets = [50 if tic < 35 else 49 if tic < 140 else 59 for tic in range(TICS)]
    plain = {name: column(name) for name in ("health", "armor", "damage_taken", "dead")}
    lines = [["Picked up some bullets."] if 140 <= tic < 244 else [] for tic in range(TICS)]
    columns = {
        "tic": list(range(TICS)),
        "pts_ns": [at(tic) for tic in range(TICS)],
        **plain,
        "ammo2": bullets,
        "hud_health": late(plain["health"]),
        "hud_armor": late(plain["armor"]),
        "hud_ammo": late(bullets),
        "hud_messages": lines,
    }
    rows = pa.table(
        {field.name: pa.array(columns.get(field.name, _empty(field.type)), field.type) for field in truth_module.TICS},
        schema=truth_module.TICS,
    )
    events = (
        recorded("shot", 35, 1, "Pistol"),
        recorded("damage", 70, 10),
        recorded("damage", 71, 5),
        recorded("message", 140, 1, "Picked up some bullets."),
        recorded("pickup", 140, 1, "Clip"),
        recorded("damage", 210, 120),
        recorded("death", 210),
        recorded("message", 210, 1, "Player was perforated by a shotgun zombie."),
        recorded("respawn", RESPAWN),
        recorded("kill", 300, 1, "DoomImp"),
    )
    return Truth(_recording(), events, rows)


def _empty(kind: pa.DataType) -> list:
    return [[] if pa.types.is_list(kind) else "" if pa.types.is_string(kind) else 0] * TICS


def _recording() -> Recording:
    return Recording(
        **{"video": "a.mp4", "video_sha256": "0" * 64, "level": "freedoom2/MAP01", "seed": 1, "skill": 3},
        **{"bot": "fighter", "tics": TICS, "tic_rate_hz": RATE, "sample_rate_hz": 44100, "width": 640, "height": 480},
        **{"frames_sha256": "", "sound_sha256": "", "variables_sha256": "", "made_with": {}, "licence": ""},
    )


LOG = TruthLog(truth(), game.load("freedoom"))


def claim(what: str, start: float, end: float, kind: str = "", subject: str = "", value: float | None = None) -> Claim:
    return Claim(what, ns(start), ns(end), kind=kind, subject=subject, value=value)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        # The engine's classes are the subjects of the game's rules.
        (claim("count", 0, 10, "pickup", "bullets (clip)", 1), TRUE),
        (claim("count", 0, 10, "pickup", "health bonus", 0), TRUE),
        (claim("count", 0, 10, "pickup", "banana", 0), CANNOT_TELL),
        (claim("sum", 0, 10, "pickup", "bullets (clip)", 10), TRUE),
        (claim("moment", 1, 2, "shot", "handgun or minigun"), TRUE),
        (claim("moment", 1, 2, "shot", "shotgun"), FALSE),
        (claim("moment", 6, 7, "death", "shotgun zombie"), TRUE),
        (claim("moment", 6, 7, "death", "zombie"), FALSE),
        # Two hits in neighbouring tics and one that armor takes alone may be counted or not; the rest counts.
        (claim("count", 0, 10, "damage", value=2), TRUE),
        (claim("count", 0, 10, "damage", value=4), TRUE),
        (claim("count", 0, 10, "damage", value=1), FALSE),
        (claim("count", 0, 10, "damage", value=5), FALSE),
        # A hit costs what was left, not what the engine took off.
        (claim("sum", 5, 7, "damage", "health", 85), TRUE),
        (claim("sum", 5, 7, "damage", "health", 120), FALSE),
        # What only the engine knows, and what it does not log.
        (claim("count", 0, 10, "kill", value=1), CANNOT_TELL),
        (claim("moment", 0, 1, "sound", "gunshot"), CANNOT_TELL),
        (claim("count", 0, 10, "speech", value=0), TRUE),
        # The status bar is one tic late, but not at a respawn.
        (claim("value", 0, 2.02, subject="health", value=100), TRUE),
        (claim("value", 2.1, 6, subject="health", value=85), TRUE),
        (claim("value", 2.1, 6.2, subject="health", value=85), FALSE),
        (claim("value", 6.1, 7.4, subject="health", value=0), TRUE),
        (claim("lowest", 0, 5, subject="health", value=85), TRUE),
        (claim("highest", 0, 10, subject="bullets", value=59), TRUE),
        (claim("value", 5, 9, subject="bullets", value=59), TRUE),
        (claim("value", 5, 9, subject="score", value=0), CANNOT_TELL),
        # Messages as the frames show them, a misread one, and what stands on no line.
        (claim("shown", 5, 6, subject="PICKED UP SOME BULLETS"), TRUE),
        (claim("shown", 5, 6, subject="PICKED UP SOME BUILETS"), FALSE),
        (claim("shown", 8, 9, subject="Picked up some bullets"), CANNOT_TELL),
        (claim("shown", 0, 1, subject="ARMS"), TRUE),
        (claim("said", 0, 10, subject="hello"), FALSE),
        # What the screen tells, and what it does not.
        (claim("unknown", 0, 10, subject="name of the player"), TRUE),
        (claim("unknown", 0, 10, subject="health"), FALSE),
        (claim("unknown", 0, 10, subject="shotgun zombie"), FALSE),
    ],
)
def test_claims_are_held_against_what_the_engine_logged(one: Claim, expected: str) -> None:
    assert holds(one, LOG).result == expected


def test_a_clock_may_be_a_quarter_of_a_second_off_and_no_more() -> None:
    shot = at(36)  # the number changes one tic after the shot of tic 35
    assert holds(Claim("moment", shot + ns(0.24), shot + ns(1), kind="shot"), LOG).result == TRUE
    assert holds(Claim("moment", shot + ns(0.26), shot + ns(1), kind="shot"), LOG).result == FALSE


def pair(answer: str, *claims: Claim, kind: str = "when", question: str = "When is that?") -> Pair:
    return Pair("v", kind, question, answer, 0, ns(10), ("e1",), "templates@1", claims=claims)


def verdict(one: Pair) -> str:
    return judge(one, LOG, NAMES).verdict


def test_a_pair_is_true_where_all_its_claims_are() -> None:
    death = claim("moment", 6, 7, "death")
    assert verdict(pair("At 00:06.", death)) == "true"
    assert verdict(pair("At 00:06.", death, claim("count", 0, 5, "death", value=1))) == "false"
    assert verdict(pair("At 00:06.", death, claim("count", 0, 6, "kill", value=0))) == UNCHECKABLE
    assert verdict(pair("In the end.")) == UNCHECKABLE


def test_a_figure_or_name_that_no_claim_states_makes_a_pair_false() -> None:
    death = claim("moment", 6, 7, "death", "shotgun zombie")
    assert verdict(pair("At 00:05.", death)) == "false"
    assert verdict(pair("At 00:06, the 3 times.", death)) == "false"
    assert verdict(pair("At 00:06, by an octaminator.", death)) == "false"
    assert verdict(pair("At 00:06, by a shotgun zombie.", death)) == "true"
    assert verdict(pair("At 00:06, three times.", claim("count", 6, 7, "death", value=1))) == "false"
    found = judge(pair("At 00:05.", death), LOG, NAMES)
    assert found.details == ("the answer says 00:05, which no claim states",)


def test_what_the_question_states_may_be_said_again() -> None:
    repeated = pair(
        "Between 00:02 and 00:05, none.", claim("count", 2, 5, "death", value=0), question="00:02 to 00:05?"
    )
    assert unclaimed(repeated, NAMES) == ()


def test_an_answer_that_gives_up_states_nothing() -> None:
    unknown = claim("unknown", 0, 10, subject="name of the player")
    assert verdict(pair("That cannot be told.", unknown, kind="unanswerable")) == "true"


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(990, 1000)
    assert (round(low, 4), round(high, 4)) == (0.9817, 0.9946)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == pytest.approx(1.0)
