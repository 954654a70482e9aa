"""What differs of two releases: videos, settings, examples, and whether one trains on what the other tests with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Decision, ReleaseSpec

MOST_SHOWN = 5  # of a list in words; JSON has the ids of all
MOST_CHARS = 100  # of a question or an answer in the text
SETTINGS = ("seed", "filters", "ratios", "dedup", "balance")
PINNED = "videos pinned to a split"
_COLUMNS = ("example_id", "pair_id", "video_id", "digest", "split", "kind", "question", "answer")


@dataclass(frozen=True)
class Changed:
    """One setting, as it was and as it is."""

    setting: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Moved:
    example_id: str
    before: str
    after: str


@dataclass(frozen=True)
class Shown:
    """One pair, for a person: what came, went or changed, and its words."""

    id: str  # of the example, of a decision that of the pair
    text: str


@dataclass(frozen=True)
class Difference:
    """From release `before` to release `after`; every list is in order.

    `rebuilt` are videos whose examples were made anew, `changed` examples in both whose content differs, `moved` those
    in another split. `kinds` has the number of examples of each kind in both. `leaks` are examples that `before` tests
    with and `after` trains on, under whatever id; `leaking_groups` groups of videos of which that is true. `shown` has
    a few of each list in words, each pair once; its keys are "examples added", "decisions removed" and so on.
    """

    before: str
    after: str
    videos_added: tuple[str, ...]
    videos_removed: tuple[str, ...]
    rebuilt: tuple[str, ...]
    settings: tuple[Changed, ...]
    decisions_added: tuple[str, ...]
    decisions_removed: tuple[str, ...]
    decisions_changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[Moved, ...]
    counts: Mapping[str, tuple[int, int]]
    kinds: Mapping[str, tuple[int, int]]
    leaks: tuple[str, ...]
    leaking_groups: tuple[str, ...]
    shown: Mapping[str, tuple[Shown, ...]]

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same examples in the same splits."""
        return not (self.added or self.removed or self.changed or self.moved)

    @property
    def warnings(self) -> tuple[str, ...]:
        told = []
        if self.leaks:
            told.append(
                f"{_number(len(self.leaks), 'example')} of the test split of {self.before} "
                f"{'is' if len(self.leaks) == 1 else 'are'} in the train split of {self.after}: "
                "do not compare models trained on the one by the test of the other"
            )
        if self.leaking_groups:
            told.append(
                f"{_number(len(self.leaking_groups), 'group')} of videos that {self.before} tests with "
                f"{'is' if len(self.leaking_groups) == 1 else 'are'} trained on in {self.after}"
            )
        return tuple(told)

    def as_json(self) -> dict[str, Any]:
        """Everything, with all ids."""
        return {**asdict(self), "warnings": list(self.warnings)}

    def as_text(self) -> str:
        """For a terminal: counts first, then a few of what came, went or changed, in words."""
        lines = [f"{self.before} -> {self.after}", *(f"WARNING: {warning}" for warning in self.warnings)]
        lines += ["examples", *self._counts()]
        if self.is_empty:
            lines.append("both hold the same examples in the same splits")
        for name, values in (("added", self.videos_added), ("removed", self.videos_removed), ("rebuilt", self.rebuilt)):
            lines += _videos(name, values)
        lines += [f"setting {change.setting}: {change.before} -> {change.after}" for change in self.settings]
        for name in ("added", "removed", "changed"):
            lines += self._some("decision", name, len(getattr(self, f"decisions_{name}")))
        for name in ("added", "removed", "changed", "moved"):
            lines += self._some("example", name, len(getattr(self, name)))
        lines += self._some("example", "leaks", len(self.leaks))
        return "\n".join(lines) + "\n"

    def _counts(self) -> list[str]:
        sums = [sum(both) for both in zip(*self.counts.values(), strict=True)]
        rows = {"all": (sums[0], sums[1]), **self.counts, **self.kinds}
        return [f"  {_counted(name, *counts)}" for name, counts in rows.items()]

    def _some(self, what: str, name: str, count: int) -> list[str]:
        if not count:
            return []
        shown = self.shown.get(f"{what}s {name}", ())
        head = "tested with before, trained on after" if name == "leaks" else name
        such = f", {len(shown)} of them:" if len(shown) < count else ":"
        return [f"{_number(count, what)} {head}{such if shown else ''}", *(f"  {one.text}" for one in shown)]


def diff(before: Release, after: Release) -> Difference:
    """What has to be said of the way from one release to another. Reads their specs and indexes, no lines."""
    one, other = before.spec, after.spec
    old, new = _index(before), _index(after)
    both = old.join(new, on="example_id", suffix="_after").sort("example_id")
    moved = both.filter(pl.col("split") != pl.col("split_after")).select("example_id", "split", "split_after")
    moves = tuple(Moved(*row) for row in moved.iter_rows())
    videos, videos_after = ({video.video_id: video.fingerprint for video in spec.inputs} for spec in (one, other))
    decided, decided_after = ({made.pair_id: made for made in spec.decisions} for spec in (one, other))
    examples = _examples(old, new, both)
    decisions = {
        "decisions_added": _missing(decided_after, decided),
        "decisions_removed": _missing(decided, decided_after),
        "decisions_changed": _different(decided, decided_after),
    }
    words = _Words(old, new, both)
    return Difference(
        before=one.name,
        after=other.name,
        videos_added=_missing(videos_after, videos),
        videos_removed=_missing(videos, videos_after),
        rebuilt=_different(videos, videos_after),
        settings=tuple(_settings(one, other)),
        **decisions,
        **examples,
        moved=moves,
        counts=_counts(old, new, "split", SPLITS),
        kinds=_counts(old, new, "kind", sorted({*old["kind"], *new["kind"]})),
        leaking_groups=_leaking_groups(before, after),
        shown={
            **{f"examples {name}": words.of_examples(ids) for name, ids in examples.items()},
            "examples moved": words.of_moved(moves),
            **{name.replace("_", " "): words.of_decisions(i, decided, decided_after) for name, i in decisions.items()},
        },
    )


def _examples(old: pl.DataFrame, new: pl.DataFrame, both: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """The ids of examples that came, went, changed, and leak."""
    test, train = old.filter(pl.col("split") == "test"), new.filter(pl.col("split") == "train")
    leaks = pl.concat([test.join(train, on=key, how="semi") for key in ("example_id", "digest")])
    return {
        "added": _ids(new.join(old, on="example_id", how="anti")),
        "removed": _ids(old.join(new, on="example_id", how="anti")),
        "changed": _ids(both.filter(pl.col("digest") != pl.col("digest_after"))),
        "leaks": _ids(leaks.unique("example_id")),
    }


class _Words:
    """Examples and decisions in words: those of `after` where both releases have them, with those of before."""

    def __init__(self, old: pl.DataFrame, new: pl.DataFrame, both: pl.DataFrame) -> None:
        self._old, self._new = old, new
        fixed = both.filter(
            (pl.col("question") != pl.col("question_after")) | (pl.col("answer") != pl.col("answer_after"))
        )
        self._before = {row["example_id"]: row for row in fixed.iter_rows(named=True)}

    def of_examples(self, ids: Sequence[str]) -> tuple[Shown, ...]:
        rows = self._rows("example_id", ids)
        return tuple(Shown(row["example_id"], self._said(row)) for row in rows)

    def of_moved(self, moved: Sequence[Moved]) -> tuple[Shown, ...]:
        ways = {one.example_id: f"{one.before} -> {one.after}" for one in moved}
        rows = self._rows("example_id", list(ways))
        return tuple(Shown(row["example_id"], f"{ways[row['example_id']]}  {self._said(row)}") for row in rows)

    def of_decisions(
        self, ids: Sequence[str], before: Mapping[str, Decision], after: Mapping[str, Decision]
    ) -> tuple[Shown, ...]:
        """A rejected pair is in the release before it was; of one in neither, the words that it was given are told."""
        some = ids[:MOST_SHOWN]
        rows = {row["pair_id"]: row for row in self._rows("pair_id", some)}
        return tuple(Shown(pair, self._decided(pair, rows.get(pair), before, after)) for pair in some)

    def _decided(
        self,
        pair: str,
        row: Mapping[str, Any] | None,
        before: Mapping[str, Decision],
        after: Mapping[str, Decision],
    ) -> str:
        what = " -> ".join(one[pair].decision for one in (before, after) if pair in one)
        if row is not None:
            return f"{what}  {self._said(row)}"
        kept = after.get(pair) or before[pair]
        return f"{what}  {_words(kept.question, kept.answer) if kept.question else f'{pair}, which is in neither'}"

    def _said(self, row: Mapping[str, Any]) -> str:
        told = f"{row['video_id']} {row['kind']}: {_words(row['question'], row['answer'])}"
        if (old := self._before.get(row["example_id"])) is not None:
            return f"{told}, before: {_words(old['question'], old['answer'])}"
        return told

    def _rows(self, key: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """A few of the rows named, one a pair, by id; those of `after` before those of `before`."""
        wanted = pl.DataFrame({key: list(ids)}, schema={key: pl.String})
        found = pl.concat([frame.select(_COLUMNS).join(wanted, on=key, how="semi") for frame in (self._new, self._old)])
        once = found.sort(key, maintain_order=True).unique("pair_id", keep="first", maintain_order=True)
        return once.head(MOST_SHOWN).to_dicts()


def _index(release: Release) -> pl.DataFrame:
    frame = pl.from_arrow(release.index.select(list(_COLUMNS)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _leaking_groups(before: Release, after: Release) -> tuple[str, ...]:
    """Groups of `before`'s test split of which a video is in `after`'s train split."""
    tested = {video["video_id"]: video["group"] for video in before.manifest["inputs"] if video["split"] == "test"}
    trained = {video["video_id"] for video in after.manifest["inputs"] if video["split"] == "train"}
    return tuple(sorted({group for video, group in tested.items() if video in trained}))


def _settings(one: ReleaseSpec, other: ReleaseSpec) -> list[Changed]:
    before, after = (_flat(spec.model_dump(mode="json", include=set(SETTINGS))) for spec in (one, other))
    told = [Changed(name, before[name], after[name]) for name in before if before[name] != after[name]]
    if one.pinned != other.pinned:
        told.append(Changed(PINNED, len(one.pinned), len(other.pinned)))
    return told


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SETTINGS:
        value = values[name]
        found |= {f"{name}.{part}": each for part, each in value.items()} if isinstance(value, dict) else {name: value}
    return found


def _missing(of: Mapping[str, Any], in_: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(set(of) - set(in_)))


def _different(before: Mapping[str, str | Decision], after: Mapping[str, str | Decision]) -> tuple[str, ...]:
    return tuple(sorted(name for name, value in before.items() if name in after and after[name] != value))


def _ids(frame: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(frame["example_id"].to_list()))


def _counts(before: pl.DataFrame, after: pl.DataFrame, column: str, words: Sequence[str]) -> dict[str, tuple[int, int]]:
    counts = [dict(frame[column].value_counts().iter_rows()) for frame in (before, after)]
    return {word: (counts[0].get(word, 0), counts[1].get(word, 0)) for word in words}


def _videos(name: str, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    rest = f" and {len(ids) - MOST_SHOWN} more" if len(ids) > MOST_SHOWN else ""
    return [f"{_number(len(ids), 'video')} {name}: {', '.join(ids[:MOST_SHOWN])}{rest}"]


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _words(question: str, answer: str) -> str:
    """Of a question and its answer as much as stands on a line."""
    return " ".join(_cut(" ".join(text.split())) for text in (question, answer))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"


def _counted(name: str, before: int, after: int) -> str:
    return f"{name}: {before}" if before == after else f"{name}: {before} -> {after} ({after - before:+d})"
