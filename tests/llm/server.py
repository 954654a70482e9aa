"""A real HTTP server on loopback that speaks the part of the OpenAI API that is used, reply by reply from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "doom-vl"


@dataclass
class Scripted:
    """One answer of the server."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    content_type: str = "application/json"
    after: threading.Event | None = None  # what the answer waits for


USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


def said(
    content: str | None,
    *,
    finish: str = "stop",
    usage: dict[str, int] | None = USAGE,
    delay_s: float = 0.0,
    **message: Any,
) -> Scripted:
    """A chat completion with this content."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    body = {"id": "1", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}
    return Scripted(body=body, delay_s=delay_s)


def cited(answer: str, citations: list[str], *, can_tell: bool = True) -> Scripted:
    return said(json.dumps({"answer": answer, "citations": citations, "can_tell": can_tell}))


def refused(status: int, message: str, **headers: str) -> Scripted:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(status, {"error": {"message": message, "type": "error"}}, named)


@dataclass
class ChatServer:
    base_url: str
    script: list[Scripted]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)  # time.monotonic() of each request
    at_once: int = 0
    most_at_once: int = 0

    def texts(self) -> list[str]:
        """The user's part of each request, in the order of arrival."""
        return [request["messages"][1]["content"] for request in self.requests]


@contextmanager
def serving(*script: Scripted, by: Callable[[dict[str, Any]], Scripted] | None = None) -> Iterator[ChatServer]:
    """A server that gives these answers in order, and the last one from then on; or what `by` makes of each request."""
    chat = ChatServer("", list(script))
    mutex = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(body)
            with mutex:
                chat.requests.append(request)
                chat.headers.append({name.lower(): value for name, value in self.headers.items()})
                chat.arrived_s.append(time.monotonic())
                chat.at_once += 1
                chat.most_at_once = max(chat.most_at_once, chat.at_once)
                if by is not None:
                    scripted = by(request)
                else:
                    scripted = chat.script.pop(0) if len(chat.script) > 1 else chat.script[0]
            time.sleep(scripted.delay_s)
            if scripted.after is not None:
                scripted.after.wait(30)
            with mutex:
                chat.at_once -= 1  # before the answer is out: whoever has it may send the next request at once
            self.answer(scripted)

        def do_GET(self) -> None:
            self.answer(Scripted(body={"object": "list", "data": [{"id": MODEL, "object": "model"}]}))

        def answer(self, scripted: Scripted) -> None:
            raw = scripted.body if isinstance(scripted.body, str) else json.dumps(scripted.body)
            data = raw.encode()
            try:
                self.send_response(scripted.status)
                for name, value in {"Content-Type": scripted.content_type, **scripted.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client of the timeout test has gone

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
