"""Satisfaction: would people recommend the product, are they satisfied, and would they miss it.

File: one row for each respondent: `respondent`, and at least one of `recommend` (0 to 10), `satisfied` (1 to the number
in the column `scale`, the same on all rows) and `disappointed` if the product were gone (very, somewhat, not); empty
where somebody did not answer. Optional: `segment`, by which all is told again, and `weight`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Cell, Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import figure, interval_cells
from marketfit.research.given import Flags, Floats
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.respondents import Respondents, Standing
from marketfit.research.satisfaction import MISSED, disappointment, net_promoter, top_two
from marketfit.research.sheet import Names, Sheet
from marketfit.research.weighted import Estimate

Asked: TypeAlias = Literal["recommend", "satisfied", "disappointed"]
ASKED: tuple[Asked, ...] = ("recommend", "satisfied", "disappointed")
WORDS = ("very", "somewhat", "not")
MOST_SEGMENTS, MOST_SCALE = 50, 100


class SatisfactionPlan(Record):
    """What to ask about a product; `scale` is the highest answer on satisfaction, the lowest is 1."""

    product: str
    questions: tuple[Asked, ...] = Limits(default=ASKED, min_length=1)
    scale: Annotated[int, Limits(ge=2, le=MOST_SCALE)] = 5


@dataclass(frozen=True, eq=False)
class SatisfactionAnswers:
    """Validated answers, one of each respondent: numbers by question (people,), NaN where not answered, with
    `disappointed` as places in WORDS; `segment` is None where the file has none.
    """

    given: dict[Asked, Floats]
    who: Respondents
    segment: Names | None
    scale: float
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> SatisfactionAnswers:
        """The answers of those who count."""
        given = {name: values[standing.kept] for name, values in self.given.items()}
        segment = self.segment and replace(self.segment, codes=self.segment.codes[standing.kept])
        notes = (*self.notes, *standing.notes)
        return SatisfactionAnswers(given, self.who.under(standing), segment, self.scale, notes)


class SatisfactionSurvey:
    """Net Promoter Score, top-two-box satisfaction, and the share who would be very disappointed."""

    plan: ClassVar[type[Record]] = SatisfactionPlan

    def design(
        self,
        plan: SatisfactionPlan,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        language: Language = "en",
    ) -> Questionnaire:
        """One form for everybody."""
        texts, product = INSTRUMENT_TEXTS[language], plan.product
        of_question = {
            "recommend": Field(
                name="recommend", kind="number", low=0.0, high=10.0, whole=True, show="scale",
                text=texts.recommend.format(product=product),
            ),
            "satisfied": Field(
                name="satisfied", kind="number", low=1.0, high=float(plan.scale), whole=True, show="scale",
                text=texts.satisfied.format(product=product, scale=plan.scale),
            ),
            "disappointed": Field(
                name="disappointed", kind="text", allowed=WORDS, show="choice",
                labels=dict(zip(WORDS, texts.disappointed_answers, strict=True)),
                text=texts.disappointed.format(product=product),
            ),
        }  # fmt: skip
        asked = tuple(name for name in ASKED if name in plan.questions)
        given: dict[str, Cell] = {"scale": float(plan.scale)} if "satisfied" in asked else {}
        form = Question(
            id="satisfaction",
            respondent="",
            text=texts.satisfaction_question.format(product=product),
            fields=tuple(of_question[name] for name in asked),
            given=given,
        )
        return Questionnaire(
            instrument="satisfaction",
            title=texts.satisfaction_title,
            columns=("respondent", *given, *asked),
            keeps="cells",
            questions=(form,),
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> SatisfactionAnswers:  # noqa: ARG002 - nothing of the brief
        """Read the answers of each respondent, once."""
        sheet = Sheet.of(file, needs=("respondent",), may=(*ASKED, "scale", "segment"))
        person = sheet.names("respondent")
        asked = [name for name in ASKED if sheet.has(name)]
        if not asked:
            named = ", ".join(f"'{name}'" for name in ASKED)
            sheet.problem("header", f"has none of the columns {named}", "at least one", "add or rename a column")
        if "satisfied" in asked and not sheet.has("scale"):
            do = "add it, with the top of the scale on every row"
            sheet.problem("header", "has 'satisfied' but no 'scale'", "both", do)
        scale = sheet.constant("scale", low=2, high=MOST_SCALE)
        given: dict[Asked, Floats] = {}
        for name in asked:
            if name == "disappointed":
                codes = sheet.choices(name, WORDS, required=False)
                given[name] = np.where(codes < 0, np.nan, codes)
            else:
                low, high = (0.0, 10.0) if name == "recommend" else (1.0, scale)
                given[name] = sheet.numbers(name, low=low, high=high, whole=True, required=False)
        segment = sheet.names("segment", required=False, most=MOST_SEGMENTS) if sheet.has("segment") else None
        sheet.once(person, found="a respondent answers more than once")
        weights = sheet.weights(person)
        sheet.check()
        who = Respondents(person.words.take(pa.array(person.codes)), weights[person.codes])
        return SatisfactionAnswers(given, who, segment, scale, sheet.notes())

    def estimate(self, answers: SatisfactionAnswers, market: MarketSpec, *, run: Run) -> Finding:  # noqa: ARG002 - quick
        """Every question that was asked, over all people and by segment, with 95 % intervals."""
        figures: list[Figure] = []
        tables: list[FindingTable] = []
        notes = [*answers.notes, *answers.who.notes()]
        for name, values in answers.given.items():
            known = np.isfinite(values)
            if not known.all():
                notes.append(f"'{name}' was not answered by {int((~known).sum())} of {known.size} respondents.")
            if known.any():
                found, told = _figures(name, values[known], answers.who.weights[known], answers.scale)
                figures += found
                notes += told
                tables += _by_segment(name, answers, known)
        return Finding(
            instrument="satisfaction",
            title="How content people are",
            respondents=answers.who.count,
            answers=int(sum(np.isfinite(values).sum() for values in answers.given.values())),
            simulated=market.simulated,
            figures=tuple(figures),
            tables=tuple(tables),
            notes=tuple(notes),
        )


def _figures(name: Asked, values: Floats, weights: Floats, scale: float) -> tuple[list[Figure], list[str]]:
    if name == "recommend":
        promoter = net_promoter(values, weights)
        parts = {
            "Promoters (9, 10)": promoter.promoters,
            "Passives (7, 8)": promoter.passives,
            "Detractors (0 to 6)": promoter.detractors,
        }
        shares = [figure(title, part, unit="%", times=100) for title, part in parts.items()]
        return [figure("Net Promoter Score", promoter.score), *shares], []
    if name == "satisfied":
        content = top_two(values, weights, scale=scale)
        top = figure(f"Satisfied ({scale - 1:g} or {scale:g} of {scale:g})", content.top, unit="%", times=100)
        return [top, figure(f"Mean satisfaction (1 to {scale:g})", content.mean)], []
    missed = disappointment(values.astype(np.int64), weights)
    words = {
        "met": "met, and the interval lies above it",
        "unproven": "unproven: the value is above it, but the interval reaches below",
        "broken": "not met",
    }
    note = f"Ellis's mark of {MISSED:.0%} very disappointed is {words[missed.standing]}."
    return [figure("Very disappointed without it", missed.very, unit="%", times=100)], [note]


_TITLES: dict[Asked, str] = {
    "recommend": "Net Promoter Score by segment",
    "satisfied": "Satisfied (top two boxes, percent) by segment",
    "disappointed": "Very disappointed without it (percent) by segment",
}


def _by_segment(name: Asked, answers: SatisfactionAnswers, known: Flags) -> Iterator[FindingTable]:
    if answers.segment is None:
        return
    headline: dict[Asked, Callable[[Floats, Floats], Estimate]] = {
        "recommend": lambda values, weights: net_promoter(values, weights).score,
        "satisfied": lambda values, weights: _percent(top_two(values, weights, scale=answers.scale).top),
        "disappointed": lambda values, weights: _percent(disappointment(values.astype(np.int64), weights).very),
    }
    rows: list[tuple[float | str | None, ...]] = []
    for code, segment in enumerate((*answers.segment.labels, "(not given)")):
        wanted = code if code < answers.segment.count else -1
        inside = known & (answers.segment.codes == wanted)
        if inside.any():
            estimate = headline[name](answers.given[name][inside], answers.who.weights[inside])
            rows.append((segment, *interval_cells(estimate), estimate.n))
    yield FindingTable(
        title=_TITLES[name],
        columns=("segment", "value", "low", "high", "n"),
        rows=tuple(rows),
        note="With 95 % intervals.",
        drawing=Drawing(kind="intervals", x="value", label="segment", low="low", high="high"),
    )


def _percent(estimate: Estimate) -> Estimate:
    return Estimate(*interval_cells(estimate, times=100), estimate.n)
