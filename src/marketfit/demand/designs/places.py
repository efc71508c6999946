"""The order of the alternatives of each task, so that every level stands at every place about equally often.

People read from the left, and some take the first that will do: a level that mostly stands first is chosen for its
place too (Chrzan 1994). The order changes no task as a set, so what a design tells of attributes stays as it is.
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.balance import imbalance_of_places, place_counts
from marketfit.demand.designs.space import DesignSpace

SWEEPS = 30  # over all tasks; most designs are at rest after five


def even_places(space: DesignSpace, codes: IntArray) -> IntArray:
    """The codes, (versions, tasks, alternatives, attributes), with the alternatives of each task reordered.

    One task after the other gets the best of all its orders, the rest standing still, until none can be improved:
    the sum of squared counts of level and place falls with each, and which order is best is an assignment problem,
    solved exactly (Kuhn 1955). Never less even than before, by that sum and by the worst departure.
    """
    tasks = codes.reshape(-1, *codes.shape[2:]).copy()
    # One row of counts for each level of each attribute.
    base = np.cumsum([0, *space.sizes[:-1]])
    rows = tasks + base
    counts = np.zeros((sum(space.sizes), space.alternatives), dtype=np.int64)
    places = np.broadcast_to(np.arange(space.alternatives)[:, None], rows.shape[1:])
    np.add.at(counts, (rows, np.broadcast_to(places, rows.shape)), 1)
    for _ in range(SWEEPS):
        if not sum(_reorder(task, row, counts) for task, row in zip(tasks, rows, strict=True)):
            break
    found = np.asarray(tasks.reshape(codes.shape))
    before, after = (imbalance_of_places(place_counts(space, each)) for each in (codes, found))
    return found if after <= before else codes


def _reorder(task: IntArray, rows: IntArray, counts: IntArray) -> bool:
    """Put the alternatives of one task, (alternatives, attributes), into their best order; whether that helps.

    rows: (alternatives, attributes) which row of the counts each level has. All three are changed in place.
    """
    from scipy.optimize import linear_sum_assignment

    every = np.arange(len(task))
    places = np.broadcast_to(every[:, None], rows.shape)
    np.subtract.at(counts, (rows, places), 1)
    # [alternative, place] what the sum of squares would rise by; two alternatives never meet in a count.
    cost = (2 * counts[rows] + 1).sum(axis=1)
    order = linear_sum_assignment(cost.T)[1]
    better = bool(cost[order, every].sum() < np.trace(cost))
    if better:
        task[:], rows[:] = task[order], rows[order]
    np.add.at(counts, (rows, places), 1)
    return better
