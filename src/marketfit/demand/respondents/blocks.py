"""Log-probabilities of everybody's alternatives under many tastes, some people at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding

_CELLS = 1 << 24  # numbers of a block of people: 64 MB


@dataclass(frozen=True, eq=False)
class Block:
    """Some people and their tasks. logs: (tasks, alternatives, draws) log-probabilities, −∞ where there is none.

    first, tasks: (people,) where each begins among the tasks, and how many they have. chosen, sizes: (tasks,).
    """

    people: IntArray
    first: IntArray
    tasks: IntArray
    chosen: IntArray
    sizes: IntArray
    logs: SingleArray


def blocks(data: ChoiceData, coding: Coding, draws: FloatArray) -> Iterator[Block]:
    """The people in blocks of bounded memory.

    draws: (draws, columns) of coefficients.
    """
    assert data.respondent is not None, "people are known"
    starts = np.flatnonzero(np.diff(data.respondent, prepend=-1))
    counts = np.diff(np.append(starts, data.tasks))
    cells = counts * int(data.sizes.max()) * draws.shape[0]
    begin = 0
    while begin < starts.size:
        end = begin + max(1, int(np.searchsorted(np.cumsum(cells[begin:]), _CELLS)))
        some = np.arange(begin, end)[: starts.size - begin]
        tasks = np.concatenate([np.arange(starts[one], starts[one] + counts[one]) for one in some.tolist()])
        yield _block(data.take(tasks), coding, draws, some, counts[some])
        begin = end


def _block(part: ChoiceData, coding: Coding, draws: FloatArray, people: IntArray, counts: IntArray) -> Block:
    worth = (coding.design(part).matrix @ draws.T).astype(np.float32)
    widest = int(part.sizes.max())
    place = np.arange(part.rows) - np.repeat(part.starts, part.sizes)
    logs = np.full((part.tasks, widest, draws.shape[0]), -np.inf, dtype=np.float32)
    logs[part.task_of_row, place] = worth
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return Block(people, first, counts, part.chosen - part.starts, part.sizes, logs)
