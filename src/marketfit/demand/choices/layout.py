"""How the rows of a choice table make up tasks."""

from __future__ import annotations

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


def lay_out(respondent: Codes | None, task: Codes, alternative: Codes, available: BoolArray) -> Layout:
    """Sort the rows into tasks. A task number may be used again by another respondent."""
    person = respondent.codes if respondent is not None else np.zeros(available.size, dtype=np.int64)
    usable = np.flatnonzero((person >= 0) & (task.codes >= 0) & (alternative.codes >= 0))
    order: IntArray = usable[np.lexsort((alternative.codes[usable], task.codes[usable], person[usable]))]
    number, first = _task_numbers(person[order], task.codes[order])
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
        respondent=person[order[first[some]]] if respondent is not None else None,
        respondent_labels=respondent.labels if respondent is not None else None,
        left_out=order[left],
        left_out_task=renumbered[number[left]],
        vacant=order[first[~some]],
    )


def _task_numbers(person: IntArray, task: IntArray) -> tuple[IntArray, IntArray]:
    """The number of the task that each sorted row belongs to, and where each task begins."""
    begins = np.ones(person.size, dtype=np.bool_)
    begins[1:] = (person[1:] != person[:-1]) | (task[1:] != task[:-1])
    return np.cumsum(begins) - 1, np.flatnonzero(begins)
