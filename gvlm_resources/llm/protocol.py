"""What is asked of a language model and what comes back (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gvlm_resources.errors import ServerError

TEMPERATURE = 0.0  # of every request, where the server takes one


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as JPEG, with a line of text that stands before it: "Frame at 00:45"."""

    jpeg: bytes
    caption: str

    def __post_init__(self) -> None:
        if not self.jpeg.startswith(b"\xff\xd8"):
            raise ValueError(f"{self.caption!r} is no JPEG")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One turn: instructions, the user's text with pictures after it, and the JSON schema that the reply shall have.

    `seed` is sent where it is given and the server takes one: some servers sample even at temperature 0.
    """

    system: str
    user: str
    images: tuple[Image, ...] = ()
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 512
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"a reply has one token or more, asked for {self.max_tokens}")


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model said. Tokens are the server's count, 0 where it gives none.

    `is_cut` is true where the reply ended at `max_tokens`. `model` is the name that the server gives itself. `finish`
    is the server's word for why the reply ended: `stop`, `length`, `content_filter`, `refusal`, or nothing.
    """

    text: str
    model: str
    is_cut: bool
    prompt_tokens: int
    completion_tokens: int
    latency_ms: float
    requests: int  # how often the server was asked for this reply: 1, and one more for each 429 or 5xx
    used_schema: bool  # whether the server was held to the schema
    finish: str = ""


class ChatModel(Protocol):
    """A language model that takes pictures. `name` is `model@server`. Safe to use from several threads."""

    name: str

    def chat(self, request: ChatRequest) -> ChatReply:
        """Raises ServerError where no reply can be had: TooLongError where only this request is too long."""


def model_of(name: str) -> str:
    """The model of `model@server`: what a reply is stored and priced under, wherever the server stands."""
    model, at, _ = name.rpartition("@")
    return model if at else name


class UnusableReplyError(ServerError):
    """The server replied, and what it replied cannot be read. It may have cost money, so the reply is kept here."""

    def __init__(self, cause: str, *, remedy: str, reply: ChatReply) -> None:
        super().__init__(cause, remedy=remedy)
        self.reply = reply


class RefusedError(UnusableReplyError):
    """The model, or a filter around it, refuses to answer."""


class EmptyReplyError(UnusableReplyError):
    """The reply holds no text."""


class TooLongError(ServerError):
    """The prompt of this one request is more than the model or its server takes. Nothing was paid."""

    def __init__(self, cause: str, *, remedy: str, requests: int) -> None:
        super().__init__(cause, remedy=remedy)
        self.requests = requests


class RetryWaits(Protocol):
    """Who is asked to wait before a request is sent again."""

    def before_retry(self, pause_s: float, *, for_all: bool) -> None:
        """Return after `pause_s`. With `for_all` nobody else who asks this server starts a request before that."""
