"""Packet headers, and the index that is read from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gvlm_resources.video import bitstream
from gvlm_resources.video.index import scan
from tests.video.conftest import FilmMaker
from tests.video.films import cfr, with_options

ANNEX_B = b"\0\0\0\1"
OPEN = with_options(**{"x264-params": "open-gop=1:keyint=24:bframes=3:b-pyramid=normal:scenecut=0"})
REFRESH = with_options(**{"x264-params": "intra-refresh=1:keyint=24:bframes=0:scenecut=0"})


def h264(payload: bytes, *, key: bool = False, extradata: bytes = b"") -> bitstream.Traits:
    return bitstream.reader("h264", extradata)(memoryview(payload), key)


def test_a_slice_that_nothing_refers_to_makes_its_picture_disposable() -> None:
    assert h264(ANNEX_B + b"\x01\xaa").disposable
    assert not h264(ANNEX_B + b"\x41\xaa").disposable
    assert not h264(ANNEX_B + b"\x09\x10").disposable, "a packet without a slice is kept"


def test_length_prefixes_are_read_by_the_size_that_the_stream_declares() -> None:
    avcc = b"\x01\x64\x00\x0b\xff\xe1\x00\x00"
    sei, spare = b"\x06\x05\x01\x00", b"\x01\xaa\xbb"
    payload = len(sei).to_bytes(4, "big") + sei + len(spare).to_bytes(4, "big") + spare
    assert h264(payload, extradata=avcc).disposable


def test_decoding_starts_at_an_idr_or_where_recovery_is_immediate() -> None:
    recovery_at_once, recovery_later = b"\x06\x06\x01\xc0\x80", b"\x06\x06\x01\x30\x80"
    assert h264(ANNEX_B + b"\x65\x88", key=True).starts
    assert not h264(ANNEX_B + b"\x65\x88", key=False).starts
    assert h264(ANNEX_B + recovery_at_once + ANNEX_B + b"\x41\x88", key=True).starts
    assert not h264(ANNEX_B + recovery_later + ANNEX_B + b"\x41\x88", key=True).starts
    assert not h264(ANNEX_B + b"\x41\x88", key=True).starts


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "av1"])
@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"\0\0\1", b"\xff" * 40, ANNEX_B, ANNEX_B + b"\x06\xff\xff", b"\0\0\0\x7f\x65"]
)
def test_no_payload_is_too_broken_to_be_looked_at(codec: str, payload: bytes) -> None:
    for extradata in (b"", b"\x01" + b"\xff" * 30):
        bitstream.reader(codec, extradata)(memoryview(payload), True)


def test_an_invisible_vp8_frame_is_hidden() -> None:
    read = bitstream.reader("vp8", b"")
    assert not read(memoryview(b"\x10\x00"), True).hidden
    assert read(memoryview(b"\x00\x00"), False).hidden


def test_a_hevc_picture_tells_its_layer_and_whether_it_can_lead() -> None:
    read = bitstream.reader("hevc", b"")
    assert read(memoryview(ANNEX_B + bytes([19 << 1, 1])), True).starts
    assert read(memoryview(ANNEX_B + bytes([0 << 1, 3])), False) == bitstream.Traits(False, True, 2)
    assert not read(memoryview(ANNEX_B + bytes([1 << 1, 1])), False).disposable
    assert not read(memoryview(ANNEX_B + bytes([6 << 1, 1])), False).needs_before
    assert read(memoryview(ANNEX_B + bytes([8 << 1, 1])), False).needs_before


def test_open_groups_are_seen_in_every_container(film: FilmMaker) -> None:
    for name in ("open.mp4", "open.mkv", "open.ts"):
        index = scan(film(name, cfr(120, options=OPEN))).packets
        assert len(index.keys) == 5
        assert index.leading.sum() == 12
        assert np.all(index.segment[index.leading] == index.gop[index.leading] - 1)
        assert index.displayed.all()


def test_frames_that_refresh_bit_by_bit_are_no_starting_points(film: FilmMaker) -> None:
    path = film("refresh.mkv", cfr(100, options=REFRESH))
    with av.open(str(path)) as container:
        flagged = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    assert flagged > 1, "the container calls them key frames"
    assert len(scan(path).packets.keys) == 1


def test_a_stream_cut_before_its_first_key_frame_shows_nothing_of_that(film: FilmMaker, tmp_path: Path) -> None:
    whole = film("gop.ts", replace(cfr(120), options=with_options(g="30")))
    content = whole.read_bytes()
    packet = 188
    late = tmp_path / "late.ts"
    late.write_bytes(content[: 3 * packet] + content[len(content) // 3 // packet * packet :])
    index = scan(late).packets
    assert index.gop[0] == -1
    assert not index.displayed[index.gop < 0].any()
    assert index.displayed[index.keys].all()
