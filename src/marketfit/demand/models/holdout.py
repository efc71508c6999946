"""Held-out tasks: how well a model foretells choices that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray, Rng
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.intervals import check_level
from marketfit.errors import DataError, Problem


@dataclass(frozen=True, eq=False)
class TaskSplit:
    """Tasks to fit on, and tasks of the same people to foretell."""

    train: ChoiceData
    test: ChoiceData


@dataclass(frozen=True)
class HeldOutMeasure:
    """A mean over tasks, weighted by theirs, with its interval at `level`: n is `tasks` choices of `respondents`.

    The interval is normal with errors clustered by respondent; NaN where there is a single one. respondents is 0, and
    each task stands alone, where the data do not say who chose.
    """

    value: float
    low: float
    high: float
    level: float
    tasks: int
    respondents: int


def split_tasks(data: ChoiceData, *, held_out: int = 2, rng: Rng | None = 0) -> TaskSplit:
    """Hold some tasks of every respondent out: at random, or with rng=None the last ones in the order of their names.

    held_out: how many of each. People with no more tasks than that stay in training altogether.
    Raises DataError when the data do not say who chose, or when nobody has enough tasks.

    >>> data = ChoiceData.from_table(
    ...     {"who": [1] * 6 + [2] * 6, "q": [1, 1, 2, 2, 3, 3] * 2, "alt": ["a", "b"] * 6, "won": [1, 0] * 6,
    ...      "price": [1.0, 2.0] * 6},
    ...     respondent="who", task="q", alternative="alt", chosen="won", attributes=["price"])
    >>> split = split_tasks(data, held_out=1)
    >>> split.train.tasks, split.test.tasks
    (4, 2)
    """
    few = Problem("held_out", f"is {held_out}", "at least 1", "hold a task or two of each person out")
    respondent = _respondent_of(data, [few] if held_out < 1 else [])
    held = _from_the_end(respondent, held_out, None if rng is None else np.random.default_rng(rng))
    if not held.size:
        found, do = f"nobody answered more than {held_out} tasks", "hold fewer out, or ask more of each person"
        raise DataError([Problem("held_out", found, "fewer than people answered", do)])
    mask = np.zeros(data.tasks, dtype=np.bool_)
    mask[held] = True
    return TaskSplit(data.take(~mask), data.take(mask))


def fold_tasks(data: ChoiceData, *, folds: int = 4, rng: Rng = 0) -> tuple[TaskSplit, ...]:
    """Deal everybody's tasks over folds: each is held out once, with some of the same person's left to fit on.

    People with a single task stay in training altogether.
    Raises DataError when the data do not say who chose, or when nobody has two tasks.
    """
    few = Problem("folds", f"are {folds}", "at least 2", "take 4 or 5")
    respondent = _respondent_of(data, [few] if folds < 2 else [])
    generator = np.random.default_rng(rng)
    order = np.lexsort((generator.permutation(data.tasks), respondent))
    counts = np.unique(respondent, return_counts=True)[1]
    if counts.max() < 2:
        do = "ask more of each person"
        raise DataError([Problem("the choice data", "have a single task of each person", "at least two of some", do)])
    first = np.repeat(generator.integers(0, folds, counts.size), counts)
    within = np.arange(data.tasks) - np.repeat(np.cumsum(counts) - counts, counts)
    fold = np.empty(data.tasks, dtype=np.int64)
    fold[order] = np.where(np.repeat(counts > 1, counts), (first + within) % folds, -1)
    held = [fold == index for index in range(folds)]
    return tuple(TaskSplit(data.take(~mask), data.take(mask)) for mask in held if mask.any())


def hit_rate(data: ChoiceData, probabilities: FloatArray, *, level: float = 0.95) -> HeldOutMeasure:
    """How often the chosen alternative is the most probable one; where several are, as often as a guess among them.

    probabilities: (rows,) as `predict` gives them, in the order of the table. level: of the interval.
    Raises DataError when the probabilities do not fit the data.
    """
    chances = _by_row(data, probabilities)
    highest = chances == np.repeat(np.maximum.reduceat(chances, data.starts), data.sizes)
    hits = highest[data.chosen] / np.add.reduceat(highest.astype(np.float64), data.starts)
    return _mean(data, hits, level)


def log_loss(data: ChoiceData, probabilities: FloatArray, *, level: float = 0.95) -> HeldOutMeasure:
    """Mean of −log of the probability of the chosen alternative. Arguments and errors as in `hit_rate`."""
    return _mean(data, task_losses(data, probabilities), level)


def task_losses(data: ChoiceData, probabilities: FloatArray) -> FloatArray:
    """(tasks,) −log of the probability of the chosen alternative; probabilities as in `hit_rate`."""
    with np.errstate(divide="ignore"):
        losses: FloatArray = -np.log(_by_row(data, probabilities)[data.chosen])
    return losses


def _respondent_of(data: ChoiceData, problems: list[Problem]) -> IntArray:
    """(tasks,) who answered. Raises DataError with what else is wrong when the data do not say."""
    check_choice_data(data)
    if data.respondent is None:
        do = "name the respondent column in ChoiceData.from_table"
        problems = [Problem("the choice data", "do not say who chose", "tasks of named respondents", do), *problems]
    if problems or data.respondent is None:
        raise DataError(problems)
    return data.respondent


def _from_the_end(respondent: IntArray, count: int, rng: np.random.Generator | None) -> IntArray:
    """Task numbers: `count` of everybody who has more."""
    key = np.arange(respondent.size) if rng is None else rng.permutation(respondent.size)
    order = np.lexsort((key, respondent))
    counts = np.unique(respondent, return_counts=True)[1]
    after = np.repeat(np.cumsum(counts), counts) - np.arange(respondent.size)  # 1 for the last task of a person
    enough = np.repeat(counts > count, counts)
    return np.sort(order[(after <= count) & enough])


def _by_row(data: ChoiceData, probabilities: FloatArray) -> FloatArray:
    """(rows,) probabilities in the order of the data's rows."""
    check_choice_data(data)
    given = np.asarray(probabilities, dtype=np.float64)
    rows = data.rows + data.left_out.size
    if given.shape != (rows,) or not ((given >= 0) & (given <= 1 + 1e-9)).all():
        found = f"have shape {given.shape}, or values beyond 0 and 1"
        do = "give what predict(data) returns for the same data"
        raise DataError([Problem("probabilities", found, f"({rows},) numbers from 0 to 1", do)])
    return data.in_task_order(given)


def _mean(data: ChoiceData, values: FloatArray, level: float) -> HeldOutMeasure:
    check_level(level)
    total = data.weights.sum()
    mean = float(data.weights @ values / total)
    group = np.arange(data.tasks) if data.respondent is None else np.unique(data.respondent, return_inverse=True)[1]
    sums = np.bincount(group, weights=data.weights * (values - mean))
    error = np.sqrt(sums.size / (sums.size - 1) * (sums**2).sum()) / total if sums.size > 1 else np.nan
    half = float(special.ndtri((1 + level) / 2) * error)
    return HeldOutMeasure(mean, mean - half, mean + half, level, data.tasks, data.respondents)
