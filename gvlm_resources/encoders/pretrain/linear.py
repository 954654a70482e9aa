"""A linear probe: how much of a question a straight cut through the vectors of a frozen network answers."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

DECAY = 1e-3  # on the weights, beside the mean loss


def balanced_accuracy(
    known: NDArray[np.float32], answers: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> float:
    """Mean recall over the classes in `truth`, of a logistic regression fitted to `known` (N, dim) and its `answers`.

    Every class weighs the same in the fit. Columns are scaled by those of `known`.
    """
    mean, spread = known.mean(0), known.std(0) + 1e-6
    weights = fitted((known - mean) / spread, answers)
    said = (((asked - mean) / spread) @ weights[:-1] + weights[-1]).argmax(1)
    return float(np.mean([(said[truth == one] == one).mean() for one in np.unique(truth)]))


def fitted(known: NDArray[np.float32], answers: NDArray[np.int64]) -> NDArray[np.float32]:
    """(dim + 1, classes): weights of a multinomial logistic regression, the bias in the last row."""
    count = int(answers.max()) + 1
    share = np.bincount(answers, minlength=count)
    inputs = torch.from_numpy(np.hstack([known, np.ones((len(known), 1), np.float32)]).astype(np.float32))
    targets = torch.from_numpy(answers)
    importance = torch.from_numpy((len(answers) / (count * np.maximum(share, 1))).astype(np.float32))
    weights = torch.zeros(inputs.shape[1], count, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        search.zero_grad()
        loss = torch.nn.functional.cross_entropy(inputs @ weights, targets, weight=importance)
        loss = loss + DECAY * weights[:-1].square().sum()
        loss.backward()
        return loss

    search.step(closure)
    return weights.detach().numpy()
