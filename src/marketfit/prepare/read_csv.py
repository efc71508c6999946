"""Read csv and tsv block by block with pyarrow; rows with the wrong number of fields are put aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa
import pyarrow.csv as pc

from marketfit.brief.delimiter import delimiter_of
from marketfit.errors import DataError, Problem
from marketfit.prepare.columns import Wanted, check_columns
from marketfit.prepare.options import CSV_BLOCK
from marketfit.prepare.pieces import BadRow, Cell, Piece
from marketfit.prepare.rows import shown
from marketfit.prepare.text_file import look, no_rows

_CLOSE = 'close the mark, or write "" for a mark inside a field'


class _InvalidRow(Protocol):
    """What pyarrow tells its handler."""

    expected_columns: int
    actual_columns: int
    number: int
    text: str


class _Aside:
    """The handler of rows with the wrong number of fields. pyarrow may call it ahead of the batch they belong to."""

    def __init__(self) -> None:
        self.rows: dict[int, BadRow] = {}
        self.numbers: set[int] = set()
        self.open_lines: dict[int, int] = {}  # lines that a row with an open quotation mark swallowed

    def __call__(self, row: _InvalidRow) -> Literal["skip"]:
        number = row.number - 1  # pyarrow counts the header as row 1, and no blank lines
        fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
        reason = f"{fields} instead of {row.expected_columns}"
        self.rows[number] = BadRow(number=number, reason=reason, content=shown(row.text))
        self.numbers.add(number)
        if row.text.count('"') % 2:
            self.open_lines[number] = row.text.rstrip().count("\n")
        return "skip"

    def before(self, number: int | None) -> tuple[BadRow, ...]:
        """Hand over what was put aside below a row number, or all."""
        ready = sorted(n for n in self.rows if number is None or n < number)
        return tuple(self.rows.pop(n) for n in ready)


def read_csv(path: Path, wanted: Wanted) -> Iterator[Piece]:
    """Yield the wanted columns as text, a block at a time.

    Raises:
        DataError: the file is empty or not UTF-8, lacks a wanted column, has a row longer than a block, or a quotation
            mark that is never closed and swallows the lines after it.
    """
    text = look(path)
    aside = _Aside()
    number = 0
    try:
        last_name = _header(path, wanted)
        names = [*wanted, *({last_name} - set(wanted))]
        with _open(path, columns=names, aside=aside) as reader:
            held: pa.RecordBatch | None = None
            for batch in reader:
                if held is not None:
                    piece = _piece(held, number, aside, done=min(1.0, number / max(1, text.lines)))
                    number = piece.numbers[-1]
                    yield piece
                held = batch if batch.num_rows else None
    except pa.ArrowInvalid as error:
        raise _refused(path, error, after=number) from error
    nothing = Piece([], {name: [] for name in names}, (), 1.0)
    piece = nothing if held is None else _piece(held, number, aside, done=1.0)
    piece = Piece(piece.numbers, piece.columns, piece.bad + aside.before(None), 1.0)
    if text.open_quote:
        _check_end(path, piece, aside, last_name)
    yield piece


def _header(path: Path, wanted: Wanted) -> str:
    """Check the columns; gives the name of the last one."""
    with _open(path, columns=None, aside=_Aside()) as reader:
        names = reader.schema.names
    check_columns(path, wanted, names)
    last: str = names[-1]
    return last


def _open(path: Path, *, columns: Sequence[str] | None, aside: _Aside) -> pc.CSVStreamingReader:
    types = {name: pa.string() for name in columns} if columns is not None else None
    return pc.open_csv(
        path,
        # One thread: only then does pyarrow tell the numbers of the rows that it skips.
        read_options=pc.ReadOptions(block_size=CSV_BLOCK, use_threads=False),
        parse_options=pc.ParseOptions(delimiter=delimiter_of(path), newlines_in_values=True, invalid_row_handler=aside),
        convert_options=pc.ConvertOptions(
            include_columns=None if columns is None else list(columns), column_types=types, strings_can_be_null=False
        ),
    )


def _piece(batch: pa.RecordBatch, number: int, aside: _Aside, *, done: float) -> Piece:
    numbers: list[int] = []
    for _ in range(batch.num_rows):
        number += 1
        while number in aside.numbers:
            number += 1
        numbers.append(number)
    columns: Mapping[str, list[Cell]] = {
        name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return Piece(numbers=numbers, columns=columns, bad=aside.before(number + 1), done=done)


def _check_end(path: Path, piece: Piece, aside: _Aside, last_name: str) -> None:
    """In a file that leaves a quotation mark open, see whether the last row swallowed the lines after the mark.

    Raises:
        DataError: it did.
    """
    number = max([*piece.numbers[-1:], *(bad.number for bad in piece.bad)], default=0)
    swallowed = aside.open_lines.get(number, 0)
    if piece.numbers[-1:] == [number]:
        swallowed = str(piece.columns[last_name][-1] or "").rstrip().count("\n")
    if swallowed:
        found = f"a quotation mark that is never closed swallows the {swallowed:,} lines after it"
        raise DataError([Problem(f"{path}: data row {number}", found, "quotation marks in pairs", _CLOSE)])


def _refused(path: Path, error: pa.ArrowInvalid, *, after: int) -> DataError:
    message = str(error).splitlines()[0]
    if "straddling" in message:
        where = f"{path}: after data row {after}"
        found = f"a row of more than {CSV_BLOCK // 2**20} MB, or a quotation mark that is never closed"
        return DataError([Problem(where, found, "shorter rows, quotation marks in pairs", _CLOSE)])
    if "mpty CSV" in message:
        return DataError([no_rows(path)])
    found = f"can't be read as {path.suffix.lower()[1:].upper()}: {message}"
    return DataError([Problem(str(path), found, "a header and one line an example", "correct the file")])
