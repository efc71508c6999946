"""Labelled probabilities made by a known process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass(frozen=True)
class Made:
    """`probabilities` (rows, classes) are true: each row's target was drawn from them."""

    probabilities: NDArray[np.float64]
    targets: NDArray[np.int64]

    @property
    def logits(self) -> NDArray[np.float64]:
        return np.log(self.probabilities)

    def sharpened(self, power: float) -> NDArray[np.float64]:
        """Too sure (power above 1) or too modest (below 1)."""
        raised = self.probabilities**power
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    """Make calibrated probabilities; `spread` says how sure they are."""

    def draw(rows: int, *, classes: int = 4, spread: float = 2.0, seed: int = 0) -> Made:
        generator = np.random.default_rng(seed)
        logits = spread * generator.standard_normal((rows, classes))
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        below = scores.cumsum(axis=1) < generator.random((rows, 1))
        return Made(scores, np.minimum(below.sum(axis=1), classes - 1).astype(np.int64))

    return draw
