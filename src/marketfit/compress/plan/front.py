"""The Pareto set: what no other beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from marketfit.brief import Brief
from marketfit.contract import METRICS
from marketfit.records.variants import Variant

FloatArray = NDArray[np.float64]

AXES = (
    "latency_p50_ms", "latency_p95_ms", "throughput_per_s", "memory_mb", "size_mb", "cost_per_1000",
)  # fmt: skip
"""What the set is about beside quality; cost where the machine has a price."""


def axes_of(brief: Brief) -> tuple[str, ...]:
    """The quality metric that is required first (else accuracy), then everything that a processor gives."""
    quality = next((need.metric for need in brief.require if METRICS[need.metric].of_test_rows), "accuracy")
    priced = brief.target.price_per_hour is not None
    return (quality, *(axis for axis in AXES if priced or axis != "cost_per_1000"))


def pareto_front(points: FloatArray) -> tuple[int, ...]:
    """Rows of (n, axes), more being better, that no other row beats: as good in everything, better in something.

    Equal rows stand or fall together. Exact, in O(n² axes).

    >>> pareto_front(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]))
    (0, 1, 3)
    """
    return tuple(
        row
        for row, point in enumerate(points)
        if not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any()
    )


def front_of(variants: Sequence[Variant], axes: Sequence[str]) -> tuple[str, ...]:
    """Names of the Pareto set of what can ship, by what was measured for good."""
    found = [
        (variant.name, variant.figures)
        for variant in variants
        if not variant.rejected and all(variant.measured(axis) for axis in axes)
    ]
    kept = pareto_front(upward([figures for _name, figures in found], axes))
    return tuple(found[place][0] for place in kept)


def is_relative(metric: str) -> bool:
    """Whether a metric is compared by its ratio: what machines and files give. Quality is compared by difference."""
    return not METRICS[metric].of_test_rows


def upward(figures: Sequence[Mapping[str, float]], metrics: Sequence[str]) -> FloatArray:
    """(n, metrics) on the scale on which effects add, more being better: logarithms of ratios, plain qualities."""
    return np.array([[upward_one(metric, each[metric]) for metric in metrics] for each in figures]).reshape(
        len(figures), len(metrics)
    )


def upward_one(metric: str, value: float) -> float:
    """A value on that scale."""
    scaled = float(np.log(max(value, 1e-12))) if is_relative(metric) else value
    return scaled if METRICS[metric].better == "higher" else -scaled


def downward_one(metric: str, scaled: float) -> float:
    """Back from that scale.

    >>> round(downward_one("size_mb", upward_one("size_mb", 12.0)), 9)
    12.0
    """
    plain = scaled if METRICS[metric].better == "higher" else -scaled
    return float(np.exp(plain)) if is_relative(metric) else plain
