"""Read Parquet batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.errors import DataError, Problem
from marketfit.prepare.columns import Wanted, check_columns
from marketfit.prepare.pieces import Cell, Piece
from marketfit.prepare.text_file import empty
from marketfit.task import number_text

_BATCH = 20_000


def read_parquet(path: Path, wanted: Wanted) -> Iterator[Piece]:
    """Yield the wanted columns as text; binary columns stay bytes.

    Raises:
        DataError: the file is missing, damaged or not Parquet, lacks a wanted column, or a wanted column holds lists
            or structures (all such columns at once).
    """
    with _open(path) as file:
        check_columns(path, wanted, file.schema_arrow.names)
        columns = list(wanted)
        nested = [name for name in columns if pa.types.is_nested(file.schema_arrow.field(name).type)]
        if nested:
            found = "column '{}' holds lists or structures"
            raise DataError([Problem(str(path), found.format(n), "one value a row", "name another") for n in nested])
        number = 0
        total = max(1, file.metadata.num_rows)
        try:
            for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
                numbers = list(range(number + 1, number + 1 + batch.num_rows))
                number += batch.num_rows
                table = {name: _cells(batch.column(name)) for name in columns}
                yield Piece(numbers=numbers, columns=table, bad=(), done=number / total)
        except (pa.ArrowInvalid, OSError) as error:
            found = f"is damaged after row {number}: {str(error).splitlines()[0]}"
            raise DataError([Problem(str(path), found, "a whole Parquet file", "write it again")]) from error


def _open(path: Path) -> pq.ParquetFile:
    if not path.is_file() or path.stat().st_size == 0:
        raise DataError([empty(path)])
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        found = f"is not a Parquet file: {str(error).splitlines()[0]}"
        raise DataError([Problem(str(path), found, "Parquet, or another suffix", "write it again")]) from error


def _cells(column: pa.Array) -> list[Cell]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return list(column.to_pylist())
    if pa.types.is_floating(kind):
        return [None if value is None else number_text(float(value)) for value in column.to_pylist()]
    return list(column.cast(pa.string()).to_pylist())
