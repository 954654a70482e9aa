"""Pairs of recordings whose truth is known, from the stored results of a lake to the engine's verdict.

    python benchmarks/pairs.py LAKE RECORDINGS_DIR... [--languages en,de] [--only PART_OF_NAME] [--corrupt] [--seed N]

LAKE holds built results of the recordings in RECORDINGS_DIR (NAME.truth.json, NAME.truth.parquet), which are found by
the SHA-256 of their source. Facts are gathered from the lake, `templates.write` writes, `grounding.check` checks, and
every kept pair is held against the engine's log: nothing but the judge reads the truth. Exit code 1 where less than
99 % of the kept pairs that can be checked are true, or less than 90 % can be checked.

`--corrupt` spoils one thing in each pair that the engine calls true (a number, a clock, the thing named, the rows
cited, the answer put into the question, yes for no) and counts what the check drops.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from gvlm_resources import game as game_module
from gvlm_resources import schemas
from gvlm_resources.dataset import facts as facts_module
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.grounding import grounding
from gvlm_resources.dataset.grounding.grounding_reading import yes_or_no
from gvlm_resources.dataset.grounding.grounding_text import Names, names_of, stated
from gvlm_resources.dataset.pairs import KINDS, Pair
from gvlm_resources.dataset.questions import templates
from gvlm_resources.evaluation.pairs import UNCHECKABLE, Judgement, TruthLog, judge, wilson
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.settings import SynthesisSettings
from gvlm_resources.simulator import truth as truth_module
from gvlm_resources.simulator.truth import Truth

TARGET_TRUE = 0.99
TARGET_CHECKABLE = 0.9
LISTED_FALSE = 200
TABLES = {
    "events": ("timeline_events", "events.parquet", schemas.TIMELINE_EVENTS),
    "state": ("game_state", "state.parquet", schemas.GAME_STATE),
    "ocr": ("ocr_text", "ocr.parquet", schemas.OCR_TEXT),
    "speech": ("speech_transcript", "speech.parquet", schemas.SPEECH),
    "sounds": ("sound_events", "sounds.parquet", schemas.SOUNDS),
    "entities": ("entity_tracks", "entities.parquet", schemas.ENTITIES),
    "frames": ("frames", "frames.parquet", schemas.FRAMES),
}


@dataclass(frozen=True)
class Video:
    """One recording: what the pipeline found of it, and what the engine logged."""

    facts: Facts
    names: Names
    log: TruthLog


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--languages", default="en")
    parser.add_argument("--only", default="")
    parser.add_argument("--corrupt", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = SynthesisSettings(languages=tuple(options.languages.split(",")))
    videos = list(read_videos(options.lake, options.recordings, options.only))
    if not videos:
        raise SystemExit(f"{options.lake} holds none of the recordings: build them first")
    checked = [(video, checked_pairs(video.facts, settings)) for video in videos]
    if options.corrupt:
        return print_corrupted(checked, settings, random.Random(options.seed))
    judged = [judge(pair, video.log, video.names) for video, pairs in checked for pair in pairs if pair.status == "ok"]
    dropped = [pair for _, pairs in checked for pair in pairs if pair.status != "ok"]
    print_dropped(dropped)
    print_kinds(judged)
    print_false(judged)
    return print_targets(videos, judged)


def read_videos(root: Path, folders: Sequence[Path], only: str) -> Iterator[Video]:
    lake = Lake(root)
    manifests = [path for folder in folders for path in sorted(folder.glob("*.truth.json")) if only in path.name]
    truths = {told.recording.video_sha256: told for told in map(truth_module.read, manifests)}
    for video_id in lake.partitions("timeline_events"):
        record = json.loads(lake.layout.video_record(video_id).read_text())
        told = truths.get(record["sha256"])
        if told is not None:
            yield read_video(lake, video_id, record, told)


def read_video(lake: Lake, video_id: str, record: dict[str, str], told: Truth) -> Video:
    game = game_module.load(record["game"])
    probe = json.loads(lake.get("video", video_id).path("probe.json").read_text())
    facts = facts_module.gather(
        video_id=video_id,
        title=record["title"],
        duration_ns=probe["duration_ns"],
        game=game,
        **{name: stored(lake, video_id, name) for name in TABLES},
    )
    return Video(facts, names_of(facts), TruthLog(told, game))


def stored(lake: Lake, video_id: str, name: str) -> pa.Table:
    asset, file, schema = TABLES[name]
    columns = [column for column in schema.names if column not in ("image", "mask", "rle")]
    return read_table(lake.get(asset, video_id), file, columns=columns)


def checked_pairs(facts: Facts, settings: SynthesisSettings) -> list[Pair]:
    return grounding.check(templates.write(facts, settings), facts, settings)


# ------------------------------------------------------------------------------------------ tables


def print_dropped(dropped: Sequence[Pair]) -> None:
    counts = Counter((pair.kind, pair.reason) for pair in dropped)
    reasons = [reason for reason in grounding.REASONS if any(found == reason for _, found in counts)]
    print(f"{'dropped':<16}{'all':>7}" + "".join(f"{reason:>18}" for reason in reasons))
    for kind in KINDS:
        numbers = [counts[kind, reason] for reason in reasons]
        print(f"{kind:<16}{sum(numbers):>7}" + "".join(f"{number:>18}" for number in numbers))
    for reason in reasons:
        first = next(pair for pair in dropped if pair.reason == reason)
        print(f"  {reason}: {first.question!r} {first.answer!r}: {first.detail}")


def print_kinds(judged: Sequence[Judgement]) -> None:
    print(f"\n{'kept':<16}{'pairs':>7}{'true':>7}{'false':>7}{'uncheckable':>13}{'share true':>12}   95 % interval")
    for kind in (*KINDS, "all"):
        verdicts = Counter(one.verdict for one in judged if kind in ("all", one.pair.kind))
        print(f"{kind:<16}{sum(verdicts.values()):>7}{line_of(verdicts)}")


def line_of(verdicts: Counter[str]) -> str:
    true, told = verdicts["true"], verdicts["true"] + verdicts["false"]
    low, high = wilson(true, told)
    share = f"{true / told:.4f}" if told else "-"
    return f"{true:>7}{verdicts['false']:>7}{verdicts[UNCHECKABLE]:>13}{share:>12}   {low:.4f} - {high:.4f}"


def print_false(judged: Sequence[Judgement]) -> None:
    for verdict in ("false", UNCHECKABLE):
        found = [one for one in judged if one.verdict == verdict]
        print(f"\n{verdict}: {len(found)}")
        for one in found[: LISTED_FALSE if verdict == "false" else 20]:
            pair = one.pair
            print(f"  {pair.video_id[:-13]} {pair.pair_id} {pair.kind} {pair.language}")
            print(f"    {pair.question!r} {pair.answer!r}")
            for detail in one.details:
                print(f"    {detail}")


def print_targets(videos: Sequence[Video], judged: Sequence[Judgement]) -> int:
    verdicts = Counter(one.verdict for one in judged)
    told = verdicts["true"] + verdicts["false"]
    true, checkable = verdicts["true"] / max(1, told), told / max(1, len(judged))
    print(f"\n{len(videos)} recordings, {len(judged)} pairs kept")
    print(f"{'met   ' if true >= TARGET_TRUE else 'MISSED'}  true of those checked >= {TARGET_TRUE}: {true:.4f}")
    print(f"{'met   ' if checkable >= TARGET_CHECKABLE else 'MISSED'}  checked >= {TARGET_CHECKABLE}: {checkable:.4f}")
    return 0 if true >= TARGET_TRUE and checkable >= TARGET_CHECKABLE else 1


# -------------------------------------------------------------------------------------- corruption

Spoil = Callable[[Pair, Video, random.Random], Pair | None]


def wrong_number(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """Another number in the answer's words; the claims stay."""
    found = [m for m in re.finditer(r"(?<![\w:.])\d+(?![\w:])", pair.answer) if not in_quotes(pair.answer, m.start())]
    if not found:
        return None
    at = chance.choice(found)
    wrong = int(at[0]) + chance.choice([-3, -2, -1, 1, 2, 3, 7])
    return None if wrong < 0 else replace(pair, answer=f"{pair.answer[: at.start()]}{wrong}{pair.answer[at.end() :]}")


def wrong_number_and_claims(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """Another number in the words and in the claims that state it."""
    spoiled = wrong_number(replace(pair, answer=pair.answer), video, chance)
    if spoiled is None:
        return None
    before, after = numbers(pair, video), numbers(spoiled, video)
    gone, come = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    if len(gone) != 1 or len(come) != 1 or not any(claim.value == gone[0] for claim in pair.claims):
        return None
    claims = tuple(replace(one, value=come[0]) if one.value == gone[0] else one for one in pair.claims)
    return replace(spoiled, claims=claims)


def shifted_clock(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """A clock of the answer some seconds earlier or later."""
    found = list(re.finditer(r"(?<![\d:])(\d\d):(\d\d)(?![\d:])", pair.answer))
    if not found:
        return None
    at = chance.choice(found)
    seconds = int(at[1]) * 60 + int(at[2]) + chance.choice([-9, -5, -3, -2, 2, 3, 5, 9])
    if seconds < 0:
        return None
    clock = f"{seconds // 60:02d}:{seconds % 60:02d}"
    return replace(pair, answer=f"{pair.answer[: at.start()]}{clock}{pair.answer[at.end() :]}")


def other_item(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """Another thing of the game in place of one that the answer names."""
    named = [name for name in things(video) if name.casefold() in pair.answer.casefold()]
    if not named:
        return None
    name = max(named, key=len)
    other = chance.choice([one for one in things(video) if one not in named and one.casefold() not in name.casefold()])
    return replace(pair, answer=re.sub(re.escape(name), other, pair.answer, count=1, flags=re.IGNORECASE))


def wrong_evidence(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """Every row cited in place of another one of the video; of pairs that state something that happened."""
    if not states_something(pair):
        return None
    rows = [event.event_id for event in video.facts.events] + [held.state_id for held in video.facts.states]
    others = [row for row in rows if row not in pair.evidence]
    return replace(pair, evidence=tuple(chance.sample(others, min(len(pair.evidence), len(others)))))


def no_evidence(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    return replace(pair, evidence=()) if states_something(pair) else None


def states_something(pair: Pair) -> bool:
    """Whether there is more to the pair than that something did not happen, which no row can show."""
    return bool(pair.evidence) and any(
        claim.what != "unknown" and not (claim.what in ("count", "sum") and not claim.value) for claim in pair.claims
    )


def leaked(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """The answer put into the question."""
    if pair.kind == "unanswerable" or not pair.evidence:
        return None
    return replace(pair, question=f"{pair.question.rstrip('?.!')}, given that the answer is {pair.answer.rstrip('.')}?")


def told_unknown(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """A number of the HUD or a count that the answer refuses."""
    if pair.kind not in ("state", "how_many") or pair.language != "en" or not pair.evidence:
        return None
    return replace(pair, kind="unanswerable", answer="That cannot be told from the video.", claims=())


def turned_round(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    """Yes where the answer says no, no where it says yes; of pairs with claims, which decide it."""
    said = yes_or_no(pair)
    if said is None or pair.kind == "unanswerable" or pair.language != "en" or not pair.claims:
        return None
    return replace(pair, answer=re.sub(r"^\w+", "No" if said else "Yes", pair.answer))


def as_of_a_model(spoil: Spoil) -> Spoil:
    """The same pair as a language model would give it: without claims."""

    def spoiled(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
        changed = spoil(pair, video, chance)
        return changed and replace(changed, claims=(), made_by="model@server")

    return spoiled


def unspoiled(pair: Pair, video: Video, chance: random.Random) -> Pair | None:
    return pair


SPOILS: dict[str, Spoil] = {
    "nothing (kept is right)": unspoiled,
    "number in the words": wrong_number,
    "number in words and claims": wrong_number_and_claims,
    "clock shifted": shifted_clock,
    "other thing named": other_item,
    "other rows cited": wrong_evidence,
    "no rows cited": no_evidence,
    "answer in the question": leaked,
    "refused though recorded": told_unknown,
    "yes for no, no for yes": turned_round,
}


def numbers(pair: Pair, video: Video) -> tuple[float, ...]:
    return stated(pair.answer, pair.language, video.names).numbers


def things(video: Video) -> list[str]:
    rules = (rule.subject for rule in video.facts.game.messages if rule.kind == "pickup" and rule.subject)
    return sorted(dict.fromkeys(rules))


def in_quotes(text: str, at: int) -> bool:
    return sum(text[:at].count(mark) for mark in "“„«") > sum(text[:at].count(mark) for mark in "”»")


def print_corrupted(
    checked: Sequence[tuple[Video, Sequence[Pair]]], settings: SynthesisSettings, chance: random.Random
) -> int:
    print(f"{'spoiled':<30}{'of':>12}{'pairs':>7}{'dropped':>9}{'share':>8}   reasons")
    for claims in (True, False):
        for name, spoil in SPOILS.items():
            if not claims and spoil in (wrong_number_and_claims, turned_round):
                continue
            print_spoil(name, spoil if claims else as_of_a_model(spoil), claims, checked, settings, chance)
    return 0


def print_spoil(
    name: str,
    spoil: Spoil,
    claims: bool,
    checked: Sequence[tuple[Video, Sequence[Pair]]],
    settings: SynthesisSettings,
    chance: random.Random,
) -> None:
    reasons: Counter[str] = Counter()
    total = 0
    for video, pairs in checked:
        true = [p for p in pairs if p.status == "ok" and judge(p, video.log, video.names).verdict == "true"]
        spoiled = [changed for pair in true if (changed := spoil(pair, video, chance)) is not None]
        total += len(spoiled)
        for pair in spoiled:  # one by one: a spoiled pair is no duplicate of the next, and no quota counts
            reasons.update(one.reason for one in grounding.check([pair], video.facts, settings) if one.status != "ok")
    dropped = sum(reasons.values())
    share = f"{dropped / total:.3f}" if total else "-"
    listed = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common(5))
    print(
        f"{name:<30}{'templates' if claims else 'a model':>12}{total:>7}{dropped:>9}{share:>8}   {listed}", flush=True
    )


if __name__ == "__main__":
    started = time.process_time()
    code = main()
    print(f"{time.process_time() - started:.1f} s of CPU")
    sys.exit(code)
