"""Levels of attributes in the files: the declared ones and no others, and rare ones, which may be typos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import AttributeSpec, MarketSpec
from marketfit.errors import Problem, nearest
from marketfit.research import cells
from marketfit.research.files import Column, RawFile, Table

NUMBERS = "numbers; to make them names, quote an offer of the attribute in the brief"

_RARE = 0.1
"""A level with fewer rows than this part of a typical level's is rare: designs show levels about equally often."""

_SHOWN = 20  # unknown or rare levels that are told one by one


def read_levels(raw: RawFile, column: str, attribute: str, spec: AttributeSpec, problems: list[Problem]) -> Column:
    """A column of an attribute that is a number, null where empty; text and undeclared levels are problems."""
    values, text = cells.numbers_and_text(raw, column, problems, allowed=NUMBERS)
    known = [level for level in spec.levels if isinstance(level, float)]
    if known:
        given = pc.and_(
            pc.and_not(pc.is_valid(values), pa.array(text)), pc.invert(pc.fill_null(pc.is_nan(values), False))
        )
        unknown = pc.and_not(given, pc.is_in(values, value_set=pa.array(known, type=pa.float64())))
        _tell(raw, column, values, unknown, attribute, spec, problems)
    return values


def check_names(
    raw: RawFile, column: str, names: Column, attribute: str, spec: AttributeSpec, problems: list[Problem]
) -> None:
    """A problem for every name (rows,) of a column that is none of the declared levels."""
    if spec.levels:
        known = pa.array(spec.level_names, type=pa.large_string())
        unknown = pc.and_not(pc.is_valid(names), pc.is_in(names, value_set=known))
        _tell(raw, column, names, unknown, attribute, spec, problems)


def _tell(
    raw: RawFile,
    column: str,
    values: Column,
    unknown: Column,
    attribute: str,
    spec: AttributeSpec,
    problems: list[Problem],
) -> None:
    """One problem for each unknown level, with all of its rows."""
    found = pc.unique(values.filter(unknown))
    do = f"correct the cells, or add it to market.attributes.{attribute}.levels"
    for value in found[:_SHOWN].to_pylist():
        level = _text(value)
        rows = pc.and_(unknown, pc.fill_null(pc.equal(values, value), False))
        close = nearest(level, spec.level_names)
        problems.append(Problem(raw.where(column, rows), f"'{level}' is no level of '{attribute}'", close, do))
    if len(found) > _SHOWN:
        rows = pc.and_(unknown, pc.is_in(values, value_set=found[_SHOWN:]))
        told = f"{len(found) - _SHOWN} more values are no levels of '{attribute}'"
        problems.append(Problem(raw.where(column, rows), told, nearest("", spec.level_names), do))


def rare_levels(raw: RawFile, table: Table, market: MarketSpec) -> tuple[Problem, ...]:
    """Levels of a choice survey in its long form that hardly anybody was shown, where no levels are declared.

    A typical level is the one of a row drawn at random. Where all levels are rare, as prices of real shops are, none is
    told.
    """
    found: list[Problem] = []
    for name, spec in market.attributes.items():
        if spec.levels or name not in table.column_names:
            continue
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        counted = pc.value_counts(column.drop_null()).to_pylist()
        rows = np.array([level["counts"] for level in counted], dtype=np.float64)
        rare = rows < _RARE * (rows @ rows) / max(rows.sum(), 1.0)
        common = [level["values"] for level, is_rare in zip(counted, rare.tolist(), strict=True) if not is_rare]
        for place in np.flatnonzero(rare)[:_SHOWN].tolist():
            found.append(_rare(raw, name, column, counted[place]["values"], common))
    return tuple(found)


def _rare(raw: RawFile, name: str, column: Column, level: float | str, common: Sequence[float | str]) -> Problem:
    rows = pc.fill_null(pc.equal(column, level), False)
    # In a wide export, no column has the name of the attribute.
    where = raw.where(name, rows) if raw.rows is None else f"{raw.path}: attribute '{name}', {raw.row_names(rows)}"
    times, total = pc.sum(rows).as_py(), len(column) - column.null_count
    text = _text(level)
    if isinstance(level, str):
        close = nearest(text, [_text(other) for other in common])
    else:
        close = f"did you mean {_text(min(common, key=lambda other: abs(float(other) - float(level))))}?"
    found = f"the level '{text}' stands in {times} of {total} rows alone"
    return Problem(where, found, close, f"correct the cells, or declare market.attributes.{name}.levels")


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
