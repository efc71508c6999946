"""Temperature finds the power that was applied; the abstention threshold keeps its promise on fresh rows."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from marketfit.measure.calibration import abstention_threshold, fit_temperature
from marketfit.measure.intervals import clopper_pearson


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0, 3.0, 8.0])
def test_temperature_undoes_the_power_that_was_applied(make: Callable[..., SimpleNamespace], power: float) -> None:
    made = make(5000)
    assert fit_temperature(np.log(made.sharpened(power)), made.targets) == pytest.approx(power, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(power=st.floats(0.2, 6), seed=st.integers(0, 1000))
def test_temperature_never_makes_the_log_loss_worse_than_its_smoothing_costs(
    make: Callable[..., SimpleNamespace], power: float, seed: int
) -> None:
    made = make(400, seed=seed)
    logits = np.log(np.clip(made.sharpened(power), 1e-12, 1))
    fitted = log_softmax(logits / fit_temperature(logits, made.targets), axis=1)
    before = log_loss(made.targets, np.exp(logits), labels=range(4))
    after = log_loss(made.targets, np.exp(fitted), labels=range(4))
    assert after <= before + 0.005


def test_temperature_improves_fresh_rows(make: Callable[..., SimpleNamespace]) -> None:
    made, fresh = make(800, seed=1), make(4000, seed=2)
    temperature = fit_temperature(np.log(np.clip(made.sharpened(4.0), 1e-12, 1)), made.targets)
    before = np.clip(fresh.sharpened(4.0), 1e-12, 1)
    after = np.exp(log_softmax(np.log(before) / temperature, axis=1))
    assert log_loss(fresh.targets, after) < log_loss(fresh.targets, before / before.sum(axis=1, keepdims=True)) - 0.1


def test_temperature_is_the_minimum_of_the_loss(make: Callable[..., SimpleNamespace]) -> None:
    made = make(3000)
    logits = np.log(made.sharpened(2.0))
    found = fit_temperature(logits, made.targets)

    def loss(temperature: float) -> float:
        return float(log_loss(made.targets, np.exp(log_softmax(logits / temperature, axis=1))))

    assert loss(found) < min(loss(found * 1.1), loss(found / 1.1))


def test_rows_that_are_all_right_do_not_ask_for_absolute_certainty() -> None:
    logits = np.log(np.array([[0.9, 0.1]] * 100))
    found = fit_temperature(logits, np.zeros(100, dtype=np.int64))
    assert 0.3 < found < 1.0


def test_a_constant_for_each_row_does_not_matter(make: Callable[..., SimpleNamespace]) -> None:
    made = make(300)
    shifted = np.log(made.probabilities) + np.arange(300)[:, None]
    assert fit_temperature(shifted, made.targets) == pytest.approx(
        fit_temperature(np.log(made.probabilities), made.targets), rel=1e-4
    )


def test_what_has_no_temperature_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature(np.array([[0.0, -np.inf]]), np.array([0]))
    with pytest.raises(ValueError, match="do not belong"):
        fit_temperature(np.zeros((2, 2)), np.array([0]))
    with pytest.raises(ValueError, match="do not belong"):
        fit_temperature(np.zeros((0, 2)), np.array([], dtype=np.int64))


# --- abstention


def test_the_promise_is_kept_on_fresh_rows(make: Callable[..., SimpleNamespace]) -> None:
    """Of many thresholds said to be proven, at most about 5 % let through less than the target."""
    target, broken, proven = 0.9, 0, 0
    fresh = make(200_000, spread=3.0, seed=10**6)
    score, right = fresh.probabilities.max(axis=1), fresh.probabilities.argmax(axis=1) == fresh.targets
    trials = 200
    for seed in range(trials):
        made = make(400, spread=3.0, seed=seed)
        rule = abstention_threshold(made.probabilities, made.targets, target_accuracy=target, confidence=0.95)
        proven += rule.proven
        broken += rule.proven and right[score >= rule.threshold].mean() < target
    assert proven > trials / 2
    assert broken / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_a_model_that_is_good_enough_answers_everything() -> None:
    targets = np.arange(200) % 2
    rule = abstention_threshold(0.02 + 0.96 * np.eye(2)[targets], targets, target_accuracy=0.9, confidence=0.95)
    assert (rule.threshold, rule.proven, rule.accepted, rule.rows) == (0.0, True, 200, 200)


def test_it_answers_where_the_score_is_right_and_not_where_it_is_not(make: Callable[..., SimpleNamespace]) -> None:
    made = make(3000, spread=3.0)
    rule = abstention_threshold(made.probabilities, made.targets, target_accuracy=0.95, confidence=0.95)
    accepted = made.probabilities.max(axis=1) >= rule.threshold
    assert rule.proven
    assert 0 < rule.threshold < 1
    assert rule.accepted == accepted.sum()
    right = (made.probabilities.argmax(axis=1) == made.targets)[accepted].sum()
    assert rule.accuracy == clopper_pearson(int(right), rule.accepted, confidence=0.975)
    assert rule.accuracy.low >= 0.95
    assert rule.accepted > 300


def test_no_threshold_is_tried_after_one_that_failed() -> None:
    """The surest answers are wrong too often; a laxer threshold would pass, by luck as far as the rows can say."""
    right = np.array([k % 3 > 0 for k in range(100)] + [True] * 600 + [k % 2 > 0 for k in range(300)])
    score = np.linspace(0.99, 0.6, 1000)
    rule = abstention_threshold(
        np.column_stack([score, 1 - score]), np.where(right, 0, 1), target_accuracy=0.9, confidence=0.95
    )
    assert clopper_pearson(int(right[:700].sum()), 700, confidence=0.975).low > 0.9
    assert not rule.proven


@given(rows=st.integers(1, 40), seed=st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_few_rows_prove_nothing_and_something_sensible_is_given(rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet(np.ones(3), rows)
    rule = abstention_threshold(scores, generator.integers(0, 3, rows), target_accuracy=0.95, confidence=0.95)
    assert not rule.proven  # 59 rows would be needed, all of them right
    assert 0 <= rule.threshold <= 1
    assert rule.accepted == (scores.max(axis=1) >= rule.threshold).sum()


@pytest.mark.parametrize("target", [0.0, 1.0, -0.5])
def test_a_target_that_is_no_rate_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target accuracy"):
        abstention_threshold(np.eye(2), np.array([0, 1]), target_accuracy=target, confidence=0.95)
