"""Read survey files (csv, tsv, jsonl, parquet) column by column; what is wrong with a file goes to `problems`."""

from __future__ import annotations

import codecs
import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import json as pa_json

from marketfit.brief import SurveyFile
from marketfit.brief.delimiter import delimiter_of
from marketfit.errors import Problem, nearest
from marketfit.task import scalar_text

if TYPE_CHECKING:
    from typing import Any

    Table: TypeAlias = Any  # a pyarrow.Table; pyarrow ships no types
    Column: TypeAlias = Any  # a pyarrow.ChunkedArray
else:
    Table, Column = pa.Table, pa.ChunkedArray

LONGEST_FIELD = 16_000_000
"""Bytes between two line ends at the most: more is a forgotten quotation mark, not an answer."""

_SHOWN = 20  # rows or lines named for one kind of mistake; the rest is counted


@dataclass(frozen=True, eq=False)
class RawFile:
    """The wanted columns of a file under our names, and the names of those that nobody asked for.

    named: our name → the file's, where they differ. rows: the file's row of each row here, where they differ.
    decimal_comma: numbers may be written so, because semicolons part the cells.
    """

    path: Path
    table: Table
    unused: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)
    rows: NDArray[np.int64] | None = None
    decimal_comma: bool = False

    def where(self, name: str, rows: Column | None = None) -> str:
        """A column for a message, under the file's own name, with the file's numbers of the rows of a mask."""
        column = f"{self.path}: column '{self.named.get(name, name)}'"
        return column if rows is None else f"{column}, {self.row_names(rows)}"

    def row_names(self, rows: Column) -> str:
        """The file's numbers of the rows of a mask, for a message."""
        places = np.flatnonzero(rows.to_numpy(zero_copy_only=False))
        numbers = places + 1 if self.rows is None else np.unique(self.rows[places])
        return name_rows(numbers.tolist())

    def missing(self, wanted: Sequence[str]) -> list[Problem]:
        """Problems for the wanted columns that the file lacks."""
        have = (*self.table.column_names, *self.unused)
        return [
            missing_column(self.path, self.named.get(ours, ours), have, f"map it: `columns: {{{ours}: NAME}}`")
            for ours in wanted
            if ours not in self.table.column_names
        ]


def missing_column(path: Path, name: str, have: Sequence[str], do: str) -> Problem:
    """A column that a file lacks. do: how the brief can say that it is called otherwise."""
    return Problem(str(path), f"has no column '{name}'", nearest(name, have), f"add the column, or {do}")


def name_rows(rows: Sequence[int]) -> str:
    """Name rows of a file by their numbers, which count from 1 after the header.

    >>> name_rows([4]), name_rows(range(1, 24))[-21:]
    ('row 4', '18, 19, 20 and 3 more')
    """
    names = ", ".join(str(row) for row in list(rows)[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"row{'' if len(rows) == 1 else 's'} {names}{more}"


def read_raw(file: SurveyFile, wanted: Sequence[str], problems: list[Problem]) -> RawFile | None:
    """The wanted columns of a file, as far as it has them; None, with a problem, when it can't be read at all.

    Columns that the file calls otherwise come back under our names.

    Cells of csv and tsv are text. A row with too few or too many cells is a problem and keeps its place, so that
    later problems name the right rows.
    """
    readers: dict[str, Callable[[Path, Sequence[str], list[Problem]], RawFile | None]] = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".parquet": _read_parquet,
    }
    path = file.source
    reader = readers.get(path.suffix.lower())
    if reader is None:
        found = f"is of the kind '{path.suffix}'" if path.suffix else "its name has no ending"
        problems.append(Problem(str(path), found, "csv, tsv, jsonl or parquet", "convert or rename the file"))
        return None
    try:
        raw = reader(path, tuple(dict.fromkeys(file.columns.get(name, name) for name in wanted)), problems)
    except OSError as error:
        # An unreadable parquet file too: Arrow says so with an OSError.
        found = f"cannot be read ({error.strerror or str(error).splitlines()[0]})"
        problems.append(Problem(str(path), found, "a file of the kind that its name says", "check the file"))
        return None
    return None if raw is None else _under_our_names(raw, file, wanted)


def _under_our_names(raw: RawFile, file: SurveyFile, wanted: Sequence[str]) -> RawFile:
    have = raw.table.column_names
    ours = [name for name in dict.fromkeys(wanted) if file.columns.get(name, name) in have]
    columns = [raw.table.column(file.columns.get(name, name)) for name in ours]
    return replace(raw, table=pa.table(columns, names=ours) if ours else raw.table, named=file.columns)


# --- csv and tsv


def _read_csv(path: Path, wanted: Sequence[str], problems: list[Problem]) -> RawFile | None:
    delimiter = delimiter_of(path)
    header = _csv_header(path, delimiter, problems)
    if header is None:
        return None
    present = _present(path, header, wanted, problems)
    broken: list[tuple[int, str, int]] = []

    def keep(row: Table) -> str:
        broken.append((row.number - 1, row.text, row.actual_columns))  # Arrow counts the header as row 1
        return "skip"

    try:
        table = pa_csv.read_csv(
            path,
            # One thread: only then does Arrow number the broken rows.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=LONGEST_FIELD),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep, ignore_empty_lines=True
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(present) or [header[0]],
                column_types=dict.fromkeys(header, pa.large_binary()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        found = f"cannot be read ({str(error).splitlines()[0]})"
        allowed = f"fields of at most {LONGEST_FIELD:,} bytes"
        problems.append(Problem(str(path), found, allowed, "look for a quotation mark that is not closed"))
        return None
    problems.extend(
        Problem(f"{path}: row {number}", f"has {cells} cells", f"{len(header)} as in the header", "correct the row")
        for number, _, cells in broken[:_SHOWN]
    )
    if len(broken) > _SHOWN:
        found = f"{len(broken) - _SHOWN} more rows have too few or too many cells"
        problems.append(Problem(str(path), found, f"{len(header)} cells as in the header", "correct the rows"))
    table = _put_back(table, broken, header, delimiter)
    _check_quotes(path, table, [number for number, _, _ in broken], problems)
    columns = {name: _utf8(path, name, table.column(name), problems) for name in present}
    return RawFile(path, pa.table(columns), _unused(header, wanted), decimal_comma=delimiter == ";")


def _csv_header(path: Path, delimiter: str, problems: list[Problem]) -> tuple[str, ...] | None:
    with path.open("rb") as stream:
        first = stream.readline(LONGEST_FIELD).removeprefix(b"\xef\xbb\xbf")
    if not first.strip():
        found = "is empty" if not path.stat().st_size else "its first line is empty"
        problems.append(Problem(str(path), found, "a header and rows", "is it the right file?"))
        return None
    if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        problems.append(Problem(str(path), "is UTF-16 text", "UTF-8", "save the file as UTF-8"))
        return None
    try:
        return tuple(next(csv.reader([first.decode("utf-8")], delimiter=delimiter)))
    except (UnicodeDecodeError, csv.Error) as error:
        found = f"its header is not UTF-8 text ({error})"
        problems.append(Problem(str(path), found, "UTF-8", "save the file as UTF-8"))
        return None


def _put_back(table: Table, broken: Sequence[tuple[int, str, int]], header: Sequence[str], delimiter: str) -> Table:
    """Put broken rows back in their places, cut or filled up to the width of the header."""
    if not broken:
        return table
    rows = [next(csv.reader([text], delimiter=delimiter), []) for _, text, _ in broken]
    padded = [[*row, *[""] * len(header)][: len(header)] for row in rows]
    columns = {}
    for name in table.column_names:
        cells = [row[header.index(name)].encode("utf-8", "replace") or None for row in padded]
        columns[name] = pa.chunked_array([pa.array(cells, type=pa.large_binary())])
    places = np.array([number for number, _, _ in broken])
    others = np.setdiff1d(np.arange(1, table.num_rows + places.size + 1), places)
    order = np.argsort(np.concatenate([others, places]), kind="stable")
    return pa.concat_tables([table, pa.table(columns)]).take(pa.array(order))


def _check_quotes(path: Path, table: Table, broken: Sequence[int], problems: list[Problem]) -> None:
    """A quotation mark that is never closed swallows the rest of the file as one cell of the last row."""
    if not table.num_rows:
        return
    last = table.slice(table.num_rows - 1).to_pylist()[0]
    if table.num_rows not in broken and not any(b"\n" in cell for cell in last.values() if cell):
        return
    with path.open("rb") as stream:
        marks = sum(piece.count(b'"') for piece in iter(lambda: stream.read(1 << 20), b""))
    if marks % 2:
        where, allowed = f"{path}: row {table.num_rows}", "quotation marks in pairs"
        problems.append(Problem(where, "a quotation mark is not closed", allowed, "close it"))


def _utf8(path: Path, name: str, column: Column, problems: list[Problem]) -> Column:
    """A column of bytes as text; cells that are not UTF-8 are problems."""
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        cells = column.to_pylist()
        texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        rows = [
            number
            for number, (cell, text) in enumerate(zip(cells, texts, strict=True), start=1)
            if cell is not None and text is not None and "\ufffd" in text and text.encode() != cell
        ]
        where = f"{path}: column '{name}', {name_rows(rows)}"
        problems.append(Problem(where, "is not UTF-8", "UTF-8 text", "save the file as UTF-8"))
        return pa.chunked_array([pa.array(texts, type=pa.large_string())])


# --- jsonl and parquet


def _read_jsonl(path: Path, wanted: Sequence[str], problems: list[Problem]) -> RawFile | None:
    if not path.stat().st_size:
        problems.append(Problem(str(path), "is empty", "one JSON object a line", "is it the right file?"))
        return None
    try:
        options = pa_json.ReadOptions(block_size=LONGEST_FIELD)
        table = pa_json.read_json(path, read_options=options)
    except pa.ArrowInvalid:
        # A broken line, or text and numbers in one column: line by line, so that the rows can be named.
        table = _by_line(path, problems)
    names = table.column_names
    return RawFile(path, table.select(_present(path, names, wanted, problems)), _unused(names, wanted))


def _by_line(path: Path, problems: list[Problem]) -> Table:
    columns: dict[str, list[str | None]] = {}
    bad: list[int] = []
    count = 0
    for count, cells in enumerate(_objects(path), start=1):
        if cells is None:
            bad.append(count)
        for name in cells or {}:
            columns.setdefault(name, [None] * (count - 1))
        for name, column in columns.items():
            column.append(_text((cells or {}).get(name)))
    if bad:
        problems.append(Problem(f"{path}: {name_rows(bad)}", "is no JSON object", "one object a line", "correct it"))
    return pa.table({name: pa.array(column, type=pa.large_string()) for name, column in columns.items()})


def _objects(path: Path) -> Iterator[dict[str, object] | None]:
    with path.open("rb") as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8-sig"))
            except ValueError:
                value = None
            yield value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    text = scalar_text(value) if isinstance(value, str | int | float) else None
    return text if text is not None or value is None else json.dumps(value, ensure_ascii=False)


def _read_parquet(path: Path, wanted: Sequence[str], problems: list[Problem]) -> RawFile | None:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            table = file.read(columns=_present(path, names, wanted, problems))
    except pa.ArrowInvalid as error:
        found = f"is no Parquet file ({str(error).splitlines()[0]})"
        problems.append(Problem(str(path), found, "Parquet", "check the file or its ending"))
        return None
    return RawFile(path, table, _unused(names, wanted))


def _present(path: Path, names: Sequence[str], wanted: Sequence[str], problems: list[Problem]) -> list[str]:
    """The wanted columns that the file has; a name that stands there twice is a problem."""
    for name in wanted:
        if (times := list(names).count(name)) > 1:
            found = f"has {times} columns '{name}'"
            problems.append(Problem(str(path), found, "one column of each name", "rename or drop the others"))
    return [name for name in wanted if name in names]


def _unused(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(names) if name not in wanted)


def as_text(column: Column) -> Column:
    """A column as trimmed text; empty cells are null, and 2, 2.0 and "2" are the same name."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        numbers = pc.unique(column)
        names = [
            None if number is None or math.isnan(number) else f"{float(number):.15g}" for number in numbers.to_pylist()
        ]
        return pc.take(pa.array(names, type=pa.large_string()), pc.index_in(column, value_set=numbers))
    column = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, type=pa.large_string()), column)
