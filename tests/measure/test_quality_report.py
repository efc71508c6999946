"""The report on labelled rows against scikit-learn's own tables."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from marketfit.measure.quality import measure_quality
from marketfit.measure.quality_report import quality_report
from marketfit.records import QualityReport
from marketfit.task import Example, InputReport

LABELS = ("ant", "bee", "cat", "dog")
LOST = InputReport(unknown=0.01, truncated=0.02)


def scores_and_targets() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.dirichlet(np.ones(4), 80), generator.integers(0, 3, 80)  # no dog is ever true


def report(*, abstain_below: float = 0.0, max_errors: int = 100) -> QualityReport:
    scores, targets = scores_and_targets()
    inputs: list[Example] = [f"text {number}" for number in range(80)]
    return quality_report(
        scores, targets, labels=LABELS, inputs=inputs, row_numbers=range(1000, 1080), abstain_below=abstain_below,
        lost=LOST, max_errors=max_errors,
    )  # fmt: skip


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
    found = quality_report(
        np.eye(2)[[1, 1, 1]], np.zeros(3, dtype=np.int64), labels=("a", "b"), inputs=inputs, row_numbers=[1, 2, 3],
        abstain_below=0.0, lost=LOST,
    )  # fmt: skip
    shown = [row.input for row in found.errors]
    assert shown[0] == "5,000 bytes"
    assert len(shown[1]) == 2000
    assert shown[2] == "{'a': 1}"


def test_arguments_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="must fit"):
        quality_report(
            np.eye(2), np.array([0, 1]), labels=("a",), inputs=["x", "y"], row_numbers=[1, 2], abstain_below=0.0,
            lost=LOST,
        )  # fmt: skip
