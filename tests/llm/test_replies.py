from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.llm import replies
from gvlm_resources.llm.protocol import ChatReply, ChatRequest, Image, model_of
from gvlm_resources.llm.replies import ReplyStore, Stored

JPEG = b"\xff\xd8\xff\xe0picture-bytes\xff\xd9"
REQUEST = ChatRequest(
    system="rules",
    user="what happens?",
    images=(Image(JPEG, "Frame at 00:45"),),
    schema_name="pairs",
    schema={"type": "array", "items": {"type": "string"}},
    max_tokens=64,
)
REPLY = ChatReply('["ü"]', "doom-vl", False, 120, 30, 12.5, 2, True, "stop")


def stored(request: ChatRequest = REQUEST, **changed: object) -> Stored:
    reply = Stored(replies.digest(request, "doom-vl", 1), "doom-vl", "reply", REPLY, 120, 30, False, 0.0125)
    return replace(reply, **changed)


def test_a_reply_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put(stored())
    assert ReplyStore(tmp_path).find(replies.digest(REQUEST, "doom-vl", 1)) == stored()


def test_a_request_that_was_never_made_has_no_reply(tmp_path: Path) -> None:
    assert ReplyStore(tmp_path / "none").find("0" * 64) is None
    assert list(ReplyStore(tmp_path / "none").calls()) == []


def test_a_reply_lies_under_the_first_digits_of_its_id(tmp_path: Path) -> None:
    ReplyStore(tmp_path).put(stored())
    call = stored().call_id
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")] == [f"{call[1:3]}/{call}.json"]
    assert len(call) == 17


@pytest.mark.parametrize(
    "changed",
    [
        {"system": "other rules"},
        {"user": "what else?"},
        {"images": ()},
        {"images": (Image(JPEG, "Frame at 00:46"),)},
        {"images": (Image(JPEG + b"!", "Frame at 00:45"),)},
        {"schema": {"type": "array"}},
        {"schema": None},
        {"schema_name": "other"},
        {"max_tokens": 65},
        {"seed": 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_request_has_another_id(changed: dict[str, object]) -> None:
    assert replies.digest(replace(REQUEST, **changed), "doom-vl", 1) != replies.digest(REQUEST, "doom-vl", 1)


def test_another_model_or_try_has_another_id() -> None:
    ids = {replies.digest(REQUEST, model, attempt) for model in ("doom-vl", "other") for attempt in (1, 2)}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("name", "model"),
    [("doom-vl@127.0.0.1:8000", "doom-vl"), ("org/doom@v2@host", "org/doom@v2"), ("doom-vl", "doom-vl")],
)
def test_a_model_is_known_without_the_server_it_runs_on(name: str, model: str) -> None:
    assert model_of(name) == model


def test_neither_the_pictures_nor_the_prompt_stand_in_a_reply(tmp_path: Path) -> None:
    ReplyStore(tmp_path).put(stored())
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"picture-bytes" not in content
    assert b"what happens" not in content


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"prompt_tokens": 120', '"prompt_tokens": "many"'),
        lambda text: text.replace('"kind": "reply"', '"kind": "other"'),
        lambda text: json.dumps({**json.loads(text), "extra": 1}),
        lambda text: text.replace('"digest": "', '"digest": "0')[:],
    ],
    ids=["cut", "empty", "no object", "type", "kind", "extra", "of another request"],
)
def test_a_damaged_reply_is_named_with_what_to_do_and_not_passed_over(tmp_path: Path, damage) -> None:
    store = ReplyStore(tmp_path)
    store.put(stored())
    path = store.path(stored().call_id)
    path.write_text(damage(path.read_text()))
    for look in (lambda: store.find(stored().digest), lambda: store.get(stored().call_id)):
        with pytest.raises(LakeError, match="is damaged") as error:
            look()
        assert str(path) in error.value.cause
        assert "delete that file" in error.value.remedy


def test_a_writer_that_dies_leaves_no_reply_and_nothing_that_is_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ReplyStore(tmp_path)

    def die(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", die)
    monkeypatch.setattr(Path, "unlink", lambda *args, **kwargs: None)  # a killed writer does not sweep
    with pytest.raises(KeyboardInterrupt):
        store.put(stored())
    assert store.find(stored().digest) is None
    assert list(store.calls()) == []
    assert any(path.is_file() for path in tmp_path.rglob("*"))


def test_all_replies_are_listed_in_order(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    kept = [stored(replace(REQUEST, user=str(i))) for i in range(20)]
    for reply in kept:
        store.put(reply)
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "other.json").write_text("{}")
    assert list(store.calls()) == sorted(reply.call_id for reply in kept)
