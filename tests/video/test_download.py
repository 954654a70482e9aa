import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from gvlm_resources.errors import SettingsError, SourceError
from gvlm_resources.settings import DownloadSettings, VideoSettings
from gvlm_resources.video import download as downloading
from gvlm_resources.video.download import Download, download, playlist_urls
from gvlm_resources.video.guard import NetworkGuard, check_url
from gvlm_resources.video.sources import expand


class Site:
    """A web server on this machine. `pages` maps a path to (status, headers, body); `asked` lists what was fetched."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def put(self, path: str, body: bytes, kind: str = "video/mp4", status: int = 200, **headers: str) -> str:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"Content-Type": kind, "Content-Length": str(len(body)), **given}, body)
        return self.url(path)

    def _handler(site) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, headers, body = site.pages.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)
                    if "slow" in self.path:
                        time.sleep(20)

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None: ...

        return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def other_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


def recording(path: Path, *, picture: bool = True, sound: bool = True, options: dict[str, str] | None = None) -> Path:
    """Two seconds of moving noise and a tone, in the container that the suffix names."""
    rng = np.random.default_rng(7)
    with av.open(path, "w", options=options or {}) as output:
        streams = []
        if picture:
            video = output.add_stream("h264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.options = {"preset": "ultrafast", "g": "25"}
            frames = (av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(50))
            streams.append((video, frames))
        if sound:
            audio = output.add_stream("aac", rate=16_000, layout="mono")
            tone = np.sin(np.arange(32_000) / 5).astype(np.float32)[None]
            blocks = (av.AudioFrame.from_ndarray(tone[:, i : i + 1000], "fltp", "mono") for i in range(0, 32_000, 1000))
            streams.append((audio, blocks))
        for stream, frames in streams:
            for number, frame in enumerate(frames):
                frame.pts = number * (1000 if stream.type == "audio" else 1)
                if stream.type == "audio":
                    frame.sample_rate = 16_000
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def fetch(url: str, folder: Path, *sites: Site, **settings: object) -> Download:
    limits = {"max_gb": settings.pop("max_gb", 1.0), "timeout_s": 5.0, "allow_private_hosts": [s.host for s in sites]}
    return download(url, folder, video=VideoSettings(**settings), limits=DownloadSettings(**limits))


def refused(code: str, url: str, folder: Path, *sites: Site, **settings: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        fetch(url, folder, *sites, **settings)
    assert caught.value.code == code, caught.value
    assert not folder.exists() or list(folder.iterdir()) == []
    return caught.value


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return recording(tmp_path_factory.mktemp("clip") / "clip.mp4").read_bytes()


def test_a_direct_media_address_is_fetched_whole_into_a_folder_of_its_own(
    site: Site, clip: bytes, tmp_path: Path
) -> None:
    url = site.put("/videos/First%20Run.mp4", clip)
    first, second = fetch(url, tmp_path, site), fetch(url, tmp_path, site)
    assert first.path.read_bytes() == second.path.read_bytes() == clip
    assert first.path.parent != second.path.parent
    assert first.path.name == "first-run.mp4"
    assert (first.title, first.url, first.licence) == ("First Run", url, None)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["first-run.mp4", "first-run.mp4"]


def test_a_private_address_is_refused_by_default_and_never_connected_to(
    site: Site, clip: bytes, tmp_path: Path
) -> None:
    url = site.put("/a.mp4", clip)
    error = refused("unsafe_url", url, tmp_path)
    assert site.host in str(error)
    assert "allow_private_hosts" in error.remedy
    assert site.asked == []


@pytest.mark.parametrize(
    "host", ["localhost", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1."]
)
def test_loopback_is_refused_however_it_is_written(site: Site, clip: bytes, tmp_path: Path, host: str) -> None:
    site.put("/a.mp4", clip)
    with pytest.raises(SourceError):
        fetch(f"http://{host}:{site.server.server_port}/a.mp4", tmp_path)
    assert site.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_from_an_allowed_host_to_a_private_one_is_refused(
    site: Site, other_site: Site, clip: bytes, tmp_path: Path, status: int
) -> None:
    other_site.put("/secret.mp4", clip)
    url = site.put("/a.mp4", b"", status=status, Location=other_site.url("/secret.mp4"))
    refused("unsafe_url", url, tmp_path, site)
    assert site.asked
    assert other_site.asked == []
    assert fetch(url, tmp_path, site, other_site).path.read_bytes() == clip  # allowed by name, it is followed


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a.mp4", "data:video/mp4;base64,AAAA"])
def test_a_redirect_to_another_scheme_is_not_followed(site: Site, tmp_path: Path, target: str) -> None:
    refused("download_failed", site.put("/a.mp4", b"", status=302, Location=target), tmp_path, site)


def test_a_manifest_that_points_to_a_private_host_is_refused(
    site: Site, other_site: Site, clip: bytes, tmp_path: Path
) -> None:
    other_site.put("/0.ts", clip)
    url = site.put("/a.m3u8", hls(other_site.url("/0.ts")), "application/vnd.apple.mpegurl")
    refused("unsafe_url", url, tmp_path, site)
    assert other_site.asked == []


def test_a_name_with_one_private_address_among_public_ones_is_refused_after_a_single_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up = []

    def resolve(host: str, port: int, **_: object) -> list[tuple]:
        looked_up.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.215.14", "10.0.0.8")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(SourceError, match=r"10\.0\.0\.8"):
        NetworkGuard().connect("rebind.example", 80, 1.0)
    assert looked_up == ["rebind.example"]


def test_the_guard_connects_to_the_very_address_that_it_judged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([("127.0.0.1", site.server.server_port), ("10.0.0.8", 1)])  # the name changes after the first look
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **kind: real(*next(answers), **kind))
    with NetworkGuard(private_hosts=("nas.example",)).connect("nas.example", 80, 2.0) as connection:
        assert connection.getpeername() == ("127.0.0.1", site.server.server_port)


def test_an_allowed_port_does_not_allow_its_host(site: Site, other_site: Site) -> None:
    guard = NetworkGuard(private_hosts=(site.host,))
    guard.connect("127.0.0.1", site.server.server_port, 2.0).close()
    with pytest.raises(SourceError):
        guard.connect("127.0.0.1", other_site.server.server_port, 2.0)
    NetworkGuard(private_hosts=("127.0.0.1",)).connect("127.0.0.1", other_site.server.server_port, 2.0).close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.mp4",
        "file:///etc/passwd",
        "javascript://example.org/%0aalert(1)",
        "http://user@example.org/",
        "http://user:pw@example.org/",
        "http://",
        "http:///a.mp4",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://[::1/",
        "http://exa mple.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: other",
        "http://example.org/#__youtubedl_smuggle=%7B%7D",
        "https://example.org/" + "a" * 9000,
    ],
)
def test_an_address_that_is_not_plainly_http_is_refused_by_its_text(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        check_url(url)
    assert caught.value.code == "unsafe_url"
    assert "pw" not in str(caught.value)


def test_nothing_is_fetched_where_connections_pass_by_the_guard(
    site: Site, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect_anywhere(connection: downloading._Connection) -> None:
        address = "127.0.0.1" if connection.host == "192.0.2.1" else connection.host
        connection.sock = socket.create_connection((address, site.server.server_port))

    monkeypatch.setattr(downloading._Connection, "connect", connect_anywhere)
    assert "guard" in str(refused("unsupported", site.put("/a.mp4", clip), tmp_path, site))
    assert "/a.mp4" not in site.asked


def test_a_proxy_of_the_environment_is_not_used(
    site: Site, other_site: Site, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{other_site.host}")
    monkeypatch.delenv("no_proxy", raising=False)
    fetch(site.put("/a.mp4", clip), tmp_path, site)
    assert other_site.asked == []


def test_https_is_spoken_to_an_https_address(site: Site, tmp_path: Path) -> None:
    assert "SSL" in str(refused("download_failed", f"https://{site.host}/a.mp4", tmp_path, site))
    assert site.asked == []


def test_a_body_that_ends_early_leaves_nothing(site: Site, clip: bytes, tmp_path: Path) -> None:
    url = site.put("/a.mp4", clip[: len(clip) // 2], Content_Length=str(len(clip)))
    refused("download_failed", url, tmp_path, site)


def test_a_killed_download_leaves_nothing_that_passes_as_a_video(site: Site, clip: bytes, tmp_path: Path) -> None:
    url = site.put("/slow.mp4", clip, Content_Length=str(10 * len(clip)))
    script = f"""
        from pathlib import Path
        from gvlm_resources.settings import DownloadSettings, VideoSettings
        from gvlm_resources.video.download import download
        limits = DownloadSettings(allow_private_hosts=("{site.host}",))
        download({url!r}, Path({str(tmp_path)!r}), video=VideoSettings(), limits=limits)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: any(path.is_file() and path.stat().st_size for path in tmp_path.rglob("*")))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert expand(tmp_path, recursive=True).sources == ()


def wait_until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("announced", [True, False])
def test_a_download_larger_than_the_limit_stops(site: Site, clip: bytes, tmp_path: Path, announced: bool) -> None:
    url = site.put("/a.mp4", clip * 20)
    if not announced:
        del site.pages["/a.mp4"][1]["Content-Length"]
    assert "max_gb" in refused("download_failed", url, tmp_path, site, max_gb=1e-5).remedy


def test_a_missing_page_and_a_silent_host_say_so(site: Site, tmp_path: Path) -> None:
    assert "404" in str(refused("download_failed", site.url("/gone.mp4"), tmp_path, site))
    gone = Site()
    gone.server.server_close()
    refused("download_failed", gone.url("/a.mp4"), tmp_path, gone)


def hls(*segments: str, end: bool = True) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"]
    for segment in segments:
        lines += ["#EXTINF:2.0,", segment]
    return "\n".join([*lines, "#EXT-X-ENDLIST"] if end else lines).encode() + b"\n"


def test_a_segmented_stream_is_fetched_whole_or_not_at_all(site: Site, tmp_path: Path) -> None:
    segment = recording(tmp_path / "segment.ts").read_bytes()
    site.put("/0.ts", segment, "video/mp2t")
    url = site.put("/a.m3u8", hls("0.ts"), "application/vnd.apple.mpegurl")
    with av.open(fetch(url, tmp_path / "in", site).path) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 50
    url = site.put("/b.m3u8", hls("0.ts", "missing.ts"), "application/vnd.apple.mpegurl")
    refused("download_failed", url, tmp_path / "other", site)


def test_a_live_stream_is_refused(site: Site, clip: bytes, tmp_path: Path) -> None:
    site.put("/0.ts", clip)
    url = site.put("/a.m3u8", hls("0.ts", end=False), "application/vnd.apple.mpegurl")
    assert "live" in str(refused("unsupported", url, tmp_path, site))


DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" minBufferTime="PT1S"
     profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period duration="PT2S">
<AdaptationSet mimeType="video/mp4">
<Representation id="v" codecs="avc1.42c00a" bandwidth="90000" width="64" height="48">
  <BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="a" codecs="mp4a.40.2" bandwidth="60000">
  <BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet>
</Period></MPD>
"""


def test_picture_and_sound_that_come_apart_are_put_together_without_another_program(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = recording(tmp_path / "picture.mp4", sound=False)
    sound = recording(tmp_path / "sound.mp4", picture=False)
    site.put("/picture.mp4", picture.read_bytes())
    site.put("/sound.m4a", sound.read_bytes(), "audio/mp4")
    url = site.put("/a.mpd", DASH.encode(), "application/dash+xml")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-$$\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    got = fetch(url, tmp_path / "in", site)
    assert [path.name for path in (tmp_path / "in").rglob("*") if path.is_file()] == ["a.mp4"]
    with av.open(got.path) as whole, av.open(picture) as part:
        assert [stream.type for stream in whole.streams] == ["video", "audio"]
        times = [[float(frame.pts * frame.time_base) for frame in opened.decode(video=0)] for opened in (whole, part)]
        assert times[0] == times[1]
    with av.open(got.path) as whole:
        assert sum(frame.samples for frame in whole.decode(audio=0)) >= 32_000
    assert list(tmp_path.glob("ran-*")) == []


LISTING = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Two runs</title>
<item><title>One</title><link>%(one)s</link></item><item><title>Two</title><link>%(two)s</link></item></channel></rss>"""


def test_a_playlist_is_refused_as_a_video_and_listed_when_asked(site: Site, clip: bytes, tmp_path: Path) -> None:
    one, two = site.put("/1.mp4", clip), site.put("/2.mp4", clip)
    page = LISTING % {b"one": one.encode(), b"two": two.encode()}
    url = site.put("/feed.xml", page, "application/rss+xml")
    assert "list" in str(refused("unsupported", url, tmp_path, site))
    assert set(site.asked) == {"/feed.xml"}
    limits = DownloadSettings(allow_private_hosts=(site.host,))
    assert playlist_urls(url, limits=limits) == [one, two]
    assert playlist_urls(one, limits=limits) == [one]
    with pytest.raises(SourceError, match="more than 1"):
        playlist_urls(url, limits=limits, at_most=1)


def test_a_video_longer_than_the_limit_is_declined_before_it_is_fetched(
    site: Site, clip: bytes, tmp_path: Path
) -> None:
    site.put("/0.ts", clip)
    url = site.put("/a.m3u8", hls(*["0.ts"] * 9), "application/vnd.apple.mpegurl")
    refused("too_long", url, tmp_path, site, max_duration_s=10)
    assert "/0.ts" not in site.asked


def test_a_format_that_is_none_is_a_mistake_in_the_settings(site: Site, clip: bytes, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="download_format"):
        fetch(site.put("/a.mp4", clip), tmp_path, site, download_format="best[height<")


def test_a_page_without_a_video_and_an_endless_page_are_refused(site: Site, tmp_path: Path) -> None:
    refused("download_failed", site.put("/a", b"<html><p>nothing here</p></html>", "text/html"), tmp_path, site)
    site.put("/b", b"<html>" + b"x" * (65 * 1024 * 1024), "text/html")
    assert "64 MiB" in str(refused("download_failed", site.url("/b"), tmp_path, site))
