"""Questions and answers about one video, written by a language model.

Two passes: the first looks at the start of the video and says what holds for all of it (`context`); the second goes
through the video stretch by stretch with that in hand. What was asked and what came of it is a row of
`schemas.QA_CALLS`, whether it gave pairs or not. Pace, budgets, retries and the store of replies are the asker's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.dataset.writer import context, stretches, writer_prompts, writer_replies
from gvlm_resources.dataset.writer.context import Context
from gvlm_resources.dataset.writer.prompt_parts import caption
from gvlm_resources.dataset.writer.stretches import Wanted
from gvlm_resources.dataset.writer.writer_prompts import Shown
from gvlm_resources.dataset.writer.writer_replies import Read
from gvlm_resources.llm.asking import Answered, Asked
from gvlm_resources.llm.protocol import ChatRequest, Image
from gvlm_resources.llm.structured import reader
from gvlm_resources.settings import SynthesisSettings
from gvlm_resources.timebase import Span, ns_from_s

CONTEXT, PAIRS = "context", "pairs"  # purposes of a call
WRITER = "openai"  # as `synthesis.writers` names it
ANSWERED = ("json", "salvaged", "repaired", "retried")  # outcomes of a call that gave something
AT_ONCE = 32  # requests whose pictures are in memory at one time
DETAIL_CHARS = 1_000

FrameSource = Callable[[str], bytes | None]  # frame_id -> JPEG; None where there is no such frame


class Asks(Protocol):
    """`llm.asking.Asker`, as far as it is needed here. `model` is the name of the model alone."""

    model: str

    def ask(self, requests: Sequence[Asked]) -> list[Answered]: ...

    def measured(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Written:
    """What a language model wrote about one video.

    `pairs` are unchecked; those that could not be used as they stood have their reason. `calls` are as in
    `schemas.QA_CALLS`. `measured` is how the replies came this time, with `counts` under `came_of_requests`; it is no
    part of the result.
    """

    pairs: list[Pair]
    calls: pa.Table
    context: Context | None
    measured: dict[str, Any]

    def context_json(self) -> str:
        """The context as it is stored; `null` where there is none."""
        return context.as_json(self.context)

    def counts(self) -> dict[str, int]:
        """What came of the requests, the one about the start included; the same whenever it is built.

        `answered` gave pairs or the context; `nothing` said that nothing happens there; `not_asked` is what the video's
        budget did not hold.
        """
        return _counts(self.calls.column("outcome").to_pylist(), len(self.pairs))

    def summary(self) -> str:
        """The counts in words: "openai: 12 pairs of 5 replies, 3 requests not asked (budget)"."""
        counts = self.counts()
        if not counts["requests"]:
            return f"{WRITER}: nothing to ask about"
        told = [f"{_number(counts['pairs'], 'pair')} of {_number(counts['answered'], 'reply', 'replies')}"]
        if nothing := counts["nothing"]:
            told.append(f"{_number(nothing, 'reply', 'replies')} that nothing happens")
        told += [f"{counts[name]} {name}" for name in ("unreadable", "refused") if counts[name]]
        if left := counts["not_asked"]:
            told.append(f"{_number(left, 'request')} not asked (budget)")
        return f"{WRITER}: {', '.join(told)}"


def _counts(outcomes: Sequence[str], pairs: int) -> dict[str, int]:
    found = Counter(outcomes)
    return {
        "requests": len(outcomes),
        "answered": sum(found[outcome] for outcome in ANSWERED),
        **{outcome: found[outcome] for outcome in ("nothing", "unreadable", "refused")},
        "not_asked": found["budget"],
        "pairs": pairs,
    }


def _number(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"


@dataclass(frozen=True, slots=True)
class _Task:
    """One prompt about one stretch."""

    shown: Shown
    wanted: Wanted
    asked: Asked


def write(facts: Facts, frames: FrameSource, settings: SynthesisSettings, asker: Asks) -> Written:
    """Pairs about a video as the settings ask for them, by the model behind `asker`.

    The same facts, frames and replies give the same result. Where the video's budget is spent, the stretches left are
    rows with the outcome `budget`. Raises what the asker raises: ServerError, and BudgetError for the whole lake's.
    """
    known, rows = _first_pass(facts, frames, settings, asker)
    pairs: list[Pair] = []
    faults = 0
    tasks = _tasks(facts, frames, settings, known)
    while several := list(islice(tasks, AT_ONCE)):
        for task, answered in zip(several, asker.ask([task.asked for task in several]), strict=True):
            items = answered.value["pairs"] if answered.value is not None else []
            read = writer_replies.read(items, task.shown, facts, task.wanted, made_by=_writer(asker))
            rows.append(_row(facts, asker, task.asked, task.shown.span, answered, read))
            pairs += read.pairs
            faults += answered.bad_items + len(read.faults)
    came = _counts([row["outcome"] for row in rows], len(pairs))
    measured = {"items_that_are_no_pair": faults, "came_of_requests": came, **asker.measured()}
    return Written(pairs, pa.Table.from_pylist(rows, schema=schemas.QA_CALLS), known, measured)


def _writer(asker: Asks) -> str:
    """`model@server`: the address is left out, so that a server that moves changes no result."""
    return f"{asker.model}@server"


def _row(
    facts: Facts, asker: Asks, asked: Asked, span: Span, answered: Answered, read: Read | None = None
) -> dict[str, Any]:
    """One row of `schemas.QA_CALLS`."""
    detail = "; ".join(filter(None, [answered.detail, *(read.faults if read else ())]))
    return {
        "video_id": facts.video_id,
        "call_id": answered.call_id,
        "purpose": asked.purpose,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "model": _writer(asker),
        "outcome": answered.outcome,
        "pairs": len(read.pairs) if read else 0,
        "requests": answered.requests,
        "prompt_tokens": answered.prompt_tokens,
        "completion_tokens": answered.completion_tokens,
        "latency_ms": round(answered.latency_ms, 3),
        "cost_usd": answered.cost_usd,
        "detail": detail[:DETAIL_CHARS],
    }


# ----------------------------------------------------------------------------------------- first pass


def _first_pass(
    facts: Facts, frames: FrameSource, settings: SynthesisSettings, asker: Asks
) -> tuple[Context | None, list[dict[str, Any]]]:
    """What the start of the video tells of all of it, and the row of the call.

    None where it is not looked at or could not be read.
    """
    if settings.intro_s == 0:
        return None, []
    span = Span(0, min(facts.duration_ns, max(1, ns_from_s(settings.intro_s))))
    shown, images = _shown(facts, frames, span, settings)
    if not (shown.rows.rows or images):
        return None, []
    request = ChatRequest(
        system=context.SYSTEM,
        user=context.prompt(facts.title, facts.duration_ns, facts.game, span, shown.rows, shown.captions),
        images=images,
        schema_name=context.SCHEMA_NAME,
        schema=context.SCHEMA,
        max_tokens=min(context.MAX_TOKENS, settings.max_tokens),
        seed=settings.seed,
    )
    asked = Asked(request, _READ_CONTEXT, context.RETRY, CONTEXT)
    answered = asker.ask([asked])[0]
    rows = [_row(facts, asker, asked, span, answered)]
    if answered.value is None:
        return None, rows
    return context.read(answered.value, facts.game, made_by=_writer(asker), span=span), rows


# ---------------------------------------------------------------------------------------- second pass


def _tasks(facts: Facts, frames: FrameSource, settings: SynthesisSettings, known: Context | None) -> Iterator[_Task]:
    """The prompts for every stretch of which something is known and something wanted."""
    spans = stretches.cut(facts, settings.window_s)
    for index, span in enumerate(spans):
        wanted = stretches.wanted(settings, facts.duration_ns, index, len(spans))
        shown, images = _shown(facts, frames, span, settings)
        if not (shown.rows.rows or images):
            continue
        for one in wanted:
            request = ChatRequest(
                system=writer_prompts.SYSTEM,
                user=writer_prompts.prompt(facts.title, facts.duration_ns, facts.game, known, shown, one, index=index),
                images=images,
                schema_name=writer_prompts.SCHEMA_NAME,
                schema=writer_prompts.schema(one),
                max_tokens=settings.max_tokens,
                seed=settings.seed,
            )
            yield _Task(shown, one, Asked(request, _READ_PAIRS, writer_prompts.RETRY, PAIRS))


def _shown(
    facts: Facts, frames: FrameSource, span: Span, settings: SynthesisSettings
) -> tuple[Shown, tuple[Image, ...]]:
    """What a prompt shows of a span, with the pictures of its frames."""
    rows = stretches.rows_of(facts, span, min_confidence=settings.min_confidence, max_rows=settings.max_rows)
    chosen = stretches.frames_of(facts, span, settings.max_frames)
    jpegs = [(frame, jpeg) for frame in chosen if (jpeg := frames(frame.frame_id)) is not None]
    images = tuple(Image(jpeg, caption(frame.pts_ns)) for frame, jpeg in jpegs)
    ids = tuple(frame.frame_id for frame, _ in jpegs)
    return Shown(span, rows, ids, tuple(image.caption for image in images)), images


_READ_CONTEXT, _READ_PAIRS = reader(context.READABLE), reader(writer_prompts.READABLE)
