"""What is known of people besides their choices, read from a table and matched to respondents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import FloatArray, IntArray, label, rows_text
from marketfit.errors import DataError, Problem


@dataclass(frozen=True, eq=False)
class LevelCovariate:
    """A covariate of names. codes: (people,) into `levels`, −1 where nothing is known."""

    name: str
    codes: IntArray
    levels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NumberCovariate:
    """A covariate of numbers. values: (people,), NaN where nothing is known."""

    name: str
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Covariates:
    """Covariates of people, in the order of the respondents that were asked for.

    absent: people that the table does not have. others: people of the table who are no respondents.
    """

    columns: tuple[LevelCovariate | NumberCovariate, ...]
    absent: int
    others: int


def read_covariates(
    table: object, respondents: NDArray[np.generic], *, respondent: str, columns: Sequence[str]
) -> Covariates:
    """Read a table of one row per person. Numbers stay numbers; text and booleans are levels.

    Levels are sorted, those of ordered categories in their own order.
    respondents: (people,) labels. Names match as text does: 1, 1.0 and "1" are the same person.
    Raises DataError with every mistake in the table; the first row is row 1.
    """
    # Arrow is needed to read tables only.
    from marketfit.demand.choices.columns import is_number, is_text, read_codes, read_columns, read_levels, read_numbers

    problems: list[Problem] = []
    listed = (columns,) if isinstance(columns, str) else tuple(dict.fromkeys(columns))
    if not listed:
        problems.append(Problem("columns", "no column is named", "at least one", "name what is known of people"))
    read = read_columns(table, [respondent, *listed], problems)
    if respondent not in read:
        raise DataError(problems)
    people = read_codes(read[respondent])
    _check_people(respondent, people.codes, problems)
    index = {name: row for row, name in enumerate(people.names)}
    where = np.full(len(index) + 1, -1, dtype=np.int64)  # person of the table → row; the last slot is for strangers
    where[people.codes] = np.arange(people.codes.size)
    rows = where[[index.get(label(name), -1) for name in respondents.tolist()]]
    found: list[LevelCovariate | NumberCovariate] = []
    for name in [name for name in listed if name in read]:
        column = read[name]
        if is_number(column) and str(column.type) != "bool":
            values = np.append(read_numbers(column), np.nan)[rows]
            found.append(NumberCovariate(name, np.where(np.isfinite(values), values, np.nan)))
        elif is_text(column) or is_number(column):
            codes = read_levels(column)
            found.append(LevelCovariate(name, np.append(codes.codes, -1)[rows], codes.names))
        else:
            do = "convert the column"
            problems.append(Problem(f"column '{name}'", f"is of type {column.type}", "numbers, booleans or text", do))
    if problems:
        raise DataError(problems)
    absent = int((rows < 0).sum())
    if absent == rows.size:
        do = "name the column that holds the respondents of the choice data"
        raise DataError([Problem(f"column '{respondent}'", "holds none of the respondents", "their names", do)])
    return Covariates(tuple(found), absent, len(index) - (rows.size - absent))


def _check_people(name: str, codes: IntArray, problems: list[Problem]) -> None:
    missing = np.flatnonzero(codes < 0)
    if missing.size:
        where, do = f"column '{name}', {rows_text(missing)}", "fill the cells or drop the rows"
        problems.append(Problem(where, "the respondent is missing", "every row names its respondent", do))
    order = np.argsort(codes, kind="stable")
    again = order[1:][(np.diff(codes[order]) == 0) & (codes[order][1:] >= 0)]
    if again.size:
        where, do = f"column '{name}', {rows_text(again)}", "keep one row per person"
        problems.append(Problem(where, "the respondent is in the table already", "one row per person", do))
