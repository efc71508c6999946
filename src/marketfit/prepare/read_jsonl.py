"""Read JSON lines one by one; bad lines are put aside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from marketfit.prepare.columns import Wanted, check_columns
from marketfit.prepare.options import CSV_BLOCK
from marketfit.prepare.pieces import BadRow, Cell, Piece
from marketfit.prepare.rows import shown
from marketfit.prepare.text_file import look
from marketfit.task import scalar_text

_PIECE = 10_000  # rows handed over at once


class _UnreadableError(ValueError):
    """Why one line can't be used."""


def read_jsonl(path: Path, wanted: Wanted) -> Iterator[Piece]:
    """Yield the wanted keys as text. Blank lines are no rows.

    The keys are checked before the first piece, so that nothing is done with half a file. All lines are looked at for
    it only where a key is absent.

    Raises:
        DataError: the file is empty or not UTF-8, or no line has one of the keys (all such keys at once).
    """
    text = look(path)
    _check_keys(path, wanted)
    columns = list(wanted)
    number = 0
    numbers: list[int] = []
    values: list[list[Cell]] = []
    bad: list[BadRow] = []
    with path.open("rb") as stream:
        for line in _lines(stream):
            number += 1
            try:
                row = _object(line)
                values.append([_cell(name, row.get(name)) for name in columns])
                numbers.append(number)
            except _UnreadableError as error:
                bad.append(BadRow(number=number, reason=str(error), content=shown(line.decode("utf-8", "replace"))))
            if len(numbers) + len(bad) >= _PIECE:
                yield _piece(numbers, values, bad, columns, done=min(1.0, number / max(1, text.lines)))
                numbers, values, bad = [], [], []
    yield _piece(numbers, values, bad, columns, done=1.0)


def _check_keys(path: Path, wanted: Wanted) -> None:
    seen: set[str] = set()
    with path.open("rb") as stream:
        for line in _lines(stream):
            with contextlib.suppress(_UnreadableError):
                seen.update(_object(line))
            if seen.issuperset(wanted):
                return
    if seen:  # else no line can be read, and every one is told as a bad row
        check_columns(path, wanted, sorted(seen))


def _piece(
    numbers: list[int], values: list[list[Cell]], bad: list[BadRow], columns: Sequence[str], *, done: float
) -> Piece:
    table = {name: [row[place] for row in values] for place, name in enumerate(columns)}
    return Piece(numbers=numbers, columns=table, bad=tuple(bad), done=done)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    first = True
    while line := stream.readline(CSV_BLOCK):
        rest = line
        while not rest.endswith(b"\n") and len(rest) == CSV_BLOCK:  # longer than anything we take: skip to its end
            rest = stream.readline(CSV_BLOCK)
        if first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            first = False
        if line.strip():
            yield line


def _object(line: bytes) -> dict[str, object]:
    if len(line) >= CSV_BLOCK:
        raise _UnreadableError(f"a line of more than {CSV_BLOCK // 2**20} MB")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _UnreadableError("not JSON") from error
    if not isinstance(row, dict):
        raise _UnreadableError("not a JSON object")
    return row


def _cell(name: str, value: object) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return scalar_text(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise _UnreadableError(f"'{name}' holds {kind}, not one value")
