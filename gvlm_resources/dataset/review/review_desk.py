"""What the review page answers, request by request, without a socket: `review_page` puts it on one.

The page shows a stranger's video to a reviewer and keeps what the reviewer decides, on a machine where other pages are
open in the same browser. So: every request carries the token that only the printed address holds; the `Host` header
names this server, whatever name led here; a decision comes with the token in a header, which no other page can set;
nothing of a request becomes a path; and the page's policy lets in nothing from elsewhere.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gvlm_resources.dataset.cards import card_samples, pictures
from gvlm_resources.dataset.examples.example import Example
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.review import review, review_words
from gvlm_resources.dataset.review.review import UNDECIDED, Review, Reviewable
from gvlm_resources.dataset.review.review_words import Told
from gvlm_resources.errors import GvlmError
from gvlm_resources.lake.layout import Layout

TOKEN_HEADER = "x-gvlm-token"
MOST_BODY_BYTES = 64 * 1024
MOST_FRAMES = 6
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FILTERS = ("kind", "video", "split", "writer", "decision")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `[start, end)` of a file."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes | Part = b""

    @property
    def length(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.end - self.body.start


class Refused(Exception):
    """A request that gets no answer but a status and a sentence."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


@dataclass(frozen=True, slots=True)
class Sources:
    """Where what is shown comes from: a frame's JPEG, the words of evidence, the file of a video. None: not here."""

    frame: Callable[[str, str], bytes | None]
    evidence: Callable[[str, Sequence[str]], Sequence[Told]]
    source_path: Callable[[str], Path | None]


@dataclass
class Desk:
    """One release under review. `hosts` are the values of `Host` that are this server's."""

    release: Release
    layout: Layout
    sources: Sources
    token: str
    hosts: frozenset[str]
    pairs: list[Reviewable] = field(init=False)
    _places: dict[str, int] = field(init=False)
    _words: dict[str, str] = field(init=False)
    _decided: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.pairs = review.reviewable(self.release)
        self._places = {pair.pair_id: place for place, pair in enumerate(self.pairs)}
        self._words = {pair.pair_id: f"{pair.question}\n{pair.answer}".casefold() for pair in self.pairs}
        self._decided = {found.pair_id: found.now.decision for found in review.reviews(self.layout)}

    def answer(self, request: Request) -> Response:
        """The answer to any request; what is wrong with one is an answer too."""
        try:
            return self._answer(request)
        except Refused as refused:
            return _response(refused.status, _json({"error": refused.sentence}), "application/json", **refused.headers)
        except GvlmError as error:
            return _response(422, _json({"error": str(error)}), "application/json")

    def _answer(self, request: Request) -> Response:
        if request.headers.get("host", "").lower() not in self.hosts:
            raise Refused(403, "this server is not known by that name")
        url, query = _address(request.target)
        if request.method == "POST":
            return self._post(request, url)
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "only GET, HEAD and POST are answered", Allow="GET, HEAD, POST")
        self._check_token(query.get("token", ""))
        return self._get(request, url, query)

    def _check_token(self, token: str) -> None:
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Refused(403, "the token is missing or wrong: open the address that `gvlm review` printed")

    # --- reading ---

    def _get(self, request: Request, path: str, query: Mapping[str, str]) -> Response:
        match path.strip("/").split("/"):
            case [""]:
                return _response(200, self._page(), "text/html; charset=utf-8")
            case ["style.css"]:
                return _response(200, _shipped("review_page.css"), "text/css; charset=utf-8")
            case ["script.js"]:
                return _response(200, _shipped("review_page.js"), "text/javascript; charset=utf-8")
            case ["release"]:
                return _response(200, _json(self._overview()), "application/json")
            case ["pair"]:
                return _response(200, _json(self._step(query)), "application/json")
            case ["frame", pair_id, number]:
                return _response(200, self._frame(self._pair(pair_id), number), "image/jpeg")
            case ["clip", pair_id]:
                return self._clip(self._pair(pair_id), request)
        raise Refused(404, "there is no such page")

    def _page(self) -> bytes:
        """The page's addresses carry the token; it is of letters, digits, `-` and `_`, so it needs no escape."""
        return _shipped("review_page.html").replace(b"{token}", self.token.encode())

    def _overview(self) -> dict[str, Any]:
        values = {name: Counter(_value(pair, name) for pair in self.pairs) for name in FILTERS[:4]}
        return {
            "release": self.release.spec.name,
            "filters": {name: sorted(found.items()) for name, found in values.items()},
            **self._progress(),
        }

    def _progress(self) -> dict[str, Any]:
        states = Counter(self._decided.get(pair.pair_id) or UNDECIDED for pair in self.pairs)
        return {"total": len(self.pairs), "states": {name: states[name] for name in (*review.VERDICTS, UNDECIDED)}}

    def _step(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The pair at `from`, or the next or the one before it that the filters let through.

        `text` is a filter too: all of its words stand in the question or the answer.
        """
        wanted = {name: query[name] for name in FILTERS if query.get(name)}
        searched = query.get("text", "").casefold().split()
        start = self._places.get(query.get("from", ""), -1)
        fitting = [place for place, pair in enumerate(self.pairs) if self._fits(pair, wanted, searched)]
        step = query.get("step", "next")
        if step == "here" and start >= 0:
            found = start
        elif step == "previous":
            found = next((place for place in reversed(fitting) if place < start), None)
        else:
            found = next((place for place in fitting if place > start), None)
        about = {**self._progress(), "fitting": len(fitting)}
        if found is None:
            return {**about, "pair": None}
        return {**about, "place": sum(place < found for place in fitting) + 1, "pair": self._shown(self.pairs[found])}

    def _fits(self, pair: Reviewable, wanted: Mapping[str, str], searched: Sequence[str]) -> bool:
        if not all(word in self._words[pair.pair_id] for word in searched):
            return False
        state = self._decided.get(pair.pair_id) or UNDECIDED
        return all((state if name == "decision" else _value(pair, name)) == value for name, value in wanted.items())

    def _shown(self, pair: Reviewable) -> dict[str, Any]:
        example = self._example(pair)
        kept = review.review(self.layout, pair.pair_id)
        path = self.sources.source_path(pair.video_id)
        frames = self._frames(example)
        return {
            **asdict(pair),
            "span": pair.span.label(),
            "frames": frames,
            "frame_times": [review_words.time_of(frame_id) for frame_id in frames],
            "has_clip": path is not None and path.is_file(),
            "boxes": [list(box) for box in example.boxes],
            "claims": review_words.claims(example.provenance.get("claims", ())),
            "evidence": [asdict(row) for row in self.sources.evidence(pair.video_id, example.evidence)],
            "confidence": example.provenance.get("confidence"),
            "review": _kept(kept),
        }

    def _example(self, pair: Reviewable) -> Example:
        return self.release.example(pair.split, pair.offset)

    def _frames(self, example: Example) -> list[str]:
        return card_samples.shown_frames(example, MOST_FRAMES)

    def _pair(self, pair_id: str) -> Reviewable:
        if pair_id not in self._places:
            raise Refused(404, "the release has no such pair")
        return self.pairs[self._places[pair_id]]

    def _frame(self, pair: Reviewable, number: str) -> bytes:
        example = self._example(pair)
        frames = self._frames(example)
        if number not in map(str, range(len(frames))):
            raise Refused(404, "the pair has no such frame")
        image = self.sources.frame(example.video, frames[int(number)])
        if not image:
            raise Refused(404, "the frame is not stored here")
        return pictures.framed(card_samples.shown(example, frames[int(number)], image))

    def _clip(self, pair: Reviewable, request: Request) -> Response:
        path = self.sources.source_path(pair.video_id)
        if path is None or not path.is_file():
            raise Refused(404, "the video is not stored here")
        stat = path.stat()
        tag = f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'
        mime = mimetypes.guess_type(path.name)[0] or "video/mp4"
        headers = {"Accept-Ranges": "bytes", "ETag": tag}
        wanted = request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""
        span = byte_range(wanted, stat.st_size)
        if span is None:
            return _response(200, Part(path, 0, stat.st_size), mime, **headers)
        start, end = span
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stat.st_size}"
        return _response(206, Part(path, start, end), mime, **headers)

    # --- deciding ---

    def _post(self, request: Request, path: str) -> Response:
        self._check_token(request.headers.get(TOKEN_HEADER, ""))
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self.hosts:
            raise Refused(403, "another page sent this")
        if path != "/decide":
            raise Refused(404, "there is no such page")
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(415, "a decision is sent as JSON")
        told = _told(request.body)
        pair = self._pair(told["pair_id"])
        kept = self._decide(pair, told)
        self._decided[pair.pair_id] = kept.now.decision if kept else ""
        return _response(200, _json({**self._progress(), "review": _kept(kept)}), "application/json")

    def _decide(self, pair: Reviewable, told: Mapping[str, str]) -> Review | None:
        if told["decision"] == UNDECIDED:
            return review.withdraw(self.layout, pair.pair_id, reviewer=told["reviewer"])
        words = {name: told[name] for name in ("question", "answer", "note", "reviewer")}
        return review.decide(self.layout, pair, told["decision"], **words)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """`[start, end)` that a `Range` header asks for; None where it asks for the whole, or for what is not served.

    Several ranges at once are answered with the whole, as RFC 9110 allows. Raises Refused (416) for one that lies
    outside of the file.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Refused(416, "the file is not as long", **{"Content-Range": f"bytes */{size}"})
    return start, end


def _address(target: str) -> tuple[str, dict[str, str]]:
    try:
        url = urlsplit(target)
        fields = parse_qs(url.query, max_num_fields=20)
    except ValueError as error:
        raise Refused(400, "this is no address of a page") from error
    return url.path, {name: values[-1] for name, values in fields.items()}


def _told(body: bytes) -> dict[str, str]:
    """The fields of a decision, each a string. Raises Refused for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the decision is no JSON") from error
    names = ("pair_id", "decision", "question", "answer", "note", "reviewer")
    if not isinstance(found, dict) or not all(isinstance(found.get(name, ""), str) for name in names):
        raise Refused(400, "a decision is an object of strings")
    return {name: found.get(name, "") for name in names}


def _kept(kept: Review | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {
        **asdict(kept.now),
        "asked_question": kept.asked_question,
        "asked_answer": kept.asked_answer,
        "before": len(kept.history),
    }


def _value(pair: Reviewable, name: str) -> str:
    return {"kind": pair.kind, "video": pair.video_id, "split": pair.split, "writer": pair.made_by}[name]


def _shipped(name: str) -> bytes:
    return files("gvlm_resources").joinpath("dataset/review", name).read_bytes()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _response(status: int, body: bytes | Part, mime: str, **headers: str) -> Response:
    return Response(status, {**ALWAYS, "Content-Type": mime, **headers}, body)
