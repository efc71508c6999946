"""The scale of utilities, chosen on tasks held out within the data of the fit, so that no test task has a say.

Answers to a survey are more, or less, decided than a model's utilities say; a factor on all of them sets that right.
Prediction and simulation apply it alike: to the coefficients of every draw, before any softmax or average.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.intervals import check_level
from marketfit.demand.models.holdout import split_tasks, task_losses
from marketfit.errors import DataError, Problem

SCALES = np.geomspace(0.2, 5.0, 41)
"""What is tried; 1 is the middle one. Between neighbours, the loss is taken as a parabola in log scale."""
RESAMPLES = 2000


class ScaledPredictor(Protocol):
    """A fitted model that predicts with utilities multiplied by a factor."""

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows."""


@dataclass(frozen=True)
class TunedScale:
    """The factor on utilities with the smallest log-loss, with its interval at `level` (bootstrap over people).

    The interval carries the error of having held these choices out, not that of the fit.
    log_loss, log_loss_unscaled: means over the held-out tasks at the factor's nearest tried neighbour, and at 1.
    tasks, respondents: that were held out. at_edge: the best factor is the smallest or largest tried: do not trust it.
    """

    value: float
    low: float
    high: float
    level: float
    log_loss: float
    log_loss_unscaled: float
    tasks: int
    respondents: int
    at_edge: bool


def tune_scale(
    fit: Callable[[ChoiceData], ScaledPredictor],
    data: ChoiceData,
    *,
    held_out: int = 2,
    rng: Rng = 0,
    level: float = 0.95,
) -> TunedScale:
    """Choose the factor on utilities: hold tasks of `data` out, fit on the rest, and take the smallest log-loss.

    fit: such as `lambda part: fit_hb(part, signs={"price": -1})`. data: the training data, without any test task.
    held_out, rng: as in `split_tasks`. The factor is for a model fitted on all of `data`:
    `predict(test, scale=…)`, `draw_utilities(model, scale=…)`, `simulate(model, offers, scale=…)`.

    Raises DataError as `split_tasks` and `fit` do, and for a model whose `predict` takes no scale.
    """
    check_level(level)
    generator = np.random.default_rng(rng)
    split = split_tasks(data, held_out=held_out, rng=generator)
    return best_scale(fit(split.train), split.test, rng=generator, level=level)


def best_scale(model: ScaledPredictor, test: ChoiceData, *, rng: Rng = 0, level: float = 0.95) -> TunedScale:
    """The factor on a model's utilities with the smallest log-loss on tasks that it was not fitted on.

    Raises DataError for a model whose `predict` takes no scale.
    """
    check_level(level)
    generator = np.random.default_rng(rng)
    losses = scaled_losses(model, test)
    person = np.zeros(test.tasks, dtype=np.int64) if test.respondent is None else test.respondent
    return tuned_by(losses, test.weights, person, rng=generator, level=level)


def scaled_losses(model: ScaledPredictor, test: ChoiceData) -> FloatArray:
    """(scales, tasks) the losses at every scale that is tried. Raises DataError for a model that takes none."""
    predict = getattr(model, "predict", None)
    if not callable(predict) or not _takes_scale(predict):
        allowed = "a fit of fit_mnl, fit_mixed, fit_latent_class or fit_hb"
        do = "fit returns the fitted model itself; `predict` of your own takes `scale`: a factor on utilities"
        found = f"predict of '{type(model).__name__}' takes no scale" if predict else f"is {type(model).__name__}"
        raise DataError([Problem("the model", found, allowed, do)])
    return np.array([task_losses(test, model.predict(test, scale=float(scale))) for scale in SCALES])


def _takes_scale(predict: Callable[..., object]) -> bool:
    taken = inspect.signature(predict).parameters.values()
    return any(one.name == "scale" or one.kind is inspect.Parameter.VAR_KEYWORD for one in taken)


def tuned_by(
    losses: FloatArray, weights: FloatArray, respondent: IntArray, *, rng: np.random.Generator, level: float
) -> TunedScale:
    """The factor at which held-out losses (SCALES, tasks) are smallest; weights, respondent: (tasks,)."""
    _, person = np.unique(respondent, return_inverse=True)
    sums = np.array([np.bincount(person, weights=weights * row) for row in losses])
    people = sums.shape[1]
    again = rng.multinomial(people, np.full(people, 1 / people), RESAMPLES) @ sums.T
    tail = (1 - level) / 2
    low, high = np.quantile(_smallest(again)[0], (tail, 1 - tail))
    best, edge = _smallest(sums.sum(axis=1)[None, :])
    means = sums.sum(axis=1) / weights.sum()
    return TunedScale(
        value=float(best[0]),
        low=float(low),
        high=float(high),
        level=level,
        log_loss=float(means.min()),
        log_loss_unscaled=float(means[SCALES.size // 2]),
        tasks=losses.shape[1],
        respondents=people,
        at_edge=bool(edge[0]),
    )


def _smallest(losses: FloatArray) -> tuple[FloatArray, BoolArray]:
    """(rows,) the scale at which losses (rows, scales) are smallest, by a parabola; whether it is the first or last."""
    place = losses.argmin(axis=1)
    edge = (place == 0) | (place == SCALES.size - 1)
    inner = np.clip(place, 1, SCALES.size - 2)
    rows = np.arange(losses.shape[0])
    before, at, after = (losses[rows, inner + shift] for shift in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend > 0, (before - after) / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    step = np.log(SCALES[1] / SCALES[0])
    scales = np.where(edge, SCALES[place], SCALES[inner] * np.exp(step * np.clip(shift, -1, 1)))
    return scales, edge
