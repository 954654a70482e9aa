"""Crops of HUD regions as they come from the stored table, one row after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa

from gvlm_resources.errors import LakeError
from gvlm_resources.text.ocr_rows import Place
from gvlm_resources.text.protocol import Image

REMEDY = "build hud_crops again"


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of `schemas.HUD_CROPS`: the pixels of a region and the span in which they stood there."""

    region: str
    start_ns: int
    end_ns: int
    png: bytes
    place: Place

    def image(self) -> Image | None:
        """RGB (H, W, 3), or None where the bytes are no image."""
        pixels = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_COLOR) if self.png else None
        return None if pixels is None else np.ascontiguousarray(pixels[..., ::-1])


def crops_of(batches: Iterable[pa.RecordBatch]) -> Iterator[Crop]:
    """The rows of `schemas.HUD_CROPS`, one after the other; not more than one batch is held.

    Raises LakeError where a region's crops are not in the order of time.
    """
    latest: dict[str, int] = {}
    for batch in batches:
        columns = [batch.column(name) for name in ("region", "start_ns", "end_ns", "image", "box", "width", "height")]
        for region, start_ns, end_ns, png, box, width, height in zip(*columns, strict=True):
            crop = Crop(
                region.as_py(),
                start_ns.as_py(),
                end_ns.as_py(),
                png.as_py(),
                Place(tuple(box.as_py()), width.as_py(), height.as_py()),
            )
            if not latest.get(crop.region, 0) <= crop.start_ns < crop.end_ns:
                raise LakeError(
                    f"the crop of {crop.region!r} at {crop.start_ns} ns does not follow the one before it",
                    remedy=REMEDY,
                )
            latest[crop.region] = crop.end_ns
            yield crop
