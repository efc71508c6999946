"""A file of a wide import: its cells as text, and messages that name its own rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import AttributeSpec, MarketSpec, WideSpec
from marketfit.demand.arrays import BoolArray, IntArray
from marketfit.errors import Problem
from marketfit.research.attributes import is_number
from marketfit.research.cells import decimal_points
from marketfit.research.files import Column, RawFile, as_text, name_rows
from marketfit.research.levels import check_names, read_levels

_SHOWN = 20  # codes that a message lists


@dataclass(frozen=True, eq=False)
class WideFile:
    """columns: our name → (rows,) trimmed text, null where empty. numbers: (rows,) what the file's rows are called.

    named: our name → the file's, where they differ. decimal_comma: numbers may be written so.
    """

    path: Path
    columns: Mapping[str, Column]
    numbers: IntArray
    named: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False

    @classmethod
    def of(cls, raw: RawFile, *, skip_rows: int = 0) -> WideFile:
        """The file without the rows below its header that hold no answers."""
        table = raw.table.slice(skip_rows)
        columns = {name: as_text(table.column(name)).combine_chunks() for name in table.column_names}
        return cls(raw.path, columns, np.arange(table.num_rows) + 1 + skip_rows, raw.named, raw.decimal_comma)

    def where(self, column: str, rows: BoolArray) -> str:
        """A column and the rows of a mask, for a message."""
        return f"{self.path}: column '{self.named.get(column, column)}', {name_rows(self.numbers[rows].tolist())}"

    def filled(self, column: str) -> BoolArray:
        """(rows,) which cells are not empty."""
        return mask(pc.is_valid(self.columns[column]))

    def levels(
        self,
        column: str,
        rows: BoolArray,
        *,
        attribute: str,
        wide: WideSpec,
        market: MarketSpec,
        problems: list[Problem],
    ) -> Column:
        """(rows,) the levels of an attribute that cells mean; what is wrong in `rows` goes to `problems`.

        An empty cell, a code that is not among the codes of the attribute, text where numbers are wanted, and a level
        that is not among the declared ones are wrong.
        """
        found = self.columns[column]
        empty = rows & ~self.filled(column)
        if empty.any():
            where, do = self.where(column, empty), "fill the cells or drop the answers"
            problems.append(Problem(where, f"no level of '{attribute}'", "every alternative has one", do))
        if attribute in wide.codes:
            found = self._decoded(column, rows, attribute, wide.codes[attribute], problems)
        if self.decimal_comma and is_number(market.attributes[attribute]):
            found = decimal_points(found)
        self._check_levels(column, found, rows, attribute, market.attributes[attribute], problems)
        return found

    def _decoded(
        self, column: str, rows: BoolArray, attribute: str, codes: Mapping[str, str | float], problems: list[Problem]
    ) -> Column:
        """The levels that codes stand for, null for any other cell."""
        given = self.columns[column]
        place = place_in(given, list(codes))
        unknown = rows & self.filled(column) & mask(pc.is_null(place))
        if unknown.any():
            texts = [f"'{text}'" for text in pc.unique(given.filter(pa.array(unknown))).to_pylist()]
            found = f"{attribute} has the code{'s' * (len(texts) > 1)} {', '.join(texts[:_SHOWN])}"
            allowed = f"of market.choices.wide.codes.{attribute}: {', '.join(codes)}"
            problems.append(Problem(self.where(column, unknown), found, allowed, "add the codes, or correct the cells"))
        levels = [level if isinstance(level, str) else f"{level:.15g}" for level in codes.values()]
        return pc.take(pa.array(levels, type=pa.large_string()), place)

    def _check_levels(
        self,
        column: str,
        levels: Column,
        rows: BoolArray,
        attribute: str,
        spec: AttributeSpec,
        problems: list[Problem],
    ) -> None:
        table = pa.table({column: levels.filter(pa.array(rows))})
        raw = RawFile(self.path, table, (), self.named, self.numbers[rows])
        if not is_number(spec):
            check_names(raw, column, table.column(column), attribute, spec, problems)
            return
        values = read_levels(raw, column, attribute, spec, problems)
        endless = pc.fill_null(pc.is_inf(values), False)
        if pc.any(endless).as_py():
            problems.append(Problem(raw.where(column, endless), "is infinite", "finite numbers", "correct the cells"))


def place_in(column: Column, names: Sequence[str]) -> Column:
    """(rows,) the place of each cell among the names, null where it is none. "2.0" is "2" where no name is "2.0": so
    programs write whole numbers of a column with empty cells.
    """
    known = pa.array(names, type=pa.large_string())
    return pc.coalesce(pc.index_in(column, value_set=known), pc.index_in(whole(column), value_set=known))


def whole(column: Column) -> Column:
    """A column of texts with "2.0" as "2"."""
    return pc.replace_substring_regex(column, pattern=r"^(\d+)\.0+$", replacement=r"\1")


def mask(column: Column) -> BoolArray:
    """A column of booleans without nulls as an array."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


def equals(column: Column, text: str) -> BoolArray:
    """(rows,) which cells are this text."""
    return mask(pc.fill_null(pc.equal(column, pa.scalar(text, type=pa.large_string())), False))
