"""Contracts drawn around a known Pareto set, and which variants beat them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.contract import METRICS, Requirement

SEED = 4  # of all drawings: contract number n is drawn from (SEED, n)
DRAWN = (
    "accuracy", "latency_p50_ms", "latency_p95_ms", "throughput_per_s", "memory_mb", "cold_start_ms", "size_mb",
)  # fmt: skip
FEWEST, MOST = 2, 4
TIGHTEST, LOOSEST = 0.7, 1.4
ABOVE, BELOW = 0.015, 0.03
CLEARLY = 0.1

Figures = Mapping[str, float]  # metric → value


def draw(front: Sequence[Figures], number: int) -> list[Requirement]:
    """One contract around a random member of the front: 2 to 4 metrics in random order, the first of which ranks.

    A bound is the member's value times a factor that is log-uniform from 0.7 (tighter than it) to 1.4 (looser), in the
    metric's direction; that of accuracy lies from 1.5 points above the member's to 3 points below, uniformly.
    """
    rng = np.random.default_rng([SEED, number])
    member = front[rng.integers(len(front))]
    count = int(rng.integers(FEWEST, MOST + 1))
    metrics = [metric for metric in DRAWN if metric in member]
    chosen = [metrics[place] for place in rng.permutation(len(metrics))[:count].tolist()]
    return [_bound(metric, member[metric], rng) for metric in chosen]


def _bound(metric: str, value: float, rng: np.random.Generator) -> Requirement:
    higher = METRICS[metric].better == "higher"
    factor = math.exp(rng.uniform(math.log(TIGHTEST), math.log(LOOSEST)))
    limit = value / factor if higher else value * factor
    if metric == "accuracy":
        limit = min(1.0, max(0.0, value + rng.uniform(-BELOW, ABOVE)))
    return Requirement.parse(metric, f"{'>=' if higher else '<='} {limit:.4g}")


def beaten(requirements: Sequence[Requirement], figures: Figures) -> bool:
    """Whether a variant is 10 % or more better than every bound; of accuracy that is a tenth of the allowed errors."""
    return all(need.metric in figures and _clearly(need, figures[need.metric]) for need in requirements)


def _clearly(need: Requirement, value: float) -> bool:
    if need.metric == "accuracy":
        return 1.0 - value <= (1.0 - CLEARLY) * (1.0 - need.limit)
    return value >= (1.0 + CLEARLY) * need.limit if need.op == ">=" else value <= (1.0 - CLEARLY) * need.limit
