"""Cross-validation over tasks: every choice is foretold once, by a model that was not fitted on it.

A factor on utilities that a few held-out choices choose is noisy: with 430 of them, chance alone moves it by a tenth.
Here all choices have a say, each as one that was held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.intervals import check_level
from marketfit.demand.models.holdout import HeldOutMeasure, TaskSplit, fold_tasks, hit_rate, log_loss
from marketfit.demand.models.scale import ScaledPredictor, TunedScale, scaled_losses, tuned_by


class Predictor(Protocol):
    """A fitted model that predicts."""

    def predict(self, data: ChoiceData) -> FloatArray:
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows."""


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """How a kind of model foretells choices.

    log_loss, hit_rate: over all tasks that were held out, each once; a scaled model's by the factor that other folds
    choose. scale: the factor that all of them choose, for a model fitted on all data; None where none was asked for.
    """

    log_loss: HeldOutMeasure
    hit_rate: HeldOutMeasure
    scale: TunedScale | None


def cross_validate(
    fit: Callable[[ChoiceData], Predictor], data: ChoiceData, *, folds: int = 4, rng: Rng = 0
) -> CrossValidation:
    """Fit on all folds but one, foretell that one, for each in turn.

    fit: such as `fit_mnl`. folds, rng, and what is raised: as in `fold_tasks`, and whatever `fit` raises.
    """
    foretold = _Foretold(data)
    for split in fold_tasks(data, folds=folds, rng=rng):
        foretold.add(split.test, fit(split.train).predict(split.test))
    return CrossValidation(*foretold.measures(), None)


def cross_validate_scaled(
    fit: Callable[[ChoiceData], ScaledPredictor], data: ChoiceData, *, folds: int = 4, rng: Rng = 0, level: float = 0.95
) -> CrossValidation:
    """The same for a model whose utilities take a factor, which is tuned without a say of the fold that it foretells.

    fit: such as `lambda part: fit_hb(part, signs={"price": -1})`. level: of the factor's interval.
    Raises DataError for a model whose `predict` takes no scale.
    """
    check_level(level)
    generator = np.random.default_rng(rng)
    splits = fold_tasks(data, folds=folds, rng=generator)
    models = [fit(split.train) for split in splits]
    losses = [scaled_losses(model, split.test) for model, split in zip(models, splits, strict=True)]
    foretold = _Foretold(data)
    for fold, (model, split) in enumerate(zip(models, splits, strict=True)):
        others = [index for index in range(len(splits)) if index != fold]
        factor = _tuned([splits[o] for o in others], [losses[o] for o in others], generator, level)
        foretold.add(split.test, model.predict(split.test, scale=factor.value))
    return CrossValidation(*foretold.measures(), _tuned(splits, losses, generator, level))


def _tuned(
    splits: Sequence[TaskSplit], losses: Sequence[FloatArray], rng: np.random.Generator, level: float
) -> TunedScale:
    people: IntArray = np.concatenate([_people(split.test) for split in splits])
    weights = np.concatenate([split.test.weights for split in splits])
    return tuned_by(np.concatenate(losses, axis=1), weights, people, rng=rng, level=level)


def _people(data: ChoiceData) -> IntArray:
    return np.zeros(data.tasks, dtype=np.int64) if data.respondent is None else data.respondent


class _Foretold:
    """Probabilities of the rows of choice data, fold by fold."""

    def __init__(self, data: ChoiceData) -> None:
        check_choice_data(data)
        self._data = data
        self._probabilities = np.zeros(data.rows)
        self._held: BoolArray = np.zeros(data.rows, dtype=np.bool_)
        self._place = np.empty(int(data.row.max()) + 1, dtype=np.int64)
        self._place[data.row] = np.arange(data.rows)

    def add(self, test: ChoiceData, probabilities: FloatArray) -> None:
        """Probabilities in the order of the table."""
        at = self._place[test.row]
        self._probabilities[at] = test.in_task_order(probabilities)
        self._held[at] = True

    def measures(self) -> tuple[HeldOutMeasure, HeldOutMeasure]:
        """Log-loss and hit rate of what was foretold."""
        test = self._data.take(self._held[self._data.starts])
        probabilities = test.in_table_order(self._probabilities[self._held])
        return log_loss(test, probabilities), hit_rate(test, probabilities)
