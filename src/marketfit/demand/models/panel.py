"""Choices of people, packed so that the logit probabilities of many classes are computed at once.

The classes share one design. Its rows are laid out position by position (the first alternative that was not taken in
every task, then the second, …) with the longest tasks first, so that every sum over the alternatives of a task is a
sum of whole vectors, and tasks of different sizes need no padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.errors import DataError, Problem


def people_of(data: ChoiceData) -> tuple[NDArray[np.generic], IntArray]:
    """Labels (people,) of those who chose, and (tasks,) which of them chose. DataError where nobody knows."""
    check_choice_data(data)
    if data.respondent is None or data.respondent_labels is None:
        do = "name the respondent column in ChoiceData.from_table; where each person chose once, use fit_mnl"
        raise DataError([Problem("the choice data", "do not say who chose", "a respondent for every task", do)])
    codes, person = np.unique(data.respondent, return_inverse=True)
    return data.respondent_labels[codes], person.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Chances:
    """Logit probabilities under the coefficients of each class.

    others: (classes, others) of the alternatives that were not taken; logs: (classes, people) log-probability of all
    that a person chose.
    """

    others: FloatArray
    logs: FloatArray


@dataclass(frozen=True, eq=False)
class Panel:
    """What was chosen, person by person.

    differences: (columns, others) design of every alternative that was not taken less that of the one that was.
    ends: where each position ends in `others`; a position holds the first tasks, as many as have it.
    person: (tasks,) the person of each packed task. weights: (people,) how many people each counts for.
    """

    differences: FloatArray
    ends: tuple[int, ...]
    person: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, data: ChoiceData, design: FloatArray, person: IntArray, weights: FloatArray) -> Panel:
        """Pack choice data. design: (rows, columns); person: (tasks,) from 0; weights: (people,)."""
        tasks = np.argsort(-data.sizes, kind="stable")
        others = data.sizes[tasks] - 1
        counts = [int((others > position).sum()) for position in range(int(others.max(initial=0)))]
        # Rows of a task in their order, but for the chosen one.
        steps = [data.starts[tasks[:count]] + position for position, count in enumerate(counts)]
        rows = [step + (step >= data.chosen[tasks[: step.size]]) for step in steps]
        chosen = [data.chosen[tasks[: step.size]] for step in steps]
        differences = design[np.concatenate(rows)] - design[np.concatenate(chosen)]
        ends = tuple(np.cumsum(counts).tolist())
        return cls(np.ascontiguousarray(differences.T), ends, person[tasks], weights)

    @property
    def people(self) -> int:
        """Number of people."""
        return self.weights.size

    def chances(self, coefficients: FloatArray) -> Chances:
        """Probabilities under coefficients (classes, columns). The largest utility is taken out: nothing overflows."""
        others = coefficients @ self.differences
        top = np.zeros((coefficients.shape[0], self.person.size))
        for rows, tasks in self._positions:
            np.maximum(top[:, tasks], others[:, rows], out=top[:, tasks])
        total = np.exp(-top)
        for rows, tasks in self._positions:
            others[:, rows] -= top[:, tasks]
        np.exp(others, out=others)
        for rows, tasks in self._positions:
            total[:, tasks] += others[:, rows]
        for rows, tasks in self._positions:
            others[:, rows] /= total[:, tasks]
        return Chances(others, self._by_person(-top - np.log(total)))

    def information(self, others: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (columns,) and information (columns, columns) of one class.

        others: (others,) probabilities under it. weights: (people,) how much the choices of each count for it.
        """
        weight = weights[self.person]
        parts = self.differences * others
        means = self._sum_positions(parts)
        for rows, tasks in self._positions:
            parts[:, rows] *= weight[tasks]
        information: FloatArray = parts @ self.differences.T - (means * weight) @ means.T
        return -(means @ weight), information

    def scores(self, others: FloatArray) -> FloatArray:
        """(people, columns) gradient of the log-probability of all that a person chose, under one class."""
        return -self._by_person(self._sum_positions(self.differences * others)).T

    @property
    def _positions(self) -> list[tuple[slice, slice]]:
        """For each position, where it is among the others, and which tasks have it."""
        begins = (0, *self.ends[:-1])
        pairs = zip(begins, self.ends, strict=True)
        return [(slice(begin, end), slice(0, end - begin)) for begin, end in pairs]

    def _sum_positions(self, values: FloatArray) -> FloatArray:
        """(…, others) → (…, tasks)."""
        total = np.zeros((values.shape[0], self.person.size))
        for rows, tasks in self._positions:
            total[:, tasks] += values[:, rows]
        return total

    def _by_person(self, rows: FloatArray) -> FloatArray:
        """(…, tasks) → (…, people), summed."""
        return np.array([np.bincount(self.person, weights=row, minlength=self.people) for row in rows])
