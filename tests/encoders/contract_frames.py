"""What every frame encoder promises; a test class that subclasses this gives the fixture `encoder`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gvlm_resources.encoders.protocol import FrameEncoder


def random_frames(count: int, *, height: int = 48, width: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Blocks of random colour, another in every frame."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, 6, 8, 3), np.uint8)
    return blocks.repeat(-(-height // 6), axis=1).repeat(-(-width // 8), axis=2)[:, :height, :width]


class FrameContract:
    def test_rows_are_of_unit_length_in_float32(self, encoder: FrameEncoder) -> None:
        vectors = encoder.encode(random_frames(3))
        assert vectors.shape == (3, encoder.identity.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_no_frames_give_no_rows(self, encoder: FrameEncoder) -> None:
        vectors = encoder.encode(random_frames(0))
        assert vectors.shape == (0, encoder.identity.dim)
        assert vectors.dtype == np.float32

    @pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 36), (23, 71)])
    def test_what_else_is_in_the_batch_makes_no_difference(
        self, encoder: FrameEncoder, height: int, width: int
    ) -> None:
        frames = random_frames(5, height=height, width=width)
        alone = np.concatenate([encoder.encode(frame[None]) for frame in frames])
        np.testing.assert_allclose(encoder.encode(frames), alone, atol=1e-4)

    def test_rows_are_in_the_order_of_the_frames(self, encoder: FrameEncoder) -> None:
        frames = random_frames(4)
        np.testing.assert_allclose(encoder.encode(frames[::-1].copy()), encoder.encode(frames)[::-1], atol=1e-4)

    def test_different_frames_have_different_vectors(self, encoder: FrameEncoder) -> None:
        first, second = encoder.encode(random_frames(2))
        assert first @ second < 1 - 1e-5

    def test_the_frames_are_left_as_they_were(self, encoder: FrameEncoder) -> None:
        frames = random_frames(2)
        before = frames.copy()
        encoder.encode(frames)
        np.testing.assert_array_equal(frames, before)

    def test_what_is_no_batch_of_rgb_frames_is_refused(self, encoder: FrameEncoder) -> None:
        with pytest.raises(ValueError, match="frames are uint8"):
            encoder.encode(random_frames(2).astype(np.float32))
