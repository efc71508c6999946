"""What must hold in every row and every task of a choice table."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, rows_text
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.columns import Codes, Column, is_number, read_numbers
from marketfit.demand.choices.layout import Layout
from marketfit.errors import Problem


def check_weights(
    name: str | None, column: Column | None, available: BoolArray, problems: list[Problem]
) -> FloatArray | None:
    """(rows,) the weight of each row's task, NaN at most where a row was not available; None where no column is named,
    or it is no use.
    """
    if name is None or column is None:
        return None
    allowed = "numbers of at least 0, one per task, some above 0"
    if not is_number(column):
        problems.append(Problem(f"column '{name}'", f"is of type {column.type}", allowed, "convert the column"))
        return None
    values = read_numbers(column)
    wrong = ~(np.isfinite(values) & (values >= 0)) & (available | ~np.isnan(values))
    if wrong.any():
        where = f"column '{name}', {rows_text(np.flatnonzero(wrong))}"
        problems.append(Problem(where, "a weight is missing, negative or infinite", allowed, "correct the cells"))
        return None
    if available.any() and not values[available].any():
        problems.append(Problem(f"column '{name}'", "all weights are 0", allowed, "give the weights"))
    return values


def check_even(name: str, by_row: Attribute, layout: Layout, problems: list[Problem]) -> bool:
    """Whether a covariate or weight, (rows of the layout,), is the same in all rows of a task; if not, a problem."""
    values = by_row.values
    changed = np.flatnonzero(values[1:] != values[:-1]) + 1
    # NaN, a missing cell, is reported already, and differs from itself.
    missing = np.isnan(values[changed]) & np.isnan(values[changed - 1])
    uneven = changed[(layout.task[changed] == layout.task[changed - 1]) & ~missing]
    if uneven.size:
        problems.append(
            Problem(
                where=f"column '{name}', {rows_text(layout.order[uneven])}",
                found="the value differs from that of another row of the same task",
                allowed="one value per task",
                do="give all rows of a task the same value (what differs between alternatives is an attribute)",
            )
        )
    return not uneven.size


def check_layout(layout: Layout, alternative: Codes, problems: list[Problem]) -> None:
    """Add what is wrong with the alternatives of whole tasks, but not what a row without its keys may explain."""
    if layout.vacant.size:
        problems.append(
            Problem(
                where=rows_text(layout.vacant),
                found="no alternative of the task that begins here was available",
                allowed="at least two",
                do="correct the availability, or drop the task",
            )
        )
    _check_repeated(layout, alternative, problems)
    single = (layout.sizes == 1) & ~layout.incomplete
    if single.any():
        problems.append(
            Problem(
                where=rows_text(layout.order[layout.starts[single]]),
                found="the task has a single alternative" + (" that was available" if layout.left_out.size else ""),
                allowed="at least two: one alone is no choice",
                do="add what else was shown, or drop the task",
            )
        )


def _check_repeated(layout: Layout, alternative: Codes, problems: list[Problem]) -> None:
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


def check_choices(layout: Layout, chosen: FloatArray, problems: list[Problem]) -> IntArray:
    """(tasks,) the row that is chosen, from flags (rows of the layout,); tasks with another number are problems."""
    if not layout.starts.size:
        return np.zeros(0, dtype=np.int64)
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
    nothing = (count == 0) & known & ~layout.incomplete
    if nothing.any():
        problems.append(
            Problem(
                where=rows_text(layout.order[layout.starts[nothing]]),
                found=f"nothing is chosen in the task that begins here (tasks with this: {int(nothing.sum())})",
                allowed="exactly one",
                do="mark the chosen row, add a row for the none option, or drop the task",
            )
        )
    return np.flatnonzero(chosen == 1).astype(np.int64)
