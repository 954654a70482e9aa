"""TrOCR: one line of text at a time, read by an image transformer that knows how words are written.

It finds no text by itself, and a line costs 111 GFLOP at base size, so it is a second reader of single lines
(`text/second_reader.py`). Li et al. 2021, "TrOCR: Transformer-based Optical Character Recognition with Pre-trained
Models".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase, VisionEncoderDecoderModel

from gvlm_resources.encoders import loading, pixels
from gvlm_resources.encoders.pixels import Preprocessing
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError
from gvlm_resources.text.protocol import Image, Reading

MOST_TOKENS = 64  # of a line: some 200 letters
NOTHING = Reading("", 0.0, 0.0, 0.0)

# What the published checkpoints lack and the search for text never touches; and a table that is computed anew.
_MAY_LACK = ("encoder.pooler.",)
_UNUSED = ("encoder.pooler.", "decoder.model.decoder.embed_positions._float_tensor")


def load(checkpoint: Checkpoint, placement: Placement, *, batch: int = 16) -> TrOcrReader:
    """The checkpoint's network, tokenizer and picture settings. `placement.attention` has to be `eager`.

    Raises MissingModelError where a file is missing or is none of TrOCR's.
    """
    network = loading.network(VisionEncoderDecoderModel, checkpoint, placement, may_lack=_MAY_LACK, unused=_UNUSED)
    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingModelError(
            f"{checkpoint.folder} has no usable tokenizer: {error}", remedy="gvlm models pull MODEL"
        ) from error
    return TrOcrReader(checkpoint.name, network, tokenizer, pixels.read(checkpoint.folder), placement, batch)


class TrOcrReader:
    """Reads crops of one line each, in batches. Not for use from two threads at once."""

    def __init__(
        self,
        name: str,
        network: VisionEncoderDecoderModel,
        tokenizer: PreTrainedTokenizerBase,
        preprocessing: Preprocessing,
        placement: Placement,
        batch: int,
    ) -> None:
        self.name = name
        self._network = network
        self._tokenizer = tokenizer
        self._preprocessing = preprocessing
        self._device = placement.device
        self._batch = batch
        self._start, self._end, self._pad = _marks(network)

    def recognise(self, crops: Sequence[Image]) -> list[Reading]:
        """One reading a crop, in their order. What else is in the batch makes no difference."""
        batches = [crops[at : at + self._batch] for at in range(0, len(crops), self._batch)]
        return [reading for batch in batches for reading in self._fitted(batch)]

    def _fitted(self, crops: Sequence[Image]) -> list[Reading]:
        """As many together as the device's memory holds."""
        try:
            return self._read(crops)
        except torch.OutOfMemoryError:
            if len(crops) == 1:
                raise
        torch.cuda.empty_cache()
        half = len(crops) // 2
        return self._fitted(crops[:half]) + self._fitted(crops[half:])

    @torch.inference_mode()
    def _read(self, crops: Sequence[Image]) -> list[Reading]:
        found = self._network.generate(
            self._pixels(crops),
            decoder_start_token_id=self._start,
            eos_token_id=self._end,
            pad_token_id=self._pad,
            max_length=MOST_TOKENS,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_scores=True,
        )
        logs = self._network.compute_transition_scores(found.sequences, found.scores, normalize_logits=True)
        written = found.sequences[:, -logs.shape[1] :].cpu()
        return [self._reading(*row) for row in zip(written.tolist(), logs.float().exp().cpu().numpy(), strict=True)]

    def _pixels(self, crops: Sequence[Image]) -> torch.Tensor:
        """(N, 3, side, side): each crop is drawn to the network's square, whatever its proportions."""
        made = [self._preprocessing.tensors(pixels.on_device(crop[None], self._device)) for crop in crops]
        return torch.cat(made).to(self._network.dtype)

    def _reading(self, tokens: list[int], probabilities: NDArray[np.float32]) -> Reading:
        length = tokens.index(self._end) if self._end in tokens else len(tokens)
        text = " ".join(self._tokenizer.decode(tokens[:length], skip_special_tokens=True).split())
        if not text:
            return NOTHING
        likely = np.clip(probabilities[:length].astype(np.float64), 0.0, 1.0)
        return Reading(text, float(likely.mean()), float(likely.min()), float(likely.min()))


def _marks(network: VisionEncoderDecoderModel) -> tuple[int, int, int]:
    """The tokens that begin, end and fill up a text: of the generation settings, or else of the decoder's own."""
    generation, decoder = network.generation_config, network.config.decoder
    names = ("decoder_start_token_id", "eos_token_id", "pad_token_id")
    marks = [getattr(generation, name, None) for name in names]
    start, end, pad = (
        getattr(decoder, name, None) if mark is None else mark for name, mark in zip(names, marks, strict=True)
    )
    if start is None or end is None or pad is None:
        raise MissingModelError(
            f"the checkpoint names no {' or '.join(names)}",
            remedy="name one of TrOCR's checkpoints in ocr.second_reader",
        )
    return int(start), int(end), int(pad)
