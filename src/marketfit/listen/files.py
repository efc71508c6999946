"""Feedback from a file: CSV, TSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from marketfit.brief.delimiter import delimiter_in
from marketfit.errors import DataError, Problem, nearest
from marketfit.ledger import Event, Ledger
from marketfit.ledger.feedback import FeedbackItem, read_feedback
from marketfit.records.base import digest_of

_MOST_BYTES = 200_000_000
_LONGEST_FIELD = 1_000_000
_MOST_SHOWN = 100
_TABLES = (".csv", ".tsv")
_KINDS = (*_TABLES, ".jsonl", ".ndjson")

Row = tuple[str, dict[str, JsonValue]]
"""Where it stands, and its fields."""


def feedback_file(
    path: Path, *, ledger: Ledger, product: str, labels: Collection[str], input_column: str, label_column: str
) -> list[Event]:
    """The events of a feedback file; nothing is written. Reading the same file twice gives the same events.

    Columns or keys: prediction, thumb, label, truth, input (or text), audited, id, and the brief's own names for input
    and label. Empty cells of a table say nothing.

    Raises:
        DataError: everything that is wrong, each with its line.
    """
    kind = path.suffix.lower()
    text = _text(path)
    if kind not in _KINDS:
        found = f"the ending '{path.suffix}'"
        raise DataError([Problem(str(path), found, "csv, tsv, jsonl", "convert the file or rename it")])
    names = {"text": "input", input_column: "input", label_column: "label"}
    names |= {name: name for name in FeedbackItem.model_fields}
    problems: list[Problem] = []
    rows = _table(path, text, names, problems) if kind in _TABLES else _lines(path, text, names, problems)
    items: dict[str, FeedbackItem] = {}
    seen: Counter[str] = Counter()
    for where, fields in rows:
        same = digest_of(fields)
        seen[same] += 1
        try:
            item = FeedbackItem.model_validate(fields)
        except ValidationError as error:
            problems += [_field_problem(where, d["loc"], d["msg"], d["input"]) for d in error.errors()]
            continue
        # The content is the key, so that the same file can be sent again after a kill.
        items[where] = item.model_copy(update={"id": item.id or f"file {same} {seen[same]}"})
    if not items and not problems:
        problems.append(Problem(str(path), "there are no rows", "one or more", "is this the right file?"))
    reading = read_feedback(items, ledger=ledger, product=product, labels=labels)
    problems += reading.problems
    if problems:
        raise DataError(_shortened(path, problems))
    return reading.events


def _text(path: Path) -> str:
    def refuse(found: str, allowed: str, do: str) -> DataError:
        return DataError([Problem(str(path), found, allowed, do)])

    if path.is_dir():
        raise refuse("is a directory", "a file is wanted", "name a file inside it")
    if not path.is_file():
        raise refuse("there is no such file", "csv, tsv or jsonl", "correct the path")
    if path.stat().st_size > _MOST_BYTES:
        raise refuse(f"has {path.stat().st_size:,} bytes", f"at most {_MOST_BYTES:,}", "split the file")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        place = f"{path}:{line}"
        raise DataError([Problem(place, "is not UTF-8", "UTF-8 text", "save the file as UTF-8")]) from error


def _table(path: Path, text: str, names: Mapping[str, str], problems: list[Problem]) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_FIELD)
    delimiter = delimiter_in(text.partition("\n")[0], suffix=path.suffix)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = next(reader, [])
        problems += _header_problems(f"{path}:1", header, names)
        line = reader.line_num + 1
        for cells in reader:
            where, line = f"{path}:{line}", reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                problems.append(
                    Problem(where, f"{len(cells)} fields", f"{len(header)}, as in the header", "check the quotes")
                )
                continue
            fields: dict[str, JsonValue] = {
                names[name]: cell for name, cell in zip(header, cells, strict=True) if cell and name in names
            }
            yield where, fields
    except csv.Error as error:
        problems.append(
            Problem(f"{path}:{line}", f"cannot be read ({error})", "CSV", "check the quotes near this line")
        )


def _header_problems(where: str, header: list[str], names: Mapping[str, str]) -> list[Problem]:
    if not header:
        return [Problem(where, "the file is empty", "a header and rows", "is this the right file?")]
    problems = [
        Problem(where, f"unknown column '{name[:100]}'", nearest(name[:100], names), "rename or remove it")
        for name in header
        if name not in names
    ]
    used = Counter(names[name] for name in header if name in names)
    problems += [
        Problem(where, f"{count} columns mean '{name}'", "one", "keep one of them")
        for name, count in used.items()
        if count > 1
    ]
    return problems


def _lines(path: Path, text: str, names: Mapping[str, str], problems: list[Problem]) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            problems.append(Problem(where, f"is not JSON ({error})", "one JSON object a line", "correct the line"))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(where, f"a JSON {type(value).__name__}", "an object", 'write {"input": …}'))
            continue
        unknown = [
            Problem(where, f"unknown key '{key[:100]}'", nearest(key[:100], names), "rename or remove it")
            for key in value
            if key not in names
        ]
        unknown += [p for p in _header_problems(where, list(value), names) if "columns mean" in p.found]
        problems += unknown
        if not unknown:
            yield where, {names[key]: field for key, field in value.items() if field is not None}


def _field_problem(where: str, location: tuple[int | str, ...], message: str, given: object) -> Problem:
    name = ".".join(str(part) for part in location)
    return Problem(f"{where}: {name}", repr(given)[:60], message[:1].lower() + message[1:], "correct it")


def _shortened(path: Path, problems: list[Problem]) -> list[Problem]:
    if len(problems) <= _MOST_SHOWN:
        return problems
    more = Problem(str(path), f"{len(problems) - _MOST_SHOWN} more problems", "", "correct these first")
    return [*problems[:_MOST_SHOWN], more]
