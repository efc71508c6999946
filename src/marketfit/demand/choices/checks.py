"""How the rows of a choice table make up tasks, and what must hold in every task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, rows_text
from marketfit.demand.choices.columns import Codes, Column, is_number, read_numbers
from marketfit.errors import Problem


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows sorted by (respondent, task, alternative).

    order: (sorted rows,) row numbers; rows whose keys are missing are left out.
    starts: (tasks,) where each task begins in `order`; sizes: (tasks,) how many rows it has.
    task, alternative: (sorted rows,) task number and alternative code.
    respondent: (tasks,) respondent code, or None; respondent_labels: (respondents,) in the column's own type.
    """

    order: IntArray
    starts: IntArray
    sizes: IntArray
    task: IntArray
    alternative: IntArray
    respondent: IntArray | None
    respondent_labels: NDArray[np.generic] | None


def lay_out(respondent: Codes | None, task: Codes, alternative: Codes, rows: int) -> Layout:
    """Sort the rows into tasks. A task number may be used again by another respondent."""
    person = respondent.codes if respondent is not None else np.zeros(rows, dtype=np.int64)
    usable = np.flatnonzero((person >= 0) & (task.codes >= 0) & (alternative.codes >= 0))
    keys = (alternative.codes[usable], task.codes[usable], person[usable])
    order: IntArray = usable[np.lexsort(keys)]
    person_sorted, task_sorted = person[order], task.codes[order]
    first = np.ones(order.size, dtype=np.bool_)
    first[1:] = (person_sorted[1:] != person_sorted[:-1]) | (task_sorted[1:] != task_sorted[:-1])
    starts = np.flatnonzero(first).astype(np.int64)
    return Layout(
        order=order,
        starts=starts,
        sizes=np.diff(starts, append=order.size),
        task=np.cumsum(first) - 1,
        alternative=alternative.codes[order],
        respondent=person_sorted[starts] if respondent is not None else None,
        respondent_labels=respondent.labels if respondent is not None else None,
    )


def check_chosen(name: str, column: Column | None, problems: list[Problem]) -> FloatArray | None:
    """(rows,) 1 where chosen, 0 where not, NaN where the cell is wrong; None when the column is no use at all."""
    if column is None:
        return None
    allowed, do = "1 or true for the chosen alternative, 0 or false for the others", "correct the cells"
    if not is_number(column):
        problems.append(Problem(f"column '{name}'", f"is of type {column.type}", allowed, "convert the column"))
        return None
    values = read_numbers(column)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        rows = np.flatnonzero(wrong)
        first = values[rows[0]]
        found = "a value is missing" if np.isnan(first) else f"the value {first:g}"
        problems.append(Problem(f"column '{name}', {rows_text(rows)}", found, allowed, do))
    return np.where(wrong, np.nan, values)


def check_weights(name: str | None, column: Column | None, rows: int, problems: list[Problem]) -> FloatArray:
    """(rows,) the weight of each row's task; ones where no column is named."""
    ones = np.ones(rows)
    if name is None or column is None:
        return ones
    allowed = "numbers of at least 0, one per task, some above 0"
    if not is_number(column):
        problems.append(Problem(f"column '{name}'", f"is of type {column.type}", allowed, "convert the column"))
        return ones
    values = read_numbers(column)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        where = f"column '{name}', {rows_text(np.flatnonzero(wrong))}"
        problems.append(Problem(where, "a weight is missing, negative or infinite", allowed, "correct the cells"))
        return ones
    if rows and not values.any():
        problems.append(Problem(f"column '{name}'", "all weights are 0", allowed, "give the weights"))
    return values


def check_layout(
    layout: Layout, alternative: Codes, chosen: FloatArray | None, weights: FloatArray, problems: list[Problem]
) -> None:
    """Add what is wrong with whole tasks: their alternatives, their choices, their weights."""
    if not layout.starts.size:
        return
    _check_alternatives(layout, alternative, problems)
    if chosen is not None:
        _check_choices(layout, chosen[layout.order], problems)
    weight = weights[layout.order]
    uneven = np.flatnonzero(np.diff(weight) != 0) + 1
    uneven = uneven[layout.task[uneven] == layout.task[uneven - 1]]
    if uneven.size:
        problems.append(
            Problem(
                where=rows_text(layout.order[uneven]),
                found="the weight differs from that of another row of the same task",
                allowed="one weight per task",
                do="give all rows of a task the same weight",
            )
        )


def _check_alternatives(layout: Layout, alternative: Codes, problems: list[Problem]) -> None:
    same = layout.alternative[1:] == layout.alternative[:-1]
    again = np.flatnonzero(same & (layout.task[1:] == layout.task[:-1])) + 1
    if again.size:
        name = alternative.names[layout.alternative[again[0]]]
        problems.append(
            Problem(
                where=rows_text(layout.order[again]),
                found=f"the alternative is already in the task (the first is '{name}')",
                allowed="each alternative once in a task",
                do="drop the row or give it its own name; if tasks are numbered anew for each person, name the "
                "respondent column",
            )
        )
    single = layout.sizes == 1
    if single.any():
        problems.append(
            Problem(
                where=rows_text(layout.order[layout.starts[single]]),
                found="the task has a single alternative",
                allowed="at least two: one alone is no choice",
                do="add what else was shown, or drop the task",
            )
        )


def _check_choices(layout: Layout, chosen: FloatArray, problems: list[Problem]) -> None:
    count = np.add.reduceat(np.nan_to_num(chosen), layout.starts)
    known = ~np.isnan(np.add.reduceat(chosen, layout.starts))  # a task with a wrong cell is reported already
    several = count > 1
    if several.any():
        rows: BoolArray = several[layout.task] & (chosen == 1)
        problems.append(
            Problem(
                where=rows_text(layout.order[rows]),
                found=f"two or more are chosen in one task (tasks with this: {int(several.sum())})",
                allowed="exactly one",
                do="keep the one that was chosen, or drop the task",
            )
        )
    nothing = (count == 0) & known
    if nothing.any():
        problems.append(
            Problem(
                where=rows_text(layout.order[layout.starts[nothing]]),
                found=f"nothing is chosen in the task that begins here (tasks with this: {int(nothing.sum())})",
                allowed="exactly one",
                do="mark the chosen row, add a row for the none option, or drop the task",
            )
        )
