"""Probabilities of the alternatives of tasks, at coefficients that differ from person to person."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.choices.data import ChoiceData

BLOCK_CELLS = 1 << 20


def task_probabilities(utilities: FloatArray, data: ChoiceData) -> FloatArray:
    """(…, rows) softmax of utilities (…, rows) within each task."""
    highest = np.maximum.reduceat(utilities, data.starts, axis=-1)
    powers = np.exp(utilities - np.repeat(highest, data.sizes, axis=-1))
    sums = np.add.reduceat(powers, data.starts, axis=-1)
    probabilities: FloatArray = powers / np.repeat(sums, data.sizes, axis=-1)
    return probabilities


def probabilities_of_known(
    design: FloatArray, data: ChoiceData, person: IntArray, draws: FloatArray | SingleArray
) -> FloatArray:
    """(rows,) averages over the draws (draws, people, columns) of each person's own coefficients.

    person: (tasks,) place in the draws.
    """
    of_row = person[data.task_of_row]
    total = np.zeros(data.rows)
    for draw in draws:
        total += task_probabilities(np.einsum("rk,rk->r", design, draw[of_row], dtype=np.float64), data)
    return total / len(draws)


def probabilities_of_new(design: FloatArray, data: ChoiceData, people: FloatArray) -> FloatArray:
    """(rows,) averages over people (people, columns) who might be anybody."""
    total = np.zeros(data.rows)
    step = max(1, BLOCK_CELLS // data.rows)
    for begin in range(0, len(people), step):
        total += task_probabilities(people[begin : begin + step] @ design.T, data).sum(axis=0)
    return total / len(people)
