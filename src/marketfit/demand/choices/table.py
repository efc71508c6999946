"""Read a choice table in long form (one row per alternative of a task) and check everything about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, rows_text
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.checks import (
    check_choices,
    check_even,
    check_layout,
    check_weights,
)
from marketfit.demand.choices.columns import (
    Codes,
    Column,
    in_number_order,
    is_number,
    read_codes,
    read_columns,
    read_numbers,
)
from marketfit.demand.choices.flags import check_available, check_chosen
from marketfit.demand.choices.layout import Layout, lay_out
from marketfit.demand.choices.values import read_values
from marketfit.errors import DataError, Problem, nearest

DEFAULT_NONE = "none"
REQUIRED = ("task", "alternative", "attributes", "covariates")
"""Parts that cannot be None."""


@dataclass(frozen=True)
class ColumnNames:
    """Which column plays which part. `none` is the name of the none option among the alternatives.

    Raises DataError for parts that name no column.
    """

    task: str
    alternative: str
    chosen: str | None
    attributes: Sequence[str]
    covariates: Sequence[str] = ()
    respondent: str | None = None
    weights: str | None = None
    availability: str | None = None
    none: str | None = None

    def __post_init__(self) -> None:
        problems = [problem for part, given in vars(self).items() for problem in _name_problems(part, given)]
        if problems:
            raise DataError(problems)
        for part in ("attributes", "covariates"):
            names = getattr(self, part)
            object.__setattr__(self, part, (names,) if isinstance(names, str) else tuple(names))

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        named = (self.respondent, self.task, self.alternative, self.chosen, self.weights, self.availability)
        return tuple(dict.fromkeys(name for name in (*named, *self.attributes, *self.covariates) if name is not None))


@dataclass(frozen=True, eq=False)
class ChoiceTable:
    """A choice table without mistakes, in the order of its layout.

    attributes: each with (rows,) values; covariates: each with (tasks,) values. is_none: (rows,). choices: (tasks,)
    row of the layout, or None where no column says it. weights: (tasks,).
    """

    layout: Layout
    alternatives: tuple[str, ...]
    choices: IntArray | None
    weights: FloatArray
    is_none: BoolArray
    none: str | None
    attributes: tuple[Attribute, ...]
    covariates: tuple[Attribute, ...]


def read_choice_table(table: object, names: ColumnNames) -> ChoiceTable:
    """Read and check a choice table; DataError lists every mistake with its rows (the first row is row 1)."""
    problems = _part_problems(names)
    columns = read_columns(table, names.all, problems)
    rows = next((len(column) for column in columns.values()), 0)
    if columns and not rows:
        problems.append(Problem("the table", "has no rows", "at least one task", "give the answers"))
    available = check_available(names.availability, columns.get(names.availability or ""), rows, problems)
    respondent = _keys(columns, names.respondent, "respondent", problems)
    task = _keys(columns, names.task, "task", problems)
    alternative = _keys(columns, names.alternative, "alternative", problems)
    is_none = _none_rows(columns, names, alternative, available, problems)
    layout = lay_out(respondent, task, alternative, available) if task is not None and alternative is not None else None
    # One column after the other, so that no more than one is held twice.
    need = "every alternative has a value; only the none option and what is not available have none"
    attributes = _values(columns, names.attributes, is_none | ~available, need, layout, problems)
    covariates = _values(columns, names.covariates, ~available, "every row has the value of its task", layout, problems)
    chosen = None
    if names.chosen is not None:
        chosen = check_chosen(names.chosen, columns.get(names.chosen), alternative, available, problems)
    weights = check_weights(names.weights, columns.get(names.weights or ""), available, problems)
    if layout is None or alternative is None:
        raise DataError(problems)
    check_layout(layout, alternative, problems)
    won = None if chosen is None else check_choices(layout, chosen[layout.order], problems)
    one_each = tuple(item.take(layout.starts) for item in covariates if check_even(item.name, item, layout, problems))
    by_task = np.ones(layout.starts.size)
    if weights is not None:
        by_row = Attribute(names.weights or "", weights, None).take(layout.order)
        check_even(by_row.name, by_row, layout, problems)
        by_task = by_row.numbers[layout.starts]
    if problems:
        raise DataError(problems)
    none = (names.none or DEFAULT_NONE) if is_none.any() else None
    return ChoiceTable(layout, alternative.names, won, by_task, is_none[layout.order], none, attributes, one_each)


def _values(
    columns: dict[str, Column],
    names: Sequence[str],
    empty: BoolArray,
    need: str,
    layout: Layout | None,
    problems: list[Problem],
) -> tuple[Attribute, ...]:
    """Attributes or covariates by row, in the order of the layout if there is one."""
    wanted = [name for name in dict.fromkeys(names) if name in columns]
    read = (read_values(name, columns[name], empty, need, problems) for name in wanted)
    return tuple(item if layout is None else item.take(layout.order) for item in read)


def _part_problems(names: ColumnNames) -> list[Problem]:
    """Columns that are named for two parts which exclude each other."""
    problems = []
    parts = [("task", names.task), ("alternative", names.alternative)]
    # Where everybody has a single task, one column may name both.
    respondent = None if names.respondent == names.task else names.respondent
    optional = [("chosen", names.chosen), ("weights", names.weights), ("respondent", respondent)]
    optional.append(("availability", names.availability))
    parts += [(part, name) for part, name in optional if name is not None]
    # The alternative may be an attribute too: a brand that names what is offered.
    parts += [("attributes", name) for name in names.attributes if name != names.alternative]
    parts += [("covariates", name) for name in names.covariates]
    owner: dict[str, str] = {}
    for part, name in parts:
        if name in owner:
            both = f"is named for {owner[name]} and for {part}" if owner[name] != part else "is named twice"
            problems.append(Problem(f"column '{name}'", both, "one part per column", "name another column for one"))
        owner[name] = part
    return problems


def _name_problems(part: str, given: object) -> Iterator[Problem]:
    """What is given for a part where the name of a column, or some names, are due."""
    several = part in ("attributes", "covariates")
    if isinstance(given, str) or (given is None and part not in REQUIRED):
        return
    if several and isinstance(given, Iterable) and all(isinstance(name, str) for name in given):
        return
    allowed = "names of columns" if several else "the name of a column"
    do = "for constants alone, give attributes=[]" if part == "attributes" else f"say which column is the {part}"
    yield Problem(part, f"is {given!r}", allowed, do)


def _keys(columns: dict[str, Column], name: str | None, part: str, problems: list[Problem]) -> Codes | None:
    """Codes of an identifying column; missing cells are problems. Tasks and alternatives have an order."""
    if name is None or name not in columns:
        return None
    keys = read_codes(columns[name])
    if part != "respondent":
        keys = in_number_order(keys)
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
    columns: dict[str, Column],
    names: ColumnNames,
    alternative: Codes | None,
    available: BoolArray,
    problems: list[Problem],
) -> BoolArray:
    """(rows,) whether a row is the none option: named by the caller, or called "none" and empty throughout."""
    nowhere = np.zeros(available.size, dtype=np.bool_)
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
        return nowhere if names.none is not None else _unnamed_none(columns, names, alternative, available, problems)
    is_none: BoolArray = available & (alternative.codes == alternative.names.index(wanted))
    # The alternative column may be an attribute too (a brand); it is never empty, so it says nothing here.
    others = [name for name in names.attributes if name in columns and name != names.alternative]
    full = nowhere.copy()
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


def _unnamed_none(
    columns: dict[str, Column],
    names: ColumnNames,
    alternative: Codes,
    available: BoolArray,
    problems: list[Problem],
) -> BoolArray:
    """(rows,) whether a row is of an alternative whose attribute cells are all empty; a problem: it may be a none
    option under another name, or have lost its values.
    """
    others = [name for name in names.attributes if name in columns and name != names.alternative]
    full = np.zeros(available.size, dtype=np.bool_)
    for name in others:
        full |= _has_value(columns[name], zero=True)
    some = np.bincount(alternative.codes[full & (alternative.codes >= 0)], minlength=len(alternative.names)) > 0
    met = np.bincount(alternative.codes[available & (alternative.codes >= 0)], minlength=some.size) > 0
    bare = np.flatnonzero(met & ~some) if others and some.any() else np.zeros(0, dtype=np.int64)
    for code in bare.tolist():
        name = alternative.names[code]
        rows = np.flatnonzero(available & (alternative.codes == code))
        problems.append(
            Problem(
                where=f"alternative '{name}', {rows_text(rows)}",
                found="all of its attribute cells are empty",
                allowed="empty cells are for the none option alone",
                do=f'if it is the none option, say none="{name}"; else fill the cells',
            )
        )
    return np.asarray(available & np.isin(alternative.codes, bare))


def _has_value(column: Column, *, zero: bool) -> BoolArray:
    """(rows,) whether a cell is not empty; `zero` says whether 0 counts as a value."""
    if is_number(column):
        numbers = read_numbers(column)
        return np.asarray(~np.isnan(numbers) & ((numbers != 0) | zero))
    return np.asarray(read_codes(column).codes >= 0)
