from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer, SiglipModel

from gvlm_resources.encoders.pretrain import fitting, probes, siglip
from gvlm_resources.encoders.pretrain.captions import Caption, facts
from gvlm_resources.encoders.pretrain.cli import CHECKPOINTS
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.siglip import Lesson, Sizes
from tests.encoders.pretrain.moments import bright_and_dark, state, thing

MICRO = Sizes(image_px=32, vision_width=32, vision_layers=2, text_width=32, text_layers=1, head_width=16, pieces=800)
LESSON = Lesson(batch=16, rate=3e-3)
SHIPPED = CHECKPOINTS / "siglip-freedoom"


def trained(folder: Path, *, epochs: int = 10, minutes: float = 5.0) -> Path:
    """A micro network after `epochs` of two steps each."""
    run = Run(folder / "checkpoint", folder / "work", epochs=epochs, minutes=minutes, seed=3)
    siglip.fit(bright_and_dark(32, size_px=32), run, MICRO, LESSON, told={"footage": "made up"})
    return run.checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("siglip"))


def test_twenty_steps_lower_the_loss(checkpoint: Path) -> None:
    told = json.loads((checkpoint / "training.json").read_text())
    losses = [loss for _, loss in told["losses"]]
    assert told["steps"] == 20
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])


@pytest.mark.parametrize("folder", ["checkpoint", SHIPPED], ids=["trained here", "shipped"])
def test_a_checkpoint_loads_with_no_weight_missing_or_too_many(
    folder: str | Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(folder) if isinstance(folder, str) else folder
    network, told = SiglipModel.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert not told["mismatched_keys"]
    tokenizer, processor = AutoTokenizer.from_pretrained(path), AutoImageProcessor.from_pretrained(path)
    ids = tokenizer(["A Zombie", "日本"], padding="max_length", max_length=64, return_tensors="pt")
    assert set(ids) == {"input_ids"}
    assert ids.input_ids.shape == (2, 64)
    assert int(ids.input_ids.max()) < network.config.text_config.vocab_size
    pixels = processor(np.zeros((48, 64, 3), np.uint8), return_tensors="pt").pixel_values
    side = network.config.vision_config.image_size
    assert pixels.shape == (1, 3, side, side)
    with torch.no_grad():
        logits = network(pixel_values=pixels, **ids).logits_per_image
    assert torch.isfinite(logits).all()


def test_capitals_make_no_difference_and_no_text_is_unknown(checkpoint: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    assert tokenizer("A ZOMBIE").input_ids == tokenizer("a zombie").input_ids
    for text in ("日本", "naïve ☠", "\x00", ""):
        assert tokenizer.unk_token_id not in tokenizer(text).input_ids


class Stopped(Exception):
    """The machine went down."""


def student_after(work: Path, *, stops_before: int | None = None) -> dict[str, torch.Tensor]:
    """Weights after six steps, from the state in `work`; or no more than `stops_before` steps and an error."""
    shots = bright_and_dark(32, size_px=32)
    known = siglip.known_of(shots)
    tokenizer = siglip.tokenizer_for(known, 800, seed=0)
    student = siglip.Student(MICRO, len(tokenizer), seed=0)
    teacher = siglip.Teacher(student, shots, known, tokenizer, MICRO, LESSON, 0)

    def loss(step: int, chance: np.random.Generator) -> torch.Tensor:
        if step == stops_before:
            raise Stopped
        return teacher.loss(step, chance)

    run = Run(work / "checkpoint", work, epochs=3, minutes=30.0, seed=0)
    fitting.fit(student, loss, fitting.Recipe(steps=6, rate=1e-3, save_every_s=0), run, name="siglip")
    return student.state_dict()


def test_a_continued_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    through = student_after(tmp_path / "through")
    with pytest.raises(Stopped):
        student_after(tmp_path / "stopped", stops_before=3)
    continued = student_after(tmp_path / "stopped")
    for name, weights in through.items():
        assert torch.equal(weights, continued[name]), name


def test_a_training_can_begin_with_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "checkpoint", tmp_path / "work", epochs=1, minutes=5.0, seed=4)
    slow = Lesson(batch=16, rate=1e-9)
    siglip.fit(bright_and_dark(32, size_px=32), run, MICRO, slow, told={}, start=checkpoint)
    first, then = (
        SiglipModel.from_pretrained(path, dtype=torch.float32).state_dict() for path in (checkpoint, run.checkpoint)
    )
    assert all(torch.allclose(first[name], then[name], atol=1e-3) for name in first)
    assert json.loads((run.checkpoint / "training.json").read_text())["began_with"]["steps"] == 20


def test_the_sigmoid_loss_is_that_of_its_definition() -> None:
    chance = torch.Generator().manual_seed(0)
    frames, texts = torch.randn(3, 4, generator=chance), torch.randn(3, 4, generator=chance)
    scale, bias = torch.tensor(1.5), torch.tensor(-2.0)
    truths = 2 * torch.eye(3) - 1
    found = siglip.pairwise_loss(frames, texts, scale, bias, truths, torch.ones(3, 3))
    expected = 0.0
    for i in range(3):
        for j in range(3):
            cosine = torch.cosine_similarity(frames[i], texts[j], dim=0)
            z = 1 if i == j else -1
            expected += torch.log(1 / (1 + torch.exp(-z * (cosine * scale.exp() + bias)))) / 3
    assert float(found) == pytest.approx(-float(expected), rel=1e-5)


def test_a_caption_that_fits_several_frames_is_a_positive_of_each_and_small_things_do_not_count() -> None:
    zombie = facts(state(thing("Zombieman", (20, 150, 120, 330))), firing=False, hurt=False)
    far = facts(state(thing("Zombieman", (300, 200, 306, 210))), firing=False, hurt=False)
    empty = facts(state(), firing=False, hurt=False)
    said = [Caption("a zombie", ("thing:zombie",)), Caption("pistol in hand", ("weapon:Pistol",))]
    truths, weights = siglip.agreement(said, [zombie, zombie, empty, far])
    assert truths.tolist() == [[1, 1, -1, -1], [1, 1, 1, 1]]
    assert weights.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_every_epoch_goes_once_through_all_frames() -> None:
    shots = bright_and_dark(32, size_px=32)
    known = siglip.known_of(shots)
    tokenizer = siglip.tokenizer_for(known, 800, seed=0)
    student = siglip.Student(MICRO, len(tokenizer), seed=0)
    teacher = siglip.Teacher(student, shots, known, tokenizer, MICRO, LESSON, 0)
    epochs = [teacher._chosen(step) + teacher._chosen(step + 1) for step in (0, 2)]
    assert all(sorted(epoch) == list(range(32)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_random_crops_keep_most_of_the_frame_and_their_place_is_told() -> None:
    shots = bright_and_dark(32, size_px=32)
    known = siglip.known_of(shots)
    tokenizer = siglip.tokenizer_for(known, 800, seed=0)
    teacher = siglip.Teacher(siglip.Student(MICRO, 800, seed=0), shots, known, tokenizer, MICRO, LESSON, 0)
    for seed in range(5):
        pixels, windows = teacher._pixels(list(range(8)), np.random.default_rng(seed))
        assert pixels.shape == (8, 3, 32, 32)
        assert float(pixels.abs().max()) <= 1
        assert (windows[:, 2] >= 0.87).all()
        assert (windows[:, :2] + windows[:, 2:] <= 1 + 1e-6).all()


def test_chance_is_that_of_drawing_without_putting_back() -> None:
    assert probes.chance_of_hit(10, 1, 5) == pytest.approx(0.5)
    assert probes.chance_of_hit(10, 6, 5) == 1.0
    assert probes.chance_of_hit(4, 2, 2) == pytest.approx(1 - 1 / 6)


def test_average_precision_of_a_ranking() -> None:
    assert probes.average_precision(np.array([True, False, True])) == pytest.approx((1 + 2 / 3) / 2)


def test_the_shipped_checkpoint_is_whole_small_and_tells_what_was_measured() -> None:
    names = {path.name for path in SHIPPED.iterdir()}
    assert names >= {
        *("config.json", "model.safetensors", "preprocessor_config.json", "training.json", "README.md"),
        *("tokenizer.json", "tokenizer_config.json"),
    }
    assert (SHIPPED / "model.safetensors").stat().st_size < 16 << 20
    told = json.loads((SHIPPED / "training.json").read_text())
    trained_, untrained = told["results"]["trained"], told["results"]["random_weights"]
    assert trained_["captions"]["times_chance"] >= 4
    assert trained_["concepts"]["average_precision"] > untrained["concepts"]["average_precision"]
    for name, least in (("enemy_in_view", 0.0), ("weapon_in_hand", 0.15), ("low_health", 0.15)):
        gained = trained_["probes"][name]["balanced_accuracy"] - untrained["probes"][name]["balanced_accuracy"]
        assert gained > least, name
