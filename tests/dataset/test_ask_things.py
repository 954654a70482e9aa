"""Questions about tracked things that have no box, and the token of a region that an example of one shows."""

from dataclasses import replace

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.dataset.examples import examples
from gvlm_resources.dataset.examples.example import ALIGNMENT, TOKEN_R, Example
from gvlm_resources.dataset.examples.vectors import REGIONS, SIGLIP, Vectors
from gvlm_resources.dataset.facts import Facts, Sight
from gvlm_resources.dataset.grounding.grounding import check
from gvlm_resources.dataset.pairs import KINDS, Pair
from gvlm_resources.dataset.questions import templates
from gvlm_resources.settings import ExampleSettings, Quotas, SynthesisSettings
from tests.dataset import play

SETTINGS = SynthesisSettings(quotas=Quotas(**dict.fromkeys(KINDS, 1000)))
BOXES = {"imp": (10, 20, 110, 140), "zombie": (300, 200, 360, 300), "medikit": (560, 340, 620, 380)}


def seen(*more: Sight) -> Facts:
    sights = [play.sight(name, f"t-{name}", at, box, 0.9) for at in range(3, 60, 4) for name, box in BOXES.items()]
    return play.facts(sights=(*sights, *more))


def about_things(facts: Facts, *, boxed: bool = False) -> list[Pair]:
    kept = [pair for pair in check(templates.write(facts, SETTINGS), facts, SETTINGS) if pair.status == "ok"]
    rows = [pair for pair in kept if any(isinstance(facts.row(name), Sight) for name in pair.evidence)]
    return [pair for pair in rows if bool(pair.boxes) == boxed]


def vectors(facts: Facts) -> Vectors:
    """A vector for each frame and each tracked thing."""
    tables = {
        SIGLIP: [{"frame_id": frame.frame_id, "pts_ns": frame.pts_ns} for frame in facts.frames],
        REGIONS: [
            {
                "region_id": f"r{sight.entity_id[1:]}",
                "entity_id": sight.entity_id,
                "frame_id": sight.frame_id,
                "pts_ns": sight.pts_ns,
                "concept": sight.concept,
            }
            for sight in facts.sights
        ],
    }

    def read(table: str, columns: list[str]) -> pa.Table:
        rows = [{**row, "vector": [0.0, 1.0], "status": schemas.STATUS_OK} for row in tables.get(table, [])]
        if not rows:
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        return pa.table({name: [row[name] for row in rows] for name in columns})

    return Vectors(facts.video_id, read)


def test_the_thing_in_a_part_of_the_picture_is_named_without_a_box() -> None:
    facts = seen()
    named = [pair for pair in about_things(facts) if pair.kind == "what"]
    assert {"at the top left" in pair.question for pair in named} == {True, False}
    for pair in named:
        [row] = [facts.row(name) for name in pair.evidence]
        assert row.concept in pair.answer.casefold()
        assert row.concept not in pair.question


def test_no_thing_is_asked_for_where_two_are_in_one_part_of_the_picture() -> None:
    other = play.sight("cacodemon", "t-9", 3, (60, 60, 160, 150), 0.9)
    about = [pair for pair in about_things(seen(other)) if pair.kind == "what" and "00:03" in pair.question]
    assert about
    assert not [pair for pair in about if "top left" in pair.question]


def test_things_are_counted_where_several_of_a_sort_are_seen_on_every_frame_of_the_second() -> None:
    second = play.sight("imp", "t-9", 7, (200, 60, 280, 150), 0.9)
    [pair] = [pair for pair in about_things(seen(second)) if pair.kind == "how_many"]
    assert "00:07" in pair.question
    assert "2" in pair.answer
    assert len(pair.evidence) == 2
    unsure = replace(second, score=0.3)
    assert not [pair for pair in about_things(seen(unsure)) if pair.kind == "how_many"]


def test_alignment_shows_the_region_of_the_thing_that_is_asked_for() -> None:
    facts = seen()
    pairs = [pair for pair in about_things(facts) if pair.kind == "what"]
    made = list(
        examples.make(pairs, facts, vectors(facts), lambda pair: "", ExampleSettings(curricula=(ALIGNMENT,)), {})
    )
    shown = [one for one in made if isinstance(one, Example)]
    assert len(shown) == len(pairs) > 10
    assert all(TOKEN_R in one.conversations[1].value for one in shown)
    assert {embedding.table for one in shown for embedding in one.embeddings} == {REGIONS}


def test_alignment_shows_the_frame_on_which_things_are_counted() -> None:
    facts = seen(play.sight("imp", "t-9", 7, (200, 60, 280, 150), 0.9))
    [pair] = [pair for pair in about_things(facts) if pair.kind == "how_many"]
    settings = ExampleSettings(curricula=(ALIGNMENT,))
    [example] = examples.make([pair], facts, vectors(facts), lambda pair: "", settings, {})
    assert isinstance(example, Example)
    assert example.frames == pair.frames
