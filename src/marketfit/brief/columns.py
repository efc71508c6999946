"""Do the columns that a brief names stand in the files that it names? Only headers are read here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.brief.delimiter import delimiter_in
from marketfit.errors import nearest

Finding = tuple[tuple[str | int, ...], str, str, str]  # location, found, allowed, do

Wanted = tuple[tuple[str, ...], str]  # location in the brief, column

_HEADER_BYTES = 1_000_000


def columns_of(path: Path) -> tuple[str, ...] | None:
    """The column names of a csv, tsv, jsonl or parquet file; None where its first line can't be read.

    An unreadable file is the business of the step that reads it, which says what is wrong with it.
    """
    if not path.is_file():
        return None
    try:
        if path.suffix == ".parquet":
            return tuple(pq.read_schema(path).names)
        with path.open("rb") as stream:
            first = stream.readline(_HEADER_BYTES).decode("utf-8-sig")
        if path.suffix in (".jsonl", ".ndjson"):
            row = json.loads(first)
            return tuple(row) if isinstance(row, dict) else None
        delimiter = delimiter_in(first, suffix=path.suffix)
        return tuple(next(csv.reader([first], delimiter=delimiter), ())) or None
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error, pa.ArrowInvalid, OSError):
        return None


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
    columns = columns_of(base / source)
    if columns is None:
        return
    for location, ours in wanted:
        name = str(named[ours]) if isinstance(named, Mapping) and ours in named else ours
        if name not in columns:
            found = f"{source} has no column '{name}'"
            yield location, found, nearest(name, columns), "name a column of the file"
