"""The tensors' preprocessing beside transformers' own image processors, one image at a time through PIL.

    python benchmarks/preprocessing.py [--frames N]

Frames of the sample recordings, and the same cut to 473x617, on one thread. A row says how far the levels of 0..255 are
from PIL's (values a million that differ by one, and by two), on the processor and in the arithmetic that accelerators
use, and the milliseconds of processor time a frame takes both, the best of five rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import SiglipImageProcessorPil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gvlm_resources.encoders import pixels  # noqa: E402

EDGES = (224, 384, 1008)
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=12)
    torch.set_num_threads(1)
    whole = _frames(parser.parse_args().frames)
    print("| frame | to | filter | one level (CPU) | two levels (CPU) | accelerators | PIL ms | ours ms | times |")
    print("|---|---|---|---|---|---|---|---|---|")
    for frames in (whole, np.ascontiguousarray(whole[:, :473, :617])):
        for edge in EDGES:
            for resample in (2, 3):
                print(_row(frames, edge, resample))


def _frames(count: int) -> NDArray[np.uint8]:
    """As many from each of the samples, five seconds apart."""
    made: list[NDArray[np.uint8]] = []
    paths = sorted((ROOT / "data_lake" / "samples").glob("*.mp4"))
    for path in paths:
        with av.open(str(path)) as container:
            for number in range(count // len(paths)):
                stream = container.streams.video[0]
                container.seek(int((5 + 5 * number) / stream.time_base), stream=stream)
                made.append(next(container.decode(stream)).to_ndarray(format="rgb24"))
    return np.stack(made)


def _row(frames: NDArray[np.uint8], edge: int, resample: int) -> str:
    facts = {
        "image_processor_type": "SiglipImageProcessor",
        "size": {"height": edge, "width": edge},
        "resample": resample,
    }
    ours, theirs = pixels.Preprocessing.of(facts), SiglipImageProcessorPil(**facts)
    batch = pixels.on_device(frames, "cpu")
    pil = np.stack([np.asarray(Image.fromarray(frame).resize((edge, edge), resample)) for frame in frames])
    apart = _apart(pixels.resize(batch, (edge, edge), ours.filter), pil)
    exactly = _apart(pixels.resize_exactly(batch.permute(0, 3, 1, 2), (edge, edge), ours.filter), pil)
    slow = _seconds(lambda: [theirs(frame, return_tensors="pt") for frame in frames])
    fast = _seconds(lambda: ours.tensors(pixels.on_device(frames, "cpu")))
    return (
        f"| {frames.shape[2]}x{frames.shape[1]} | {edge} | {ours.filter} | {(apart == 1).mean() * 1e6:,.0f} "
        f"| {(apart == 2).mean() * 1e6:,.1f} | {'equal' if not exactly.any() else exactly.max()} "
        f"| {slow * 1e3 / len(frames):.1f} | {fast * 1e3 / len(frames):.1f} | {slow / fast:.1f} |"
    )


def _apart(ours: torch.Tensor, pil: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.abs(ours.permute(0, 2, 3, 1).numpy().astype(np.int16) - pil)


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS + 1):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken[1:])


if __name__ == "__main__":
    main()
