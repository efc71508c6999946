"""How the rows of a choice table make up tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, IntArray
from marketfit.demand.choices.columns import Codes


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows sorted by (respondent, task, alternative).

    order: (sorted rows,) row numbers; rows that were not available, or whose keys are missing, are left out.
    starts: (tasks,) where each task begins in `order`; sizes: (tasks,) how many rows it has.
    task, alternative: (sorted rows,) task number and alternative code.
    respondent: (tasks,) respondent code, or None; respondent_labels: (respondents,) in the column's own type.
    left_out, left_out_task: (rows left out,) rows that were not available, and the task each belongs to.
    vacant: (tasks without any available row,) the first row of each; they have no task number.
    incomplete: (tasks,) whether a row whose keys are missing may belong to the task, by the keys that it has.
    """

    order: IntArray
    starts: IntArray
    sizes: IntArray
    task: IntArray
    alternative: IntArray
    respondent: IntArray | None
    respondent_labels: NDArray[np.generic] | None
    left_out: IntArray
    left_out_task: IntArray
    vacant: IntArray
    incomplete: BoolArray


def lay_out(respondent: Codes | None, task: Codes, alternative: Codes, available: BoolArray) -> Layout:
    """Sort the rows into tasks. A task number may be used again by another respondent."""
    keys = [codes for codes in (respondent, task, alternative) if codes is not None]
    named = np.logical_and.reduce([key.codes >= 0 for key in keys])
    usable = np.flatnonzero(named)
    order = usable[_sorted(keys, usable)]
    number, first = _task_numbers([key.codes[order] for key in keys[:-1]])
    shown = available[order]
    counts = np.bincount(number[shown], minlength=first.size)
    some = counts > 0
    renumbered = np.cumsum(some) - 1
    left = ~shown & some[number]
    sizes = counts[some]
    return Layout(
        order=order[shown],
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
        task=renumbered[number[shown]],
        alternative=alternative.codes[order[shown]],
        respondent=respondent.codes[order[first[some]]] if respondent is not None else None,
        respondent_labels=respondent.labels if respondent is not None else None,
        left_out=order[left],
        left_out_task=renumbered[number[left]],
        vacant=order[first[~some]],
        incomplete=_incomplete([key.codes for key in keys[:-1]], order[first[some]], np.flatnonzero(~named)),
    )


def _sorted(keys: list[Codes], rows: IntArray) -> IntArray:
    """The order that sorts the rows by the first key, then the second, and so on."""
    sizes = [key.labels.size for key in keys]
    if math.prod(sizes) >= 1 << 62:
        return np.lexsort([key.codes[rows] for key in reversed(keys)])
    # One number per row sorts faster than several, and most tables are sorted already.
    joint = keys[0].codes[rows]
    for key, size in zip(keys[1:], sizes[1:], strict=True):
        joint *= size
        joint += key.codes[rows]
    if (joint[1:] >= joint[:-1]).all():
        return np.arange(rows.size)
    return np.argsort(joint, kind="stable")


def _task_numbers(keys: list[IntArray]) -> tuple[IntArray, IntArray]:
    """The number of the task that each sorted row belongs to, and where each task begins. keys: (rows,) each."""
    begins = np.ones(keys[0].size, dtype=np.bool_)
    begins[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.cumsum(begins) - 1, np.flatnonzero(begins)


def _incomplete(keys: list[IntArray], tasks: IntArray, nameless: IntArray) -> BoolArray:
    """(tasks,) whether all keys that a nameless row has are those of a task.

    keys: (rows,) each; tasks: a row of each task; nameless: rows that lack a key.
    """
    found = np.zeros(tasks.size, dtype=np.bool_)
    given = np.stack([key[nameless] for key in keys], axis=1)
    for missing in np.unique(given < 0, axis=0):
        alike = given[((given < 0) == missing).all(axis=1)][:, ~missing]
        if missing.all():
            return ~found
        every = np.concatenate([alike, np.stack([key[tasks] for key in keys], axis=1)[:, ~missing]])
        number = np.unique(every, axis=0, return_inverse=True)[1].ravel()
        found |= np.isin(number[len(alike) :], number[: len(alike)])
    return found
