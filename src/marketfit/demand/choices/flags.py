"""Columns that say yes or no: what was chosen, what was available."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, label, rows_text
from marketfit.demand.choices.columns import Codes, Column, is_number, is_text, read_codes, read_numbers
from marketfit.errors import Problem

_WORDS = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0}


def check_available(name: str | None, column: Column | None, rows: int, problems: list[Problem]) -> BoolArray:
    """(rows,) whether the alternative could be chosen; where no column is named, or it is no use, all could."""
    values = None if name is None else _flags(name, column, "1 or true where it could be chosen, else 0", problems)
    return np.ones(rows, dtype=np.bool_) if values is None else values != 0


def check_chosen(
    name: str, column: Column | None, alternative: Codes | None, available: BoolArray, problems: list[Problem]
) -> FloatArray | None:
    """(rows,) 1 where chosen, 0 where not, NaN where the cell is wrong; None when the column is no use at all.

    The column may also repeat the name of the chosen alternative on every row of the task.
    """
    values = _by_name(column, alternative)
    if values is None:
        allowed = "1 or true for the chosen alternative, 0 or false for the others (or its name on every row)"
        values = _flags(name, column, allowed, problems)
    if values is None:
        return None
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


def _by_name(column: Column | None, alternative: Codes | None) -> FloatArray | None:
    """(rows,) 1 where the row is that of the alternative which the cell names; None for a column of another kind."""
    if column is None or alternative is None or not is_text(column):
        return None
    named = read_codes(column)
    if not set(named.names) <= set(alternative.names) or set(map(str.lower, named.names)) <= set(_WORDS):
        return None
    place = np.array([*(alternative.names.index(name) for name in named.names), -1], dtype=np.int64)
    return np.where(named.codes < 0, np.nan, place[named.codes] == alternative.codes)


def _flags(name: str, column: Column | None, allowed: str, problems: list[Problem]) -> FloatArray | None:
    """(rows,) 0 or 1, NaN where the cell is wrong; None when the column is no use at all."""
    if column is None:
        return None
    if is_number(column):
        values = read_numbers(column)
    elif is_text(column):
        codes = read_codes(column)
        known = [_WORDS.get(word.strip().lower(), np.nan) for word in codes.names]
        values = np.array([*known, np.nan])[codes.codes]
    else:
        problems.append(Problem(f"column '{name}'", f"is of type {column.type}", allowed, "convert the column"))
        return None
    wrong = ~((values == 0) | (values == 1))
    if wrong.any():
        rows = np.flatnonzero(wrong)
        cell = label(column[int(rows[0])].as_py())
        found = "a value is missing" if cell.strip() in ("", "None", "nan") else f"the value '{cell}'"
        problems.append(Problem(f"column '{name}', {rows_text(rows)}", found, allowed, "correct the cells"))
        values = np.where(wrong, np.nan, values)
    return values
