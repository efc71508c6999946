"""The report on labelled rows against scikit-learn's own tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn import metrics as sk

from marketfit.engine import SplitRows
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.quality import Slices, measure_quality
from marketfit.measure.quality_report import quality_report
from marketfit.records.bundle import InputReport
from marketfit.records.decision import QualityReport
from marketfit.task import Example, Labelled

LABELS = ("ant", "bee", "cat", "dog")
LOST = InputReport(unknown=0.01, truncated=0.02)


def scores_and_targets() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.dirichlet(np.ones(4), 80), generator.integers(0, 3, 80)  # no dog is ever true


def split_rows(
    inputs: Sequence[Example], targets: np.ndarray, labels: tuple[str, ...], *, numbers: Sequence[int],
    slices: Slices | None = None,
) -> SplitRows:  # fmt: skip
    return SplitRows(numbers, Labelled(inputs, targets, labels), groups={}, slices=slices or {})


def report(*, abstain_below: float = 0.0, max_errors: int = 100, slices: Slices | None = None) -> QualityReport:
    scores, targets = scores_and_targets()
    inputs: list[Example] = [f"text {number}" for number in range(80)]
    rows = split_rows(inputs, targets, LABELS, numbers=range(1000, 1080), slices=slices)
    return quality_report(scores, rows, abstain_below=abstain_below, lost=LOST, max_errors=max_errors)


def test_the_table_of_classes_is_that_of_scikit_learn() -> None:
    scores, targets = scores_and_targets()
    guess = scores.argmax(axis=1)
    found = report()
    expected = sk.precision_recall_fscore_support(targets, guess, labels=range(4), zero_division=0)
    for row, *numbers in zip(found.per_class, *expected, strict=True):
        assert (row.precision, row.recall, row.f1, row.rows) == pytest.approx(tuple(numbers))
    assert tuple(row.label for row in found.per_class) == LABELS
    assert found.accuracy == pytest.approx(sk.accuracy_score(targets, guess))
    assert found.macro_f1 == pytest.approx(sk.f1_score(targets, guess, average="macro"))


def test_it_agrees_with_the_measurements() -> None:
    scores, targets = scores_and_targets()
    names = ("accuracy", "macro_f1", "log_loss", "calibration_error")
    for item in measure_quality(names, scores, targets):
        assert getattr(report(), item.metric) == pytest.approx(item.value)


def test_confusions_add_up_to_the_errors_and_the_most_frequent_is_first() -> None:
    scores, targets = scores_and_targets()
    matrix = sk.confusion_matrix(targets, scores.argmax(axis=1), labels=range(4))
    found = report()
    counts = [count for _, _, count in found.confusions]
    assert sum(counts) == len(found.errors) == int((scores.argmax(axis=1) != targets).sum())
    assert counts == sorted(counts, reverse=True)
    assert all(matrix[LABELS.index(true), LABELS.index(guess)] == count for true, guess, count in found.confusions)


def test_errors_name_their_source_rows_and_the_surest_is_first() -> None:
    scores, targets = scores_and_targets()
    found = report(max_errors=5)
    assert len(found.errors) == 5
    assert [row.score for row in found.errors] == sorted((row.score for row in report().errors), reverse=True)[:5]
    for row in found.errors:
        place = row.row - 1000
        assert row.input == f"text {place}"
        assert row.label == LABELS[targets[place]] != row.predicted == LABELS[scores[place].argmax()]


def test_reliability_covers_every_row_once() -> None:
    found = report()
    assert sum(rows for _, _, rows in found.reliability) == 80
    weighted = sum(right * rows for _, right, rows in found.reliability) / 80
    assert weighted == pytest.approx(found.accuracy)


def test_abstentions_are_counted_and_the_rest_is_scored() -> None:
    scores, targets = scores_and_targets()
    threshold = float(np.sort(scores.max(axis=1))[40])  # the score of a row, which is answered
    answered = scores.max(axis=1) >= threshold
    found = report(abstain_below=threshold)
    assert found.abstained == pytest.approx(1 - answered.mean())
    assert found.accuracy_answered == pytest.approx((scores.argmax(axis=1) == targets)[answered].mean())
    everything = report(abstain_below=1.0)
    assert (everything.abstained, everything.accuracy_answered) == (1.0, 0.0)
    assert (found.unknown_tokens, found.truncated) == (0.01, 0.02)


def test_examples_are_shown_as_text_for_people() -> None:
    inputs: list[Example] = [b"x" * 5000, "y" * 5000, {"a": 1}]
    rows = split_rows(inputs, np.zeros(3, dtype=np.int64), ("a", "b"), numbers=[1, 2, 3])
    found = quality_report(np.eye(2)[[1, 1, 1]], rows, abstain_below=0.0, lost=LOST)
    shown = [row.input for row in found.errors]
    assert shown[0] == "5,000 bytes"
    assert len(shown[1]) == 2000
    assert shown[2] == "{'a': 1}"


def test_arguments_of_different_lengths_are_refused() -> None:
    rows = split_rows(["x", "y"], np.array([0, 1]), ("a",), numbers=[1, 2])
    with pytest.raises(ValueError, match="must fit"):
        quality_report(np.eye(2), rows, abstain_below=0.0, lost=LOST)


def test_slices_come_with_the_worst_first_and_with_intervals_that_hold_for_all_at_once() -> None:
    scores, targets = scores_and_targets()
    right, place = scores.argmax(axis=1) == targets, np.arange(80)
    slices = {"first": place < 30, "rest": place >= 30, "nobody": place < 0}
    found = report(slices=slices)
    rates = {name: right[rows].mean() for name, rows in slices.items() if rows.any()}
    assert [row.name for row in found.slices] == [*sorted(rates, key=rates.__getitem__), "nobody"]
    for row in found.slices[:2]:
        bounds = clopper_pearson(right[slices[row.name]].sum(), row.rows, confidence=1 - 0.025 / 3)
        assert (row.accuracy, row.low, row.high) == pytest.approx((rates[row.name], bounds.low, bounds.high))
    assert (found.slices[2].accuracy, found.slices[2].low, found.slices[2].high) == (None, 0.0, 1.0)
    assert found.worst_slice == found.slices[0]
    assert report().worst_slice is None


def test_every_group_of_a_sensitive_column_comes_with_its_interval_and_the_gap_is_that_of_the_contract() -> None:
    scores, targets = scores_and_targets()
    right = scores.argmax(axis=1) == targets
    values: list[str | None] = [None if k < 5 else ("old" if k % 3 else "young") for k in range(80)]
    groups: dict[str, list[str | None]] = {"age": values, "place": ["here"] * 80}
    rows = SplitRows(range(80), Labelled([f"text {k}" for k in range(80)], targets, LABELS), groups=groups, slices={})
    age, place = quality_report(scores, rows, abstain_below=0.0, lost=LOST).sensitive
    for group in age.groups:
        members = [k for k in range(80) if values[k] == group.name]
        bounds = clopper_pearson(right[members].sum(), len(members), confidence=1 - 0.025 / 2)
        assert (group.rows, group.accuracy) == (len(members), right[members].mean())
        assert (group.low, group.high) == (bounds.low, bounds.high)
    assert age.groups[0].accuracy <= age.groups[1].accuracy
    assert (age.unknown, place.unknown, place.gap) == (5, 0, None)
    (measured,) = measure_quality(["accuracy_gap"], scores, targets, groups={"age": values}, confidence=0.975)
    assert age.gap is not None
    assert (age.gap.value, age.gap.low, age.gap.high) == (measured.value, measured.low, measured.high)
    assert age.gap.value == pytest.approx(age.groups[1].accuracy - age.groups[0].accuracy)
