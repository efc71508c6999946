"""From the answers in the ledger to the files that the instruments read."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from marketfit import registry
from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile
from marketfit.errors import DataError, InputError, Problem
from marketfit.ledger import Ledger
from marketfit.ledger import surveys as ledger_surveys
from marketfit.ledger.surveys import Answered, AnswerNote, Design, Place, Session
from marketfit.loop.surveys import DESIGN, open_survey, workspace_of_survey
from marketfit.records.base import Record
from marketfit.records.questionnaire import Answer, Cell, Questionnaire, Survey
from marketfit.records.respondents import RESPONDENT_COLUMNS, RespondentRow, asked_of
from marketfit.research.background import BACKGROUND
from marketfit.research.instruments import Instrument
from marketfit.workspace import write_atomic

ANSWERS, RESPONDENTS = "answers", "respondents.csv"
_OWN_PLACE = {"choice": "choices", "competitors": "competitors", "opinions": "opinions"}


class ReadPart(Record):
    """The file of one part. `found`: what its instrument says against it; `note`: why it was not asked."""

    instrument: str
    file: str
    answers: int
    rows: int
    found: tuple[str, ...] = ()
    note: str = ""


class ReadSurvey(Record):
    """What was written, and what to put into the brief. Partial respondents are in the files, and marked."""

    status: str = "done"
    survey: str
    sha256: str
    folder: str
    respondents: str
    complete: int
    partial: int
    parts: tuple[ReadPart, ...]
    brief: str
    notes: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether no instrument says anything against its file."""
        return not any(part.found for part in self.parts)

    def as_text(self) -> str:
        """For a terminal."""
        lines = [f"{self.survey}: {self.complete} complete, {self.partial} partial (kept, and marked: {RESPONDENTS})"]
        for part in self.parts:
            lines.append(f"  {part.file}: {part.answers} answers, {part.rows} rows")
            lines += [f"    {text}" for text in (*part.found, part.note) if text]
        return "\n".join([*lines, *self.notes, "For the brief:", self.brief])


def read_survey(
    path: Path, *, workspace: Path | None = None, ledger: str | None = None, out: Path | None = None
) -> ReadSurvey:
    """Write one CSV file a part, as its instrument reads it, and `respondents.csv`; each file whole or not at all.

    What people said of themselves (a `background` part) is in `respondents.csv`. The newest answer to each question
    counts. out: the folder; default: `answers` in the folder of the design.

    Raises:
        InputError: no such survey, or nobody has begun it.
    """
    survey = open_survey(path)
    design = Design(survey.name, survey.digest())
    with _existing(workspace_of_survey(path, workspace), ledger) as store:
        people = ledger_surveys.sessions(store, design)
        given = ledger_surveys.answers(store, survey.name) if people else ()
        elsewhere = ledger_surveys.other_sessions(store, design)
    notes = (
        [f"{elsewhere} people began another design of this survey; they are not in these files"] if elsewhere else []
    )
    if not people:
        do = "marketfit survey serve, or name the workspace or the ledger in which it was answered"
        raise InputError([Problem(str(path), "; ".join(["nobody has begun this survey", *notes]), "answers", do)])
    folder = _folder(path, survey, out)
    by_session = _by_session(given)
    said = {person.id: ledger_surveys.newest(by_session.get(person.id, ())) for person in people}
    rows = [_row(survey, person, by_session.get(person.id, ())) for person in people]
    background = next((part for part in survey.parts if part.instrument == BACKGROUND), None)
    known = {} if background is None else {p.respondent: _background(said[p.id]) for p in people}
    columns = () if background is None else background.columns[1:]
    write_atomic(folder / RESPONDENTS, _respondents(rows, columns, known))
    parts = tuple(
        _write_part(part, people, said, folder) if part is not background else _background_part(folder, known)
        for part in survey.parts
    )
    complete = sum(row.complete for row in rows)
    return ReadSurvey(
        survey=survey.name,
        sha256=design.digest,
        folder=str(folder),
        respondents=str(folder / RESPONDENTS),
        complete=complete,
        partial=len(rows) - complete,
        parts=parts,
        brief=_brief_lines(parts, folder, path),
        notes=tuple(notes),
    )


@contextlib.contextmanager
def _existing(root: Path, url: str | None) -> Iterator[Ledger]:
    if url is None and not (root / "ledger.sqlite").is_file():
        do = "marketfit survey serve, or name the workspace or the ledger in which it was answered"
        raise InputError([Problem(str(root), "there is no ledger", "", do)])
    opened = Ledger.beside(root, url=url)
    try:
        yield opened
    finally:
        opened.close()


def _folder(path: Path, survey: Survey, out: Path | None) -> Path:
    if out is not None:
        return out
    folder = path if path.is_dir() else path.parent
    return (folder if (folder / DESIGN).is_file() else folder / survey.name) / ANSWERS


def _by_session(given: Sequence[Answered]) -> dict[str, list[Answered]]:
    found: dict[str, list[Answered]] = {}
    for one in given:
        found.setdefault(one.session, []).append(one)
    return found


def _write_part(
    part: Questionnaire, people: Sequence[Session], said: Mapping[str, Mapping[Place, AnswerNote]], folder: Path
) -> ReadPart:
    answers = [
        Answer(question=note.question, picked=note.picked, cells=note.cells, respondent=person.respondent)
        for person in people
        for (name, _), note in sorted(said[person.id].items())
        if name == part.instrument
    ]
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    table = part.table(answers)
    stream = pa.BufferOutputStream()
    pa_csv.write_csv(table, stream)
    file = folder / f"{part.instrument}.csv"
    write_atomic(file, stream.getvalue().to_pybytes())
    found: tuple[str, ...] = ()
    note = "" if answers else "nobody has answered it yet, so its instrument was not asked"
    if answers:
        found = _check(part, file)
    return ReadPart(
        instrument=part.instrument, file=str(file), answers=len(answers), rows=table.num_rows, found=found, note=note
    )


def _check(part: Questionnaire, file: Path) -> tuple[str, ...]:
    """What the part's instrument says against the file."""
    made = cast("type[Instrument[Record, object, Record]]", registry.load("instruments", part.instrument))()
    try:
        made.read(SurveyFile(source=file.resolve()), MarketSpec(attributes=_attributes(part)))
    except DataError as error:
        return tuple(str(problem) for problem in error.problems)
    return ()


def _attributes(part: Questionnaire) -> dict[str, AttributeSpec]:
    """The attributes that a brief would declare: those that options show, or those that a form on offers asks for."""
    shown: dict[str, dict[Cell, None]] = {}
    for question in part.questions:
        for option in question.options:
            for name, value in option.values.items():
                shown.setdefault(name, {})[value] = None
    if part.instrument == "competitors":
        for field in part.questions[0].fields[1:]:
            shown[field.name] = dict.fromkeys(field.allowed or (0.0,))
    return {name: AttributeSpec(offer=tuple(values)) for name, values in shown.items()}


def _row(survey: Survey, person: Session, given: Sequence[Answered]) -> RespondentRow:
    asked = {(one.part.instrument, one.place) for one in asked_of(survey, person.respondent)}
    first = [one for one in given if one.note.revision == 1]
    complete = len(first) == len(asked)
    return RespondentRow(
        respondent=person.respondent,
        external_id=person.external or "",
        started=_utc(person.started),
        finished=_utc(max(one.created for one in first)) if complete and first else "",
        seconds=round(sum(one.note.seconds for one in first), 3),
        answered=len(first),
        complete=int(complete),
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _background(said: Mapping[Place, AnswerNote]) -> Mapping[str, Cell]:
    """What somebody has said of themselves, by column."""
    return next((note.cells for (part, _), note in said.items() if part == BACKGROUND), {})


def _background_part(folder: Path, known: Mapping[str, Mapping[str, Cell]]) -> ReadPart:
    return ReadPart(
        instrument=BACKGROUND,
        file=str(folder / RESPONDENTS),
        answers=sum(bool(cells) for cells in known.values()),
        rows=len(known),
    )


def _respondents(
    rows: Sequence[RespondentRow], columns: Sequence[str], known: Mapping[str, Mapping[str, Cell]]
) -> bytes:
    """The table of respondents. columns, known: what they have said of themselves; empty where they have not."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*RESPONDENT_COLUMNS, *columns])
    for row in rows:
        cells = known.get(row.respondent, {})
        own = (cells.get(name, "") for name in columns)
        own_texts = [cell if isinstance(cell, str) else f"{cell:.15g}" for cell in own]
        writer.writerow([*row.model_dump().values(), *own_texts])
    return stream.getvalue().encode("utf-8")


def _brief_lines(parts: Sequence[ReadPart], folder: Path, path: Path) -> str:
    """What to put into a brief that lies beside the survey file."""
    beside = (path if path.is_dir() else path.parent).resolve()
    beside = beside.parent if (beside / DESIGN).is_file() else beside

    def named(file: str | Path) -> str:
        return Path(os.path.relpath(Path(file).resolve(), beside)).as_posix()

    answered = [part for part in parts if part.answers and part.instrument != BACKGROUND]
    lines = [f"market:  # paths as from {beside}"]
    lines += [f"  {_OWN_PLACE[p.instrument]}: {named(p.file)}" for p in answered if p.instrument in _OWN_PLACE]
    lines.append(f"  respondents: {named(folder / RESPONDENTS)}")
    others = [part for part in answered if part.instrument not in _OWN_PLACE]
    lines += ["  surveys:"] * bool(others)
    lines += [f"    {part.instrument}: {named(part.file)}" for part in others]
    return "\n".join(lines)
