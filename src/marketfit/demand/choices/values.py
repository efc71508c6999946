"""Read the values of an attribute or a covariate: numbers or levels, every cell filled where it has to be."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import BoolArray, rows_text
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.columns import Codes, Column, is_number, is_text, read_levels, read_numbers
from marketfit.errors import Problem

MOST_NUMBERS = 12
"""Levels of a text column whose names are all numbers; more are prices and the like that were read as text."""


def read_values(name: str, column: Column, empty: BoolArray, need: str, problems: list[Problem]) -> Attribute:
    """One attribute or covariate; missing, infinite and mixed cells are problems.

    empty: (rows,) rows that have no value by right; they hold 0 (numbers) or −1 (codes). need: which rows have one.
    """
    if is_number(column):
        numbers = read_numbers(column)
        bad, found = ~np.isfinite(numbers) & ~empty, "a value is missing or infinite"
        attribute = Attribute(name, np.where(empty, 0.0, numbers) if empty.any() else numbers, None)
    elif is_text(column):
        codes = read_levels(column)
        bad, found = (codes.codes < 0) & ~empty, "a value is missing"
        attribute = _levels(name, codes, empty, problems)
    else:
        bad, found = np.zeros(len(column), dtype=np.bool_), ""
        attribute = Attribute(name, np.zeros(len(column)), None)
        problems.append(
            Problem(f"column '{name}'", f"is of type {column.type}", "numbers, booleans or text", "convert the column")
        )
    if bad.any():
        problems.append(
            Problem(
                where=f"column '{name}', {rows_text(np.flatnonzero(bad))}",
                found=found,
                allowed=need,
                do="fill the cells or drop the tasks",
            )
        )
    return attribute


def _levels(name: str, codes: Codes, empty: BoolArray, problems: list[Problem]) -> Attribute:
    numeric = codes.numeric_labels
    if numeric.any() and not numeric.all() and not codes.declared:
        # The smaller kind is the likelier slip: a word among prices, or a digit among brands.
        words = bool(numeric.sum() * 2 >= numeric.size)
        odd = np.flatnonzero(numeric != words)
        rows = np.flatnonzero(np.isin(codes.codes, odd))
        problems.append(
            Problem(
                where=f"column '{name}', {rows_text(rows)}",
                found=f"{'text' if words else 'a number'} such as '{codes.names[odd[0]]}' "
                f"in a column of {'numbers' if words else 'text'}",
                allowed="numbers only, or names only",
                do="correct the cells; if all are names of levels, make the column categorical",
            )
        )
    if codes.codes.size and numeric.all() and numeric.size > MOST_NUMBERS and not codes.declared:
        problems.append(
            Problem(
                where=f"column '{name}'",
                found=f"text, but all of its {numeric.size} values are numbers, such as '{codes.names[0]}'",
                allowed=f"numbers; or names of levels (at most {MOST_NUMBERS} where all of them are numbers)",
                do="convert the column to numbers; if they are names of levels, make the column categorical",
            )
        )
    used = np.flatnonzero(np.bincount(codes.codes[(codes.codes >= 0) & ~empty], minlength=len(codes.names)))
    rank = np.full(len(codes.names) + 1, -1, dtype=np.int64)
    rank[used] = np.arange(used.size)
    values = np.where(empty, -1, rank[codes.codes])
    return Attribute(name, values, tuple(codes.names[code] for code in used.tolist()))
