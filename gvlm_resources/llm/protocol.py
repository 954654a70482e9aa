"""What is asked of a language model and what comes back (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


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
    """One turn: instructions, the user's text with pictures after it, and the JSON schema that the reply shall have."""

    system: str
    user: str
    images: tuple[Image, ...] = ()
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 512

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"a reply has one token or more, asked for {self.max_tokens}")


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model said. Tokens are the server's count, 0 where it gives none.

    `is_cut` is true where the reply ended at `max_tokens`. `model` is the name that the server gives itself.
    """

    text: str
    model: str
    is_cut: bool
    prompt_tokens: int
    completion_tokens: int
    latency_ms: float
    requests: int  # how often the server was asked for this reply: 1, and one more for each 429 or 5xx
    used_schema: bool  # whether the server was held to the schema


class ChatModel(Protocol):
    """A language model that takes pictures. `name` is `model@server`."""

    name: str

    def chat(self, request: ChatRequest) -> ChatReply:
        """Raises ServerError where no reply can be had."""
