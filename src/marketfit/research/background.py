"""Who people are: questions on a page of a survey whose answers become columns of the table of respondents.

It is no instrument, since it has nothing to estimate: its columns weigh the answers to everything else
(`market.population`) and describe segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field as Limits
from pydantic import model_validator

from marketfit.brief.section import MistakeError
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.records.respondents import RESPONDENT_COLUMNS
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS

BACKGROUND = "background"
MOST_QUESTIONS = 50


class BackgroundQuestion(Record):
    """One thing to know of people: one of `answers`, or without them a number."""

    name: Annotated[str, Limits(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")] = Limits(description="column of the answer")
    text: str = Limits(min_length=1, description="the question")
    answers: tuple[str, ...] = Limits((), description="to choose one of; without them a number is asked for")
    labels: Mapping[str, str] = Limits({}, description="answer → what is shown in its place")
    low: float | None = Limits(None, description="the lowest number")
    high: float | None = Limits(None, description="the highest number")
    required: bool = Limits(True, description="false: it may be left empty")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.answers and (self.low is not None or self.high is not None):
            raise MistakeError("it has answers and a range of numbers", "one of the two", "drop one")
        if len(set(self.answers)) < len(self.answers) or len(self.answers) == 1:
            raise MistakeError(f"answers are {', '.join(self.answers)}", "two or more, each once", "correct them")
        if unknown := [answer for answer in self.labels if answer not in self.answers]:
            raise MistakeError(f"labels name '{unknown[0]}'", "answers of the question", "correct the label")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise MistakeError(f"low is {self.low:g} and high {self.high:g}", "low below high", "correct them")
        return self

    @property
    def field(self) -> Field:
        """The control that asks for it."""
        if self.answers:
            return Field(name=self.name, kind="text", text=self.text, allowed=self.answers, labels=self.labels,
                         required=self.required, show="choice")  # fmt: skip
        return Field(name=self.name, kind="number", text=self.text, low=self.low, high=self.high,
                     required=self.required)  # fmt: skip


class BackgroundPlan(Record):
    """What to ask of people themselves, on one page."""

    questions: tuple[BackgroundQuestion, ...] = Limits(
        min_length=1, max_length=MOST_QUESTIONS,
        description="each with name (of its column), text, and answers to choose one of, or low and high of a number; "
        "labels: answer → what is shown in its place; required: false where it may be left empty",
    )  # fmt: skip
    title: str = Limits("", description="heading of the page (default: 'About you', in the survey's language)")


class Background:
    """A page that asks people who they are."""

    plan: ClassVar[type[Record]] = BackgroundPlan

    def design(self, plan: BackgroundPlan, *, seed: int, language: Language = "en") -> Questionnaire:  # noqa: ARG002 - nothing is drawn
        """One page for everybody. Raises DataError for columns that are there twice, or have another meaning."""
        names = [question.name for question in plan.questions]
        problems = [
            Problem(f"questions.{name}", "is a column of the table of respondents", "another name", "rename it")
            for name in names
            if name in RESPONDENT_COLUMNS
        ]
        problems += [
            Problem(f"questions.{name}", "is there twice", "one question for a column", "rename one of them")
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        if problems:
            raise DataError(problems)
        title = plan.title or INSTRUMENT_TEXTS[language].background_title
        page = Question(id="1", respondent="", text=title, fields=tuple(question.field for question in plan.questions))
        return Questionnaire(
            instrument=BACKGROUND, title=title, columns=("respondent", *names), keeps="cells", questions=(page,)
        )
