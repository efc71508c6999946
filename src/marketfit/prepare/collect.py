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
from marketfit.prepare.select import Selection
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
    """A source as read: the usable rows, the quarantine, and how many rows there were."""

    rows: Rows
    quarantine: Quarantine
    source_rows: int
    foreign_splits: Counter[str]


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
        self._selected = 0
        self._filled: Counter[str] = Counter()
        self._foreign: Counter[str] = Counter()

    def take(self, piece: Piece) -> None:
        """Take some rows."""
        for bad in piece.bad:
            self._quarantine.add(bad.number, bad.reason, bad.content)
        self._rows += len(piece.numbers) + len(piece.bad)
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
        split = _SPLIT_NAMES.get(text.casefold())
        if split is None:
            self._foreign[text] += 1
        return split, ""

    def finish(self) -> Collected:
        """All that was taken.

        Raises:
            DataError: what is wrong with the source as a whole, all of it at once.
        """
        problems = list(self._problems())
        if problems:
            raise DataError(problems)
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
        return Collected(rows, self._quarantine, self._rows, self._foreign)

    def _problems(self) -> list[Problem]:
        path = str(self._data.source)
        if self._rows == 0:
            return [no_rows(self._data.source)]
        if self._selected == 0:
            return self._nothing_selected(path)
        problems = [
            Problem(path, f"column '{column}' ({option}) is empty in all {self._selected:,} rows", "values", "fill it")
            for column, option in wanted_columns(self._data).items()
            if not self._filled[column]
        ]
        if not problems and not self._columns.inputs:
            problems.append(Problem(path, f"no row can be used ({self._reasons()})", "", "correct the file"))
        return problems

    def _nothing_selected(self, path: str) -> list[Problem]:
        readable = self._rows - sum(count.rows for count in self._quarantine.counts() if count.reason != NOT_SELECTED)
        if readable:
            return self._selection.nothing_left(path)
        return [Problem(path, f"no row can be read ({self._reasons()})", "", "correct the file")]

    def _reasons(self) -> str:
        return "; ".join(f"{count.reason}: {count.rows:,} rows" for count in self._quarantine.counts())


def collect(data: DataSpec, *, progress: Progress) -> Collected:
    """Read a source.

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


def foreign_splits(collected: Collected, data: DataSpec) -> list[Problem]:
    """The problem of split values that mean nothing to us."""
    if not collected.foreign_splits:
        return []
    there = [f"'{value}' ({rows:,} rows)" for value, rows in collected.foreign_splits.most_common(LISTED)]
    return [
        Problem(
            f"{data.source}: column '{data.split}' (data.split)",
            f"unknown values: {', '.join(there)}",
            "train, valid (val, dev) or test",
            f"rename them, or leave those rows out with where: {{{data.split}: [train, valid, test]}}",
        )
    ]


def _filled(cell: Cell) -> bool:
    return bool(cell) if isinstance(cell, bytes) else cell is not None and bool(cell.strip())
