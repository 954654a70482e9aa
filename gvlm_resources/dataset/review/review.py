"""What people decided about pairs: kept one small file a pair, and fed into the next release.

A pair's id is made of its words, so a decision holds for the same words however often they are rebuilt, and for no
others. A decision is never written over: what was decided before stands in the file's history. Files are replaced
whole, under one lock, so that several reviewers, and a file read while the page is open, lose nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
from filelock import FileLock

from gvlm_resources.dataset.examples.curriculum_text import is_plain
from gvlm_resources.dataset.examples.example import EMBEDDING_TOKENS, TOKEN_BOX
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.errors import GvlmError, LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import Layout
from gvlm_resources.timebase import Span

VERDICTS = ("accepted", "fixed", "rejected")
UNDECIDED = "undecided"  # what a page and a file call it where nothing is decided

MOST_CHARS = 4_000
_PAIR_ID = re.compile(r"q[0-9a-f]{16}")
_TOKENS = re.compile("|".join([*map(re.escape, EMBEDDING_TOKENS), "<ts=?"]))
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class ReviewError(GvlmError):
    """A decision or a review file cannot be taken as it stands."""


@dataclass(frozen=True, slots=True)
class Reviewable:
    """One pair of a release. Its words are those of the release; `split` and `offset` lead to an example of it."""

    pair_id: str
    video_id: str
    kind: str
    language: str
    made_by: str
    split: str
    offset: int
    start_ns: int
    end_ns: int
    question: str
    answer: str

    @property
    def span(self) -> Span:
        return Span(self.start_ns, max(self.end_ns, self.start_ns + 1))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision, now or before. `decision` is empty where it was taken back."""

    decision: str
    question: str = ""
    answer: str = ""
    note: str = ""
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What is kept of one pair. `asked_question` and `asked_answer` are its words when somebody first decided."""

    pair_id: str
    video_id: str
    kind: str
    asked_question: str
    asked_answer: str
    now: Verdict
    history: tuple[Verdict, ...] = ()


def reviewable(release: Release) -> list[Reviewable]:
    """The pairs of a release, each once, by video and time. The example with the fewest vectors stands for a pair."""
    index = pl.from_arrow(release.index)
    assert isinstance(index, pl.DataFrame)
    order = [pl.col("embeddings") == 0, "embeddings", "example_id"]
    once = index.sort(order).unique("pair_id", keep="first", maintain_order=True)
    rows = once.sort("video_id", "start_ns", "kind", "pair_id").select(*Reviewable.__dataclass_fields__)
    return [Reviewable(**row) for row in rows.iter_rows(named=True)]


def decide(
    layout: Layout,
    pair: Reviewable,
    decision: str,
    *,
    question: str = "",
    answer: str = "",
    note: str = "",
    reviewer: str = "",
) -> Review:
    """Keep a decision about a pair. Of a fixed pair, words that are left empty stay as they are.

    Whoever accepts a pair in the words that a reviewer gave it accepts those: it stays fixed. Raises ReviewError where
    the decision is none, or the new words are no pair.
    """
    new = verdict(pair, decision, question=question, answer=answer, note=note, reviewer=reviewer)
    known = review(layout, pair.pair_id)
    words = (pair.question, pair.answer)
    if decision == "accepted" and known is not None and (known.now.question, known.now.answer) == words:
        new = replace(new, decision="fixed", question=pair.question, answer=pair.answer)
    return _keep(layout, pair.pair_id, new, _first(pair))


def verdict(
    pair: Reviewable, decision: str, *, question: str = "", answer: str = "", note: str = "", reviewer: str = ""
) -> Verdict:
    """A decision about a pair as it would be kept. Raises ReviewError as `decide` does."""
    new = Verdict(decision, note=_line(note), reviewer=_line(reviewer))
    if decision == "fixed":
        return replace(new, **dict(zip(("question", "answer"), fixed_words(pair, question, answer), strict=True)))
    if decision not in VERDICTS:
        remedy = f"write one of {', '.join(VERDICTS)}, or {UNDECIDED} to take a decision back"
        raise ReviewError(f"{decision[:40]!r} is no decision", remedy=remedy)
    return new


def withdraw(layout: Layout, pair_id: str, *, reviewer: str = "") -> Review | None:
    """Take the decision about a pair back; it stays in the history. None where nothing was decided."""
    known = review(layout, pair_id)
    if known is None or not known.now.decision:
        return known
    return _keep(layout, pair_id, Verdict("", reviewer=_line(reviewer)), known)


def fixed_words(pair: Reviewable, question: str, answer: str) -> tuple[str, str]:
    """New words of a pair, checked as those of any other. Raises ReviewError, saying what is wrong with them."""
    words = {
        "question": (" ".join(question.split()) or pair.question, pair.question),
        "answer": (answer.strip() or pair.answer, pair.answer),
    }
    for name, (new, old) in words.items():
        for complaint in _complaints(new, old):
            raise ReviewError(f"the new {name} {complaint}", remedy="correct it; nothing was kept")
    if all(new == old for new, old in words.values()):
        raise ReviewError("a fixed pair has the words it had", remedy="change them, or accept the pair")
    return words["question"][0], words["answer"][0]


def _complaints(new: str, old: str) -> Iterator[str]:
    if len(new) > MOST_CHARS:
        yield f"has {len(new):,} characters, at most {MOST_CHARS:,} are kept"
    if found := _TOKENS.search(new):
        yield f"holds {found.group()}, which stands for a vector or a time"
    elif not is_plain(new):
        yield "holds what would be taken for a token, or cannot be seen"
    if new.count(TOKEN_BOX) != old.count(TOKEN_BOX):
        yield f"holds {new.count(TOKEN_BOX)} {TOKEN_BOX}, the pair has {old.count(TOKEN_BOX)}"


def review(layout: Layout, pair_id: str) -> Review | None:
    """What is kept of one pair; None where nobody decided anything."""
    path = layout.reviews() / f"{_checked(pair_id)}.json"
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{path} is damaged: {error}", remedy="correct the file, or delete it and decide again"
        ) from error


def reviews(layout: Layout) -> tuple[Review, ...]:
    """All that is kept, by pair id, what was taken back too."""
    folder = layout.reviews()
    if not folder.is_dir():
        return ()
    ids = sorted(p.stem for p in folder.iterdir() if p.suffix == ".json" and _PAIR_ID.fullmatch(p.stem))
    return tuple(found for pair_id in ids if (found := review(layout, pair_id)) is not None)


def decisions(layout: Layout) -> tuple[Decision, ...]:
    """What the next release is made with, by pair id."""
    return tuple(
        Decision(
            pair_id=found.pair_id,
            decision=found.now.decision,
            question=found.now.question,
            answer=found.now.answer,
            note=found.now.note,
        )
        for found in reviews(layout)
        if found.now.decision
    )


def orphans(release: Release, kept: Sequence[Review]) -> tuple[Review, ...]:
    """Decisions about pairs of the release's videos that it neither holds nor left out: their words are no longer made.

    They stay where they are, and hold again when the same words come back.
    """
    videos = {video.video_id for video in release.spec.inputs}
    there = set(release.index["pair_id"].to_pylist()) | set(release.removed["pair_id"].to_pylist())
    return tuple(r for r in kept if r.now.decision and r.video_id in videos and r.pair_id not in there)


@dataclass(frozen=True, slots=True)
class Applying:
    """What becomes of decisions in a release of some videos.

    `met` are about pairs of these videos; `orphans` about pairs of these videos that are made in other words now;
    `elsewhere` about pairs of other videos.
    """

    met: tuple[Review, ...]
    orphans: tuple[Review, ...]
    elsewhere: tuple[Review, ...]

    @property
    def total(self) -> int:
        return len(self.met) + len(self.orphans) + len(self.elsewhere)

    def summary(self) -> str:
        """In words, for a terminal: "2 of 6 decisions apply; 4 are of pairs that these videos do not have any more"."""
        if not self.total:
            return "no decisions"
        parts = [f"{len(self.met)} of {_counted(self.total, 'decision')} {'applies' if self.total == 1 else 'apply'}"]
        if count := len(self.orphans):
            parts.append(f"{_are_of(count)} that these videos do not have any more")
        if count := len(self.elsewhere):
            parts.append(f"{_are_of(count)} of other videos")
        return "; ".join(parts)


def applying(kept: Sequence[Review], pair_ids: Collection[str], video_ids: Collection[str]) -> Applying:
    """Which decisions meet a pair of a release's inputs, before it is made.

    `pair_ids` are those of the examples of the videos `video_ids`: `release.pair_ids` reads them.
    """
    videos, pairs = frozenset(video_ids), frozenset(pair_ids)
    decided = [found for found in kept if found.now.decision]
    return Applying(
        met=tuple(one for one in decided if one.pair_id in pairs),
        orphans=tuple(one for one in decided if one.pair_id not in pairs and one.video_id in videos),
        elsewhere=tuple(one for one in decided if one.pair_id not in pairs and one.video_id not in videos),
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _are_of(count: int) -> str:
    return f"{count} is of a pair" if count == 1 else f"{count} are of pairs"


def _keep(layout: Layout, pair_id: str, new: Verdict, first: Review) -> Review:
    with _locked(layout):
        known = review(layout, pair_id)
        if known is not None and known.now == new:
            return known
        if known is None:
            made = replace(first, now=new, history=())
        else:
            made = replace(known, now=new, history=(*known.history, known.now))
        path = layout.reviews() / f"{_checked(pair_id)}.json"
        files.write_atomic(path, (json.dumps(asdict(made), ensure_ascii=False, indent=1) + "\n").encode())
    return made


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    path = layout.lock("reviews", "all")
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


def _first(pair: Reviewable) -> Review:
    return Review(pair.pair_id, pair.video_id, pair.kind, pair.question, pair.answer, Verdict(""))


def _read(record: Mapping[str, Any]) -> Review:
    history = tuple(Verdict(**before) for before in record["history"])
    made = Review(**{**record, "now": Verdict(**record["now"]), "history": history})
    if made.now.decision not in ("", *VERDICTS):
        raise ValueError(f"{made.now.decision!r} is no decision")
    return made


def _checked(pair_id: str) -> str:
    if not _PAIR_ID.fullmatch(pair_id):
        raise ReviewError(f"{pair_id[:40]!r} is no pair id", remedy="a pair id is q and 16 hex digits")
    return pair_id


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:MOST_CHARS]
