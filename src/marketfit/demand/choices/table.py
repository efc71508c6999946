"""Read a choice table in long form (one row per alternative of a task) and check everything about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, rows_text
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.checks import Layout, check_chosen, check_layout, check_weights, lay_out
from marketfit.demand.choices.columns import Codes, Column, is_number, is_text, read_codes, read_columns, read_numbers
from marketfit.errors import DataError, Problem, nearest

DEFAULT_NONE = "none"


@dataclass(frozen=True)
class ColumnNames:
    """Which column plays which part. `none` is the name of the none option among the alternatives."""

    task: str
    alternative: str
    chosen: str
    attributes: tuple[str, ...]
    respondent: str | None
    weight: str | None
    none: str | None

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        named = (self.respondent, self.task, self.alternative, self.chosen, self.weight, *self.attributes)
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True, eq=False)
class ChoiceTable:
    """A choice table without mistakes, in the order of its rows. All arrays are (rows,)."""

    layout: Layout
    alternatives: tuple[str, ...]
    chosen: BoolArray
    weights: FloatArray
    is_none: BoolArray
    none: str | None
    attributes: tuple[Attribute, ...]


def read_choice_table(table: object, names: ColumnNames) -> ChoiceTable:
    """Read and check a choice table; DataError lists every mistake with its rows (the first row is row 1)."""
    problems = _part_problems(names)
    columns = read_columns(table, names.all, problems)
    rows = next((len(column) for column in columns.values()), 0)
    if columns and not rows:
        problems.append(Problem("the table", "has no rows", "at least one task", "give the answers"))
    respondent = _keys(columns, names.respondent, "respondent", problems)
    task = _keys(columns, names.task, "task", problems)
    alternative = _keys(columns, names.alternative, "alternative", problems)
    is_none = _none_rows(columns, names, alternative, rows, problems)
    attributes = tuple(
        _attribute(name, columns[name], is_none, problems)
        for name in dict.fromkeys(names.attributes)
        if name in columns
    )
    chosen = check_chosen(names.chosen, columns.get(names.chosen), problems)
    weights = check_weights(names.weight, columns.get(names.weight or ""), rows, problems)
    layout = lay_out(respondent, task, alternative, rows) if task is not None and alternative is not None else None
    if layout is not None and alternative is not None:
        check_layout(layout, alternative, chosen, weights, problems)
    if problems or layout is None or alternative is None or chosen is None:
        raise DataError(problems)
    none = (names.none or DEFAULT_NONE) if is_none.any() else None
    return ChoiceTable(layout, alternative.names, chosen == 1, weights, is_none, none, attributes)


def _part_problems(names: ColumnNames) -> list[Problem]:
    """Columns that are named for two parts which exclude each other."""
    problems = []
    if not names.attributes:
        problems.append(
            Problem("attributes", "no column is named", "at least one", "name what the alternatives differ in")
        )
    parts = [("task", names.task), ("alternative", names.alternative), ("chosen", names.chosen)]
    optional = [("weight", names.weight), ("respondent", names.respondent)]
    # The alternative may be an attribute too: a brand that names what is offered.
    attributes = [("attributes", name) for name in names.attributes if name != names.alternative]
    owner: dict[str, str] = {}
    for part, name in [*parts, *((part, name) for part, name in optional if name is not None), *attributes]:
        if name in owner:
            both = f"is named for {owner[name]} and for {part}" if owner[name] != part else "is named twice"
            problems.append(Problem(f"column '{name}'", both, "one part per column", "name another column for one"))
        owner[name] = part
    return problems


def _keys(columns: dict[str, Column], name: str | None, part: str, problems: list[Problem]) -> Codes | None:
    """Codes of an identifying column; missing cells are problems."""
    if name is None or name not in columns:
        return None
    keys = read_codes(columns[name])
    missing = np.flatnonzero(keys.codes < 0)
    if missing.size:
        problems.append(
            Problem(
                where=f"column '{name}', {rows_text(missing)}",
                found=f"the {part} is missing",
                allowed=f"every row names its {part}",
                do="fill the cells or drop the rows",
            )
        )
    return keys


def _none_rows(
    columns: dict[str, Column], names: ColumnNames, alternative: Codes | None, rows: int, problems: list[Problem]
) -> BoolArray:
    """(rows,) whether a row is the none option: named by the caller, or called "none" and empty throughout."""
    nowhere = np.zeros(rows, dtype=np.bool_)
    if alternative is None:
        return nowhere
    wanted = names.none or DEFAULT_NONE
    if wanted not in alternative.names:
        if names.none is not None:
            problems.append(
                Problem(
                    where=f"none='{names.none}'",
                    found=f"no row of column '{names.alternative}' has this alternative",
                    allowed=nearest(names.none, alternative.names),
                    do="name the none option as the table does, or leave `none` out",
                )
            )
        return nowhere
    is_none: BoolArray = alternative.codes == alternative.names.index(wanted)
    # The alternative column may be an attribute too (a brand); it is never empty, so it says nothing here.
    others = [name for name in names.attributes if name in columns and name != names.alternative]
    full = np.zeros(rows, dtype=np.bool_)
    for name in others:
        full |= is_none & _has_value(columns[name], zero=names.none is None)
    if names.none is None:
        return nowhere if full.any() or not others else is_none
    if full.any():
        problems.append(
            Problem(
                where=rows_text(np.flatnonzero(full)),
                found=f"the none option '{wanted}' has attribute values",
                allowed="empty cells or 0: none has no attributes",
                do="empty the cells, or leave `none` out to treat it as an ordinary alternative",
            )
        )
    return is_none


def _has_value(column: Column, *, zero: bool) -> BoolArray:
    """(rows,) whether a cell is not empty; `zero` says whether 0 counts as a value."""
    if is_number(column):
        numbers = read_numbers(column)
        return np.asarray(~np.isnan(numbers) & ((numbers != 0) | zero))
    return np.asarray(read_codes(column).codes >= 0)


def _attribute(name: str, column: Column, is_none: BoolArray, problems: list[Problem]) -> Attribute:
    """One attribute; missing, infinite and mixed cells are problems."""
    if is_number(column):
        numbers = read_numbers(column)
        bad, found = ~np.isfinite(numbers) & ~is_none, "a value is missing or infinite"
        attribute = Attribute(name, np.where(is_none, 0.0, numbers), None)
    elif is_text(column):
        codes = read_codes(column)
        bad, found = (codes.codes < 0) & ~is_none, "a value is missing"
        attribute = _level_attribute(name, codes, is_none, problems)
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
                allowed="every alternative has a value; only the none option has none",
                do="fill the cells or drop the tasks",
            )
        )
    return attribute


def _level_attribute(name: str, codes: Codes, is_none: BoolArray, problems: list[Problem]) -> Attribute:
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
    used = np.unique(codes.codes[(codes.codes >= 0) & ~is_none])
    rank = np.full(len(codes.names) + 1, -1, dtype=np.int64)
    rank[used] = np.arange(used.size)
    values = np.where(is_none, -1, rank[codes.codes])
    return Attribute(name, values, tuple(codes.names[code] for code in used.tolist()))
