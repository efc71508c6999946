"""Pages as HTML: Jinja2 templates that escape whatever comes from the survey or from a respondent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from marketfit.records.questionnaire import Survey
from marketfit.serve.survey.texts import Texts, texts_of
from marketfit.serve.survey.views import QuestionView


@dataclass(frozen=True)
class Step:
    """Where a respondent is: question `number` (from 1) of `count`, and their secret."""

    token: str
    number: int
    count: int


class Pages:
    """The pages of one survey, in its language."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self.texts: Texts = texts_of(survey.language)

    @cached_property
    def css(self) -> str:
        """The one style sheet."""
        folder = resources.files("marketfit.serve.survey").joinpath("templates")
        return folder.joinpath("survey.css").read_text(encoding="utf-8")

    def welcome(self, *, token: str, external: str | None) -> str:
        """What respondents see first."""
        paragraphs = self._paragraphs(self._survey.introduction)
        return self._page("welcome.html.j2", token=token, external=external or "", paragraphs=paragraphs)

    def question(self, view: QuestionView, step: Step) -> str:
        """One question."""
        return self._page("question.html.j2", view=view, step=step)

    def thanks(self, step: Step) -> str:
        """What respondents see last."""
        return self._page("thanks.html.j2", step=step, paragraphs=self._paragraphs(self._survey.thanks))

    def notice(self, title: str, why: str) -> str:
        """A page that only says something."""
        return self._page("notice.html.j2", title=title, why=why)

    def _page(self, name: str, **values: object) -> str:
        return self._templates.get_template(name).render(survey=self._survey, texts=self.texts, **values)

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=PackageLoader("marketfit.serve.survey"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @staticmethod
    def _paragraphs(text: str) -> list[str]:
        return [part.strip() for part in text.split("\n\n") if part.strip()]
