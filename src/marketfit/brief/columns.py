"""Do the columns that a brief names stand in the files that it names? Only the beginnings of files are read here."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.brief.delimiter import delimiter_in
from marketfit.errors import nearest

Finding = tuple[tuple[str | int, ...], str, str, str]  # location, found, allowed, do

Wanted = tuple[tuple[str, ...], str]  # location in the brief, column

_HEADER_BYTES = 1_000_000


@dataclass(frozen=True)
class Header:
    """The names of a file's columns. Not complete: a jsonl file goes on, and its further lines may have other keys."""

    names: tuple[str, ...]
    complete: bool


def header_of(path: Path, *, most: int | None = _HEADER_BYTES) -> Header | None:
    """The column names of a csv, tsv, jsonl or parquet file; None where they can't be read.

    A key of jsonl may stand on any line: all whole lines of the first `most` bytes are looked at (None: the file).
    An unreadable file is the business of the step that reads it, which says what is wrong with it.
    """
    if not path.is_file():
        return None
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return Header(tuple(pq.read_schema(path).names), complete=True)
        if suffix in (".jsonl", ".ndjson"):
            return _keys(path, most)
        with path.open("rb") as stream:
            first = stream.readline(_HEADER_BYTES).decode("utf-8-sig")
        names = tuple(next(csv.reader([first], delimiter=delimiter_in(first, suffix=suffix)), ()))
        return Header(names, complete=True) if names else None
    except (UnicodeDecodeError, csv.Error, pa.ArrowInvalid, OSError):
        return None


def _keys(path: Path, most: int | None) -> Header | None:
    """The keys of all lines that are JSON objects, in their order; None where no line is one."""
    with path.open("rb") as stream:
        lines = stream.read(-1 if most is None else most).removeprefix(codecs.BOM_UTF8).split(b"\n")
        complete = not stream.read(1)
    objects = [row for line in (lines if complete else lines[:-1]) if (row := _object(line)) is not None]
    names = tuple(dict.fromkeys(name for row in objects for name in row))
    return Header(names, complete) if objects else None


def _object(line: bytes) -> dict[str, object] | None:
    try:
        row = json.loads(line) if line.strip() else None
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def column_problems(tree: object, base: Path) -> Iterator[Finding]:
    """Every named column that its file lacks. Works on the raw tree, so that other mistakes hide none of these."""
    sections = tree if isinstance(tree, Mapping) else {}
    data = sections.get("data")
    if isinstance(data, Mapping):
        yield from _missing(data, "source", base, _data_columns(data))
        if data.get("input"):
            yield from _missing(data, "unlabelled", base, [(("data", "unlabelled"), str(data["input"]))])
    market = sections.get("market")
    if isinstance(market, Mapping):
        attributes = market.get("attributes")
        names = [str(name) for name in attributes] if isinstance(attributes, Mapping) else []
        survey: list[Wanted] = [
            (("market", "choices"), name) for name in ("respondent", "task", "alternative", "chosen")
        ]
        survey += [(("market", "attributes", name), name) for name in names]
        yield from _missing(market, "choices", base, survey)
        rivals: list[Wanted] = [(("market", "competitors"), "offer")] + [
            (("market", "attributes", name), name) for name in names
        ]
        yield from _missing(market, "competitors", base, rivals)
        opinions: list[Wanted] = [(("market", "opinions"), name) for name in ("item", "respondent", "label")]
        yield from _missing(market, "opinions", base, opinions)


def _data_columns(data: Mapping[str, object]) -> list[Wanted]:
    wanted: list[Wanted] = [
        (("data", key), str(data[key])) for key in ("input", "label", "split", "group") if data.get(key)
    ]
    sensitive = data.get("sensitive")
    if isinstance(sensitive, Sequence) and not isinstance(sensitive, str):
        wanted += [(("data", "sensitive"), str(name)) for name in sensitive]
    where = data.get("where")
    if isinstance(where, Mapping):
        wanted += [(("data", "where", str(name)), str(name)) for name in where]
    return wanted


def _missing(section: Mapping[str, object], key: str, base: Path, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    file = section.get(key)
    named = file.get("columns") if isinstance(file, Mapping) else None
    source = file.get("source") if isinstance(file, Mapping) else file
    if not isinstance(source, str) or (isinstance(file, Mapping) and file.get("wide")):
        return  # a wide export has columns of its own, which its reader checks
    header = header_of(base / source)
    if header is None or not header.complete:
        return
    for location, ours in wanted:
        name = str(named[ours]) if isinstance(named, Mapping) and ours in named else ours
        if name not in header.names:
            found = f"{source} has no column '{name}'"
            yield location, found, nearest(name, header.names), "name a column of the file"
