"""The search for the maximum, on functions whose maximum is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.likelihood import Evaluation
from marketfit.demand.models.mixed.search import maximise
from marketfit.errors import RunError

FREE = (np.full(2, -np.inf), np.full(2, np.inf))
Scores = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]


@dataclass(frozen=True)
class Made:
    """A function of two parameters; its outer product claims an information of its own."""

    function: Scores
    outer: float = 1.0

    def evaluate(self, parameters: FloatArray, *, information: bool = False) -> Evaluation:
        value, gradient, minus_hessian = self.function(parameters)
        outer = np.eye(2) * self.outer
        return Evaluation(value, gradient[None], outer, minus_hessian if information else None)


def bowl(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Highest at (1, −2)."""
    matrix = np.array([[3.0, 1.0], [1.0, 2.0]])
    away = point - np.array([1.0, -2.0])
    return -float(away @ matrix @ away) / 2, -matrix @ away, matrix


def two_hills(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Highest at (±1, 0), with a saddle at (0, 0)."""
    x, y = point.tolist()
    value = -10 * (x * x - 1) ** 2 - y * y
    return value, np.array([-40 * x * (x * x - 1), -2 * y]), np.array([[120 * x * x - 40, 0], [0, 2.0]])


def trough(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Only the sum of the parameters matters."""
    away = float(point.sum()) - 1
    return -away * away, np.full(2, -2 * away), np.full((2, 2), 2.0)


def slope(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Rises for ever, ever more slowly."""
    x = float(point[0])
    fall = np.exp(-x)
    return -float(fall), np.array([fall, 0.0]), np.array([[fall, 0.0], [0.0, 1.0]])


def no_progress(_done: float) -> None:
    pass


@pytest.mark.parametrize("outer", [1e-3, 1.0, 1e3])
def test_finds_the_top(outer: float) -> None:
    peak = maximise(Made(bowl, outer), np.array([50.0, 50.0]), FREE, no_progress)
    np.testing.assert_allclose(peak.parameters, [1.0, -2.0], atol=1e-8)
    np.testing.assert_array_equal(peak.information, [[3.0, 1.0], [1.0, 2.0]])
    assert not peak.at_bound.any()


def test_leaves_a_saddle() -> None:
    peak = maximise(Made(two_hills), np.array([0.01, 3.0]), FREE, no_progress)
    np.testing.assert_allclose(peak.parameters, [1.0, 0.0], atol=1e-6)


def test_stops_at_a_bound() -> None:
    bounds = (np.array([-np.inf, 0.0]), np.array([np.inf, np.inf]))
    peak = maximise(Made(bowl), np.array([5.0, 5.0]), bounds, no_progress)
    np.testing.assert_allclose(peak.parameters, [1 - 2 / 3, 0.0], atol=1e-6)
    assert peak.at_bound.tolist() == [False, True]


def test_refuses_a_flat_top() -> None:
    with pytest.raises(RunError, match="flat in some direction"):
        maximise(Made(trough), np.array([3.0, 5.0]), FREE, no_progress)


def test_refuses_an_endless_rise() -> None:
    def steep(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = slope(point)
        return 1e9 * value, 1e9 * gradient, 1e9 * information

    with pytest.raises(RunError, match=r"did not converge|flat in some direction"):
        maximise(Made(steep, 1e9), np.array([-100.0, 1.0]), FREE, no_progress)
