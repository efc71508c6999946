from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import ChoiceData, fit_mnl
from marketfit.errors import DataError
from marketfit.research.maxdiff import (
    BestWorst,
    BestWorstFit,
    BestWorstModel,
    best_worst_counts,
    comparable,
    fit_best_worst,
)


def simulated(seed: int, utilities: np.ndarray, *, people: int, tasks: int, taste: float = 0.0) -> BestWorst:
    """Sequential best–worst choices among four items, tastes of people spread by `taste`."""
    rng = np.random.default_rng(seed)
    rows = people * tasks
    shown = rng.permuted(np.tile(np.arange(utilities.size), (rows, 1)), axis=1)[:, :4]
    person = np.repeat(np.arange(people), tasks)
    worth = (utilities + taste * rng.normal(size=(people, utilities.size)))[person[:, None], shown]
    best = (worth + rng.gumbel(size=shown.shape)).argmax(axis=1)
    against = -worth + rng.gumbel(size=shown.shape)
    against[np.arange(rows), best] = -np.inf
    return BestWorst(shown, best, against.argmax(axis=1), person, np.ones(people), utilities.size)


def counted(pairs: dict[tuple[int, int], int]) -> BestWorst:
    """Everybody saw items 0, 1, 2; so many chose each (best, worst)."""
    picks = np.array([pair for pair, count in pairs.items() for _ in range(count)])
    return BestWorst(
        np.tile(np.arange(3), (len(picks), 1)), picks[:, 0], picks[:, 1], np.arange(len(picks)), np.ones(len(picks)), 3
    )


# Utilities ln 2, 0, −ln 2. maxdiff: e^(u_b − u_w) is 2, 4, 1/2, 2, 1/4, 1/2 for the six pairs, so 37 people answer as
# the model says when 8, 16, 2, 8, 1, 2 choose them. sequential: 4/7, 2/7, 1/7 are best, then 1/3 and 2/3, 1/5 and 4/5,
# 1/3 and 2/3 worst: 105 people. Counts that agree with the model have its utilities as the best estimate.
BY_HAND: dict[BestWorstModel, dict[tuple[int, int], int]] = {
    "maxdiff": {(0, 1): 8, (0, 2): 16, (1, 0): 2, (1, 2): 8, (2, 0): 1, (2, 1): 2},
    "sequential": {(0, 1): 20, (0, 2): 40, (1, 0): 6, (1, 2): 24, (2, 0): 5, (2, 1): 10},
}


@pytest.mark.parametrize("model", ["maxdiff", "sequential"])
def test_counts_that_agree_with_the_model_give_its_utilities(model: BestWorstModel) -> None:
    fit = fit_best_worst(counted(BY_HAND[model]), model=model)
    np.testing.assert_allclose(fit.utilities, [np.log(2), 0, -np.log(2)], atol=1e-10)
    np.testing.assert_allclose(fit.shares, [400 / 7, 200 / 7, 100 / 7])  # 2 : 1 : 1/2


def test_in_the_maxdiff_model_best_less_worst_is_all_that_counts() -> None:
    """Marley & Louviere (2005): the score is sufficient, so answers with the same scores have the same fit."""
    one = {(0, 1): 3, (1, 0): 2, (0, 2): 4, (2, 0): 1, (1, 2): 3, (2, 1): 2}
    other = {(0, 1): 4, (1, 0): 1, (0, 2): 3, (2, 0): 2, (1, 2): 4, (2, 1): 1}
    scores = [best_worst_counts(counted(pairs)).value * 15 for pairs in (one, other)]
    np.testing.assert_allclose(scores[0], [4, 0, -4])
    np.testing.assert_allclose(scores[1], scores[0])
    fits = [fit_best_worst(counted(pairs), model="maxdiff").utilities for pairs in (one, other)]
    np.testing.assert_allclose(*fits, atol=1e-10)


def test_the_sequential_model_is_a_multinomial_logit() -> None:
    """The same answers as two choices, the second with turned signs, in the logit of `demand`."""
    answers = simulated(3, np.array([1.0, 0.5, 0.0, -0.5, -1.0]), people=40, tasks=6, taste=0.5)
    columns: dict[str, list[float]] = {name: [] for name in ("who", "task", "alt", "won", "x1", "x2", "x3", "x4")}
    rows = zip(
        answers.shown.tolist(), answers.best.tolist(), answers.worst.tolist(), answers.person.tolist(), strict=True
    )
    for task, (shown, best, worst, person) in enumerate(rows):
        for sign, left, won in ((1, range(4), best), (-1, [place for place in range(4) if place != best], worst)):
            for place in left:
                cells = [sign * float(shown[place] == item) for item in range(1, 5)]
                row = (person, 2 * task + (sign < 0), place, float(place == won), *cells)
                for name, cell in zip(columns, row, strict=True):
                    columns[name].append(cell)
    data = ChoiceData.from_table(
        columns, respondent="who", task="task", alternative="alt", chosen="won", attributes=["x1", "x2", "x3", "x4"]
    )
    logit, fit = fit_mnl(data), fit_best_worst(answers)
    assert fit.covariance is not None
    np.testing.assert_allclose(fit.utilities[1:] - fit.utilities[0], logit.estimates, atol=1e-7)
    assert fit.log_likelihood == pytest.approx(logit.log_likelihood)
    assert fit.log_likelihood_null == pytest.approx(logit.log_likelihood_null)
    against_first = np.eye(5)[1:] - np.eye(5)[0]
    np.testing.assert_allclose(against_first @ fit.covariance @ against_first.T, logit.mean_covariance, rtol=1e-6)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), model=st.sampled_from(["sequential", "maxdiff"]))
def test_at_the_estimate_what_is_seen_is_what_is_expected(seed: int, model: BestWorstModel) -> None:
    answers = simulated(seed, np.random.default_rng(seed).normal(size=6), people=30, tasks=6)
    fit = fit_best_worst(answers, model=model)
    assert fit.shares.sum() == pytest.approx(100)
    assert fit.log_likelihood > fit.log_likelihood_null
    nudged = fit.utilities + 1e-4 * np.random.default_rng(seed + 1).normal(size=6)
    assert value(answers, nudged, model) < value(answers, fit.utilities, model)


def value(answers: BestWorst, utilities: np.ndarray, model: BestWorstModel) -> float:
    """The log-likelihood, pair by pair as in the paper."""
    total = 0.0
    for shown, best, worst in zip(answers.shown, answers.best, answers.worst, strict=True):
        u = utilities[shown]
        if model == "sequential":
            others = np.delete(u, best)
            total += u[best] - np.log(np.exp(u).sum()) - u[worst] - np.log(np.exp(-others).sum())
        else:
            pairs = np.exp(u[:, None] - u[None, :])
            total += u[best] - u[worst] - np.log(pairs.sum() - np.trace(pairs))
    return float(total)


def test_a_weight_of_two_is_two_people_for_the_estimate() -> None:
    answers = simulated(1, np.array([1.0, 0.0, -1.0, 0.3]), people=20, tasks=5)
    heavy = np.arange(20) < 7
    weighted = BestWorst(
        answers.shown, answers.best, answers.worst, answers.person, np.where(heavy, 2.0, 1.0), answers.items
    )
    again = heavy[answers.person]
    twice = BestWorst(
        np.concatenate([answers.shown, answers.shown[again]]),
        np.concatenate([answers.best, answers.best[again]]),
        np.concatenate([answers.worst, answers.worst[again]]),
        np.concatenate([answers.person, answers.person[again] + 20]),
        np.ones(40),
        answers.items,
    )
    np.testing.assert_allclose(fit_best_worst(weighted).utilities, fit_best_worst(twice).utilities, atol=1e-9)


def test_items_that_always_win_have_no_utility() -> None:
    shown = np.array([[0, 1, 2], [0, 1, 2], [0, 2, 1]])
    answers = BestWorst(shown, np.zeros(3, dtype=int), np.array([1, 2, 1]), np.arange(3), np.ones(3), 3)
    assert len(set(comparable(answers).tolist())) == 2
    with pytest.raises(DataError, match="2 groups, between which one side always won"):
        fit_best_worst(answers)


def test_one_respondent_has_shares_and_no_interval() -> None:
    answers = simulated(2, np.zeros(4), people=1, tasks=40)
    share = fit_best_worst(answers).share(0)
    assert (share.low, share.high, share.n) == (None, None, 1)


def test_intervals_cover_the_truth() -> None:
    utilities = np.array([1.2, 0.6, 0.0, -0.4, -1.4])
    truth = 100 * np.exp(utilities) / np.exp(utilities).sum()
    hits = []
    for seed in range(200):
        fit = fit_best_worst(simulated(seed, utilities, people=60, tasks=5))
        for item, right in enumerate(truth):
            share = fit.share(item)
            assert share.low is not None
            assert share.high is not None
            hits.append(share.low <= right <= share.high)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_many_answers_are_quick() -> None:
    answers = simulated(0, np.linspace(-1, 1, 20), people=10_000, tasks=12)
    began = time.monotonic()
    fit = fit_best_worst(answers)
    assert time.monotonic() - began < 20  # about 0.6 s on an idle core
    assert np.abs(fit.utilities - np.linspace(-1, 1, 20)).max() < 0.05


def test_a_variance_that_is_zero_but_for_rounding_is_no_error() -> None:
    """Two people who answer in mirror images can leave −1e-17 where the variance of a share is 0."""
    barely = np.diag([-1e-17, -1e-17, -1e-17])
    fit = BestWorstFit(np.zeros(3), barely, log_likelihood=-2.0, log_likelihood_null=-2.0, people=2)
    share = fit.share(0)
    assert (share.value, share.low, share.high) == (pytest.approx(100 / 3), None, None)


def test_people_who_all_answer_alike_prove_nothing() -> None:
    """Two people give the same three answers, in which every item wins and loses once."""
    shown = np.array([[0, 1, 2]] * 6)
    answers = BestWorst(shown, np.array([0, 1, 2] * 2), np.array([1, 2, 0] * 2), np.repeat([0, 1], 3))
    found = fit_best_worst(answers).share(0)
    assert (found.value, found.low, found.high) == (pytest.approx(100 / 3), None, None)
