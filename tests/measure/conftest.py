"""Labelled probabilities made by a known process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def make() -> Callable[..., SimpleNamespace]:
    """Make rows whose probabilities are true: each target is drawn from its own; `spread` says how sure they are.

    `probabilities` (rows, classes), `targets` (rows,), and `sharpened(power)`, the same probabilities made too sure
    (power above 1) or too modest (below 1).
    """

    def draw(rows: int, *, classes: int = 4, spread: float = 2.0, seed: int = 0) -> SimpleNamespace:
        generator = np.random.default_rng(seed)
        logits = spread * generator.standard_normal((rows, classes))
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        below = scores.cumsum(axis=1) < generator.random((rows, 1))
        targets = np.minimum(below.sum(axis=1), classes - 1).astype(np.int64)

        def sharpened(power: float) -> NDArray[np.float64]:
            raised = scores**power
            return np.asarray(raised / raised.sum(axis=1, keepdims=True))

        return SimpleNamespace(probabilities=scores, targets=targets, sharpened=sharpened)

    return draw


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """A folder like /sys/class/powercap: two packages, a part of the first, and another kind of zone."""
    root = tmp_path / "powercap"
    for zone, energy in {"intel-rapl:0": 900, "intel-rapl:0:0": 5, "intel-rapl:1": 100, "dtpm": 7}.items():
        (root / zone).mkdir(parents=True)
        (root / zone / "energy_uj").write_text(f"{energy}\n")
        (root / zone / "max_energy_range_uj").write_text("999\n")
    return root
