"""`where`: keep only rows whose columns have one of the values given."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence

from ruamel.yaml import YAML

from marketfit.errors import Problem
from marketfit.prepare.normalise import normalise
from marketfit.prepare.options import LISTED
from marketfit.prepare.pieces import Cell
from marketfit.prepare.rows import shown

Value = str | int | float | bool


class Selection:
    """Decides row by row, and remembers which values there are for the error that says that one is not there."""

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

    def problems(self, path: str) -> list[Problem]:
        """For each column the values that no row has, beside those that exist."""
        problems: list[Problem] = []
        for name, values in self._where.items():
            seen = self._seen[name]
            absent = [str(value) for value in values if not any(matches(cell, value) for cell in seen)]
            if values and not absent:
                continue
            there = [f"{shown(cell)} ({rows:,} rows)" for cell, rows in seen.most_common(LISTED)]
            more = len(seen) - len(there)
            there += [f"{more:,} more"] if more > 0 else []
            found = f"no row has {name} = {' or '.join(absent)}" if values else f"names no value of {name}"
            problems.append(Problem(f"{path}: data.where", found, f"it has: {', '.join(there)}", "correct the values"))
        return problems

    def nothing_left(self, path: str) -> list[Problem]:
        """Why no row was kept."""
        found = f"no row has all of {', '.join(self._where)} as wanted, though each alone occurs"
        return self.problems(path) or [Problem(f"{path}: data.where", found, "", "drop one of the conditions")]


def matches(cell: Cell, value: Value) -> bool:
    """Whether a cell has a value of the brief: as text in its normal form, numbers and truth values by what they mean.

    >>> matches("1.0", 1), matches("True", True), matches("01", "1"), matches(" a  b ", "a b")
    (True, True, False, True)
    """
    if cell is None or isinstance(cell, bytes):
        return False
    text = normalise(cell)
    if isinstance(value, bool):
        return text.casefold() == str(value).casefold()
    if isinstance(value, str):
        return text == normalise(value)
    try:
        return float(text) == value
    except ValueError:
        return False


def where_clause(column: str, values: Sequence[str]) -> str:
    """What to write into a brief to keep only rows with these values, quoted where YAML wants it.

    >>> print(where_clause("label", ["a", "b, c", "on: off", "1", "#x"]))
    where: {label: [a, 'b, c', 'on: off', '1', '#x']}
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, _ONE_LINE, True
    written = io.StringIO()
    yaml.dump({column: list(values)}, written)
    return f"where: {written.getvalue().strip()}"


_ONE_LINE = 2**31
