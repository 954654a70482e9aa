"""One video of a web address into a folder, by yt-dlp, through guarded connections only.

yt-dlp follows redirects, manifests and embedded players by itself, so looking at the address beforehand proves
nothing. Here its networking is reduced to one request handler that speaks http(s) through `guard.NetworkGuard`;
proxies, cookies from disk, configuration files, plugins, other programs (ffmpeg, rtmpdump, aria2c) and post-processors
are off. Picture and sound that come as two files are put together here, by stream copy.
"""

from __future__ import annotations

import functools
import heapq
import http.client
import math
import os
import re
import ssl
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import yt_dlp.globals
import yt_dlp.version
from yt_dlp import YoutubeDL
from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.dash import DashSegmentsFD
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.downloader.http import HttpFD
from yt_dlp.networking import RequestDirector
from yt_dlp.networking._urllib import HTTPHandler, RedirectHandler, UrllibResponseAdapter, UrllibRH
from yt_dlp.networking.exceptions import RequestError
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor
from yt_dlp.utils import DownloadCancelled, YoutubeDLError

from gvlm_resources.errors import SettingsError, SourceError
from gvlm_resources.settings import DownloadSettings, VideoSettings
from gvlm_resources.video.guard import NetworkGuard, check_url
from gvlm_resources.video.sources import slug

_GB = 1_000_000_000
_MAX_PAGE_BYTES = 64 * 1024 * 1024  # a web page, manifest or API answer; media is read in blocks and counts to max_gb
_NO_PROGRAM = "/nonexistent/gvlm-uses-no-ffmpeg"
_OWN_DOWNLOADERS = (HttpFD, HlsFD, DashSegmentsFD)  # those that fetch through the request handler
_MP4_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "aac", "mp3", "opus", "flac", "alac", "ac3", "eac3"})


@dataclass(frozen=True)
class Download:
    """A whole file and what its page said of it. The words are the web's: data, never instructions."""

    path: Path
    url: str  # as asked for
    page_url: str
    title: str
    site: str
    uploader: str | None = None
    licence: str | None = None


def download(url: str, folder: Path, *, video: VideoSettings, limits: DownloadSettings) -> Download:
    """Fetch the one video at `url` into a new folder of its own under `folder`.

    The file stands there only when it is whole: it is fetched into a hidden folder that is removed on any failure.
    Raises SourceError: `unsafe_url`, `too_long`, `unsupported` (a playlist, a live stream, a protocol that needs
    another program) or `download_failed`.
    """
    check_url(url)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as incoming:
        info = _fetch(url, Path(incoming), video, limits)
        title = _one_line(info.get("title")) or "video"
        whole = _one_file([_reported_path(part, Path(incoming)) for part in info["requested_downloads"]])
        target = Path(tempfile.mkdtemp(prefix="download-", dir=folder)) / f"{slug(title)}{whole.suffix}"
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        whole.rename(target)
    return Download(
        path=target,
        url=url,
        page_url=_one_line(info.get("webpage_url")) or url,
        title=title,
        site=_one_line(info.get("extractor_key")) or "Generic",
        uploader=_one_line(info.get("uploader") or info.get("channel")),
        licence=_one_line(info.get("license")),
    )


def playlist_urls(url: str, *, limits: DownloadSettings, at_most: int = 200) -> list[str]:
    """Addresses of the videos of a playlist in its order, or `[url]` where it is a single video.

    Raises SourceError, `unsupported` where there are more than `at_most`.
    """
    check_url(url)
    params = {"extract_flat": True, "noplaylist": False, "playlist_items": f"1-{at_most + 1}"}
    with _fetcher(limits, params) as fetcher:
        info = _asked(lambda: fetcher.extract_info(url, download=False), url)
    if info.get("_type") != "playlist":
        return [url]
    urls = [str(entry.get("webpage_url") or entry.get("url") or "") for entry in info["entries"] if entry]
    if len(urls) > at_most:
        raise SourceError("unsupported", f"{url} lists more than {at_most} videos", remedy="ask for that many by name")
    for entry_url in urls:
        check_url(entry_url)
    return urls


class _Declined(RequestError, DownloadCancelled):
    """Carries a SourceError out of yt-dlp: as a RequestError past its networking, as a cancel past its extractors."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


class _Budget:
    """Bytes that one download may still receive."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.left_bytes = total_bytes

    def take(self, count: int) -> None:
        self.left_bytes -= count
        if self.left_bytes < 0:
            raise _Declined(
                SourceError(
                    "download_failed",
                    f"the download is larger than {self.total_bytes / _GB:g} GB",
                    remedy="raise download.max_gb, or choose a smaller video.download_format",
                )
            )


class _Connection(http.client.HTTPConnection):
    def __init__(self, *args: Any, guard: NetworkGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def connect(self) -> None:
        try:
            self.sock = self._guard.connect(self.host, self.port, self.timeout)
        except SourceError as error:
            raise _Declined(error) from error


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    def __init__(self, *args: Any, context: ssl.SSLContext, **kwargs: Any) -> None:
        super().__init__(*args, context=context, **kwargs)
        self._tls = context

    def connect(self) -> None:
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


class _GuardedHTTPHandler(HTTPHandler):
    def __init__(self, guard: NetworkGuard, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._guard, self._tls = guard, context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_Connection, guard=self._guard), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_TlsConnection, guard=self._guard), req, context=self._tls)


class _CountedResponse(UrllibResponseAdapter):
    def __init__(self, response: UrllibResponseAdapter, budget: _Budget) -> None:
        super().__init__(response.fp)
        self._response = response  # when it is collected it closes what both read from
        self._budget = budget

    def read(self, amt: int | None = None) -> bytes:
        if amt is not None:
            data = super().read(amt)
        else:
            blocks = []
            while block := super().read(1 << 20):
                blocks.append(block)
                if sum(map(len, blocks)) > _MAX_PAGE_BYTES:
                    raise _Declined(_failed("a page or manifest is larger than 64 MiB", "give the video's own address"))
            data = b"".join(blocks)
        self._budget.take(len(data))
        return data


class _GuardedRH(UrllibRH):
    """yt-dlp's urllib handler without ftp, data, file and proxies, and with every connection made by the guard."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")
    guard = NetworkGuard()
    budget = _Budget(0)

    def _create_instance(
        self, proxies: object, cookiejar: Any, legacy_ssl_support: bool | None = None
    ) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()
        opener.addheaders = []  # yt-dlp sends its own
        for handler in (
            _GuardedHTTPHandler(self.guard, self._make_sslcontext(legacy_ssl_support=legacy_ssl_support)),
            urllib.request.HTTPCookieProcessor(cookiejar),  # in memory, for this download alone
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            RedirectHandler(),
        ):
            opener.add_handler(handler)
        return opener

    def _send(self, request: Any) -> _CountedResponse:
        return _CountedResponse(super()._send(request), self.budget)


class _Fetcher(YoutubeDL):
    """yt-dlp with one way to the network and no other program."""

    def __init__(self, params: dict[str, Any], guard: NetworkGuard, budget: _Budget, max_duration_s: float) -> None:
        self._guard, self._budget, self._max_duration_s = guard, budget, max_duration_s
        super().__init__(params)

    def build_request_director(self, handlers: object, preferences: object = None) -> RequestDirector:
        director = super().build_request_director([_GuardedRH])
        (handler,) = director.handlers.values()
        handler.guard, handler.budget = self._guard, self._budget
        return director

    def dl(self, name: str, info: dict[str, Any], **kwargs: Any) -> Any:
        """Called once a file, before its first byte: the place to decline."""
        _admit(info, self._max_duration_s)
        if get_suitable_downloader(info, self.params) not in _OWN_DOWNLOADERS:
            raise _Declined(_unsupported(f"this video comes over {info.get('protocol')}, which needs another program"))
        return super().dl(name, info, **kwargs)


class _Log:
    """Keeps yt-dlp quiet: what matters of its words is in the error it raises."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str, **_: Any) -> None: ...
    def error(self, message: str) -> None: ...


def _fetcher(limits: DownloadSettings, params: dict[str, Any], *, max_duration_s: float = math.inf) -> _Fetcher:
    yt_dlp.globals.plugin_dirs.value = []  # plugins are code of unknown origin; process-wide in yt-dlp
    fixed = {
        "quiet": True,
        "noprogress": True,
        "logger": _Log(),
        "color": "never",
        "cachedir": False,
        "proxy": "",
        "geo_bypass": False,
        "usenetrc": False,
        "enable_file_urls": False,
        "default_search": "error",
        "ffmpeg_location": _NO_PROGRAM,
        "external_downloader": {"default": "native"},
        "fixup": "never",
        "skip_unavailable_fragments": False,
        "ignoreerrors": False,
        "restrictfilenames": True,
        "updatetime": False,
        "retries": 3,
        "fragment_retries": 3,
        "extractor_retries": 1,
        "socket_timeout": limits.timeout_s,
    }
    guard = NetworkGuard(private_hosts=limits.allow_private_hosts)
    fetcher = _Fetcher(fixed | params, guard, _Budget(int(limits.max_gb * _GB)), max_duration_s)
    _prove_guarded(fetcher)
    return fetcher


def _prove_guarded(fetcher: _Fetcher) -> None:
    """Another yt-dlp may call its parts otherwise, and the guard be passed by: then nothing is fetched at all."""
    for url in ("http://192.0.2.1/", "https://192.0.2.1/"):  # TEST-NET-1 (RFC 5737): never public, never allowed
        try:
            fetcher.urlopen(url)
        except _Declined:
            continue
        except YoutubeDLError:
            pass
        remedy = "install the version that was tested: pip install -c constraints.txt yt-dlp"
        raise _unsupported(f"the network guard does not fit yt-dlp {yt_dlp.version.__version__}", remedy)


def _fetch(url: str, incoming: Path, video: VideoSettings, limits: DownloadSettings) -> dict[str, Any]:
    """yt-dlp's info of the video, after it was fetched into `incoming`."""
    params = {
        "outtmpl": {"default": "media.%(format_id)s.%(ext)s"},
        "paths": {"home": str(incoming)},
        "noplaylist": True,
        "playlist_items": "0",  # of a page that is nothing but a playlist, fetch nothing
        "format": video.download_format,
    }
    try:
        fetcher = _fetcher(limits, params, max_duration_s=video.max_duration_s)
    except SyntaxError as error:
        raise SettingsError(
            f"video.download_format {video.download_format!r} is no yt-dlp format: {error.msg}",
            remedy="see FORMAT SELECTION in yt-dlp's manual",
        ) from error
    with fetcher:
        fetcher.format_selector = _parts_of_the_best(fetcher.format_selector)
        info = _asked(lambda: fetcher.extract_info(url, download=True), url)
    if info.get("_type", "video") != "video":
        raise _unsupported(f"{url} is a list of videos, not one", "add the videos by their own addresses")
    if not info.get("requested_downloads"):
        raise _failed(f"{url} gave no file", "look at the page in a browser: is there a video, open to anyone?")
    return info


def _asked(request: Callable[[], dict[str, Any] | None], url: str) -> dict[str, Any]:
    """The answer of yt-dlp to `request`, or what it said as a SourceError."""
    token = FFmpegPostProcessor._ffmpeg_location.set(_NO_PROGRAM)  # parts of yt-dlp do not look at its parameters
    try:
        info = request()
    except _Declined as declined:
        raise declined.error from declined
    except (YoutubeDLError, OSError) as error:
        words = re.sub(r"^ERROR: |; please report this issue.*|\(caused by .*", "", str(error), flags=re.DOTALL).strip()
        raise _failed(f"{url} could not be fetched: {words}", "check the address, or try again later") from error
    finally:
        FFmpegPostProcessor._ffmpeg_location.reset(token)
    if info is None:
        raise _failed(f"{url} gave no video", "check the address")
    return info


def _admit(info: dict[str, Any], max_duration_s: float) -> None:
    """Declines what has no end yet or too late a one, as far as its page says so."""
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise _Declined(_unsupported("this is a live stream", "add the recording once the stream is over"))
    duration_s = info.get("duration")
    if duration_s is not None and duration_s > max_duration_s:
        raise _Declined(
            SourceError(
                "too_long",
                f"the video lasts {duration_s:.0f} s, more than {max_duration_s:.0f} s",
                remedy="raise video.max_duration_s",
            )
        )


def _parts_of_the_best(selector: Callable[[dict[str, Any]], Iterator[dict[str, Any]]]) -> Callable:
    """The first choice of `selector`, with picture and sound as files of their own where they come apart."""

    def select(context: dict[str, Any]) -> Iterator[dict[str, Any]]:
        best = next(iter(selector(context)), None)
        if best is not None:
            yield from best.get("requested_formats") or [best]

    return select


def _reported_path(part: dict[str, Any], incoming: Path) -> Path:
    path = Path(part.get("filepath", "")).resolve()
    if path.parent != incoming.resolve() or not path.is_file() or path.stat().st_size == 0:
        raise _failed(f"yt-dlp reports {path.name!r}, and there is no such file", "try again later")
    return path


def _one_file(parts: Sequence[Path]) -> Path:
    return parts[0] if len(parts) == 1 else _mux(parts)


def _mux(parts: Sequence[Path]) -> Path:
    """Picture and sound of `parts` in one new file beside them, packets copied, time stamps kept."""
    try:
        with ExitStack() as stack:
            inputs = [stack.enter_context(av.open(part)) for part in parts]
            streams = [stream for opened in inputs for stream in opened.streams if stream.type in ("video", "audio")]
            # MP4 keeps each stream's own clock; Matroska rounds every time stamp to a millisecond.
            fits_mp4 = all(stream.codec_context.codec.canonical_name in _MP4_CODECS for stream in streams)
            target = parts[0].with_name("whole.mp4" if fits_mp4 else "whole.mkv")
            output = stack.enter_context(av.open(target, "w"))
            copies = {stream: output.add_stream_from_template(stream) for stream in streams}
            for packet in heapq.merge(*(_packets(opened, copies) for opened in inputs), key=_decode_time):
                packet.stream = copies[packet.stream]
                output.mux(packet)
    except av.FFmpegError as error:
        names = ", ".join(part.name for part in parts)
        raise _failed(f"{names} could not be put together: {error}", "choose another video.download_format") from error
    return target


def _packets(opened: av.container.InputContainer, wanted: dict[Any, Any]) -> Iterator[av.Packet]:
    streams = [stream for stream in opened.streams if stream in wanted]
    return (packet for packet in opened.demux(streams) if packet.dts is not None)


def _decode_time(packet: av.Packet) -> Fraction:
    return packet.dts * packet.time_base


def _one_line(text: object) -> str | None:
    """Printable text of one line, at most 300 characters, or nothing."""
    if not isinstance(text, str):
        return None
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return " ".join(words)[:300] or None


def _failed(cause: str, remedy: str) -> SourceError:
    return SourceError("download_failed", cause, remedy=remedy)


def _unsupported(cause: str, remedy: str = "download it by other means and add the file") -> SourceError:
    return SourceError("unsupported", cause, remedy=remedy)
