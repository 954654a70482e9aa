"""How questions are read: what their prompts show of the rows that the answers rest on, and what `extractive` answers.

    python benchmarks/questions.py LAKE [--languages en,de,es,fr] [--only PART_OF_ID] [--seed N] [--hold-out] [--list N]

The templates write pairs about each recording of the lake and the grounding check keeps some. The question of each is
asked as `gvlm ask` would: it is told here whether all or any of the rows that its answer rests on are among the rows
that a prompt shows, whether the part of the video that was read holds that of the pair, and whether the core without a
language model says what the pair's claims state. Rows that were found and for which a prompt of `reasoning.max_rows`
has no room are counted for themselves, as are rows that no timeline has (frames, tracked things).

`--hold-out` lists no template of a fixed third of them, so that rules can be written without having seen those.
Nothing is written into the lake. Exit code 1 where a language or a kind is below its target.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow as pa
from rapidfuzz import fuzz

from gvlm_resources import game, schemas, settings
from gvlm_resources.dataset import facts as facts_module
from gvlm_resources.dataset.claims import letters
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.grounding import grounding
from gvlm_resources.dataset.pairs import BEFORE_AFTER, KINDS, SAID_OR_SHOWN, UNANSWERABLE, WHEN, WHERE, WHY, Claim, Pair
from gvlm_resources.dataset.questions import templates, wording
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.reasoning import languages, phrases, prompts, retrieve
from gvlm_resources.reasoning.citing import as_row
from gvlm_resources.reasoning.extractive import ExtractiveCore
from gvlm_resources.reasoning.library import LibrarySource
from gvlm_resources.reasoning.protocol import Evidence, Row, StateReading, Video
from gvlm_resources.settings import Settings
from gvlm_resources.timebase import Span, format_clock
from gvlm_resources.timeline import embedding
from gvlm_resources.timeline.store import TimelineStore

TABLES = {
    "events": "timeline_events",
    "state": "game_state",
    "ocr": "ocr_text",
    "speech": "speech_transcript",
    "sounds": "sound_events",
    "entities": "entity_tracks",
    "frames": "frames",
}
TARGET, TARGET_KIND = 0.98, 0.95
WORST = 25
YES_OR_NO = ("yes_picked", "no_picked", "yes_hit", "no_hit")
ANSWERED_BY_ONE = (  # claim: the first; the others are about what stands around
    *("what_at", "what_picked", "what_weapon", "what_fired", "what_spent", "value_at", "yes_value", "no_value"),
    *("lowest", "highest"),
)
ALIKE = 80.0  # of 100: a text of the screen may be told as it was misread


@dataclass(frozen=True)
class Reading:
    """One pair's question, as it was read."""

    pair: Pair
    template: str
    cited: int  # rows of a timeline that the pair cites
    shown: int
    found: int  # of those not shown: found, and more than a prompt holds
    holds_span: bool
    answered: bool | None  # None where an answer in words cannot tell it
    text: str

    @property
    def all_shown(self) -> bool:
        return self.shown == self.cited


class InMemory:
    """A library source with its rows read once: the same rows, in the same order."""

    def __init__(self, source: LibrarySource) -> None:
        self._source = source
        self._rows: dict[str, tuple[Row, ...]] = {}
        self.search, self.looks_like, self.frame = source.search, source.looks_like, source.frame

    def videos(self) -> tuple[Video, ...]:
        return self._source.videos()

    def rows(self, *, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        name = video_id or self.videos()[0].video_id
        if name not in self._rows:
            self._rows[name] = self._source.rows(video_id=name, kinds=(), span=None)
        return tuple(
            row
            for row in self._rows[name]
            if (not kinds or row.kind in kinds or row.source in kinds) and (span is None or span.overlaps(row.span))
        )

    @cache  # noqa: B019 - one source a video, for as long as the benchmark runs
    def known(self) -> set[str]:
        """The ids that the timeline and the game state have; not those of frames, tracked things and single digits."""
        (video,) = self.videos()
        rows = self.rows(video_id=video.video_id, kinds=(), span=None)
        return ids([*rows, *map(as_row, self.states(video_id=video.video_id, variables=(), span=None))])

    def states(self, *, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        return self._source.states(video_id=video_id, variables=variables, span=span)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--languages", default="en,de,es,fr")
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hold-out", action="store_true")
    parser.add_argument("--list", type=int, default=WORST, help="how many of the worst templates")
    options = parser.parse_args()
    in_force = settings.load("cpu")
    asked = in_force.synthesis.model_copy(
        update={"languages": tuple(options.languages.split(",")), "seed": options.seed}
    )
    in_force = in_force.model_copy(update={"synthesis": asked})
    with tempfile.TemporaryDirectory(prefix="questions-benchmark-") as cached:
        readings = list(read_all(options.lake, Path(cached), in_force, options.only))
    if not readings:
        raise SystemExit(f"{options.lake} holds no video with a timeline and pairs")
    print_shares("kind", readings, lambda one: one.pair.kind, KINDS)
    print_shares("language", readings, lambda one: one.pair.language, in_force.synthesis.languages)
    print_shares("template", readings, lambda one: "held out" if is_held_out(one.template) else "seen")
    print_worst([one for one in readings if not (options.hold_out and is_held_out(one.template))], options.list)
    return 0 if reaches(readings) else 1


def read_all(root: Path, cached: Path, in_force: Settings, only: str) -> Iterator[Reading]:
    lake, catalogue = Lake(root), Catalogue(Layout(root))
    encoder = embedding.load("openvino", cache=cached)
    store = TimelineStore(Layout(root).timeline())
    for video_id in lake.partitions("timeline_index"):
        if only not in video_id:
            continue
        source = InMemory(
            LibrarySource(
                lake=lake,
                catalogue=catalogue,
                store=store,
                encoder=encoder,
                video_ids=[video_id],
                looks=lambda words, video_ids, span, limit: [],
            )
        )
        facts = gathered(lake, catalogue, video_id)
        pairs = grounding.check(templates.write(facts, in_force.synthesis), facts, in_force.synthesis)
        for pair in pairs:
            if pair.status == schemas.STATUS_OK:
                yield read(pair, source, in_force)


def gathered(lake: Lake, catalogue: Catalogue, video_id: str) -> Facts:
    record = catalogue.video(video_id)
    probe = json.loads(lake.get("video", video_id).path("probe.json").read_text())
    return facts_module.gather(
        video_id=video_id,
        title=record.title or video_id,
        duration_ns=probe["duration_ns"],
        game=game.load(record.game),
        **{name: stored(lake, asset, video_id) for name, asset in TABLES.items()},
    )


def stored(lake: Lake, asset: str, video_id: str) -> pa.Table:
    (name,) = lake.get(asset, video_id).files
    columns = [column for column in schemas.FRAMES.names if column != "image"] if asset == "frames" else None
    return read_table(lake.get(asset, video_id), name, columns=columns)


def read(pair: Pair, source: InMemory, in_force: Settings) -> Reading:
    reasoning, template = in_force.reasoning, template_of(pair.question, pair.language)
    videos = retrieve.chosen_videos(source, pair.video_id)
    question = languages.read(
        pair.question, duration_ns=videos[0].duration_ns, moment_window_s=reasoning.moment_window_s
    )
    evidence = retrieve.gather(question, videos, source, reasoning)
    kept = prompts.without_labels(question, evidence)
    shown, _ = prompts.chosen_rows(kept, reasoning.max_rows)
    here, there = ids(shown), ids([*rows_of(kept), *map(as_row, kept.states)])
    cited = [name for name in pair.evidence if name in source.known()]
    missing = [name for name in cited if name not in here]
    answer = ExtractiveCore().compose(question, evidence, source)
    return Reading(
        pair,
        template,
        len(cited),
        len(cited) - len(missing),
        sum(name in there for name in missing),
        covers(evidence, pair.span),
        says(pair, topic_of(template), answer.text, supported=answer.supported),
        answer.text,
    )


def rows_of(evidence: Evidence) -> Iterable[Row]:
    return (*evidence.rows, *evidence.unmatched, *evidence.elsewhere, *evidence.anchors, *evidence.context)


def ids(rows: Iterable[Row]) -> set[str]:
    """The ids of rows, and of those that they were made from."""
    return {name for row in rows for name in (row.row_id.rpartition("/")[2], *row.evidence)}


def covers(evidence: Evidence, span: Span) -> bool:
    """Whether the part of the video that was read holds the span."""
    scope = evidence.scopes[0]
    last = max(span.start_ns, min(span.end_ns, scope.video.duration_ns) - 1)
    return scope.everywhere or all(
        any(one.contains(point) for one in scope.spans) for point in (span.start_ns, span.middle_ns, last)
    )


# ------------------------------------------------------------------------------------- what the answer says


def says(pair: Pair, topic: str, text: str, *, supported: bool) -> bool | None:
    """Whether an answer holds what the pair's claims state; None for places, and where there is no claim."""
    if pair.kind == UNANSWERABLE:
        return not supported or re.search(r"\b(?:no|none|nothing|never|cannot)\b", text, re.I) is not None
    if topic in YES_OR_NO:
        is_no = any(claim.what == "count" and claim.value == 0 for claim in pair.claims)
        return text.startswith("No" if is_no else "Yes")
    told = asked_claims(pair, topic)
    if pair.kind == WHERE and any(claim.what != "moment" for claim in told):
        return None
    found = [is_told(claim, pair, text) for claim in told]
    return all(found) if found else None


def asked_claims(pair: Pair, topic: str) -> Sequence[Claim]:
    """The claims that answer; a long answer claims also what stands around, and how often something did not happen."""
    happened = [claim for claim in pair.claims if claim.what not in ("count", "sum") or claim.value]
    moments = [claim for claim in happened if claim.what == "moment"]
    if pair.kind == BEFORE_AFTER:
        return (
            moments[1:2] if topic in ("next_event", "previous_event") else moments[: 2 if topic == "which_first" else 1]
        )
    if pair.kind in (WHEN, WHERE):
        return moments[:1] or happened
    if pair.kind == SAID_OR_SHOWN:
        return [claim for claim in happened if claim.what in ("shown", "said")] or happened[:1]
    if topic in ("what_between", "what_nothing"):
        return [claim for claim in happened if claim.what != "value"] or pair.claims[:1]
    if topic in ANSWERED_BY_ONE or pair.kind == WHY:
        return happened[:1]
    return happened or pair.claims


def is_told(claim: Claim, pair: Pair, text: str) -> bool:
    if claim.what in ("count", "sum", "value", "lowest", "highest"):
        return holds_number(claim.value or 0, text)
    if claim.what in ("shown", "said"):
        return fuzz.partial_ratio(letters(claim.subject), letters(text)) >= ALIKE
    if claim.what == "order" or pair.kind in (WHEN, WHERE):
        return format_clock(claim.start_ns) in text
    if pair.kind == BEFORE_AFTER:
        return format_clock(claim.start_ns) in text and claim.subject.casefold() in text.casefold()
    if claim.what == "moment":
        named = claim.subject and claim.subject.casefold() in text.casefold()
        return bool(named) or (format_clock(claim.start_ns) in text and not claim.subject) or told_kind(claim, text)
    return True


def told_kind(claim: Claim, text: str) -> bool:
    """Whether what happened is told by its kind and its time, for events that are about nothing with a name."""
    words = phrases.words_for(claim.kind)
    named = any(word and word in text.casefold() for word in (words.one, words.many, words.past))
    return named and format_clock(claim.start_ns) in text and claim.kind not in ("pickup", "weapon_change", "sound")


def holds_number(value: float, text: str) -> bool:
    words = {0: r"no|none|never|nothing|not|0", 1: r"one|once|only|1", 2: r"two|twice|2"}.get(value, f"{value:.10g}")
    return re.search(rf"(?<![\w:.\[])(?:{words})(?![\w:.]?\w)", text, re.I) is not None


# ----------------------------------------------------------------------------------------------- templates


def template_of(question: str, language: str) -> str:
    """The template that a question was made with; topics that ask in the same words share a name."""
    found = (name for name, pattern in patterns(language) if pattern.fullmatch(question))
    return f"{language} {next(found, '?')}"


def topic_of(template: str) -> str:
    """`next_event` of `en next_event: Which ...`; of topics that ask in the same words, the first."""
    return template.partition(" ")[2].partition(":")[0]


@cache
def patterns(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    words = wording.load(language)
    found: dict[str, str] = {}
    for topic, told in words.topics.items():
        for ask in told.ask:
            if ask != "{question}":
                found.setdefault(ask, topic)
    for kind, event in words.events.items():
        if "how_many" in event:
            found.setdefault(event["how_many"], f"count of {kind}")
    for topic, told in words.unknowns.items():
        for ask in told.ask:
            found.setdefault(ask, topic)
    literal_first = sorted(found.items(), key=lambda item: -len(re.sub(r"\{\w+\}", "", item[0])))
    return tuple((f"{topic}: {ask}", as_pattern(ask)) for ask, topic in literal_first)


def as_pattern(ask: str) -> re.Pattern[str]:
    return re.compile(
        "".join("(.+?)" if part[0] == "{" else re.escape(part) for part in re.findall(r"\{\w+\}|[^{]+", ask))
    )


def is_held_out(template: str) -> bool:
    return zlib.crc32(template.encode()) % 3 == 0


# -------------------------------------------------------------------------------------------------- tables


@dataclass
class Tally:
    pairs: int = 0
    cited: int = 0
    all_shown: int = 0
    any_shown: int = 0
    no_room: int = 0
    spans: int = 0
    tellable: int = 0
    told: int = 0
    examples: list[Reading] = field(default_factory=list)

    def add(self, one: Reading) -> None:
        self.pairs += 1
        self.spans += one.holds_span
        self.tellable += one.answered is not None
        self.told += one.answered is True
        if one.cited:
            self.cited += 1
            self.all_shown += one.all_shown
            self.any_shown += one.shown > 0
            self.no_room += not one.all_shown and one.shown + one.found == one.cited
        self.examples.append(one)

    @property
    def share(self) -> float:
        """Of the pairs whose rows a prompt has room for: those with all of them shown."""
        room = self.cited - self.no_room
        return self.all_shown / room if room else 1.0


def tallied(readings: Iterable[Reading], key: Callable[[Reading], str]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    for one in readings:
        tallies[key(one)].add(one)
    return tallies


def print_shares(
    title: str, readings: Sequence[Reading], key: Callable[[Reading], str], order: Sequence[str] = ()
) -> None:
    tallies = tallied(readings, key)
    print(f"\n{title:<15}{'pairs':>7}{'cite':>7}{'all shown':>11}{'any':>8}{'no room':>9}{'span held':>11}{'told':>8}")
    for name in [*(order or sorted(tallies)), "all"]:
        tally = tallied(readings, lambda _: "all")["all"] if name == "all" else tallies.get(name)
        if tally is None:
            continue
        told = f"{tally.told / tally.tellable:>8.3f}" if tally.tellable else f"{'-':>8}"
        any_shown = f"{tally.any_shown / tally.cited:>8.3f}" if tally.cited else f"{'-':>8}"
        print(
            f"{name:<15}{tally.pairs:>7}{tally.cited:>7}{tally.share:>11.3f}{any_shown}{tally.no_room:>9}"
            f"{tally.spans / tally.pairs:>11.3f}{told}"
        )


def print_worst(readings: Sequence[Reading], limit: int) -> None:
    tallies = tallied(readings, lambda one: one.template)
    for title, lost, failed in (
        ("rows not shown", lambda t: t.cited - t.no_room - t.all_shown, lambda o: not o.all_shown),
        ("answer not told", lambda t: t.tellable - t.told, lambda o: o.answered is False),
    ):
        worst = sorted(((name, t) for name, t in tallies.items() if lost(t)), key=lambda item: -lost(item[1]))
        print(f"\n{title}: {len(worst)} of {len(tallies)} templates, most first")
        for name, tally in worst[:limit]:
            example = next(one for one in tally.examples if failed(one))
            print(f"  {lost(tally):>3} of {tally.pairs:>3}  {name}")
            print(f"      {example.pair.question!r} {example.pair.answer!r}: {example.text[:160]!r}")


def reaches(readings: Sequence[Reading]) -> bool:
    by_language = tallied(readings, lambda one: one.pair.language)
    by_kind = tallied(readings, lambda one: f"{one.pair.language} {one.pair.kind}")
    return all(t.share >= TARGET for t in by_language.values()) and all(
        t.share >= TARGET_KIND for t in by_kind.values()
    )


if __name__ == "__main__":
    sys.exit(main())
