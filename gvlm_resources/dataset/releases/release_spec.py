"""What a release is asked to be (pure): frozen when it is created, and all that its build may depend on.

`inputs` pins each video's `training_examples` by fingerprint: the same spec and the same inputs give the same bytes,
and a video that is added later is in no existing release. `decisions` holds what reviewers had decided by then.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SPLITS = ("train", "validation", "test")
Split = Literal["train", "validation", "test"]
FORMAT = "gvlm.release/1"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Filters(Part):
    """Which examples are let in. An empty list lets all in."""

    kinds: tuple[str, ...] = ()
    curricula: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()  # beginnings: `templates`, `Qwen/`
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    reviewed_only: bool = False


class Ratios(Part):
    train: float = Field(default=0.8, ge=0, le=1)
    validation: float = Field(default=0.1, ge=0, le=1)
    test: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(f"the ratios add up to {self.train + self.validation + self.test:g}, not to 1")
        return self


class Dedup(Part):
    """When two examples are one.

    `exact`: what the model reads and writes is the same. `alike`: question and answer are alike (Jaccard index of word
    shingles, estimated by MinHash and then computed, at least `text_threshold`) and so are the frames (cosine of the
    mean vectors at least `frame_threshold`). Two videos are one duplicate group, which is never split, where at least
    `shared_footage` of the examples with frames of one have such frames in the other. Of examples with alike texts on
    other frames `most_alike` stay. `same_picture`: two alignment examples are one where the frames are alike and the
    words are the same but for the time that is asked about.
    """

    exact: bool = True
    same_picture: bool = True
    text_threshold: float = Field(default=0.9, gt=0, le=1)
    frame_threshold: float = Field(default=0.995, gt=0, le=1)
    shared_footage: float = Field(default=0.2, gt=0, le=1)
    most_alike: int = Field(default=50, ge=1)


class Balance(Part):
    """`largest_share` is the most that one kind of question may be of a split; where 1, nothing is taken out."""

    largest_share: float = Field(default=0.3, gt=0, le=1)


class Input(Part):
    """One video as it goes in."""

    video_id: str
    fingerprint: str  # of its training_examples
    source_sha256: str
    title: str
    game: str
    licence: str
    origin: str
    duration_ns: int


class Decision(Part):
    """What a person decided about one pair. A fixed pair has its new words."""

    pair_id: str
    decision: Literal["accepted", "fixed", "rejected"]
    question: str = ""
    answer: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _fixed_has_words(self) -> Self:
        if self.decision == "fixed" and not (self.question.strip() and self.answer.strip()):
            raise ValueError(f"the fixed pair {self.pair_id} has no question or no answer")
        return self


class ReleaseSpec(Part):
    format: Literal["gvlm.release/1"] = FORMAT
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")
    seed: int = Field(default=0, ge=0)
    filters: Filters = Filters()
    ratios: Ratios = Ratios()
    dedup: Dedup = Dedup()
    balance: Balance = Balance()
    inputs: tuple[Input, ...]
    decisions: tuple[Decision, ...] = ()
    pinned: dict[str, Split] = {}  # the split that a video has to be in, by id: that of an earlier release

    @model_validator(mode="after")
    def _inputs_are_in_order(self) -> Self:
        ids = [video.video_id for video in self.inputs]
        if not ids:
            raise ValueError("a release has one video or more")
        if ids != sorted(set(ids)):
            raise ValueError("videos are listed by id, each once")
        return self

    @model_validator(mode="after")
    def _pins_can_be_kept(self) -> Self:
        ids = {video.video_id for video in self.inputs}
        for video, split in self.pinned.items():
            if video not in ids:
                raise ValueError(f"{video} is pinned to {split}, and is not in it")
            if getattr(self.ratios, split) == 0:
                raise ValueError(f"{video} is pinned to {split}, of which no share is asked for")
        return self
