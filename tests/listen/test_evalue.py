"""The e-value is a fair game against the champion, and it is what its formula says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from marketfit.listen import THRESHOLD, evalue
from marketfit.listen.evalue import log_evalue

counts = st.integers(0, 400)


@given(wins=counts, losses=counts)
def test_at_one_half_the_next_pair_is_worth_nothing_on_average(wins: int, losses: int) -> None:
    now = log_evalue(wins, losses)
    after = np.logaddexp(log_evalue(wins + 1, losses), log_evalue(wins, losses + 1)) - math.log(2)
    assert after == pytest.approx(now, abs=1e-8)


@given(wins=counts, losses=counts, p=st.floats(0.0, 0.5))
def test_where_the_challenger_is_not_better_it_loses_on_average(wins: int, losses: int, p: float) -> None:
    """The supermartingale: also below one half."""
    now = evalue(wins, losses)
    assert p * evalue(wins + 1, losses) + (1 - p) * evalue(wins, losses + 1) <= now * (1 + 1e-9)


@pytest.mark.parametrize(("wins", "losses", "a", "b"), [(0, 0, 1, 1), (7, 2, 1, 1), (3, 9, 1, 1), (20, 11, 2, 3)])
def test_it_is_the_average_of_likelihood_ratios(wins: int, losses: int, a: float, b: float) -> None:
    def weight(q: float) -> float:
        return q ** (a - 1) * (1 - q) ** (b - 1)

    def ratio(q: float) -> float:
        return float((2 * q) ** wins * (2 * (1 - q)) ** losses)

    above = quad(lambda q: ratio(q) * weight(q), 0.5, 1)[0] / quad(weight, 0.5, 1)[0]
    assert evalue(wins, losses, a=a, b=b) == pytest.approx(above, rel=1e-8)


@pytest.mark.parametrize("p", [0.5, 0.45])
def test_looking_after_every_pair_raises_false_alarms_in_one_of_twenty_at_most(p: float) -> None:
    rng = np.random.default_rng(3)
    runs, pairs = 4000, 600
    wins = np.cumsum(rng.random((runs, pairs)) < p, axis=1)
    seen = np.arange(1, pairs + 1)
    table = {
        (w, n): log_evalue(w, n - w)
        for n in seen
        for w in range(int(wins[:, n - 1].min()), int(wins[:, n - 1].max()) + 1)
    }
    values = np.array([[table[w, n] for w, n in zip(row, seen, strict=True)] for row in wins[:1000].tolist()])
    alarms = (values.max(axis=1) >= math.log(THRESHOLD)).mean()
    assert alarms <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)
    if p == 0.5:
        assert alarms > 0.005  # not so timid that it could never find anything


def test_a_better_challenger_is_found() -> None:
    rng = np.random.default_rng(0)
    found = sum(evalue(w, 80 - w) >= THRESHOLD for w in rng.binomial(80, 0.75, 500).tolist())
    assert found > 450


def test_extremes_neither_overflow_nor_lie() -> None:
    assert evalue(100_000, 0) > 1e300
    assert math.isfinite(evalue(100_000, 0))
    assert evalue(0, 100_000) < 1e-3
    assert log_evalue(60_000, 40_000) > 1000
    with pytest.raises(ValueError, match="negative"):
        evalue(-1, 0)
