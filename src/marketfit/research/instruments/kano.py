"""Kano: how people would feel with a feature and without it, and so which features are a must.

File: one row for each feature of a respondent: `respondent`, `feature`, `functional` (how they feel with it) and
`dysfunctional` (without it). Both are one of like, expect (or must-be), neutral, tolerate (or live-with), dislike, or
1 to 5, in this order. Optional: `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Finding, FindingTable, Proposal
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import figure, interval_cells
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS, InstrumentTexts
from marketfit.research.kano import ALSO, ANSWERS, CATEGORIES, CROSSHAIR, KanoAnswers, KanoFeature, categories, kano
from marketfit.research.respondents import Respondents, Standing, recoded
from marketfit.research.sheet import Sheet
from marketfit.research.weighted import share_of_answers

COLUMNS = ("respondent", "feature", "functional", "dysfunctional")
MOST_FEATURES = 300

NAMES = {
    "M": "must-be",
    "O": "one-dimensional",
    "A": "attractive",
    "I": "indifferent",
    "R": "reverse",
    "Q": "questionable",
}


class KanoPlan(Record):
    """The features to ask about, each as words that stand alone, such as "a switch that turns the microphone off"."""

    features: tuple[str, ...] = Limits(min_length=1, max_length=MOST_FEATURES)


@dataclass(frozen=True, eq=False)
class KanoSurvey:
    """Validated answers; `features` are the names of their codes."""

    answers: KanoAnswers
    features: tuple[str, ...]
    who: Respondents
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> KanoSurvey:
        """The answers of those who count."""
        coded, who = self.answers, self.who.under(standing)
        rows, person = standing.rows(coded.person)
        feature, features, lost = recoded(coded.feature, rows, self.features)
        pairs = (coded.functional[rows], coded.dysfunctional[rows])
        answers = KanoAnswers(*pairs, feature, person, who.weights, len(features))
        return KanoSurvey(answers, features, who, (*self.notes, *standing.notes, *lost))


class Kano:
    """Kano's model, discrete and continuous."""

    plan: ClassVar[type[Record]] = KanoPlan

    def design(self, plan: KanoPlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """Two questions for each feature, features in random order."""
        if len(set(plan.features)) < len(plan.features):
            raise DataError([Problem("features", "one is there twice", "every feature once", "drop the copies")])
        order = np.random.default_rng(seed).permutation(len(plan.features)).tolist()
        texts = INSTRUMENT_TEXTS[language]
        questions = tuple(_question(plan.features[place], texts) for place in order)
        title = texts.kano_title
        return Questionnaire(instrument="kano", title=title, columns=COLUMNS, keeps="cells", questions=questions)

    def read(self, file: SurveyFile, market: MarketSpec) -> KanoSurvey:  # noqa: ARG002 - nothing of the brief
        """Read the answers: every cell filled, a respondent once on a feature."""
        sheet = Sheet.of(file, needs=COLUMNS)
        person, feature = sheet.names("respondent"), sheet.names("feature", most=MOST_FEATURES)
        numbered = tuple(str(number) for number in range(1, len(ANSWERS) + 1))
        functional, dysfunctional = (sheet.choices(name, ANSWERS, ALSO, numbered) for name in COLUMNS[2:])
        sheet.once(person, feature, found="a respondent answers on a feature more than once")
        who = sheet.respondents(person)
        sheet.check()
        answers = KanoAnswers(functional, dysfunctional, feature.codes, person.codes, who.weights, feature.count)
        return KanoSurvey(answers, feature.labels, who, sheet.notes())

    def estimate(self, answers: KanoSurvey, market: MarketSpec, *, run: Run) -> Finding:  # noqa: ARG002 - quick
        """Categories, better and worse, the continuous grid; must-be features are proposed as requirements."""
        coded, names = answers.answers, answers.features
        found = kano(coded)
        odd = categories(coded.functional, coded.dysfunctional) == CATEGORIES.index("Q")
        questionable = share_of_answers(odd, coded.person, coded.weights)
        notes = (
            *answers.notes,
            *answers.who.notes(),
            "Categories by the most frequent pair of answers (Berger et al. 1993); told apart by Fong's test at 90 %, "
            "and by the exact sign test where fewer than 10 people gave the two most frequent ones.",
        )
        return Finding(
            instrument="kano",
            title="Which features are a must (Kano)",
            respondents=answers.who.count,
            answers=coded.feature.size,
            simulated=market.simulated,
            figures=(figure("Questionable answers", questionable, unit="%", times=100),),
            tables=(_categories(names, found), _better_worse(names, found), _grid(names, found)),
            proposals=_proposals(names, found),
            notes=notes,
        )


def _question(feature: str, texts: InstrumentTexts) -> Question:
    labels = dict(zip(ANSWERS, texts.kano_answers, strict=True))
    fields = tuple(
        Field(name=name, kind="text", text=text, allowed=ANSWERS, labels=labels, show="scale")
        for name, text in zip(COLUMNS[2:], (texts.kano_with, texts.kano_without), strict=True)
    )
    return Question(id=feature, respondent="", text=feature, fields=fields, given={"feature": feature})


def _categories(names: tuple[str, ...], found: tuple[KanoFeature, ...]) -> FindingTable:
    return FindingTable(
        title="Kano categories",
        columns=("feature", "category", "told apart", *CATEGORIES, "category strength", "total strength", "n"),
        rows=tuple(
            (
                name,
                NAMES[feature.category],
                "yes" if feature.distinct else f"no, from {NAMES[feature.runner_up]}",
                *(100 * feature.shares[category] for category in CATEGORIES),
                100 * feature.category_strength,
                100 * feature.total_strength,
                feature.n,
            )
            for name, feature in zip(names, found, strict=True)
        ),
        note="Percent of answers by category (M must-be, O one-dimensional, A attractive, I indifferent, R reverse, "
        "Q questionable), without intervals; total strength is M + O + A.",
    )


def _better_worse(names: tuple[str, ...], found: tuple[KanoFeature, ...]) -> FindingTable:
    return FindingTable(
        title="Better and worse",
        columns=(
            "feature", "category", "better", "better low", "better high", "worse", "worse low", "worse high", "n",
        ),
        rows=tuple(
            (
                name, NAMES[feature.category], *interval_cells(feature.better), *interval_cells(feature.worse),
                feature.better.n,
            )
            for name, feature in zip(names, found, strict=True)
            if feature.better is not None and feature.worse is not None
        ),
        note="Share of people whom the feature makes content, and minus the share whom its absence makes discontent "
        "(Timko), with 95 % intervals; reverse and questionable answers are left out.",
        drawing=Drawing(kind="map", x="worse", y="better", label="feature", series="category", marks=(-0.5,),
                        marks_y=(0.5,)),
    )  # fmt: skip


def _grid(names: tuple[str, ...], found: tuple[KanoFeature, ...]) -> FindingTable:
    return FindingTable(
        title="Kano grid",
        columns=(
            "feature", "quadrant", "proven", "without", "without low", "without high", "with", "with low", "with high",
            "n",
        ),
        rows=tuple(
            (
                name, feature.quadrant, "proven" if feature.placed else "undecided",
                *interval_cells(feature.dysfunctional), *interval_cells(feature.functional), feature.n,
            )
            for name, feature in zip(names, found, strict=True)
        ),
        note="Mean discontent without the feature and content with it, from −2 to 4 (DuMouchel), with 95 % intervals; "
        "proven: both lie on their sides of 2 with 95 % confidence together.",
        drawing=Drawing(kind="map", x="without", y="with", label="feature", series="quadrant", marks=(CROSSHAIR,),
                        marks_y=(CROSSHAIR,)),
    )  # fmt: skip


def _proposals(names: tuple[str, ...], found: tuple[KanoFeature, ...]) -> tuple[Proposal, ...]:
    return tuple(
        Proposal(
            text=f"Treat '{name}' as a requirement: if a metric measures it, put it under 'require'; "
            "if none does, check it by hand before launch.",
            reason=f"{feature.shares['M']:.0%} of {feature.n} people call it a must, more than any other category "
            f"(told apart at 90 % confidence).",
        )
        for name, feature in zip(names, found, strict=True)
        if feature.category == "M" and feature.distinct
    )
