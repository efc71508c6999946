"""Perceptions: what people say of our offer and of others, and the map of it.

File: one row for each attribute of an offer that a respondent judged: `respondent`, `offer`, `attribute`, `rating` and
`scale`, the same on all rows. A scale of 1 asks whether the attribute fits the offer (1) or not (0); on a higher one
ratings go from 1 to it. Optional: `weight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import interval_cells
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS, InstrumentTexts
from marketfit.research.perceptions import PerceptionAnswers, PerceptionMap, mean_perceptions, perception_map
from marketfit.research.respondents import Respondents, Standing, recoded
from marketfit.research.sheet import Sheet

COLUMNS = ("respondent", "offer", "attribute", "scale", "rating")
MOST_OFFERS, MOST_ATTRIBUTES, MOST_SCALE = 50, 100, 100


class PerceptionPlan(Record):
    """Offers and attributes; a `scale` of 1 asks whether an attribute fits, a higher one for a rating from 1 to it."""

    offers: tuple[str, ...] = Limits(min_length=2, max_length=MOST_OFFERS)
    attributes: tuple[str, ...] = Limits(min_length=2, max_length=MOST_ATTRIBUTES)
    scale: Annotated[int, Limits(ge=1, le=MOST_SCALE)] = 1


@dataclass(frozen=True, eq=False)
class Perceived:
    """Validated answers; `offers` and `attributes` are the names of their codes."""

    answers: PerceptionAnswers
    offers: tuple[str, ...]
    attributes: tuple[str, ...]
    who: Respondents
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> Perceived:
        """The answers of those who count; DataError where they leave a pair of offer and attribute without any."""
        coded, who = self.answers, self.who.under(standing)
        rows, person = standing.rows(coded.person)
        offer, offers, lost = recoded(coded.offer, rows, self.offers)
        attribute, attributes, gone = recoded(coded.attribute, rows, self.attributes)
        counts = (len(offers), len(attributes), coded.fits_only, coded.scale)
        answers = PerceptionAnswers(coded.rating[rows], offer, attribute, person, who.weights, *counts)
        return Perceived(answers, offers, attributes, who, (*self.notes, *standing.notes, *lost, *gone))


class Perceptions:
    """Ratings of offers by attribute, with a perceptual map."""

    plan: ClassVar[type[Record]] = PerceptionPlan

    def design(self, plan: PerceptionPlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """One question for each attribute of each offer; offers and attributes in random order."""
        problems = [
            Problem(name, "one is there twice", "every one once", "drop the copies")
            for name, given in (("offers", plan.offers), ("attributes", plan.attributes))
            if len(set(given)) < len(given)
        ]
        if problems:
            raise DataError(problems)
        rng = np.random.default_rng(seed)
        texts = INSTRUMENT_TEXTS[language]
        asked = texts.fits if plan.scale == 1 else texts.fits_how_well
        field = _rating(plan.scale, texts)
        questions = tuple(
            Question(
                id=f"{offer}: {attribute}",
                respondent="",
                text=asked.format(attribute=attribute, offer=offer),
                fields=(field,),
                given={"offer": offer, "attribute": attribute, "scale": float(plan.scale)},
            )
            for offer in (plan.offers[place] for place in rng.permutation(len(plan.offers)).tolist())
            for attribute in (plan.attributes[place] for place in rng.permutation(len(plan.attributes)).tolist())
        )
        title = texts.perceptions_title
        return Questionnaire(instrument="perceptions", title=title, columns=COLUMNS, keeps="cells", questions=questions)

    def read(self, file: SurveyFile, market: MarketSpec) -> Perceived:  # noqa: ARG002 - nothing of the brief
        """Read the ratings: a respondent once on an attribute of an offer, every attribute asked of every offer."""
        sheet = Sheet.of(file, needs=COLUMNS)
        person = sheet.names("respondent")
        offer, attribute = sheet.names("offer", most=MOST_OFFERS), sheet.names("attribute", most=MOST_ATTRIBUTES)
        scale = sheet.constant("scale", low=1, high=MOST_SCALE)
        low, high = (0.0, 1.0) if scale == 1 else (1.0, scale)
        rating = sheet.numbers("rating", low=low, high=high, whole=scale == 1)
        sheet.once(person, offer, attribute, found="a respondent judges an attribute of an offer more than once")
        who = sheet.respondents(person)
        sheet.check()
        asked = np.bincount(offer.codes * attribute.count + attribute.codes, minlength=offer.count * attribute.count)
        for pair in np.flatnonzero(asked == 0)[:20].tolist():
            one, other = divmod(pair, attribute.count)
            found = f"nobody judged '{attribute.labels[other]}' of '{offer.labels[one]}'"
            sheet.problem("rows", found, "every attribute of every offer", "ask it, or drop the offer or attribute")
        sheet.check()
        answers = PerceptionAnswers(
            rating, offer.codes, attribute.codes, person.codes, who.weights, offer.count, attribute.count, scale == 1,
            None if scale == 1 else scale,
        )  # fmt: skip
        return Perceived(answers, offer.labels, attribute.labels, who, sheet.notes())

    def estimate(self, answers: Perceived, market: MarketSpec, *, run: Run) -> Finding:
        """Means, or shares of people, of each pair with 95 % intervals, and the perceptual map."""
        notes, figures = [*answers.notes, *answers.who.notes()], tuple[Figure, ...]()
        tables = [_means(answers)]
        try:
            found = perception_map(answers.answers, seed=run.seed_for("research", "perceptions"))
        except DataError as error:
            notes.append(f"No map: {error.problems[0].found}.")
        else:
            notes += _left_out(answers, found)
            figures = _axes(found, answers.who.count)
            if found.map.inertia.size > 1:
                tables.append(_map(answers, found))
            else:
                notes.append("No map: offers differ in one direction only.")
        return Finding(
            instrument="perceptions",
            title="How people see the offers",
            respondents=answers.who.count,
            answers=answers.answers.rating.size,
            simulated=market.simulated,
            figures=figures,
            tables=tuple(tables),
            notes=tuple(notes),
        )


def _rating(scale: int, texts: InstrumentTexts) -> Field:
    """What is filled in: yes or no, kept as 1 or 0; or a number from 1 to `scale`."""
    if scale == 1:
        return Field(
            name="rating", kind="number", text=texts.your_answer, allowed=("1", "0"),
            labels=dict(zip(("1", "0"), texts.fits_answers, strict=True)), low=0.0, high=1.0, show="scale",
        )  # fmt: skip
    text = texts.fits_scale.format(scale=scale)
    return Field(name="rating", kind="number", text=text, low=1.0, high=float(scale), whole=True, show="scale")


def _means(answers: Perceived) -> FindingTable:
    percent = answers.answers.fits_only
    found = mean_perceptions(answers.answers)
    rows: list[tuple[float | str | None, ...]] = []
    for pair, estimate in enumerate(found):
        offer, attribute = divmod(pair, len(answers.attributes))
        cells = interval_cells(estimate, times=100 if percent else 1)
        rows.append((answers.offers[offer], answers.attributes[attribute], *cells, estimate.n))
    return FindingTable(
        title="Who says that it fits" if percent else "Mean ratings",
        columns=("offer", "attribute", "percent" if percent else "mean", "low", "high", "n"),
        rows=tuple(rows),
        note="With 95 % intervals.",
    )


def _axes(found: PerceptionMap, people: int) -> tuple[Figure, ...]:
    return tuple(
        Figure(name=f"Axis {axis} of the map, share of all differences", value=100 * share, n=people, unit="%")
        for axis, share in enumerate(found.map.explained[:2].tolist(), start=1)
    )


def _left_out(answers: Perceived, found: PerceptionMap) -> list[str]:
    lost = [
        f"'{name}'"
        for names, kept in ((answers.offers, found.offers), (answers.attributes, found.attributes))
        for name, is_kept in zip(names, kept.tolist(), strict=True)
        if not is_kept
    ]
    return [f"Not in the map, because nothing can be told of where they lie: {', '.join(lost)}."] if lost else []


def _map(answers: Perceived, found: PerceptionMap) -> FindingTable:
    offers = [name for name, kept in zip(answers.offers, found.offers.tolist(), strict=True) if kept]
    attributes = [name for name, kept in zip(answers.attributes, found.attributes.tolist(), strict=True) if kept]
    rows: list[tuple[float | str | None, ...]] = []
    for place, name in enumerate(offers):
        x, y = found.map.rows[place, :2].tolist()
        ends: Sequence[float | None] = [None] * 4
        if found.low is not None and found.high is not None:
            ends = np.stack([found.low[place, :2], found.high[place, :2]], axis=1).ravel().tolist()
        rows.append((name, "offer", x, *ends[:2], y, *ends[2:], answers.who.count))
    for name, point in zip(attributes, found.map.columns[:, :2].tolist(), strict=True):
        rows.append((name, "attribute", point[0], None, None, point[1], None, None, answers.who.count))
    method = "Correspondence analysis" if answers.answers.fits_only else "PCA biplot of standardised mean ratings"
    return FindingTable(
        title="Perceptual map",
        columns=("name", "kind", "axis 1", "axis 1 low", "axis 1 high", "axis 2", "axis 2 low", "axis 2 high", "n"),
        rows=tuple(rows),
        note=f"{method}. Offers near each other are seen alike; an offer far out towards an attribute has more of it "
        "than others have. 95 % intervals of offers; attributes have none.",
        drawing=Drawing(kind="map", x="axis 1", y="axis 2", label="name", series="kind", marks=(0.0,), marks_y=(0.0,)),
    )
