"""Quality of probabilities against targets, each number with an interval that proves something.

Rates and the worst of several rates have exact bounds (Clopper & Pearson 1934; the worst of several by the
intersection–union principle, Berger 1982). The rest is bootstrapped (`bootstrap.py`). Classes, groups and slices
without a row have no rate: they make the worst one unproven, they are never left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketfit.contract import METRICS, Measurement
from marketfit.errors import nearest
from marketfit.measure.bootstrap import FloatArray, Rows, bootstrap
from marketfit.measure.intervals import Bounds, clopper_pearson
from marketfit.measure.macro_f1 import macro_f1_bounds
from marketfit.task import IntVector

BINS = 15
CLIP = float(np.finfo(np.float32).eps)
"""Probabilities are float32: one below this is taken as this, so that a single row's log-loss is at most 16 nats."""

Groups = Mapping[str, Sequence[str | None]]
"""Sensitive attribute → its value for each row; None where it is not known."""

Slices = Mapping[str, NDArray[np.bool_]]
"""Slice of the inputs → which rows belong to it (n,). They may overlap, and were fixed before a label was looked at."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Probabilities (n, classes) beside targets (n,), and what follows from them."""

    probabilities: FloatArray
    targets: IntVector

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], targets: NDArray[np.integer]) -> Scored:
        """Check shapes and values.

        Raises:
            ValueError: no rows, shapes that differ, targets outside the classes, or what is no probability.
        """
        scores = np.asarray(probabilities, dtype=np.float64)
        truth = np.asarray(targets, dtype=np.int64)
        if scores.ndim != 2 or truth.shape != scores.shape[:1] or not scores.size:
            raise ValueError(f"probabilities {scores.shape} do not belong to targets {truth.shape}")
        if not (scores.min() >= 0 and abs(scores.sum(axis=1) - 1).max() < 1e-3):
            raise ValueError("rows of probabilities must be positive and sum to one")
        if truth.min() < 0 or truth.max() >= scores.shape[1]:
            raise ValueError(f"targets must lie from 0 to {scores.shape[1] - 1}")
        return cls(scores, truth)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.targets)

    @property
    def classes(self) -> int:
        """Number of classes, with or without rows."""
        return int(self.probabilities.shape[1])

    @cached_property
    def predicted(self) -> IntVector:
        """(n,) the most probable class."""
        best: IntVector = self.probabilities.argmax(axis=1).astype(np.int64)
        return best

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) whether the most probable class is the right one."""
        return np.asarray(self.predicted == self.targets)

    @cached_property
    def score(self) -> FloatArray:
        """(n,) probability of the most probable class."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def losses(self) -> FloatArray:
        """(n,) log-loss in nats, of probabilities clipped at `CLIP`."""
        chosen = self.probabilities[np.arange(self.rows), self.targets]
        return np.asarray(-np.log(np.clip(chosen, CLIP, 1.0)))

    @cached_property
    def bins(self) -> IntVector:
        """(n,) bin of equal mass, by rising score; rows with one score share a bin."""
        order = np.sort(self.score)
        edges = order[[self.rows * k // BINS for k in range(1, BINS)]]
        bins: IntVector = np.searchsorted(edges, self.score, side="right").astype(np.int64)
        return bins


def measure_quality(
    metrics: Iterable[str],
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    *,
    groups: Groups | None = None,
    slices: Slices | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    conditions: str = "",
) -> tuple[Measurement, ...]:
    """Measure those of the metrics that are measured on labelled rows, in the order given.

    The metrics of groups, or of slices, are left out (hence `unmeasured`) where none are given.

    Raises:
        ValueError: an unknown metric, or probabilities that do not fit the targets.
    """
    scored = Scored.of(probabilities, targets)
    found = []
    for metric in metrics:
        if metric not in METRICS:
            raise ValueError(f"unknown metric '{metric}'; {nearest(metric, METRICS)}")
        if not METRICS[metric].of_test_rows:
            continue
        bounds = _bounds(metric, scored, groups or {}, slices or {}, confidence=confidence, seed=seed)
        if bounds is not None and math.isfinite(bounds.value):
            found.append(
                Measurement(
                    metric=metric,
                    value=bounds.value,
                    low=bounds.low,
                    high=bounds.high,
                    n=scored.rows,
                    confidence=confidence,
                    conditions=conditions,
                )
            )
    return tuple(found)


def _bounds(
    metric: str, scored: Scored, groups: Groups, slices: Slices, *, confidence: float, seed: int
) -> Bounds | None:
    if metric in _OF_GROUPS:
        rates = [tuple(group_rates(scored, values).values()) for values in groups.values()]
        rates = [rate for rate in rates if rate]
        return _OF_GROUPS[metric](rates, confidence) if rates else None
    if metric in _OF_SLICES:
        return _OF_SLICES[metric](slice_rates(scored, slices), confidence) if slices else None
    if metric in _EXACT:
        return _EXACT[metric](scored, confidence)
    return _BOOTSTRAPPED[metric](scored, confidence, seed)


# --- rates -------------------------------------------------------------------------------------------------------

Rates = Sequence[tuple[int, int]]
"""(successes, rows) of each class, group or slice."""


def _accuracy(scored: Scored, confidence: float) -> Bounds:
    return clopper_pearson(int(scored.correct.sum()), scored.rows, confidence=confidence)


def _worst_class_recall(scored: Scored, confidence: float) -> Bounds:
    rows = np.bincount(scored.targets, minlength=scored.classes)
    right = np.bincount(scored.targets[scored.correct], minlength=scored.classes)
    return worst_rate(list(zip(right.tolist(), rows.tolist(), strict=True)), confidence=confidence)


def group_rates(scored: Scored, values: Sequence[str | None]) -> Mapping[str, tuple[int, int]]:
    """Right answers and rows of each group of a sensitive attribute, by name; rows without a value are in none.

    Raises:
        ValueError: values of other rows.
    """
    if len(values) != scored.rows:
        raise ValueError(f"{len(values)} group values for {scored.rows} rows")
    members: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            members.setdefault(value, []).append(row)
    return {name: (int(scored.correct[rows].sum()), len(rows)) for name, rows in sorted(members.items())}


def worst_rate(rates: Rates, *, confidence: float) -> Bounds:
    """The smallest of several rates.

    Lower bound: the smallest of the rates' own lower bounds, each at `confidence`; no correction is needed, since
    whichever rate is truly the smallest has its own bound among them. Upper bound: corrected for their number.

    >>> worst_rate([(50, 50), (45, 50)], confidence=0.95).value
    0.9
    """
    spread = 1.0 - (1.0 - confidence) / len(rates)
    seen = [right / rows for right, rows in rates if rows]
    return Bounds(
        value=min(seen, default=math.nan),
        low=min(clopper_pearson(right, rows, confidence=confidence).low for right, rows in rates),
        high=min(clopper_pearson(right, rows, confidence=spread).high for right, rows in rates),
    )


def rate_gap(rates: Rates, *, confidence: float) -> Bounds:
    """The largest rate minus the smallest.

    Upper bound: the truly largest and the truly smallest rate are two, so bounds at α/2 are enough. Lower bound:
    corrected for the number of rates.
    """
    alpha = 1.0 - confidence
    pair = [clopper_pearson(right, rows, confidence=1.0 - alpha / 2) for right, rows in rates]
    every = [clopper_pearson(right, rows, confidence=1.0 - alpha / (2 * len(rates))) for right, rows in rates]
    return Bounds(
        value=max(bounds.value for bounds in pair) - min(bounds.value for bounds in pair),
        low=max(0.0, max(bounds.low for bounds in every) - min(bounds.high for bounds in every)),
        high=max(bounds.high for bounds in pair) - min(bounds.low for bounds in pair),
    )


def _worst_group(attributes: Sequence[Rates], confidence: float) -> Bounds:
    return worst_rate([rate for rates in attributes for rate in rates], confidence=confidence)


def slice_rates(scored: Scored, slices: Slices) -> Rates:
    """Right answers and rows of each slice, in their order.

    Raises:
        ValueError: a slice of other rows.
    """
    if any(rows.shape != scored.targets.shape for rows in slices.values()):
        raise ValueError(f"every slice must say of {scored.rows} rows whether they belong to it")
    return [(int(scored.correct[rows].sum()), int(rows.sum())) for rows in slices.values()]


def _worst_slice(rates: Rates, confidence: float) -> Bounds:
    return worst_rate(rates, confidence=confidence)


def _widest_gap(attributes: Sequence[Rates], confidence: float) -> Bounds:
    """The widest gap of any attribute; the upper bound again needs no correction."""
    upper = [rate_gap(rates, confidence=confidence) for rates in attributes]
    corrected = 1.0 - (1.0 - confidence) / len(attributes)
    return Bounds(
        value=max(gap.value for gap in upper),
        low=max(rate_gap(rates, confidence=corrected).low for rates in attributes),
        high=max(gap.high for gap in upper),
    )


# --- bootstrapped ------------------------------------------------------------------------------------------------


def _macro_f1(scored: Scored, confidence: float, seed: int) -> Bounds:
    return macro_f1_bounds(scored.targets, scored.predicted, classes=scored.classes, confidence=confidence, seed=seed)


def _log_loss(scored: Scored, confidence: float, seed: int) -> Bounds:
    """Mean log-loss. A clipped row costs at most −log(CLIP), which bounds what an unseen row can add."""
    ends = (np.zeros((1, 1)), np.full((1, 1), -math.log(CLIP)))
    rows = Rows(scored.losses[:, None], worst=ends[0], best=ends[1])
    return bootstrap(lambda means: means[:, 0], rows, confidence=confidence, seed=seed)


def _calibration_error(scored: Scored, confidence: float, seed: int) -> Bounds:
    """Expected calibration error over 15 bins of equal mass (Guo et al. 2017; equal mass: Nixon et al. 2019).

    An absolute value is biased upwards by noise, and more so when resampled: the upper bound is on the safe side.
    """
    gaps = np.zeros((scored.rows, BINS + 1))
    gaps[np.arange(scored.rows), scored.bins] = scored.score - scored.correct
    unseen = np.eye(BINS + 1)[[BINS]]  # a row more that is wholly miscalibrated, or whose gap cancels another's

    def statistic(means: FloatArray) -> FloatArray:
        return np.asarray(np.maximum(np.abs(means[:, :BINS]).sum(axis=1) + means[:, BINS], 0.0))

    rows = Rows(gaps, worst=-unseen, best=unseen)
    bounds = bootstrap(statistic, rows, confidence=confidence, seed=seed)
    return Bounds(bounds.value, bounds.low, min(bounds.high, 1.0))


_EXACT: Mapping[str, Callable[[Scored, float], Bounds]] = {
    "accuracy": _accuracy,
    "worst_class_recall": _worst_class_recall,
}
_OF_GROUPS: Mapping[str, Callable[[Sequence[Rates], float], Bounds]] = {
    "worst_group_accuracy": _worst_group,
    "accuracy_gap": _widest_gap,
}
_OF_SLICES: Mapping[str, Callable[[Rates, float], Bounds]] = {"worst_slice_accuracy": _worst_slice}
_BOOTSTRAPPED: Mapping[str, Callable[[Scored, float, int], Bounds]] = {
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
    "calibration_error": _calibration_error,
}
