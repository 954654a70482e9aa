"""What every SoundEncoder promises. A test class derives from the contract and gives the fixture `encoder`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gvlm_resources.encoders.protocol import SoundEncoder

RATE_HZ = 16_000


def noise(seconds: float, seed: int = 0, loudness: int = 3000) -> NDArray[np.int16]:
    chance = np.random.default_rng(seed)
    return (chance.standard_normal(round(seconds * RATE_HZ)) * loudness).clip(-32_768, 32_767).astype(np.int16)


class SoundEncoderContract:
    def test_no_windows_give_no_vectors(self, encoder: SoundEncoder) -> None:
        assert encoder.encode([]).shape == (0, encoder.identity.dim)

    def test_vectors_are_float32_of_unit_length(self, encoder: SoundEncoder) -> None:
        vectors = encoder.encode([noise(0.5, seed) for seed in range(3)])
        assert vectors.dtype == np.float32
        assert vectors.shape == (3, encoder.identity.dim)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_vectors_stand_in_the_order_of_the_windows(self, encoder: SoundEncoder) -> None:
        windows = [noise(0.5, seed) for seed in range(3)]
        np.testing.assert_allclose(encoder.encode(windows)[::-1], encoder.encode(windows[::-1]), atol=1e-5)

    def test_different_sounds_have_different_vectors(self, encoder: SoundEncoder) -> None:
        tone = (8000 * np.sin(np.arange(8000) * 0.2)).astype(np.int16)
        one, other = encoder.encode([noise(0.5), tone])
        assert np.abs(one - other).max() > 1e-3

    def test_neither_the_batch_nor_the_length_of_the_others_changes_a_vector(self, encoder: SoundEncoder) -> None:
        windows = [noise(0.5, 0), noise(0.5, 1), noise(0.31, 2), noise(1.0, 3), noise(0.5, 4)]
        alone = np.concatenate([encoder.encode([window]) for window in windows])
        np.testing.assert_allclose(encoder.encode(windows), alone, atol=1e-5)

    def test_silence_has_a_vector_like_any_other(self, encoder: SoundEncoder) -> None:
        vectors = encoder.encode([np.zeros(8000, np.int16), noise(0.5)])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_window_of_a_few_samples_has_a_vector(self, encoder: SoundEncoder) -> None:
        vectors = encoder.encode([noise(0.5)[:7], noise(0.5)])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(vectors[1:], encoder.encode([noise(0.5)]), atol=1e-5)

    def test_a_window_without_samples_is_refused(self, encoder: SoundEncoder) -> None:
        with pytest.raises(ValueError, match="at least one sample"):
            encoder.encode([np.zeros(0, np.int16)])
