"""Tokens: what a request may come to at most, and what a reply came to (pure).

No tokenizer of a model behind a server is at hand. So a text is taken to have a token for every three letters of a
word, for every digit (Qwen takes them one by one), mark and end of a line, and more for what is not ASCII. Of prompts
with rows of a timeline that is 1.4 to 1.6 times what the tokenizers of GPT-2 and Whisper make of them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from gvlm_resources.llm.protocol import ChatReply, ChatRequest

LETTERS_PER_TOKEN = 3
REQUEST_TOKENS = 50  # the chat template around a request
IMAGE_TOKENS = 255  # of the smallest picture, where a server counts tiles
PIXELS_PER_IMAGE_TOKEN = 500  # Qwen-VL has 784 or 1024, Claude 750; tiles of 512 x 512 come to 1540
UNKNOWN_IMAGE_TOKENS = 4_000  # of a picture that does not say how large it is
_WORD = re.compile(r"[A-Za-z]+")
_BLANK = re.compile(r"[ \t]+")
_SIZE_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # no length follows


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request and its reply. `is_estimated` where no server counted them."""

    prompt_tokens: int
    completion_tokens: int
    is_estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def at_most(request: ChatRequest, image_tokens: int | None = None) -> Usage:
    """An upper estimate. `image_tokens` is that of one picture, where the model is known to take more than most."""
    schema = json.dumps(request.schema) if request.schema is not None else ""
    captions = "".join(image.caption for image in request.images)
    texts = text_tokens(request.system + request.user + schema + captions)
    pictures = sum(image_tokens or picture_tokens(image.jpeg) for image in request.images)
    return Usage(REQUEST_TOKENS + texts + pictures, request.max_tokens, is_estimated=True)


def counted(request: ChatRequest, reply: ChatReply, image_tokens: int | None = None) -> Usage:
    """What the server counted; where it counted nothing, an estimate."""
    if reply.prompt_tokens > 0 and (reply.completion_tokens > 0 or not reply.text):
        return Usage(reply.prompt_tokens, reply.completion_tokens)
    prompt = reply.prompt_tokens or at_most(request, image_tokens).prompt_tokens
    written = reply.completion_tokens or min(text_tokens(reply.text), request.max_tokens)
    return Usage(prompt, written, is_estimated=True)


def text_tokens(text: str) -> int:
    """An upper estimate."""
    words = sum(-(-len(word) // LETTERS_PER_TOKEN) for word in _WORD.findall(text))
    rest = _BLANK.sub("", _WORD.sub("", text))
    return words + sum(max(1, len(mark.encode("utf-8", "replace")) - 1) for mark in rest)


def picture_tokens(jpeg: bytes) -> int:
    size = jpeg_size(jpeg)
    return UNKNOWN_IMAGE_TOKENS if size is None else IMAGE_TOKENS + -(-size[0] * size[1] // PIXELS_PER_IMAGE_TOKEN)


def jpeg_size(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the header has them; None where it has none."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker in _SIZE_MARKERS:
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
        if marker == 0xFF or marker in _BARE_MARKERS:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + max(2, int.from_bytes(jpeg[at + 2 : at + 4], "big"))
    return None
