"""Predictions for a file of any size: read, answered and written piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from marketfit import bundle
from marketfit.brief.columns import header_of
from marketfit.bundle import Bundle
from marketfit.engine import Reporter, jobs_at, reporter
from marketfit.errors import DataError, Problem, nearest
from marketfit.loop.answers import Answer
from marketfit.prepare.normalise import clean_input
from marketfit.prepare.pieces import Cell, Piece
from marketfit.prepare.read import read
from marketfit.prepare.text_file import look
from marketfit.task import Example

_ROWS = 1024  # that are answered together


def predict_file(
    folder: Path,
    file: Path,
    *,
    column: str | None = None,
    threads: int | None = None,
    progress: Reporter | None = None,
    ray: str | None = None,
    key: Path | None = None,
) -> Iterator[Answer]:
    """One answer for each row of a csv, tsv, jsonl or parquet file, or each line of a txt file, in their order.

    A row that can't be read has an answer with its reason, so that answers stay aligned with rows. The answers are the
    same wherever they are made, on processors of one kind.

    Args:
        folder: a sealed bundle.
        file: the inputs.
        column: their column; default: the only one, else the one that the bundle was trained on.
        threads: of the model; default: as measured.
        progress: where progress goes; default: nowhere.
        ray: address of a Ray cluster that answers, `local` to start one here; its machines have to see the bundle and
            the file. Default: this process.
        key: file of a trusted public key: a bundle that its owner has not signed is refused.

    Raises:
        BundleError: the bundle can't be trusted.
        DataError: the file can't be read, or it is not clear which column is meant.
        MissingExtraError: Ray is not installed.
    """
    jobs = jobs_at(ray)
    bundle.verify(folder, key=key)
    spec = bundle.read_spec(folder)
    name = "line" if _is_text(file) else column or _column(file, spec.input_name)
    stream = jobs.stream(
        _Opened(folder.absolute(), threads, name),
        _Pieces(file if ray is None else file.absolute(), name),
        threads=threads or spec.session.threads,
    )
    with (progress or reporter(quiet=True)).task(f"predicting {file.name}") as advance:
        for batch in stream:
            yield from batch.answers
            advance(batch.done)


@dataclass(frozen=True)
class _Batch:
    """The answers to a piece of the file, and the fraction of the file that is done with it."""

    answers: tuple[Answer, ...]
    done: float


@dataclass(frozen=True)
class _Pieces:
    """Reads the file, in pieces of at most so many rows: where they end decides which rows are padded together."""

    file: Path
    column: str

    def __call__(self) -> Iterator[Piece]:
        begun = 0.0
        for piece in _lines(self.file) if _is_text(self.file) else read(self.file, {self.column: "--column"}):
            yield from _slices(piece, self.column, begun)
            begun = piece.done


@dataclass(frozen=True)
class _Opened:
    """Opens the bundle; gives what answers a piece with it."""

    folder: Path
    threads: int | None
    column: str

    def __call__(self) -> Callable[[Piece], _Batch]:
        model = bundle.load(self.folder, threads=self.threads)
        return lambda piece: _answered(model, piece, self.column)


def _answered(model: Bundle, piece: Piece, column: str) -> _Batch:
    problems = {bad.number: bad.reason for bad in piece.bad}
    examples: dict[int, Example] = {}
    for number, cell in zip(piece.numbers, piece.columns[column], strict=True):
        example, reason = clean_input(cell)
        if reason:
            problems[number] = reason
        else:
            examples[number] = example
    found = dict(zip(examples, model.predict(list(examples.values())), strict=True))
    order = sorted({*found, *problems})
    return _Batch(tuple(Answer(row, found.get(row), problems.get(row, "")) for row in order), piece.done)


def _slices(piece: Piece, column: str, begun: float) -> Iterator[Piece]:
    """A piece in parts of few rows, each with the bad rows up to its end."""
    parts = range(0, max(1, len(piece.numbers)), _ROWS)
    bad = sorted(piece.bad, key=lambda row: row.number)
    for count, start in enumerate(parts, start=1):
        numbers = piece.numbers[start : start + _ROWS]
        mine = tuple(row for row in bad if count == len(parts) or row.number < numbers[-1])
        bad = bad[len(mine) :]
        done = begun + (piece.done - begun) * count / len(parts)
        yield Piece(numbers, {column: piece.columns[column][start : start + _ROWS]}, mine, done)


def _is_text(file: Path) -> bool:
    return file.suffix.lower() == ".txt"


def _column(file: Path, trained: str) -> str:
    header = header_of(file)
    if header is None:
        raise DataError([_unreadable(file)])
    names = header.names
    if len(names) == 1:
        return names[0]
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
            if len(numbers) == _ROWS:
                yield Piece(numbers, {"line": cells}, (), done / size)
                numbers, cells = [], []
    if numbers:
        yield Piece(numbers, {"line": cells}, (), 1.0)
