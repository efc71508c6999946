"""Streaming read of csv, tsv, jsonl and parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from marketfit.errors import DataError, Problem, nearest
from marketfit.prepare.columns import Wanted
from marketfit.prepare.pieces import Piece
from marketfit.prepare.read_csv import read_csv
from marketfit.prepare.read_jsonl import read_jsonl
from marketfit.prepare.read_parquet import read_parquet

_READERS: Mapping[str, Callable[[Path, Wanted], Iterator[Piece]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
}


def read(path: Path, wanted: Wanted) -> Iterator[Piece]:
    """Read some columns of a data file, piece by piece.

    Args:
        path: the file; its suffix says what it is.
        wanted: column → the option of the brief that names it, such as `data.input`.

    Raises:
        DataError: what is wrong with the file as a whole, all such problems at once.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        allowed = nearest(suffix, _READERS)
        raise DataError([Problem(str(path), f"unknown kind of file '{suffix}'", allowed, "convert or rename it")])
    return _READERS[suffix](path, wanted)
