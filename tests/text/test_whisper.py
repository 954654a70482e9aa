from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from whisper.tokenizer import get_tokenizer

from gvlm_resources import schemas
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import SpeechSettings, TranscriptionSettings
from gvlm_resources.text import transcript, wav, whisper_openai, whisper_transformers, word_times
from gvlm_resources.text.transcript import Recogniser, Utterance
from gvlm_resources.text.word_times import Piece
from tests.text import tiny_whisper

SOUND = Path(__file__).parents[1] / "data/sound"
ON_CPU = Placement("cpu", "float32", "sdpa")
MAPPING = (  # openai-whisper's names of the parts of the network, and transformers'
    ("blocks", "layers"),
    ("mlp.0", "fc1"),
    ("mlp.2", "fc2"),
    ("mlp_ln", "final_layer_norm"),
    ("cross_attn_ln", "encoder_attn_layer_norm"),
    ("cross_attn", "encoder_attn"),
    ("attn_ln", "self_attn_layer_norm"),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
    ("decoder.ln.", "decoder.layer_norm."),
    ("encoder.ln_post.", "encoder.layer_norm."),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
)


def settings(language: str = "auto") -> TranscriptionSettings:
    return TranscriptionSettings(backend="whisper", model="./tiny", language=language)


def of_transformers(folder: Path, language: str = "auto", placement: Placement = ON_CPU) -> Recogniser:
    return whisper_transformers.load(Checkpoint("tiny@0", folder), placement, settings(language))


def of_openai(file: Path, language: str = "auto") -> Recogniser:
    return whisper_openai.load(file, ON_CPU, settings(language))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.save(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.save_openai(tmp_path_factory.mktemp("openai") / "nano.pt")


@pytest.fixture(scope="module", params=["transformers", "openai"])
def recogniser(request: pytest.FixtureRequest, folder: Path, file: Path) -> Recogniser:
    return of_transformers(folder) if request.param == "transformers" else of_openai(file)


@pytest.fixture(scope="module")
def utterances() -> list[np.ndarray]:
    noise = np.random.default_rng(0).normal(size=12_345) * 3_000
    spoken = [wav.read(SOUND / "spoken.wav", *bounds) for bounds in ((0, 40_000), (55_200, 95_300))]
    return [*spoken, noise.astype(np.int16)]


def nearly(one: Utterance, other: Utterance) -> bool:
    """Equal but for the rounding of the confidences."""
    return (
        [(word.text, word.first, word.last) for word in one.words]
        == [(word.text, word.first, word.last) for word in other.words]
        and np.allclose([word.confidence for word in one.words], [word.confidence for word in other.words], atol=1e-4)
        and (one.language, one.doubt) == (other.language, other.doubt)
    )


class TestEveryWhisper:
    def test_a_batch_says_what_each_utterance_says_alone(
        self, recogniser: Recogniser, utterances: list[np.ndarray]
    ) -> None:
        together = recogniser.recognise_batch(utterances)
        assert sum(len(utterance.words) for utterance in together) > 3
        for samples, utterance in zip(utterances, together, strict=True):
            assert nearly(utterance, recogniser.recognise_batch([samples])[0])

    def test_words_are_in_order_within_the_utterance(
        self, recogniser: Recogniser, utterances: list[np.ndarray]
    ) -> None:
        for samples, utterance in zip(utterances, recogniser.recognise_batch(utterances), strict=True):
            assert all(0 <= word.first < word.last <= len(samples) for word in utterance.words)
            assert all(before.first <= after.first for before, after in pairwise(utterance.words))
            assert all(type(word.first) is int and type(word.last) is int for word in utterance.words)

    def test_silence_and_next_to_nothing_have_no_words_and_no_language(self, recogniser: Recogniser) -> None:
        silence = [np.zeros(length, np.int16) for length in (16_000, 0)] + [np.ones(20, np.int16)]
        assert recogniser.recognise_batch(silence) == [Utterance((), "und")] * 3

    def test_no_utterances_give_none(self, recogniser: Recogniser) -> None:
        assert recogniser.recognise_batch([]) == []

    def test_an_utterance_of_forty_seconds_is_read_to_its_end(self, recogniser: Recogniser) -> None:
        sound = (np.random.default_rng(1).normal(size=640_000) * 3_000).astype(np.int16)
        words = recogniser.recognise_batch([sound])[0].words
        assert words[0].first < 480_000
        assert max(word.last for word in words) > 480_000

    def test_rows_lie_in_their_spans_and_name_the_language(self, recogniser: Recogniser) -> None:
        bounds = [(0.0, 2.5), (3.45, 5.95)]
        rows = [
            {"video_id": "v-1", "span_id": f"v{i}", "start_ns": int(a * 1e9), "end_ns": int(b * 1e9), "confidence": 0.9}
            for i, (a, b) in enumerate(bounds)
        ]
        spans = pa.Table.from_pylist(rows, schema=schemas.SPEECH_SPANS)
        table = transcript.transcribe(SOUND / "spoken.wav", spans, recogniser, SpeechSettings(), batch=16)
        for row in table.to_pylist():
            assert row["language"] != "und"
            assert all(row["start_ns"] <= word["start_ns"] < word["end_ns"] <= row["end_ns"] for word in row["words"])


def test_the_language_that_is_set_is_the_one_that_is_written(folder: Path, file: Path, utterances: list) -> None:
    for recogniser in (of_transformers(folder, "ja"), of_openai(file, "ja")):
        assert {utterance.language for utterance in recogniser.recognise_batch(utterances)} == {"ja"}


def test_the_language_makes_a_difference_to_what_is_understood(folder: Path, utterances: list) -> None:
    assert [one.text for one in of_transformers(folder, "en").recognise_batch(utterances)] != [
        one.text for one in of_transformers(folder, "de").recognise_batch(utterances)
    ]


def test_a_language_that_the_model_lacks_is_refused(folder: Path, file: Path) -> None:
    with pytest.raises(SettingsError, match=r"'xx'.*auto or one of de, en, fr"):
        of_transformers(folder, "xx")
    with pytest.raises(SettingsError, match=r"'xx'.*auto or one of"):
        of_openai(file, "xx")


def test_an_english_only_checkpoint_understands_english(tmp_path: Path, utterances: list) -> None:
    english = of_transformers(tiny_whisper.save(tmp_path / "tiny.en", languages=()))
    found = english.recognise_batch(utterances)
    assert {utterance.language for utterance in found} == {"en"}
    assert any(utterance.words for utterance in found)
    with pytest.raises(SettingsError, match="'de'"):
        of_transformers(tmp_path / "tiny.en", "de")


def test_128_mel_bins_are_read_from_the_checkpoint(tmp_path: Path, utterances: list) -> None:
    assert of_transformers(tiny_whisper.save(tmp_path / "v3", mel_bins=128)).recognise_batch(utterances[:1])[0].words


def test_the_kind_of_attention_makes_no_difference(folder: Path, utterances: list) -> None:
    pair = [of_transformers(folder, placement=Placement("cpu", "float32", kind)) for kind in ("sdpa", "eager")]
    for one, other in zip(*(recogniser.recognise_batch(utterances) for recogniser in pair), strict=True):
        assert nearly(one, other)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_hears_words(folder: Path, utterances: list, dtype: str) -> None:
    found = of_transformers(folder, placement=Placement("cpu", dtype, "sdpa")).recognise_batch(utterances)
    assert all(utterance.words for utterance in found)


def test_where_memory_runs_out_the_batch_is_halved(
    folder: Path, utterances: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    recogniser = of_transformers(folder)
    expected, sizes, understood = recogniser.recognise_batch(utterances), [], recogniser._understood

    def small(heard: list[np.ndarray]) -> list[Utterance]:
        sizes.append(len(heard))
        if len(heard) > 1:
            raise torch.OutOfMemoryError
        return understood(heard)

    monkeypatch.setattr(recogniser, "_understood", small)
    assert all(map(nearly, recogniser.recognise_batch(utterances), expected))
    assert sizes == [3, 1, 2, 1, 1]


def test_a_checkpoint_without_a_tokenizer_is_named_with_the_remedy(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (bare / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(MissingModelError, match=r"gvlm models pull \./tiny"):
        of_transformers(bare)


def test_a_missing_openai_file_is_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"large-v3\.pt.*gvlm models pull \./tiny"):
        of_openai(tmp_path / "large-v3.pt")


def test_a_file_that_is_no_whisper_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("not a checkpoint")
    for name in ("other.pt", "text.pt"):
        with pytest.raises(MissingModelError, match="no openai-whisper model"):
            of_openai(tmp_path / name)


def test_bfloat16_is_refused_where_the_package_lacks_it(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"bfloat16 on cpu.*float32"):
        whisper_openai.load(file, Placement("cpu", "bfloat16", "sdpa"), settings())


def test_without_the_package_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['whisper'] = None; import gvlm_resources.text.whisper_openai"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingModelError" in done.stderr
    assert "pip install 'gvlm[whisper]'" in done.stderr


def test_both_backends_hear_the_same_words_at_the_same_times_with_the_same_weights(
    file: Path, utterances: list
) -> None:
    ours = whisper_transformers.WhisperRecogniser(
        Checkpoint("nano@0", file.parent), ON_CPU, settings("en"), *as_transformers(file)
    )
    theirs = of_openai(file, "en")
    for one, other in zip(ours.recognise_batch(utterances), theirs.recognise_batch(utterances), strict=True):
        assert len(one.words) > 0
        assert [(word.text, word.first, word.last) for word in one.words] == [
            (word.text, word.first, word.last) for word in other.words
        ]


def as_transformers(file: Path) -> tuple[WhisperForConditionalGeneration, SimpleNamespace]:
    """openai-whisper's checkpoint as transformers' network, with a tokenizer over openai-whisper's own vocabulary."""
    stored = torch.load(file, weights_only=True)
    dims, tokenizer = stored["dims"], get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    end, special = tokenizer.eot, tokenizer.special_tokens
    config = WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        d_model=dims["n_text_state"],
        encoder_layers=dims["n_audio_layer"],
        decoder_layers=dims["n_text_layer"],
        encoder_attention_heads=dims["n_audio_head"],
        decoder_attention_heads=dims["n_text_head"],
        encoder_ffn_dim=4 * dims["n_audio_state"],
        decoder_ffn_dim=4 * dims["n_text_state"],
        max_target_positions=dims["n_text_ctx"],
        activation_function="gelu",
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), end),
        decoder_start_token_id=tokenizer.sot,
    )
    network = WhisperForConditionalGeneration(config).eval()
    weights = {f"model.{renamed(name)}": value for name, value in stored["model_state_dict"].items()}
    lacking, left = network.load_state_dict(weights, strict=False)
    assert (lacking, left) == (["proj_out.weight"], [])
    network.tie_weights()
    never = {tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm}
    network.generation_config = GenerationConfig(
        is_multilingual=True,
        decoder_start_token_id=tokenizer.sot,
        eos_token_id=end,
        pad_token_id=end,
        no_timestamps_token_id=tokenizer.no_timestamps,
        suppress_tokens=sorted({*tokenizer.non_speech_tokens, tokenizer.no_speech, *never}),
        begin_suppress_tokens=[*tokenizer.encode(" "), end],
        lang_to_id={"<|en|>": special["<|en|>"]},
        task_to_id={"transcribe": tokenizer.transcribe},
    )
    reader = SimpleNamespace(get_vocab=lambda: special, decode=lambda tokens, **_: tokenizer.decode(tokens))
    return network, SimpleNamespace(feature_extractor=WhisperFeatureExtractor(), tokenizer=reader)


def renamed(name: str) -> str:
    for theirs, ours in MAPPING:
        name = name.replace(theirs, ours)
    return name


def plain_starts(cost: np.ndarray) -> np.ndarray:
    """The textbook's dynamic time warping."""
    tokens, frames = cost.shape
    total = np.full((tokens + 1, frames + 1), np.inf)
    total[0, 0] = 0
    for token in range(tokens):
        for frame in range(frames):
            before = min(total[token, frame], total[token, frame + 1], total[token + 1, frame])
            total[token + 1, frame + 1] = cost[token, frame] + before
    token, frame, starts = tokens, frames, np.zeros(tokens, int)
    while token and frame:
        starts[token - 1] = frame - 1
        token, frame = min(
            [(token - 1, frame - 1), (token - 1, frame), (token, frame - 1)], key=lambda place: total[place]
        )
    return starts


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (6, 1), (9, 4), (5, 60), (23, 40)])
def test_the_cheapest_path_is_found(shape: tuple[int, int]) -> None:
    cost = np.random.default_rng(sum(shape)).normal(size=shape)
    np.testing.assert_array_equal(word_times.path_starts(cost), plain_starts(cost))


def test_tokens_begin_where_the_attention_goes_to_them() -> None:
    begins = [0, 20, 50, 55, 90]
    attention = np.full((4, len(begins), 120), 1e-4, np.float32)
    for token, (first, last) in enumerate(pairwise([*begins, 120])):
        attention[:3, token, first:last] = 1.0 / (last - first)  # one head of four follows nothing
    assert np.abs(word_times.token_starts(attention) - begins).max() <= 3


def pieces(*texts: str) -> list[Piece]:
    return [Piece(text, index, index + 1, 0.5) for index, text in enumerate(texts)]


def texts(found: Sequence[Piece]) -> list[tuple[str, int, int]]:
    return [(word.text, word.first, word.last) for word in found]


def test_a_space_begins_a_word_and_punctuation_stays_with_the_word_before() -> None:
    found = word_times.words_of(pieces(" Watch", " out", ",", " be", "hind", ' "', "you", '"', " -", "!"), "en")
    assert texts(found) == [("Watch", 0, 1), ("out,", 1, 3), ("behind", 3, 5), ('"you" -!', 5, 10)]


def test_in_japanese_every_character_is_timed() -> None:
    assert texts(word_times.words_of(pieces("「", "敵", "だ", "。"), "ja")) == [("敵", 1, 2), ("だ。", 2, 4)]


def test_bytes_of_one_character_go_together_and_broken_ones_are_left_out() -> None:
    parts = [b"\xe6", b"\x95", b"\xb5", b"\x80", b"a", b"\xe6"]
    found = word_times.pieces_of(
        range(6),
        [0, 10, 20, 30, 40, 50, 60],
        [0.2, 0.4, 0.6, 0.1, 0.3, 0.9],
        lambda tokens: b"".join(parts[token] for token in tokens).decode(errors="replace"),
    )
    assert [(piece.text, piece.first, piece.last) for piece in found] == [("敵", 0, 30), ("a", 30, 50)]
    assert found[0].probability == pytest.approx(0.4)
