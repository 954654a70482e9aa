"""Releases of a lake: what goes into one, how it is built once and then stays, and what its checks say."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gvlm_assets import stored
from gvlm_resources import game as games
from gvlm_resources import recipes, schemas
from gvlm_resources.bindings import LakeFolder, Models
from gvlm_resources.errors import LakeError, ReleaseError
from gvlm_resources.lake import keeping
from gvlm_resources.lake.fingerprint import Recipe, canonical_json
from gvlm_resources.lake.keeping import Keeper
from gvlm_resources.lake.layout import checked_key
from gvlm_resources.lake.store import Lake, Result, read_table
from gvlm_resources.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from gvlm_resources.dataset.cards.audit import AuditFinding, Known
    from gvlm_resources.dataset.examples.vectors import Vectors
    from gvlm_resources.dataset.facts import Facts
    from gvlm_resources.dataset.releases.release_files import Release
    from gvlm_resources.dataset.releases.release_spec import Input, ReleaseSpec
    from gvlm_resources.dataset.review.review_words import Told

SET = "training_set"
CACHED_VIDEOS = 16
KEPT_ASSETS = sorted({"video", *stored.EVIDENCE_IDS, *stored.VECTOR_IDS})
KEPT = "kept"  # in a release's folder: a lake with what its lines name, as it was when the release was built
EXAMPLES = "training_examples"
CHECKS = {
    "leakage": "No video, footage, pair or example stands in two splits; it warns where videos were left out for that.",
    "repeated_words": "The words of held-out examples seldom stand in train as well; it warns otherwise.",
    "empty_split": "Every split that was asked for holds examples.",
    "schema": "Every line is valid.",
    "broken_references": "Every frame, vector, box and evidence id is there.",
    "manifest": "The files are those that the manifest names.",
    "licence_unknown": "Every video's licence is known.",
    "label_balance": "No kind of question, and no answer to one, is too much of a split; it warns otherwise.",
    "time_coverage": "Most of the minutes of the videos have an example; it warns otherwise.",
}


@dataclass(frozen=True)
class Choice:
    """The videos of a release, and those that were left out because their examples are not built."""

    inputs: Sequence["Input"]
    unbuilt: Sequence[str]


def choose(lake_folder: LakeFolder, video_ids: Sequence[str], *, games: Sequence[str] = ()) -> Choice:
    """The videos named, or all of the library (of these games). Raises ReleaseError where one that is named has no
    training examples, or none has any."""
    lake, catalogue = lake_folder.lake(), lake_folder.catalogue()
    wanted = sorted(set(video_ids)) or catalogue.video_ids()
    records = [record for record in map(catalogue.video, wanted) if not games or record.game in games]
    unbuilt = [record.video_id for record in records if lake.find(EXAMPLES, record.video_id) is None]
    if unbuilt and video_ids:
        raise ReleaseError(
            f"{', '.join(unbuilt[:5])} has no training examples", remedy=f"run `gvlm build {' '.join(unbuilt[:5])}`"
        )
    inputs = [_input(lake, record) for record in records if record.video_id not in unbuilt]
    if not inputs:
        raise ReleaseError("no video has training examples", remedy="run `gvlm build` first")
    return Choice(inputs, unbuilt)


def stale(lake_folder: LakeFolder, settings: Settings, models: Models, inputs: "Sequence[Input]") -> list[str]:
    """Videos whose examples were made with other settings, models or code than those in force."""
    identities = models.identities(settings)
    return [
        video.video_id for video in inputs if video.fingerprint != _expected(lake_folder, settings, identities, video)
    ]


def _expected(lake_folder: LakeFolder, settings: Settings, known: Mapping[str, str], video: "Input") -> str:
    from gvlm_resources.dataset.imports import imports

    return recipes.expected(
        source=video.source_sha256,
        settings=settings,
        game=games.load(video.game),
        models=known,
        imports=imports.digests(lake_folder.lake().layout, video.video_id),
        title=video.title,
    )[EXAMPLES].fingerprint()


def _input(lake: Lake, record: Any) -> "Input":
    from gvlm_resources.dataset.releases.release_spec import Input

    probe = json.loads(lake.get("video", record.video_id).path(stored.PROBE).read_text())
    return Input(
        video_id=record.video_id,
        fingerprint=lake.get(EXAMPLES, record.video_id).fingerprint,
        source_sha256=record.sha256,
        title=record.title,
        game=record.game,
        licence=record.licence,
        origin=record.origin,
        duration_ns=probe["duration_ns"],
    )


def spec(lake_folder: LakeFolder, name: str, video_ids: Sequence[str], **parts: Any) -> "ReleaseSpec":
    """What a release of these videos (none: of all) is, with what reviewers have decided by now."""
    from gvlm_resources.dataset.releases import release
    from gvlm_resources.dataset.review import review

    decisions = review.decisions(lake_folder.lake().layout)
    return release.spec_of(name, choose(lake_folder, video_ids).inputs, decisions=decisions, **parts)


def splits_of(lake_folder: LakeFolder, name: str) -> Mapping[str, str]:
    """The split of each video of a built release. Raises ReleaseError where there is none of that name."""
    from gvlm_resources.dataset.releases import release

    return release.pinned_splits(stored_release(lake_folder, name)[1])


def read_spec(file: Path) -> "ReleaseSpec":
    """What a release was asked to be, from its `spec.json`. Raises ReleaseError where that file cannot be read."""
    from gvlm_resources.dataset.releases.release_spec import ReleaseSpec

    try:
        return ReleaseSpec.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        cause = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ReleaseError(f"{file} is no release's spec: {cause}", remedy="give the spec.json of a release") from error


def told_otherwise(lake_folder: LakeFolder, wanted: "ReleaseSpec") -> list[str]:
    """Where a spec says other things of a video than the library does: its title, licence, origin or game.

    Raises ReleaseError where it is about another video of that name.
    """
    lake, catalogue = lake_folder.lake(), lake_folder.catalogue()
    notes = []
    for video in wanted.inputs:
        here = _input(lake, catalogue.video(video.video_id))
        if (here.source_sha256, here.duration_ns) != (video.source_sha256, video.duration_ns):
            raise ReleaseError(
                f"{video.video_id} of the spec is another video than that of this library",
                remedy="restore it in the library that it was made in",
            )
        for part in ("title", "licence", "origin", "game"):
            told, known = getattr(video, part), getattr(here, part)
            if told != known:
                notes.append(f"{video.video_id}: {part} is {told!r} in the spec and {known!r} in the library")
    return notes


def weighed(lake_folder: LakeFolder, wanted: "ReleaseSpec") -> str:
    """How many decisions of reviewers apply. Raises ReleaseError where the filters would keep nothing, or where what
    the lines name is no longer there."""
    from gvlm_resources.dataset.releases import release
    from gvlm_resources.dataset.review import review
    from gvlm_resources.lake.releases import Releases

    shards = Releases(lake_folder.lake()).shards(wanted)
    for video in wanted.inputs:
        _check_fit(lake_folder.lake(), video.video_id)
    counts = release.would_keep(wanted, shards)
    if not counts["kept"]:
        left_out = ", ".join(f"{count} by {why}" for why, count in counts.items() if why != "kept")
        raise ReleaseError(
            f"{wanted.name} would keep no example ({left_out or 'there are none'})", remedy="filter less"
        )
    videos = {video.video_id for video in wanted.inputs}
    kept = review.reviews(lake_folder.lake().layout)
    return review.applying(kept, release.pair_ids(wanted, shards), videos).summary()


def known_name(lake_folder: LakeFolder, name: str) -> None:
    """Raises ReleaseError where there is neither a record nor a result of that name."""
    from gvlm_resources.lake.releases import Releases

    lake = lake_folder.lake()
    if name not in Releases(lake).names() and lake.find(SET, checked_key(name)) is None:
        raise ReleaseError(f"there is no release {name[:100]!r}", remedy="`gvlm release list` shows what there is")


def delete(lake_folder: LakeFolder, name: str) -> None:
    """Remove a release's record and its stored result."""
    from gvlm_resources.lake.releases import Releases

    lake = lake_folder.lake()
    with lake.lock(SET, name):
        if name in Releases(lake).names():
            Releases(lake).forget(name)
        shutil.rmtree(lake.layout.result(SET, name), ignore_errors=True)


def record(lake_folder: LakeFolder, wanted: "ReleaseSpec") -> bool:
    """Keep what was asked for; False where it was asked before. Raises ReleaseError for another one of that name."""
    from gvlm_resources.lake.releases import Releases

    return Releases(lake_folder.lake()).create(wanted)


def build(lake_folder: LakeFolder, name: str, *, code_version: str, say: Callable[[str], None]) -> "list[AuditFinding]":
    """Build a release that is not there yet, and what its checks say; nothing where it is there.

    Raises ReleaseError where an input has changed.
    """
    from gvlm_resources.dataset.releases import release
    from gvlm_resources.lake.releases import Releases

    lake = lake_folder.lake()
    releases = Releases(lake)
    wanted = releases.spec(name)
    with lake.lock(SET, name):
        if lake.find(SET, name) is not None:
            stored_release(lake_folder, name)
            say(f"{name} is frozen: nothing is built again")
            return []
        shards = releases.shards(wanted)
        with lake.write(_recipe(wanted, code_version), name) as draft:
            say(_keep(lake, wanted, draft.folder))  # first: it may find that the lines fit nothing any more
            release.build(wanted, shards, draft.folder)
            return _told(draft.folder)


def _recipe(wanted: "ReleaseSpec", code_version: str) -> Recipe:
    return Recipe(
        asset=SET,
        code_version=code_version,
        schema_version=schemas.VERSION,
        source=hashlib.sha256(canonical_json(wanted.model_dump(mode="json")).encode()).hexdigest(),
        upstream={f"{EXAMPLES}/{video.video_id}": video.fingerprint for video in wanted.inputs},
    )


def _keep(lake: Lake, wanted: "ReleaseSpec", folder: Path) -> str:
    """Keep the pictures, vectors and rows that the lines may name, and say how much that is.

    What was kept is looked at again: a build may have come in between.
    """
    kept = Lake(folder / KEPT)
    keeper = Keeper(lake, kept)
    for video in wanted.inputs:
        expected = _check_fit(lake, video.video_id)
        keeper.results(KEPT_ASSETS, video.video_id)
        keeper.folder(lake.layout.imports(video.video_id))
        _refuse(keeping.others(kept, video.video_id, {name: expected[name] for name in KEPT_ASSETS}), video.video_id)
    copied = f", {keeper.copied} of them copied: this file system has no links" if keeper.copied else ""
    return f"{wanted.name} keeps {keeper.linked + keeper.copied} files of its videos{copied}"


def _check_fit(lake: Lake, video_id: str) -> dict[str, str]:
    """The fingerprints of what a video's lines were made of. Raises ReleaseError where that was built anew since."""
    expected = keeping.made_of(lake, EXAMPLES, video_id)
    _refuse(keeping.others(lake, video_id, expected), video_id)
    return expected


def _refuse(other: Sequence[str], video_id: str) -> None:
    if other:
        raise ReleaseError(
            f"{', '.join(other)} of {video_id}: built anew after its training examples were made",
            remedy=f"run `gvlm build {video_id}`, then create the release (a frozen one: under another name)",
        )


def made_with(lake: Lake, release: "Release") -> Lake:
    """Where everything that a release's lines name is as it was when the release was built.

    One that was built before releases kept anything has the lake alone. A file that is lost is found before: the
    result is not whole then.
    """
    kept = release.folder / KEPT
    return Lake(kept) if kept.is_dir() else lake


def _told(folder: Path) -> "list[AuditFinding]":
    """What the checks say of a release that was just made; its card is written beside it."""
    from gvlm_resources.dataset.cards import audit, card, card_html
    from gvlm_resources.dataset.releases.release_files import CARD_HTML, CARD_MARKDOWN, Release

    release, lake = Release(folder), Lake(folder / KEPT)
    found = audit.findings(release, lambda video_id: known(lake, video_id))
    pictures = frames(lake)
    (folder / CARD_MARKDOWN).write_text(card.markdown(release, found, pictures), encoding="utf-8")
    (folder / CARD_HTML).write_text(card_html.html(release, found, pictures), encoding="utf-8")
    return found


def findings(lake_folder: LakeFolder, name: str) -> "list[AuditFinding]":
    """What the checks say of a stored release now."""
    from gvlm_resources.dataset.cards import audit

    _, release = stored_release(lake_folder, name)
    lake = made_with(lake_folder.lake(), release)
    return audit.findings(release, lambda video_id: known(lake, video_id))


def stored_release(lake_folder: LakeFolder, name: str) -> "tuple[Result, Release]":
    """Raises ReleaseError where there is none of that name, or it is not built."""
    from gvlm_resources.dataset.releases.release_files import Release
    from gvlm_resources.lake.releases import Releases

    lake = lake_folder.lake()
    wanted = Releases(lake).spec(name)
    result = lake.find(SET, wanted.name)
    if result is None:
        raise ReleaseError(f"the release {name} is not built", remedy=f"run `gvlm release build {name}`")
    release = Release(result.folder)
    if release.spec != wanted:
        raise ReleaseError(
            f"what is built as {name} was made by another record than the one there is now",
            remedy=f"`gvlm release delete {name}`, and create it again",
        )
    return result, release


def frames(lake: Lake) -> Callable[[str, str], bytes | None]:
    """A sampled frame as JPEG, by video and id."""

    @cache
    def path(video_id: str) -> Path | None:
        found = lake.find("frames", video_id)
        return found.path(stored.FRAMES) if found is not None else None

    def frame(video_id: str, frame_id: str) -> bytes | None:
        found = path(video_id)
        return stored.frame_image(found, frame_id) if found is not None else None

    return frame


def evidence_words(lake_folder: LakeFolder, release: "Release") -> "Callable[[str, Sequence[str]], Sequence[Told]]":
    """Rows of a video in words, by their ids, for who reviews a pair."""
    from gvlm_resources.dataset.review import review_words

    lake, catalogue = made_with(lake_folder.lake(), release), lake_folder.catalogue()

    @lru_cache(maxsize=CACHED_VIDEOS)
    def facts(video_id: str) -> "Facts":
        wanted = catalogue.video(video_id)
        return stored.facts_of(wanted, games.load(wanted.game), lambda asset: lake.get(asset, video_id))

    def words(video_id: str, ids: Sequence[str]) -> "Sequence[Told]":
        try:
            return review_words.rows(ids, facts(video_id))
        except LakeError as error:  # the library no longer has the video: the reviewer is told so beside the pair
            return [review_words.Told(row_id, "", error.cause, is_there=False) for row_id in ids]

    return words


def source_paths(lake_folder: LakeFolder) -> Callable[[str], Path | None]:
    """The file of a video; None where the library no longer has it."""
    catalogue = lake_folder.catalogue()
    known = set(catalogue.video_ids())
    return lambda key: catalogue.source_path(catalogue.video(key)) if key in known else None


def known(lake: Lake, video_id: str) -> "Known":
    """The ids of everything that an example of this video may refer to."""
    from gvlm_resources.dataset.cards.audit import Known

    frames = lake.find("frames", video_id)
    return Known(
        frames=stored.ids(frames, *stored.EVIDENCE_IDS["frames"]) if frames is not None else frozenset(),
        rows={**_computed(lake, video_id), **_imported(lake, video_id)},
        evidence=stored.evidence_ids(lambda asset: lake.find(asset, video_id)),
    )


def _computed(lake: Lake, video_id: str) -> dict[str, frozenset[str]]:
    found = {asset: lake.find(asset, video_id) for asset in stored.VECTOR_IDS}
    return {
        f"{asset}@{result.fingerprint}": stored.ids(result, *stored.VECTOR_IDS[asset])
        for asset, result in found.items()
        if result is not None
    }


def imported_vectors(lake: Lake, video_id: str) -> "tuple[str, dict[str, pa.Table]]":
    """What stands for the fingerprint of a video's imported vectors, and their tables; none where none were."""
    if not lake.layout.imports(video_id).is_dir():
        return "", {}
    from gvlm_resources.dataset import facts
    from gvlm_resources.dataset.imports import imports, peer_features

    given = imports.stored_features(lake.layout, video_id)
    if given is None:
        return "", {}
    frames = read_table(lake.get("frames", video_id), stored.FRAMES, columns=stored.FRAME_MARKS)
    given["siglip"] = peer_features.at_frames(given["siglip"], facts.frames_of(frames))
    return stored.imported_build(imports.digests(lake.layout, video_id)[imports.FEATURES]), given


def vectors(lake: Lake, release: "Release") -> "Callable[[str], Vectors]":
    """The vectors that a release's tokens stand for, by video. Raises ReleaseError where they were made anew since."""
    from gvlm_resources.dataset.examples.vectors import Vectors

    rows = release.index.select(["video_id", "split", "offset"]).to_pylist()
    first = {row["video_id"]: (row["split"], row["offset"]) for row in reversed(rows)}

    def of(video_id: str) -> Vectors:
        made = release.example(*first[video_id]).provenance["fingerprints"]
        build, given = imported_vectors(lake, video_id)
        if build and build in made.values():
            return Vectors.of_tables(video_id, {f"{name}_embeddings": table for name, table in given.items()})
        found = {asset: lake.find(asset, video_id) for asset in stored.VECTOR_IDS}
        for asset, result in found.items():
            if result is None or result.fingerprint != made.get(asset):
                raise ReleaseError(
                    f"{asset} of {video_id} is not what the release was made with",
                    remedy="build it with the settings of that time, or export without vectors (--no-vectors)",
                )
        paths = {asset: result.path(stored.VECTOR_IDS[asset][0]) for asset, result in found.items() if result}
        return Vectors.open(video_id, paths)

    return of


def _imported(lake: Lake, video_id: str) -> dict[str, frozenset[str]]:
    build, given = imported_vectors(lake, video_id)
    return {
        f"{asset}@{build}": frozenset(given[asset.removesuffix("_embeddings")].column(column).to_pylist())
        for asset, (_, column) in stored.VECTOR_IDS.items()
        if asset.removesuffix("_embeddings") in given
    }
