"""One vector a tracked thing: which patches are pooled, which frames are looked at, which rows there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import entities, regions, siglip
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import LakeError
from gvlm_resources.settings import ComputeSettings, RegionSettings, SiglipSettings
from gvlm_resources.video.tables import TableWriter
from tests.encoders import tiny_siglip
from tests.encoders.test_entities import CHANNELS, SETTINGS, Colours, film, row, shot, walk

COMPUTE = ComputeSettings(device="cpu", frame_batch=3, entity_batch=1, decode_threads=2, queue_batches=2)


class PatchColours:
    """Patches of 8 pixels; a region's vector is the mean colour of its patches, by their shares."""

    identity = Identity("fake@1", "none", "float32", "cpu", "sdpa", 3)

    def __init__(self) -> None:
        self.frames = 0

    def grid(self, height: int, width: int) -> tuple[int, int]:
        return height // 8, width // 8

    def encode_regions(
        self, frames: NDArray[np.uint8], weights: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        self.frames += len(frames)
        vectors = []
        for frame, shares in zip(frames, weights, strict=True):
            assert (shares.reshape(len(shares), -1).max(axis=1) > 0).all()
            rows, columns = self.grid(*frame.shape[:2])
            patches = frame.reshape(rows, 8, columns, 8, 3).mean(axis=(1, 3))
            sums = np.einsum("rhw,hwc->rc", shares, patches) + 1e-3
            vectors.append((sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32))
        return vectors


def embedded(
    tmp_path: Path,
    frames: Sequence[dict[str, Any]],
    *,
    encoder: Any = None,
    least: float = 0.25,
    spoil: Any = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of entities and of regions of a film."""
    path, found, out = film(tmp_path / "f.parquet", frames), tmp_path / "entities.parquet", tmp_path / "r.parquet"
    entities.track_video(
        path, Colours(), SETTINGS, COMPUTE, tuple(CHANNELS), video_id="v", out=found, report=lambda _: None
    )
    if spoil is not None:
        rows = [spoil(dict(one)) for one in pq.read_table(found).to_pylist()]
        with TableWriter(found, schemas.ENTITIES) as writer:
            for one in rows:
                writer.add(one)
    regions.embed_regions(
        path,
        found,
        encoder or PatchColours(),
        RegionSettings(min_patches=least),
        COMPUTE,
        video_id="v",
        out=out,
        report=lambda _: None,
    )
    return pq.read_table(found).to_pylist(), pq.read_table(out).to_pylist()


def test_a_region_is_pooled_from_the_patches_under_its_mask_alone(tmp_path: Path) -> None:
    found, rows = embedded(tmp_path, [row(k, shot(walk(k))) for k in range(8)])
    assert len(rows) == 16
    for entity, one in zip(found, rows, strict=True):
        assert (one["entity_id"], one["track_id"], one["frame_id"], one["concept"]) == (
            entity["entity_id"],
            entity["track_id"],
            entity["frame_id"],
            entity["concept"],
        )
        assert one["region_id"] == "r" + entity["entity_id"][1:]
        assert one["status"] == "ok"
        assert one["patches"] == pytest.approx(16 * 16 / 64, rel=0.15)
        assert int(np.argmax(one["vector"])) == CHANNELS[one["concept"]]
        assert max(one["vector"]) > 0.95
    assert pq.read_schema(tmp_path / "r.parquet").equals(schemas.with_dim(schemas.REGIONS, 3))


def test_a_region_that_covers_too_little_has_no_vector_and_says_so(tmp_path: Path) -> None:
    frame = shot([("red thing", 10, 10)])
    frame[40:44, 40:42, CHANNELS["green thing"]] = 255  # an eighth of a patch
    encoder = PatchColours()
    _, rows = embedded(tmp_path, [row(0, frame)], encoder=encoder)
    assert [(one["concept"], one["status"], one["reason"]) for one in rows] == [
        ("red thing", "ok", ""),
        ("green thing", "filtered", "too_small"),
    ]
    assert rows[1]["vector"] is None
    assert 0 < rows[1]["patches"] < 0.25
    assert encoder.frames == 1


def test_frames_without_large_enough_things_are_not_looked_at(tmp_path: Path) -> None:
    speck = np.zeros((72, 96, 3), np.uint8)
    speck[4:7, 4:7, 0] = 255
    frames = [shot([]), shot(walk(0)), shot([]), speck, shot(walk(1)), shot([])]
    encoder = PatchColours()
    _, rows = embedded(tmp_path, [row(k, pixels) for k, pixels in enumerate(frames)], encoder=encoder)
    assert encoder.frames == 2
    assert [one["status"] for one in rows] == ["ok", "ok", "filtered", "ok", "ok"]


def test_every_entity_that_is_ok_has_one_row_and_no_other_has(tmp_path: Path) -> None:
    frames = [row(k, shot(walk(k))) for k in range(5)]
    frames[2] |= {"image": b"", "status": "failed", "reason": "decode_error"}
    found, rows = embedded(tmp_path, frames)
    assert [one["entity_id"] for one in rows] == [one["entity_id"] for one in found if one["status"] == "ok"]
    assert len(rows) == 8


def test_a_video_without_entities_has_no_regions(tmp_path: Path) -> None:
    assert embedded(tmp_path, [row(k, shot([])) for k in range(3)])[1] == []
    assert embedded(tmp_path, [])[1] == []


def test_numbers_that_are_none_fail_their_region(tmp_path: Path) -> None:
    class Broken(PatchColours):
        def encode_regions(
            self, frames: NDArray[np.uint8], weights: Sequence[NDArray[np.float32]]
        ) -> list[NDArray[np.float32]]:
            vectors = super().encode_regions(frames, weights)
            vectors[0][0] = np.nan
            return vectors

    _, rows = embedded(tmp_path, [row(0, shot(walk(0)))], encoder=Broken())
    assert [(one["status"], one["vector"] is None) for one in rows] == [("failed", True), ("ok", False)]


def test_a_mask_of_another_size_fails_its_frame_alone(tmp_path: Path) -> None:
    def spoil(one: dict[str, Any]) -> dict[str, Any]:
        return one | ({"width": 95} if one["pts_ns"] == 0 else {})

    _, rows = embedded(tmp_path, [row(k, shot(walk(k))) for k in range(2)], spoil=spoil)
    assert [one["status"] for one in rows] == ["failed", "failed", "ok", "ok"]
    assert "masks of 95x72 on a picture of 96x72" in rows[0]["reason"]


def test_entities_of_another_video_are_refused(tmp_path: Path) -> None:
    def spoil(one: dict[str, Any]) -> dict[str, Any]:
        return one | {"frame_id": "f999999999999"}

    with pytest.raises(LakeError, match="f999999999999"):
        embedded(tmp_path, [row(0, shot(walk(0)))], spoil=spoil)


@pytest.mark.parametrize("kind", ["fixed", "naflex"])
def test_siglip_gives_each_region_a_vector_of_its_own(tmp_path: Path, kind: Any) -> None:
    folder = tiny_siglip.save(tmp_path / "siglip", kind)
    settings = SiglipSettings(model=str(folder))
    encoder = siglip.load(Checkpoint("tiny@0", folder), Placement("cpu", "float32", "sdpa"), settings)
    _, rows = embedded(tmp_path, [row(k, shot(walk(k))) for k in range(3)], encoder=encoder)
    vectors = np.array([one["vector"] for one in rows])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert pq.read_schema(tmp_path / "r.parquet").metadata[b"gvlm.model"] == b"tiny@0"
