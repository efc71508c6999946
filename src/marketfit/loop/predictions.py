"""Predictions for a file of any size: read, answered and written piece by piece."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from marketfit import bundle
from marketfit.brief.columns import columns_of
from marketfit.bundle import Bundle, Prediction
from marketfit.engine import Reporter, reporter
from marketfit.errors import DataError, Problem, nearest
from marketfit.prepare.normalise import clean_input
from marketfit.prepare.pieces import Cell, Piece
from marketfit.prepare.read import read
from marketfit.prepare.text_file import look
from marketfit.task import Example, Progress

_LINES = 1024  # of a text file, answered together


class Writable(Protocol):
    """Where answers go."""

    def write(self, text: str, /) -> object:
        """Write some text."""
        ...


@dataclass(frozen=True)
class Answer:
    """The answer to one row of a file; `problem` says why there is none."""

    row: int
    prediction: Prediction | None
    problem: str


def predict_file(
    folder: Path,
    file: Path,
    *,
    column: str | None = None,
    threads: int | None = None,
    progress: Reporter | None = None,
) -> Iterator[Answer]:
    """One answer for each row of a csv, tsv, jsonl or parquet file, or each line of a txt file, in their order.

    A row that can't be read has an answer with its reason, so that answers stay aligned with rows.

    Args:
        folder: a sealed bundle.
        file: the inputs.
        column: their column; default: the only one, else the one that the bundle was trained on.
        threads: of the model; default: as measured.
        progress: where progress goes; default: nowhere.

    Raises:
        BundleError: the bundle can't be trusted.
        DataError: the file can't be read, or it is not clear which column is meant.
    """
    model = bundle.load(folder, threads=threads)
    if file.suffix.lower() == ".txt":
        name, pieces = "line", _lines(file)
    else:
        name = column or _column(file, model)
        pieces = read(file, {name: "--column"})
    with (progress or reporter(quiet=True)).task(f"predicting {file.name}") as advance:
        yield from _answers(model, pieces, name, advance)


def _answers(model: Bundle, pieces: Iterable[Piece], column: str, advance: Progress) -> Iterator[Answer]:
    for piece in pieces:
        problems = {bad.number: bad.reason for bad in piece.bad}
        examples: dict[int, Example] = {}
        for number, cell in zip(piece.numbers, piece.columns[column], strict=True):
            example, reason = clean_input(cell)
            if reason:
                problems[number] = reason
            else:
                examples[number] = example
        found = dict(zip(examples, model.predict(list(examples.values())), strict=True))
        for number in sorted({*found, *problems}):
            yield Answer(number, found.get(number), problems.get(number, ""))
        advance(piece.done)


def _column(file: Path, model: Bundle) -> str:
    names = columns_of(file)
    if names is None:
        raise DataError([_unreadable(file)])
    if len(names) == 1:
        return names[0]
    trained = model.spec.input_name
    if trained in names:
        return trained
    meant = f"columns: {', '.join(names)}" if not trained else nearest(trained, names)
    found = f"it is not clear which of {len(names)} columns holds the inputs"
    raise DataError([Problem(str(file), found, meant, "name it with --column")])


def _unreadable(file: Path) -> Problem:
    if file.is_dir():
        return Problem(str(file), "is a directory", "a file is wanted", "name a file inside it")
    if not file.exists():
        return Problem(str(file), "there is no such file", "csv, tsv, jsonl, parquet or txt", "correct the path")
    if file.stat().st_size == 0:
        return Problem(str(file), "the file is empty", "a header and one row an input", "is this the right file?")
    return Problem(
        str(file), "its first line can't be read", "csv, tsv, jsonl, parquet (UTF-8), or txt", "convert the file"
    )


def _lines(file: Path) -> Iterator[Piece]:
    if not file.is_file() or file.stat().st_size == 0:
        raise DataError([_unreadable(file)])
    look(file)
    size, done = file.stat().st_size, 0
    numbers: list[int] = []
    cells: list[Cell] = []
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            done += len(line)
            numbers.append(number)
            cells.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
            if len(numbers) == _LINES:
                yield Piece(numbers, {"line": cells}, (), done / size)
                numbers, cells = [], []
    if numbers:
        yield Piece(numbers, {"line": cells}, (), 1.0)


def write_csv(answers: Iterable[Answer], into: Writable) -> None:
    """Write answers as CSV: row, label, score, abstain, problem."""
    writer = csv.writer(into, lineterminator="\n")
    header = ("row", "label", "score", "abstain", "problem")
    for number, answer in enumerate(answers):
        if number == 0:
            writer.writerow(header)
        given = answer.prediction
        cells = (given.label, f"{given.score:.6f}", str(given.abstain).lower()) if given else ("", "", "")
        writer.writerow((answer.row, *cells, answer.problem))


def write_json(answers: Iterable[Answer], into: Writable) -> None:
    """Write answers as one JSON list of {label, score, abstain}; a row without one has nulls and its problem."""
    separator = "["
    for answer in answers:
        given = answer.prediction
        document: dict[str, str | float | bool | None] = {
            "label": given.label if given else None,
            "score": round(given.score, 6) if given else None,
            "abstain": given.abstain if given else None,
        }
        if answer.problem:
            document["problem"] = answer.problem
        into.write(f"{separator}{json.dumps(document, ensure_ascii=False, allow_nan=False)}")
        separator = ",\n"
    into.write("[]\n" if separator == "[" else "]\n")
