"""What an untried sequence of passes would come to, by what was measured of others.

Effects of passes add, on the scale of `front.upward`: logarithms of latency, throughput, memory, size and cost,
differences of quality. A pass has an effect of its own, one more for its options, and one more on each trial; all of
them are independent and normal around 0, as wide as the constants say. Measured variants make them narrower (conjugate
Bayesian linear regression; Lindley and Smith 1972): where two variants differ in one pass, its effect is what they
differ by; a pass that was never measured keeps the whole width of its prior, so what is unknown adds up along a
sequence.

A metric that is a sum of parts (the size: word table, other weights, other files) is predicted part by part and then
added up: a pass that leaves a third of a table leaves a third of it whatever the rest weighs, while its effect on the
sum depends on all other passes. What is not known of a pass is taken to be unknown of all parts alike, so spreads of
parts add up as the parts do.

A pass on a graph computes what a model computes in another way: where it seems to answer better, that is chance. So no
quality is expected above that of the same model's plain export or, where that was not measured, far above that of its
best rewriting.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from marketfit.compress.order import Steps
from marketfit.compress.plan.front import FloatArray, is_relative, upward, upward_one

_Model = tuple[int, tuple[str, ...]]
"""A trial and the passes on its model."""


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
    """A candidate that was measured: metric → value. `name` is that of its variant.

    `parts`: metric → part → value, of metrics that are the sum of parts; empty where parts are not known. `failed`: it
    was timed for good and can't ship, whatever it looked like.
    """

    name: str
    candidate: Candidate
    figures: Mapping[str, float]
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    failed: bool = False


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
_LOST = 0.01  # of quality, that rewriting may have cost at the most where the model itself was not measured
_LEAST = 1e-3  # of a part that is not there, in the unit of its metric; logarithms need more than nothing


@dataclass(frozen=True, eq=False)
class Prediction:
    """Means, standard deviations and upper limits (candidates, metrics) on the scale of `front.upward`."""

    metrics: tuple[str, ...]
    mean: FloatArray
    spread: FloatArray
    most: FloatArray

    def drawn(self, noise: FloatArray) -> FloatArray:
        """(draws, candidates, metrics) values, of standard normal noise that broadcasts to that."""
        found: FloatArray = np.minimum(self.mean + noise * self.spread, self.most)
        return found


def predict(
    known: Sequence[Known], candidates: Sequence[Candidate], metrics: Sequence[str], *, rewrites: Collection[str] = ()
) -> Prediction:
    """Predict all metrics of candidates from what is known; every known one has all of these metrics.

    `rewrites`: the passes that work on graphs.
    """
    among = _Among.of(known, candidates)
    columns = [
        _sum_of_parts(among, metric, parts) if (parts := _parts(known, metric)) is not None
        else among.column(upward([item.figures for item in known], (metric,))[:, 0], metric)
        for metric in metrics
    ]  # fmt: skip
    mean, spread = (np.array(part).T.reshape(len(candidates), len(metrics)) for part in zip(*columns, strict=True))
    return Prediction(tuple(metrics), mean, spread, _most(known, candidates, metrics, rewrites))


def _most(
    known: Sequence[Known], candidates: Sequence[Candidate], metrics: Sequence[str], rewrites: Collection[str]
) -> FloatArray:
    """(candidates, metrics): the quality of the model that is rewritten, as far as it was measured; else no limit."""
    quality = [place for place, metric in enumerate(metrics) if not is_relative(metric)]
    plain, rewritten = dict[_Model, FloatArray](), dict[_Model, FloatArray]()
    for item, values in zip(known, upward([item.figures for item in known], metrics)[:, quality], strict=True):
        model = _model(item.candidate, rewrites)
        if model[1] == item.candidate.labels:
            plain[model] = values
        else:
            rewritten[model] = np.maximum(rewritten.get(model, -np.inf), values + _LOST)
    limits, found = rewritten | plain, np.full((len(candidates), len(metrics)), np.inf)
    for row, candidate in enumerate(candidates):
        found[row, quality] = limits.get(_model(candidate, rewrites), np.inf)
    return found


def _model(candidate: Candidate, rewrites: Collection[str]) -> _Model:
    return candidate.trial, tuple(step.label for step in candidate.steps if step.name not in rewrites)


def _parts(known: Sequence[Known], metric: str) -> Mapping[str, FloatArray] | None:
    """Part → values (known,), where every known one has parts of this metric."""
    found = [item.parts.get(metric, {}) for item in known]
    if not found or not all(found):
        return None
    names = dict.fromkeys(name for one in found for name in one)
    return {name: np.array([one.get(name, 0.0) for one in found]) for name in names}


def _sum_of_parts(among: _Among, metric: str, parts: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and spread (candidates,) of a sum, on the scale of `front.upward`."""
    sign = upward_one(metric, math.e)  # 1 or −1
    logs = [among.column(np.log(np.maximum(values, _LEAST)), metric) for values in parts.values()]
    sizes = np.exp([mean for mean, _ in logs])
    total = sizes.sum(axis=0)
    spread: FloatArray = (sizes * [spread for _, spread in logs]).sum(axis=0) / total
    return sign * np.log(total), spread


@dataclass(frozen=True, eq=False)
class _Among:
    """Known and asked candidates by effects, (known, effects) and (asked, effects), and how many passes each has."""

    features: _Features
    seen: FloatArray
    asked: FloatArray
    passes: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, known: Sequence[Known], candidates: Sequence[Candidate]) -> _Among:
        parts = [item.candidate for item in known], candidates
        features = _Features.of([*parts[0], *parts[1]])
        one, two = (np.array([len(each.steps) for each in part]) for part in parts)
        return cls(features, features.matrix(parts[0]), features.matrix(parts[1]), (one, two))

    def column(self, measured: FloatArray, metric: str) -> tuple[FloatArray, FloatArray]:
        """Mean and spread (asked,) of what was measured of all known ones (known,), on a scale on which effects add."""
        widths = RATIO if is_relative(metric) else QUALITY
        prior = self.features.variances(widths)
        level = float(measured.mean()) if len(measured) else 0.0
        own, rest = widths.rest**2 * self.passes[0] + _NOISE**2, widths.rest**2 * self.passes[1]
        among = (self.seen * prior) @ self.seen.T + np.diag(own)
        between = (self.asked * prior) @ self.seen.T
        weights = np.linalg.solve(among, between.T).T
        variance = (self.asked**2 * prior).sum(axis=1) - (weights * between).sum(axis=1) + rest
        return level + weights @ (measured - level), np.sqrt(np.maximum(variance, 0.0))


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
