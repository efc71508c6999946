"""From the pieces of a file to rows in memory: select, normalise, put aside what can't be used."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from marketfit.brief import DataSpec
from marketfit.errors import DataError, Problem
from marketfit.prepare.normalise import clean_input, clean_text
from marketfit.prepare.options import LISTED
from marketfit.prepare.pieces import Cell, Piece
from marketfit.prepare.read import read
from marketfit.prepare.rows import Input, Quarantine, Rows, Split
from marketfit.prepare.select import Selection, where_clause
from marketfit.prepare.text_file import no_rows
from marketfit.task import Progress

NOT_SELECTED = "not selected by where"
NO_SPLIT = "no split given"

_SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "validation": "valid",
    "test": "test",
}


@dataclass
class Collected:
    """A source as read: the usable rows, the quarantine, how many rows there were, and what is wrong so far."""

    rows: Rows
    quarantine: Quarantine
    source_rows: int
    problems: tuple[Problem, ...]


@dataclass
class _Columns:
    """Rows under construction."""

    numbers: list[int] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[Split | None] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    sensitive: dict[str, list[str | None]] = field(default_factory=dict)


class Collector:
    """Takes the pieces of one source."""

    def __init__(self, data: DataSpec) -> None:
        self._data = data
        self._selection = Selection(data.where)
        self._columns = _Columns(sensitive={name: [] for name in data.sensitive})
        self._quarantine = Quarantine()
        self._rows = 0
        self._readable = 0
        self._selected = 0
        self._filled: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()  # what stands in the column, whether it means a split or not

    def take(self, piece: Piece) -> None:
        """Take some rows."""
        for bad in piece.bad:
            self._quarantine.add(bad.number, bad.reason, bad.content)
        self._rows += len(piece.numbers) + len(piece.bad)
        self._readable += len(piece.numbers)
        keep = self._selection.mask(piece.columns, len(piece.numbers))
        for place, number in enumerate(piece.numbers):
            cells = {name: column[place] for name, column in piece.columns.items()}
            if keep[place]:
                self._selected += 1
                self._filled.update(name for name, cell in cells.items() if _filled(cell))
                self._row(number, cells)
            else:
                self._quarantine.add(number, NOT_SELECTED, cells[self._data.input])

    def _row(self, number: int, cells: Mapping[str, Cell]) -> None:
        data = self._data
        example, bad_input = clean_input(cells[data.input])
        label, bad_label = clean_text(cells[data.label])
        split, bad_split = self._split(cells)
        reason = bad_input or bad_label or ("" if label else "empty label") or bad_split
        if reason:
            self._quarantine.add(number, reason, cells[data.input])
            return
        self._columns.numbers.append(number)
        self._columns.inputs.append(example)
        self._columns.labels.append(sys.intern(label))  # few labels, many rows: one object each
        self._columns.splits.append(split)
        self._columns.groups.append(clean_text(cells[data.group])[0] or None if data.group else None)
        for name, column in self._columns.sensitive.items():
            column.append(clean_text(cells[name])[0] or None)

    def _split(self, cells: Mapping[str, Cell]) -> tuple[Split | None, str]:
        if self._data.split is None:
            return None, ""
        text, reason = clean_text(cells[self._data.split])
        if not text:
            return None, reason or NO_SPLIT
        self._splits[text] += 1
        return _SPLIT_NAMES.get(text.casefold()), ""

    def finish(self) -> Collected:
        """All that was taken, with the values that are wrong in it.

        Raises:
            DataError: there is no row that can be used; everything that is wrong with the source.
        """
        unusable = self._problems()
        wrong = [*self._selection.problems(str(self._data.source)), *self._foreign_splits()] if self._readable else []
        if unusable:
            raise DataError(list(dict.fromkeys([*unusable, *wrong])))
        columns = self._columns
        rows = Rows(
            numbers=np.array(columns.numbers, dtype=np.int64),
            inputs=columns.inputs,
            labels=columns.labels,
            splits=columns.splits,
            groups=columns.groups,
            sensitive=columns.sensitive,
            origins=["source"] * len(columns.inputs),
        )
        return Collected(rows, self._quarantine, self._rows, tuple(wrong))

    def _problems(self) -> list[Problem]:
        path = str(self._data.source)
        if self._rows == 0:
            return [no_rows(self._data.source)]
        if not self._readable:
            return [Problem(path, f"no row can be read ({self._reasons()})", "", "correct the file")]
        if self._selected == 0:
            return self._selection.nothing_left(path)
        problems = [
            Problem(path, f"column '{column}' ({option}) is empty in all {self._selected:,} rows", "values", "fill it")
            for column, option in wanted_columns(self._data).items()
            if not self._filled[column]
        ]
        if not problems and not self._columns.inputs:
            problems.append(Problem(path, f"no row can be used ({self._reasons()})", "", "correct the file"))
        return problems

    def _foreign_splits(self) -> list[Problem]:
        """The problem of split values that mean nothing to us."""
        foreign = Counter({text: rows for text, rows in self._splits.items() if text.casefold() not in _SPLIT_NAMES})
        if not foreign:
            return []
        there = [f"'{value}' ({rows:,} rows)" for value, rows in foreign.most_common(LISTED)]
        column = str(self._data.split)
        known = sorted(self._splits.keys() - foreign.keys())
        leave = f", or leave those rows out with {where_clause(column, known)}" if known else ""
        return [
            Problem(
                f"{self._data.source}: column '{column}' (data.split)",
                f"unknown values: {', '.join(there)}",
                "train, valid (val, dev) or test",
                f"rename them{leave}",
            )
        ]

    def _reasons(self) -> str:
        return "; ".join(f"{count.reason}: {count.rows:,} rows" for count in self._quarantine.counts())


def collect(data: DataSpec, *, progress: Progress) -> Collected:
    """Read a source. Its values may be wrong still (`problems`).

    Raises:
        DataError: what is wrong with the source as a whole, all of it at once.
    """
    collector = Collector(data)
    for piece in read(data.source, wanted_columns(data)):
        collector.take(piece)
        progress(piece.done)
    return collector.finish()


def wanted_columns(data: DataSpec) -> dict[str, str]:
    """The columns that a brief names → the option that names each."""
    wanted = {data.input: "data.input", data.label: "data.label"}
    for column, option in ((data.split, "data.split"), (data.group, "data.group")):
        if column is not None:
            wanted.setdefault(column, option)
    for column in data.sensitive:
        wanted.setdefault(column, "data.sensitive")
    for column in data.where:
        wanted.setdefault(column, "data.where")
    return wanted


def _filled(cell: Cell) -> bool:
    return bool(cell) if isinstance(cell, bytes) else cell is not None and bool(cell.strip())
