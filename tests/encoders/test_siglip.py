"""SigLIP and SigLIP 2 against what transformers makes of the same checkpoint, one item at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    SiglipImageProcessorPil,
    SiglipModel,
)

from gvlm_resources.encoders import loading, siglip
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.siglip import SiglipEncoder
from gvlm_resources.errors import GvlmError, MissingModelError
from gvlm_resources.settings import SiglipSettings
from tests.encoders import tiny_siglip
from tests.encoders.contract_frames import FrameContract, random_frames

CPU = Placement("cpu", "float32", "sdpa")
SIXTEEN = SiglipSettings(max_patches=16)
KINDS = ("fixed", "naflex")
SHIPPED = Path("gvlm_resources/checkpoints/siglip-freedoom")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("siglip")
    return {kind: tiny_siglip.save(root / kind, kind) for kind in KINDS}


def loaded(folder: Path, placement: Placement = CPU, **options: Any) -> SiglipEncoder:
    return siglip.load(Checkpoint("tiny@0", folder), placement, SIXTEEN, **options)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def encoder(folders: dict[str, Path], kind: str) -> SiglipEncoder:
    return loaded(folders[kind])


@pytest.fixture(scope="module", params=["mean", "attention"])
def regional(request: pytest.FixtureRequest, folders: dict[str, Path], kind: str) -> SiglipEncoder:
    return loaded(folders[kind], pooling=request.param)


@pytest.fixture(scope="module")
def plain(folders: dict[str, Path], kind: str) -> Any:
    cls = SiglipModel if kind == "fixed" else Siglip2Model
    return cls.from_pretrained(folders[kind]).eval()


def of_transformers(plain: Any, folder: Path, frames: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """The vectors of one padded batch of frames, which may be of several sizes."""
    cls = SiglipImageProcessorPil if isinstance(plain, SiglipModel) else Siglip2ImageProcessorPil
    inputs = cls.from_pretrained(folder)(frames, return_tensors="pt")
    with torch.no_grad():
        return unit(plain.get_image_features(**inputs).pooler_output)


def unit(vectors: torch.Tensor) -> NDArray[np.float32]:
    return torch.nn.functional.normalize(vectors.float(), dim=-1).numpy()


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return (first * second).sum(axis=-1)


def shares(encoder: SiglipEncoder, *regions: tuple[slice, slice], height: int = 48, width: int = 64) -> Any:
    """Full shares of the patches in each region's rows and columns, none of the others."""
    made = np.zeros((len(regions), *encoder.grid(height, width)), np.float32)
    for share, (rows, columns) in zip(made, regions, strict=True):
        share[rows, columns] = 1
    return made


EVERYTHING = (slice(None), slice(None))
LEFT = (slice(None), slice(0, 2))
RIGHT = (slice(None), slice(2, None))
CORNER = (slice(0, 1), slice(0, 1))


class TestFrames(FrameContract):
    def test_vectors_are_those_of_transformers(
        self, encoder: SiglipEncoder, plain: Any, folders: dict[str, Path], kind: str
    ) -> None:
        frames = random_frames(4)
        theirs = of_transformers(plain, folders[kind], list(frames))
        assert cosines(encoder.encode(frames), theirs).min() > 0.9999

    def test_frames_of_several_sizes_in_one_padded_batch_of_transformers_have_the_same_vectors(
        self, encoder: SiglipEncoder, plain: Any, folders: dict[str, Path], kind: str
    ) -> None:
        frames = [random_frames(1, height=h, width=w)[0] for h, w in ((48, 64), (64, 36), (30, 90), (40, 40))]
        ours = np.concatenate([encoder.encode(frame[None]) for frame in frames])
        assert cosines(ours, of_transformers(plain, folders[kind], frames)).min() > 0.9999

    def test_the_identity_says_what_made_the_vectors(self, encoder: SiglipEncoder, kind: str) -> None:
        words = {"fixed": "32x32 bilinear antialiased", "naflex": "at most 16 patches of 8x8, bilinear antialiased"}
        assert encoder.identity.preprocessing == f"{words[kind]}, mean 0.5 std 0.5"
        assert encoder.identity.as_facts() | {"preprocessing": ""} == {
            "model": "tiny@0",
            "preprocessing": "",
            "dtype": "float32",
            "device": "cpu",
            "attention": "sdpa",
            "dim": 32,
        }

    def test_bfloat16_weights_give_float32_unit_vectors_near_those_of_float32(
        self, encoder: SiglipEncoder, folders: dict[str, Path], kind: str
    ) -> None:
        halved = loaded(folders[kind], Placement("cpu", "bfloat16", "sdpa"))
        vectors = halved.encode(random_frames(3))
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        assert cosines(vectors, encoder.encode(random_frames(3))).min() > 0.995
        assert len(halved.encode_regions(random_frames(1), [shares(encoder, LEFT)])[0]) == 1
        assert halved.encode_text(["a door"]).dtype == np.float32


class TestWords:
    TEXTS = ("a cacodemon spits fire", "CACODEMON", "", "the player opens a door with the red key " * 9)

    def test_vectors_are_those_of_transformers_of_the_lowered_text(
        self, encoder: SiglipEncoder, plain: Any, folders: dict[str, Path], kind: str
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(folders[kind])
        lowered = [text.lower() for text in self.TEXTS]
        ids = tokenizer(lowered, padding="max_length", truncation=True, max_length=16, return_tensors="pt").input_ids
        with torch.no_grad():
            theirs = unit(plain.get_text_features(input_ids=ids).pooler_output)
        assert cosines(encoder.encode_text(self.TEXTS), theirs).min() > 0.9999

    def test_every_text_ends_in_padding_or_else_in_its_end_token(self, folders: dict[str, Path], kind: str) -> None:
        text = siglip.TextEncoder(Checkpoint("tiny@0", folders[kind]), CPU)
        short, long = text.ids(["imp", "the player opens a door with the red key " * 9]).tolist()
        assert short[-1] == 0
        assert 1 in short
        assert long[-1] == 1
        assert 0 not in long

    def test_capitals_make_no_difference(self, encoder: SiglipEncoder) -> None:
        shouted, said = encoder.encode_text(["A CACODEMON", "a cacodemon"])
        np.testing.assert_array_equal(shouted, said)

    def test_words_behind_the_last_position_make_no_difference(self, encoder: SiglipEncoder) -> None:
        many = "a door " * 40
        np.testing.assert_allclose(*encoder.encode_text([many, many + "and a cyberdemon"]), atol=1e-5)

    def test_what_else_is_said_makes_no_difference(self, encoder: SiglipEncoder) -> None:
        texts = [f"imp number {number}" for number in range(70)]
        alone = np.concatenate([encoder.encode_text([text]) for text in texts[::10]])
        np.testing.assert_allclose(encoder.encode_text(texts)[::10], alone, atol=1e-5)

    def test_no_words_give_no_rows(self, encoder: SiglipEncoder) -> None:
        assert encoder.encode_text([]).shape == (0, encoder.identity.dim)

    def test_probabilities_are_those_of_the_whole_network(
        self, encoder: SiglipEncoder, plain: Any, folders: dict[str, Path], kind: str
    ) -> None:
        frames, words = random_frames(2), ["a door", "an imp"]
        logits = encoder.scale * encoder.encode(frames) @ encoder.encode_text(words).T + encoder.bias
        tokenizer = AutoTokenizer.from_pretrained(folders[kind])
        ids = tokenizer(words, padding="max_length", max_length=16, return_tensors="pt").input_ids
        cls = SiglipImageProcessorPil if kind == "fixed" else Siglip2ImageProcessorPil
        inputs = cls.from_pretrained(folders[kind])(list(frames), return_tensors="pt")
        with torch.no_grad():
            theirs = plain(input_ids=ids, **inputs).logits_per_image.numpy()
        np.testing.assert_allclose(logits, theirs, atol=0.05)  # of a scale of 110

    def test_the_text_tower_is_not_loaded_before_the_first_words(
        self, folders: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        network = loading.network

        def noted(cls: type, *args: Any, **options: Any) -> Any:
            asked.append(cls.__name__)
            return network(cls, *args, **options)

        monkeypatch.setattr(loading, "network", noted)
        fresh = loaded(folders[kind])
        fresh.encode(random_frames(1))
        assert len(asked) == 1
        fresh.encode_text(["a door"])
        fresh.encode_text(["an imp"])
        assert len(asked) == 2
        assert asked[1].endswith("TextModel")


class TestRegions:
    @pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 36)])
    def test_the_whole_frame_as_a_region_is_the_frame(self, encoder: SiglipEncoder, height: int, width: int) -> None:
        frames = random_frames(3, height=height, width=width)
        whole = shares(encoder, EVERYTHING, height=height, width=width)
        regions = encoder.encode_regions(frames, [whole, whole, whole])
        np.testing.assert_allclose(np.concatenate(regions), encoder.encode(frames), atol=1e-5)

    def test_half_of_every_patch_weighs_as_all_of_every_patch(self, regional: SiglipEncoder) -> None:
        frames, whole = random_frames(1), shares(regional, EVERYTHING)
        (half,), (full,) = (regional.encode_regions(frames, [part]) for part in (whole / 2, whole))
        np.testing.assert_allclose(half, full, atol=1e-5)

    def test_the_mean_is_that_of_the_patches_weighted_by_their_shares(
        self, folders: dict[str, Path], kind: str, plain: Any
    ) -> None:
        averaging = loaded(folders[kind], pooling="mean")
        frame, part = random_frames(1), np.random.default_rng(0).random((2, *averaging.grid(48, 64))).astype("f4")
        cls = SiglipImageProcessorPil if kind == "fixed" else Siglip2ImageProcessorPil
        inputs = cls.from_pretrained(folders[kind])(list(frame), return_tensors="pt")
        with torch.no_grad():
            patches = plain.vision_model(**inputs).last_hidden_state[0, : part[0].size]
        expected = unit(torch.from_numpy(part).flatten(1) @ patches)
        (made,) = averaging.encode_regions(frame, [part])
        assert cosines(made, expected).min() > 0.9999

    def test_a_region_of_one_patch_is_that_patch_alone(self, folders: dict[str, Path], kind: str, plain: Any) -> None:
        attending = loaded(folders[kind], pooling="attention")
        frame = random_frames(1)
        cls = SiglipImageProcessorPil if kind == "fixed" else Siglip2ImageProcessorPil
        inputs = cls.from_pretrained(folders[kind])(list(frame), return_tensors="pt")
        with torch.no_grad():
            patch = plain.vision_model(**inputs).last_hidden_state[:, :1]
            expected = unit(plain.vision_model.head(patch))
        (made,) = attending.encode_regions(frame, [shares(attending, CORNER)])
        assert cosines(made, expected).min() > 0.9999

    def test_patches_outside_a_region_have_no_say_in_the_pooling(self, regional: SiglipEncoder) -> None:
        # A tiny share of the rest moves the vector a little, and none of it not at all.
        frames, left = random_frames(1), shares(regional, LEFT)
        nearly = np.maximum(left, 0.01 * shares(regional, RIGHT))
        (alone,), (tinged,), (right,) = (
            regional.encode_regions(frames, [part]) for part in (left, nearly, shares(regional, RIGHT))
        )
        assert cosines(alone, tinged)[0] > 0.999
        assert cosines(alone, right)[0] < 0.999

    def test_regions_stay_with_their_frames_whatever_the_batch(self, regional: SiglipEncoder) -> None:
        frames = random_frames(4)
        parts = [shares(regional, LEFT, RIGHT), shares(regional), shares(regional, CORNER), shares(regional, RIGHT)]
        together = regional.encode_regions(frames, parts)
        assert [made.shape for made in together] == [(2, 32), (0, 32), (1, 32), (1, 32)]
        for frame, part, made in zip(frames, parts, together, strict=True):
            (alone,) = regional.encode_regions(frame[None], [part])
            np.testing.assert_allclose(made, alone, atol=1e-4)
            np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)

    def test_no_regions_need_no_pass_over_the_frames(self, regional: SiglipEncoder) -> None:
        none = regional.encode_regions(random_frames(2), [shares(regional), shares(regional)])
        assert [made.shape for made in none] == [(0, 32), (0, 32)]
        assert regional.encode_regions(random_frames(0), []) == []

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            (np.ones((1, 9, 9), np.float32), "shares are"),
            (np.zeros((1, 4, 4), np.float32), "at least one above 0"),
            (np.full((1, 4, 4), 1.5, np.float32), "0..1"),
            (np.full((1, 4, 4), np.nan, np.float32), "0..1"),
        ],
    )
    def test_shares_that_cannot_be_are_refused(self, folders: dict[str, Path], part: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            loaded(folders["fixed"]).encode_regions(random_frames(1), [part])

    def test_every_frame_needs_its_shares(self, encoder: SiglipEncoder) -> None:
        with pytest.raises(ValueError, match="2 frames and the shares of 1"):
            encoder.encode_regions(random_frames(2), [shares(encoder, LEFT)])


class TestLoading:
    def test_only_the_fixed_network_runs_on_flash_attention(self, folders: dict[str, Path]) -> None:
        assert siglip.has_flash(Checkpoint("tiny@0", folders["fixed"]))
        assert not siglip.has_flash(Checkpoint("tiny@0", folders["naflex"]))

    def test_more_patches_see_finer(self, folders: dict[str, Path]) -> None:
        checkpoint = Checkpoint("tiny@0", folders["naflex"])
        fine = siglip.load(checkpoint, CPU, SiglipSettings(max_patches=64))
        rows, columns = fine.grid(48, 64)
        assert 48 < rows * columns <= 64
        coarse = loaded(folders["naflex"])
        assert cosines(fine.encode(random_frames(1)), coarse.encode(random_frames(1)))[0] < 0.9999

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        return tiny_siglip.save(tmp_path / "own")

    def test_a_weight_that_is_missing_is_named(self, own: Path) -> None:
        tensors = load_file(own / "model.safetensors")
        del tensors["vision_model.head.probe"]
        save_file(tensors, own / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(MissingModelError, match=r"head\.probe"):
            loaded(own)

    def test_a_missing_weight_of_the_text_tower_is_named_with_the_first_words(self, own: Path) -> None:
        tensors = load_file(own / "model.safetensors")
        del tensors["text_model.head.weight"]
        save_file(tensors, own / "model.safetensors", metadata={"format": "pt"})
        encoder = loaded(own)
        assert len(encoder.encode(random_frames(1))) == 1
        with pytest.raises(MissingModelError, match=r"head\.weight"):
            encoder.encode_text(["a door"])

    def test_a_checkpoint_without_scale_and_bias_is_refused(self, own: Path) -> None:
        tensors = load_file(own / "model.safetensors")
        del tensors["logit_scale"], tensors["logit_bias"]
        save_file(tensors, own / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(MissingModelError, match="no logit_scale and no logit_bias"):
            loaded(own)

    def test_another_network_is_refused_by_its_name(self, own: Path) -> None:
        (own / "config.json").write_text(json.dumps({"model_type": "vit"}))
        with pytest.raises(MissingModelError, match="model_type is vit"):
            loaded(own)

    def test_pictures_of_another_size_than_the_networks_are_refused(self, own: Path) -> None:
        path = own / "preprocessor_config.json"
        path.write_text(path.read_text().replace("32", "48"))
        with pytest.raises(MissingModelError, match=r"32x32 pixels.*48x48"):
            loaded(own)

    def test_an_image_processor_that_is_not_known_is_named(self, own: Path) -> None:
        path = own / "preprocessor_config.json"
        path.write_text(path.read_text().replace("SiglipImageProcessor", "FlavaImageProcessor"))
        with pytest.raises(GvlmError, match="FlavaImageProcessor"):
            loaded(own)

    def test_a_missing_tokenizer_is_named_with_the_first_words(self, own: Path) -> None:
        for path in own.glob("tokenizer*"):
            path.unlink()
        with pytest.raises(MissingModelError, match=r"tokenizer\.json is missing"):
            loaded(own).encode_text(["a door"])


class TestTheShippedCheckpoint(FrameContract):
    @pytest.fixture
    def encoder(self) -> SiglipEncoder:
        return siglip.load(Checkpoint("siglip-freedoom@shipped", SHIPPED), CPU, SiglipSettings())

    def test_vectors_are_those_of_transformers(self, encoder: SiglipEncoder) -> None:
        frames = random_frames(4, height=480, width=640)
        plain = SiglipModel.from_pretrained(SHIPPED, dtype=torch.float32).eval()
        assert cosines(encoder.encode(frames), of_transformers(plain, SHIPPED, list(frames))).min() > 0.9999

    def test_words_and_regions_have_vectors_of_the_frames_dimension(self, encoder: SiglipEncoder) -> None:
        frames = random_frames(2, height=480, width=640)
        whole = shares(encoder, EVERYTHING, height=480, width=640)
        regions = np.concatenate(encoder.encode_regions(frames, [whole, whole]))
        np.testing.assert_allclose(regions, encoder.encode(frames), atol=1e-4)
        assert encoder.encode_text(["an imp", "A DOOR"]).shape == (2, encoder.identity.dim)
