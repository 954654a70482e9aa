"""Log-mel spectrograms of batches on the network's device, as the feature extractors make them window by window."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

FRAME = 400  # samples: 25 ms at 16 kHz
HOP = 160
FFT = 512
PREEMPHASIS = 0.97
FLOOR = 1.192092955078125e-07  # Kaldi's: the smallest step of float32
LOWEST_HZ = 20
POWER_FLOOR = 1e-10  # -100 dB


def kaldi_filters(bands: int, rate_hz: int) -> torch.Tensor:
    """Triangles on Kaldi's mel scale from 20 Hz up to half the rate, `(257, bands)`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of AudioSet's 128 bands the lowest is narrower than a bin, and empty
        filters = mel_filter_bank(
            num_frequency_bins=FFT // 2 + 1,
            num_mel_filters=bands,
            min_frequency=LOWEST_HZ,
            max_frequency=rate_hz // 2,
            sampling_rate=rate_hz,
            norm=None,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
    return as_filters(filters)


def kaldi(waves: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Kaldi's log filter bank energies: 16 kHz sound `(N, samples)` in -1..1 -> `(N, frames, bands)`.

    Frames of 25 ms every 10 ms, each without its mean, pre-emphasised by 0.97 and under a Hann window; the logarithm of
    the power in each mel band, from 1.2e-7 up. What `ASTFeatureExtractor` takes from torchaudio, or computes itself.
    """
    frames = waves.unfold(-1, FRAME, HOP)
    frames = frames - frames.mean(dim=-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window = torch.hann_window(FRAME, periodic=False, device=waves.device, dtype=waves.dtype)
    spectrum = torch.fft.rfft((frames - PREEMPHASIS * before) * window, n=FFT)
    return torch.log((spectrum.abs().square() @ filters).clamp(min=FLOOR))


def decibels(waves: torch.Tensor, filters: torch.Tensor, *, fft: int, hop: int) -> torch.Tensor:
    """Mel bands in dB: `(N, samples)` -> `(N, 1 + samples // hop, bands)`, frames centred on multiples of `hop`.

    A periodic Hann window, the ends mirrored, no preemphasis; what `ClapFeatureExtractor` computes.
    """
    window = torch.hann_window(fft, device=waves.device, dtype=waves.dtype)
    spectrum = torch.stft(waves, fft, hop, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum.abs().square().transpose(1, 2) @ filters
    return 10 * torch.log10(power.clamp(min=POWER_FLOOR))


def as_filters(bank: np.ndarray) -> torch.Tensor:
    """A filter bank of a feature extractor, `(bins, bands)`."""
    return torch.from_numpy(np.asarray(bank)).float()
