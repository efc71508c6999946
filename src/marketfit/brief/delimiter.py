"""What parts the cells of a csv or tsv file: what its ending says, or else what stands in its header.

Where the comma is the decimal mark, spreadsheets write "csv" with semicolons.
"""

from __future__ import annotations

import csv
from pathlib import Path

_OTHERS = {";": "semicolons", "\t": "tabs"}

_HEADER_BYTES = 1_000_000


def delimiter_in(header: str, *, suffix: str) -> str:
    r"""The delimiter of a file with this first line and this ending.

    >>> delimiter_in("text;label", suffix=".csv"), delimiter_in("text\tlabel", suffix=".csv")
    (';', '\t')
    >>> delimiter_in("text,a;b", suffix=".csv"), delimiter_in('"a;b"', suffix=".csv")
    (',', ',')
    """
    usual = "\t" if suffix.lower() == ".tsv" else ","
    if _cells(header, usual) > 1:
        return usual
    return next((mark for mark in _OTHERS if _cells(header, mark) > 1), usual)


def delimiter_of(path: Path) -> str:
    """The delimiter of a csv or tsv file.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as stream:
        first = stream.readline(_HEADER_BYTES)
    return delimiter_in(first.decode("utf-8-sig", "replace"), suffix=path.suffix)


def delimiter_notes(path: Path, *, numbers: bool) -> tuple[str, ...]:
    """What to know of a file whose delimiter is not what its ending says.

    numbers: whether columns of it are read as numbers; text stays as it is.
    """
    if path.suffix.lower() not in (".csv", ".tsv"):
        return ()
    mark = delimiter_of(path)
    if mark == ("\t" if path.suffix.lower() == ".tsv" else ",") or mark not in _OTHERS:
        return ()
    decimals = " In columns of numbers, 2,5 is read as 2.5." if numbers and mark == ";" else ""
    return (f"{path.name}: cells are parted by {_OTHERS[mark]}, as in its header.{decimals}",)


def _cells(header: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter), ()))
    except csv.Error:
        return 0
