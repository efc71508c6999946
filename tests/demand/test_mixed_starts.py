"""Several searches: the highest peak wins, and whatever number is asked for the first ones are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from marketfit.demand import ChoiceData, fit_mixed
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.likelihood import Evaluation
from marketfit.demand.models.mixed.starts import SPREADS, highest, starting_points
from marketfit.demand.models.mixed.tastes import Tastes
from marketfit.errors import DataError, RunError

FREE = (np.full(2, -np.inf), np.full(2, np.inf))
NAMES = ("price", "size", "colour")


@dataclass(frozen=True)
class Made:
    """A function of two parameters with its gradient and minus its Hessian."""

    function: Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]

    def evaluate(self, parameters: FloatArray, *, information: bool = False) -> Evaluation:
        value, gradient, minus_hessian = self.function(parameters)
        return Evaluation(value, gradient[None], np.eye(2), minus_hessian if information else None)


def tilted(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Two hills near (±1, 0), of which that on the right is 2 higher."""
    x, y = point.tolist()
    value = -10 * (x * x - 1) ** 2 - y * y + x
    return value, np.array([-40 * x * (x * x - 1) + 1, -2 * y]), np.array([[120 * x * x - 40, 0], [0, 2.0]])


def half(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """The same, but searches that begin left of −5 end nowhere."""
    if point[0] < -5:
        raise RunError("the mixed logit did not converge")
    return tilted(point)


def test_the_highest_peak_is_kept() -> None:
    told: list[float] = []
    starts = [np.array([side, 1.0]) for side in (-1.1, 1.1, 0.9, -0.9)]
    best = highest(Made(tilted), starts, FREE, told.append)
    assert best.peak.parameters[0] == pytest.approx(1.0124, abs=1e-3)
    assert best.agreed == 2
    assert told == sorted(told)
    assert told[-1] == 1.0
    left = highest(Made(tilted), starts[:1], FREE, told.append)
    assert left.peak.evaluation.value == pytest.approx(best.peak.evaluation.value - 2, abs=0.01)
    assert left.agreed == 1


def test_a_search_that_ends_nowhere_is_left_out() -> None:
    nowhere, somewhere = np.array([-6.0, 0.0]), np.array([0.9, 0.0])
    best = highest(Made(half), [nowhere, somewhere], FREE, lambda _: None)
    assert best.peak.parameters[0] == pytest.approx(1.0124, abs=1e-3)
    with pytest.raises(RunError, match="did not converge"):
        highest(Made(half), [nowhere, nowhere], FREE, lambda _: None)


def test_more_starts_begin_with_the_same_ones() -> None:
    tastes = Tastes(NAMES, {"price": "log-normal", "size": "normal"}, {"price": -1}, True)
    logit = np.array([-0.5, 0.3, 0.7])
    two, five = (starting_points(tastes, logit, count, np.random.default_rng(4)) for count in (2, 5))
    for one, other in zip(two, five, strict=False):
        np.testing.assert_array_equal(one, other)
    for point, spread in zip(two, SPREADS, strict=True):
        np.testing.assert_allclose(point, [np.log(0.5), 0.3, 0.7, spread, 0.0, spread])
    for point in five[2:]:
        assert point[2] == 0.7, "a fixed coefficient starts at the logit's"
        assert point[4] == 0.0, "no correlation at first"
        assert (point[[3, 5]] > 0).all()
    assert len({tuple(point) for point in five}) == 5


def test_searches_are_counted_and_refused() -> None:
    rng = np.random.default_rng(1)
    price = rng.uniform(1, 4, size=(60, 6, 2))
    utility = rng.normal(-1.0, 0.8, size=(60, 1, 1)) * price + rng.gumbel(size=price.shape)
    person, task, product = (index.ravel() for index in np.indices(price.shape))
    won = (utility == utility.max(axis=2, keepdims=True)).ravel()
    data = ChoiceData.from_table(
        {"person": person, "task": task, "product": product, "won": won, "price": price.ravel()},
        respondent="person", task="task", alternative="product", chosen="won", attributes=["price"],
    )  # fmt: skip
    found = fit_mixed(data, random={"price": "normal"}, draws=50, starts=3)
    assert (found.starts, found.agreed) == (3, 3)
    assert "the highest of 3 searches, reached by 3" in str(found)
    with pytest.raises(DataError, match="starts=0: there is nowhere to start"):
        fit_mixed(data, random={"price": "normal"}, draws=50, starts=0)
