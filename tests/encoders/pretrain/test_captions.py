from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gvlm_resources.encoders.pretrain.captions import (
    BY_KEY,
    KINDS,
    Caption,
    Facts,
    caption,
    facts,
    gist,
    plain_caption,
    plural,
)
from gvlm_resources.encoders.pretrain.frames import Shot
from gvlm_resources.encoders.pretrain.hints import KIND_INDEX, NO_DIGIT, digits_of, patch_targets
from tests.encoders.pretrain.moments import FAR_SMALL, state, thing

LEFT, CENTRE, RIGHT = (20, 150, 120, 330), (270, 150, 370, 330), (500, 150, 600, 330)


def known(*objects: dict[str, Any], firing: bool = False, hurt: bool = False, **changed: Any) -> Facts:
    return facts(state(*objects, **changed), firing=firing, hurt=hurt)


@pytest.mark.parametrize(
    ("seen", "true", "untrue"),
    [
        (
            known(thing("Zombieman", LEFT)),
            "thing:zombie thing:zombie:left group:enemy",
            "thing:zombie:right none:enemy",
        ),
        (known(thing("Medikit", RIGHT)), "thing:medikit:right group:item none:enemy", "thing:medikit:left none:thing"),
        (known(thing("DoomImp", CENTRE, x=100.0)), "thing:imp:near thing:imp:centre", "thing:imp:far thing:zombie"),
        (known(thing("DoomImp", CENTRE, x=1500.0)), "thing:imp:far", "thing:imp:near"),
        (known(thing("Demon", LEFT), thing("Demon", RIGHT)), "thing:pinky:two group:enemy:two", "thing:pinky:several"),
        (known(*[thing("Demon", LEFT)] * 3), "thing:pinky:several", "thing:pinky:two thing:pinky:right"),
        (known(), "none:thing none:enemy none:item alive weapon:Pistol", "group:enemy dead firing hurt"),
        (known(hud_health=34), "health:low health:34", "health:critical health:good health:full"),
        (known(hud_health=15), "health:low health:critical", "health:good"),
        (known(hud_health=100), "health:full health:good", "health:low"),
        (known(hud_armor=0), "armor:none", "armor:some"),
        (known(hud_armor=33), "armor:some armor:33", "armor:none"),
        (known(hud_ammo=3), "ammo:few ammo:3", "ammo:50"),
        (known(hud_ammo=None, weapon="Fist"), "weapon:Fist", "ammo:few weapon:Pistol"),
        (known(dead=1, hud_health=0), "dead", "alive health:low weapon:Pistol"),
        (known(firing=True), "firing", "fight"),
        (known(thing("Demon", LEFT), firing=True), "firing fight", "none:enemy"),
        (known(hurt=True), "hurt", "firing"),
        (known(hud_messages=["GOT THE MINIGUN!"]), "message", "dead"),
        (known(thing("DeadDoomImp", LEFT, category="Gore")), "thing:imp_corpse group:corpse none:enemy", "thing:imp"),
    ],
)
def test_claims_are_what_the_engine_says_and_nothing_else(seen: Facts, true: str, untrue: str) -> None:
    assert set(true.split()) <= seen.true
    assert not set(untrue.split()) & seen.true


def test_a_monster_too_small_to_be_told_is_neither_there_nor_absent() -> None:
    seen = known(thing("Zombieman", FAR_SMALL))
    for claim in ("thing:zombie", "group:enemy", "none:enemy", "none:thing"):
        assert seen.fits((claim,)) is None
    assert seen.fits(("thing:imp",)) is False
    assert seen.fits(("weapon:Pistol",)) is True


def test_a_small_one_beside_a_large_one_makes_only_the_number_uncertain() -> None:
    seen = known(thing("Zombieman", CENTRE), thing("Zombieman", FAR_SMALL))
    assert seen.fits(("thing:zombie",)) is True
    assert seen.fits(("thing:zombie:two",)) is None
    assert seen.fits(("thing:zombie:several",)) is False


def rich() -> Facts:
    return known(
        *(thing("Zombieman", LEFT), thing("Zombieman", CENTRE), thing("Medikit", RIGHT), thing("DeadDemon", LEFT)),
        hud_health=12,
        hud_messages=["A LINE"],
    )


def test_every_caption_is_true_of_its_own_frame() -> None:
    chance = np.random.default_rng(0)
    for _ in range(300):
        assert rich().fits(caption(rich(), chance).claims) is True


def test_captions_are_short_and_long_and_drawn_anew() -> None:
    chance = np.random.default_rng(0)
    texts = [caption(rich(), chance).text for _ in range(300)]
    words = [len(text.split()) for text in texts]
    assert min(words) <= 2
    assert max(words) >= 12
    assert len(set(texts)) > 150
    assert all(text == text.lower() for text in texts)


def test_the_same_chance_draws_the_same_captions() -> None:
    one, other = (caption(rich(), np.random.default_rng(7)) for _ in range(2))
    assert one == other
    assert isinstance(one, Caption)


def test_a_word_for_a_kind_stands_only_in_captions_that_claim_it() -> None:
    chance = np.random.default_rng(1)
    for _ in range(300):
        said = caption(rich(), chance)
        if "medikit" in said.text or "medkit" in said.text:
            assert "thing:medikit" in said.claims
        if "left" in said.text.replace("rounds left", ""):
            assert any(claim.endswith(":left") for claim in said.claims)


def test_equal_gists_have_equal_sentences_whatever_the_places() -> None:
    one, other = known(thing("Demon", LEFT), hud_health=70), known(thing("Demon", RIGHT, x=90.0), hud_health=95)
    assert gist(one) == gist(other)
    assert plain_caption(one) == plain_caption(other) == "good health, a flesh worm, pistol in hand"


def test_no_engine_name_belongs_to_two_kinds() -> None:
    names = [name for kind in KINDS for name in kind.classes]
    assert len(names) == len(set(names))
    assert len(BY_KEY) == len(KINDS)


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("zombieman", "zombiemen"),
        ("box of shells", "boxes of shells"),
        ("shotgun on the floor", "shotguns on the floor"),
        ("dead body", "dead bodies"),
        ("torch", "torches"),
        ("enemy", "enemies"),
        ("blue key", "blue keys"),
    ],
)
def test_plurals(noun: str, expected: str) -> None:
    assert plural(noun) == expected


def test_digits_are_those_of_the_status_bar() -> None:
    seen = known(hud_health=7, hud_armor=100, hud_ammo=None, weapon="Fist")
    assert digits_of(seen) == [NO_DIGIT, NO_DIGIT, 7, 1, 0, 0, NO_DIGIT, NO_DIGIT, NO_DIGIT]


def test_patches_under_a_box_show_its_kind_and_move_with_the_crop() -> None:
    row = state(thing("Zombieman", (0, 0, 320, 240)))
    shot = Shot("r", "freedoom2/MAP01", 0, row, firing=False, hurt=False)
    whole, _ = patch_targets([shot], np.array([[0, 0, 1]], np.float32), 4)
    shown = whole.reshape(4, 4, -1)[:, :, KIND_INDEX["zombie"]]
    assert np.array_equal(shown, np.kron([[1, 0], [0, 0]], np.ones((2, 2))))
    right_half, _ = patch_targets([shot], np.array([[0.5, 0.5, 0.5]], np.float32), 4)
    assert not right_half.any()


def test_patches_of_a_thing_too_small_to_be_told_do_not_count() -> None:
    shot = Shot("r", "freedoom2/MAP01", 0, state(thing("Zombieman", FAR_SMALL)), firing=False, hurt=False)
    targets, weights = patch_targets([shot], np.array([[0, 0, 1]], np.float32), 4)
    assert not targets.any()
    assert (weights == 0).any()
