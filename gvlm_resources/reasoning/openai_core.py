"""The core that has a language model compose the answer, over any OpenAI-compatible server.

The model sees the rows and frames that were retrieved, and nothing else. What it cites is checked against them: a
citation that the evidence does not hold is removed, and an answer without one that holds is not supported.
"""

from __future__ import annotations

import time
from dataclasses import replace

from pydantic import SecretStr

from gvlm_resources.llm.openai_chat import OpenAIChat
from gvlm_resources.llm.protocol import ChatModel, ChatReply, ChatRequest, Image
from gvlm_resources.reasoning import prompts
from gvlm_resources.reasoning.citing import Cites
from gvlm_resources.reasoning.prompts import Prompt
from gvlm_resources.reasoning.protocol import Answer, Evidence, EvidenceSource, FrameRef, ReplyStatus, Usage
from gvlm_resources.reasoning.question import Question
from gvlm_resources.reasoning.reply import Checked, Reply, check, read
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import format_clock

RAW_CHARS = 2_000


class OpenAICore:
    """Composes answers with a `ChatModel`."""

    name = "openai"

    def __init__(self, chat: ChatModel, *, max_rows: int, max_frames: int, max_tokens: int) -> None:
        self._chat, self._max_rows = chat, max_rows
        self._max_frames, self._max_tokens = max_frames, max_tokens
        self.model = chat.name

    @staticmethod
    def connect(settings: ReasoningSettings, *, api_key: str = "") -> OpenAICore:
        """A core on the server of the settings. Raises SettingsError for an address that cannot be used."""
        key = SecretStr(api_key) if api_key else None
        chat = OpenAIChat(settings.base_url, settings.model, api_key=key, timeout_s=settings.timeout_s)
        return OpenAICore(
            chat, max_rows=settings.max_rows, max_frames=settings.max_frames, max_tokens=settings.max_tokens
        )

    def compose(self, question: Question, evidence: Evidence, source: EvidenceSource) -> Answer:
        """The model's answer, its citations checked. Raises ServerError where no reply can be had.

        A reply that cannot be read is asked for once more; if that fails too, the answer says so, is not supported,
        and keeps the raw text in its notes.
        """
        started = time.perf_counter()
        prompt = prompts.write(question, evidence, max_rows=self._max_rows)
        frames, images = self._frames(evidence, prompt, source)
        request = ChatRequest(
            system=prompt.system,
            user=prompt.user,
            images=images,
            schema_name=prompts.REPLY_NAME,
            schema=prompts.REPLY_SCHEMA,
            max_tokens=self._max_tokens,
        )
        chats, reply, status = self._ask(request)
        cites = Cites(evidence.videos)
        checked = check(reply, prompt, cites) if reply else _unreadable(chats)
        notes = [*question.notes, *evidence.notes, *checked.notes, *_circumstances(chats, prompt, images, reply)]
        return Answer(
            question=question.text,
            text=checked.text,
            citations=tuple(cites.citations),
            evidence=tuple(cites.rows.values()),
            frames=frames,
            core=self.name,
            model=f"{chats[-1].model}@{self.model.rpartition('@')[2]}",
            supported=reply is not None and reply.can_tell and checked.valid > 0,
            confidence=_confidence(cites, checked),
            notes=tuple(dict.fromkeys(notes)),
            usage=_usage(chats, started),
            trace=evidence.lookups,
            reply_status=status,
        )

    def _frames(
        self, evidence: Evidence, prompt: Prompt, source: EvidenceSource
    ) -> tuple[tuple[FrameRef, ...], tuple[Image, ...]]:
        """The frames to show, with the picture of each that has one."""
        shown, images = [], []
        starts = {(row.video_id, row.frame_id): row.start_ns for row in reversed(prompt.rows)}
        for ref in prompts.frames_for(evidence, prompt.rows, self._max_frames):
            jpeg = source.frame(ref.video_id, ref.frame_id)
            if jpeg is not None:
                shown.append(ref)
                caption = f"Frame of {ref.video_id} at {format_clock(starts[ref.video_id, ref.frame_id])}:"
                images.append(Image(jpeg, caption))
        return tuple(shown), tuple(images)

    def _ask(self, request: ChatRequest) -> tuple[list[ChatReply], Reply | None, ReplyStatus]:
        """One reply, or a second where the first cannot be read; with more room where the first was cut off."""
        first = self._chat.chat(request)
        reply = read(first.text)
        if reply is not None:
            return [first], reply, "salvaged" if reply.salvaged else "json"
        room = request.max_tokens * (2 if first.is_cut else 1)
        second = self._chat.chat(replace(request, user=f"{request.user}\n\n{prompts.RETRY}", max_tokens=room))
        reply = read(second.text)
        return [first, second], reply, "failed" if reply is None else "retried"


def _unreadable(chats: list[ChatReply]) -> Checked:
    raw = chats[-1].text[:RAW_CHARS]
    text = f"{chats[-1].model} replied twice with something that is no answer. Ask again, or use another model."
    return Checked(text=text, notes=[f"The raw reply was: {raw}"])


def _circumstances(chats: list[ChatReply], prompt: Prompt, images: tuple[Image, ...], reply: Reply | None) -> list[str]:
    """What a reader of the answer should know about how it came to be."""
    notes = []
    if prompt.left_out:
        notes.append(f"{prompt.left_out} of the rows found were not shown to the model.")
    if not chats[-1].used_schema:
        notes.append("The server does not hold replies to a JSON schema.")
    if chats[-1].is_cut:
        notes.append("The reply was cut off at reasoning.max_tokens.")
    if reply is not None and not reply.can_tell:
        notes.append("The model says that the evidence does not hold the answer.")
    return notes


def _confidence(cites: Cites, checked: Checked) -> float | None:
    """See `protocol.CONFIDENCE_MEANING`: how sure the cited rows are, times the share of citations that hold."""
    weakest = cites.confidence()
    return None if weakest is None else weakest * checked.valid / checked.given


def _usage(chats: list[ChatReply], started: float) -> Usage:
    return Usage(
        prompt_tokens=sum(chat.prompt_tokens for chat in chats),
        completion_tokens=sum(chat.completion_tokens for chat in chats),
        compose_ms=(time.perf_counter() - started) * 1000,
        requests=sum(chat.requests for chat in chats),
    )
