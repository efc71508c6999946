"""What a candidate is worth: the chance that it keeps the contract and beats the best known one, or joins the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.brief import Brief
from marketfit.compress.plan.front import (
    FloatArray,
    axes_of,
    downward_one,
    is_relative,
    pareto_front,
    upward,
    upward_one,
)
from marketfit.compress.plan.predict import Known, Prediction
from marketfit.contract import METRICS, Measurement, Requirement

FRONT_SHARE = 0.005
"""What it is worth to join the Pareto set, in units of what it is worth to become the best one: that ships, this is
listed. A rewrite of a graph takes ten seconds and a distillation some hundreds: with a tenth, rewrites that are all but
sure to join come before a student that ships with a chance of one third."""

OPTIMISM = 2.0
"""Standard deviations to the better side at which a candidate that still can't win is given up."""

_DRAWS = 64
_STEP = {True: float(np.log(1.1)), False: 0.002}
"""What is no more than a tenth better, or a fifth of a point of quality, is not better than the best one, nor joins the
set (ε-dominance, Laumanns et al. 2002)."""

_MARGIN = float(np.log(1.05))  # a bound of a time or of memory lies about so far from its value

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Aim:
    """What makes a variant better: a weighted sum of metrics, or, without weights, any of its metrics.

    Without weights a variant beats the best known ones if none of them is as good in everything. So it is where there
    is a market survey: what the market pays for each metric is not known here.
    """

    metrics: tuple[str, ...]
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, brief: Brief) -> Aim:
        """As `position` will rank: by the market's attributes, by the brief's weights, or by the first requirement."""
        if brief.market.choices is not None:
            measured = [spec.metric for spec in brief.market.attributes.values() if spec.metric]
            return cls(tuple(dict.fromkeys(measured)) or axes_of(brief))
        if brief.weights:
            return cls(tuple(brief.weights), tuple(brief.weights.values()))
        return cls((brief.require[0].metric,))


@dataclass(frozen=True, eq=False)
class Judge:
    """The contract, the aim and the axes of the Pareto set, on the scale of `front.upward`.

    margins: requirement's metric → how far the bound that is judged lies from the value, on that scale.
    """

    requirements: tuple[Requirement, ...]
    aim: Aim
    axes: tuple[str, ...]
    margins: Mapping[str, float]

    @classmethod
    def of(cls, brief: Brief, measured: Sequence[Sequence[Measurement]]) -> Judge:
        """`measured`: what is known of each variant from valid rows; intervals of others are taken to be as wide."""
        margins = {need.metric: _margin(need, measured) for need in brief.require}
        return cls(brief.require, Aim.of(brief), axes_of(brief), margins)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that are looked at."""
        needed = (*self.axes, *self.aim.metrics, *(need.metric for need in self.requirements))
        return tuple(dict.fromkeys(needed))

    def gains(self, prediction: Prediction, known: Sequence[Known], *, seed: int) -> FloatArray:
        """Of each candidate: chance to keep the contract and beat the best known variant that does by a step, plus a
        share of the chance to join the Pareto set. The same draws for all candidates.
        """
        noise = np.random.default_rng(seed).standard_normal((_DRAWS, 1, len(self.metrics)))
        drawn = prediction.drawn(noise)
        steps = np.array([_STEP[is_relative(metric)] for metric in self.metrics])
        rivals = upward([item.figures for item in known], self.metrics)
        wins = self.keeps(drawn) & self.beats(drawn - steps, rivals[self.kept_by(known)])
        places = [self.metrics.index(axis) for axis in self.axes]
        front = rivals[list(pareto_front(rivals[:, places]))][:, places]
        joins = ~_dominated((drawn - steps)[..., places], front)
        gains: FloatArray = wins.mean(axis=0) + FRONT_SHARE * joins.mean(axis=0)
        return gains

    def kept_by(self, known: Sequence[Known]) -> Mask:
        """(known,): which of the measured variants keep every requirement, as far as a look or a timing told."""
        figures = upward([item.figures for item in known], self.metrics)
        return self.keeps(figures) & ~np.array([item.failed for item in known], dtype=np.bool_)

    def keeps(self, values: FloatArray) -> Mask:
        """(…,): whether (…, metrics) keep every requirement, each with its margin."""
        kept = np.ones(values.shape[:-1], dtype=np.bool_)
        for need in self.requirements:
            kept &= values[..., self._place(need)] - self.margins[need.metric] >= upward_one(need.metric, need.limit)
        return kept

    def beats(self, values: FloatArray, keeping: FloatArray) -> Mask:
        """(…,): whether (…, metrics) are better than all (k, metrics) known to keep the contract."""
        places = [self.metrics.index(metric) for metric in self.aim.metrics]
        if not len(keeping):
            return np.ones(values.shape[:-1], dtype=np.bool_)
        if self.aim.weights:
            best = self._weighed(keeping[:, places]).max()
            found: Mask = self._weighed(values[..., places]) > best
            return found
        return ~_dominated(values[..., places], keeping[:, places])

    def hopeless(self, prediction: Prediction, known: Sequence[Known]) -> list[str]:
        """Why each candidate can't win even at its optimistic end, or an empty string."""
        best = prediction.mean + OPTIMISM * prediction.spread
        places = [self.metrics.index(axis) for axis in self.axes]
        rivals = upward([item.figures for item in known], self.axes)
        told = [""] * len(best)
        for need in reversed(self.requirements):
            for row in np.flatnonzero(best[:, self._place(need)] < upward_one(need.metric, need.limit)).tolist():
                found = downward_one(need.metric, float(best[row, self._place(need)]))
                told[row] = f"{need} would be {found:.4g} at best"
        for rival, values in zip(known, rivals, strict=True):
            for row in np.flatnonzero(_beats(values, best[:, places])).tolist():
                told[row] = told[row] or f"at its best still beaten in everything by {rival.name}"
        return told

    def _weighed(self, values: FloatArray) -> FloatArray:
        """(…,) weighted sums of (…, metrics of the aim), each counted in its better direction and its own unit."""
        total = np.zeros(values.shape[:-1])
        for place, (metric, weight) in enumerate(zip(self.aim.metrics, self.aim.weights, strict=True)):
            sign = 1.0 if METRICS[metric].better == "higher" else -1.0
            plain = values[..., place]
            natural = plain if METRICS[metric].of_test_rows else sign * np.exp(sign * plain)
            total += weight * natural
        return total

    def _place(self, need: Requirement) -> int:
        return self.metrics.index(need.metric)


def _beats(rival: FloatArray, values: FloatArray) -> Mask:
    """(n,): whether (axes,) is as good as (n, axes) in everything, and better in something."""
    return np.logical_and((rival >= values).all(axis=1), (rival > values).any(axis=1))


def _dominated(values: FloatArray, rivals: FloatArray) -> Mask:
    """(…,): whether any of (k, axes) is as good as (…, axes) in everything."""
    found = np.zeros(values.shape[:-1], dtype=np.bool_)
    columns = [np.ascontiguousarray(values[..., axis]) for axis in range(values.shape[-1])]
    for rival in rivals:
        beaten = columns[0] <= rival[0]
        for column, value in zip(columns[1:], rival[1:], strict=True):
            beaten &= column <= value
        found |= beaten
    return found


def _margin(need: Requirement, measured: Sequence[Sequence[Measurement]]) -> float:
    """Median distance of the judged bound from the value where there are intervals already."""
    if METRICS[need.metric].evidence == "process":
        return _MARGIN
    found = [one for each in measured for one in each if one.metric == need.metric]
    if METRICS[need.metric].evidence == "exact" or not found:
        return 0.0
    return float(np.median([one.value - one.low if need.op == ">=" else one.high - one.value for one in found]))
