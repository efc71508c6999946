"""A questionnaire as a record: `research` designs it, `serve` renders it, and its answers become a survey file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from pydantic import Field as Limits

from marketfit.errors import DataError, Problem, nearest
from marketfit.records.base import Record

if TYPE_CHECKING:
    from typing import Any

    Table: TypeAlias = Any  # a pyarrow.Table; pyarrow ships no types

Cell: TypeAlias = float | str

Language: TypeAlias = Literal["en", "de", "fr", "es", "zh"]
"""Of the fixed texts that respondents read."""

LANGUAGES: tuple[Language, ...] = get_args(Language)

RESPONDENT = "respondent"
"""The column that says who answered; filled in where a question is for anyone."""


class Option(Record):
    """One thing to pick, with the values that are shown of it. The none option shows nothing."""

    name: str
    values: Mapping[str, Cell] = {}


class Labels(Record):
    """What respondents read in place of a column's name and of its values; the answers keep the values themselves."""

    name: str = Limits(default="", description="what the attribute is called on the page")
    levels: Mapping[str, str] = Limits(default={}, description="level → what is shown in its place")


class Field(Record):
    """One cell to fill in, asked for by `text` (default: its name).

    allowed: the values of a closed field. labels: value → what a page shows in its place; the answers keep the value.
    low, high: the range of a number. whole: it has no decimals, as places on a scale have none. show: how a page
    renders it; a scale is a row of buttons for closed values or whole numbers.
    """

    name: str
    kind: Literal["number", "text"]
    text: str = ""
    allowed: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    low: float | None = None
    high: float | None = None
    whole: bool = False
    required: bool = True
    show: Literal["input", "choice", "scale", "long"] = "input"


class Question(Record):
    """One question: pick one of `options`, or fill in `fields`. `respondent` is who is asked; empty: anyone.

    given: cells that are written beside those filled in, such as the number of the task and what it showed.
    distinct: fields whose answers must differ, such as the best and the worst.
    """

    id: str
    respondent: str
    text: str
    options: tuple[Option, ...] = ()
    fields: tuple[Field, ...] = ()
    given: Mapping[str, Cell] = {}
    distinct: tuple[str, ...] = ()


class Answer(Record):
    """The answer to question number `question` (from 0): the option picked, or the cells filled in.

    respondent: who answered a question that is for anyone.
    """

    question: int
    picked: str | None = None
    cells: Mapping[str, Cell] = {}
    respondent: str = ""


class Questionnaire(Record):
    """Questions, and how an answer becomes rows of the survey file with `columns`.

    keeps: `options` writes one row for each option shown (respondent, task, alternative, chosen, its values);
    `pick` one row with what was picked (item, respondent, label); `cells` one row with what was given and filled in.
    labels: attribute of the options → what a page shows in its place.
    """

    instrument: str
    title: str
    columns: tuple[str, ...]
    keeps: Literal["options", "pick", "cells"]
    questions: tuple[Question, ...]
    labels: Mapping[str, Labels] = {}

    def problems(self, answer: Answer, *, where: str) -> list[Problem]:
        """What is wrong with an answer: no such question, no such option, a cell that its field does not allow."""
        if not 0 <= answer.question < len(self.questions):
            allowed = f"0 to {len(self.questions) - 1}"
            return [Problem(where, f"answers question {answer.question}", allowed, "name a question by its place")]
        question = self.questions[answer.question]
        if self.keeps != "cells":
            names = [option.name for option in question.options]
            known = answer.picked in names
            found = f"picks '{answer.picked}'"
            return [] if known else [Problem(where, found, nearest(str(answer.picked), names), "pick one option")]
        fields = {field.name: field for field in question.fields}
        problems = [
            Problem(where, f"fills in '{name}'", nearest(name, fields), "name a field of the question")
            for name in answer.cells
            if name not in fields
        ]
        for name, field in fields.items():
            problems += _cell_problems(field, answer.cells.get(name), where)
        return problems + _repeat_problems(question, answer, where)

    def table(self, answers: Sequence[Answer]) -> Table:
        """The survey file that answers make; without answers, the empty one with its columns.

        Raises:
            DataError: every answer to no question of this questionnaire, or with a value that it does not allow.
        """
        import pyarrow as pa

        problems = [
            problem
            for number, answer in enumerate(answers, start=1)
            for problem in self.problems(answer, where=f"answer {number}")
        ]
        if problems:
            raise DataError(problems)
        rows = [row for answer in answers for row in self.rows(answer)]
        return pa.table({name: pa.array(_of_one_kind([row.get(name) for row in rows])) for name in self.columns})

    def rows(self, answer: Answer) -> list[Mapping[str, Cell]]:
        """The rows of the survey file that one answer makes."""
        question = self.questions[answer.question]
        respondent = question.respondent or answer.respondent
        if self.keeps == "cells":
            who = {RESPONDENT: respondent} if RESPONDENT in self.columns else {}
            return [{**who, **question.given, **answer.cells}]
        if self.keeps == "pick":
            return [{"item": question.id, RESPONDENT: respondent, "label": answer.picked or ""}]
        return [
            {
                RESPONDENT: respondent,
                "task": question.id,
                "alternative": option.name,
                "chosen": int(option.name == answer.picked),
                **option.values,
            }
            for option in question.options
        ]


class Survey(Record):
    """What a respondent is shown from first to last: the parts in their order, each a questionnaire.

    language: of the fixed texts of pages and instruments. seed: of everything that is drawn.
    """

    name: str
    title: str
    introduction: str
    thanks: str
    language: str
    seed: int
    parts: tuple[Questionnaire, ...]


def _cell_problems(field: Field, cell: Cell | None, where: str) -> list[Problem]:
    where = f"{where}, '{field.name}'"
    if cell is None or cell == "":
        return [Problem(where, "is not filled in", "an answer", "fill it in")] if field.required else []
    if field.kind == "text":
        if not isinstance(cell, str) or (field.allowed and cell not in field.allowed):
            return [Problem(where, f"is {cell!r}", nearest(str(cell), field.allowed), "give one of these")]
        return []
    low, high = (-float("inf") if field.low is None else field.low, float("inf") if field.high is None else field.high)
    if not isinstance(cell, str) and field.allowed and f"{cell:.15g}" not in field.allowed:
        return [Problem(where, f"is {cell!r}", nearest(f"{cell:.15g}", field.allowed), "give one of these")]
    if isinstance(cell, str) or not low <= cell <= high or (field.whole and not float(cell).is_integer()):
        kind = "a whole number" if field.whole else "a number"
        return [Problem(where, f"is {cell!r}", f"{kind} from {low:g} to {high:g}", "correct it")]
    return []


def _repeat_problems(question: Question, answer: Answer, where: str) -> list[Problem]:
    """A cell that an earlier one of the distinct fields has already."""
    seen: dict[Cell, str] = {}
    problems = []
    for name in question.distinct:
        cell = answer.cells.get(name)
        if cell is not None and cell in seen:
            found = f"is {cell!r}, as '{seen[cell]}' is"
            problems.append(Problem(f"{where}, '{name}'", found, "another answer", "choose two different ones"))
        elif cell is not None:
            seen[cell] = name
    return problems


def _of_one_kind(cells: Sequence[Cell | None]) -> Sequence[Cell | None]:
    if any(isinstance(cell, str) for cell in cells):
        return [cell if cell is None or isinstance(cell, str) else f"{cell:.15g}" for cell in cells]
    return cells
