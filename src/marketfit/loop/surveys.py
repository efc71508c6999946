"""Surveys: from a survey file to what respondents are asked."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from marketfit.errors import InputError, Problem
from marketfit.loop.diagnosis_text import diagnosis_text
from marketfit.loop.operate import Option, assignments
from marketfit.loop.place import WORKSPACE
from marketfit.records.base import Record
from marketfit.records.questionnaire import Questionnaire, Survey
from marketfit.research.choice_design import ChoicePlan
from marketfit.research.choice_diagnosis import ChoiceDiagnosis, PrecisionAsked, diagnose_choices
from marketfit.research.survey import PlannedPart, load_survey, plan_survey, survey_options
from marketfit.serve.server import Server
from marketfit.serve.survey import SurveySettings, running_survey
from marketfit.workspace import make_place, write_atomic

DESIGN = "survey.json"


class DesignedPart(Record):
    """One part of a designed survey. `questions` counts those of one respondent, on average.

    diagnosis: what a choice survey will be able to tell, and from how many people.
    """

    instrument: str
    respondents: int  # 0: anyone
    questions: float
    table: str
    diagnosis: ChoiceDiagnosis | None = None


class DesignedSurvey(Record):
    """A designed survey and where it lies."""

    survey: str
    folder: str
    sha256: str
    parts: tuple[DesignedPart, ...]

    def as_text(self) -> str:
        """For a terminal."""
        lines = [f"{self.survey}: {self.folder}"]
        for part in self.parts:
            people = f"{part.respondents} respondents" if part.respondents else "anyone"
            lines.append(f"  {part.instrument}: {part.questions:g} questions each for {people} ({part.table})")
            if part.diagnosis is not None:
                lines += [f"    {line}".rstrip() for line in diagnosis_text(part.diagnosis).splitlines()]
        return "\n".join([*lines, f"Next: marketfit survey serve {self.folder}"])


def design_survey(path: Path, *, out: Path | None = None, asked: PrecisionAsked | None = None) -> DesignedSurvey:
    """Design every part and write it: `survey.json` to serve, and one table a part to look at.

    The same file gives the same bytes. out: the folder; default: one with the survey's name, beside the file. asked:
    what the choice part is diagnosed for.

    Raises:
        InputError: everything that is wrong with the file, with its line.
    """
    survey, planned = plan_survey(path)
    folder = path.parent / survey.name if out is None else out
    parts = []
    for part in planned:
        questions = part.questions.questions
        table = f"{part.questions.instrument}.csv"
        write_atomic(folder / table, _table(part.questions).encode("utf-8"))
        people = {question.respondent for question in questions if question.respondent}
        parts.append(
            DesignedPart(
                instrument=part.questions.instrument,
                respondents=len(people),
                questions=len(questions) / max(len(people), 1),
                table=table,
                diagnosis=_diagnosis(part, asked),
            )
        )
    write_atomic(folder / DESIGN, survey.model_dump_json(indent=1).encode("utf-8"))
    return DesignedSurvey(survey=survey.name, folder=str(folder), sha256=survey.digest(), parts=tuple(parts))


def _diagnosis(part: PlannedPart, asked: PrecisionAsked | None) -> ChoiceDiagnosis | None:
    if not isinstance(part.plan, ChoicePlan):
        return None
    return diagnose_choices(part.plan, part.questions, seed=part.seed, asked=asked)


def open_survey(path: Path) -> Survey:
    """A designed survey: its folder, its `survey.json`, or a survey file, which is designed now.

    Raises:
        InputError: there is none, or the file is something else.
    """
    file = path / DESIGN if path.is_dir() else path
    if file.suffix.lower() != ".json":
        return load_survey(file)
    if not file.is_file():
        do = "marketfit survey design SURVEY.yaml"
        raise InputError([Problem(str(path), f"there is no {DESIGN}", "the folder of a designed survey", do)])
    try:
        return Survey.model_validate_json(file.read_text("utf-8"))
    except ValueError as error:
        found = f"is no designed survey ({str(error).splitlines()[0]})"
        raise InputError([Problem(str(file), found, "as 'survey design' writes it", "design it again")]) from error


def workspace_of_survey(path: Path, asked: Path | None) -> Path:
    """The workspace that was named, or the one beside the survey file or the folder of the design."""
    if asked is not None:
        return asked
    folder = path if path.is_dir() else path.parent
    return (folder.resolve().parent if (folder / DESIGN).is_file() else folder) / WORKSPACE


@contextlib.contextmanager
def serving_survey(
    path: Path,
    *,
    host: str,
    port: int,
    settings: Sequence[str] = (),
    workspace: Path | None = None,
    ledger: str | None = None,
) -> Iterator[Server]:
    """A server of a survey's pages that answers inside the block.

    Raises:
        InputError: every setting that is wrong, no such survey, an address in use.
        MissingExtraError: the extra `serve` is not installed.
    """
    survey = open_survey(path)
    place = workspace_of_survey(path, workspace)
    values = assignments(settings) | {"workspace": place}
    if ledger is not None:
        values["ledger_url"] = ledger
    made = SurveySettings.of(values)
    make_place(place, place)
    with running_survey(survey, made, host=host, port=port) as server:
        yield server


def survey_serve_options() -> list[Option]:
    """Every setting of the survey pages with its default and help."""
    return [Option(name=name, default=default, help=text) for name, default, text in SurveySettings.options()]


def survey_file_options() -> list[Option]:
    """Every option of a survey file with its default and help."""
    return [Option(name=name, default=default, help=text) for name, default, text in survey_options()]


def _table(part: Questionnaire) -> str:
    """One line for each option or field of each question."""
    shown = list(
        dict.fromkeys(name for question in part.questions for option in question.options for name in option.values)
    )
    first = ("respondent", "question", "text")
    given = list(dict.fromkeys(name for question in part.questions for name in question.given if name not in first))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*first, "option or field", *given, *shown])
    for question in part.questions:
        head = [question.respondent, question.id, question.text]
        told = [question.given.get(name, "") for name in given]
        for option in question.options:
            writer.writerow([*head, option.name, *told, *(option.values.get(name, "") for name in shown)])
        for field in question.fields:
            writer.writerow([*head, field.name, *told, *("" for _ in shown)])
    return stream.getvalue()
