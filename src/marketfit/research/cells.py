"""Cells of survey files as names or numbers; every cell that is neither is a problem with its row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marketfit.errors import Problem
from marketfit.research.files import Column, RawFile, as_text
from marketfit.task import scalar_text

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?$"


def names(raw: RawFile, name: str, problems: list[Problem], *, required: bool) -> Column:
    """A column of names: trimmed text, null where empty. Where `required`, an empty cell is a problem."""
    column = raw.table.column(name)
    try:
        text = as_text(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        problems.append(Problem(raw.where(name), f"is of type {column.type}", "text or numbers", "convert the column"))
        return pa.chunked_array([pa.nulls(len(column), type=pa.large_string())])
    if required and text.null_count:
        where = raw.where(name, pc.is_null(text))
        problems.append(Problem(where, "is empty", f"every row has its {name}", "fill the cells or drop the rows"))
    return text


def labels(raw: RawFile, name: str, problems: list[Problem], *, required: bool) -> Column:
    """A column of names of labels: as `names`, but numbers and truth values as `prepare` names the labels of data.

    Those are true and false, where other columns have 1 and 0.
    """
    column = raw.table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if any(test(column.type) for test in _SCALARS):
        exact = not pa.types.is_floating(column.type) and not pa.types.is_boolean(column.type)
        column = column.cast(pa.large_string()) if exact else _as_labels(column)
    table = raw.table.set_column(raw.table.schema.get_field_index(name), name, column)
    return names(replace(raw, table=table), name, problems, required=required)


_SCALARS = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def _as_labels(column: Column) -> Column:
    values = pc.unique(column)
    texts = pa.array([scalar_text(value) for value in values.to_pylist()], type=pa.large_string())
    return pc.take(texts, pc.index_in(column, value_set=values))


def numbers(raw: RawFile, name: str, problems: list[Problem], *, allowed: str = "numbers") -> Column:
    """A column of numbers, null where empty; text among them is a problem and reads as 0.

    `true` and `false` are 1 and 0.
    """
    return numbers_and_text(raw, name, problems, allowed=allowed)[0]


def numbers_and_text(
    raw: RawFile, name: str, problems: list[Problem], *, allowed: str = "numbers"
) -> tuple[Column, NDArray[np.bool_]]:
    """A column as `numbers` reads it, and (rows,) which cells are text: whoever checks the numbers leaves those out."""
    column = raw.table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if any(test(column.type) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)):
        return column.cast(pa.float64(), safe=False), np.zeros(len(column), dtype=np.bool_)
    text = names(raw, name, problems, required=False)
    lower = pc.utf8_lower(text)
    text = pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", text))
    text = decimal_points(text) if raw.decimal_comma else text
    wrong = pc.invert(pc.match_substring_regex(text, _NUMBER)).fill_null(False)
    if pc.any(wrong).as_py():
        example = text[pc.index(wrong, True).as_py()].as_py()
        found = f"'{_short(example)}' is no number"
        problems.append(Problem(raw.where(name, wrong), found, allowed, "correct the cells"))
    return pc.if_else(wrong, "0", text).cast(pa.float64()), np.asarray(wrong, dtype=np.bool_)


def are_numbers(raw: RawFile, name: str) -> bool:
    """Whether a column holds numbers: by its type or, in csv and tsv, because all cells that are filled are numbers."""
    column = raw.table.column(name)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return True
    if raw.path.suffix.lower() not in (".csv", ".tsv"):
        return False
    text = decimal_points(as_text(column)) if raw.decimal_comma else as_text(column)
    fits = pc.match_substring_regex(text, _NUMBER)
    return text.null_count < len(text) and bool(pc.all(fits).as_py())


def decimal_points(column: Column) -> Column:
    """A column of texts with 2,5 as 2.5; as it is where some number has a point, which then might part thousands."""
    commas = pc.fill_null(pc.match_substring_regex(column, _DECIMAL_COMMA), False)
    if pc.any(pc.match_substring_regex(column, r"^[+-]?\d*\.\d")).as_py():
        return column
    return pc.if_else(commas, pc.replace_substring(column, pattern=",", replacement="."), column)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
