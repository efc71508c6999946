"""What a wide export says was shown: in columns of its own, or by the version of a design file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import MarketSpec, SurveyFile, WideSpec
from marketfit.demand.arrays import BoolArray, IntArray
from marketfit.errors import Problem, nearest
from marketfit.research.files import Column, name_rows, read_raw
from marketfit.research.wide_file import WideFile, equals, mask, place_in, whole
from marketfit.research.wide_names import NumberedColumns, is_numbered

VERSION = "version"


@dataclass(frozen=True, eq=False)
class Alternative:
    """One alternative of a task. number: from 1; there: (rows,) who was shown it; levels: attribute → (rows,) text."""

    number: int
    there: BoolArray
    levels: Mapping[str, Column]


@dataclass(frozen=True, eq=False)
class ShownTask:
    """What one task showed. known: (rows,) of whom that can be said at all; what is wrong with the others is told."""

    known: BoolArray
    alternatives: tuple[Alternative, ...]


class Shown(Protocol):
    """Where it stands what was shown."""

    def task(self, number: int, asked: BoolArray, problems: list[Problem]) -> ShownTask:
        """One task, for the rows that answered it, (rows,)."""


def is_shown(wide: WideSpec, name: str) -> bool:
    """Whether a column has a name like those that say what was shown."""
    return any(is_numbered(pattern, name) for pattern in (wide.shown, wide.names) if pattern is not None)


@dataclass(frozen=True, eq=False)
class ShownInRows:
    """Columns of the export itself say what was shown: `shown` has the levels, `names` the attributes that move."""

    export: WideFile
    wide: WideSpec
    market: MarketSpec
    shown: NumberedColumns
    names: NumberedColumns | None

    @classmethod
    def of(cls, export: WideFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]) -> ShownInRows | None:
        """None, with a problem, where names of columns fit no alternatives or not the attributes."""
        header = tuple(export.columns)
        shown = NumberedColumns.of(wide.shown or "", header, path=export.path, problems=problems)
        names = wide.names and NumberedColumns.of(wide.names, header, path=export.path, problems=problems)
        places = shown.numbers("attribute")
        if not shown.numbers("alternative") or (wide.names is None and len(places) != len(market.attributes)):
            found = f"columns like '{shown.pattern}' name {len(places)} attributes"
            allowed = f"{len(market.attributes)}, in the order of market.attributes, or wide.names"
            problems.append(Problem("market.choices.wide.shown", found, allowed, "correct the pattern"))
            return None
        return cls(export, wide, market, shown, names or None)

    def task(self, number: int, asked: BoolArray, problems: list[Problem]) -> ShownTask:
        """One task, for the rows that answered it."""
        named = list(self._named(number, asked, problems))
        alternatives = self.shown.numbers("alternative")
        made = tuple(self._alternative(number, alternative, named, problems) for alternative in alternatives)
        self._check_named(number, asked, named, made, problems)
        return ShownTask(asked, made)

    def _alternative(
        self, task: int, number: int, named: Sequence[tuple[int, str, BoolArray]], problems: list[Problem]
    ) -> Alternative:
        """An alternative is there for whoever has any level of it."""
        export = self.export
        columns = [
            (self.shown.column(task=task, alternative=number, attribute=place), attribute, rows)
            for place, attribute, rows in named
        ]
        there = np.zeros(export.numbers.size, dtype=np.bool_)
        for column, _, rows in columns:
            if column in export.columns:
                there |= rows & export.filled(column)
        for column in dict.fromkeys(
            one[0] for one in columns if one[0] not in export.columns and (one[2] & there).any()
        ):
            near = nearest(column, export.columns)
            problems.append(Problem(str(export.path), f"has no column '{column}'", near, "add or rename the column"))
        columns = [one for one in columns if one[0] in export.columns]
        levels: dict[str, Column] = {}
        for column, attribute, rows in columns:
            found = export.levels(
                column, rows & there, attribute=attribute, wide=self.wide, market=self.market, problems=problems
            )
            levels[attribute] = pc.if_else(pa.array(rows), found, levels[attribute]) if attribute in levels else found
        return Alternative(number, there, levels)

    def _named(self, task: int, asked: BoolArray, problems: list[Problem]) -> Iterator[tuple[int, str, BoolArray]]:
        """Which attribute each place of the names shows, and to which rows."""
        attributes, places = tuple(self.market.attributes), self.shown.numbers("attribute")
        if self.names is None:
            yield from ((place, name, asked) for place, name in zip(places, attributes, strict=True))
            return
        for place in places:
            column = self.names.column(task=task, attribute=place)
            if column not in self.export.columns:
                continue
            names = self.export.columns[column]
            for name in pc.unique(names.filter(pa.array(asked))).to_pylist():
                if name is None:
                    continue
                rows = asked & equals(names, name)
                if name in attributes:
                    yield place, name, rows
                else:
                    where, do = self.export.where(column, rows), "correct the cells, or add it to market.attributes"
                    problems.append(Problem(where, f"no attribute is called '{name}'", nearest(name, attributes), do))

    def _check_named(
        self,
        task: int,
        asked: BoolArray,
        named: Sequence[tuple[int, str, BoolArray]],
        made: Sequence[Alternative],
        problems: list[Problem],
    ) -> None:
        """Rows that show something, but nowhere say what of an attribute."""
        some = asked & np.logical_or.reduce([alternative.there for alternative in made])
        for attribute in self.market.attributes:
            told = np.logical_or.reduce([rows for _, name, rows in named if name == attribute] or [~some])
            if (some & ~told).any():
                where = f"{self.export.path}: task {task}, {name_rows(self.export.numbers[some & ~told].tolist())}"
                do = f"name a column '{attribute}' (wide.names), or drop the answers"
                problems.append(Problem(where, f"nothing is shown of '{attribute}'", "all attributes", do))


@dataclass(frozen=True, eq=False)
class ShownInDesign:
    """The row names a version of a design file.

    version: (rows,) place in `versions`, −1 where it is unknown. places: (task, alternative) → version → row of the
    design. levels: attribute → (rows of the design,).
    """

    export: WideFile
    design: WideFile
    column: str
    versions: tuple[str, ...]
    version: IntArray
    places: Mapping[tuple[int, int], Mapping[str, int]]
    levels: Mapping[str, Column]

    @classmethod
    def of(
        cls,
        export: WideFile,
        file: SurveyFile,
        wide: WideSpec,
        market: MarketSpec,
        *,
        answered: BoolArray,
        problems: list[Problem],
    ) -> ShownInDesign | None:
        """Read the design file; None, with problems, where that can't be done.

        answered: (rows,) who has any answer, and so needs a version.
        """
        design = _read_design(file, wide, market, problems)
        if design is None:
            return None
        there = np.logical_or.reduce([design.filled(name) for name in market.attributes])
        places = _places_of(design, there, problems)
        levels = {
            name: design.levels(name, there, attribute=name, wide=wide, market=market, problems=problems)
            for name in market.attributes
        }
        versions = tuple(dict.fromkeys(version for found in places.values() for version in found))
        given = export.columns[wide.version]
        version = place_in(given, versions).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        unknown = answered & (version < 0)
        for text in pc.unique(given.filter(pa.array(unknown))).to_pylist():
            rows = unknown & (mask(pc.is_null(given)) if text is None else equals(given, text))
            found = "no version" if text is None else f"version '{text}' is not in {design.path.name}"
            do = "correct the version or complete the design"
            problems.append(Problem(export.where(wide.version, rows), found, nearest(text or "", versions), do))
        return cls(export, design, wide.version, versions, version, places, levels)

    def task(self, number: int, asked: BoolArray, problems: list[Problem]) -> ShownTask:
        """One task, for the rows that answered it."""
        wanted = asked & (self.version >= 0)
        rows = {alternative: self._rows(found) for (task, alternative), found in sorted(self.places.items())
                if task == number}  # fmt: skip
        shown = np.logical_or.reduce([row >= 0 for row in rows.values()] or [np.zeros_like(wanted)])
        for version in np.unique(self.version[wanted & ~shown]).tolist():
            where = self.export.where(self.column, wanted & ~shown & (self.version == version))
            found = f"version '{self.versions[version]}' has no task {number} in {self.design.path.name}"
            do = "correct the version or complete the design"
            problems.append(Problem(where, found, "every task that has an answer", do))
        known = wanted & shown
        return ShownTask(known, tuple(self._alternative(name, row, known) for name, row in rows.items()))

    def _rows(self, found: Mapping[str, int]) -> IntArray:
        """(rows,) the row of the design that each row was shown, −1 for none."""
        place = np.array([*(found.get(version, -1) for version in self.versions), -1], dtype=np.int64)
        return np.asarray(place[self.version], dtype=np.int64)

    def _alternative(self, number: int, row: IntArray, known: BoolArray) -> Alternative:
        there = known & (row >= 0)
        taken = pa.array(np.where(there, row, 0), mask=~there)
        return Alternative(number, there, {name: pc.take(levels, taken) for name, levels in self.levels.items()})


def _read_design(file: SurveyFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]) -> WideFile | None:
    if wide.design is None:
        return None
    wanted = [VERSION, "task", "alternative", *market.attributes]
    named = {VERSION: wide.version} | {name: file.columns[name] for name in wanted if name in file.columns}
    raw = read_raw(SurveyFile(source=wide.design, columns=named), wanted, problems)
    if raw is None:
        return None
    lacking = raw.missing(wanted)
    problems.extend(lacking)
    return None if lacking else WideFile.of(raw)


def _places_of(design: WideFile, there: BoolArray, problems: list[Problem]) -> dict[tuple[int, int], dict[str, int]]:
    """(task, alternative) → version → row of the design. A row without levels is the none option."""
    places: dict[tuple[int, int], dict[str, int]] = {}
    bad, again = np.zeros((2, there.size), dtype=np.bool_)
    keys = zip(*(whole(design.columns[name]).to_pylist() for name in (VERSION, "task", "alternative")), strict=True)
    for row, (version, task, alternative) in enumerate(keys):
        if version is None or not (task or "").isdecimal() or not (alternative or "").isdecimal():
            bad[row] = True
        elif there[row]:
            taken = places.setdefault((int(task), int(alternative)), {})
            again[row] = taken.setdefault(version, row) != row
    for rows, found, allowed in (
        (bad, "version, task or alternative is no number", "numbers"),
        (again, "the version has this alternative of the task already", "each once"),
    ):
        if rows.any():
            where = f"{design.path}: {name_rows(design.numbers[rows].tolist())}"
            problems.append(Problem(where, found, allowed, "correct the rows"))
    return places
