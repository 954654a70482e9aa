"""The review page on this machine's own address: one pair at a time, with its frames and its clip beside it.

Nobody else's machine can reach it, and no other page of the same browser can use it; see `review_desk`.
"""

from __future__ import annotations

import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.review.review import ReviewError
from gvlm_resources.dataset.review.review_desk import MOST_BODY_BYTES, Desk, Part, Request, Response, Sources
from gvlm_resources.dataset.review.review_words import Told
from gvlm_resources.lake.layout import Layout

ADDRESS = "127.0.0.1"
CHUNK_BYTES = 256 * 1024
IDLE_S = 60
POLL_S = 0.05
MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Server:
    """A page being served. `url` holds the token: whoever has it can decide. `wait` returns when it is stopped."""

    url: str
    stop: Callable[[], None]
    wait: Callable[[], None]


def serve(
    release: Release,
    layout: Layout,
    *,
    evidence: Callable[[str, Sequence[str]], Sequence[Told]],
    frame: Callable[[str, str], bytes | None],
    source_path: Callable[[str], Path | None],
    port: int = 0,
    open_browser: bool = False,
) -> Server:
    """Serve the page in threads of this process until `stop`. Port 0 takes any that is free.

    `evidence` gives the rows of a video in words, `frame` a stored frame's JPEG, `source_path` the video's file.
    Raises ReviewError where the port is none, or taken.
    """
    if not 0 <= port <= MOST_PORT:
        raise ReviewError(f"{port} is no port", remedy=f"choose one of 1 to {MOST_PORT}, or 0 for any that is free")
    token = secrets.token_urlsafe(32)
    try:
        server = _Server((ADDRESS, port), _Handler)
    except OSError as error:
        raise ReviewError(f"port {port} cannot be used: {error}", remedy="choose another, or 0 for any") from error
    bound = server.server_address[1]
    hosts = frozenset(f"{name}:{bound}" for name in (ADDRESS, "localhost"))
    server.desk = Desk(release, layout, Sources(frame, evidence, source_path), token, hosts)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="review", daemon=True)
    thread.start()
    url = f"http://{ADDRESS}:{bound}/?token={token}"
    if open_browser:
        webbrowser.open(url)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return Server(url, stop, thread.join)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    desk: Desk

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no error, wherever in a request it does; all others are shown."""
        if not isinstance(sys.exception(), (ConnectionResetError, BrokenPipeError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Bytes to requests and back. What they mean is the desk's."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gvlm", ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        if (
            self.command not in ("GET", "HEAD")
            or "Content-Length" in self.headers
            or "Transfer-Encoding" in self.headers
        ):
            self.close_connection = True  # a body that is not read must not be taken for the next request
        self._reply(self._asked())

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length.isascii() or not length.isdigit():
            self.close_connection = True
            self._reply(self._asked(), refusal=411)
        elif len(length) > 9 or int(length) > MOST_BODY_BYTES:
            self.close_connection = True  # what it sends on is not read
            self._reply(self._asked(), refusal=413)
        else:
            self._reply(self._asked(self.rfile.read(int(length))))

    def _asked(self, body: bytes = b"") -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body)

    def _reply(self, request: Request, refusal: int | None = None) -> None:
        response = Response(refusal, {"Connection": "close"}) if refusal else self.server.desk.answer(request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(response.length))
        self.end_headers()
        if request.method == "HEAD":
            return
        try:
            self._send(response.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # a player that jumps ahead hangs up

    def _send(self, body: bytes | Part) -> None:
        """A file goes out in chunks: memory does not grow with it."""
        if isinstance(body, bytes):
            self.wfile.write(body)
            return
        left = body.end - body.start
        with body.path.open("rb") as file:
            file.seek(body.start)
            while left and (chunk := file.read(min(CHUNK_BYTES, left))):
                self.wfile.write(chunk)
                left -= len(chunk)
        if left:
            self.close_connection = True  # the file was cut short meanwhile

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line of a log would hold the token."""
