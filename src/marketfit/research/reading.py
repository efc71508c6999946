"""Read every survey file that a brief names; the mistakes of all of them are raised together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from marketfit import registry
from marketfit.brief import MarketBrief, MarketSpec, SurveyFile
from marketfit.brief.delimiter import delimiter_notes
from marketfit.errors import DataError, Problem, nearest
from marketfit.records.base import Record
from marketfit.records.findings import Finding
from marketfit.records.market import Offer
from marketfit.records.market import Opinions as OpinionRecord
from marketfit.research.attributes import check_levels
from marketfit.research.choice_design import ChoicePlan
from marketfit.research.instruments import Instrument
from marketfit.research.instruments.choice import ChoiceAnswers
from marketfit.research.instruments.competitors import CompetitorPlan, CompetitorTable
from marketfit.research.instruments.opinions import OpinionAnswers, OpinionPlan
from marketfit.research.study.estimate import ChoiceFinding
from marketfit.research.study.people import People, read_people

AnswersT = TypeVar("AnswersT")


@dataclass(frozen=True)
class Instruments:
    """The three instruments with a place of their own in the brief, each found like anybody's plug-in."""

    choice: Instrument[ChoicePlan, ChoiceAnswers, ChoiceFinding]
    competitors: Instrument[CompetitorPlan, CompetitorTable, CompetitorTable]
    opinions: Instrument[OpinionPlan, OpinionAnswers, OpinionRecord]

    @classmethod
    def load(cls) -> Instruments:
        """Load them from the registry."""
        choice = cast("type[Instrument[ChoicePlan, ChoiceAnswers, ChoiceFinding]]", _class("choice"))
        rivals = cast("type[Instrument[CompetitorPlan, CompetitorTable, CompetitorTable]]", _class("competitors"))
        opinions = cast("type[Instrument[OpinionPlan, OpinionAnswers, OpinionRecord]]", _class("opinions"))
        return cls(choice(), rivals(), opinions())


@dataclass(frozen=True)
class Survey:
    """A further instrument with the answers that it has read."""

    instrument: Instrument[Record, object, Finding]
    answers: object


@dataclass(frozen=True)
class Answers:
    """The files of the brief, read; what is not given is None. people: the table of respondents."""

    choice: ChoiceAnswers | None
    competitors: CompetitorTable | None
    opinions: OpinionAnswers | None
    surveys: Mapping[str, Survey]
    people: People | None
    notes: tuple[str, ...]


def read_answers(brief: MarketBrief, instruments: Instruments) -> Answers:
    """Read all files and hold the offers against what the choice survey tested.

    Raises:
        DataError: every mistake in every file.
    """
    market, problems = brief.market, list[Problem]()
    choice = _attempt(instruments.choice.read, market.choices, market, problems)
    competitors = _attempt(instruments.competitors.read, market.competitors, market, problems)
    opinions = _attempt(instruments.opinions.read, market.opinions, market, problems)
    surveys: dict[str, Survey] = {}
    for name, file in market.surveys.items():
        instrument = cast("type[Instrument[Record, object, Finding]]", _class(name))()
        answers = _attempt(instrument.read, file, market, problems)
        surveys[name] = Survey(instrument, answers)
    notes = _unused(market.choices, choice) + _unused(market.competitors, competitors)
    notes += _unused(market.opinions, opinions)
    notes += choice.notes if choice else ()
    if competitors:
        problems += _own_name(brief, competitors.offers) + _unknown_rivals(brief, competitors.offers)
    if choice:
        fit = check_levels(market, choice.data, competitors.offers if competitors else ())
        problems += fit.problems
        notes += fit.notes
    # A choice survey reads the table of respondents itself.
    people = choice.people if choice else None
    if market.choices is None:
        people = _attempt(read_people, market.respondents, market, problems)
    if problems:
        raise DataError(problems)
    parted = [note for path in _files(market) for note in delimiter_notes(path, numbers=True)]
    return Answers(choice, competitors, opinions, surveys, people, (*parted, *notes))


def _files(market: MarketSpec) -> Iterator[Path]:
    """Every file of answers, a design among them."""
    for file in (market.choices, market.competitors, market.opinions, market.respondents, *market.surveys.values()):
        if file is not None:
            yield file.source
            if file.wide is not None and file.wide.design is not None:
                yield file.wide.design


def _class(name: str) -> object:
    return registry.load("instruments", name)


def _attempt(
    read: Callable[[SurveyFile, MarketSpec], AnswersT],
    file: SurveyFile | None,
    market: MarketSpec,
    problems: list[Problem],
) -> AnswersT | None:
    if file is None:
        return None
    try:
        return read(file, market)
    except DataError as error:
        problems += error.problems
        return None


class _HasUnused(Protocol):
    """Answers that know which columns of their file nobody asked for."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Their names."""


def _own_name(brief: MarketBrief, offers: tuple[Offer, ...]) -> list[Problem]:
    found = "has the name of our own product"
    return [
        Problem(f"{brief.market.competitors}: offer '{offer.name}'", found, "competitors only", "rename or drop it")
        for offer in offers
        if offer.name.casefold() == brief.product.casefold()
    ]


def _unknown_rivals(brief: MarketBrief, offers: tuple[Offer, ...]) -> list[Problem]:
    names = [offer.name for offer in offers]
    where = f"{brief.path}: market.rival_unit_costs"
    return [
        Problem(f"{where}.{name}", "no such competitor", nearest(name, names), "name one of the table")
        for name in brief.market.rival_unit_costs
        if name not in names
    ]


def _unused(file: SurveyFile | None, answers: _HasUnused | None) -> list[str]:
    if file is None or answers is None or not answers.unused:
        return []
    named = ", ".join(f"'{name}'" for name in answers.unused)
    return [f"{file.source.name}: not used, because no attribute of the brief: {named}."]
