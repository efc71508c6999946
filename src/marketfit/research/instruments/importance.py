"""Importance and performance: how much each attribute matters to people, and how well it is done.

File: one row for each attribute of a respondent: `respondent`, `attribute`, `importance` and `performance` from 1 to
the number in the column `scale`, the same on all rows; `performance` is empty where somebody can't say. Optional:
`weight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Finding, FindingTable, Proposal
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import interval_cells
from marketfit.research.importance_performance import AttributePosition, Grid, RatedAnswers, importance_performance
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.respondents import Respondents, Standing, recoded
from marketfit.research.sheet import Sheet
from marketfit.research.weighted import Estimate

COLUMNS = ("respondent", "attribute", "scale", "importance", "performance")
MOST_ATTRIBUTES, MOST_SCALE = 300, 100


class ImportancePlan(Record):
    """The attributes to rate; `scale` is the highest answer, the lowest is 1."""

    attributes: tuple[str, ...] = Limits(min_length=1, max_length=MOST_ATTRIBUTES)
    scale: Annotated[int, Limits(ge=2, le=MOST_SCALE)] = 5


@dataclass(frozen=True, eq=False)
class ImportanceAnswers:
    """Validated ratings; `attributes` are the names of their codes."""

    answers: RatedAnswers
    attributes: tuple[str, ...]
    who: Respondents
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> ImportanceAnswers:
        """The ratings of those who count."""
        coded, who = self.answers, self.who.under(standing)
        rows, person = standing.rows(coded.person)
        attribute, attributes, lost = recoded(coded.attribute, rows, self.attributes)
        ratings = (coded.importance[rows], coded.performance[rows])
        answers = RatedAnswers(*ratings, attribute, person, who.weights, len(attributes), coded.scale)
        return ImportanceAnswers(answers, attributes, who, (*self.notes, *standing.notes, *lost))


class Importance:
    """Importance–performance analysis."""

    plan: ClassVar[type[Record]] = ImportancePlan

    def design(self, plan: ImportancePlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """Two ratings for each attribute, attributes in random order."""
        if len(set(plan.attributes)) < len(plan.attributes):
            raise DataError([Problem("attributes", "one is there twice", "every attribute once", "drop the copies")])
        order = np.random.default_rng(seed).permutation(len(plan.attributes)).tolist()
        words = INSTRUMENT_TEXTS[language]
        texts = {"importance": words.importance, "performance": words.performance}
        fields = tuple(
            Field(
                name=name, kind="number", text=text.format(scale=plan.scale), low=1.0, high=float(plan.scale),
                whole=True, show="scale", required=name == "importance",
            )
            for name, text in texts.items()
        )  # fmt: skip
        questions = tuple(
            Question(id=name, respondent="", text=name, fields=fields, given={"attribute": name, "scale": plan.scale})
            for name in (plan.attributes[place] for place in order)
        )
        title = words.importance_title
        return Questionnaire(instrument="importance", title=title, columns=COLUMNS, keeps="cells", questions=questions)

    def read(self, file: SurveyFile, market: MarketSpec) -> ImportanceAnswers:  # noqa: ARG002 - nothing of the brief
        """Read the ratings: a respondent once on an attribute; only performance may be empty."""
        sheet = Sheet.of(file, needs=COLUMNS)
        person, attribute = sheet.names("respondent"), sheet.names("attribute", most=MOST_ATTRIBUTES)
        scale = sheet.constant("scale", low=2, high=MOST_SCALE)
        importance = sheet.numbers("importance", low=1, high=scale)
        performance = sheet.numbers("performance", low=1, high=scale, required=False)
        sheet.once(person, attribute, found="a respondent rates an attribute more than once")
        who = sheet.respondents(person)
        sheet.check()
        answers = RatedAnswers(
            importance, performance, attribute.codes, person.codes, who.weights, attribute.count, scale
        )
        return ImportanceAnswers(answers, attribute.labels, who, sheet.notes())

    def estimate(self, answers: ImportanceAnswers, market: MarketSpec, *, run: Run) -> Finding:  # noqa: ARG002 - quick
        """Means, gaps and quadrants with 95 % intervals; what matters and is done badly is proposed for the brief."""
        grid = importance_performance(answers.answers)
        placed = [
            (name, position)
            for name, position in zip(answers.attributes, grid.positions, strict=True)
            if position is not None
        ]
        notes = [*answers.notes, *answers.who.notes()]
        performance = answers.answers.performance
        if (silent := int(np.isnan(performance).sum())) > 0:
            notes.append(f"{silent} of {performance.size} ratings have no performance: they count for importance only.")
        if lost := [name for name, position in zip(answers.attributes, grid.positions, strict=True) if not position]:
            notes.append(f"Not placed, because fewer than two people rated their performance: {', '.join(lost)}.")
        return Finding(
            instrument="importance",
            title="What matters, and how well it is done",
            respondents=answers.who.count,
            answers=answers.answers.attribute.size,
            simulated=market.simulated,
            tables=(_map(placed, grid), _gaps(placed)) if placed else (),
            proposals=_proposals(placed),
            notes=tuple(notes),
        )


_Placed = list[tuple[str, AttributePosition]]


def _map(placed: _Placed, grid: Grid) -> FindingTable:
    cuts = tuple(() if cut is None else (cut,) for cut in (grid.performance_cut, grid.importance_cut))
    return FindingTable(
        title="Importance and performance",
        columns=(
            "attribute", "quadrant", "proven", "performance", "performance low", "performance high", "importance",
            "importance low", "importance high", "n",
        ),
        rows=tuple(
            (
                name, position.quadrant, "proven" if position.placed else "undecided",
                *interval_cells(position.performance), *interval_cells(position.importance), position.performance.n,
            )
            for name, position in placed
        ),
        note="Means with 95 % intervals; the grid is cut at the means of all attributes. Proven: the attribute lies on "
        "its sides of both cuts with 95 % confidence together.",
        drawing=Drawing(kind="map", x="performance", y="importance", label="attribute", series="quadrant",
                        marks=cuts[0], marks_y=cuts[1]),
    )  # fmt: skip


def _gaps(placed: _Placed) -> FindingTable:
    gaps: list[tuple[str, Estimate]] = [(name, position.gap) for name, position in placed if position.gap is not None]
    return FindingTable(
        title="Performance less importance",
        columns=("attribute", "gap", "low", "high", "n"),
        rows=tuple((name, *interval_cells(gap), gap.n) for name, gap in sorted(gaps, key=lambda pair: pair[1].value)),
        note="Mean of the differences of each person, with 95 % intervals: below 0, it matters more than it is done.",
        drawing=Drawing(kind="intervals", x="gap", label="attribute", low="low", high="high", marks=(0.0,)),
    )


def _proposals(placed: _Placed) -> tuple[Proposal, ...]:
    return tuple(
        Proposal(
            text=f"Improve '{name}' first: if a metric measures it, require it or give it a weight in the brief.",
            reason=f"It matters more than attributes do on average (mean importance {position.importance.value:.2f}) "
            f"and is done worse (mean performance {position.performance.value:.2f}), proven with 95 % confidence; "
            f"n = {position.performance.n}.",
        )
        for name, position in placed
        if position.placed and position.quadrant == "concentrate here"
    )
