"""Windows that slide over a sound, the spans told from their scores, and the rows made of them."""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from gvlm_resources import schemas
from gvlm_resources.encoders import sound_replies, sounds
from gvlm_resources.encoders.protocol import Identity
from gvlm_resources.encoders.sound_replies import Tag
from gvlm_resources.encoders.windows import Run, Slide, runs
from gvlm_resources.errors import SettingsError
from gvlm_resources.game import SoundRule
from gvlm_resources.settings import ComputeSettings, SoundSettings
from gvlm_resources.text import wav

RATE_HZ = 16_000
CLICK = SoundRule(label="click", prompt="a click")
HUM = SoundRule(label="hum", prompt="a hum", threshold=0.2)
IDENTITY = Identity("fake@0", "none", "float32", "cpu", "sdpa", 2)


@dataclass
class LoudnessTagger:
    """Hears a click where a window holds a sample over 20,000 within its reach, and a hum by the loudness of all."""

    window_s: float = 1.0
    reach_s: float = 0.5
    leave_share: float = 1.0
    identity: Identity = IDENTITY
    deaf_to: tuple[str, ...] = ()
    breaks_at: int | None = None  # a sample of this value gives no finite scores
    batches: list[int] = field(default_factory=list)

    def knows(self, rule: SoundRule) -> bool:
        return rule.label not in self.deaf_to

    def own_rules(self) -> tuple[SoundRule, ...]:
        return (CLICK,)

    def scores(self, windows, rules):
        self.batches.append(len(windows))
        middle, reach = windows.shape[1] // 2, round(self.reach_s * RATE_HZ)
        near = windows[:, max(middle - reach, 0) : middle + reach]
        each = {
            "click": (np.abs(near.astype(int)).max(axis=1) > 20_000) * 0.9,
            "hum": np.abs(windows.astype(int)).mean(axis=1) / 10_000,
        }
        found = np.stack([each[rule.label] for rule in rules], axis=1).astype(np.float32)
        if self.breaks_at is not None:
            found[(windows == self.breaks_at).any(axis=1)] = np.nan
        return found


@dataclass
class Reciter:
    """Says of each window what stands in its list, and keeps what it was given."""

    replies: list[str]
    window_s: float = 30.0
    identity: Identity = IDENTITY
    heard: list[int] = field(default_factory=list)
    labels: tuple[str, ...] = ()

    def describe(self, windows, labels):
        self.labels = tuple(labels)
        first = len(self.heard)
        self.heard += [len(window) for window in windows]
        return self.replies[first : len(self.heard)]


def stored(folder: Path, samples: np.ndarray) -> Path:
    path = folder / "audio.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(samples.astype("<i2").tobytes())
    return path


def clicks(seconds: float, *at_s: float) -> np.ndarray:
    samples = np.zeros(round(seconds * RATE_HZ), np.int16)
    samples[[round(at * RATE_HZ) for at in at_s]] = 30_000
    return samples


def rows_of(path: Path, listener, rules=(CLICK,), *, report=lambda line: None, batch: int = 4, **settings):
    seconds = wav.sample_count(path) / RATE_HZ
    found = sounds.listen(
        path,
        listener,
        SoundSettings(**settings),
        rules,
        ComputeSettings(window_batch=batch),
        video_id="v",
        end_ns=round(seconds * 1e9),
        report=report,
    )
    assert found.schema == schemas.SOUNDS
    return found.to_pylist()


def starts(rows) -> list[float]:
    return [row["start_ns"] / 1e9 for row in rows]


class TestSpans:
    def test_the_first_window_hears_the_first_sample_and_the_last_window_the_last(self) -> None:
        slide = Slide(window=100, hop=10, reach=50)
        middles = slide.middles(205)
        assert abs(middles[0]) <= 50 < abs(middles[0] - 10)
        assert middles[-1] - 204 <= 50 < middles[-1] + 10 - 204

    def test_a_sound_of_no_samples_has_no_windows(self) -> None:
        assert not Slide(100, 10, 50).middles(0)

    @pytest.mark.parametrize("reach", [8, 30, 50])
    @pytest.mark.parametrize("at", [0, 3, 77, 200, 391, 399])
    def test_a_short_sound_is_placed_within_a_hop_whatever_the_reach(self, reach: int, at: int) -> None:
        slide = Slide(100, 10, reach)
        scores = np.array([[abs(middle - at) <= reach] for middle in slide.middles(400)], np.float32)
        for run in runs(scores, [0.5]):
            start, end = run.span(slide, 400)
            assert abs(start - at) <= 10
            assert end - start <= 20

    @pytest.mark.parametrize("reach", [8, 30, 50])
    def test_a_long_sound_begins_and_ends_within_a_hop_of_where_it_does(self, reach: int) -> None:
        slide = Slide(100, 10, reach)
        scores = np.array([[203 - reach <= middle <= 351 + reach] for middle in slide.middles(600)], np.float32)
        (run,) = runs(scores, [0.5])
        start, end = run.span(slide, 600)
        assert abs(start - 203) <= 10
        assert abs(end - 351) <= 10

    def test_a_network_deaf_to_the_ends_of_its_windows_places_a_short_sound_in_the_middle_of_its_run(self) -> None:
        slide = Slide(100, 10, 50)
        scores = np.array([[abs(middle - 200) <= 15] for middle in slide.middles(400)], np.float32)
        (run,) = runs(scores, [0.5])
        assert abs(run.span(slide, 400)[0] - 200) <= 5

    def test_a_run_begins_at_the_threshold_and_goes_on_at_a_share_of_it(self) -> None:
        scores = np.array([[0.45], [0.5], [0.41], [0.6], [0.39], [0.45]], np.float32)
        assert [(run.first, run.last) for run in runs(scores, [0.5], leave_share=0.8)] == [(1, 3)]
        assert [(run.first, run.last) for run in runs(scores, [0.5])] == [(1, 1), (3, 3)]

    def test_each_label_has_its_own_threshold_and_its_highest_score(self) -> None:
        scores = np.array([[0.3, 0.3], [0.6, 0.4], [0.8, 0.1]], np.float32)
        found = sorted(runs(scores, [0.5, 0.2]), key=lambda run: run.label)
        assert [(run.label, run.first, run.last, round(run.peak, 2)) for run in found] == [
            (0, 1, 2, 0.8),
            (1, 0, 1, 0.4),
        ]

    def test_a_score_that_is_no_number_ends_a_run(self) -> None:
        scores = np.array([[0.9], [np.nan], [0.9]], np.float32)
        assert [(run.first, run.last) for run in runs(scores, [0.5])] == [(0, 0), (2, 2)]

    def test_runs_come_as_they_end_and_not_when_all_scores_are_known(self) -> None:
        def endless():
            yield from ([np.float32([score])][0] for score in (0.9, 0.9, 0.1))
            raise AssertionError("the run had ended")

        assert next(runs(endless(), [0.5])) == Run(0, 0, 1, pytest.approx(0.9))


class TestTagger:
    def test_clicks_are_heard_where_they_are(self, tmp_path) -> None:
        rows = rows_of(stored(tmp_path, clicks(8, 1.3, 4.02)), LoudnessTagger())
        assert [row["label"] for row in rows] == ["click", "click"]
        np.testing.assert_allclose(starts(rows), [1.3, 4.02], atol=0.25)
        assert all(row["score"] == pytest.approx(0.9) and row["status"] == "ok" for row in rows)

    def test_clicks_at_both_ends_are_heard_inside_the_sound(self, tmp_path) -> None:
        rows = rows_of(stored(tmp_path, clicks(3.1, 0, 3.0999)), LoudnessTagger())
        np.testing.assert_allclose(starts(rows), [0, 3.1], atol=0.3)
        assert all(0 <= row["start_ns"] < row["end_ns"] <= 3_100_000_000 for row in rows)

    @pytest.mark.parametrize("batch", [1, 3, 64])
    def test_the_batch_makes_no_difference(self, tmp_path, batch: int) -> None:
        path = stored(tmp_path, clicks(5, 0.4, 2.2, 4.9))
        assert rows_of(path, LoudnessTagger(), batch=batch) == rows_of(path, LoudnessTagger(), batch=7)

    def test_no_batch_is_larger_than_the_setting(self, tmp_path) -> None:
        tagger = LoudnessTagger()
        rows_of(stored(tmp_path, clicks(5)), tagger, batch=3)
        assert max(tagger.batches) == 3
        assert sum(tagger.batches) == len(sounds.slide_of(tagger, SoundSettings()).middles(5 * RATE_HZ))

    def test_a_rule_has_its_own_threshold(self, tmp_path) -> None:
        path = stored(tmp_path, np.full(5 * RATE_HZ, 3000))
        assert [row["label"] for row in rows_of(path, LoudnessTagger(), [HUM])] == ["hum"]
        assert rows_of(path, LoudnessTagger(), [HUM.model_copy(update={"threshold": None})]) == []

    def test_a_label_without_a_class_is_told_and_never_made_up(self, tmp_path) -> None:
        lines: list[str] = []
        tagger = LoudnessTagger(deaf_to=("hum",))
        rows = rows_of(stored(tmp_path, np.full(RATE_HZ, 25_000)), tagger, [CLICK, HUM], report=lines.append)
        assert {row["label"] for row in rows} == {"click"}
        assert any("hum" in line and "not listened for" in line for line in lines)
        assert sounds.unheard(tagger, SoundSettings(), [CLICK, HUM]) == ("hum",)

    def test_a_game_of_which_the_tagger_knows_no_sound_has_none(self, tmp_path) -> None:
        tagger = LoudnessTagger(deaf_to=("hum",))
        assert rows_of(stored(tmp_path, np.full(RATE_HZ, 25_000)), tagger, [HUM]) == []

    def test_without_rules_the_tagger_listens_for_what_it_knows(self, tmp_path) -> None:
        rows = rows_of(stored(tmp_path, clicks(2, 1)), LoudnessTagger(), [])
        assert [row["label"] for row in rows] == ["click"]

    def test_labels_of_the_settings_are_listened_for_beside_those_of_the_game(self, tmp_path) -> None:
        path = stored(tmp_path, np.full(RATE_HZ, 25_000))
        rows = rows_of(path, LoudnessTagger(), [CLICK], labels=("hum", "Click"))
        assert sorted(row["label"] for row in rows) == ["click", "hum"]

    def test_a_window_without_finite_scores_is_a_failed_row_and_the_rest_is_heard(self, tmp_path) -> None:
        samples = clicks(6, 1, 5)
        samples[3 * RATE_HZ] = -7
        rows = rows_of(stored(tmp_path, samples), LoudnessTagger(breaks_at=-7))
        good = [row for row in rows if row["status"] == "ok"]
        np.testing.assert_allclose(starts(good), [1, 5], atol=0.25)
        failed = [row for row in rows if row["status"] == "failed"]
        assert failed
        assert all(row["score"] is None and "not finite" in row["reason"] for row in failed)
        assert all(2.2 < start < 3.8 for start in starts(failed))

    def test_rows_are_in_order_with_ids_of_their_own(self, tmp_path) -> None:
        path = stored(tmp_path, np.full(3 * RATE_HZ, 25_000))
        rows = rows_of(path, LoudnessTagger(), [HUM, CLICK])
        moments = [f"a{row['start_ns'] // 1000:012d}" for row in rows]
        assert moments[0] == moments[1]
        assert [row["sound_id"] for row in rows] == [f"{moments[0]}-1", f"{moments[0]}-2"]

    def test_rows_stand_in_the_order_of_time_and_not_of_their_rules(self, tmp_path) -> None:
        samples = clicks(6, 1, 5)
        samples[2 * RATE_HZ : 3 * RATE_HZ] = 8000
        rows = rows_of(stored(tmp_path, samples), LoudnessTagger(), [HUM, CLICK])
        assert [row["label"] for row in rows] == ["click", "hum", "click"]

    def test_an_empty_sound_has_no_rows(self, tmp_path) -> None:
        assert rows_of(stored(tmp_path, clicks(0)), LoudnessTagger()) == []


class TestDescriber:
    GOOD = '{"caption": "Guns fire.", "sounds": [{"label": "CLICK", "start_s": 1.5, "end_s": 2.0}]}'

    def test_captions_and_tags_are_rows_at_their_times_in_the_video(self, tmp_path) -> None:
        reciter = Reciter(["the machine says no", self.GOOD])
        rows = rows_of(stored(tmp_path, clicks(40)), reciter)
        assert reciter.heard == [30 * RATE_HZ, 10 * RATE_HZ]
        assert reciter.labels == ("click",)
        told = [(row["label"], row["text"], row["start_ns"], row["end_ns"], row["status"]) for row in rows]
        second = 1_000_000_000
        assert told == [
            ("caption", "", 0, 30 * second, "failed"),
            ("caption", "Guns fire.", 30 * second, 40 * second, "ok"),
            ("click", "", 31 * second + second // 2, 32 * second, "ok"),
        ]
        assert rows[0]["reason"] == "unparsable_reply"
        assert all(row["score"] is None for row in rows)

    def test_times_that_cannot_be_are_filtered_and_stay_inside_the_window(self, tmp_path) -> None:
        reply = '{"caption": "", "sounds": [{"label": "x", "start_s": 50, "end_s": 60}]}'
        (row,) = rows_of(stored(tmp_path, clicks(4)), Reciter([reply]))
        assert (row["status"], row["reason"]) == ("filtered", "impossible_times")
        assert (row["start_ns"], row["end_ns"]) == (0, 4_000_000_000)


class TestReplies:
    def test_a_reply_as_it_was_asked_for_is_taken_whole(self) -> None:
        found = sound_replies.parse(TestDescriber.GOOD, length_s=30)
        assert found.caption == "Guns fire."
        assert found.tags == (Tag("CLICK", 1.5, 2.0, is_possible=True),)

    @pytest.mark.parametrize(
        "reply",
        [
            f"Sure! Here it is:\n```json\n{TestDescriber.GOOD}\n```",
            TestDescriber.GOOD[:-2] + ', {"label": "cut o',
            TestDescriber.GOOD[:-2] + ', {"label": "cut off", "start_s": 3, "end_',
        ],
        ids=["among words", "cut in a label", "cut in a number"],
    )
    def test_what_stands_whole_in_a_broken_reply_is_saved_and_nothing_is_added(self, reply: str) -> None:
        assert sound_replies.parse(reply, length_s=30) == sound_replies.parse(TestDescriber.GOOD, length_s=30)

    @pytest.mark.parametrize(
        "reply",
        ["", "I hear guns.", "[1, 2]", "{}", '{"caption": 7, "sounds": "many"}', '{"caption": "Guns fi', "{" * 9999],
    )
    def test_a_reply_that_says_nothing_is_none(self, reply: str) -> None:
        assert sound_replies.parse(reply, length_s=30) is None

    @pytest.mark.parametrize(
        "times", ['"0", 1', "2, 1", "-1, 1", "true, 2", "NaN, 2", "0, Infinity", "31, 32", "null, 1"]
    )
    def test_a_sound_keeps_its_label_and_not_its_impossible_times(self, times: str) -> None:
        start, end = times.split(", ")
        reply = f'{{"sounds": [{{"label": "x", "start_s": {start}, "end_s": {end}}}]}}'
        (tag,) = sound_replies.parse(reply, length_s=30).tags
        assert not tag.is_possible

    def test_a_caption_is_one_line_of_bounded_length(self) -> None:
        found = sound_replies.parse('{"caption": "a\\n\\u0000 b ' + "x" * 9999 + '"}', length_s=30)
        assert found.caption.startswith("a b x")
        assert len(found.caption) == 500


def test_nothing_is_loaded_where_listening_is_off(tmp_path) -> None:
    with pytest.raises(SettingsError, match="off"):
        sounds.load(SoundSettings(backend="off"), None, None)
