"""Read columns of any data-frame-like table through Arrow, without naming its library.

pandas and polars data frames and Arrow tables offer the Arrow C stream; anything else may offer `to_arrow()` or be
a mapping of column names to sequences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, label
from marketfit.errors import DataError, Problem, nearest

if TYPE_CHECKING:
    from typing import Any

    Column: TypeAlias = Any  # a pyarrow.ChunkedArray; pyarrow ships no types
else:
    Column = pa.ChunkedArray

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of names or numbers as codes into its distinct values; −1 is a missing cell.

    The values are sorted, but for levels that have an order of their own (`read_levels`).

    codes: (rows,); labels: (distinct values,) in the column's own type; declared: the column was stored as
    categories, so its text is meant as names even where it looks like numbers.
    """

    codes: IntArray
    labels: NDArray[np.generic]
    declared: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The distinct values as text."""
        return tuple(label(value) for value in self.labels.tolist())

    @property
    def numeric_labels(self) -> BoolArray:
        """(distinct values,) which of them read as a number."""
        return np.array([_NUMBER.fullmatch(name) is not None for name in self.names], dtype=np.bool_)


def read_columns(table: object, wanted: Sequence[str], problems: list[Problem]) -> dict[str, Column]:
    """The wanted columns of a table, as far as it has them; what it lacks is added to `problems`.

    Raises DataError when the object is no table at all.
    """
    arrow = _as_arrow(table, wanted)
    names: list[str] = list(arrow.column_names)
    columns: dict[str, Column] = {}
    for name in dict.fromkeys(wanted):
        found = names.count(name)
        column = arrow.column(names.index(name)) if found == 1 else None
        if column is not None and _is_nested(column.type):
            problems.append(
                Problem(
                    f"column '{name}'", f"is of type {column.type}", "numbers, booleans or text", "convert the column"
                )
            )
        elif column is not None:
            columns[name] = column
        else:
            problems.append(
                Problem(
                    where=f"column '{name}'",
                    found="is not in the table" if found == 0 else f"is in the table {found} times",
                    allowed=nearest(name, names) if found == 0 else "one column of each name",
                    do="name a column of the table" if found == 0 else "rename or drop the other columns",
                )
            )
    return columns


def _as_arrow(table: object, wanted: Sequence[str]) -> Column:
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, Mapping):
        return _column_by_column(table, table.keys(), wanted)
    if hasattr(table, "__arrow_c_stream__"):
        try:
            return pa.table(table)
        except (pa.ArrowException, ValueError, TypeError):
            # A pandas column of mixed Python objects has no Arrow type: read the wanted ones as far as they have.
            if hasattr(table, "columns") and hasattr(table, "__getitem__"):
                return _column_by_column(table, list(table.columns), wanted)
            raise
    if hasattr(table, "to_arrow"):
        return table.to_arrow()
    raise DataError(
        [
            Problem(
                where="the table",
                found=f"is of type '{type(table).__name__}'",
                allowed="a pandas, polars or pyarrow table, or a mapping of names to columns",
                do="convert it to one of these",
            )
        ]
    )


def _column_by_column(table: Column, names: Iterable[str], wanted: Sequence[str]) -> Column:
    listed = list(names)
    read = {name: _column(name, table[name]) for name in listed if name in set(wanted) and listed.count(name) == 1}
    # Columns that nobody asked for, or that share a name, keep their name only.
    blank = pa.nulls(max(map(len, read.values()), default=0))
    arrays = [read.get(name, blank) for name in listed]
    try:
        return pa.Table.from_arrays(arrays, names=listed)
    except pa.ArrowInvalid:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in read.items())
        raise DataError(
            [
                Problem(
                    where="the table",
                    found=f"its columns differ in length: {lengths}",
                    allowed="one cell per row in every column",
                    do="fill or drop cells",
                )
            ]
        ) from None


def _column(name: str, values: Column) -> Column:
    if isinstance(values, str) or not hasattr(values, "__len__"):
        found, do = f"is of type '{type(values).__name__}'", "give a sequence of one cell per row"
        raise DataError([Problem(f"column '{name}'", found, "a list, an array or a column of a table", do)])
    try:
        # The columns of data-frame libraries keep their categories only if they hand themselves over.
        return pa.chunked_array(values) if hasattr(values, "__arrow_c_stream__") else pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError):
        # Numbers and text in one column: as text, so that the check for mixed columns names the rows.
        missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in values]
        texts = [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
        return pa.array(texts, type=pa.large_string())


def _is_nested(kind: Column) -> bool:
    """Whether cells hold several values, such as lists, or the intervals that pandas cuts numbers into."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return bool(pa.types.is_nested(kind))


def is_number(column: Column) -> bool:
    """Whether the column holds numbers or booleans (or nothing but missing cells)."""
    kind = column.type
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null)
    return any(test(kind) for test in tests)


def is_text(column: Column) -> bool:
    """Whether the column holds text or categories."""
    return pa.types.is_dictionary(column.type) or _is_string(column.type)


def _is_string(kind: Column) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def is_empty(column: Column) -> BoolArray:
    """(rows,) which cells are missing; empty text is."""
    return np.asarray(np.isnan(read_numbers(column)) if is_number(column) else read_codes(column).codes < 0)


def read_numbers(column: Column) -> FloatArray:
    """(rows,) the column as floats, NaN where a cell is missing."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    values = column.cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(values, dtype=np.float64)


def _plain(column: Column) -> Column:
    """A column of categories as the values that they stand for."""
    chunks = []
    for chunk in column.chunks:
        values = chunk.dictionary
        values = values.cast(pa.large_string()) if _is_string(values.type) else values
        chunks.append(values.take(chunk.indices))
    return pa.chunked_array(chunks)


def read_codes(column: Column) -> Codes:
    """The column as codes. Empty text counts as a missing cell."""
    declared = pa.types.is_dictionary(column.type)
    if pa.types.is_null(column.type) or not len(column):
        return Codes(np.full(len(column), -1, dtype=np.int64), np.empty(0, dtype=np.str_), declared)
    if declared:
        column = _plain(column)
    if _is_string(column.type):
        column = column.cast(pa.large_string())
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    encoded = pc.dictionary_encode(column)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    labels = encoded.dictionary
    order = pc.sort_indices(labels).to_numpy(zero_copy_only=False)
    if _is_string(labels.type):
        blank = pc.equal(pc.utf8_trim_whitespace(labels), "").to_numpy(zero_copy_only=False)
        order = order[~blank[order]]
    # One extra slot at the end: code −1 looks up there and stays −1.
    rank = np.full(len(labels) + 1, -1, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return Codes(rank[codes], labels.to_numpy(zero_copy_only=False)[order], declared)


def in_number_order(codes: Codes) -> Codes:
    """Labels that are whole numbers written as text in the order of the numbers, so that task "10" follows "9"."""
    labels = codes.labels.tolist()
    if not all(isinstance(name, str) and name.strip().isdecimal() for name in labels):
        return codes
    order = np.array(sorted(range(len(labels)), key=lambda place: (int(labels[place]), labels[place])), dtype=np.int64)
    rank = np.full(order.size + 1, -1, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return Codes(rank[codes.codes], codes.labels[order], codes.declared)


def read_levels(column: Column) -> Codes:
    """The column as codes into levels: in the order of an ordered categorical column, else sorted.

    pandas ordered categoricals, polars enums and Arrow's ordered dictionaries say an order.
    """
    codes = read_codes(column)
    if not pa.types.is_dictionary(column.type) or not column.type.ordered:
        return codes
    # Each chunk may have a dictionary of its own.
    values = [value for chunk in column.chunks for value in chunk.dictionary.to_pylist()]
    place = {name: index for index, name in enumerate(dict.fromkeys(map(label, values)))}
    order = np.argsort([place.get(name, len(place)) for name in codes.names], kind="stable")
    rank = np.full(order.size + 1, -1, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return Codes(rank[codes.codes], codes.labels[order], codes.declared)
