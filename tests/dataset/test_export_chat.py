"""Chat messages, loaded by `datasets` and taken by TRL."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl.data_utils import is_conversational, maybe_apply_chat_template, prepare_multimodal_messages

from gvlm_resources.dataset.export.job import Options
from gvlm_resources.dataset.export.write import write
from tests.dataset import tiny_release as tiny

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}<|picture|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|end|>{% endfor %}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write("chat", tiny.release(tmp_path / "release"), tmp_path / "chat", tiny.frames)
    return tmp_path / "chat"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({"<unk>": 0, "<|end|>": 1}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<|end|>")
    made.chat_template = TEMPLATE
    return made


def rows(file: Path, tmp_path: Path) -> list[dict[str, Any]]:
    return list(datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")))


def test_trl_takes_the_lines_as_conversations_and_the_pictures_in_their_places(folder: Path, tmp_path: Path) -> None:
    found = rows(folder / "train.jsonl", tmp_path)
    assert [row["id"] for row in found] == [tiny.LONG["id"], tiny.BOXED["id"]]
    for row in found:
        assert is_conversational(row)
        images = [Image.open(folder / name) for name in row["images"]]
        messages = prepare_multimodal_messages(row["messages"], images=images)
        assert [part["image"] for part in messages[0]["content"] if part["type"] == "image"] == images
        assert all(image.size == (tiny.WIDTH, tiny.HEIGHT) for image in images)


def test_the_images_column_casts_to_pictures_as_the_page_says(folder: Path, tmp_path: Path) -> None:
    train = datasets.load_dataset(
        "json", data_files=str(folder / "train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    train = train.map(lambda row: {"images": [f"{folder}/{name}" for name in row["images"]]})
    train = train.cast_column("images", datasets.List(datasets.Image()))
    assert [len(row["images"]) for row in train] == [16, 2]
    assert train[1]["images"][1].getpixel((24, 24)) > (240, 240, 240)


def test_a_chat_template_writes_pictures_times_and_boxes(
    folder: Path, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    boxed = rows(folder / "train.jsonl", tmp_path)[1]
    text = maybe_apply_chat_template({"messages": boxed["messages"]}, tokenizer)["text"]
    assert text == (
        "<|user|>[00:02]<|picture|>[00:03]<|picture|>\nWhere is the imp?<|end|>"
        '<|assistant|>At {"bbox_2d": [250, 250, 500, 750]}.<|end|>'
    )


def test_words_of_a_video_cannot_end_a_turn_or_ask_for_a_picture(
    folder: Path, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    row = rows(folder / "test.jsonl", tmp_path)[0]
    text = maybe_apply_chat_template({"messages": row["messages"]}, tokenizer)["text"]
    assert text.count("<|picture|>") == len(row["images"]) == 1
    assert "<|im_end|>" not in text
    assert "<image>" not in text.lower()


def test_examples_without_pictures_stand_apart_as_plain_strings(
    folder: Path, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    found = rows(folder / "train.text.jsonl", tmp_path)
    assert found == [
        {
            "id": tiny.OF_WORDS["id"],
            "messages": [
                {"role": "user", "content": "<evidence>\n</evidence>\nHow long is it?"},
                {"role": "assistant", "content": "A minute."},
            ],
        }
    ]
    assert is_conversational(found[0])
    text = maybe_apply_chat_template(found[0], tokenizer)["text"]
    assert text == "<|user|><evidence>\n</evidence>\nHow long is it?<|end|><|assistant|>A minute.<|end|>"


def test_no_pictures_at_all_is_an_export_for_models_that_read_text(tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release")
    exported = write("chat", release, tmp_path / "chat", tiny.frames, Options(max_pictures=0))
    assert exported.pictures == 0
    assert not (tmp_path / "chat" / "train.jsonl").exists()
    found = [json.loads(line) for line in (tmp_path / "chat" / "train.text.jsonl").read_text().splitlines()]
    assert [row["id"] for row in found] == [tiny.LONG["id"], tiny.OF_WORDS["id"]]
    assert found[0]["messages"][0]["content"] == f"{tiny.DEATHS}\nHow often did I die by [00:19]?"
    assert "examples left out, since they hold a box in a frame that is not shown: 1" in exported.notes
    assert "examples left out, since they have neither a picture nor a timeline to answer from: 2" in exported.notes


def test_what_the_system_says_keeps_its_role(folder: Path, tmp_path: Path) -> None:
    messages = rows(folder / "validation.jsonl", tmp_path)[0]["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant"]
    assert messages[0]["content"][0]["text"] == "You answer."
