"""One frame a second of a 720p30 H.264 video, exactly: this project beside the usual ways, in one run.

    python benchmarks/sampling.py [--quick] [--source VIDEO ...] [--threads N] [--minutes M] [--rounds R]

Every way gives a JPEG (quality 90, 1280 x 720) of the frame on screen at each whole second; this project's writes its
Parquet table with all marks besides. Each way runs in a process of its own, the ways take turns, each is given the same
number of threads, and imports are not timed. A frame counts as exact if it is the one that decoding everything gives.
Then: the peak memory for one minute and for `--minutes` minutes of video, and the cost of cutting out a HUD at 35 Hz.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = 1.4
FLAT_MB = 30
HUD_TARGET = 1.25
WIDTH, HEIGHT, RATE = 1280, 720, 30
SIGNATURE = (64, 36)
OURS = "gvlm, planned"
PEERS = ["cv2 grab / retrieve", "PyAV, decode all", "ffmpeg fps=1:round=up"]
OTHERS = ["ffmpeg fps=1"]


# --- the ways: each runs in a child process, and returns JPEGs in the order of time ----------------------------------


def ours(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    from gvlm_resources import settings
    from gvlm_resources.video import decode
    from gvlm_resources.video.probe import Probe
    from gvlm_resources.video.tables import iter_frames

    profile = settings.load("cpu")
    table = folder / "frames.parquet"
    probe = Probe.from_json((path.parent / f"{path.stem}.probe.json").read_text())
    outputs = decode.Outputs(frames=table)
    decode.sample(path, probe, video_id="v", settings=profile, hud_regions=(), outputs=outputs, threads=threads)
    _stop_the_clock()
    images: list[bytes] = []
    if not seconds:
        return images
    for batch in iter_frames(table, columns=["image", "sampled_by"]):
        images += [row["image"] for row in batch.to_pylist() if row["sampled_by"] == "rate"]
    return images


def by_cv2(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    images = []
    for number in range(seconds * RATE):
        if not capture.grab():
            break
        if number % RATE == 0:
            images.append(_jpeg(capture.retrieve()[1]))
    _stop_the_clock()
    return images


def by_pyav(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    import av

    images = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for number, frame in enumerate(container.decode(stream)):
            if number % RATE == 0:
                images.append(_jpeg(frame.reformat(format="bgr24", threads=threads).to_ndarray()))
    _stop_the_clock()
    return images


def by_ffmpeg(path: Path, seconds: int, threads: int, folder: Path, *, rounding: str = ":round=up") -> list[bytes]:
    command = ["ffmpeg", "-v", "error", "-threads", str(threads), "-i", str(path), "-an", "-vf", f"fps=1{rounding}"]
    subprocess.run([*command, "-q:v", "3", str(folder / "%05d.jpg")], check=True)
    _stop_the_clock()
    return [file.read_bytes() for file in sorted(folder.glob("*.jpg"))]


def by_ffmpeg_default(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    return by_ffmpeg(path, seconds, threads, folder, rounding="")


def hud_cut(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    from gvlm_resources import settings
    from gvlm_resources.game import HudRegion
    from gvlm_resources.video import decode
    from gvlm_resources.video.probe import Probe

    regions = tuple(
        HudRegion(name=name, box=(left, 0.85, left + 0.14, 0.94), kind="number")
        for name, left in (("ammo", 0.0), ("health", 0.14), ("armor", 0.55))
    )
    probe = Probe.from_json((path.parent / f"{path.stem}.probe.json").read_text())
    outputs = decode.Outputs(hud_crops=folder / "hud.parquet")
    profile = settings.load("cpu")
    decode.sample(path, probe, video_id="v", settings=profile, hud_regions=regions, outputs=outputs, threads=threads)
    _stop_the_clock()
    return []


def decode_only(path: Path, seconds: int, threads: int, folder: Path) -> list[bytes]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for _ in container.decode(stream):
            pass
    _stop_the_clock()
    return []


WAYS: dict[str, Callable[[Path, int, int, Path], list[bytes]]] = {
    OURS: ours,
    "cv2 grab / retrieve": by_cv2,
    "PyAV, decode all": by_pyav,
    "ffmpeg fps=1:round=up": by_ffmpeg,
    "ffmpeg fps=1": by_ffmpeg_default,
    "HUD at 35 Hz": hud_cut,
    "decode and show nothing": decode_only,
}

_clock: dict[str, float] = {}


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _stop_the_clock() -> None:
    _clock["wall_s"] = time.perf_counter() - _clock["wall_start"]
    _clock["cpu_s"] = _cpu_s() - _clock["cpu_start"]


def _jpeg(bgr: object) -> bytes:
    import cv2

    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def child(way: str, path: Path, seconds: int, threads: int) -> None:
    """Run one way, and print what it took and what its frames look like, as JSON."""
    import av  # noqa: F401  (imports are not timed)
    import cv2

    from gvlm_resources.video import decode  # noqa: F401

    cv2.setNumThreads(threads)
    with tempfile.TemporaryDirectory() as folder:
        _clock.update(wall_start=time.perf_counter(), cpu_start=_cpu_s())
        images = WAYS[way](path, seconds, threads, Path(folder))
        status = Path("/proc/self/status").read_text().splitlines()
        peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    signatures = [_signature(image) for image in images] if seconds else []
    print(
        json.dumps({"wall_s": _clock["wall_s"], "cpu_s": _clock["cpu_s"], "peak_mb": peak / 1024, "frames": signatures})
    )


def _signature(jpeg: bytes) -> list[int]:
    import cv2
    import numpy as np

    gray = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(gray, SIGNATURE, interpolation=cv2.INTER_AREA).ravel().tolist()


# --- the videos -------------------------------------------------------------------------------------------------------


def make_video(path: Path, sources: list[Path], seconds: int) -> None:
    """720p30, x264 as it comes (medium, crf 23, a key frame every 250 frames, B-frames), of real or made-up content."""
    import av

    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in enumerate(_played(sources, seconds * RATE) if sources else _made_up()):
            if number == seconds * RATE:
                break
            frame = frame.reformat(WIDTH, HEIGHT, "yuv420p")
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, RATE), 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _played(sources: list[Path], frames: int):
    """As many frames of each of the recordings, one recording after the other, each from its start and over again."""
    import av

    for source in sources:
        left = -(-frames // len(sources))
        while left:
            with av.open(str(source)) as container:
                container.streams.video[0].thread_type = "AUTO"
                for frame in container.decode(video=0):
                    yield frame
                    left -= 1
                    if not left:
                        break


def _made_up():
    """A textured world that a camera pans over, with things that move and grain."""
    import av
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    world = cv2.GaussianBlur(rng.integers(0, 256, (1440, 2560, 3)).astype(np.uint8), (0, 0), 3)
    world = cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX)
    number = 0
    while True:
        x = int(640 + 600 * np.sin(number / 90))
        y = int(360 + 340 * np.sin(number / 130))
        image = world[y : y + 720, x : x + 1280].copy()
        for thing in range(6):
            at = (int(640 + 500 * np.sin(number / 40 + thing)), int(360 + 250 * np.cos(number / (25 + thing))))
            cv2.circle(image, at, 40 + 8 * thing, (40 * thing, 255 - 40 * thing, 128), -1)
        grain = rng.integers(-6, 7, image.shape[:2])[..., None]
        yield av.VideoFrame.from_ndarray((image + grain).clip(0, 255).astype(np.uint8), format="bgr24")
        number += 1


def loop_video(path: Path, target: Path, times: int) -> None:
    """The packets of a video over and over, without encoding."""
    import av

    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        own = [(packet.pts, packet.dts, packet.time_base) for packet in packets]
        for turn in range(times):
            for packet, (pts, dts, time_base) in zip(packets, own, strict=True):
                packet.stream, packet.time_base = copy, time_base
                packet.pts, packet.dts = pts + turn * stream.duration, dts + turn * stream.duration
                output.mux(packet)


def write_probe(path: Path) -> float:
    from gvlm_resources.settings import VideoSettings
    from gvlm_resources.video.probe import probe

    start = time.process_time()
    found = probe(path, VideoSettings())
    used = time.process_time() - start
    (path.parent / f"{path.stem}.probe.json").write_text(found.to_json())
    return used


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    wall_s: list[float]
    cpu_s: list[float]
    peak_mb: float
    frames: list[list[int]]


def run(way: str, path: Path, seconds: int, threads: int) -> dict:
    command = [sys.executable, __file__, "--child", way, str(path), str(seconds), str(threads)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def take_turns(ways: list[str], path: Path, seconds: int, threads: int, rounds: int) -> dict[str, Measured]:
    found = {way: Measured([], [], 0.0, []) for way in ways}
    for _ in range(rounds):
        for way in ways:
            one = run(way, path, seconds, threads)
            found[way].wall_s.append(one["wall_s"])
            found[way].cpu_s.append(one["cpu_s"])
            found[way].peak_mb = max(found[way].peak_mb, one["peak_mb"])
            found[way].frames = one["frames"]
    return found


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def exactness(frames: list[list[int]], oracle: object, seconds: int) -> str:
    """How many frames are those on screen at the whole seconds, and how far off the others are."""
    import numpy as np

    off = []
    for number, frame in enumerate(frames[:seconds]):
        distances = np.abs(oracle - np.array(frame)).mean(axis=1)
        nearest, wanted = int(distances.argmin()), number * RATE
        off.append(0 if distances[wanted] <= distances[nearest] + 0.05 else abs(nearest - wanted))
    exact = off.count(0)
    note = "" if len(frames) == seconds else f", {len(frames)} frames given"
    return f"all {seconds}{note}" if exact == seconds else f"{exact} of {seconds}, {max(off)} frames off{note}"


def see_everything(path: Path) -> object:
    import av
    import numpy as np

    seen = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            seen.append(_signature(_jpeg(frame.to_ndarray(format="bgr24"))))
    return np.array(seen)


def speed(path: Path, seconds: int, threads: int, rounds: int) -> bool:
    with_ffmpeg = shutil.which("ffmpeg") is not None
    ways = [OURS, *PEERS, *OTHERS] if with_ffmpeg else [OURS, *(way for way in PEERS if "ffmpeg" not in way)]
    found = take_turns(ways, path, seconds, threads, rounds)
    oracle = see_everything(path)
    peers = [way for way in ways if way in PEERS]
    best = {clock: min(median(getattr(found[way], clock)) for way in peers) for clock in ("wall_s", "cpu_s")}
    print(f"\nOne frame a second of {seconds} s of 720p30 H.264; {threads} threads each; medians of {rounds} rounds")
    print(f"{'way':28s}{'CPU s':>8s}{'wall s':>8s}{'x CPU':>8s}{'x wall':>8s}{'peak MB':>9s}  exact frames")
    for way in ways:
        cpu_s, wall_s = median(found[way].cpu_s), median(found[way].wall_s)
        ratios = f"{best['cpu_s'] / cpu_s:8.2f}{best['wall_s'] / wall_s:8.2f}"
        exact = exactness(found[way].frames, oracle, seconds)
        peak = "-" if "ffmpeg" in way else f"{found[way].peak_mb:.0f}"
        print(f"{way:28s}{cpu_s:8.2f}{wall_s:8.2f}{ratios}{peak:>9s}  {exact}")
    if not with_ffmpeg:
        print("ffmpeg CLI: not on this machine, not measured")
    print("x: times the speed of the fastest exact peer. The probe, made once when a video is added, is not in it.")
    gained = best["cpu_s"] / median(found[OURS].cpu_s)
    exact = exactness(found[OURS].frames, oracle, seconds) == f"all {seconds}"
    return verdict(
        f"at least {TARGET} times the fastest exact peer by CPU time",
        gained >= TARGET and exact,
        f"{gained:.2f}, exact: {exact}",
    )


def memory(path: Path, folder: Path, minutes: int, seconds: int, threads: int) -> bool:
    peaks = {}
    print("\nPeak memory of sampling one frame a second")
    for length in (1, minutes):
        looped = folder / f"{length}min.mp4"
        loop_video(path, looped, max(1, round(length * 60 / seconds)))
        write_probe(looped)
        one = run(OURS, looped, 0, threads)
        peaks[length] = one["peak_mb"]
        print(f"{length:4d} min of video: {one['peak_mb']:6.0f} MB, {one['cpu_s']:7.1f} s of CPU")
        looped.unlink()
    grown = peaks[minutes] - peaks[1]
    return verdict(f"flat: under {FLAT_MB} MB more for {minutes} min than for 1", grown < FLAT_MB, f"{grown:+.0f} MB")


def hud(folder: Path, sources: list[Path], threads: int, rounds: int, seconds: int) -> bool:
    import av

    path = folder / "hud.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=35, options={"g": "250"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number, frame in enumerate(_played(sources, seconds * 35) if sources else _made_up()):
            if number == seconds * 35:
                break
            frame = frame.reformat(640, 480, "yuv420p")
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 35), 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    write_probe(path)
    found = take_turns(["HUD at 35 Hz", "decode and show nothing"], path, 0, threads, rounds)
    cut, plain = (median(found[way].cpu_s) for way in ("HUD at 35 Hz", "decode and show nothing"))
    print(f"\nThree HUD regions at 35 Hz of {seconds} s of 640x480 at 35 frames a second: {cut:.2f} s of CPU")
    print(f"decoding every frame and showing nothing: {plain:.2f} s of CPU")
    return verdict(f"at most {HUD_TARGET} times plain decoding", cut / plain <= HUD_TARGET, f"{cut / plain:.2f}")


def verdict(target: str, met: bool, value: str) -> bool:
    print(f"TARGET {'met' if met else 'MISSED'}: {target} ({value})")
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 s of video, 5 minutes for the memory, 3 rounds")
    parser.add_argument(
        "--source", type=Path, nargs="*", help="recordings to make the videos of; default: data_lake/samples"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--minutes", type=int, help="of video for the memory's second figure; default 60")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    samples = sorted((ROOT / "data_lake" / "samples").glob("*.mp4"))
    sources = arguments.source or samples
    seconds = 20 if arguments.quick else 60
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    minutes = arguments.minutes or (5 if arguments.quick else 60)
    names = ", ".join(source.name for source in sources)
    print(f"content: {names or 'made up: a camera over a textured world, with grain'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "video.mp4"
        make_video(path, sources, seconds)
        print(f"video: {path.stat().st_size / 1e6:.1f} MB; probe: {write_probe(path):.2f} s of CPU")
        results = [
            speed(path, seconds, arguments.threads, rounds),
            hud(folder, sources, arguments.threads, rounds, seconds),
            memory(path, folder, minutes, seconds, arguments.threads),
        ]
    print(f"\n{sum(results)} of {len(results)} targets met")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        sys.path.insert(0, str(ROOT))
        main()
