"""What every clip encoder promises; a test class that subclasses this gives the fixture `encoder`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gvlm_resources.encoders.protocol import ClipEncoder
from gvlm_resources.errors import SettingsError


def random_clips(count: int, frames: int, *, height: int = 48, width: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Blocks of random colour that differ from frame to frame and clip to clip."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, frames, 6, 8, 3), np.uint8)
    return blocks.repeat(height // 6, axis=2).repeat(width // 8, axis=3)


class ClipContract:
    def test_rows_are_of_unit_length_in_float32(self, encoder: ClipEncoder) -> None:
        vectors = encoder.encode(random_clips(3, encoder.frames))
        assert vectors.shape == (3, encoder.identity.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_no_clips_give_no_rows(self, encoder: ClipEncoder) -> None:
        vectors = encoder.encode(random_clips(0, encoder.frames))
        assert vectors.shape == (0, encoder.identity.dim)
        assert vectors.dtype == np.float32

    def test_what_else_is_in_the_batch_makes_no_difference(self, encoder: ClipEncoder) -> None:
        clips = random_clips(5, encoder.frames)
        alone = np.concatenate([encoder.encode(clip[None]) for clip in clips])
        np.testing.assert_allclose(encoder.encode(clips), alone, atol=1e-4)

    def test_rows_are_in_the_order_of_the_clips(self, encoder: ClipEncoder) -> None:
        clips = random_clips(4, encoder.frames)
        np.testing.assert_allclose(encoder.encode(clips[::-1].copy()), encoder.encode(clips)[::-1], atol=1e-4)

    def test_different_clips_have_different_vectors(self, encoder: ClipEncoder) -> None:
        first, second = encoder.encode(random_clips(2, encoder.frames))
        assert first @ second < 1 - 1e-5

    def test_the_order_of_the_frames_matters(self, encoder: ClipEncoder) -> None:
        clips = random_clips(1, encoder.frames)
        forward, backward = encoder.encode(clips), encoder.encode(clips[:, ::-1].copy())
        assert np.abs(forward - backward).max() > 1e-4

    def test_another_number_of_frames_is_an_error_that_names_the_setting(self, encoder: ClipEncoder) -> None:
        with pytest.raises(SettingsError, match=f"set clips.frames to {encoder.frames}"):
            encoder.encode(random_clips(1, encoder.frames + 2))
