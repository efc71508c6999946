"""What is no answer is refused by every public statistic, with its position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.errors import DataError
from marketfit.research.importance_performance import RatedAnswers, importance_performance
from marketfit.research.kano import KanoAnswers, categories, fong_distinct, kano
from marketfit.research.maxdiff import BestWorst, fit_best_worst
from marketfit.research.perceptions import PerceptionAnswers
from marketfit.research.price_sensitivity import PriceAnswers, best_price, price_curves, price_points
from marketfit.research.satisfaction import disappointment, net_promoter, top_two
from marketfit.research.weighted import share

NAN = float("nan")
RISING = [[1.0, 2.0, 3.0, 4.0]] * 12
PAIRS = ([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("statistic", "told"),
    [
        (lambda: net_promoter([10, 9, NAN]), r"answers\[2\]: is nan; whole numbers from 0 to 10"),
        (lambda: net_promoter([11, 9, -1, 6.5]), r"answers\[0\], \[2\], \[3\]: is 11"),
        (lambda: net_promoter([]), "answers: holds no answers"),
        (lambda: net_promoter(["ten"]), "answers: holds other things than numbers"),
        (lambda: net_promoter([[9, 3]]), r"answers: has the shape \(1, 2\)"),
        (lambda: net_promoter([9, 3], [1]), r"weights: has the shape \(1,\); numbers of the shape \(2,\)"),
        (lambda: net_promoter([9, 3], [1, 0]), r"weights\[1\]: is 0; numbers above 0"),
        (lambda: net_promoter([9, 3], [1, NAN]), r"weights\[1\]: is nan"),
        (lambda: top_two([1, 6], scale=5), r"answers\[1\]: is 6; whole numbers from 1 to 5"),
        (lambda: disappointment([0, 3]), r"answers\[1\]: is 3"),
        (lambda: share(np.array([True, False]), [1.0, -1.0]), r"weights\[1\]: is -1"),  # type: ignore[arg-type]
        (lambda: categories([0, 5], [0, 0]), r"functional\[1\]: is 5; whole numbers from 0 to 4"),
        (lambda: categories([0, 1], [0]), r"functional|dysfunctional: has the shape \(1,\)"),
        (lambda: fong_distinct(3, 2, 4), r"n\[0\]: is 4; numbers at least 5"),
        (lambda: KanoAnswers([0, 9], [4, 4], [0, 0], [0, 1]), r"functional\[1\]: is 9"),
        (lambda: KanoAnswers([0, 0], [4, 4], [0, 0], [0, 0]), r"person and feature\[1\]: are those of an earlier"),
        (lambda: KanoAnswers([0, 0], [4, 4], [0, 2], [0, 1]), "feature: no answer has the code 1"),
        (lambda: RatedAnswers([5], [6], [0], [0], scale=5), r"performance\[0\]: is 6; numbers from 1 to 5"),
        (lambda: BestWorst([[0, 0]], [0], [1], [0]), r"shown\[0\]: shows an item twice"),
        (lambda: BestWorst([[0, 1]], [0], [0], [0]), r"best\[0\]: is the worst too"),
        (lambda: BestWorst([[0, 1]], [2], [0], [0]), r"best\[0\]: is 2; whole numbers from 0 to 1"),
        (lambda: PerceptionAnswers([0, 1, 1, 2], *PAIRS, fits_only=True), r"rating\[3\]: is 2"),
        (lambda: PerceptionAnswers([0, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]), "no answer has the code 3"),
        (lambda: PriceAnswers([[4, 3, 2, 1]]), r"prices\[0\]: are 4, 3, 2, 1; too cheap < cheap"),
        (lambda: PriceAnswers([[1, 2, 3]]), r"prices: has the shape \(1, 3\)"),
        (lambda: PriceAnswers(RISING, chances=[[0.1, 2.0]] * 12), r"chances\[0, 1\].*is 2; numbers from 0 to 1"),
        (lambda: price_points(PriceAnswers(np.zeros((0, 4)))), "prices: holds no answers"),
        (lambda: price_curves(PriceAnswers(np.zeros((0, 4)))), "prices: holds no answers"),
        (lambda: best_price(PriceAnswers(RISING)), "these answers hold no chances to buy"),
    ],
)
def test_nonsense_is_refused_with_its_position(statistic: Callable[[], object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        statistic()


def test_weights_are_all_one_unless_given() -> None:
    assert net_promoter([10, 9, 3]) == net_promoter(np.array([10.0, 9.0, 3.0]), np.ones(3))
    assert top_two([5, 4], scale=5) == top_two([5, 4], [2, 2], scale=5)
    assert disappointment([0, 1]) == disappointment([0, 1], np.ones(2))
    codes = ([0, 1], [4, 4], [0, 0], [0, 1])
    assert kano(KanoAnswers(*codes)) == kano(KanoAnswers(*codes, np.ones(2), 1))
    rated = ([5.0, 3.0], [2.0, 4.0], [0, 0], [0, 1])
    assert importance_performance(RatedAnswers(*rated)) == importance_performance(RatedAnswers(*rated, np.ones(2), 1))
    tasks = ([[0, 1, 2]] * 4, [0, 0, 1, 2], [1, 2, 0, 1], range(4))
    alone = fit_best_worst(BestWorst(*tasks)).shares
    np.testing.assert_array_equal(alone, fit_best_worst(BestWorst(*tasks, np.ones(4), 3)).shares)
    assert price_points(PriceAnswers(RISING)) == price_points(PriceAnswers(RISING, np.ones(12)))
