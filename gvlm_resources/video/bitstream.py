"""What the headers of one compressed packet say, without decoding it (pure).

Two questions decide which packets a decoder may be spared: can decoding start here, and does any other picture depend
on this one. Containers answer both badly (MP4's `sdtp` is optional, an intra-refresh stream marks frames as key frames
that are no starting points), so they are read from the NAL unit headers: H.264 (ITU-T H.264, 7.3.1 and table 7-1),
HEVC (ITU-T H.265, 7.3.1.2 and table 7-1), VP8 (RFC 6386, 9.1). For other codecs the container's word is taken and
every picture counts as depended upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

H264_IDR = 5
H264_SLICES = frozenset({1, 2, 3, 4, 5})
H264_SEI = 6
SEI_RECOVERY_POINT = 6
HEVC_RADL = frozenset({6, 7})
HEVC_RASL = frozenset({8, 9})
HEVC_IRAP = range(16, 24)
HEVC_LAST_SLICE = 31


@dataclass(frozen=True, slots=True)
class Traits:
    """What one packet is.

    `starts`: a decoder that begins here gives exact pictures from here on. `disposable`: no other picture of its layer
    or below depends on it; `layer` is its temporal layer. `hidden`: it is decoded and never shown. `needs_before`: it
    is undecodable where decoding starts at the key frame before it.
    """

    starts: bool
    disposable: bool = False
    layer: int = 0
    hidden: bool = False
    needs_before: bool = True


Reader = Callable[[memoryview, bool], Traits]


def reader(codec: str, extradata: bytes) -> Reader:
    """The function `(payload, container's key flag) -> Traits` for a stream of `codec` with that `extradata`."""
    if codec == "h264":
        length = (extradata[4] & 3) + 1 if len(extradata) > 6 and extradata[0] == 1 else 0
        return lambda payload, key: _h264(payload, key, length)
    if codec == "hevc":
        length = (extradata[21] & 3) + 1 if len(extradata) > 22 and extradata[0] == 1 else 0
        return lambda payload, key: _hevc(payload, key, length)
    if codec == "vp8":
        return lambda payload, key: Traits(starts=key, hidden=len(payload) > 0 and not payload[0] >> 4 & 1)
    return lambda _, key: _TRAITS[key, False]


# Made once, since there is a lookup for each packet of a file.
_TRAITS = {(starts, spare): Traits(starts, spare) for starts in (False, True) for spare in (False, True)}


def _h264(payload: memoryview, key: bool, length_bytes: int) -> Traits:
    idr = recovery = referenced = sliced = False
    for start, stop in nal_units(payload, length_bytes):
        kind = payload[start] & 31
        if kind in H264_SLICES:
            sliced = True
            idr = idr or kind == H264_IDR
            referenced = referenced or payload[start] >> 5 & 3 != 0
            if not key:
                break  # the slices of one picture agree on nal_ref_idc being zero (7.4.1)
        elif key and kind == H264_SEI:
            recovery = recovery or _recovers_at_once(payload[start + 1 : stop])
    return _TRAITS[key and (idr or recovery), sliced and not referenced]


def _hevc(payload: memoryview, key: bool, length_bytes: int) -> Traits:
    for start, _ in nal_units(payload, length_bytes):
        kind = payload[start] >> 1 & 63
        if kind > HEVC_LAST_SLICE:
            continue
        layer = max(0, (payload[start + 1] & 7) - 1) if start + 1 < len(payload) else 0
        return Traits(
            starts=key and kind in HEVC_IRAP,
            disposable=kind < HEVC_IRAP.start and kind % 2 == 0,
            layer=layer,
            needs_before=kind not in HEVC_RADL,
        )
    return Traits(starts=False)


def nal_units(payload: memoryview, length_bytes: int) -> Iterator[tuple[int, int]]:
    """`(start, stop)` of each NAL unit: length-prefixed, or in Annex B byte stream where `length_bytes` is 0."""
    return _prefixed(payload, length_bytes) if length_bytes else _byte_stream(payload)


def _prefixed(payload: memoryview, length_bytes: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at + length_bytes < len(payload):
        size = int.from_bytes(payload[at : at + length_bytes], "big")
        start = at + length_bytes
        at = start + size
        if size:
            yield start, min(at, len(payload))


def _byte_stream(payload: memoryview) -> Iterator[tuple[int, int]]:
    content = bytes(payload)
    at = content.find(b"\0\0\1")
    while at >= 0 and at + 3 < len(content):
        following = content.find(b"\0\0\1", at + 3)
        yield at + 3, following if following >= 0 else len(content)
        at = following


def _recovers_at_once(sei: memoryview) -> bool:
    """Whether an SEI NAL unit holds a recovery point with recovery_frame_cnt 0 (D.1.8): exact from this picture on."""
    at = 0
    while at + 2 <= len(sei):
        kind, at = _sei_number(sei, at)
        size, at = _sei_number(sei, at)
        if kind == SEI_RECOVERY_POINT and at < len(sei):
            return sei[at] >> 7 == 1  # ue(v) of 0 is the single bit 1
        at += size
    return False


def _sei_number(sei: memoryview, at: int) -> tuple[int, int]:
    value = 0
    while at < len(sei) and sei[at] == 255:
        value += 255
        at += 1
    return (value + sei[at], at + 1) if at < len(sei) else (value, at)
