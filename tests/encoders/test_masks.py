"""Masks as run lengths, held against the COCO tools and against plain arrays."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco

from gvlm_resources.encoders.masks import Mask, patch_shares


def blobs(seed: int, height: int = 0, width: int = 0) -> NDArray[np.bool_]:
    """Overlapping rectangles and some noise, or nothing, or everything."""
    dice = np.random.default_rng(seed)
    height, width = height or int(dice.integers(1, 90)), width or int(dice.integers(1, 90))
    pixels = dice.random((height, width)) < dice.choice([0.0, 0.02, 0.5])
    for _ in range(int(dice.integers(0, 4))):
        y, x = int(dice.integers(0, height)), int(dice.integers(0, width))
        pixels[y : y + int(dice.integers(1, height + 1)), x : x + int(dice.integers(1, width + 1))] ^= True
    return pixels


def coco_of(pixels: NDArray[np.bool_]) -> dict:
    return coco.encode(np.asfortranarray(pixels.astype(np.uint8)))


@pytest.mark.parametrize("seed", range(60))
def test_a_mask_is_written_read_measured_and_boxed_as_the_coco_tools_do(seed: int) -> None:
    pixels = blobs(seed)
    mask, theirs = Mask.of(pixels), coco_of(pixels)
    assert mask.counts == theirs["counts"].decode()
    again = Mask.read(mask.counts, *pixels.shape)
    assert (again.pixels() == pixels).all()
    assert again.area == coco.area(theirs) == pixels.sum()
    ys, xs = np.nonzero(pixels)
    expected = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(xs) else (0, 0, 0, 0)
    assert mask.box == expected


@pytest.mark.parametrize("seed", range(40))
def test_the_overlap_of_two_masks_is_that_of_the_coco_tools(seed: int) -> None:
    one, other = blobs(seed, 48, 64), blobs(seed + 1000, 48, 64)
    ours = Mask.of(one).iou(Mask.of(other))
    assert ours == Mask.of(other).iou(Mask.of(one))
    if one.any() or other.any():
        assert ours == pytest.approx(float(coco.iou([coco_of(one)], [coco_of(other)], [0])[0, 0]), abs=1e-12)
    else:
        assert ours == 0.0


def test_a_mask_of_a_large_frame_survives_its_text() -> None:
    """Runs of more than 2^20 pixels, and differences below 0, take many digits."""
    pixels = np.zeros((1080, 1920), np.bool_)
    pixels[3:1079, 900:905] = True
    pixels[7, 1919] = True
    mask = Mask.of(pixels)
    assert mask.counts == coco_of(pixels)["counts"].decode()
    assert (Mask.read(mask.counts, 1080, 1920).pixels() == pixels).all()


def test_a_text_of_another_size_or_of_no_mask_is_refused() -> None:
    counts = Mask.of(blobs(3, 20, 30)).counts
    with pytest.raises(ValueError, match="no mask of 31x20"):
        Mask.read(counts, 20, 31)
    for broken in ("", "not a mask!", "o"):
        with pytest.raises(ValueError, match="no compressed run lengths"):
            Mask.read(broken, 20, 30)
    with pytest.raises(ValueError, match="one size"):
        Mask.of(np.ones((4, 4), np.bool_)).iou(Mask.of(np.ones((4, 5), np.bool_)))


def test_the_share_of_a_patch_is_the_mean_of_its_pixels() -> None:
    pixels = blobs(11, 48, 64)
    expected = pixels.reshape(6, 8, 8, 8).mean(axis=(1, 3))
    assert np.allclose(patch_shares(pixels, 6, 8), expected, atol=1e-6)


def test_patches_that_do_not_divide_the_frame_share_its_pixels_without_losing_any() -> None:
    pixels = blobs(12, 45, 67)
    shares = patch_shares(pixels, 7, 9)
    assert shares.dtype == np.float32
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.sum() * (45 * 67) / (7 * 9) == pytest.approx(pixels.sum(), rel=1e-5)
    finer = np.kron(pixels, np.ones((7, 9)))  # every pixel cut into so many that patches are whole
    assert np.allclose(shares, finer.reshape(7, 45, 9, 67).mean(axis=(1, 3)), atol=1e-5)
    assert patch_shares(np.ones((45, 67), np.bool_), 7, 9) == pytest.approx(1.0)
