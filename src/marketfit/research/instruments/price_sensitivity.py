"""Price sensitivity: four prices from everybody (Van Westendorp), and demand from the chance to buy at two of them.

File: one row for each respondent: `respondent`, `too_cheap`, `cheap`, `expensive`, `too_expensive`. Optional:
`buy_cheap` and `buy_expensive` together, the chance to buy at these prices from 1 (definitely not) to 5 (definitely),
empty where it was not asked; and `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import figure
from marketfit.research.given import Flags, Floats, Ints
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.price_sensitivity import (
    CALIBRATION,
    FEWEST,
    PriceAnswers,
    best_price,
    price_curves,
    price_points,
    price_ranges,
    rises,
    trial_curve,
)
from marketfit.research.respondents import Respondents, Standing
from marketfit.research.sheet import Sheet

PRICES = ("too_cheap", "cheap", "expensive", "too_expensive")
CHANCES = ("buy_cheap", "buy_expensive")
MOST_POINTS = 60


class PricePlan(Record):
    """What the questions are about, and whether the chance to buy is asked too.

    unit: of the prices, as respondents read it, such as "US dollars a month".
    """

    product: str
    unit: str = ""
    purchase: bool = True


@dataclass(frozen=True, eq=False)
class PriceSurvey:
    """Validated answers, one of each respondent: prices (people, 4), and chances to buy (people, 2), NaN where not
    asked, or None. Those whose prices rise are in `answers`, and those of them who gave their chances in `demand`.
    """

    prices: Floats
    chances: Floats | None
    who: Respondents
    notes: tuple[str, ...]

    @property
    def rising(self) -> Flags:
        """(people,) whose prices do not contradict each other."""
        return rises(self.prices)

    @property
    def answers(self) -> PriceAnswers:
        """Prices that rise."""
        return PriceAnswers(self.prices[self.rising], self.who.weights[self.rising])

    @property
    def demand(self) -> PriceAnswers | None:
        """Prices that rise with chances to buy, where these were asked."""
        if self.chances is None:
            return None
        asked = self.rising & np.isfinite(self.chances).all(axis=1)
        return PriceAnswers(self.prices[asked], self.who.weights[asked], self.chances[asked])

    def counted(self, standing: Standing) -> PriceSurvey:
        """The answers of those who count."""
        chances = None if self.chances is None else self.chances[standing.kept]
        notes = (*self.notes, *standing.notes)
        return PriceSurvey(self.prices[standing.kept], chances, self.who.under(standing), notes)


class PriceSensitivity:
    """Van Westendorp's price sensitivity meter, with the extension of Newton, Miller & Smith."""

    plan: ClassVar[type[Record]] = PricePlan

    def design(
        self,
        plan: PricePlan,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        language: Language = "en",
    ) -> Questionnaire:
        """One form for everybody."""
        texts = INSTRUMENT_TEXTS[language]
        asked = [
            texts.price_in_unit.format(question=text, unit=plan.unit) if plan.unit else text for text in texts.prices
        ]
        fields = [Field(name=name, kind="number", text=text, low=0.0) for name, text in zip(PRICES, asked, strict=True)]
        for name, text in zip(CHANCES, texts.chances, strict=True) if plan.purchase else ():
            fields.append(Field(name=name, kind="number", text=text, low=1.0, high=5.0, whole=True, show="scale"))
        question = texts.prices_question.format(product=plan.product)
        form = Question(id="prices", respondent="", text=question, fields=tuple(fields))
        columns = ("respondent", *(field.name for field in fields))
        return Questionnaire(
            instrument="price-sensitivity",
            title=texts.prices_title,
            columns=columns,
            keeps="cells",
            questions=(form,),
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> PriceSurvey:  # noqa: ARG002 - nothing of the brief
        """Read the prices: every price filled in, a respondent once.

        Prices that do not rise contradict each other: such respondents are left out, and listed with the reason.
        """
        sheet = Sheet.of(file, needs=("respondent", *PRICES), may=CHANCES)
        person = sheet.names("respondent")
        prices = np.stack([sheet.numbers(name, low=0.0) for name in PRICES], axis=1)
        chances = _chances(sheet)
        sheet.once(person, found="a respondent answers more than once")
        weights = sheet.weights(person)
        sheet.check()
        who = Respondents(person.words.take(pa.array(person.codes)), weights[person.codes])
        return PriceSurvey(prices, chances, who, sheet.notes())

    def estimate(self, answers: PriceSurvey, market: MarketSpec, *, run: Run) -> Finding:
        """Where the curves cross, the acceptable range, the price of the highest revenue; 95 % bootstrap intervals."""
        rising, demand = answers.answers, answers.demand
        used = len(rising.prices)
        notes = [*answers.notes, *answers.who.notes()]
        figures: tuple[Figure, ...] = ()
        tables: list[FindingTable] = []
        seed = run.seed_for("research", "price-sensitivity")
        if used:
            with run.reporter.task("price curves"):
                figures, table = _points(rising, seed)
            tables.append(table)
            notes += _ranges(figures, rising)
        if demand is not None and (short := used - len(demand.prices)) > 0:
            notes.append(f"{short} respondents gave no chance to buy: they are not in the demand curve.")
        if demand is not None and not _anybody_buys(demand):
            notes.append("No demand curve: nobody with prices that rise would buy at any of them.")
        elif demand is not None:
            with run.reporter.task("demand curve"):
                found, curves = _demand(demand, seed)
            figures, tables = (*figures, *found), [*tables, *curves]
            shown = ", ".join(f"{rate:.0%}" for rate in CALIBRATION)
            notes.append(f"Answers 1 to 5 on buying stand for chances of {shown}: customary, not measured here.")
        if 0 < used < FEWEST:
            notes.append(f"Fewer than {FEWEST} people with prices that rise: no intervals.")
        if lost := answers.who.count - used:
            notes.append(f"Left out: {lost} of {answers.who.count} respondents, whose prices do not rise.")
            tables.append(_listed(_contradictions(answers)))
        return Finding(
            instrument="price-sensitivity",
            title="What the price may be (Van Westendorp)",
            respondents=answers.who.count,
            answers=used,
            simulated=market.simulated,
            figures=figures,
            tables=tuple(tables),
            notes=tuple(notes),
        )


def _chances(sheet: Sheet) -> Floats | None:
    """(rows, 2) the chances to buy, NaN where not asked; None where the file has none."""
    have = [name for name in CHANCES if sheet.has(name)]
    if len(have) == 1:
        lacking = next(name for name in CHANCES if name not in have)
        sheet.problem("header", f"has '{have[0]}' but no '{lacking}'", "both or none", "add or drop the column")
    if len(have) < 2:
        return None
    answers = np.stack([sheet.numbers(name, low=1, high=5, whole=True, required=False) for name in CHANCES], axis=1)
    known = np.isfinite(answers)
    places = np.clip(np.where(known, answers, 1.0), 1, 5).astype(np.int64) - 1
    return np.where(known, np.array(CALIBRATION)[places], np.nan)


def _anybody_buys(demand: PriceAnswers) -> bool:
    return demand.chances is not None and bool(demand.chances.any())


def _contradictions(answers: PriceSurvey) -> tuple[tuple[str, str], ...]:
    """Respondents whose prices do not rise, each with where."""
    rows: Ints = np.flatnonzero(~answers.rising)
    names = answers.who.names.take(pa.array(rows)).to_pylist()
    listed = []
    for name, row in zip(names, answers.prices[rows].tolist(), strict=True):
        place = next(place for place in range(3) if row[place] >= row[place + 1])
        found = f"{PRICES[place]} {row[place]:g} is not below {PRICES[place + 1]} {row[place + 1]:g}"
        listed.append((str(name), found))
    return tuple(listed)


def _points(answers: PriceAnswers, seed: int) -> tuple[tuple[Figure, ...], FindingTable]:
    points, curves = price_points(answers, seed=seed), price_curves(answers)
    named = {
        "Lowest acceptable price (marginal cheapness)": points.marginal_cheapness,
        "Optimal price (fewest refuse)": points.optimal,
        "Indifference price": points.indifference,
        "Highest acceptable price (marginal expensiveness)": points.marginal_expensiveness,
    }
    shown = _thinned(curves.price.size)
    lines = {
        "too cheap": curves.too_cheap,
        "not cheap": 1 - curves.cheap,
        "cheap": curves.cheap,
        "expensive": curves.expensive,
        "not expensive": 1 - curves.expensive,
        "too expensive": curves.too_expensive,
    }
    table = FindingTable(
        title="Price curves",
        columns=("price", "curve", "percent"),
        rows=_rows(curves.price, {name: 100 * line for name, line in lines.items()}, shown),
        note=f"Percent of {len(answers.prices)} people for whom a price is so; dashed: the four prices above.",
        drawing=Drawing(
            kind="curves", x="price", y="percent", series="curve", marks=tuple(point.value for point in named.values())
        ),
    )
    return tuple(figure(name, point) for name, point in named.items()), table


def _ranges(points: tuple[Figure, ...], answers: PriceAnswers) -> list[str]:
    """What is to be said of points that are the middle of a range."""
    notes = []
    for point, (low, high) in zip(points, price_ranges(answers), strict=True):
        if high - low > 1e-9 * max(1.0, high):
            why = " An interval can't be had: other samples of these people give the same." if point.low is None else ""
            notes.append(
                f"{point.name}: {point.value:.4g} is the middle of a range. The two curves lie on each other from "
                f"{low:.4g} to {high:.4g}, so any price between is as good.{why}"
            )
    return notes


def _demand(answers: PriceAnswers, seed: int) -> tuple[tuple[Figure, ...], tuple[FindingTable, FindingTable]]:
    best = best_price(answers, seed=seed)
    price, trial = trial_curve(answers)
    shown, people = _thinned(price.size), len(answers.prices)
    mark = (best.price.value,)
    bought = FindingTable(
        title="Demand",
        columns=("price", "curve", "percent"),
        rows=_rows(price, {"would buy": 100 * trial}, shown),
        note=f"Percent of {people} people who would buy (Newton, Miller & Smith).",
        drawing=Drawing(kind="curves", x="price", y="percent", series="curve", marks=mark),
    )
    revenue = FindingTable(
        title="Revenue",
        columns=("price", "curve", "revenue"),
        rows=_rows(price, {"revenue": 100 * price * trial}, shown),
        note=f"Price × buyers, for 100 people asked; n = {people}.",
        drawing=Drawing(kind="curves", x="price", y="revenue", series="curve", marks=mark),
    )
    figures = (
        figure("Price of the highest revenue", best.price),
        figure("Buyers at that price", best.trial, unit="%", times=100),
        figure("Revenue for 100 people asked", best.revenue, times=100),
        figure("Price at which most would buy", best.most_buyers),
    )
    return figures, (bought, revenue)


def _thinned(points: int) -> Ints:
    """At most MOST_POINTS places of so many."""
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(np.int64))


def _rows(price: Floats, lines: dict[str, Floats], shown: Ints) -> tuple[tuple[float | str | None, ...], ...]:
    return tuple(
        (float(price[place]), name, float(line[place])) for name, line in lines.items() for place in shown.tolist()
    )


def _listed(left_out: tuple[tuple[str, str], ...]) -> FindingTable:
    return FindingTable(title="Left out", columns=("respondent", "reason"), rows=left_out)
