"""The design of whole units (people, or single tasks) of equal shape, stacked so that they are computed together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData

BLOCK_CELLS = 1 << 16
"""Alternatives × draws computed together: half a megabyte, which the cache of one core holds."""


@dataclass(frozen=True, eq=False)
class Block:
    """Units that answered equally many tasks, of equally many alternatives at most.

    units: (units,) which ones. differences: (units, alternatives, tasks, columns) the design of every alternative that
    was not chosen, less that of the chosen one. absent: (units, alternatives, tasks) cells without an alternative,
    because other tasks have more; None when there are none.
    """

    units: IntArray
    differences: FloatArray
    absent: BoolArray | None


def units_of(data: ChoiceData, panel: bool) -> IntArray:
    """(tasks,) the unit of each task, ascending: its respondent where tastes are kept over tasks, else the task."""
    if panel and data.respondent is not None:
        return np.asarray(np.unique(data.respondent, return_inverse=True)[1], dtype=np.int64)
    return np.arange(data.tasks, dtype=np.int64)


def blocks_of(data: ChoiceData, design: FloatArray, unit: IntArray, draws: int) -> tuple[Block, ...]:
    """Stack the units. design: (rows, columns); unit: (tasks,) from `units_of`; draws: per unit, for the block size."""
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    tasks = np.diff(first, append=unit.size)
    others = np.maximum.reduceat(data.sizes, first) - 1
    order = np.lexsort((others, tasks))
    changes = np.flatnonzero((np.diff(tasks[order]) != 0) | (np.diff(others[order]) != 0)) + 1
    rows = _Rows.of(data, unit, first)
    blocks = []
    for alike in np.split(order, changes):
        cells = int(tasks[alike[0]] * others[alike[0]]) * draws
        step = max(1, BLOCK_CELLS // cells)
        for begin in range(0, alike.size, step):
            units = np.sort(alike[begin : begin + step])
            shape = (units.size, int(others[units[0]]), int(tasks[units[0]]))
            blocks.append(_stack(design, rows, units, shape))
    return tuple(blocks)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows that were not chosen, sorted by unit: their number, the row chosen instead, and their place.

    begin: (units + 1,) the first of each unit among them.
    """

    row: IntArray
    chosen: IntArray
    alternative: IntArray
    task: IntArray
    begin: IntArray

    @classmethod
    def of(cls, data: ChoiceData, unit: IntArray, first: IntArray) -> _Rows:
        row = np.delete(np.arange(data.rows), data.chosen)
        task = data.task_of_row[row]
        rank = row - data.starts[task]
        begin = np.searchsorted(unit[task], np.arange(first.size + 1))
        return cls(
            row=row,
            chosen=data.chosen[task],
            alternative=rank - (row > data.chosen[task]),
            task=task - first[unit[task]],
            begin=begin.astype(np.int64),
        )


def _stack(design: FloatArray, rows: _Rows, units: IntArray, shape: tuple[int, int, int]) -> Block:
    counts = rows.begin[units + 1] - rows.begin[units]
    place = np.repeat(np.arange(units.size), counts)
    # The rows of each unit in turn: from its first one on, counted anew for each.
    some = np.arange(place.size) + np.repeat(rows.begin[units] - np.cumsum(counts) + counts, counts)
    cells = (place, rows.alternative[some], rows.task[some])
    differences = np.zeros((*shape, design.shape[1]))
    differences[cells] = design[rows.row[some]] - design[rows.chosen[some]]
    absent = np.ones(shape, dtype=np.bool_)
    absent[cells] = False
    return Block(units, differences, absent if absent.any() else None)
