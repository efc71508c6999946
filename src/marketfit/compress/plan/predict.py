"""What an untried sequence of passes would come to, by what was measured of others.

Effects of passes add, on the scale of `front.upward`: logarithms of latency, throughput, memory, size and cost,
differences of quality. A pass has an effect of its own, one more for its options, and one more on each trial; all of
them are independent and normal around 0, as wide as the constants say. Measured variants make them narrower (conjugate
Bayesian linear regression; Lindley and Smith 1972): where two variants differ in one pass, its effect is what they
differ by; a pass that was never measured keeps the whole width of its prior, so what is unknown adds up along a
sequence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketfit.compress.order import Steps
from marketfit.compress.plan.front import FloatArray, is_relative, upward


@dataclass(frozen=True)
class Candidate:
    """A sequence of passes on a finalist, by the number of its trial."""

    trial: int
    steps: Steps

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What tells it from another one on the same trial."""
        return tuple(step.label for step in self.steps)


@dataclass(frozen=True)
class Known:
    """A candidate that was measured: metric → value. `name` is that of its variant."""

    name: str
    candidate: Candidate
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Widths:
    """Standard deviations before anything is measured: of a pass, of its options, of it on one trial, and of what
    a pass does beside that in one sequence only.
    """

    pass_: float
    options: float
    trial: float
    rest: float


RATIO = Widths(math.log(3.0), math.log(1.5), math.log(1.5), math.log(1.08))
QUALITY = Widths(0.03, 0.01, 0.01, 0.003)

_START = 3.0  # of the finalist itself: as good as unknown before it is measured
_NOISE = 1e-3  # of any measurement


@dataclass(frozen=True, eq=False)
class Prediction:
    """Means and standard deviations (candidates, metrics) on the scale of `front.upward`."""

    metrics: tuple[str, ...]
    mean: FloatArray
    spread: FloatArray


def predict(known: Sequence[Known], candidates: Sequence[Candidate], metrics: Sequence[str]) -> Prediction:
    """Predict all metrics of candidates from what is known; every known one has all of these metrics."""
    features = _Features.of([*(item.candidate for item in known), *candidates])
    measured = upward([item.figures for item in known], metrics)
    parts = [item.candidate for item in known], candidates
    seen, asked = (features.matrix(part) for part in parts)
    lengths = [np.array([len(one.steps) for one in part]) for part in parts]
    mean, spread = (np.zeros((len(candidates), len(metrics))) for _ in range(2))
    for column, metric in enumerate(metrics):
        widths = RATIO if is_relative(metric) else QUALITY
        prior = features.variances(widths)
        level = float(measured[:, column].mean()) if len(known) else 0.0
        own, rest = widths.rest**2 * lengths[0] + _NOISE**2, widths.rest**2 * lengths[1]
        among = (seen * prior) @ seen.T + np.diag(own)
        between = (asked * prior) @ seen.T
        weights = np.linalg.solve(among, between.T).T
        mean[:, column] = level + weights @ (measured[:, column] - level)
        variance = (asked**2 * prior).sum(axis=1) - (weights * between).sum(axis=1) + rest
        spread[:, column] = np.sqrt(np.maximum(variance, 0.0))
    return Prediction(tuple(metrics), mean, spread)


@dataclass(frozen=True, eq=False)
class _Features:
    """One column for each effect; `kinds` says which of the widths it has."""

    places: Mapping[tuple[str, ...], int]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> _Features:
        found: dict[tuple[str, ...], None] = {}
        for candidate in candidates:
            found |= dict.fromkeys(_effects(candidate))
        return cls({effect: place for place, effect in enumerate(found)}, tuple(effect[0] for effect in found))

    def matrix(self, candidates: Sequence[Candidate]) -> FloatArray:
        """(candidates, effects): 1 where a candidate has an effect."""
        made = np.zeros((len(candidates), len(self.kinds)))
        for row, candidate in enumerate(candidates):
            made[row, [self.places[effect] for effect in _effects(candidate)]] = 1.0
        return made

    def variances(self, widths: Widths) -> FloatArray:
        """Prior variance of each effect."""
        by_kind = {"start": _START, "pass": widths.pass_, "options": widths.options, "trial": widths.trial}
        return np.array([by_kind[kind] ** 2 for kind in self.kinds])


def _effects(candidate: Candidate) -> list[tuple[str, ...]]:
    """The start, and three effects of each pass."""
    found: list[tuple[str, ...]] = [("start", str(candidate.trial))]
    for step in candidate.steps:
        found += [("pass", step.name), ("options", step.label), ("trial", step.name, str(candidate.trial))]
    return found
