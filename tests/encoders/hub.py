"""A model hub on this machine: the few endpoints that huggingface_hub asks for models and their files."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = ".safetensors"  # what a hub keeps outside git, and tells the SHA-256 of


@dataclass
class Repo:
    """`commits` from the oldest to the newest; `main` is the newest, `tags` name others."""

    commits: dict[str, dict[str, bytes]]
    tags: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    stalls_in: str = ""  # a file of which half comes, and then nothing
    lies_about: str = ""  # a file whose content differs from what its listing says

    def commit(self, revision: str) -> str | None:
        newest = next(reversed(self.commits))
        return {"main": newest, **self.tags, **{commit: commit for commit in self.commits}}.get(revision)


class Hub:
    """`seen` holds the method, path and Range of each request, `keys` the tokens that came with them."""

    def __init__(self, repos: dict[str, Repo]) -> None:
        self.repos = repos
        self.seen: list[tuple[str, str, str | None]] = []
        self.keys: set[str | None] = set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(hub, self)

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def downloads(self) -> list[str]:
        """The names of the files that were got, in the order of asking."""
        return [path.rpartition("/")[2] for method, path, _ in self.seen if method == "GET" and "/resolve/" in path]


_MODEL = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(/revision/(?P<revision>.+))?")
_TREE = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


def answer(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    path = unquote(urlsplit(request.path).path)
    hub.keys.add(request.headers.get("Authorization"))
    hub.seen.append((request.command, path, request.headers.get("Range")))
    matches = [(reply, pattern.fullmatch(path)) for pattern, reply in _ENDPOINTS]
    reply, found = next(((reply, found) for reply, found in matches if found), (None, None))
    if reply is None or found is None:
        return _fail(request, 404, "EntryNotFound")
    repo = hub.repos.get(found["repo"])
    if repo is None:
        return _fail(request, 401, "RepoNotFound")
    commit = repo.commit(found["revision"] or "main")
    if commit is None:
        return _fail(request, 404, "RevisionNotFound")
    if repo.gated and reply is not _model:
        return _fail(request, 403 if request.headers.get("Authorization") else 401, "GatedRepo")
    return reply(request, repo, commit, found.groupdict())


def _model(request: BaseHTTPRequestHandler, repo: Repo, commit: str, asked: dict[str, str]) -> None:
    siblings = [{"rfilename": row["path"], **row} for row in _rows(repo.commits[commit])]
    _send(request, json.dumps({"id": asked["repo"], "sha": commit, "gated": repo.gated, "siblings": siblings}).encode())


def _tree(request: BaseHTTPRequestHandler, repo: Repo, commit: str, asked: dict[str, str]) -> None:
    _send(request, json.dumps(_rows(repo.commits[commit])).encode())


def _rows(files: dict[str, bytes]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        row: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": digest[:40]}
        if name.endswith(LARGE):
            row["lfs"] = {"oid": digest, "sha256": digest, "size": len(content), "pointerSize": 130}
        rows.append(row)
    return rows


def _file(request: BaseHTTPRequestHandler, repo: Repo, commit: str, asked: dict[str, str]) -> None:
    content = repo.commits[commit].get(asked["name"])
    if content is None:
        return _fail(request, 404, "EntryNotFound")
    digest = hashlib.sha256(content).hexdigest()
    headers = {"X-Repo-Commit": commit, "ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
    if asked["name"] == repo.lies_about:
        content = content[:-1] + bytes([content[-1] ^ 1])
    start = int(re.match(r"bytes=(\d+)-", request.headers.get("Range") or "bytes=0-")[1])
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    stop = len(content) // 2 if asked["name"] == repo.stalls_in else None
    return _send(request, content[start:], headers, status=206 if start else 200, stop=stop)


def _fail(request: BaseHTTPRequestHandler, status: int, code: str) -> None:
    _send(request, b"{}", {"X-Error-Code": code, "X-Error-Message": code}, status=status)


def _send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    status: int = 200,
    stop: int | None = None,
) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body[:stop])
        if stop is not None:
            request.wfile.flush()
            request.rfile.read(1)  # until the other side hangs up


_ENDPOINTS = ((_TREE, _tree), (_FILE, _file), (_MODEL, _model))
