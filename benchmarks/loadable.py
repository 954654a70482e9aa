"""Do the field's tools load an export? Runs the tools that are installed over folders that `gvlm release export` wrote.

    python benchmarks/loadable.py FOLDER...

Each folder says in its `export.json` which format it is in. What is run on it is the tool itself:

hf          datasets.load_dataset of the folder, every picture decoded
chat        datasets, then trl: is_conversational and prepare_multimodal_messages of every row, and one epoch of
            SFTTrainer over the first 16 rows with pictures, with a LLaVA of random weights that is made on the spot
llava       llava (the package llava-torch): LazySupervisedDataset with conversation v1, of the lines with at most one
            picture, which is what LLaVA 1.x reads; a tokenizer of the words is made on the spot
swift       swift (the package ms-swift): load_dataset, then StdTemplateInputs and the boxes of every row
webdataset  webdataset.WebDataset over the shards, every picture decoded

A tool that is not installed is said so. The last line counts folders loaded, failed and not tried; the exit status is 1
where one failed. Nothing of gvlm is imported, so that the script runs in an environment of the tool alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

PACKAGES = {"hf": "datasets", "chat": "trl", "llava": "llava", "swift": "swift", "webdataset": "webdataset"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--here", action="store_true", help="in this process, as it is run for each folder")
    arguments = parser.parse_args()
    if arguments.here:
        for folder in arguments.folders:
            load(folder.absolute())
        return 0
    counts = {"loaded": 0, "failed": 0, "not tried": 0}
    for folder in arguments.folders:
        name = json.loads((folder / "export.json").read_text(encoding="utf-8"))["as"]
        if importlib.util.find_spec(PACKAGES[name]) is None:
            print(f"{name}: {PACKAGES[name]} is not installed")
            counts["not tried"] += 1
            continue
        done = subprocess.run([sys.executable, __file__, "--here", str(folder)], check=False)
        counts["failed" if done.returncode else "loaded"] += 1
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] else 0


def load(folder: Path) -> None:
    """Run the tool on an export; whatever the tool raises ends the process."""
    marker = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    told = LOADERS[marker["as"]](folder, marker["rows"])
    print(f"{marker['as']}: {told}; {sum(marker['left_out'].values())} left out", flush=True)


def hf(folder: Path, rows: dict[str, int]) -> str:
    import datasets

    loaded = datasets.load_dataset(str(folder))
    got = {split: loaded[split].num_rows for split in loaded}
    assert got == {split: count for split, count in rows.items() if count}, (got, rows)
    pictures = 0
    for split in loaded:
        for row in loaded[split]:
            for picture, frame in zip(row["images"], row["image_frames"], strict=True):
                picture.load()
                assert frame in row["frames"]
                pictures += 1
            _check_places(row["embeddings"], row["image_frames"], row["image_tokens"], row["embedding_images"])
    vectors = _vectors(folder, (row for split in loaded for row in loaded[split].remove_columns("images")))
    return f"datasets {datasets.__version__}: {got}, {pictures} pictures decoded, {vectors} vectors at tokens"


def _check_places(embeddings: list[dict], frames: list[str], tokens: list[int], pictures: list[int]) -> None:
    assert len(frames) == len(tokens)
    assert len(embeddings) == len(pictures)
    assert all(embeddings[token]["id"] == frame for frame, token in zip(frames, tokens, strict=True) if token >= 0)
    assert all(frames[at] == e["id"] for e, at in zip(embeddings, pictures, strict=True) if at >= 0)


def _vectors(folder: Path, lines: Iterable[dict]) -> int:
    """How many tokens have their vector in the export; 0 where it was made without, and all otherwise."""
    import pyarrow.parquet as pq

    stored = set()
    for file in (folder / "vectors").glob("*.parquet"):
        rows = pq.read_table(file, columns=["video_id", "id"])
        stored |= {(file.stem, row["video_id"], row["id"]) for row in rows.to_pylist()}
    if not stored:
        return 0
    count = 0
    for line in lines:
        for token in line["embeddings"]:
            assert (token["table"], line["video"], token["id"]) in stored, token
            count += 1
    return count


def chat(folder: Path, rows: dict[str, int]) -> str:
    import trl
    from PIL import Image as picture
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    got = dict.fromkeys(rows, 0)
    pictures = 0
    for split in rows:
        shown, text = folder / f"{split}.jsonl", folder / f"{split}.text.jsonl"
        for row in _json_rows(shown):
            assert is_conversational(row)
            images = [picture.open(folder / name).convert("RGB") for name in row["images"]]
            messages = prepare_multimodal_messages(row["messages"], images=images)
            placed = [part["image"] for message in messages for part in message["content"] if part["type"] == "image"]
            assert placed == images
            pictures += len(placed)
            got[split] += 1
        for row in _json_rows(text):
            assert is_conversational(row)
            assert "images" not in row
            got[split] += 1
    assert got == rows, (got, rows)
    steps = _trained(folder)
    return f"trl {trl.__version__}: {got}, {pictures} pictures put in their places, {steps} steps of SFTTrainer"


def _trained(folder: Path) -> int:
    """How many rows SFTTrainer took, one a step."""
    import tempfile

    from datasets import Image, List, load_dataset
    from trl import SFTConfig, SFTTrainer

    file = next((path for path in sorted(folder.glob("*.jsonl")) if ".text." not in path.name), None)
    if file is None:
        return 0
    train = load_dataset("json", data_files=str(file), split="train[:16]")
    train = train.map(lambda row: {"images": [f"{folder}/{name}" for name in row["images"]]})
    train = train.cast_column("images", List(Image()))
    model, processor = _tiny_llava()
    with tempfile.TemporaryDirectory() as output:
        arguments = SFTConfig(
            output_dir=output,
            num_train_epochs=1,
            per_device_train_batch_size=1,
            report_to="none",
            use_cpu=True,
            bf16=False,
            max_length=None,
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = SFTTrainer(model=model, args=arguments, train_dataset=train, processing_class=processor)
        done = trainer.train().global_step
    assert done == train.num_rows, (done, train.num_rows)
    return done


def _tiny_llava() -> tuple[object, object]:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<pad>": 1, "<end>": 2, "<image>": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=["<image>"],
    )
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
        chat_template="{% for m in messages %}{{ m.role }} : {% for part in m.content %}"
        "{% if part.type == 'image' %} <image> {% else %}{{ part.text }}{% endif %}{% endfor %} <end> {% endfor %}",
    )
    width = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**width, num_hidden_layers=2, image_size=32, patch_size=16, projection_dim=16),
        text_config=LlamaConfig(**width, num_hidden_layers=1, num_key_value_heads=2, vocab_size=8),
        image_token_index=3,
        image_seq_length=4,
    )
    return LlavaForConditionalGeneration(config), processor


def _json_rows(file: Path) -> list[dict]:
    import datasets

    return list(datasets.load_dataset("json", data_files=str(file), split="train")) if file.is_file() else []


def llava(folder: Path, rows: dict[str, int]) -> str:
    import tempfile
    from importlib import metadata

    from llava import conversation
    from llava.constants import IGNORE_INDEX, IMAGE_TOKEN_INDEX
    from llava.train.train import LazySupervisedDataset
    from transformers import CLIPImageProcessor

    conversation.default_conversation = conversation.conv_templates["v1"]
    tried, left, targets = 0, 0, 0
    for split in rows:
        lines = json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
        assert len(lines) == rows[split]
        single = [line for line in lines if not isinstance(line.get("image"), list)]
        left += len(lines) - len(single)
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "lines.json")
            file.write_text(json.dumps(single))
            processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
            arguments = SimpleNamespace(
                image_folder=str(folder),
                image_processor=processor,
                image_aspect_ratio="pad",
                is_multimodal=True,
                mm_use_im_start_end=False,
            )
            dataset = LazySupervisedDataset(str(file), _words_tokenizer(), arguments)
            for number, line in enumerate(single):
                item = dataset[number]
                assert (item["input_ids"] == IMAGE_TOKEN_INDEX).sum().item() == ("image" in line)
                assert tuple(item["image"].shape) == (3, 32, 32)
                targets += (item["labels"] != IGNORE_INDEX).sum().item()
                tried += 1
    assert targets or not tried, "no token is a target"
    return (
        f"llava {metadata.version('llava-torch')}: {tried} lines through LazySupervisedDataset, {targets} targets; "
        f"{left} lines of several pictures are for LLaVA-NeXT and were not tried"
    )


def _words_tokenizer() -> object:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {"<s>": 0, "</s>": 1, "<unk>": 2, "<pad>": 3}
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Split("</s>", "isolated"), pre_tokenizers.Whitespace()])
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=4096,
    )


def swift(folder: Path, rows: dict[str, int]) -> str:
    import swift as package
    from swift.dataset import load_dataset
    from swift.template import StdTemplateInputs
    from swift.template.base import Template

    os.environ["ROOT_IMAGE_DIR"] = str(folder)
    got, boxes, pictures = dict.fromkeys(rows, 0), 0, 0
    for split in rows:
        for name in (f"{split}.jsonl", f"{split}.text.jsonl"):
            if not (folder / name).is_file():
                continue
            loaded, _ = load_dataset(str(folder / name), strict=True, load_from_cache_file=False)
            for row in loaded:
                inputs = StdTemplateInputs.from_dict(dict(row))
                pictures += len(inputs.images)
                boxes += _swift_boxes(Template, inputs)
                got[split] += 1
    assert got == rows, (got, rows)
    return f"ms-swift {package.__version__}: {got}, {pictures} pictures, {boxes} boxes in thousandths"


def _swift_boxes(template: type, inputs: object) -> int:
    from swift.template.vision_utils import load_image

    text = "".join(message["content"] for message in inputs.messages)
    assert text.count("<image>") == len(inputs.images)
    found = inputs.objects.get("bbox") or []
    assert text.count("<bbox>") == len(found)
    opened = [load_image(image["path"] if isinstance(image, dict) else image) for image in inputs.images]
    if found:
        inputs.images = opened
        template._get_height_width(inputs)
        template.normalize_bbox(SimpleNamespace(norm_bbox="norm1000"), inputs)
        assert all(0 <= value <= 1000 and isinstance(value, int) for box in inputs.objects["bbox"] for value in box)
    return len(found)


def webdataset(folder: Path, rows: dict[str, int]) -> str:
    import webdataset as package

    got, pictures, lines = dict.fromkeys(rows, 0), 0, []
    for split in rows:
        for shard in sorted(folder.glob(f"{split}-*.tar")):
            for sample in package.WebDataset(str(shard), shardshuffle=False).decode("pil"):
                for number, _ in enumerate(sample["json"]["pictures"]):
                    sample[f"{number}.jpg"].load()
                    pictures += 1
                line = sample["json"]
                places = line["pictures"], line["picture_tokens"], line["embedding_pictures"]
                _check_places(line["embeddings"], *places)
                lines.append({"video": line["video"], "embeddings": line["embeddings"]})
                got[split] += 1
    assert got == rows, (got, rows)
    vectors = _vectors(folder, lines)
    return f"webdataset {package.__version__}: {got}, {pictures} pictures decoded, {vectors} vectors at tokens"


LOADERS: dict[str, Callable[[Path, dict[str, int]], str]] = {
    "hf": hf,
    "chat": chat,
    "llava": llava,
    "swift": swift,
    "webdataset": webdataset,
}

if __name__ == "__main__":
    sys.exit(main())
