"""Columns that say yes or no: what was chosen, what was available."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, label, rows_text
from marketfit.demand.choices.columns import Codes, Column, is_empty, is_number, is_text, read_codes, read_numbers
from marketfit.errors import Problem

_WORDS = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0}


def check_available(name: str | None, column: Column | None, rows: int, problems: list[Problem]) -> BoolArray:
    """(rows,) whether the alternative could be chosen; where no column is named, or it is no use, all could."""
    everywhere, allowed = np.ones(rows, dtype=np.bool_), "1 or true where it could be chosen, else 0"
    if name is None or column is None:
        return everywhere
    values = _flags(name, column, allowed, problems)
    return everywhere if values is None else _checked(name, column, values, everywhere, allowed, problems) != 0


def check_chosen(
    name: str, column: Column | None, alternative: Codes | None, available: BoolArray, problems: list[Problem]
) -> FloatArray | None:
    """(rows,) 1 where chosen, 0 where not, NaN where the cell is wrong; None when the column is no use at all.

    The column may also repeat the name of the chosen alternative on every row of the task. Only what was not available
    may have an empty cell.
    """
    if column is None:
        return None
    allowed = "1 or true for the chosen alternative, 0 or false for the others (or its name on every row)"
    values = _by_name(column, alternative)
    if values is None:
        values = _flags(name, column, allowed, problems)
    if values is None:
        return None
    values = _checked(name, column, values, available, allowed, problems)
    barred = (values == 1) & ~available
    if barred.any():
        problems.append(
            Problem(
                where=rows_text(np.flatnonzero(barred)),
                found="the alternative is chosen but was not available",
                allowed="a choice among what is available",
                do="correct the availability or the choice, or drop the task",
            )
        )
    return values


def _by_name(column: Column, alternative: Codes | None) -> FloatArray | None:
    """(rows,) 1 where the row is that of the alternative which the cell names; None for a column of another kind."""
    if alternative is None or not is_text(column):
        return None
    named = read_codes(column)
    if not set(named.names) <= set(alternative.names) or set(map(str.lower, named.names)) <= set(_WORDS):
        return None
    place = np.array([*(alternative.names.index(name) for name in named.names), -1], dtype=np.int64)
    return np.where(named.codes < 0, np.nan, place[named.codes] == alternative.codes)


def _flags(name: str, column: Column, allowed: str, problems: list[Problem]) -> FloatArray | None:
    """(rows,) 0 or 1 or what else the cell says, NaN where that is no number; None when the column is no use at all."""
    if is_number(column):
        return read_numbers(column)
    if is_text(column):
        codes = read_codes(column)
        known = [_WORDS.get(word.strip().lower(), np.nan) for word in codes.names]
        return np.asarray(np.array([*known, np.nan])[codes.codes])
    problems.append(Problem(f"column '{name}'", f"is of type {column.type}", allowed, "convert the column"))
    return None


def _checked(
    name: str, column: Column, values: FloatArray, needed: BoolArray, allowed: str, problems: list[Problem]
) -> FloatArray:
    """(rows,) 0 or 1, NaN where the cell is wrong: a problem. An empty cell that is not needed is 0."""
    wrong = ~((values == 0) | (values == 1))
    if wrong.any() and not needed.all():
        spared = ~needed & is_empty(column)
        wrong, values = wrong & ~spared, np.where(spared, 0.0, values)
    if not wrong.any():
        return values
    rows = np.flatnonzero(wrong)
    cell = label(column[int(rows[0])].as_py())
    found = "a value is missing" if cell.strip() in ("", "None", "nan") else f"the value '{cell}'"
    problems.append(Problem(f"column '{name}', {rows_text(rows)}", found, allowed, "correct the cells"))
    return np.where(wrong, np.nan, values)
