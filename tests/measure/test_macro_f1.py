"""Macro-F1 of two models on the same rows: signed as ranked, proved only where there is a difference."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from marketfit.measure.macro_f1 import compare_macro_f1
from marketfit.task import IntVector


def guesses(truth: IntVector, rights: tuple[float, ...], generator: np.random.Generator) -> IntVector:
    """Predictions that are right with a chance for each class, and else any other class."""
    classes = len(rights)
    wrong = (truth + generator.integers(1, classes, len(truth))) % classes
    return np.where(generator.random(len(truth)) < np.array(rights)[truth], truth, wrong).astype(np.int64)


def test_the_difference_is_that_of_scikit_learn() -> None:
    """Also where one model predicts a class that neither the targets nor the other model has."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 300)
    one, other = guesses(truth, (0.9,) * 4, generator), guesses(truth, (0.7,) * 4, generator)
    other[:5] = 4
    found = compare_macro_f1(truth, one, other, classes=6, confidence=0.95, seed=0)
    wanted = f1_score(truth, one, average="macro") - f1_score(truth, other, average="macro")
    assert found.difference == pytest.approx(wanted)
    assert 0 < found.low < found.difference < found.high
    assert (found.p < 0.01, found.rows) == (True, 300)
    turned = compare_macro_f1(truth, other, one, classes=6, confidence=0.95, seed=0)
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.high < 0


def test_more_right_answers_are_no_better_macro_f1() -> None:
    """The first is right more often, because it forgets the rare classes; the second is better by what is ranked."""
    generator = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], [940, 30, 30])
    one, other = guesses(truth, (1.0, 0.1, 0.1), generator), guesses(truth, (0.93, 0.95, 0.95), generator)
    assert (one == truth).mean() > (other == truth).mean()
    assert compare_macro_f1(truth, one, other, classes=3, confidence=0.95, seed=0).high < 0


def test_without_a_difference_it_is_rarely_called() -> None:
    generator = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [100, 40, 20])
    found = []
    for seed in range(100):
        pair = [guesses(truth, (0.9, 0.8, 0.6), generator) for _ in range(2)]
        found.append(compare_macro_f1(truth, *pair, classes=3, confidence=0.95, seed=seed))
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean([item.low > 0 for item in found]) <= most
    assert np.mean([item.p < 0.05 for item in found]) <= most


def test_two_models_that_answer_alike_are_not_proved_equal() -> None:
    truth = np.arange(100) % 4
    found = compare_macro_f1(truth, truth, truth, classes=4, confidence=0.95, seed=0)
    assert (found.difference, found.p) == (0.0, 1.0)
    assert found.low < -0.01
    assert found.high > 0.01


def test_rows_must_be_the_same() -> None:
    three, two = np.zeros(3, dtype=np.int64), np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="same rows"):
        compare_macro_f1(three, three, two, classes=2, confidence=0.95, seed=0)
