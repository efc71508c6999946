"""Step 3: what the market says, from the choice survey, the competitor table and the opinions of the brief."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from marketfit import registry
from marketfit.brief import Brief, MarketSpec
from marketfit.demand import model_from_json, simulate
from marketfit.engine import Run, step
from marketfit.errors import DataError, Problem
from marketfit.measure.intervals import clopper_pearson
from marketfit.records import ChoiceStudy, FeedbackBatch, MarketView, Offer
from marketfit.records import Opinions as OpinionRecord
from marketfit.research.attributes import check_levels
from marketfit.research.choice_design import ChoicePlan
from marketfit.research.instruments import Instrument
from marketfit.research.instruments.choice import ChoiceAnswers, ChoiceFinding
from marketfit.research.instruments.competitors import CompetitorPlan, CompetitorTable
from marketfit.research.instruments.opinions import OpinionAnswers, OpinionPlan

_SIMULATED = "SIMULATED: the survey answers were made by a program, not given by people."


@dataclass(frozen=True)
class _Instruments:
    """The three instruments that a brief can feed, each found like anybody's plug-in."""

    choice: Instrument[ChoicePlan, ChoiceAnswers, ChoiceFinding]
    competitors: Instrument[CompetitorPlan, CompetitorTable, CompetitorTable]
    opinions: Instrument[OpinionPlan, OpinionAnswers, OpinionRecord]

    @classmethod
    def load(cls) -> _Instruments:
        choice = cast("type[Instrument[ChoicePlan, ChoiceAnswers, ChoiceFinding]]", _class("choice"))
        rivals = cast("type[Instrument[CompetitorPlan, CompetitorTable, CompetitorTable]]", _class("competitors"))
        opinions = cast("type[Instrument[OpinionPlan, OpinionAnswers, OpinionRecord]]", _class("opinions"))
        return cls(choice(), rivals(), opinions())


def _class(name: str) -> object:
    return registry.load("instruments", name)


@dataclass(frozen=True)
class _Read:
    """The files of the brief, read; what is not given is None."""

    choice: ChoiceAnswers | None
    competitors: CompetitorTable | None
    opinions: OpinionAnswers | None
    notes: tuple[str, ...]


@step(version=1, gives=MarketView, reads=("product", "task", "market", "seed"))
def research(brief: Brief, batch: FeedbackBatch | None, /, *, run: Run) -> MarketView:
    """What is known of the market: utilities, competitors, opinions. Every part may be missing, which is noted.

    `batch` adds the satisfaction of users to the notes; survey answers come from the brief's files.

    Raises:
        DataError: every mistake in the survey files, and every offer that the survey says nothing about.
    """
    market = brief.market
    instruments = _Instruments.load()
    read = _read(brief, instruments)
    notes = [_SIMULATED] if market.simulated and (read.choice or read.opinions) else []
    notes += read.notes
    competitors = instruments.competitors.estimate(read.competitors, market, run=run).offers if read.competitors else ()
    study = None
    if read.choice:
        finding = instruments.choice.estimate(read.choice, market, run=run)
        study = finding.study
        notes += [*_study_notes(study), *finding.notes, *_market_without_us(study, competitors, run)]
    opinions = instruments.opinions.estimate(read.opinions, market, run=run) if read.opinions else None
    notes += _opinion_notes(opinions)
    notes += _absent(market, competitors)
    notes += _satisfaction(batch)
    return MarketView(choice=study, competitors=competitors, opinions=opinions, notes=tuple(notes))


def _read(brief: Brief, instruments: _Instruments) -> _Read:
    """Read all files; the problems of all of them, and of offers against the survey, are raised together."""
    market, problems = brief.market, list[Problem]()
    choice, competitors, opinions = None, None, None
    notes: list[str] = []
    if market.choices:
        try:
            choice = instruments.choice.read(market.choices, market)
            notes += _unused(market.choices.name, choice.unused)
        except DataError as error:
            problems += error.problems
    if market.competitors:
        try:
            competitors = instruments.competitors.read(market.competitors, market)
            notes += _unused(market.competitors.name, competitors.unused)
            problems += _own_name(brief, competitors.offers)
        except DataError as error:
            problems += error.problems
    if market.opinions:
        try:
            opinions = instruments.opinions.read(market.opinions, market)
            notes += _unused(market.opinions.name, opinions.unused)
        except DataError as error:
            problems += error.problems
    if choice:
        fit = check_levels(market, choice.data, competitors.offers if competitors else ())
        problems += fit.problems
        notes += fit.notes
    if problems:
        raise DataError(problems)
    return _Read(choice, competitors, opinions, tuple(notes))


def _own_name(brief: Brief, offers: tuple[Offer, ...]) -> list[Problem]:
    found = "has the name of our own product"
    return [
        Problem(f"{brief.market.competitors}: offer '{offer.name}'", found, "competitors only", "rename or drop it")
        for offer in offers
        if offer.name.casefold() == brief.product.casefold()
    ]


def _unused(file: str, columns: tuple[str, ...]) -> list[str]:
    named = ", ".join(f"'{name}'" for name in columns)
    return [f"{file}: not used, because no attribute of the brief: {named}."] if columns else []


def _study_notes(study: ChoiceStudy) -> list[str]:
    fit = 1.0 - study.log_likelihood / study.log_likelihood_null
    notes = [f"Choice survey: {study.respondents} respondents, {study.tasks} choices, McFadden R² {fit:.3f}."]
    if study.respondents < 2:
        notes.append("One respondent only: errors cannot cover differences between people.")
    return notes


def _market_without_us(study: ChoiceStudy, competitors: tuple[Offer, ...], run: Run) -> list[str]:
    """How the named competitors would share the market among themselves: the base that our offer starts from."""
    if not competitors:
        return []
    model = model_from_json(run.workspace.path(study.model).read_text("utf-8"))
    offers = {offer.name: offer.attributes for offer in competitors}
    shares = simulate(model, offers, rng=run.seed_for("research", "shares"))
    parts = [
        f"{name} {share:.1%} (95 % interval {low:.1%} to {high:.1%})"
        for name, share, low, high in zip(shares.offers, shares.share, shares.low, shares.high, strict=True)
    ]
    label = " (simulated answers)" if study.simulated else ""
    return [f"Without our offer the market would be shared as {', '.join(parts)}; n = {shares.sample_size}{label}."]


def _opinion_notes(opinions: OpinionRecord | None) -> list[str]:
    if opinions is None:
        return []
    notes = [
        f"Opinions: {opinions.answers} answers of {opinions.respondents} respondents on {opinions.items} items, "
        f"consensus by {opinions.method} Dawid–Skene; expected share of right answers "
        f"{opinions.mean_reliability:.1%} (no interval)."
    ]
    if opinions.unreliable:
        shown = ", ".join(opinions.unreliable[:10])
        more = f" and {len(opinions.unreliable) - 10} more" if len(opinions.unreliable) > 10 else ""
        notes.append(f"Unreliable respondents, whose opinions hardly count: {shown}{more}.")
    if not opinions.converged:
        notes.append("The consensus had not quite settled when its steps ran out.")
    return notes


def _absent(market: MarketSpec, competitors: tuple[Offer, ...]) -> list[str]:
    notes = []
    if not market.choices:
        notes.append("No choice survey: nothing is known of what buyers would trade off.")
        if competitors:
            notes.append("Competitors are listed only: without a choice survey their shares can't be predicted.")
    elif not competitors:
        notes.append("No competitors: our offer is held against buying nothing, where the survey asked that.")
    if not market.opinions:
        notes.append("No opinions on single examples: the survey term of the objective has nothing to act on.")
    return notes


def _satisfaction(batch: FeedbackBatch | None) -> list[str]:
    """Thumbs come from whoever cares to give one: they are told, and decide nothing."""
    if batch is None or not batch.thumbs_up + batch.thumbs_down:
        return []
    count = batch.thumbs_up + batch.thumbs_down
    bounds = clopper_pearson(batch.thumbs_up, count, confidence=0.975)
    return [
        f"Satisfaction of users: {bounds.value:.1%} thumbs up (95 % interval {bounds.low:.1%} to {bounds.high:.1%}, "
        f"n = {count}, a biased sample)."
    ]
