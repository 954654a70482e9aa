"""What the SigLIP checkpoint is worth on levels it never saw, beside the same network untrained and beside chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerFast, SiglipModel

from gvlm_resources.encoders.pretrain import frames, linear
from gvlm_resources.encoders.pretrain.captions import (
    BY_KEY,
    LOW_HEALTH,
    PLAIN,
    WEAPONS,
    Facts,
    gist,
    plain_caption,
    with_article,
)
from gvlm_resources.encoders.pretrain.footage import Footage
from gvlm_resources.encoders.pretrain.frames import Shots
from gvlm_resources.encoders.pretrain.siglip import (
    CACHE,
    TEST_EVERY_TICS,
    TRAIN_EVERY_TICS,
    encode_words,
    known_of,
    random_network,
)

TOP = 5
BATCH = 64
PROBE_FRAMES = 4000  # of the training maps, that a probe is fitted to
RANDOM_SEEDS = (1, 2, 3)
FEWEST = 20  # held-out frames of a class, or of a concept, below which it is not measured
CONCEPTS: dict[str, str] = {
    **{
        with_article(BY_KEY[key].nouns[0]): f"thing:{key}"
        for key in (
            *("zombie", "shotgun_zombie", "minigun_zombie", "imp", "pinky", "spectre", "lost_soul", "cacodemon"),
            *("hell_knight", "medikit", "stimpack", "health_bonus", "armor_bonus", "green_armor", "clip", "shell_box"),
            *(
                "shotgun_item",
                "minigun_item",
                "launcher_item",
                "zombie_corpse",
                "shotgun_corpse",
                "imp_corpse",
                "barrel",
            ),
            *("torch", "tree", "lamp", "candle", "pillar", "stalagmite", "fireball", "red_key", "blue_key", "backpack"),
        )
    },
    **{f"{names[0]} in hand": f"weapon:{weapon}" for weapon, names in WEAPONS.items()},
    "an enemy": "group:enemy",
    "an item": "group:item",
    "a corpse": "group:corpse",
    **{PLAIN[claim][0]: claim for claim in ("health:low", "health:critical", "dead", "hurt", "firing", "none:enemy")},
}


@dataclass(frozen=True)
class Probe:
    """A question with one answer for each frame; None where the frame is not asked."""

    name: str
    answer: Callable[[Facts], str | None]


def _enemy(known: Facts) -> str | None:
    if "group:enemy" in known.true:
        return "yes"
    return "no" if "none:enemy" in known.true else None


def _weapon(known: Facts) -> str | None:
    return known.weapon if f"weapon:{known.weapon}" in known.true else None


def _low_health(known: Facts) -> str | None:
    if "dead" in known.true:
        return None
    return "yes" if known.health <= LOW_HEALTH else "no"


PROBES = (Probe("enemy_in_view", _enemy), Probe("weapon_in_hand", _weapon), Probe("low_health", _low_health))


def evaluate(
    footage: Footage, checkpoint: Path, *, threads: int = 1, random_seeds: Sequence[int] = RANDOM_SEEDS
) -> dict[str, Any]:
    """Retrieval and linear probes of the checkpoint on the test maps; of random weights; and chance."""
    torch.set_num_threads(threads)
    network = SiglipModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    cache, size = footage.folder / CACHE, network.config.vision_config.image_size
    held_out = frames.load(footage.test(), cache, size_px=size, every_tics=TEST_EVERY_TICS, seed=0)
    learned = frames.load(footage.train(), cache, size_px=size, every_tics=TRAIN_EVERY_TICS, seed=0)
    fitted_to = thinned(learned, PROBE_FRAMES)
    trained = measure(network, tokenizer, fitted_to, held_out)
    untrained = []
    for seed in random_seeds:
        other = random_network(network.config, seed=seed).eval()
        untrained.append(measure(other, tokenizer, fitted_to, held_out))
    return {
        "frames": {"test": len(held_out.shots), "probe_fit": len(fitted_to.shots)},
        "test_levels": sorted({shot.level for shot in held_out.shots}),
        "trained": trained,
        "random_weights": _mean(untrained),
        "random_seeds": list(random_seeds),
    }


def measure(
    network: SiglipModel, tokenizer: PreTrainedTokenizerFast, fitted_to: Shots, held_out: Shots
) -> dict[str, Any]:
    """All figures of one network."""
    known, asked = known_of(fitted_to), known_of(held_out)
    inside, outside = encode_frames(network, fitted_to.pixels), encode_frames(network, held_out.pixels)
    vectors = outside / np.linalg.norm(outside, axis=1, keepdims=True)

    def score(texts: Sequence[str]) -> NDArray[np.float32]:
        return encode_texts(network, tokenizer, texts) @ vectors.T

    return {
        "captions": captions_to_frames(score, asked),
        "concepts": concepts_to_frames(score, asked),
        "probes": {probe.name: _probed(probe, inside, known, outside, asked) for probe in PROBES},
    }


def thinned(shots: Shots, count: int) -> Shots:
    """Every n-th frame, so that about `count` are left."""
    step = max(1, len(shots.shots) // count)
    return Shots(shots.pixels[::step], shots.shots[::step])


@torch.no_grad()
def encode_frames(network: SiglipModel, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, size, size, 3) uint8 -> (N, dim), not of unit length. In bfloat16, as the network was trained."""
    rows = []
    for start in range(0, len(pixels), BATCH):
        batch = torch.from_numpy(pixels[start : start + BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast("cpu", dtype=torch.bfloat16):
            seen = network.vision_model(pixel_values=batch).pooler_output
        rows.append(seen.float().numpy())
    return np.concatenate(rows)


@torch.no_grad()
def encode_texts(network: SiglipModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> NDArray[np.float32]:
    """(N, dim), unit rows."""
    rows = []
    for start in range(0, len(texts), BATCH):
        ids = encode_words(tokenizer, texts[start : start + BATCH])
        rows.append(functional.normalize(network.text_model(input_ids=ids).pooler_output, dim=-1).numpy())
    return np.concatenate(rows)


Score = Callable[[Sequence[str]], NDArray[np.float32]]


def captions_to_frames(score: Score, known: Sequence[Facts]) -> dict[str, float]:
    """Recall at 5 of whole captions: one query for each distinct `gist` in the held-out frames.

    A query is a hit where one of its five best frames has that very gist: the same kinds of things in sight, the same
    weapon in hand, the same level of health. Chance is that of five frames drawn without looking, query by query.
    """
    gists = [gist(one) for one in known]
    distinct = sorted(set(gists), key=sorted)
    first = {one: known[gists.index(one)] for one in distinct}
    best = np.argsort(-score([plain_caption(first[one]) for one in distinct]), axis=1)[:, :TOP]
    hits = [any(gists[frame] == one for frame in row) for one, row in zip(distinct, best.tolist(), strict=True)]
    chance = [chance_of_hit(len(known), gists.count(one), TOP) for one in distinct]
    return {
        "queries": len(distinct),
        "recall_at_5": round(float(np.mean(hits)), 4),
        "chance": round(float(np.mean(chance)), 4),
        "times_chance": round(float(np.mean(hits) / np.mean(chance)), 2),
    }


def chance_of_hit(count: int, relevant: int, drawn: int) -> float:
    """Chance that at least one of `drawn` frames out of `count`, drawn without putting back, is relevant."""
    return 1 - comb(count - relevant, drawn) / comb(count, drawn)


def concepts_to_frames(score: Score, known: Sequence[Facts]) -> dict[str, Any]:
    """Precision at 5 and average precision of short queries. Frames where it cannot be told are left out."""
    told: dict[str, dict[str, float]] = {}
    scores = score(list(CONCEPTS))
    for row, (query, claim) in zip(scores, CONCEPTS.items(), strict=True):
        answers = [one.fits((claim,)) for one in known]
        asked = np.array([answer is not None for answer in answers])
        truth = np.array([answer is True for answer in answers])[asked]
        if truth.sum() < FEWEST:
            continue
        ranked = truth[np.argsort(-row[asked])]
        told[query] = {
            "precision_at_5": round(float(ranked[:TOP].mean()), 3),
            "average_precision": round(average_precision(ranked), 3),
            "chance": round(float(truth.mean()), 4),
        }
    means = {
        name: round(float(np.mean([one[name] for one in told.values()])), 4)
        for name in ("precision_at_5", "average_precision", "chance")
    }
    return {"queries": len(told), **means, "by_query": told}


def average_precision(ranked: NDArray[np.bool_]) -> float:
    """Mean, over the relevant places of a ranking, of the share of relevant ones up to there."""
    places = np.flatnonzero(ranked)
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))


def _probed(
    probe: Probe,
    inside: NDArray[np.float32],
    known: Sequence[Facts],
    outside: NDArray[np.float32],
    asked: Sequence[Facts],
) -> dict[str, Any]:
    """Balanced accuracy of a logistic regression fitted on training maps, on the test maps."""
    learned, held_out = [probe.answer(one) for one in known], [probe.answer(one) for one in asked]
    names = sorted({one for one in learned if one is not None})
    classes = [name for name in names if held_out.count(name) >= FEWEST]
    fit_rows = [row for row, answer in enumerate(learned) if answer in classes]
    test_rows = [row for row, answer in enumerate(held_out) if answer in classes]
    answers = np.array([classes.index(learned[row]) for row in fit_rows])
    truth = np.array([classes.index(held_out[row]) for row in test_rows])
    accuracy = linear.balanced_accuracy(inside[fit_rows], answers, outside[test_rows], truth)
    return {"balanced_accuracy": round(accuracy, 4), "chance": round(1 / len(classes), 4), "classes": classes}


def _mean(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several networks, averaged place by place; what is no number is that of the first."""
    if not results:
        return {}
    averaged: dict[str, Any] = {}
    for name, first in results[0].items():
        values = [one[name] for one in results]
        if isinstance(first, dict):
            averaged[name] = _mean(values)
        elif isinstance(first, int | float):
            averaged[name] = round(float(np.mean(values)), 4)
        else:
            averaged[name] = first
    return averaged
