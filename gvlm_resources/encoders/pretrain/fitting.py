"""One training, bounded by steps and by the clock, that goes on where it was stopped.

A step's batch, and all that is random in it, is a function of the seed and the step's number. So a training that is
stopped and continued ends with the very weights of one that ran through, as long as the clock does not end it first:
the learning rate falls with the steps or with the time, whichever is further.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.errors import SettingsError

LOGGED = 200  # about how many points a loss curve keeps


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights move: AdamW, a linear warm-up, then a cosine down to nothing."""

    steps: int
    rate: float  # highest learning rate
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    warmup: float = 0.05  # share of the steps
    clip_norm: float = 1.0
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.warmup < 1 or self.save_every_s < 0:
            raise ValueError(f"a training has steps, a rate and a warm-up below 1, got {self}")

    def rate_at(self, done: float) -> float:
        """The learning rate of a step that ends the share `done` of the training."""
        if done < self.warmup:
            return self.rate * done / self.warmup
        return self.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - self.warmup) / (1 - self.warmup))))


@dataclass
class Course:
    """How a training went so far. `losses` holds the mean loss of each stretch as [last step, loss]."""

    step: int = 0
    seconds: float = 0.0
    losses: list[list[float]] = field(default_factory=list)

    def as_facts(self) -> dict[str, Any]:
        return {"steps": self.step, "seconds": round(self.seconds), "losses": self.losses}


Loss = Callable[[int, np.random.Generator], torch.Tensor]


def fit(network: torch.nn.Module, loss: Loss, recipe: Recipe, run: Run, *, name: str) -> Course:
    """Train `network` in place, from the state in `run.work` if there is one.

    `loss(step, chance)` gives the loss of one batch. Raises SettingsError where the state is of other arguments.
    """
    torch.set_num_threads(run.threads)
    optimiser = _optimiser(network, recipe)
    state = run.work / f"{name}.pt"
    course = _continued(network, optimiser, state, _arguments(recipe, run))
    started = saved = time.monotonic()
    behind, pending = course.seconds, []
    network.train()
    while course.step < recipe.steps:
        spent = time.monotonic() - started
        if spent >= run.minutes * 60:
            break
        done = max((course.step + 1) / (recipe.steps + 1), spent / (run.minutes * 60))
        pending.append(_step(network, optimiser, loss, recipe.rate_at(done), course.step, run.seed, recipe.clip_norm))
        course.step += 1
        course.seconds = behind + time.monotonic() - started
        if course.step % max(1, recipe.steps // LOGGED) == 0:
            mean = round(float(np.mean(pending)), 5)
            course.losses.append([course.step, mean])
            print(f"{name} step {course.step}/{recipe.steps} {course.seconds:.0f} s loss {mean}", flush=True)
            pending = []
        if time.monotonic() - saved >= recipe.save_every_s:
            _save(network, optimiser, state, course, _arguments(recipe, run))
            saved = time.monotonic()
    _save(network, optimiser, state, course, _arguments(recipe, run))
    network.eval()
    return course


def _optimiser(network: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Vectors and scalars (biases, norms, tokens) do not decay."""
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in learned if weight.squeeze().ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [weight for weight in learned if weight.squeeze().ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas)


def _step(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: Loss,
    rate: float,
    step: int,
    seed: int,
    clip_norm: float,
) -> float:
    chance = np.random.default_rng([seed, step])
    torch.manual_seed(int(chance.integers(2**62)))
    for group in optimiser.param_groups:
        group["lr"] = rate
    value = loss(step, chance)
    optimiser.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimiser.step()
    return float(value.detach())


def _arguments(recipe: Recipe, run: Run) -> str:
    told = {**asdict(recipe), "seed": run.seed}
    del told["save_every_s"]
    return json.dumps(told, sort_keys=True)


def _save(network: torch.nn.Module, optimiser: torch.optim.Optimizer, state: Path, course: Course, told: str) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    part = state.with_suffix(".part")
    kept = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "course": asdict(course)}
    torch.save({**kept, "arguments": told}, part)
    os.replace(part, state)


def _continued(network: torch.nn.Module, optimiser: torch.optim.Optimizer, state: Path, told: str) -> Course:
    if not state.exists():
        return Course()
    kept = torch.load(state, weights_only=True)
    if kept["arguments"] != told:
        raise SettingsError(
            f"{state} is of a training with other arguments: {kept['arguments']}",
            remedy="give the same arguments, another --work folder, or remove that file to begin anew",
        )
    network.load_state_dict(kept["network"])
    optimiser.load_state_dict(kept["optimiser"])
    return Course(**kept["course"])
