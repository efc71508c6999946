"""Are the columns that a brief names in the file? All that are not, at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from marketfit.errors import DataError, Problem, nearest

Wanted = Mapping[str, str]
"""Column → the option of the brief that names it, such as `data.input`."""


def check_columns(path: Path, wanted: Wanted, names: Sequence[str]) -> None:
    """Compare the wanted columns with those of a file.

    Raises:
        DataError: one problem for each column that is missing or there twice.
    """
    problems: list[Problem] = []
    for column, option in wanted.items():
        if column not in names:
            found = f"has no column '{column}' ({option})"
            problems.append(Problem(str(path), found, _meant(column, names), "name a column of the file"))
        elif names.count(column) > 1:
            found = f"has {names.count(column)} columns '{column}' ({option})"
            problems.append(Problem(str(path), found, "every name once", "rename one of them"))
    if problems:
        raise DataError(problems)


def _meant(column: str, names: Sequence[str]) -> str:
    if len(names) == 1 and "|" in names[0]:
        return f"its header is one field, '{names[0]}': fields are separated by commas, semicolons or tabs"
    return nearest(column, names)
