"""Small films whose frames say which they are: the number of a frame stands in its pixels and survives coding.

The upper half holds sixteen light or dark blocks, the number's bits. The lower half moves, so that encoders use all
their kinds of pictures. The oracle decodes everything from the start, in the plainest way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from gvlm_resources.video import encode

WIDTH, HEIGHT = 192, 128
BITS = 16
COLUMNS = 8
BLOCK_W, BLOCK_H = WIDTH // COLUMNS, HEIGHT // 4
LIGHT, DARK = 210, 45
NS = 1_000_000_000

H264 = {"preset": "veryfast", "crf": "20", "threads": "1", "bf": "3", "b_strategy": "0", "g": "48"}


def picture(number: int, *, scene: int = 0) -> NDArray[np.uint8]:
    """The RGB frame of that number; another `scene` has another background and paler blocks."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = 60 * np.sin((x + 3 * number) / 9 + scene) + 40 * np.cos((y - 2 * number) / (7 + scene))
    image = np.stack([128 + waves, 128 - waves / 2, 90 + waves + 30 * scene], axis=-1).clip(0, 255)
    if scene:
        image = np.where((x < WIDTH / 2)[..., None], 255 - 0.2 * image, 0.2 * image)
    pale = 60 if scene else 0
    bits = np.array([number >> bit & 1 for bit in range(BITS)]).reshape(BITS // COLUMNS, COLUMNS)
    blocks = np.where(bits, LIGHT - pale, DARK + pale)
    image[: HEIGHT // 2] = np.kron(blocks, np.ones((BLOCK_H, BLOCK_W)))[..., None]
    return image.astype(np.uint8)


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that an RGB frame says, of whatever size."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, COLUMNS)
        y, x = round((row + 0.5) * height / 4), round((column + 0.5) * width / COLUMNS)
        number |= int(image[y - 2 : y + 3, x - 2 : x + 3].mean() > (LIGHT + DARK) / 2) << bit
    return number


@dataclass(frozen=True)
class Sound:
    """A 440 Hz tone from `start_s` on; `gaps` are spans in seconds in which there is none."""

    seconds: float
    rate_hz: int = 48_000
    start_s: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()
    codec: str = "aac"


@dataclass(frozen=True)
class Film:
    """How a film is made. `ticks` are the frames' times in units of `time_base`."""

    ticks: Sequence[int]
    time_base: Fraction = Fraction(1, 30)
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = tuple(H264.items())
    pix_fmt: str = "yuv420p"
    container: str | None = None
    muxing: tuple[tuple[str, str], ...] = ()
    sound: Sound | None = None
    rotation_deg: int = 0
    pixel_aspect: Fraction | None = None
    cuts: tuple[int, ...] = ()  # frame numbers at which another scene begins
    colours: tuple[int, int] | None = None  # colour space and range of the frames


def cfr(count: int, **changes: object) -> Film:
    """`count` frames at 30 a second."""
    return Film(ticks=range(count), **changes)


def with_options(**changes: str) -> tuple[tuple[str, str], ...]:
    """The usual options of x264 with some changed."""
    return tuple((H264 | changes).items())


def make(path: Path, film: Film) -> Path:
    """Write the film. Frame i has the number i and the time ticks[i]."""
    with av.open(str(path), "w", format=film.container, options=dict(film.muxing)) as output:
        video = output.add_stream(film.codec, rate=Fraction(1) / film.time_base, options=dict(film.options))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, film.pix_fmt
        video.codec_context.time_base = video.time_base = film.time_base
        if film.pixel_aspect is not None:
            video.codec_context.sample_aspect_ratio = film.pixel_aspect
        if film.rotation_deg:
            video.set_display_rotation(film.rotation_deg)
        audio = _sound_stream(output, film.sound)
        packets = [*_pictures(video, film), *(_sounds(audio, film.sound) if audio is not None else ())]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _pictures(video: av.VideoStream, film: Film) -> Iterable[av.Packet]:
    for number, tick in enumerate(film.ticks):
        scene = sum(number >= cut for cut in film.cuts)
        frame = av.VideoFrame.from_ndarray(picture(number, scene=scene), format="rgb24")
        if film.colours is not None:
            space, span = film.colours
            frame = frame.reformat(format=film.pix_fmt, dst_colorspace=space, dst_color_range=span)
        frame.pts, frame.time_base = tick, film.time_base
        if number in film.cuts:
            frame.pict_type = av.video.frame.PictureType.I  # as encoders do that see the cut
        yield from video.encode(frame)
    yield from video.encode(None)


def _sound_stream(output: av.container.OutputContainer, sound: Sound | None) -> av.AudioStream | None:
    return output.add_stream(sound.codec, rate=sound.rate_hz, layout="mono") if sound is not None else None


def _sounds(audio: av.AudioStream, sound: Sound) -> Iterable[av.Packet]:
    size = audio.codec_context.frame_size or 1024
    total = round(sound.seconds * sound.rate_hz)
    fmt = audio.codec_context.format.name
    for at in range(0, total, size):
        times = sound.start_s + (at + np.arange(min(size, total - at))) / sound.rate_hz
        if any(start <= times[0] < stop for start, stop in sound.gaps):
            continue
        wave = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
        samples = wave if fmt.startswith("flt") else (wave * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format=fmt, layout="mono")
        frame.sample_rate = sound.rate_hz
        frame.pts, frame.time_base = round(sound.start_s * sound.rate_hz) + at, Fraction(1, sound.rate_hz)
        yield from audio.encode(frame)
    yield from audio.encode(None)


@dataclass(frozen=True)
class Shown:
    """One frame as the oracle saw it: its time on the stream's clock, and the JPEG that it makes."""

    source_pts: int
    time_s: Fraction
    number: int
    jpeg: bytes


def shown(path: Path, *, quality: int = 90) -> list[Shown]:
    """Every frame that a player shows, in order: the whole file decoded from its start."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        if stream.codec_context.name == "h264":
            stream.codec_context.options = {"strict": "1"}  # no guessing of the reordering depth, which drops frames
        for frame in container.decode(stream):
            bgr = frame.reformat(format="bgr24", threads=1).to_ndarray()
            number = number_in(bgr)
            frames.append(Shown(frame.pts, frame.pts * stream.time_base, number, encode.jpeg(bgr, quality)))
    return frames


def damaged(path: Path, target: Path, positions: Sequence[int], *, keep_bytes: int = 8) -> Path:
    """A copy of an MP4 in which the payload of the video packets at `positions` is zero after `keep_bytes`."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        for position in positions:
            start, size = packets[position].pos, packets[position].size
            content[start + keep_bytes : start + size] = bytes(size - keep_bytes)
    target.write_bytes(content)
    return target


def looped(path: Path, target: Path, times: int) -> Path:
    """The packets of a film over and over, one turn after the other with half a second between."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        packets = [packet for packet in source.demux() if packet.size]
        copies = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
        turn_s = Fraction(source.duration, 1_000_000) + Fraction(1, 2)
        own = [(packet.stream_index, packet.pts, packet.dts, packet.time_base) for packet in packets]
        for turn in range(times):
            for packet, (number, pts, dts, time_base) in zip(packets, own, strict=True):
                packet.stream, packet.time_base = copies[number], time_base
                later = turn * round(turn_s / time_base)
                packet.pts, packet.dts = pts + later, dts + later
                output.mux(packet)
    return target


def cut_without_encoding(path: Path, target: Path, first_s: float) -> Path:
    """A copy of an MP4 that starts at `first_s`: packets from the key frame before, hidden by an edit list."""
    with av.open(str(path)) as source, av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        offset = round(Fraction(first_s) / stream.time_base)
        source.seek(offset, stream=stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, copy
                output.mux(packet)
    return target


def without_reordering_depth(path: Path) -> Path:
    """The MP4 at `path` rewritten in place so that its H.264 does not say how far pictures are reordered.

    Hardware encoders often leave that out. The SPS is cut before its VUI (ITU-T H.264, 7.3.2.1.1) and filled up with
    zeros, which end a NAL unit by rights.
    """
    content = bytearray(path.read_bytes())
    at = content.index(b"avcC") + 4
    length = int.from_bytes(content[at + 6 : at + 8], "big")
    start = at + 8
    sps = bytes(content[start : start + length])
    bits = "".join(f"{byte:08b}" for byte in sps.replace(b"\0\0\3", b"\0\0"))
    where = _before_vui(bits, high_profile=sps[1] >= 100)
    short = bits[:where] + "0" + "1"
    short += "0" * (-len(short) % 8)
    packed = bytes(int(short[i : i + 8], 2) for i in range(0, len(short), 8))
    assert b"\0\0" not in packed, "it would need escaping"
    content[start : start + length] = packed + bytes(length - len(packed))
    path.write_bytes(content)
    return path


def _before_vui(bits: str, *, high_profile: bool) -> int:
    """Where vui_parameters_present_flag stands in the bits of an SPS."""
    at = 8 * 4

    def golomb() -> int:
        nonlocal at
        zeros = bits.index("1", at) - at
        value = int(bits[at + zeros : at + 2 * zeros + 1], 2) - 1
        at += 2 * zeros + 1
        return value

    golomb()  # seq_parameter_set_id
    if high_profile:
        golomb(), golomb(), golomb()  # chroma format, bit depths
        at += 1
        assert bits[at] == "0", "scaling matrices"
        at += 1
    golomb()  # log2_max_frame_num
    assert golomb() == 0, "pic_order_cnt_type"
    golomb(), golomb()  # log2_max_pic_order_cnt_lsb, max_num_ref_frames
    at += 1
    golomb(), golomb()  # width, height
    at += 1 if bits[at] == "1" else 2  # frame_mbs_only
    at += 1  # direct_8x8_inference
    cropped = bits[at] == "1"
    at += 1
    if cropped:
        golomb(), golomb(), golomb(), golomb()
    return at
