"""Interviews and open questions: what people say in their own words, as themes with quotes.

File: one row for each answer: `respondent` and `text`, which may be empty. Optional: `question`, by which themes are
told where there are several, and `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.given import Flags, Floats, Ints
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.respondents import Respondents, Standing
from marketfit.research.sheet import Sheet
from marketfit.research.theme_names import Embed
from marketfit.research.themes import Statement, Theme, statements_of, themes_by_meaning, themes_by_rules
from marketfit.task import FloatMatrix

COLUMNS, QUESTION = ("respondent", "text"), "question"
MOST_QUESTIONS = 50
TASK, BACKBONE = "text-classification", "minilm"
"""Statements are embedded by the built-in backbone as it is, whatever the task of the product."""


LOOSE = 0.1
"""Silhouette below which groups of statements are told to run into each other: a rule of thumb, not a test."""


class InterviewPlan(Record):
    """Open questions, each answered in a few sentences."""

    questions: tuple[str, ...] = Limits(min_length=1)


@dataclass(frozen=True, eq=False)
class InterviewAnswers:
    """Statements of those in `who`, by index. questions: what was asked, one that is empty where the file does not say.

    person, question, empty: (answers,) who answered what, and whether the text is empty.
    """

    statements: tuple[Statement, ...]
    questions: tuple[str, ...]
    person: Ints
    question: Ints
    empty: Flags
    who: Respondents
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> InterviewAnswers:
        """The answers of those who count. Questions keep their place, also those that only others answered."""
        rows, person = standing.rows(self.person)
        place = np.cumsum(standing.kept) - 1
        statements = tuple(
            replace(one, respondent=int(place[one.respondent]))
            for one in self.statements
            if standing.kept[one.respondent]
        )
        return InterviewAnswers(
            statements, self.questions, person, self.question[rows], self.empty[rows], self.who.under(standing),
            (*self.notes, *standing.notes),
        )  # fmt: skip

    def asked(self, question: int) -> Floats:
        """(people,) how much each counts who was asked a question, 0 for the others."""
        answered = np.zeros(self.who.count, dtype=np.bool_)
        answered[self.person[self.question == question]] = True
        return np.where(answered, self.who.weights, 0.0)


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
                fields=(Field(name="text", kind="text", text=texts.your_answer, show="long"),),
                given={QUESTION: text},
            )
            for number, text in enumerate(plan.questions, start=1)
        )
        return Questionnaire(
            instrument="interviews",
            title=texts.interviews_title,
            columns=(COLUMNS[0], QUESTION, COLUMNS[1]),
            keeps="cells",
            questions=questions,
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> InterviewAnswers:  # noqa: ARG002 - no attributes are needed
        """Read respondent, text and, where there is one, the question; a person may have several rows."""
        sheet = Sheet.of(file, needs=COLUMNS, may=(QUESTION,))
        person, text = sheet.names("respondent"), sheet.names("text", required=False)
        question = sheet.names(QUESTION, most=MOST_QUESTIONS) if sheet.has(QUESTION) else None
        who = sheet.respondents(person)
        sheet.check()
        questions = ("",) if question is None else question.labels
        place = np.zeros(sheet.rows, dtype=np.int64) if question is None else question.codes
        told = np.flatnonzero(text.codes >= 0)
        texts = text.words.take(pa.array(text.codes[told])).to_pylist()
        statements = statements_of(texts, person.codes[told].tolist(), place[told].tolist())
        if not statements:
            sheet.problem("column 'text'", "no answer holds a word", "what people said", "is it the right column?")
            sheet.check()
        return InterviewAnswers(statements, questions, person.codes, place, text.codes < 0, who, sheet.notes())

    def estimate(self, answers: InterviewAnswers, market: MarketSpec, *, run: Run) -> Finding:
        """Themes by meaning, and by the brief's rules where it has some, question by question.

        Nothing is random: every seed finds the same.

        Raises:
            DataError: nobody who counts said a word.
            MissingExtraError: the extra `train`, which brings the embedder, is not installed.
        """
        if not answers.statements:
            found, do = "no answer of those who count holds a word", "ask more people"
            raise DataError([Problem("interviews", found, "what people said", do)])
        with run.reporter.task("themes of the interviews") as progress:
            embed = _embedder(run)
            embedded = embed([statement.text for statement in answers.statements])
            progress(0.9)
            told = [_question(place, answers, embedded, embed, market) for place in range(len(answers.questions))]
            progress(1.0)
        notes = [*answers.notes, *answers.who.notes(), *(note for one in told for note in one.notes)]
        if empty := int(answers.empty.sum()):
            notes.append(f"{empty} empty answers count as given, and say nothing.")
        return Finding(
            instrument="interviews",
            title="What people say in their own words",
            respondents=answers.who.count,
            answers=answers.person.size,
            simulated=market.simulated,
            figures=tuple(one.figure for one in told),
            tables=tuple(table for one in told for table in one.tables),
            notes=tuple(notes),
        )


@dataclass(frozen=True)
class _Told:
    """What the answers to one question say."""

    figure: Figure
    tables: tuple[FindingTable, ...]
    notes: tuple[str, ...]


def _question(place: int, answers: InterviewAnswers, embedded: FloatMatrix, embed: Embed, market: MarketSpec) -> _Told:
    """Themes of one question, among those who were asked it; with several questions everything names it."""
    of = "" if len(answers.questions) == 1 else f"“{answers.questions[place]}”: "
    mine = np.array([one.question == place for one in answers.statements])
    statements = [one for one in answers.statements if one.question == place]
    weights = answers.asked(place)
    people, count = int((weights > 0).sum()), len(statements)
    if not statements:
        return _Told(Figure(name=f"{of}Themes", value=0.0, n=0), (), (f"{of}nobody who counts said a word.",))
    grouped = themes_by_meaning(statements, embedded[mine], people=people, weights=weights, embed=embed)
    found, apart, other = grouped.themes, grouped.silhouette, grouped.other
    tables = [_table(f"{of}Themes, by meaning", (*found, other) if other else found, people)]
    if market.codes:
        coded = themes_by_rules(statements, market.codes, people=people, weights=weights)
        tables.insert(0, _table(f"{of}Codes, by the rules of the brief", coded, people))
    notes = [f"{of}{count} statements; groups have a silhouette of {apart:.2f} (1 well apart, 0 not apart)."]
    if found and apart < LOOSE:
        notes.append(
            f"{of}A silhouette below {LOOSE} means groups that run into each other: read the quotes, and code "
            "by rules (market.codes) before you count."
        )
    if other:
        notes.append(f"{of}{other.statements} of the statements fit no theme: they are counted as 'other'.")
    return _Told(Figure(name=f"{of}Themes", value=float(len(found)), n=count), tuple(tables), tuple(notes))


def _embedder(run: Run) -> Embed:
    from marketfit.measure.features import embed, make_embedder

    embedder = make_embedder(TASK, BACKBONE, base=Path(), run=run)
    return lambda texts: embed(embedder, texts, run)


def _table(title: str, themes: tuple[Theme, ...], people: int) -> FindingTable:
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
        note=f"Share of the {people} people who were asked, weighted where they are, with 95 % interval "
        "(Clopper–Pearson). A person may have several.",
        drawing=Drawing(kind="intervals", x="share of people", label="theme", low="low", high="high"),
    )
