"""Quality against scikit-learn, and intervals that keep their promise on data whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from marketfit.contract import METRICS, Measurement
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.quality import CLIP, Groups, Scored, Slices, measure_quality, rate_gap, worst_rate

QUALITY = tuple(name for name, metric in METRICS.items() if metric.of_test_rows)
OF_PARTS = ("worst_group_accuracy", "accuracy_gap", "worst_slice_accuracy")
WITHOUT_GROUPS = tuple(name for name in QUALITY if name not in OF_PARTS)

Make = Callable[..., "object"]


def measured(
    names: Sequence[str],
    probabilities: NDArray[np.floating],
    targets: Sequence[int] | NDArray[np.integer],
    *,
    groups: Groups | None = None,
    slices: Slices | None = None,
    confidence: float = 0.95,
) -> Mapping[str, Measurement]:
    found = measure_quality(
        names, probabilities, np.asarray(targets), groups=groups, slices=slices, confidence=confidence, seed=1,
        conditions="here",
    )  # fmt: skip
    return {item.metric: item for item in found}


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 200), classes=st.integers(2, 8), seed=st.integers(0, 10_000))
def test_values_are_those_of_scikit_learn(rows: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet(np.ones(classes), rows)
    targets = generator.integers(0, classes, rows)
    found = measured(WITHOUT_GROUPS, scores, targets)
    guess = scores.argmax(axis=1)
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(targets, guess))
    assert found["macro_f1"].value == pytest.approx(sk.f1_score(targets, guess, average="macro", zero_division=0))
    assert found["log_loss"].value == pytest.approx(sk.log_loss(targets, scores, labels=range(classes)), rel=1e-5)
    present = np.unique(targets)
    recalls = sk.recall_score(targets, guess, labels=present, average=None, zero_division=0)
    assert found["worst_class_recall"].value == pytest.approx(recalls.min())
    for item in found.values():
        assert item.low <= item.value <= item.high
        assert (item.n, item.conditions, item.confidence) == (rows, "here", 0.95)


def test_accuracy_has_exact_bounds() -> None:
    scores = np.eye(2)[[0] * 100]
    found = measured(["accuracy"], scores, [0] * 93 + [1] * 7)["accuracy"]
    exact = clopper_pearson(93, 100, confidence=0.95)
    assert (found.value, found.low, found.high) == (exact.value, exact.low, exact.high)


@pytest.mark.parametrize("metric", WITHOUT_GROUPS)
def test_perfect_rows_do_not_prove_perfection(metric: str) -> None:
    targets = np.arange(60) % 3
    found = measured([metric], np.eye(3)[targets], targets)[metric]
    if METRICS[metric].better == "higher":
        assert found.value == found.high == 1.0
        assert found.low < 0.96
    else:
        assert found.value == pytest.approx(0.0, abs=1e-6)
        assert found.high > 0.04


def test_the_truth_lies_above_the_lower_bounds_as_often_as_they_say(make: Callable[..., SimpleNamespace]) -> None:
    truth = population(make)
    missed = dict.fromkeys(truth, 0)
    trials = 120
    for seed in range(trials):
        made = make(120, seed=seed)
        found = measured(list(truth), made.probabilities, made.targets, confidence=0.9)
        for metric, value in truth.items():
            bound = found[metric]
            missed[metric] += bound.low > value if METRICS[metric].better == "higher" else bound.high < value
    allowed = 0.1 + 3 * np.sqrt(0.09 / trials)
    assert {metric: count / trials for metric, count in missed.items() if count / trials > allowed} == {}


def population(make: Callable[..., SimpleNamespace]) -> dict[str, float]:
    """The metrics of the process itself, from very many rows."""
    made = make(200_000, seed=10**6)
    guess = made.probabilities.argmax(axis=1)
    return {
        "accuracy": float((guess == made.targets).mean()),
        "macro_f1": float(sk.f1_score(made.targets, guess, average="macro")),
        "log_loss": float(sk.log_loss(made.targets, made.probabilities)),
        "worst_class_recall": float(sk.recall_score(made.targets, guess, average=None).min()),
    }


# --- the worst class


def test_a_class_without_a_row_makes_the_worst_one_unproven() -> None:
    scores = np.eye(3)[[0, 1] * 50]
    found = measured(["worst_class_recall"], scores, [0, 1] * 50)["worst_class_recall"]
    assert found.value == 1.0
    assert found.low == 0.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=8))
def test_the_worst_rate_and_the_gap_enclose_their_values(pairs: list[tuple[int, int]]) -> None:
    rates = [(min(right, rows), rows) for right, rows in pairs]
    values = [right / rows for right, rows in rates]
    worst, gap = worst_rate(rates, confidence=0.95), rate_gap(rates, confidence=0.95)
    assert worst.value == min(values)
    assert worst.low <= worst.value <= worst.high
    assert gap.value == pytest.approx(max(values) - min(values))
    assert gap.low <= gap.value + 1e-12
    assert gap.value <= gap.high + 1e-12


def test_the_bounds_of_the_worst_rate_and_the_gap_cover() -> None:
    """Where all rates are alike the chance is greatest that one of them looks worse than it is."""
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        seen = [(int(generator.binomial(60, 0.85)), 60) for _ in range(8)]
        worst, gap = worst_rate(seen, confidence=0.9), rate_gap(seen, confidence=0.9)
        covered.append((worst.low <= 0.85, worst.high >= 0.85, gap.low <= 0.0))
    assert (np.mean(covered, axis=0) >= 0.9 - 3 * np.sqrt(0.09 / 400)).all()


def test_the_upper_bound_of_the_gap_takes_the_ends_at_half_the_level() -> None:
    first, second = (clopper_pearson(right, 60, confidence=0.975) for right in (55, 30))
    assert rate_gap([(55, 60), (30, 60)], confidence=0.95).high == pytest.approx(first.high - second.low)


# --- groups


def test_groups_are_measured_by_each_attribute() -> None:
    right = np.array([True] * 90 + [False] * 10 + [True] * 60 + [False] * 40)
    scores = np.eye(2)[np.where(right, 0, 1)]
    groups = {"region": ["north"] * 100 + ["south"] * 100, "age": ["old", "young"] * 100}
    found = measured(["worst_group_accuracy", "accuracy_gap"], scores, [0] * 200, groups=groups)
    assert found["worst_group_accuracy"].value == pytest.approx(0.6)
    assert found["accuracy_gap"].value == pytest.approx(0.3)
    assert found["accuracy_gap"].low > 0
    assert found["worst_group_accuracy"].high < 0.8


# --- slices


def test_the_worst_slice_has_the_lowest_accuracy_of_slices_that_may_overlap() -> None:
    right = np.array([True] * 90 + [False] * 10 + [True] * 60 + [False] * 40)
    scores, place = np.eye(2)[np.where(right, 0, 1)], np.arange(200)
    slices = {"first": place < 100, "second": place >= 100, "late": place >= 150}
    found = measured(["worst_slice_accuracy"], scores, [0] * 200, slices=slices)["worst_slice_accuracy"]
    assert found.value == pytest.approx(0.2)
    alone = clopper_pearson(10, 50, confidence=0.95)
    assert found.low == pytest.approx(alone.low)
    assert found.high == pytest.approx(clopper_pearson(10, 50, confidence=1 - 0.05 / 3).high)
    assert found.n == 200


def test_a_slice_without_a_row_proves_nothing_of_the_worst() -> None:
    scores = np.eye(2)[[0] * 100]
    slices = {"all": np.ones(100, dtype=bool), "none": np.zeros(100, dtype=bool)}
    found = measured(["worst_slice_accuracy"], scores, [0] * 100, slices=slices)["worst_slice_accuracy"]
    assert (found.value, found.low) == (1.0, 0.0)


def test_without_slices_their_metric_is_unmeasured() -> None:
    scores = np.eye(2)[[0, 1]]
    assert not measured(["worst_slice_accuracy"], scores, [0, 1])
    with pytest.raises(ValueError, match="of 2 rows"):
        measured(["worst_slice_accuracy"], scores, [0, 1], slices={"all": np.ones(3, dtype=bool)})


@pytest.mark.parametrize("truths", [(0.9,) * 8, (0.8, *(0.95,) * 7)], ids=["all alike", "one is worse"])
def test_the_interval_of_the_worst_slice_holds_although_the_minimum_is_biased(truths: tuple[float, ...]) -> None:
    """The smallest of several observed rates lies below the smallest true one; neither bound may fail more often."""
    rng = np.random.default_rng(0)
    place = np.repeat(np.arange(8), 60)
    slices = {str(k): place == k for k in range(8)}
    values, low, high = [], 0, 0
    for _ in range(600):
        right = rng.random(480) < np.array(truths)[place]
        scores = np.eye(2)[np.where(right, 0, 1)]
        found = measured(["worst_slice_accuracy"], scores, [0] * 480, slices=slices)["worst_slice_accuracy"]
        values.append(found.value)
        low += found.low > min(truths)
        high += found.high < min(truths)
    assert np.mean(values) < min(truths) - 0.002
    assert low / 600 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
    assert high / 600 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


def test_rows_of_unknown_group_belong_to_none() -> None:
    scores = np.eye(2)[[0] * 8 + [1] * 2]
    found = measured(["worst_group_accuracy"], scores, [0] * 10, groups={"g": ["a"] * 8 + [None] * 2})
    assert found["worst_group_accuracy"].value == 1.0


def test_without_groups_their_metrics_are_unmeasured() -> None:
    scores = np.eye(2)[[0, 1]]
    assert not measured(["worst_group_accuracy", "accuracy_gap"], scores, [0, 1])
    assert not measured(["accuracy_gap"], scores, [0, 1], groups={"g": [None, None]})
    with pytest.raises(ValueError, match="1 group values for 2 rows"):
        measured(["accuracy_gap"], scores, [0, 1], groups={"g": ["a"]})


# --- calibration error and log-loss


def test_calibration_error_is_little_where_scores_are_true_and_much_where_not(
    make: Callable[..., SimpleNamespace],
) -> None:
    made = make(4000)
    assert measured(["calibration_error"], made.probabilities, made.targets)["calibration_error"].value < 0.04
    too_sure = measured(["calibration_error"], made.sharpened(4.0), made.targets)["calibration_error"]
    assert too_sure.low > 0.08


def test_calibration_error_is_the_mean_gap_over_bins() -> None:
    scores = np.array([[0.8, 0.2]] * 100)
    found = measured(["calibration_error"], scores, [0] * 65 + [1] * 35)["calibration_error"]
    assert found.value == pytest.approx(0.15)


def test_log_loss_is_bounded_for_a_row_of_probability_zero() -> None:
    found = measured(["log_loss"], np.array([[1.0, 0.0]] * 4), [0, 0, 0, 1])["log_loss"]
    assert found.value == pytest.approx(-np.log(CLIP) / 4)


# --- what is refused


@pytest.mark.parametrize(
    ("scores", "targets", "says"),
    [
        (np.empty((0, 2)), [], "do not belong"),
        (np.eye(2), [0], "do not belong"),
        (np.ones(2), [0, 1], "do not belong"),
        (np.ones((2, 2)), [0, 1], "sum to one"),
        (np.array([[np.nan, 0.5]]), [0], "sum to one"),
        (np.array([[1.5, -0.5]]), [0], "must be positive"),
        (np.eye(2), [0, 2], "from 0 to 1"),
        (np.eye(2), [-1, 1], "from 0 to 1"),
    ],
)
def test_what_is_no_scored_table_is_refused(scores: NDArray[np.float64], targets: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Scored.of(scores, np.array(targets, dtype=np.int64))


def test_metrics_come_in_the_order_asked_for_and_others_are_left_to_others() -> None:
    found = measured(["log_loss", "size_mb", "accuracy"], np.eye(2), [0, 1])
    assert list(found) == ["log_loss", "accuracy"]
    with pytest.raises(ValueError, match="did you mean 'accuracy'"):
        measured(["acuracy"], np.eye(2), [0, 1])


def test_the_same_arguments_give_the_same_bounds() -> None:
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    targets = np.arange(50) % 3
    assert measured(WITHOUT_GROUPS, scores, targets) == measured(WITHOUT_GROUPS, scores, targets)
