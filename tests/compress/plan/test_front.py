"""The Pareto set against brute force, and the scale on which effects add."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marketfit.compress.plan.front import downward_one, pareto_front, upward_one
from marketfit.contract import METRICS

POINTS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 12), st.integers(1, 4)),
    elements=st.integers(0, 3).map(float),  # few values: many ties
)


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(points: np.ndarray) -> None:
    def beats(one: np.ndarray, other: np.ndarray) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)

    beaten = {b for a, b in itertools.permutations(range(len(points)), 2) if beats(points[a], points[b])}
    assert pareto_front(points) == tuple(place for place in range(len(points)) if place not in beaten)


@given(POINTS)
def test_every_point_off_the_front_is_beaten_by_one_on_it(points: np.ndarray) -> None:
    front = pareto_front(points)
    assert bool(front) == bool(len(points))
    for place in set(range(len(points))) - set(front):
        assert any((points[kept] >= points[place]).all() and (points[kept] != points[place]).any() for kept in front)


@given(st.sampled_from(sorted(METRICS)), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_scale_puts_the_better_value_higher(metric: str, one: float, other: float) -> None:
    better = max if METRICS[metric].better == "higher" else min
    assert max(upward_one(metric, one), upward_one(metric, other)) == upward_one(metric, better(one, other))
    np.testing.assert_allclose(downward_one(metric, upward_one(metric, one)), one, rtol=1e-9)
