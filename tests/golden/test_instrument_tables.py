"""Published worked examples of price sensitivity and of best–worst scaling, to the printed digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.research.maxdiff import BestWorst, fit_best_worst
from marketfit.research.price_sensitivity import PriceAnswers, best_price, price_curves, price_points, rises

WORD, STEP = 0xFFFFFFFF, 2.0**-32


class R:
    """The random numbers of R: Mersenne Twister (Matsumoto & Nishimura 1998), scrambled seed, normals by inversion."""

    def __init__(self, seed: int) -> None:
        words = []
        for _ in range(50 + 625):
            seed = (69069 * seed + 1) & WORD
            words.append(seed)
        self._bits = np.random.MT19937()
        state = self._bits.state
        state["state"] = {"key": np.array(words[51:], dtype=np.uint32), "pos": 624}
        self._bits.state = state

    def uniform(self) -> float:
        return min(max(int(self._bits.random_raw()) * STEP, STEP / 2), 1 - STEP / 2)

    def normal(self, count: int, mean: float, spread: float) -> FloatArray:
        steps = [math.floor(2**27 * self.uniform()) + self.uniform() for _ in range(count)]
        return np.asarray(mean + spread * special.ndtri(np.array(steps) / 2**27))

    def sample(self, count: int, chances: dict[int, float]) -> IntArray:
        """chances: value → its chance, in the order in which R's heap sort leaves them."""
        ends = np.cumsum(list(chances.values()))[:-1]
        values = list(chances)
        return np.array([values[int(np.searchsorted(ends, self.uniform()))] for _ in range(count)])


def test_the_random_numbers_are_those_of_r() -> None:
    """What `set.seed(42); rnorm(3)` prints."""
    np.testing.assert_allclose(R(42).normal(3, 0, 1), [1.37095845, -0.56469817, 0.36312841], atol=5e-9)


@pytest.fixture(scope="module")
def prices() -> PriceAnswers:
    """The example of `psm_analysis` in R's package pricesensitivitymeter (Alletsee, version 1.3.3)."""
    r = R(42)
    named = [r.normal(250, *shape).round(2) for shape in ((5, 0.5), (8.5, 0.5), (13, 0.75), (17, 1))]
    cheap = r.sample(250, {5: 0.3, 4: 0.3, 3: 0.2, 2: 0.1, 1: 0.1})
    expensive = r.sample(250, {1: 0.3, 2: 0.3, 3: 0.2, 5: 0.1, 4: 0.1})
    chance = np.array([0.0, 0.1, 0.3, 0.5, 0.7])  # of each answer from 1 to 5: the package's own calibration
    answers = np.column_stack(named)
    assert rises(answers).all()  # "250 cases with individual price preferences were analyzed"
    return PriceAnswers(answers, np.ones(250), chance[np.column_stack([cheap, expensive]) - 1])


def test_newton_miller_smith(prices: PriceAnswers) -> None:
    """Printed: "Price with Optimal Reach: 8.8", "Price with Optimal Revenue: 9.4"."""
    best = best_price(prices)
    assert best.most_buyers.value == pytest.approx(8.8, abs=1e-9)
    assert best.price.value == pytest.approx(9.4, abs=1e-9)


def test_van_westendorp(prices: PriceAnswers) -> None:
    """Printed: "Accepted Price Range: 6.35 - 14.53", "Indifference Price Point: 9.98", "Optimal Price Point: 6.35".

    Where both curves are 0 from one price to another, the package prints the first price and we the middle.
    """
    points, curves = price_points(prices), price_curves(prices)
    assert points.marginal_expensiveness.value == pytest.approx(14.53)
    nobody = np.zeros(curves.price.size)
    for printed, falling, rising, ours in (
        (6.35, curves.too_cheap, 1 - curves.cheap, points.marginal_cheapness),
        (9.98, curves.cheap, curves.expensive, points.indifference),
        (6.35, curves.too_cheap, curves.too_expensive, points.optimal),
    ):
        last = curves.price[falling > 1e-12].max()  # the last price that somebody calls (too) cheap
        first = curves.price[rising > 1e-12].min()
        assert last == pytest.approx(printed)
        assert (falling * rising == nobody).all()
        before = curves.price[curves.price < first].max()
        after = curves.price[curves.price > last].min()
        assert last <= ours.value <= first
        assert ours.value == pytest.approx((after + before) / 2)


ITEMS = ("origin", "variety", "price", "taste", "safety", "washfree", "milling")
QUESTIONS = np.array([[1, 2, 3, 6], [0, 1, 2, 5], [0, 1, 4, 6], [1, 3, 4, 5], [0, 2, 3, 4], [2, 4, 5, 6], [0, 3, 5, 6]])
PRINTED = {"origin": 1.13096, "variety": 1.10765, "price": 2.01292, "taste": 1.84700, "safety": 2.07194,
           "washfree": 0.0, "milling": 0.96028}  # fmt: skip
PEOPLE = 90


def expected_scores(utilities: FloatArray) -> FloatArray:
    """(items,) best less worst of all answers that the model expects, by every ordered pair of every question."""
    scores = np.zeros(len(ITEMS))
    for shown in QUESTIONS:
        pairs = [(best, worst) for best in shown for worst in shown if best != worst]
        chances = special.softmax([utilities[best] - utilities[worst] for best, worst in pairs])
        for (best, worst), chance in zip(pairs, chances, strict=True):
            scores[best] += PEOPLE * chance
            scores[worst] -= PEOPLE * chance
    return scores


def with_scores(scores: IntArray) -> BestWorst:
    """Answers of 90 people to the seven questions whose counts of best less worst are these, and else any."""
    shown = np.tile(QUESTIONS, (PEOPLE, 1))
    left = scores.copy()
    best, worst = [], []
    for items in shown:
        order = np.argsort(-left[items], kind="stable")
        best.append(int(items[order[0]]))
        worst.append(int(items[order[-1]]))
        left[best[-1]] -= 1
        left[worst[-1]] += 1
    while left.any():  # in one answer, the best becomes another one that was passed over
        wanted, spare = int(left.argmax()), int(left.argmin())
        row = next(
            row for row, items in enumerate(shown) if best[row] == spare and wanted in items and worst[row] != wanted
        )
        best[row] = wanted
        left[[wanted, spare]] += [-1, 1]
    at_best, at_worst = (np.argmax(shown == np.array(chosen)[:, None], axis=1) for chosen in (best, worst))
    person = np.repeat(np.arange(PEOPLE), len(QUESTIONS))
    return BestWorst(shown, at_best, at_worst, person, np.ones(PEOPLE), len(ITEMS))


def test_best_worst_scaling_of_rice() -> None:
    """90 people, 7 questions with 4 of 7 features of rice (Aizaki, Nakatani & Sato 2014; support.BWS, `ricebws1`).

    The table of the maxdiff model prints coefficients, log-likelihood and shares, not the answers. Best less worst is
    sufficient (Marley & Louviere 2005), so the printed coefficients tell these counts, which have to be whole numbers;
    from answers with these counts our fit has to find what is printed.
    """
    expected = expected_scores(np.array([PRINTED[item] for item in ITEMS]))
    counts = expected.round().astype(np.int64)
    np.testing.assert_allclose(expected, counts, atol=0.01)
    fit = fit_best_worst(with_scores(counts), model="maxdiff")
    against_base = fit.utilities - fit.utilities[ITEMS.index("washfree")]
    np.testing.assert_allclose(against_base, [PRINTED[item] for item in ITEMS], atol=5.1e-6)
    assert fit.log_likelihood == pytest.approx(-1318, abs=0.5)
    assert 1 - fit.log_likelihood / fit.log_likelihood_null == pytest.approx(0.1580881, abs=5e-8)
    shares = [9.835520, 9.608950, 23.759085, 20.126594, 25.203440, 3.174165, 8.292247]
    np.testing.assert_allclose(fit.shares, shares, atol=5e-6)
