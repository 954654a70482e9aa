"""Vectors made with gameplay-vision-llm: taken as they are, or refused with the reason."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gvlm_resources import schemas
from gvlm_resources.dataset.facts import Frame
from gvlm_resources.dataset.imports.peer import PeerError
from gvlm_resources.dataset.imports.peer_features import Features, at_frames, features_of
from gvlm_resources.timebase import NS_PER_S, moment_id

VIDEO = "arena-0123456789ab"
SIGLIP, VIDEOMAE, WAV2VEC2 = 1152, 768, 1024


def vector(dim: int, seed: int) -> torch.Tensor:
    return torch.randn(dim, generator=torch.Generator().manual_seed(seed))


def seen(second: float, seed: int = 0, **changes: Any) -> dict[str, Any]:
    return {"timestamp": second, "embedding": vector(SIGLIP, seed), "shape": [SIGLIP], **changes}


def clip(start: float, end: float, dim: int = VIDEOMAE, **changes: Any) -> dict[str, Any]:
    return {"start_time": start, "end_time": end, "embedding": vector(dim, round(start * 10)), **changes}


def content(**changes: Any) -> dict[str, Any]:
    return {
        "siglip": [seen(0.0, 1), seen(0.5, 2), seen(1.0, 3)],
        "videomae": [clip(0.0, 7.5, source_frame_count=16), clip(8.0, 15.5, source_frame_count=16)],
        "wav2vec2": [clip(0.0, 10.0, WAV2VEC2)],
        "hico": [],
        "visual_events": [{"timestamp": 9.0, "description": "an enemy", "bbox": [0, 0, 9, 9]}],
        "audio_transcripts": [{"start": 0.0, "end": 1.0, "text": "Oh God"}],
        **changes,
    }


def saved(folder: Path, data: Any) -> Path:
    file = folder / "fight_embeddings.pt"
    torch.save(data, file)
    return file


def loaded(folder: Path, data: Any, frames: tuple[Frame, ...] = ()) -> Features:
    return features_of(saved(folder, data), video_id=VIDEO, duration_ns=60 * NS_PER_S, frames=frames)


def frame(ns: int) -> Frame:
    return Frame(moment_id("f", ns), ns, 64, 48, False, False, False, None)


def test_each_list_becomes_a_table_in_our_schema_with_unit_vectors(tmp_path: Path) -> None:
    found = loaded(tmp_path, content())
    assert found.problems == ()
    assert (found.siglip.schema, found.videomae.schema, found.wav2vec2.schema) == (
        schemas.SIGLIP,
        schemas.VIDEOMAE,
        schemas.WAV2VEC2,
    )
    assert found.siglip.column("frame_id").to_pylist() == ["f000000000000", "f000000500000", "f000001000000"]
    assert found.videomae.column("clip_id").to_pylist() == ["c000000000000", "c000008000000"]
    assert found.wav2vec2.column("window_id").to_pylist() == ["w000000000000"]
    assert found.videomae.column("end_ns").to_pylist() == [7_500_000_000, 15_500_000_000]
    assert set(found.siglip.column("video_id").to_pylist()) == {VIDEO}
    given = vector(SIGLIP, 2).numpy()
    taken = np.array(found.siglip.column("vector").to_pylist()[1], np.float32)
    assert np.allclose(taken, given / np.linalg.norm(given), atol=1e-6)
    assert abs(np.linalg.norm(taken) - 1) < 1e-6


@pytest.mark.parametrize(
    "made",
    [
        lambda v: v.to(torch.bfloat16),
        lambda v: v.reshape(1, -1),
        lambda v: v.numpy(),
        lambda v: v.tolist(),
        lambda v: v.requires_grad_(),
    ],
    ids=["bfloat16", "row", "numpy", "list", "with gradient"],
)
def test_every_way_to_hold_numbers_is_read(made: Any, tmp_path: Path) -> None:
    found = loaded(tmp_path, content(siglip=[seen(np.float64(1.0), embedding=made(vector(SIGLIP, 1)))]))
    assert found.siglip.num_rows == 1
    given = vector(SIGLIP, 1).numpy()
    assert np.dot(found.siglip.column("vector").to_pylist()[0], given / np.linalg.norm(given)) > 0.999


def test_files_of_numpy_1_are_read(tmp_path: Path) -> None:
    file = saved(tmp_path, content(siglip=[seen(np.float64(1.0))]))
    old = file.with_name("old_embeddings.pt")
    _rewritten(file, old, b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert features_of(old, video_id=VIDEO, duration_ns=60 * NS_PER_S).siglip.num_rows == 1


def _rewritten(file: Path, target: Path, new: bytes, old: bytes) -> None:
    """The archive with the pickle's names of numpy 2 as numpy 1 had them."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as written:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("data.pkl"):
                assert new in data
                data = data.replace(new, old)
            written.writestr(item.filename, data)


class Runs:
    """What a file would have to hold to run a command when it is opened."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("in_archive", [True, False])
def test_a_file_that_runs_code_is_refused_and_runs_nothing(in_archive: bool, tmp_path: Path) -> None:
    sign = tmp_path / "was_run"
    file = tmp_path / "bad_embeddings.pt"
    data = content(extra=Runs(sign))
    if in_archive:
        torch.save(data, file)
    else:
        file.write_bytes(pickle.dumps({"siglip": [], "extra": Runs(sign)}, protocol=2))
    with pytest.raises(PeerError, match=r"posix\.system, which could run code|more than tensors") as caught:
        features_of(file, video_id=VIDEO, duration_ns=60 * NS_PER_S)
    assert not sign.exists()
    assert "weights_only" not in str(caught.value), "no advice to open it all the same"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken", b"\x80\x02."])
def test_what_is_no_such_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x_embeddings.pt"
    file.write_bytes(content)
    with pytest.raises(PeerError):
        features_of(file, video_id=VIDEO, duration_ns=60 * NS_PER_S)


@pytest.mark.parametrize("data", [[1], {"other": []}, {"siglip": 3}, torch.zeros(3)])
def test_a_file_without_the_lists_is_an_error_that_names_them(data: Any, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="none of the lists siglip, videomae, wav2vec2"):
        loaded(tmp_path, data)


@pytest.mark.parametrize(
    ("name", "entry", "problem"),
    [
        ("siglip", "x", "siglip[1]: is no dict"),
        ("siglip", seen("soon"), "siglip[1]: has no timestamp"),
        ("siglip", seen(float("nan")), "siglip[1]: has no timestamp"),
        ("siglip", seen(True), "siglip[1]: has no timestamp"),
        ("siglip", seen(-1.0), "siglip[1]: lies at -1 s"),
        ("siglip", seen(61.0), "siglip[1]: lies at 61 s, and the video ends at 60 s"),
        ("siglip", seen(9.0), "siglip[1]: is a region's at 9 s"),
        ("siglip", seen(5.0, embedding=None), "siglip[1]: has no numbers"),
        ("siglip", seen(5.0, embedding=torch.ones(7)), "siglip[1]: has 7 numbers"),
        ("siglip", seen(5.0, embedding=torch.zeros(SIGLIP)), "siglip[1]: is no direction"),
        ("siglip", seen(5.0, embedding=torch.full((SIGLIP,), torch.nan)), "siglip[1]: is no direction"),
        ("videomae", clip(9.0, 8.0), "videomae[1]: lies at 9 s to 8 s"),
        ("wav2vec2", {"start_time": 1.0, "embedding": torch.ones(WAV2VEC2)}, "wav2vec2[1]: has no start_time or end_"),
    ],
)
def test_a_vector_that_cannot_be_taken_is_named_and_costs_no_other(
    name: str, entry: Any, problem: str, tmp_path: Path
) -> None:
    data = content()
    first = data[name][0]
    found = loaded(tmp_path, {**data, name: [first, entry]})
    assert found.tables()[name].num_rows == 1
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)


def test_vectors_of_another_encoder_are_an_error(tmp_path: Path) -> None:
    wrong = [seen(0.0, embedding=torch.ones(768)), seen(1.0, embedding=torch.ones(768))]
    with pytest.raises(PeerError, match="768 numbers, and not 1152"):
        loaded(tmp_path, content(siglip=wrong))


def test_several_vectors_at_one_time_are_regions_and_none_is_the_frames(tmp_path: Path) -> None:
    found = loaded(tmp_path, content(siglip=[seen(1.0, 1), seen(1.0, 2), seen(2.0, 3)]))
    assert found.siglip.column("frame_id").to_pylist() == ["f000002000000"]
    assert found.problems == (
        "siglip at 1 s: 2 different vectors, of which none was taken: those of regions are not the frame's",
    )


def test_the_same_vector_twice_is_taken_once_and_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, content(siglip=[seen(1.0, 1), seen(1.0, 1)]))
    assert found.siglip.num_rows == 1
    assert found.problems == ("siglip at 1 s: 2 times the same vector, taken once",)


def test_a_last_clip_of_one_frame_has_a_length_and_no_window_outlasts_the_video(tmp_path: Path) -> None:
    data = content(videomae=[clip(59.0, 59.0), clip(59.95, 59.95)], wav2vec2=[clip(55.0, 65.0, WAV2VEC2)])
    found = loaded(tmp_path, data)
    assert found.videomae.column("end_ns").to_pylist() == [59_100_000_000, 60_000_000_000]
    assert found.wav2vec2.column("end_ns").to_pylist() == [60_000_000_000]


def test_rows_are_in_the_order_of_time_whatever_the_file_has(tmp_path: Path) -> None:
    found = loaded(tmp_path, content(siglip=[seen(2.0, 1), seen(0.0, 2), seen(1.0, 3)]))
    assert found.siglip.column("pts_ns").to_pylist() == [0, NS_PER_S, 2 * NS_PER_S]


def test_a_legacy_encoder_is_named_and_left_out(tmp_path: Path) -> None:
    found = loaded(tmp_path, content(hico=[clip(0.0, 1.0, 1408)]))
    assert found.problems == ("hico: 1 vectors of a legacy encoder, for which there is no table here",)


def test_a_file_of_which_nothing_can_be_taken_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"siglip\[0\]: lies at 90 s"):
        loaded(tmp_path, {"siglip": [seen(90.0)]})


def test_frames_near_to_sampled_ones_get_their_ids_and_others_keep_their_own(tmp_path: Path) -> None:
    sampled = tuple(frame(number * NS_PER_S) for number in range(4))  # an interval of one second
    found = loaded(tmp_path, content(siglip=[seen(0.02, 1), seen(1.4, 2), seen(3.6, 3)]), sampled)
    assert found.siglip.column("frame_id").to_pylist() == ["f000000000000", "f000001000000", "f000003600000"]
    assert found.siglip.column("pts_ns").to_pylist() == [0, NS_PER_S, 3_600_000_000]


def test_of_two_rows_near_to_one_frame_the_nearer_gets_its_id(tmp_path: Path) -> None:
    sampled = tuple(frame(number * NS_PER_S) for number in range(4))
    found = loaded(tmp_path, content(siglip=[seen(0.9, 1), seen(1.05, 2)]), sampled)
    assert found.siglip.column("frame_id").to_pylist() == ["f000000900000", "f000001000000"]
    given = vector(SIGLIP, 2).numpy()
    assert np.dot(found.siglip.column("vector").to_pylist()[1], given / np.linalg.norm(given)) > 0.999


def test_without_two_sampled_frames_there_is_no_interval_and_nothing_moves(tmp_path: Path) -> None:
    table = loaded(tmp_path, content()).siglip
    assert at_frames(table, [frame(10)]) is table
