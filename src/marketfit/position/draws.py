"""Draws of what variants are worth: the same valid rows are resampled for all variants at once.

Each draw weights the valid rows by a flat Dirichlet vector (Bayesian bootstrap; Rubin 1981), the same for every
variant, so that luck which all share cancels when they are compared. Accuracy, macro-F1 and log-loss are computed on
each draw; other quality metrics are normal around their value with one common deviate a draw; metrics of processes are
log-normal, each variant with deviates of its own, since each has been timed by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.contract import METRICS, Measurement
from marketfit.engine import Run
from marketfit.measure.bootstrap import weights
from marketfit.measure.quality import Scored
from marketfit.measure.tastes import DRAWS
from marketfit.position.kept import log_spread, spread
from marketfit.records.variants import Variant
from marketfit.task import IntVector

FloatArray = NDArray[np.float64]

_JOINT = ("accuracy", "macro_f1", "log_loss")


@dataclass(frozen=True, eq=False)
class Draws:
    """Values (DRAWS,) of a metric of a variant, by variant's name and metric; missing where it was not measured."""

    values: Mapping[tuple[str, str], FloatArray]

    def of(self, variant: Variant, metric: str) -> FloatArray | None:
        """The draws of one metric."""
        return self.values.get((variant.name, metric))


def draw_metrics(variants: Sequence[Variant], metrics: Sequence[str], targets: IntVector, *, run: Run) -> Draws:
    """Draw every metric of every variant that has it measured."""
    found: dict[tuple[str, str], FloatArray] = {}
    joint = [metric for metric in dict.fromkeys(metrics) if metric in _JOINT]
    for metric in dict.fromkeys(metrics):
        common = run.rng("position", "metric", metric).standard_normal(DRAWS)
        for variant in variants:
            measured = variant.measured(metric)
            if measured is not None and metric not in joint:
                found[variant.name, metric] = _alone(measured, common, variant.name, run)
    scored = {
        variant.name: Scored.of(run.workspace.array(variant.probabilities), targets)
        for variant in variants
        if joint and all(variant.measured(metric) for metric in joint)
    }
    if scored:
        found |= _jointly(scored, joint, seed=run.seed_for("position", "rows"))
    return Draws(found)


def _alone(measured: Measurement, common: FloatArray, name: str, run: Run) -> FloatArray:
    if METRICS[measured.metric].evidence == "exact":
        return np.full(DRAWS, measured.value)
    if METRICS[measured.metric].evidence == "process":
        own = run.rng("position", "time", measured.metric, hashlib.sha256(name.encode()).hexdigest())
        return np.asarray(measured.value * np.exp(log_spread(measured) * own.standard_normal(DRAWS)))
    below, above = spread(measured, lower=True), spread(measured, lower=False)
    return np.asarray(measured.value + np.where(common < 0, below, above) * common)


def _jointly(scored: Mapping[str, Scored], metrics: Sequence[str], *, seed: int) -> dict[tuple[str, str], FloatArray]:
    rows = next(iter(scored.values())).rows
    parts: dict[tuple[str, str], list[FloatArray]] = {}
    for weight in weights(rows, resamples=DRAWS, seed=seed):
        for name, one in scored.items():
            for metric in metrics:
                parts.setdefault((name, metric), []).append(_weighted(one, metric, weight))
    return {key: np.concatenate(values) for key, values in parts.items()}


def _weighted(scored: Scored, metric: str, weight: FloatArray) -> FloatArray:
    """The metric (resamples,) under weights (resamples, rows) that sum to one."""
    if metric == "accuracy":
        return np.asarray(weight @ scored.correct.astype(np.float64))
    if metric == "log_loss":
        return np.asarray(weight @ scored.losses)
    one_hot = np.eye(scored.classes)
    right = weight @ (one_hot[scored.targets] * scored.correct[:, None])
    true, guessed = weight @ one_hot[scored.targets], weight @ one_hot[scored.predicted]
    occurs = (true + guessed).any(axis=0)
    return np.asarray((2 * right[:, occurs] / np.maximum((true + guessed)[:, occurs], 1e-300)).mean(axis=1))
