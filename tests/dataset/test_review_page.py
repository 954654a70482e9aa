"""The review page: what it shows and keeps, whom it lets in, and how it serves a video; with a socket and without."""

import http.client
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.review import review, review_page
from gvlm_resources.dataset.review.review import ReviewError
from gvlm_resources.dataset.review.review_desk import (
    MOST_BODY_BYTES,
    TOKEN_HEADER,
    Desk,
    Part,
    Refused,
    Request,
    Response,
    Sources,
    byte_range,
)
from gvlm_resources.dataset.review.review_words import Told, time_of
from gvlm_resources.lake.layout import Layout
from tests.dataset import small_release
from tests.dataset.small_release import Row, video_id

TOKEN, HOST = "t0-ken_", "127.0.0.1:8123"
VIDEO = bytes(range(256)) * 4_000  # a million bytes and more: several chunks
MARKUP = "<script>alert(1)</script>"
CLAIM = {"what": "count", "start_ns": 5_000_000_000, "end_ns": 9_000_000_000, "kind": "shot", "value": 2}
ROWS = [
    Row("Where is it?", "At <box_2d>.", kind="where", boxes=((320.0, 240.0, 640.0, 480.0),), start_s=1, end_s=2),
    Row("How often?", "Twice.", kind="how_many", start_s=5, end_s=9, claims=(CLAIM,)),
    Row(MARKUP, "No.", kind="what", start_s=20, end_s=30, made_by="small@host"),
    Row("Why?", "Because.", video=video_id(1), kind="why", split="test"),
]


def frame(_video_id: str, frame_id: str) -> bytes | None:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), (40, 120, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def evidence(_video_id: str, ids: Sequence[str]) -> list[Told]:
    return [Told(row_id, "00:05", f"pickup: {MARKUP}", 5_000_000_000) for row_id in ids]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lake")


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return small_release.write(tmp_path / "release", ROWS)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """The first video is stored here, the second is not."""
    (tmp_path / "source.mp4").write_bytes(VIDEO)
    return Sources(frame, evidence, lambda key: tmp_path / "source.mp4" if key == video_id(0) else None)


@pytest.fixture
def desk(release: Release, layout: Layout, sources: Sources) -> Desk:
    return Desk(release, layout, sources, TOKEN, frozenset({HOST}))


def get(desk: Desk, path: str, headers: dict[str, str] | None = None, **query: str) -> Response:
    target = f"{path}?{urlencode({'token': TOKEN, **query})}"
    return desk.answer(Request("GET", target, {"host": HOST, **(headers or {})}))


def told(response: Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def post(desk: Desk, headers: dict[str, str] | None = None, /, **decision: Any) -> Response:
    usual = {"host": HOST, TOKEN_HEADER: TOKEN, "content-type": "application/json"}
    return desk.answer(Request("POST", "/decide", {**usual, **(headers or {})}, json.dumps(decision).encode()))


# --- what it shows ---------------------------------------------------------------------------------------------------


def test_a_pair_is_shown_with_all_that_it_rests_on(desk: Desk) -> None:
    first = told(get(desk, "/pair", step="next"))
    second = told(get(desk, "/pair", step="next", **{"from": ROWS[0].pair}))["pair"]
    assert (first["place"], first["fitting"], first["total"]) == (1, 4, 4)
    assert first["pair"]["boxes"] == [[320, 240, 640, 480]]
    assert second["question"] == "How often?"
    assert second["claims"] == ["00:05-00:08: 2 × shot on the timeline"]
    assert second["evidence"][0]["text"] == f"pickup: {MARKUP}"
    assert (second["frames"], second["frame_times"]) == (["f000000000000"], ["00:00.0"])
    assert (second["split"], second["made_by"]) == ("train", "templates@1")
    assert (second["span"], second["has_clip"], second["review"]) == ("00:05-00:08", True, None)


def test_the_pairs_go_forth_and_back_and_end(desk: Desk) -> None:
    seen, at = [], ""
    while (pair := told(get(desk, "/pair", step="next", **{"from": at}))["pair"]) is not None:
        seen.append(at := pair["pair_id"])
    assert seen == [row.pair for row in ROWS]
    back = told(get(desk, "/pair", step="previous", **{"from": at}))["pair"]
    assert back["pair_id"] == ROWS[2].pair
    assert told(get(desk, "/pair", step="previous", **{"from": ROWS[0].pair}))["pair"] is None


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({"kind": "why"}, [3]),
        ({"video": video_id(0)}, [0, 1, 2]),
        ({"split": "test"}, [3]),
        ({"writer": "small@host"}, [2]),
        ({"decision": "undecided"}, [0, 2, 3]),
        ({"decision": "rejected", "kind": "how_many"}, [1]),
        ({"kind": "state"}, []),
    ],
)
def test_filters_let_through_what_they_say(desk: Desk, wanted: dict[str, str], rows: list[int]) -> None:
    post(desk, pair_id=ROWS[1].pair, decision="rejected")
    answer = told(get(desk, "/pair", step="next", **wanted))
    assert answer["fitting"] == len(rows)
    assert (answer["pair"] or {}).get("pair_id") == (ROWS[rows[0]].pair if rows else None)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("HOW", [1]), ("how twice", [1]), ("  because ", [3]), ("how because", []), ("script", [2]), (" ", [0, 1, 2, 3])],
)
def test_a_search_finds_all_its_words_in_question_or_answer(desk: Desk, text: str, rows: list[int]) -> None:
    answer = told(get(desk, "/pair", step="next", text=text))
    assert answer["fitting"] == len(rows)
    assert (answer["pair"] or {}).get("pair_id") == (ROWS[rows[0]].pair if rows else None)


def test_a_search_and_filters_meet(desk: Desk) -> None:
    assert told(get(desk, "/pair", step="next", text="w", kind="why"))["fitting"] == 1
    assert told(get(desk, "/pair", step="next", text="twice", kind="why"))["fitting"] == 0


@pytest.mark.parametrize(
    ("frame_id", "time"),
    [
        ("f000000000000", "00:00.0"),
        ("f000012480000", "00:12.4"),
        ("f000059999999", "00:59.9"),
        ("f003725000000", "01:02:05.0"),
        ("odd", "odd"),
    ],
)
def test_a_frame_is_told_by_its_time(frame_id: str, time: str) -> None:
    assert time_of(frame_id) == time


def test_the_overview_counts_what_can_be_filtered(desk: Desk) -> None:
    overview = told(get(desk, "/release"))
    assert overview["release"] == "small"
    assert overview["filters"]["split"] == [["test", 1], ["train", 3]]
    assert overview["states"] == {"accepted": 0, "fixed": 0, "rejected": 0, "undecided": 4}


def test_a_frame_is_shown_with_its_boxes(desk: Desk) -> None:
    boxed = get(desk, f"/frame/{ROWS[0].pair}/0")
    bare = get(desk, f"/frame/{ROWS[1].pair}/0")
    assert boxed.headers["Content-Type"] == "image/jpeg"
    images = [Image.open(io.BytesIO(answer.body)).convert("RGB") for answer in (boxed, bare)]
    edge = (round(images[0].width * 0.75), round(images[0].height * 0.5) + 1)
    assert images[0].getpixel(edge) != pytest.approx(images[1].getpixel(edge), abs=30)
    assert images[0].getpixel((5, 5)) == pytest.approx(images[1].getpixel((5, 5)), abs=12)


def test_a_frame_that_is_not_stored_is_a_404(release: Release, layout: Layout, sources: Sources) -> None:
    desk = Desk(release, layout, replace(sources, frame=lambda _v, _f: None), TOKEN, frozenset({HOST}))
    assert get(desk, f"/frame/{ROWS[0].pair}/0").status == 404


def test_the_page_holds_no_text_of_the_release_and_no_script_of_its_own(desk: Desk) -> None:
    page = get(desk, "/")
    assert isinstance(page.body, bytes)
    assert MARKUP.encode() not in page.body
    assert b"<script>" not in page.body
    assert b"style=" not in page.body
    assert b"{token}" not in page.body
    assert b"://" not in page.body


def test_no_shipped_file_writes_markup_or_asks_elsewhere(desk: Desk) -> None:
    script, style = get(desk, "/script.js"), get(desk, "/style.css")
    for word in (b"innerHTML", b"outerHTML", b"insertAdjacentHTML", b"document.write", b"eval(", b"://"):
        assert word not in script.body
    assert b"url(" not in style.body
    assert b"@import" not in style.body


# --- what it keeps ---------------------------------------------------------------------------------------------------


def test_a_decision_is_kept_at_once(desk: Desk, layout: Layout) -> None:
    answer = post(desk, pair_id=ROWS[1].pair, decision="fixed", answer="Thrice.", note="see 00:07", reviewer="ada")
    assert answer.status == 200
    assert told(answer)["states"]["fixed"] == 1
    kept = review.review(layout, ROWS[1].pair).now
    assert (kept.decision, kept.question, kept.answer, kept.note) == ("fixed", "How often?", "Thrice.", "see 00:07")
    shown = told(get(desk, "/pair", step="here", **{"from": ROWS[1].pair}))["pair"]["review"]
    assert (shown["decision"], shown["answer"], shown["before"]) == ("fixed", "Thrice.", 0)


def test_a_decision_is_taken_back(desk: Desk, layout: Layout) -> None:
    post(desk, pair_id=ROWS[1].pair, decision="accepted")
    assert told(post(desk, pair_id=ROWS[1].pair, decision="undecided"))["states"]["undecided"] == 4
    assert review.decisions(layout) == ()


def test_what_was_decided_before_the_page_is_opened_is_there(
    release: Release, layout: Layout, sources: Sources
) -> None:
    review.decide(layout, review.reviewable(release)[0], "accepted")
    desk = Desk(release, layout, sources, TOKEN, frozenset({HOST}))
    assert told(get(desk, "/release"))["states"]["accepted"] == 1


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"pair_id": ROWS[1].pair, "decision": "fixed", "answer": "Once <v>."}, 422),
        ({"pair_id": ROWS[1].pair, "decision": "maybe"}, 422),
        ({"pair_id": "q" + "0" * 16, "decision": "accepted"}, 404),
        ({"pair_id": "../../etc/passwd", "decision": "accepted"}, 404),
        ({"pair_id": ROWS[1].pair, "decision": ["accepted"]}, 400),
        ({"decision": "accepted"}, 404),
    ],
)
def test_a_decision_that_cannot_be_kept_is_told_and_keeps_nothing(
    desk: Desk, layout: Layout, decision: dict[str, Any], status: int
) -> None:
    answer = post(desk, **decision)
    assert answer.status == status
    assert told(answer)["error"]
    assert review.reviews(layout) == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"accepted"', b"[" * 50_000])
def test_a_body_that_is_no_decision_is_a_400(desk: Desk, body: bytes) -> None:
    headers = {"host": HOST, TOKEN_HEADER: TOKEN, "content-type": "application/json"}
    assert desk.answer(Request("POST", "/decide", headers, body)).status == 400


# --- whom it lets in -------------------------------------------------------------------------------------------------

PATHS = ["/", "/script.js", "/style.css", "/release", "/pair", f"/frame/{ROWS[0].pair}/0", f"/clip/{ROWS[0].pair}"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%FF", f"?TOKEN={TOKEN}"])
def test_nothing_is_answered_without_the_token(desk: Desk, path: str, query: str) -> None:
    answer = desk.answer(Request("GET", path + query, {"host": HOST}))
    assert answer.status == 403
    assert b"gvlm review" in answer.body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:9", "localhost:8123.evil", ""]
)
def test_a_name_that_was_bound_to_this_address_gets_nothing(desk: Desk, host: str) -> None:
    answer = desk.answer(Request("GET", f"/release?token={TOKEN}", {"host": host}))
    assert answer.status == 403
    assert post(desk, {"host": host}, pair_id=ROWS[0].pair, decision="accepted").status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: ""}, 403),
        ({TOKEN_HEADER: "wrong"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_another_page_cannot_decide(desk: Desk, layout: Layout, headers: dict[str, str], status: int) -> None:
    assert post(desk, headers, pair_id=ROWS[0].pair, decision="accepted").status == status
    assert review.reviews(layout) == ()


def test_the_token_of_the_address_is_not_enough_to_decide(desk: Desk, layout: Layout) -> None:
    body = json.dumps({"pair_id": ROWS[0].pair, "decision": "accepted"}).encode()
    headers = {"host": HOST, "content-type": "application/json"}
    assert desk.answer(Request("POST", f"/decide?token={TOKEN}", headers, body)).status == 403
    assert review.reviews(layout) == ()


def test_this_page_can_decide(desk: Desk) -> None:
    assert post(desk, {"origin": f"http://{HOST}"}, pair_id=ROWS[0].pair, decision="accepted").status == 200


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/frame/../0", f"/frame/{ROWS[0].pair}/1", f"/frame/{ROWS[0].pair}/-1", "/clip/" + "q" * 17,
     f"/frame/{ROWS[0].pair}/{'9' * 5000}", f"/frame/{ROWS[0].pair}/٠", "/card.md", "/pair/x", "/%2e%2e/"],
)  # fmt: skip
def test_no_path_of_a_request_leads_to_a_file(desk: Desk, path: str) -> None:
    assert desk.answer(Request("GET", f"{path}?token={TOKEN}", {"host": HOST})).status == 404


@pytest.mark.parametrize("target", ["http://[", f"/?{'a=1&' * 100}token={TOKEN}"])
def test_an_address_that_is_none_is_a_400(desk: Desk, target: str) -> None:
    assert desk.answer(Request("GET", target, {"host": HOST})).status == 400


@pytest.mark.parametrize("path", [*PATHS, "/none"])
def test_every_answer_carries_the_policy(desk: Desk, path: str) -> None:
    headers = get(desk, path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


# --- the video -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=999-", (999, 1000)),
        ("bytes=10-19", (10, 20)),
        ("bytes=990-5000", (990, 1000)),
        ("bytes=-10", (990, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=0-1,5-6", None),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_a_range_is_read_as_it_is_meant(header: str, span: tuple[int, int] | None) -> None:
    assert byte_range(header, 1000) == span


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_of_the_file_is_a_416(header: str) -> None:
    with pytest.raises(Refused) as refused:
        byte_range(header, 1000)
    assert refused.value.status == 416
    assert refused.value.headers == {"Content-Range": "bytes */1000"}


def test_a_part_is_served_only_of_the_file_that_is_there(desk: Desk) -> None:
    clip = f"/clip/{ROWS[0].pair}"
    tag = get(desk, clip).headers["ETag"]
    assert get(desk, clip, {"range": "bytes=5-9", "if-range": tag}).status == 206
    whole = get(desk, clip, {"range": "bytes=5-9", "if-range": '"other"'})
    assert whole.status == 200
    assert whole.length == len(VIDEO)


def test_a_video_that_is_not_stored_here_is_told(desk: Desk) -> None:
    assert get(desk, f"/clip/{ROWS[3].pair}").status == 404
    assert told(get(desk, "/pair", step="here", **{"from": ROWS[3].pair}))["pair"]["has_clip"] is False


def test_a_file_is_never_read_into_an_answer(desk: Desk) -> None:
    assert isinstance(get(desk, f"/clip/{ROWS[0].pair}").body, Part)


# --- over HTTP -------------------------------------------------------------------------------------------------------


class Browser:
    """One connection to the page as it is served."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.token = parse_qs(parts.query)["token"][0]
        self.address = (str(parts.hostname), int(parts.port or 0))
        self.connection = http.client.HTTPConnection(*self.address, timeout=20)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, f"{path}?token={self.token}", body, named)
        answer = self.connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def raw(self, request: bytes) -> bytes:
        with socket.create_connection(self.address, timeout=20) as plain:
            plain.sendall(request)
            return b"".join(iter(lambda: plain.recv(65536), b""))


@pytest.fixture
def browser(release: Release, layout: Layout, sources: Sources) -> Iterator[Browser]:
    server = review_page.serve(
        release, layout, evidence=sources.evidence, frame=sources.frame, source_path=sources.source_path
    )
    made = Browser(server.url)
    yield made
    made.connection.close()
    server.stop()


def test_the_page_is_served_on_this_machines_own_address_with_a_long_token(browser: Browser) -> None:
    assert browser.address[0] == "127.0.0.1"
    assert len(browser.token) >= 40
    status, headers, body = browser.ask("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert browser.token.encode() in body


def test_a_decision_over_http_is_in_the_lake(browser: Browser, layout: Layout) -> None:
    body = json.dumps({"pair_id": ROWS[0].pair, "decision": "rejected"}).encode()
    status, _, _ = browser.ask("/decide", "POST", body, content_type="application/json", x_gvlm_token=browser.token)
    assert status == 200
    assert review.decisions(layout)[0].decision == "rejected"


def test_a_video_comes_whole_in_parts_and_as_a_head(browser: Browser) -> None:
    clip = f"/clip/{ROWS[0].pair}"
    status, headers, body = browser.ask(clip)
    assert (status, headers["accept-ranges"], headers["content-type"]) == (200, "bytes", "video/mp4")
    assert body == VIDEO
    status, headers, body = browser.ask(clip, Range="bytes=300000-900000")
    assert (status, headers["content-range"]) == (206, f"bytes 300000-900000/{len(VIDEO)}")
    assert body == VIDEO[300000:900001]
    status, headers, body = browser.ask(clip, "HEAD", Range="bytes=10-")
    assert (status, headers["content-length"], body) == (206, str(len(VIDEO) - 10), b"")
    status, headers, _ = browser.ask(clip, Range=f"bytes={len(VIDEO)}-")
    assert (status, headers["content-range"]) == (416, f"bytes */{len(VIDEO)}")
    assert browser.ask("/release")[0] == 200  # the connection is still of use


def test_a_player_that_hangs_up_harms_nobody(browser: Browser) -> None:
    with socket.create_connection(browser.address, timeout=20) as plain:
        host = f"127.0.0.1:{browser.address[1]}"
        plain.sendall(f"GET /clip/{ROWS[0].pair}?token={browser.token} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        plain.recv(1000)
    assert browser.ask("/release")[0] == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"Content-Length: {MOST_BODY_BYTES + 1}", 413),
        (f"Content-Length: {'9' * 5000}", 413),
        ("Content-Length: -5", 411),
        ("Transfer-Encoding: chunked", 411),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", 411),
        ("X-Nothing: 1", 411),
    ],
)
def test_a_body_without_an_honest_length_is_not_read(browser: Browser, head: str, status: int) -> None:
    answer = browser.raw(f"POST /decide HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_their_bodies_are_no_requests(browser: Browser, method: str) -> None:
    hidden = b"GET /release HTTP/1.1\r\nHost: x\r\n\r\n"
    host = f"127.0.0.1:{browser.address[1]}"
    answer = browser.raw(
        f"{method} / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(hidden)}\r\n\r\n".encode() + hidden
    )
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_nothing_is_printed_of_a_request(browser: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    browser.ask("/")
    browser.ask("/none")
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_told(browser: Browser, release: Release, layout: Layout, sources: Sources) -> None:
    with pytest.raises(ReviewError, match="cannot be used"):
        review_page.serve(
            release,
            layout,
            evidence=sources.evidence,
            frame=sources.frame,
            source_path=sources.source_path,
            port=browser.address[1],
        )


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_number_that_is_no_port_is_told(release: Release, layout: Layout, sources: Sources, port: int) -> None:
    with pytest.raises(ReviewError, match=f"{port} is no port") as caught:
        review_page.serve(
            release,
            layout,
            evidence=sources.evidence,
            frame=sources.frame,
            source_path=sources.source_path,
            port=port,
        )
    assert "65535" in caught.value.remedy


def test_a_browser_that_goes_away_prints_nothing(browser: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    reset = struct.pack("ii", 1, 0)  # closing sends a reset instead of an end
    for request in (b"", b"GET / HT", b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nab"):
        plain = socket.create_connection(browser.address, timeout=20)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        plain.sendall(request)
        plain.close()
        deadline = time.monotonic() + 20
        while any("process_request" in each.name for each in threading.enumerate()) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert browser.ask("/release")[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "is_shown"),
    [(ConnectionResetError(), False), (BrokenPipeError(), False), (ValueError("a defect"), True), (OSError(5), True)],
)
def test_only_a_lost_connection_is_passed_over_in_silence(
    error: Exception, is_shown: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    server = review_page._Server(("127.0.0.1", 0), review_page._Handler)
    try:
        raise error
    except (OSError, ValueError):
        server.handle_error(None, ("127.0.0.1", 1))
    finally:
        server.server_close()
    assert (type(error).__name__ in capfd.readouterr().err) is is_shown


def test_a_page_that_was_stopped_answers_no_more(release: Release, layout: Layout, sources: Sources) -> None:
    server = review_page.serve(
        release, layout, evidence=sources.evidence, frame=sources.frame, source_path=sources.source_path
    )
    gone = Browser(server.url)
    server.stop()
    with pytest.raises(OSError, match=r"refused|reset"):
        gone.ask("/")
