"""A questionnaire as a record: `research` designs it, `serve` renders it, and its answers become a survey file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pyarrow as pa

from marketfit.errors import DataError, Problem, nearest
from marketfit.records import Record
from marketfit.research.files import Table

Cell = float | str


class Option(Record):
    """One thing to pick, with the values that are shown of it. The none option shows nothing."""

    name: str
    values: Mapping[str, Cell] = {}


class Field(Record):
    """One cell to fill in. `allowed` lists the values of a closed field."""

    name: str
    kind: Literal["number", "text"]
    allowed: tuple[str, ...] = ()


class Question(Record):
    """One question: pick one of `options`, or fill in `fields`. `respondent` is who is asked; empty: anyone."""

    id: str
    respondent: str
    text: str
    options: tuple[Option, ...] = ()
    fields: tuple[Field, ...] = ()


class Answer(Record):
    """The answer to question number `question` (from 0): the option picked, or the cells filled in."""

    question: int
    picked: str | None = None
    cells: Mapping[str, Cell] = {}


class Questionnaire(Record):
    """Questions, and how an answer becomes rows of the survey file with `columns`.

    keeps: `options` writes one row for each option shown (respondent, task, alternative, chosen, its values);
    `pick` one row with what was picked (item, respondent, label); `cells` one row with what was filled in.
    """

    instrument: str
    title: str
    columns: tuple[str, ...]
    keeps: Literal["options", "pick", "cells"]
    questions: tuple[Question, ...]

    def table(self, answers: Sequence[Answer]) -> Table:
        """The survey file that answers make; without answers, the empty one with its columns.

        Raises:
            DataError: every answer to no question of this questionnaire, or with no option of its question.
        """
        problems = [
            problem for number, answer in enumerate(answers, start=1) for problem in self._check(number, answer)
        ]
        if problems:
            raise DataError(problems)
        rows = [row for answer in answers for row in self._rows(answer)]
        return pa.table({name: _column([row.get(name) for row in rows]) for name in self.columns})

    def _check(self, number: int, answer: Answer) -> list[Problem]:
        where = f"answer {number}"
        if not 0 <= answer.question < len(self.questions):
            allowed = f"0 to {len(self.questions) - 1}"
            return [Problem(where, f"answers question {answer.question}", allowed, "name a question by its place")]
        question = self.questions[answer.question]
        if self.keeps == "cells":
            known = [field.name for field in question.fields]
            return [
                Problem(where, f"fills in '{name}'", nearest(name, known), "name a field of the question")
                for name in answer.cells
                if name not in known
            ]
        names = [option.name for option in question.options]
        if answer.picked not in names:
            return [Problem(where, f"picks '{answer.picked}'", nearest(str(answer.picked), names), "pick one option")]
        return []

    def _rows(self, answer: Answer) -> list[Mapping[str, Cell | None]]:
        question = self.questions[answer.question]
        if self.keeps == "cells":
            return [dict(answer.cells)]
        if self.keeps == "pick":
            return [{"item": question.id, "respondent": question.respondent, "label": answer.picked}]
        return [
            {
                "respondent": question.respondent,
                "task": question.id,
                "alternative": option.name,
                "chosen": int(option.name == answer.picked),
                **option.values,
            }
            for option in question.options
        ]


def _column(cells: Sequence[Cell | None]) -> Table:
    if any(isinstance(cell, str) for cell in cells):
        cells = [cell if cell is None or isinstance(cell, str) else f"{cell:.15g}" for cell in cells]
    return pa.array(cells)
