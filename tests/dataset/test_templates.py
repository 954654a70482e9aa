"""Templates: what they write of a small play, and what they never state."""

import random
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pyarrow as pa
import pytest

from gvlm_resources import game as game_module
from gvlm_resources import schemas
from gvlm_resources.dataset import facts as facts_module
from gvlm_resources.dataset.facts import Facts, Sight, Text, Utterance
from gvlm_resources.dataset.grounding.grounding import check
from gvlm_resources.dataset.grounding.grounding_reading import differences, yes_or_no
from gvlm_resources.dataset.pairs import KINDS, LENGTHS, Claim, Pair
from gvlm_resources.dataset.questions import ask_places, ask_spans, templates, wording
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import View
from gvlm_resources.settings import Quotas, SynthesisSettings
from gvlm_resources.timebase import Span, format_clock
from gvlm_resources.timeline import events, state
from tests.timeline import hud_rows
from tests.timeline.hud_rows import S, at, line, number

END_S = 60.0
LANGUAGES = ("en", "de", "es", "fr")
PLENTY = Quotas(**dict.fromkeys(KINDS, 100))
CLOCK = re.compile(r"\d\d:\d\d(?::\d\d)?")
QUOTED = re.compile("“[^”]*”|„[^“]*“|«[^»]*»")


def played(*, health: list[tuple[float, str]] | None = None, lines: list[dict] | None = None) -> Facts:
    """One minute: two shots, a shotgun, a hit, a medikit, a hit, a death, a life begun anew, an armor bonus."""
    health = health or [(0, "100"), (10.4, "82"), (20.5, "92"), (33.3, "60"), (40.6, "40"), (41.5, "0"), (44.4, "100")]
    lines = lines or [
        line("You got the shotgun", 15.4, 18.4),
        line("Picked up a medikit", 20.5, 23.5),
        line("Player was killed by an imp.", 41.5, 44.5),
        line("Picked up an armor bonus", 50.5, 53.5),
    ]
    read = hud_rows.ocr(
        *number("health", *health),
        *number("armor", (0, "0"), (50.5, "1")),
        *number("bullets", (0, "50"), (5.4, "49"), (6.5, "48")),
        *number("shells", (0, "0"), (15.4, "8"), (28.5, "7")),
        *number("ammo", (0, "50"), (5.4, "49"), (6.5, "48"), (16.3, "8"), (28.5, "7")),
        *lines,
    )
    frames = hud_rows.frames(*((second + 0.2, "b" if second == 30 else "") for second in range(60)))
    held = state.series(read, hud_rows.GAME, video_id="v-1")
    tables = {
        "ocr": read,
        "state": held,
        "frames": frames,
        "speech": hud_rows.speech(),
        "sounds": sounds(),
        "entities": none(),
    }
    told = events.merge(video_id="v-1", end_ns=at(END_S), game=hud_rows.GAME, **tables)
    return facts_module.gather(
        video_id="v-1", title="A play", duration_ns=at(END_S), game=hud_rows.GAME, events=told, **tables
    )


def none() -> pa.Table:
    return schemas.ENTITIES.empty_table()


def sounds(*heard: tuple[str, float, float]) -> pa.Table:
    heard = heard or (("gunshot", 5.4, 0.97), ("gunshot", 28.4, 0.6))
    rows = [
        {
            "video_id": "v-1",
            "sound_id": f"a{at(start) // 1000:012d}-1",
            "start_ns": at(start),
            "end_ns": at(start + 0.3),
            "label": label,
            "score": score,
            "text": "",
            "status": "ok",
            "reason": "",
        }
        for label, start, score in heard
    ]
    return pa.Table.from_pylist(rows, schema=schemas.SOUNDS)


@cache
def play() -> Facts:
    return played()


@cache
def written(language: str = "en", seed: int = 0) -> tuple[Pair, ...]:
    settings = SynthesisSettings(languages=(language,), quotas=PLENTY, seed=seed)
    return tuple(templates.write(play(), settings))


def seen_in_a_game_without_rules() -> Facts:
    """A game of which nothing is known: two texts, a voice, two sounds, a thing that moves."""
    box, size = (10.0, 10.0, 200.0, 40.0), (640, 480)
    base = played()
    return Facts(
        video_id="v-2",
        title="Something",
        duration_ns=at(END_S),
        game=game_module.load("generic"),
        events=[event for event in base.events if event.kind == "sound"],
        texts=[
            Text("o1-0", "frame", "text", "Level one", at(3), at(9), 0.97, box, *size),
            Text("o2-0", "frame", "text", "GHX>7", at(12), at(19), 0.6, box, *size),
        ],
        speech=[Utterance("s1", at(22.3), at(24), "here we go", 0.9, "en")],
        sounds=base.sounds,
        sights=[Sight("n1-1", base.frames[20].frame_id, base.frames[20].pts_ns, "t1", "robot", 0.9, box, *size)],
        frames=base.frames,
    )


def claims_figures(pair: Pair) -> tuple[set[str], set[float]]:
    """Clocks and numbers that the claims of a pair state."""
    spans = [claim.span for claim in pair.claims] + [c.other_span for c in pair.claims if c.other_end_ns]
    ends = [ns for span in spans for ns in (span.start_ns, span.end_ns, span.end_ns - 1)]
    values = {claim.value for claim in pair.claims if claim.value is not None}
    return {format_clock(ns) for ns in ends}, values | differences(pair.claims)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_play_is_asked_about_in_every_kind_and_language(language: str) -> None:
    pairs = written(language)
    assert {pair.kind for pair in pairs} == set(KINDS)
    assert {pair.language for pair in pairs} == {language}
    assert {pair.length for pair in pairs} == set(LENGTHS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_of_an_answer_is_claimed_or_asked(language: str) -> None:
    for pair in written(language):
        clocks, numbers = claims_figures(pair)
        said = QUOTED.sub("", pair.answer).replace("<box_2d>", "")
        assert set(CLOCK.findall(said)) <= clocks | set(CLOCK.findall(pair.question)), pair
        plain = {float(found) for found in re.findall(r"\d+", CLOCK.sub("", said))}
        assert plain <= numbers | {float(found) for found in re.findall(r"\d+", CLOCK.sub("", pair.question))}, pair


def test_every_row_and_frame_that_a_pair_names_is_there() -> None:
    facts = play()
    black = {frame.frame_id for frame in facts.frames if frame.is_black}
    known = {frame.frame_id for frame in facts.frames} - black
    for pair in written():
        assert all(facts.row(row_id) is not None for row_id in pair.evidence), pair
        assert pair.frames, pair
        assert set(pair.frames) <= known, pair
        assert pair.answer.count("<box_2d>") == len(pair.boxes), pair
        assert all(box.frame_id in pair.frames for box in pair.boxes), pair


def test_the_span_of_a_pair_holds_its_claims_and_lies_in_the_video() -> None:
    for pair in written():
        assert 0 <= pair.start_ns < pair.end_ns <= at(END_S), pair
        for claim in pair.claims:
            assert pair.start_ns <= claim.start_ns, pair
            assert claim.end_ns <= pair.end_ns, pair
            assert claim.other_end_ns <= pair.end_ns, pair


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_answer_stands_in_its_question(language: str) -> None:
    for pair in written(language):
        assert pair.answer.rstrip(".").casefold() not in pair.question.casefold(), pair


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_check_finds_nothing_unsupported(language: str) -> None:
    settings = SynthesisSettings(languages=(language,), quotas=PLENTY)
    checked = check(written(language), play(), settings)
    assert {pair.reason for pair in checked} <= {"", "near_duplicate", "quota", "leak"}
    assert sum(pair.reason == "leak" for pair in checked) <= 0.02 * len(checked)


def test_the_same_seed_gives_the_same_pairs_and_another_one_other_words() -> None:
    settings = SynthesisSettings(languages=LANGUAGES)
    assert templates.write(play(), settings) == templates.write(played(), settings)
    again = templates.write(play(), replace_seed(settings, 1))
    assert [pair.question for pair in again] != [pair.question for pair in templates.write(play(), settings)]


def replace_seed(settings: SynthesisSettings, seed: int) -> SynthesisSettings:
    return settings.model_copy(update={"seed": seed})


@pytest.mark.parametrize("kind", KINDS)
def test_a_quota_of_none_gives_none_and_another_one_twice_as_many_at_most(kind: str) -> None:
    got = Counter(p.kind for p in templates.write(play(), SynthesisSettings(quotas=Quotas(**{kind: 0}))))
    assert kind not in got
    few = Counter(p.kind for p in templates.write(play(), SynthesisSettings(quotas=Quotas(**{kind: 2}))))
    assert 1 <= few[kind] <= 4


def test_no_question_is_asked_twice_in_a_language() -> None:
    questions = Counter((pair.kind, pair.question) for pair in written())
    assert set(questions.values()) == {1}


def test_the_first_pairs_of_a_kind_are_about_different_things() -> None:
    few = [pair for pair in templates.write(play(), SynthesisSettings()) if pair.kind == "state"][:6]
    assert len({claim.subject for pair in few for claim in pair.claims}) >= 3
    assert len({(pair.start_ns // (10 * S), pair.end_ns // (10 * S)) for pair in few}) >= 3


def test_several_phrasings_are_drawn() -> None:
    asked = {re.sub(r"\d\d:\d\d", "", pair.question) for pair in written() if pair.claims[0].what == "value"}
    assert len(asked) > 4


def test_a_death_is_told_with_the_cause_that_the_message_names_and_the_hits_before_it() -> None:
    seeds = [p for seed in range(6) for p in written(seed=seed)]
    told = [p for p in seeds if p.kind == "why" and any(c.kind == "death" and c.subject == "imp" for c in p.claims)]
    assert told
    assert all("imp" in pair.answer for pair in told)
    longest = next(pair for pair in told if pair.length == "long")
    assert "at 00:33 and 00:40" in longest.answer
    chain = [row_id.split("-")[1] for row_id in longest.evidence if row_id.startswith("e")]
    assert chain == ["damage", "damage", "death"]


def test_no_cause_is_named_that_no_message_names() -> None:
    facts = played(lines=[line("You got the shotgun", 15.4, 18.4)])
    pairs = templates.write(facts, SynthesisSettings(quotas=PLENTY))
    assert not [p for p in pairs if p.kind == "why" and "die" in p.question]
    asked = [p for p in pairs if any(c.subject.startswith("who or what dealt") for c in p.claims)]
    assert asked
    assert {p.kind for p in asked} == {"unanswerable"}
    assert all("cannot be told" in p.answer for p in asked)


def test_no_moment_at_the_edge_of_a_second_is_stated() -> None:
    facts = played(health=[(0, "100"), (10.02, "82"), (33.97, "60")])
    pairs = templates.write(facts, SynthesisSettings(quotas=PLENTY))
    moments = [c for p in pairs for c in p.claims if c.what == "moment" and c.kind == "damage"]
    assert any(event.kind == "damage" for event in facts.events)
    assert not moments


def test_no_number_is_stated_in_the_second_after_it_changed() -> None:
    for pair in written():
        for claim in (c for c in pair.claims if c.what == "value" and pair.kind == "state"):
            held = play().value_at(claim.subject, claim.start_ns)
            assert held is not None
            assert held.value == claim.value
            assert held.start_ns == 0 or claim.start_ns - held.start_ns >= 1.5 * S
            assert held.end_ns - claim.end_ns >= 0.5 * S


def test_a_heavy_hit_is_neither_timed_nor_counted() -> None:
    facts = played(health=[(0, "100"), (10.4, "20"), (30.5, "15")])
    claims = [
        c for p in templates.write(facts, SynthesisSettings(quotas=PLENTY)) for c in p.claims if c.kind == "damage"
    ]
    assert not [c for c in claims if c.what == "moment" and c.start_ns <= at(10.4) < c.end_ns]
    assert not [c for c in claims if c.what in ("count", "sum") and c.start_ns <= at(10.4) < c.end_ns]


def claims_of(facts: Facts, kind: str) -> list[Claim]:
    pairs = templates.write(facts, SynthesisSettings(quotas=PLENTY))
    return [claim for pair in pairs for claim in pair.claims if claim.kind == kind]


def covered(*, from_s: float, to_s: float) -> Facts:
    """The play with the number of the health hidden for a while, in which the series is closed over it."""
    facts = played()
    texts = [
        part
        for text in facts.texts
        for part in (
            [text]
            if text.region != "health" or not text.start_ns <= at(from_s) < text.end_ns
            else [replace(text, end_ns=at(from_s)), replace(text, ocr_id="later", start_ns=at(to_s))]
        )
    ]
    return replace(facts, texts=texts)


def test_nothing_that_rests_on_a_number_is_stated_of_a_stretch_in_which_it_was_not_read() -> None:
    hidden = Span(at(25), at(26))
    for kind in ("death", "respawn", "damage"):
        assert any(claim.span.overlaps(hidden) for claim in claims_of(played(), kind))
        told = claims_of(covered(from_s=25, to_s=26), kind)
        assert told
        assert not [claim for claim in told if claim.span.overlaps(hidden)]


def test_what_other_numbers_and_messages_tell_is_stated_all_the_same() -> None:
    hidden = Span(at(25), at(26))
    for kind in ("shot", "pickup"):
        assert any(claim.span.overlaps(hidden) for claim in claims_of(covered(from_s=25, to_s=26), kind))


def test_a_number_hidden_for_less_than_a_change_takes_changes_nothing() -> None:
    settings = SynthesisSettings(quotas=PLENTY)
    assert templates.write(covered(from_s=25, to_s=25.4), settings) == templates.write(played(), settings)


def test_shots_are_not_counted_where_one_may_be_in_the_step_of_an_item_taken() -> None:
    """44 bullets, a clip of 10 and a shot in one frame: 53."""
    clip = [line("Picked up a backpack", 7.0, 10.0)]
    shots = [(0, "50"), (5.4, "49"), (6.5, "48")]
    assert any(c.value == 2 for c in claims_of(fired(*shots), "shot"))
    assert not any(c.value for c in claims_of(fired(*shots, (7.0, "57"), lines=clip), "shot") if c.what == "count")


def fired(*bullets: tuple[float, str], lines: list[dict] | None = None) -> Facts:
    read = hud_rows.ocr(
        *number("health", (0, "100")),
        *number("bullets", *bullets),
        *number("shells", (0, "0")),
        *(lines or []),
    )
    held = state.series(read, hud_rows.GAME, video_id="v-1")
    tables = {"ocr": read, "state": held, "frames": hud_rows.frames((0.2, "")), "speech": hud_rows.speech()}
    tables |= {"sounds": schemas.SOUNDS.empty_table(), "entities": none()}
    told = events.merge(video_id="v-1", end_ns=at(END_S), game=hud_rows.GAME, **tables)
    return facts_module.gather(
        video_id="v-1", title="Shots", duration_ns=at(END_S), game=hud_rows.GAME, events=told, **tables
    )


def test_a_death_without_a_message_is_not_stated() -> None:
    facts = played(lines=[line("Picked up a medikit", 20.5, 23.5)])
    claims = [
        c for p in templates.write(facts, SynthesisSettings(quotas=PLENTY)) for c in p.claims if c.kind == "death"
    ]
    assert all((c.what == "count" and c.value == 0 and c.end_ns <= at(41.5)) or c.start_ns > at(41.5) for c in claims)


def test_misread_messages_are_not_quoted() -> None:
    shown = [
        line("PICKED UP A MEDIKIT!", 20.5, 23.5, confidence=0.97),
        line("Y0V GDT THE SHOTGVN", 15.4, 18.4, confidence=0.97),
        line("Picked up an armor bonus", 50.5, 53.5, confidence=0.7),
    ]
    pairs = templates.write(played(lines=shown), SynthesisSettings(quotas=PLENTY))
    quoted = {claim.subject for pair in pairs for claim in pair.claims if claim.what == "shown"}
    assert quoted == {"Picked up a medikit"}


def test_what_cannot_be_told_is_said_so_with_the_count_that_is_known() -> None:
    pairs = [pair for pair in written() if pair.kind == "unanswerable"]
    assert all("cannot be told" in pair.answer or "does not tell" in pair.answer for pair in pairs)
    second_death = [p for p in pairs if any(c.what == "count" and c.kind == "death" for c in p.claims)]
    assert second_death
    assert all("second time" in p.question and p.claims[0].value == 1 for p in second_death)


def test_the_time_after_the_end_is_asked_about_and_not_answered() -> None:
    told = [p for p in written() if p.kind == "unanswerable" and CLOCK.search(p.question)]
    beyond = [p for p in told if not any(c.what == "moment" for c in p.claims)]
    assert beyond
    assert all(CLOCK.findall(p.question)[0] > "00:59" for p in beyond)


def test_every_pair_is_as_sure_as_its_weakest_row() -> None:
    facts = play()
    for pair in written():
        rows = [facts.row(row_id) for row_id in pair.evidence]
        assert pair.confidence == pytest.approx(
            min((getattr(row, "confidence", 1.0) for row in rows), default=1.0), abs=0.4
        )
        assert pair.made_by == templates.MADE_BY


def test_a_game_without_rules_gives_fewer_pairs_and_no_error() -> None:
    facts = seen_in_a_game_without_rules()
    pairs = templates.write(facts, SynthesisSettings(languages=LANGUAGES, quotas=PLENTY))
    kinds = {pair.kind for pair in pairs}
    assert {"said_or_shown", "where", "unanswerable"} <= kinds
    assert {"state", "why"}.isdisjoint(kinds)
    quoted = {claim.subject for pair in pairs for claim in pair.claims if claim.what in ("shown", "said")}
    assert quoted == {"Level one", "here we go"}
    [robot] = [p for p in pairs if p.boxes and p.boxes[0].label == "robot" and p.language == "de"]
    assert "oben links" in robot.answer.casefold()
    assert "<box_2d>" in robot.answer


def test_nothing_is_asked_about_a_person_where_somebody_speaks() -> None:
    """They may say who they are."""
    pairs = templates.write(seen_in_a_game_without_rules(), SynthesisSettings(quotas=PLENTY))
    people = set(wording.load("en").unknowns)
    assert not [p for p in pairs for claim in p.claims if claim.what == "unknown" and claim.subject in people]


def test_an_empty_video_gives_nothing() -> None:
    empty = Facts("v-3", "Nothing", at(END_S), hud_rows.GAME)
    assert templates.write(empty, SynthesisSettings(languages=LANGUAGES)) == []


def test_frames_alone_give_nothing() -> None:
    assert (
        templates.write(replace(Facts("v-4", "x", at(5), hud_rows.GAME), frames=play().frames), SynthesisSettings())
        == []
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
def test_an_order_that_covers_early_holds_each_item_once(count: int) -> None:
    found = templates.spread(list(range(count)), random.Random(5))
    assert sorted(found) == list(range(count))
    if count == 33:
        assert max(abs(a - b) for a, b in pairwise(found)) > 8


def test_taking_in_turn_takes_one_of_each_first() -> None:
    assert templates.in_turn([[1, 2, 3], [], [4], [5, 6]]) == [1, 4, 5, 2, 6, 3]


def drafted(facts: Facts, kind: str) -> list[Draft]:
    return list(templates.WRITERS[kind](View(facts, SynthesisSettings().min_confidence)))


def clear(text: str, start_s: float, *, row: int = 0) -> dict:
    return line(text, start_s, start_s + 3, row=row, confidence=0.97)


def boxed_texts(facts: Facts) -> list[Pair]:
    pairs = templates.write(facts, SynthesisSettings(quotas=PLENTY))
    return [pair for pair in pairs if pair.boxes and any(claim.what == "shown" for claim in pair.claims)]


def test_a_message_below_the_first_line_is_pointed_at_only_just_after_it_was_read_first() -> None:
    """Message lines move up, and a row keeps the box of its first reading. Frames stand at 0.2 s of each second."""
    late, soon = clear("Picked up a medikit", 20.5, row=1), clear("Picked up an armor bonus", 50.1, row=1)
    told = boxed_texts(played(lines=[late, soon]))
    assert told
    assert {box.label for pair in told for box in pair.boxes} == {"Picked up an armor bonus"}
    assert {box.frame_id for pair in told for box in pair.boxes} == {f"f{at(50.2) // 1000:012d}"}


def test_a_message_that_came_alone_at_the_top_stays_there_and_is_pointed_at_while_it_stands() -> None:
    told = boxed_texts(played(lines=[clear("Picked up a medikit", 20.5), clear("You got the shotgun", 21.6, row=1)]))
    [box] = {box for pair in told for box in pair.boxes}
    assert box.label == "Picked up a medikit"
    assert 20_500_000 <= int(box.frame_id[1:]) < 23_500_000


@pytest.mark.parametrize(
    "other",
    [
        line("You got the shotgun", 50.15, 53.15, row=1),
        line("You got the shotgun", 47.2, 50.3, row=0),
        line("You got the shotgun", 49.5, 52.5, row=0),
    ],
)
def test_a_message_is_not_pointed_at_where_another_line_stands_comes_or_goes_about_then(other: dict) -> None:
    assert boxed_texts(played(lines=[clear("Picked up an armor bonus", 50.1, row=1)]))
    assert not boxed_texts(played(lines=[clear("Picked up an armor bonus", 50.1, row=1), other]))


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((0, 0, 427, 16), "at the top left"),
        ((0, 0, 640, 16), "at the top left"),
        ((180, 0, 460, 16), "at the top, in the middle"),
        ((500, 0, 640, 16), "at the top right"),
    ],
)
def test_a_text_stands_where_it_begins_unless_it_is_centred(box: tuple[float, ...], said: str) -> None:
    row = Text("o1-0", "lines", "message", "words", at(1), at(2), 0.97, box, 640, 480)  # type: ignore[arg-type]
    assert ask_places.place(row)(wording.load("en")) == said


def test_one_fact_is_told_twice_at_most_and_not_before_all_others_were_told() -> None:
    drafts = drafted(play(), "when")
    told = [templates._fact(draft) for draft in templates._facts_first(drafts)]
    assert len(drafts) > len(told)
    assert max(Counter(told).values()) == 2
    assert len(set(told[: len(set(told))])) == len(set(told))


def test_the_death_is_asked_for_by_its_time_no_more_than_twice() -> None:
    deaths = [
        p for p in written() if p.kind == "when" and any(c.what == "moment" and c.kind == "death" for c in p.claims)
    ]
    assert 1 <= len(deaths) <= 2


@pytest.mark.parametrize("kind", ["what", "how_many", "summary", "said_or_shown"])
@pytest.mark.parametrize("quota", [4, 8, 100])
def test_a_third_of_a_kind_at_most_says_that_there_was_nothing(kind: str, quota: int) -> None:
    settings = SynthesisSettings(quotas=Quotas(**{kind: quota}))
    pairs = [pair for pair in templates.write(play(), settings) if pair.kind == kind]
    nothing = [p for p in pairs if all(c.what in ("count", "sum") and not c.value for c in p.claims)]
    assert len(nothing) <= max(1, len(pairs) // 3)


def test_of_a_video_in_which_nothing_happens_one_pair_of_a_kind_says_so() -> None:
    quiet = fired((0, "50"))
    pairs = templates.write(quiet, SynthesisSettings())
    for kind in ("what", "summary", "how_many", "said_or_shown"):
        assert sum(pair.kind == kind for pair in pairs) == 1, kind


def test_phrasings_and_lengths_take_turns_within_a_sort_of_question() -> None:
    asked = [re.sub(r"\d\d:\d\d", "T", p.question) for p in written() if p.kind == "what" and "item" in p.question]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", ["changed", "rose_or_fell", "higher_or_lower", "difference"])
def test_two_readings_are_compared_as_the_question_asks(language: str, topic: str) -> None:
    words = wording.load(language)
    drafts = [draft for draft in drafted(play(), "state") if draft.topic == topic]
    assert drafts
    for draft in drafts:
        first, then = (claim.value or 0 for claim in draft.claims)
        known = "rose" if then > first else "fell" if then < first else "stayed"
        told = {
            "changed": words.directions[known],
            "rose_or_fell": words.directions[known],
            "higher_or_lower": words.comparisons[known],
            "difference": f"{abs(then - first):g}",
        }
        answers = getattr(words.topics[topic], "long" if known != "stayed" else "medium")
        said = answers[0].format(**{name: phrase(words) for name, phrase in draft.fields.items()})
        assert told[topic] in said


def test_why_the_player_died_is_answered_by_what_killed_them() -> None:
    deaths = [p for seed in range(12) for p in written(seed=seed) if p.kind == "why" and "“imp”" in p.answer]
    assert {pair.length for pair in deaths} == set(LENGTHS)
    assert all("killed by “imp”" in pair.answer.casefold() for pair in deaths if pair.length == "short")


def summaries(facts: Facts) -> list[Pair]:
    settings = SynthesisSettings(quotas=PLENTY)
    return [pair for pair in templates.write(facts, settings) if pair.kind == "summary"]


def test_a_summary_names_what_was_taken_and_fired_and_the_health() -> None:
    answers = [pair.answer for pair in summaries(play())]
    assert any("picked up “shotgun”" in answer for answer in answers)
    assert any("fired the pistol" in answer for answer in answers)
    assert any(re.search(r"health was \d+ at 00:\d\d and \d+ at 00:\d\d", answer) for answer in answers)


def test_a_summary_that_leaves_something_out_says_so_at_its_end_and_no_other_does() -> None:
    view = View(play(), SynthesisSettings().min_confidence)
    for draft in drafted(play(), "summary"):
        inside = [e for e in view.happenings if draft.span.contains(e.start_ns) and e.kind in ("damage", "pickup")]
        left_out = [event for event in inside if event.event_id not in draft.evidence]
        if draft.topic == "summary_play":
            assert not left_out
    ways = wording.load("en").topics["summary_among"]
    assert all(text.endswith("among other things.") for text in (*ways.short, *ways.medium))


def test_a_summary_tells_in_order_and_each_thing_once() -> None:
    for pair in summaries(play()):
        clocks = CLOCK.findall(pair.answer)
        steps = clocks[2:] if clocks and clocks[0] in pair.question else clocks
        if pair.length == "medium":
            assert steps == sorted(steps), pair.answer
        sentences = re.split(r"(?<=\.) ", pair.answer)
        assert len(sentences) == len(set(sentences)), pair.answer


def test_items_are_named_with_how_often_and_of_many_sorts_four() -> None:
    view = View(play(), 0.5)
    [event, *_] = view.of_kind("pickup")
    names = ["medikit", "medikit", "medikit", "shotgun", "blue key", "red key", "armor bonus"]
    many = [replace(event, event_id=f"e{n}", subject=name, start_ns=at(n + 0.5)) for n, name in enumerate(names)]
    [part] = ask_spans._taken(View(replace(play(), events=many), 0.5), Span(0, at(10)))
    assert part.words(wording.load("en")) == (
        "picked up 7 items (among them “medikit” (3×), “shotgun”, “blue key” and “red key”)"
    )
    assert [claim.value for claim in part.claims] == [7, 3, 1, 1, 1]


def test_no_stretch_with_shots_or_sounds_is_called_quiet() -> None:
    spans = [draft.span for draft in drafted(play(), "summary") if draft.topic == "summary_quiet"]
    loud = [Span(one.start_ns, one.end_ns) for one in play().sounds]
    shots = [Span(one.start_ns, one.start_ns + 1) for one in play().events if one.kind == "shot"]
    assert not [span for span in spans for other in (*loud, *shots) if span.overlaps(other)]
    without = replace(fired((0, "50")), sounds=play().sounds)
    assert [d for d in drafted(fired((0, "50")), "summary") if d.span.contains(at(5.4))]
    assert not [d for d in drafted(without, "summary") if d.span.contains(at(5.4))]


def test_what_came_next_is_asked_of_kinds_that_surely_did_not_happen_in_between() -> None:
    """Sounds and shots may lie between; the question does not ask for them."""
    facts = replace(play(), sounds=play().sounds)
    drafts = [draft for draft in drafted(facts, "before_after") if draft.topic in ("next_event", "previous_event")]
    assert drafts
    for draft in drafts:
        [order] = [claim for claim in draft.claims if claim.what == "order"]
        asked = ("damage", "pickup", "death")
        between = Span(order.end_ns, order.other_start_ns)
        assert not [event for kind in asked for event in facts.of_kind(kind, span=between)]
        answer = order.other_kind if draft.topic == "next_event" else order.kind
        assert answer in asked
    for topic in ("next_event", "previous_event"):
        for question in wording.load("en").topics[topic].ask:
            assert all(word in question for word in ("hit", "pickup", "death")), question


def test_a_hit_in_the_second_of_another_leaves_open_which_came_next() -> None:
    sure = played(health=[(0, "100"), (10.4, "82"), (26.3, "60")], lines=[line("You got the shotgun", 15.4, 18.4)])
    burst = played(
        health=[(0, "100"), (10.4, "82"), (26.2, "60"), (26.8, "50")], lines=[line("You got the shotgun", 15.4, 18.4)]
    )
    asked = [
        [d for d in drafted(facts, "before_after") if d.topic == "next_event" and d.about == "damage"]
        for facts in (sure, burst)
    ]
    assert asked[0]
    assert not asked[1]


def in_two_hands() -> Facts:
    """The play with bullets that two weapons fire."""
    game = hud_rows.GAME.model_copy(
        update={
            "variables": tuple(
                rule.model_copy(update={"used_by": "pistol or minigun"}) if rule.name == "bullets" else rule
                for rule in hud_rows.GAME.variables
            )
        }
    )
    events = [
        replace(event, subject="pistol or minigun") if event.subject == "pistol" else event for event in play().events
    ]
    return replace(play(), game=game, events=events)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_weapon_that_is_known_as_one_of_two_is_told_by_its_ammunition(language: str) -> None:
    settings = SynthesisSettings(languages=(language,), quotas=PLENTY)
    pairs = templates.write(in_two_hands(), settings)
    shots = [pair for pair in pairs for claim in pair.claims if claim.subject == "pistol or minigun"]
    assert shots
    bullets = wording.load(language).ammunition["bullets"]
    assert any(bullets in pair.answer for pair in shots)
    assert not [pair for pair in pairs if "minigun" in f"{pair.question} {pair.answer}"]
    checked = check(pairs, in_two_hands(), settings)
    assert not [pair for pair in checked if pair.reason in ("unsupported", "contradicts_state")]


def test_the_place_of_a_number_is_pointed_at_only_where_its_digits_were_found() -> None:
    """A number read in the place that the rules give has that place as its box: a constant."""
    facts = play()
    region = next(one for one in facts.game.hud if one.name == "health")
    x0, y0, x1, y1 = (part * size for part, size in zip(region.box, (640, 480, 640, 480), strict=True))
    whole = replace_boxes(facts, (x0, y0, x1, y1))
    digits = replace_boxes(facts, (x0 + 20, y0 + 4, x1, y1 - 4))
    numbers = [[d for d in drafted(one, "where") if d.topic == "where_number"] for one in (whole, digits)]
    assert not numbers[0]
    assert {draft.boxes[0].box for draft in numbers[1]} == {(x0 + 20, y0 + 4, x1, y1 - 4)}


def replace_boxes(facts: Facts, box: tuple[float, ...]) -> Facts:
    texts = [
        replace(text, box=box, width=640, height=480, confidence=0.97)  # type: ignore[arg-type]
        for text in facts.texts
        if text.region == "health"
    ]
    return replace(facts, texts=[*texts, *(text for text in facts.texts if text.region not in ("health", "armor"))])


@pytest.mark.parametrize(("kind", "topic", "one_in"), [("why", "why_fall", 6), ("where", "third 0", 2)])
def test_what_is_easy_to_ask_has_a_share_only(kind: str, topic: str, one_in: int) -> None:
    drafts = templates.varied(drafted(play(), kind), random.Random(1))
    told = list(templates._within_shares(templates._facts_first(drafts), yes=True))
    easy = [draft for draft in told if topic in (draft.topic, draft.about)]
    assert easy
    assert len(easy) <= len(told) // one_in
    assert len(list(templates._within_shares([one for one in drafts if one in easy], yes=True))) == 1


def test_yes_and_no_come_in_turn_and_are_what_the_claims_say() -> None:
    told = [
        p for seed in range(20) for p in written(seed=seed) if yes_or_no(p) is not None and p.kind != "unanswerable"
    ]
    yes = [pair for pair in told if yes_or_no(pair)]
    assert 0.35 <= len(yes) / len(told) <= 0.65
    for pair in told:
        turned = replace(pair, answer=("No." if yes_or_no(pair) else "Yes."))
        settings = SynthesisSettings(quotas=PLENTY)
        assert check([turned], play(), settings)[0].reason == "contradicts_state", pair
        assert check([pair], play(), settings)[0].reason == "", pair


def test_a_misread_message_is_quoted_as_the_game_writes_it_where_a_number_rose_with_it() -> None:
    shown = line("PICKED UP A MEDIKLT!", 20.5, 23.5, confidence=0.97)
    without = line("PICKED UP A MEDIKLT!", 24.5, 27.5, confidence=0.97)
    quoted = [
        {
            c.subject
            for p in templates.write(played(lines=[one]), SynthesisSettings())
            for c in p.claims
            if c.what == "shown"
        }
        for one in (shown, without)
    ]
    assert quoted == [{"Picked up a medikit"}, set()]


def test_a_number_that_stays_as_it_is_is_not_asked_for_its_lowest() -> None:
    for draft in drafted(play(), "state"):
        if draft.topic in ("lowest", "highest"):
            held = [h for h in play().series(draft.about) if draft.span.overlaps(Span(h.start_ns, h.end_ns))]
            assert len({one.value for one in held}) > 1


def test_long_answers_say_more_than_the_sentence_they_begin_with() -> None:
    pairs = [pair for pair in written() if pair.kind in ("what", "when") and pair.length == "long"]
    assert len(pairs) >= 5
    assert all(len(re.split(r"(?<=\.) ", pair.answer)) >= 2 for pair in pairs)
