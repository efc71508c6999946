"""`where`: keep only rows whose columns have one of the values given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from marketfit.errors import Problem
from marketfit.prepare.options import LISTED
from marketfit.prepare.pieces import Cell
from marketfit.prepare.rows import shown

Value = str | int | float | bool


class Selection:
    """Decides row by row, and remembers which values there are for the error that says that nothing matched."""

    def __init__(self, where: Mapping[str, Sequence[Value]]) -> None:
        self._where = where
        self._known: dict[str, dict[Cell, bool]] = {name: {} for name in where}
        self._seen: dict[str, Counter[Cell]] = {name: Counter() for name in where}

    def mask(self, columns: Mapping[str, Sequence[Cell]], rows: int) -> list[bool]:
        """Which of some rows are kept."""
        kept = [True] * rows
        for name, values in self._where.items():
            known = self._known[name]
            cells = columns[name]
            self._seen[name].update(cells)
            for cell in set(cells) - known.keys():
                known[cell] = any(matches(cell, value) for value in values)
            kept = [keep and known[cell] for keep, cell in zip(kept, cells, strict=True)]
        return kept

    def nothing_left(self, path: str) -> list[Problem]:
        """Why no row was kept: for each column the values that exist."""
        problems: list[Problem] = []
        for name, values in self._where.items():
            if any(self._known[name].values()) and len(self._where) > 1:
                continue
            there = [f"{shown(cell)} ({rows:,} rows)" for cell, rows in self._seen[name].most_common(LISTED)]
            more = len(self._seen[name]) - len(there)
            there += [f"{more:,} more"] if more > 0 else []
            found = f"no row has {name} = {' or '.join(str(value) for value in values)}"
            problems.append(Problem(f"{path}: data.where", found, f"it has: {', '.join(there)}", "correct the values"))
        if not problems:
            found = f"no row has all of {', '.join(self._where)} as wanted, though each alone occurs"
            problems.append(Problem(f"{path}: data.where", found, "", "drop one of the conditions"))
        return problems


def matches(cell: Cell, value: Value) -> bool:
    """Whether a cell has a value of the brief: as text, and for numbers and truth values by what they mean.

    >>> matches("1.0", 1), matches("True", True), matches("01", "1"), matches(" a ", "a")
    (True, True, False, True)
    """
    if cell is None or isinstance(cell, bytes):
        return False
    text = cell.strip()
    if isinstance(value, bool):
        return text.casefold() == str(value).casefold()
    if isinstance(value, str):
        return text == value.strip()
    try:
        return float(text) == value
    except ValueError:
        return False
