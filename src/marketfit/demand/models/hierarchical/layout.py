"""How answers are laid out for the likelihood of everybody at once: in few blocks with little padding.

A block holds tasks of like size (alternatives) of people who have about as many of them, one person a column, so that
sums over a person's tasks are sums of whole rows. What is padded counts as absent. Every block costs the same dozen
calls of numpy whatever its size, so people with fewer tasks get a block of their own only where padding costs more.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.models.hierarchical.likelihood import STEEPEST, PeopleLikelihood, TaskBlock

SIZES_PER_OCTAVE = 4
"""Sizes of blocks between one power of two and the next: padding with alternatives is then at most a quarter."""
CELLS_OF_A_CALL = 4_600
"""Alternatives that are evaluated in the time that the calls for one more block take: 40 µs, and 9 ns an alternative of
six columns (one slow core)."""


def lay_out(data: ChoiceData, design: FloatArray, person: IntArray, weights: FloatArray) -> PeopleLikelihood:
    """The likelihood of each person. design: (rows, columns); person: (tasks,) from 0, ascending; weights: (tasks,)."""
    sizes = _size_classes(data.sizes)
    people = int(person[-1]) + 1
    blocks = [
        _block(data, design, person, weights, np.flatnonzero(sizes == size)[chosen], people)
        for size in np.unique(sizes).tolist()
        for chosen in _alike(person[sizes == size], others=max(int(size) - 1, 1))
    ]
    return PeopleLikelihood(tuple(blocks), people, person.size, design.shape[1])


def fewest_cells(counts: IntArray, people: IntArray, others: int) -> list[int]:
    """Where to part people who are in order of their number of tasks, so that evaluating all costs least.

    counts: (groups,) ascending numbers of tasks; people: (groups,) how many have so many. The exact minimum of
    CELLS_OF_A_CALL a block and others × the most tasks × people of its cells, by dynamic programming; the answer is the
    first group of every block.

    >>> fewest_cells(np.array([1, 12]), np.array([1, 360]), others=3)
    [0]
    >>> fewest_cells(np.array([1, 12]), np.array([360, 360]), others=3)
    [0, 1]
    """
    before = np.concatenate([[0], np.cumsum(people)])
    costs, firsts = np.zeros(counts.size + 1), np.zeros(counts.size + 1, dtype=np.int64)
    for end in range(1, counts.size + 1):
        cells = others * counts[end - 1] * (before[end] - before[:end])
        ways = costs[:end] + CELLS_OF_A_CALL + cells
        firsts[end] = int(ways.argmin())
        costs[end] = ways[firsts[end]]
    found, end = [], counts.size
    while end:
        end = int(firsts[end])
        found.append(end)
    return found[::-1]


def _size_classes(sizes: IntArray) -> IntArray:
    """(tasks,) the size of block that each task belongs to, at least its own size."""
    step = np.maximum(2.0 ** np.floor(np.log2(sizes)) / SIZES_PER_OCTAVE, 1)
    return np.asarray(np.ceil(sizes / step) * step, dtype=np.int64)


def _alike(person: IntArray, others: int) -> Iterator[IntArray]:
    """Tasks, by their place in person (tasks,), of people with about as many of them each."""
    _, inverse, tasks = np.unique(person, return_inverse=True, return_counts=True)
    counts, people = np.unique(tasks, return_counts=True)
    firsts = [*fewest_cells(counts, people, others), counts.size]
    of_task = np.searchsorted(counts, tasks[inverse])
    for first, last in pairwise(firsts):
        yield np.flatnonzero((of_task >= first) & (of_task < last))


def _block(
    data: ChoiceData, design: FloatArray, person: IntArray, weights: FloatArray, tasks: IntArray, everybody: int
) -> TaskBlock:
    chosen, sizes = data.chosen[tasks], data.sizes[tasks]
    others = int(sizes.max()) - 1
    place = np.arange(others)[:, None]
    # The chosen alternative is skipped; places beyond a task's last alternative repeat the chosen one.
    rows = data.starts[tasks] + place
    rows = rows + (rows >= chosen)
    missing = place >= sizes - 1
    rows = np.where(missing, chosen, rows)
    people, starts, column, counts = np.unique(
        person[tasks], return_index=True, return_inverse=True, return_counts=True
    )
    at = (np.arange(tasks.size) - starts[column], column)  # the slot and the person of every task
    shape = (int(counts.max()), people.size)
    leads = np.zeros((design.shape[1], others, *shape), dtype=np.float32)
    leads[:, :, *at] = (design[rows] - design[chosen]).transpose(2, 0, 1)
    ceiling = np.full((others, *shape), -np.inf, dtype=np.float32)
    ceiling[:, *at] = np.where(missing, -np.inf, STEEPEST)
    weight = np.ones(shape, dtype=np.float32)
    weight[at] = weights[tasks]
    return TaskBlock(
        leads=leads,
        ceiling=None if (ceiling == STEEPEST).all() else ceiling,
        people=people,
        everybody=people.size == everybody,
        weights=None if (weight == 1).all() else weight,
    )
