"""Qwen2-Audio: a sentence on what is heard in a window, and the sounds in it with their times.

It is asked for JSON, and what it answers is data: `sound_replies` takes it apart, nothing of it is obeyed or shown to a
model as an instruction. Greedy, so that the same sound has the same reply.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

from gvlm_resources.encoders import loading
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.text import wav

FULL_SCALE = 32_768.0
SHORTEST = wav.RATE_HZ // 10  # samples; of less the network makes no token
QUESTION = (
    "This is {seconds:.1f} seconds of sound from a video game. "
    "Answer with one JSON object and nothing else, of the form "
    '{{"caption": "one sentence that says what is heard", '
    '"sounds": [{{"label": "name of the sound", "start_s": 0.0, "end_s": 1.0}}]}}. '
    "List every sound that is neither speech nor music once for each time it is heard, in seconds from the start."
)
PREFERRED = " Where they fit, use these labels: {labels}."


def load(
    checkpoint: Checkpoint, placement: Placement, *, most_tokens: int, window_s: float | None = None
) -> Qwen2AudioDescriber:
    """The describer of a `Qwen2AudioForConditionalGeneration` checkpoint, which answers in up to `most_tokens`.

    Raises SettingsError for a window longer than the checkpoint takes, MissingModelError for one that is not whole.
    """
    try:
        processor = Qwen2AudioProcessor.from_pretrained(
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(
            f"{checkpoint.folder} has no usable feature extractor and tokenizer: {error}",
            remedy="get the checkpoint anew, whole",
        ) from error
    longest_s = float(processor.feature_extractor.chunk_length)
    if window_s is not None and window_s > longest_s:
        raise SettingsError(
            f"sounds.window_s is {window_s:g}, and {checkpoint.name} takes windows of up to {longest_s:g} s",
            remedy="leave it out, or set it lower",
        )
    network = loading.network(Qwen2AudioForConditionalGeneration, checkpoint, placement)
    return Qwen2AudioDescriber(checkpoint, placement, network, processor, most_tokens, window_s or longest_s)


class Qwen2AudioDescriber:
    """A Describer."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        placement: Placement,
        network: Qwen2AudioForConditionalGeneration,
        processor: Qwen2AudioProcessor,
        most_tokens: int,
        window_s: float,
    ) -> None:
        self._network = network
        self._placement = placement
        self._processor = processor
        self._processor.tokenizer.padding_side = "left"  # what is generated goes on from the last token of each
        self._most_tokens = most_tokens
        _make_greedy(network)
        self.window_s = window_s
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=f"{wav.RATE_HZ} Hz mono, up to {window_s:g} s; greedy, up to {most_tokens} tokens",
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=0,  # it gives words
        )

    @torch.inference_mode()
    def describe(self, windows: Sequence[NDArray[np.int16]], labels: Sequence[str]) -> list[str]:
        """16 kHz mono windows, each of its own length -> the reply to each, as it came."""
        if not windows:
            return []
        inputs = self.inputs(windows, labels).to(self._placement.device)
        inputs["input_features"] = inputs["input_features"].to(getattr(torch, self._placement.dtype))
        made = self._network.generate(**inputs, max_new_tokens=self._most_tokens)
        replies = made[:, inputs["input_ids"].shape[1] :]
        return self._processor.batch_decode(replies, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def inputs(self, windows: Sequence[NDArray[np.int16]], labels: Sequence[str]):
        """What the network takes, padded on the left to the longest; a window under 0.1 s is followed by silence."""
        sounds = [np.pad(window, (0, max(SHORTEST - len(window), 0))) for window in windows]
        return self._processor(
            text=[self._prompt(len(window) / wav.RATE_HZ, labels) for window in windows],
            audio=[sound.astype(np.float32) / FULL_SCALE for sound in sounds],
            sampling_rate=wav.RATE_HZ,
            return_tensors="pt",
            padding=True,
        )

    def _prompt(self, seconds: float, labels: Sequence[str]) -> str:
        question = QUESTION.format(seconds=seconds)
        if labels:
            question += PREFERRED.format(labels=", ".join(labels))
        content = [{"type": "audio", "audio_url": "window"}, {"type": "text", "text": question}]
        conversation = [{"role": "user", "content": content}]
        return self._processor.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)


def _make_greedy(network: Qwen2AudioForConditionalGeneration) -> None:
    """The published generation settings sample."""
    config = network.generation_config
    config.do_sample = False
    config.temperature = config.top_p = config.top_k = None
