"""Interviews and open questions: what people say in their own words, as themes with quotes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.files import read_raw
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.themes import Statement, Theme, statements_of, themes_by_meaning, themes_by_rules

COLUMNS = ("respondent", "text")
TASK, BACKBONE = "text-classification", "minilm"
"""Statements are embedded by the built-in backbone as it is, whatever the task of the product."""


LOOSE = 0.1
"""Silhouette below which groups of statements are told to run into each other: a rule of thumb, not a test."""


class InterviewPlan(Record):
    """Open questions, each answered in a few sentences."""

    questions: tuple[str, ...] = Limits(min_length=1)


@dataclass(frozen=True)
class InterviewAnswers:
    """Statements, and how many people were asked."""

    statements: tuple[Statement, ...]
    respondents: tuple[str, ...]
    answers: int
    empty: int
    unused: tuple[str, ...]


class Interviews:
    """Open answers, grouped by meaning; coded by rules too where the brief has `market.codes`."""

    plan: ClassVar[type[Record]] = InterviewPlan

    def design(
        self,
        plan: InterviewPlan,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        language: Language = "en",
    ) -> Questionnaire:
        """Every question to everybody, in its order."""
        texts = INSTRUMENT_TEXTS[language]
        questions = tuple(
            Question(
                id=str(number),
                respondent="",
                text=text,
                fields=(Field(name="text", kind="text", text=texts.interviews_answer, show="long"),),
            )
            for number, text in enumerate(plan.questions, start=1)
        )
        return Questionnaire(
            instrument="interviews",
            title=texts.interviews_title,
            columns=COLUMNS,
            keeps="cells",
            questions=questions,
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> InterviewAnswers:  # noqa: ARG002 - no attributes are needed
        """Read respondent and text; an empty text is counted, a person may have several rows."""
        problems: list[Problem] = []
        raw = read_raw(file, COLUMNS, problems)
        if raw is None:
            raise DataError(problems)
        problems.extend(raw.missing(COLUMNS))
        if not raw.table.num_rows:
            problems.append(Problem(str(raw.path), "has no rows", "one row for each answer", "give the answers"))
        if not raw.missing(COLUMNS):
            people = cells.names(raw, "respondent", problems, required=True)
            texts = cells.names(raw, "text", problems, required=False).to_pylist()
        if problems:
            raise DataError(problems)
        names, codes = np.unique(np.array(people.to_pylist(), dtype=np.str_), return_inverse=True)
        told = [(text, code) for text, code in zip(texts, codes.tolist(), strict=True) if text]
        statements = statements_of([text for text, _ in told], [code for _, code in told])
        if not statements:
            found = "no answer holds a word"
            raise DataError([Problem(str(raw.path), found, "what people said", "is it the right column?")])
        return InterviewAnswers(statements, tuple(names.tolist()), len(texts), len(texts) - len(told), raw.unused)

    def estimate(self, answers: InterviewAnswers, market: MarketSpec, *, run: Run) -> Finding:
        """Themes by meaning, and by the brief's rules where it has some. Nothing is random: every seed finds the same.

        Raises:
            MissingExtraError: the extra `train`, which brings the embedder, is not installed.
        """
        people = len(answers.respondents)
        with run.reporter.task("themes of the interviews") as progress:
            grouped = themes_by_meaning(answers.statements, _embedded(answers.statements, run), people=people)
            progress(1.0)
        found, apart, other = grouped.themes, grouped.silhouette, grouped.other
        tables = [_table("Themes, by meaning", (*found, other) if other else found)]
        if market.codes:
            coded = themes_by_rules(answers.statements, market.codes, people=people)
            tables.insert(0, _table("Codes, by the rules of the brief", coded))
        count = len(answers.statements)
        notes = [f"{count} statements; groups have a silhouette of {apart:.2f} (1 well apart, 0 not apart)."]
        if found and apart < LOOSE:
            notes.append(
                f"A silhouette below {LOOSE} means groups that run into each other: read the quotes, and code "
                "by rules (market.codes) before you count."
            )
        if other:
            notes.append(f"{other.statements} of the statements fit no theme: they are counted as 'other'.")
        if answers.empty:
            notes.append(f"{answers.empty} empty answers count as given, and say nothing.")
        return Finding(
            instrument="interviews",
            title="What people say in their own words",
            respondents=people,
            answers=answers.answers,
            simulated=market.simulated,
            figures=(Figure(name="Themes", value=float(len(found)), n=count),),
            tables=tuple(tables),
            notes=tuple(notes),
        )


def _embedded(statements: tuple[Statement, ...], run: Run) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    from marketfit.measure.features import embed, make_embedder

    embedder = make_embedder(TASK, BACKBONE, base=Path(), run=run)
    return embed(embedder, [statement.text for statement in statements], run)


def _table(title: str, themes: tuple[Theme, ...]) -> FindingTable:
    return FindingTable(
        title=title,
        columns=("theme", "share of people", "low", "high", "people", "statements", "quotes"),
        rows=tuple(
            (
                theme.name,
                theme.share,
                theme.low,
                theme.high,
                float(theme.people),
                float(theme.statements),
                " · ".join(f"“{quote}”" for quote in theme.quotes),
            )
            for theme in themes
        ),
        note="Share of the people who were asked, with 95 % interval (Clopper–Pearson). A person may have several.",
        drawing=Drawing(kind="intervals", x="share of people", label="theme", low="low", high="high"),
    )
