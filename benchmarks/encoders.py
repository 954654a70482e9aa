"""The encoders beside the plain way to drive the same networks, one item at a time, in one run.

    python benchmarks/encoders.py [--size small|production] [--device auto|cpu|cuda] [--only NAME ...] [--rounds R]
    python benchmarks/encoders.py --memory

`small` takes the checkpoints that come with the package, and small random ones where none does; `production` random
weights of the production networks' sizes, in bfloat16 on CUDA. Both sides begin with the same stored JPEGs or samples
and end with vectors in memory or in a table; they have the same weights, dtype, device and threads, and take turns. The
plain way is transformers' own: image to PIL, processor, model, one item a call. A ratio is the median over the rounds:
of seconds on the wall and, under CPU, of processor time, which other work on the machine does not reach.

The share of the peak is that of a large matrix product in the same dtype, measured at the start, on a CPU for each
second of processor time; operations are counted by torch.utils.flop_counter on one item. Memory is the highest resident
set of the process on a CPU, and the highest allocation on a GPU, while this project's side ran. `--memory` encodes a
video of one minute and one of thirty, each in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import normalize
from torch.utils.flop_counter import FlopCounterMode
from transformers.utils import logging

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gvlm_resources import schemas, settings  # noqa: E402
from gvlm_resources.encoders import checkpoints, embed, placement  # noqa: E402
from gvlm_resources.encoders.protocol import Checkpoint, Placement  # noqa: E402
from gvlm_resources.errors import GvlmError  # noqa: E402
from gvlm_resources.timebase import moment_id  # noqa: E402
from gvlm_resources.video import encode  # noqa: E402
from gvlm_resources.video.tables import TableWriter, iter_frames  # noqa: E402

TARGETS = {"cpu": 1.3, "cuda": 3.0}
SAM3_TARGET = 4.0
FLAT_MB = 50
S = 1_000_000_000
CONCEPTS = ("monster", "door", "key", "medikit", "weapon", "corpse", "barrel")
BOXES = ((40, 60, 200, 220), (210, 80, 300, 260), (320, 40, 420, 300), (430, 90, 600, 240), (60, 250, 180, 440),
         (300, 310, 560, 470))  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Where everything runs, and how much of it."""

    size: str
    compute: settings.ComputeSettings
    dtype: settings.Dtype
    folder: Path
    counts: dict[str, int]

    @property
    def device(self) -> str:
        return placement.choose(self.compute, self.dtype).device

    def placed(self, checkpoint: Checkpoint) -> Placement:
        return placement.choose_for(checkpoint, self.compute, self.dtype)

    def shipped(self, name: str) -> Checkpoint:
        return checkpoints.find(name, "", checkpoints.Folders(self.folder / "models", self.folder / "hub"))

    def made(self, name: str, save: Callable[[Path], Path]) -> Checkpoint:
        """A checkpoint with random weights, made once a run."""
        folder = self.folder / name
        if not folder.is_dir():
            folder.mkdir()
            save(folder)
        return Checkpoint(f"{name}@random", folder)


@dataclass(frozen=True)
class Race:
    """Both sides of a comparison over `items` items, and this project's way with one item, whose work is counted."""

    items: int
    ours: Callable[[], Any]
    loop: Callable[[], Any]
    one: Callable[[], Any]


@dataclass(frozen=True)
class Spent:
    """Seconds on the wall, and of processor time in all threads."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Measured:
    ours: list[Spent] = field(default_factory=list)  # a round each
    loop: list[Spent] = field(default_factory=list)
    memory_mb: float = 0.0
    flops: float = 0.0

    def ratio(self, of: Callable[[Spent], float]) -> float:
        return median(of(theirs) / of(ours) for ours, theirs in zip(self.ours, self.loop, strict=True))


# --- what is encoded --------------------------------------------------------------------------------------------------


def picture(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """Coarse shapes under a grain: as a JPEG of quality 90 it is about as large as a frame of a game."""
    random = np.random.default_rng(number)
    shapes = cv2.resize(random.integers(0, 256, (height // 20, width // 20, 3), np.uint8), (width, height))
    return np.clip(shapes + random.normal(0, 5, shapes.shape), 0, 255).astype(np.uint8)


def blank(schema: Any) -> dict[str, Any]:
    return {name: False if name.startswith("is_") else 0 for name in schema.names} | {
        "video_id": "v", "sampled_by": "rate", "duplicate_of": None, "status": "ok", "reason": "", "image": b""
    }  # fmt: skip


def frames_table(path: Path, count: int) -> Path:
    jpegs = [encode.jpeg(picture(number, 480, 640), 90) for number in range(min(count, 16))]
    with TableWriter(path, schemas.FRAMES) as writer:
        for number in range(count):
            row = {"frame_id": moment_id("f", number * S), "pts_ns": number * S, "image": jpegs[number % len(jpegs)]}
            writer.add(blank(schemas.FRAMES) | row)
    return path


def clips_table(path: Path, count: int, frames: int) -> Path:
    jpegs = [encode.jpeg(picture(number, 224, 298), 90) for number in range(32)]
    with TableWriter(path, schemas.CLIPS) as writer:
        for number in range(count):
            row = {
                "clip_id": moment_id("c", number * 4 * S),
                "start_ns": number * 4 * S,
                "end_ns": (number * 4 + 2) * S,
                "frame_pts_ns": [],
                "images": [jpegs[(number + k) % 32] for k in range(frames)],
            }
            writer.add(
                {key: value for key, value in (blank(schemas.CLIPS) | row).items() if key in schemas.CLIPS.names}
            )
    return path


def sound(path: Path, seconds: int) -> Path:
    samples = np.random.default_rng(0).normal(0, 3000, seconds * 16_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def images_of(path: Path, column: str = "image") -> list[Any]:
    return [image for batch in iter_frames(path, columns=[column]) for image in batch.column(0).to_pylist()]


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


# --- the encoders: this project's way, and the plain one -------------------------------------------------------------


def saved(model: Any, folder: Path, processor: dict[str, Any], dtype: str = "float32") -> Path:
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def silently(message: str) -> None:
    """Progress is not shown, a batch that does not fit is."""
    if "memory" in message:
        print(f"  {message}", file=sys.stderr)


def by_transformers(bench: Bench, cls: Any, checkpoint: Checkpoint) -> Any:
    model = cls.from_pretrained(checkpoint.folder, dtype=getattr(torch, bench.dtype), local_files_only=True)
    return model.eval().to(bench.device)


def given(bench: Bench, inputs: Any) -> dict[str, Any]:
    """What a processor gives, on the device, with pixels and samples in the network's dtype."""
    dtype = getattr(torch, bench.dtype)
    placed = {key: value.to(bench.device) for key, value in inputs.items()}
    return {key: value.to(dtype) if value.is_floating_point() else value for key, value in placed.items()}


def vector(output: torch.Tensor) -> NDArray[np.float32]:
    return normalize(output.float(), dim=-1).cpu().numpy()


SIGLIP_PROCESSOR = {
    "image_processor_type": "SiglipImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2,
    "do_normalize": True, "do_rescale": True, "do_resize": True, "rescale_factor": 1 / 255,
}  # fmt: skip


def siglip_checkpoint(bench: Bench, *, naflex: bool) -> Checkpoint:
    """so400m where production sizes are asked for. The words' tower is never loaded, and as small as can be."""
    if bench.size == "small" and not naflex:
        return bench.shipped("siglip-freedoom")

    def save(folder: Path) -> Path:
        from transformers import Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

        if bench.size == "production":
            vision = {
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "num_hidden_layers": 27,
                "num_attention_heads": 16,
            }
        else:
            vision = {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 3}
        width = vision["hidden_size"]
        text = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1,
                "vocab_size": 100, "projection_size": width}  # fmt: skip
        if naflex:
            model = Siglip2Model(
                Siglip2Config(text_config=text, vision_config={**vision, "patch_size": 16, "num_patches": 256})
            )
            own = {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 16, "max_num_patches": 256}
        else:
            model = SiglipModel(
                SiglipConfig(text_config=text, vision_config={**vision, "patch_size": 14, "image_size": 384})
            )
            own = {"size": {"height": 384, "width": 384}}
        return saved(model, folder, SIGLIP_PROCESSOR | own, bench.dtype)

    return bench.made("siglip-naflex" if naflex else "siglip", save)


def siglip_race(bench: Bench, *, naflex: bool) -> Race:
    from transformers import AutoImageProcessor, Siglip2VisionModel, SiglipVisionModel

    from gvlm_resources.encoders import siglip

    checkpoint = siglip_checkpoint(bench, naflex=naflex)
    asked = settings.SiglipSettings(max_patches=256)
    encoder = siglip.load(checkpoint, bench.placed(checkpoint), asked)
    table = frames_table(bench.folder / "frames.parquet", bench.counts["frames"])
    model = by_transformers(bench, Siglip2VisionModel if naflex else SiglipVisionModel, checkpoint)
    processor = AutoImageProcessor.from_pretrained(checkpoint.folder)
    jpegs = images_of(table)

    def ours() -> None:
        embed.frames(table, encoder, bench.compute, video_id="v", out=bench.folder / "o.parquet", report=silently)

    def loop() -> list[NDArray[np.float32]]:
        made = []
        for jpeg in jpegs:
            inputs = given(bench, processor(images=[opened(jpeg)], return_tensors="pt"))
            with torch.no_grad():
                made.append(vector(model(**inputs).pooler_output))
        return made

    return Race(len(jpegs), ours, loop, lambda: encoder.encode(embed.picture(jpegs[0])[None]))


def videomae_race(bench: Bench) -> Race:
    from transformers import AutoImageProcessor, VideoMAEConfig, VideoMAEModel

    from gvlm_resources.encoders import videomae

    def save(folder: Path) -> Path:
        processor = {"image_processor_type": "VideoMAEImageProcessor", "size": {"shortest_edge": 224},
                     "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}  # fmt: skip
        return saved(VideoMAEModel(VideoMAEConfig(use_mean_pooling=False)), folder, processor, bench.dtype)

    small = bench.size == "small"
    checkpoint = bench.shipped("videomae-freedoom") if small else bench.made("videomae", save)
    encoder = videomae.load(checkpoint, bench.placed(checkpoint))
    table = clips_table(bench.folder / "clips.parquet", bench.counts["clips"], encoder.frames)
    model = by_transformers(bench, VideoMAEModel, checkpoint)
    processor = AutoImageProcessor.from_pretrained(checkpoint.folder)
    clips = images_of(table, "images")

    def ours() -> None:
        embed.clips(table, encoder, bench.compute, video_id="v", out=bench.folder / "o.parquet", report=silently)

    def loop() -> list[NDArray[np.float32]]:
        made = []
        for clip in clips:
            inputs = given(bench, processor([opened(jpeg) for jpeg in clip], return_tensors="pt"))
            with torch.no_grad():
                made.append(vector(model(**inputs).last_hidden_state.mean(dim=1)))
        return made

    one = np.stack([embed.picture(jpeg) for jpeg in clips[0]])[None]
    return Race(len(clips), ours, loop, lambda: encoder.encode(one))


def wav2vec2_race(bench: Bench) -> Race:
    from transformers import AutoFeatureExtractor, Wav2Vec2Config, Wav2Vec2Model

    from gvlm_resources.encoders import wav2vec2
    from gvlm_resources.text import wav

    def save(folder: Path) -> Path:
        config = Wav2Vec2Config(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
        processor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16_000,
                     "do_normalize": True, "feature_size": 1, "padding_value": 0.0}  # fmt: skip
        return saved(Wav2Vec2Model(config), folder, processor, bench.dtype)

    small = bench.size == "small"
    checkpoint = bench.shipped("wav2vec2-freedoom") if small else bench.made("wav2vec2", save)
    encoder = wav2vec2.load(checkpoint, bench.placed(checkpoint))
    asked = settings.Wav2Vec2Settings()
    path = sound(bench.folder / "audio.wav", bench.counts["windows"] + 1)
    model = by_transformers(bench, Wav2Vec2Model, checkpoint)
    processor = AutoFeatureExtractor.from_pretrained(checkpoint.folder)
    step, length = round(asked.stride_s * 16_000), round(asked.window_s * 16_000)
    bounds = embed.window_bounds(wav.sample_count(path), length, step)
    windows = [wav.read(path, first, last) for first, last in bounds]

    def ours() -> None:
        out = bench.folder / "o.parquet"
        embed.windows(path, encoder, asked, bench.compute, video_id="v", out=out, report=silently)

    def loop() -> list[NDArray[np.float32]]:
        made = []
        for window in windows:
            scaled = window.astype(np.float32) / 32_768
            inputs = given(bench, processor(scaled, sampling_rate=16_000, return_tensors="pt"))
            with torch.no_grad():
                made.append(vector(model(inputs["input_values"]).last_hidden_state.mean(dim=1)))
        return made

    return Race(len(windows), ours, loop, lambda: encoder.encode(windows[:1]))


def ast_race(bench: Bench) -> Race:
    from transformers import ASTConfig, ASTForAudioClassification, AutoFeatureExtractor

    from gvlm_resources.encoders import ast, sounds

    def save(folder: Path) -> Path:
        processor = {"feature_extractor_type": "ASTFeatureExtractor", "sampling_rate": 16_000, "num_mel_bins": 128,
                     "max_length": 1024, "mean": -4.27, "std": 4.57, "do_normalize": True}  # fmt: skip
        return saved(ASTForAudioClassification(ASTConfig(num_labels=527)), folder, processor, bench.dtype)

    checkpoint = bench.shipped("ast-freedoom") if bench.size == "small" else bench.made("ast", save)
    tagger = ast.load(checkpoint, bench.placed(checkpoint))
    asked = settings.SoundSettings()
    count = bench.counts["windows"]
    seconds = int(count * asked.stride_s)
    path = sound(bench.folder / "sounds.wav", seconds)
    model = by_transformers(bench, ASTForAudioClassification, checkpoint)
    extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder)
    length = round(tagger.window_s * 16_000)
    windows = [np.random.default_rng(k).normal(0, 3000, length).astype(np.int16) for k in range(count)]
    rules = tagger.own_rules()

    def ours() -> None:
        sounds.listen(path, tagger, asked, (), bench.compute, video_id="v", end_ns=seconds * S, report=silently)

    def loop() -> list[NDArray[np.float32]]:
        made = []
        for window in windows:
            scaled = window.astype(np.float32) / 32_768
            inputs = given(bench, extractor(scaled, sampling_rate=16_000, return_tensors="pt"))
            with torch.no_grad():
                made.append(model(**inputs).logits.float().sigmoid().cpu().numpy())
        return made

    return Race(count, ours, loop, lambda: tagger.scores(windows[0][None], rules))


def regions_race(bench: Bench) -> Race:
    """One pass over a frame for all its regions, beside a pass for each region's crop."""
    from transformers import AutoImageProcessor, SiglipVisionModel

    from gvlm_resources.encoders import regions, siglip

    checkpoint = siglip_checkpoint(bench, naflex=False)
    encoder = siglip.load(checkpoint, bench.placed(checkpoint), settings.SiglipSettings())
    count = max(bench.counts["frames"] // 4, 4)
    table = frames_table(bench.folder / "region_frames.parquet", count)
    entities = entities_table(bench.folder / "entities.parquet", count)
    model = by_transformers(bench, SiglipVisionModel, checkpoint)
    processor = AutoImageProcessor.from_pretrained(checkpoint.folder)
    jpegs = images_of(table)

    def ours() -> None:
        regions.embed_regions(
            table, entities, encoder, settings.RegionSettings(), bench.compute, video_id="v",
            out=bench.folder / "o.parquet", report=silently,
        )  # fmt: skip

    def loop() -> list[NDArray[np.float32]]:
        made = []
        for jpeg in jpegs:
            image = opened(jpeg)
            for box in BOXES:
                inputs = given(bench, processor(images=[image.crop(box)], return_tensors="pt"))
                with torch.no_grad():
                    made.append(vector(model(**inputs).pooler_output))
        return made

    frame = embed.picture(jpegs[0])[None]
    shares = np.ones((len(BOXES), *encoder.grid(480, 640)), np.float32)
    return Race(count * len(BOXES), ours, loop, lambda: encoder.encode_regions(frame, [shares]))


def entities_table(path: Path, frames: int) -> Path:
    from gvlm_resources.encoders.masks import Mask

    masks = []
    for x0, y0, x1, y1 in BOXES:
        pixels = np.zeros((480, 640), bool)
        pixels[y0:y1, x0:x1] = True
        masks.append(Mask.of(pixels).counts)
    with TableWriter(path, schemas.ENTITIES) as writer:
        for number in range(frames):
            for track, (box, mask) in enumerate(zip(BOXES, masks, strict=True)):
                row = {
                    "entity_id": f"{moment_id('n', number * S)}-{track}", "frame_id": moment_id("f", number * S),
                    "pts_ns": number * S, "track_id": f"t{track}", "concept": "monster", "score": 1.0,
                    "presence": 1.0, "box": list(box), "width": 640, "height": 480, "mask": mask,
                    "found_by": "detector",
                }  # fmt: skip
                writer.add({"video_id": "v", "status": "ok", "reason": ""} | row)
    return path


def sam3_race(bench: Bench) -> Race:
    """A frame looked at once for seven concepts, beside once for each: the same code asked seven times."""
    from transformers import Sam3Config, Sam3Model

    from gvlm_resources.encoders import sam3
    from tests.encoders import tiny_sam3

    def save(folder: Path) -> Path:
        if bench.size == "small":
            # The vision transformer is some 13 times the work of the heads for one concept, as at production size.
            return tiny_sam3.save(folder, size=336, width=384, layers=24, queries=50)
        tiny_sam3.save(folder)  # tokenizer and the image settings' form
        (folder / "processor_config.json").write_text(
            json.dumps({"image_processor": {"image_processor_type": "Sam3ImageProcessor", "image_mean": [0.5] * 3,
                                            "image_std": [0.5] * 3, "size": {"height": 1008, "width": 1008}}})
        )  # fmt: skip
        Sam3Model(Sam3Config()).to(getattr(torch, bench.dtype)).save_pretrained(folder)
        return folder

    checkpoint = bench.made("sam3", save)
    segmenter = sam3.load(checkpoint, bench.placed(checkpoint), settings.EntitySettings(model=checkpoint.name))
    frames = [picture(number, 480, 640)[None] for number in range(bench.counts["segmented"])]

    def ours() -> None:
        for frame in frames:
            segmenter.segment(frame, CONCEPTS)

    def loop() -> None:
        for frame in frames:
            for concept in CONCEPTS:
                segmenter.segment(frame, [concept])

    return Race(len(frames), ours, loop, lambda: segmenter.segment(frames[0], CONCEPTS))


CASES: dict[str, Callable[[Bench], Race]] = {
    "siglip": lambda bench: siglip_race(bench, naflex=False),
    "siglip naflex": lambda bench: siglip_race(bench, naflex=True),
    "videomae": videomae_race,
    "wav2vec2": wav2vec2_race,
    "ast": ast_race,
    "regions": regions_race,
    "sam3, 7 concepts": sam3_race,
}


# --- measuring -------------------------------------------------------------------------------------------------------


def peak_flops(device: str, dtype: str) -> float:
    """Of a large matrix product, the best of ten: operations a second, and a second of one core on a CPU."""
    side = 8192 if device.startswith("cuda") else 1024
    left, right = (torch.randn(side, side, device=device).to(getattr(torch, dtype)) for _ in range(2))
    return max(2 * side**3 / busy(spent(lambda: torch.matmul(left, right), device), device) for _ in range(10))


def busy(time_spent: Spent, device: str) -> float:
    """The seconds that operations are counted against; on a CPU those that other work does not take from."""
    return time_spent.wall if device.startswith("cuda") else time_spent.cpu


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@contextmanager
def peak_memory(device: str, into: list[float]) -> Iterator[None]:
    """Adds the MB at the highest: allocated on a GPU, resident on a CPU."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        yield
        into.append(torch.cuda.max_memory_allocated(device) / 2**20)
        return
    Path("/proc/self/clear_refs").write_text("5")  # sets the highest resident size back to what it is now
    yield
    status = Path("/proc/self/status").read_text()
    into.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def measured(race: Race, bench: Bench, rounds: int) -> Measured:
    """Rounds in which both sides run, one after the other; a first one does not count."""
    race.one()
    with FlopCounterMode(display=False) as counter:
        race.one()
    found, memory = Measured(), []
    for number in range(rounds + 1):
        with peak_memory(bench.device, memory):
            ours = spent(race.ours, bench.device)
        loop = spent(race.loop, bench.device)
        if number:
            found.ours.append(ours)
            found.loop.append(loop)
    return Measured(found.ours, found.loop, max(memory), counter.get_total_flops())


def spent(work: Callable[[], Any], device: str) -> Spent:
    wait(device)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    work()
    wait(device)
    return Spent(time.perf_counter() - begun, time.process_time() - begun_cpu)


def target_of(name: str, device: str) -> float:
    return SAM3_TARGET if name.startswith("sam3") else TARGETS["cuda" if device.startswith("cuda") else "cpu"]


def compare(bench: Bench, names: Sequence[str], rounds: int) -> bool:
    peak = peak_flops(bench.device, bench.dtype)
    where = torch.cuda.get_device_name() if bench.device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    print(f"{bench.device} ({where}), {bench.dtype}, size {bench.size}; matrix peak {peak / 1e9:,.0f} GFLOP/s\n")
    print(f"{'':18}{'ours /s':>10}{'loop /s':>10}{'ratio':>8}{'CPU':>7}{'of peak':>9}{'peak MB':>9}  target")
    all_met = True
    for name in names:
        try:
            race = CASES[name](bench)
        except GvlmError as error:
            print(f"{name:18}not measured: {error}")
            all_met = False
            continue
        found = measured(race, bench, rounds)
        ours, loop = (race.items / median(one.wall for one in side) for side in (found.ours, found.loop))
        ratio, cpu_ratio = found.ratio(lambda one: one.wall), found.ratio(lambda one: one.cpu)
        share = found.flops / per_call(name) * race.items / peak
        share /= median(busy(one, bench.device) for one in found.ours)
        target = target_of(name, bench.device)
        met = ratio >= target
        all_met &= met
        print(
            f"{name:18}{ours:10.1f}{loop:10.1f}{ratio:8.2f}{cpu_ratio:7.2f}{share:9.1%}{found.memory_mb:9,.0f}"
            f"  >= {target:g} {'met' if met else 'MISSED'}",
            flush=True,
        )
    return all_met


def per_call(name: str) -> int:
    """How many items `Race.one` makes."""
    return len(BOXES) if name == "regions" else 1


# --- memory over the length ------------------------------------------------------------------------------------------


def encoded_alone(name: str, minutes: int, bench: Bench) -> int:
    """In a process of its own: the highest resident size in MB while a video of that length is encoded."""
    lengths = {"frames": 60 * minutes, "clips": 15 * minutes, "windows": 60 * minutes}
    race = CASES[name](replace(bench, counts=bench.counts | lengths))
    race.ours()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def memory(arguments: argparse.Namespace) -> bool:
    """Whether thirty minutes take no more than one: the loop's side is not run."""
    flat = True
    print(f"{'':18}{'1 min':>9}{'30 min':>9}  MB, the highest resident set")
    for name in arguments.only or ["siglip", "videomae", "wav2vec2"]:
        found = []
        for minutes in (1, 30):
            command = [sys.executable, __file__, "--alone", name, str(minutes), "--size", arguments.size]
            command += ["--device", arguments.device]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name:18}not measured: {done.stderr.strip().splitlines()[-1]}")
                flat = False
                break
            found.append(int(done.stdout.split()[-1]))
        else:
            met = found[1] - found[0] <= FLAT_MB
            flat &= met
            print(f"{name:18}{found[0]:9,}{found[1]:9,}  {'flat' if met else 'NOT FLAT'} (within {FLAT_MB} MB)")
    return flat


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "production"], default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", nargs="+", choices=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of PyTorch, for both sides")
    parser.add_argument("--batch", type=int, help="items a batch, for every encoder; else what the profile says")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--alone", nargs=2, metavar=("NAME", "MINUTES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        return 0 if memory(arguments) else 1
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    folder = Path(tempfile.mkdtemp(prefix="gvlm-encoders-"))
    try:
        bench = bench_of(arguments, folder)
        if arguments.alone:
            print(encoded_alone(arguments.alone[0], int(arguments.alone[1]), bench))
            return 0
        all_met = compare(bench, arguments.only or list(CASES), arguments.rounds)
        print(f"\n{'all targets met' if all_met else 'targets missed: see above'}")
        return 0 if all_met else 1
    finally:
        shutil.rmtree(folder)


def bench_of(arguments: argparse.Namespace, folder: Path) -> Bench:
    """The batches of the profile for such a device: `cpu`, or `full` on CUDA."""
    asked = settings.ComputeSettings(device=arguments.device)
    on_cuda = placement.choose(asked, "float32").device.startswith("cuda")
    compute = settings.load("full" if on_cuda else "cpu").compute.model_copy(update={"device": arguments.device})
    if arguments.batch:
        batches = dict.fromkeys(("frame_batch", "clip_batch", "window_batch"), arguments.batch)
        compute = compute.model_copy(update=batches)
    many = {"frames": 512, "clips": 96, "windows": 256, "segmented": 8}
    few = {"frames": 32, "clips": 8, "windows": 32, "segmented": 1}
    dtype: settings.Dtype = "bfloat16" if on_cuda else "float32"
    return Bench(arguments.size, compute, dtype, folder, many if on_cuda else few)


if __name__ == "__main__":
    sys.exit(main())
