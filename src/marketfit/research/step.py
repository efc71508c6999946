"""Step 3: what the market says, from the choice survey, the competitor table and the opinions of the brief."""

from __future__ import annotations

from marketfit.brief import MarketBrief, MarketSpec
from marketfit.demand import UtilityDraws, simulate
from marketfit.engine import Run, step
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.tastes import draws_of
from marketfit.records.data import FeedbackBatch
from marketfit.records.findings import Finding
from marketfit.records.market import ChoiceStudy, MarketView, Offer
from marketfit.records.market import Opinions as OpinionRecord
from marketfit.research.competition import competition
from marketfit.research.instruments.choice import ChoiceAnswers
from marketfit.research.panel import Panel
from marketfit.research.reading import Answers, Instruments, read_answers
from marketfit.research.study.changes import change_finding, levels_shown
from marketfit.research.study.offer import market_finding
from marketfit.research.study.reaction import reaction_finding
from marketfit.research.study.stage import set_stage
from marketfit.research.surveys import survey_findings

_SIMULATED = "SIMULATED: the survey answers were made by a program, not given by people."


def research(brief: MarketBrief, batch: FeedbackBatch | None, /, *, run: Run) -> MarketView:
    """What is known of the market: utilities, competitors, opinions. Every part may be missing, which is noted.

    Survey answers come from the brief's files, and what they say is kept from one turn of the loop to the next;
    `batch` adds the satisfaction of users to the notes.

    Raises:
        DataError: every mistake in the survey files, and every offer that the survey says nothing about.
    """
    view = study_market(brief, run=run)
    return view.model_copy(update={"notes": (*view.notes, *_satisfaction(batch))})


@step(version=14, gives=MarketView, reads=("product", "market", "require", "seed"), name="research")
def study_market(brief: MarketBrief, /, *, run: Run) -> MarketView:
    """What the files of the brief say. Raises as `research` does."""
    market = brief.market
    instruments = Instruments.load()
    read = read_answers(brief, instruments)
    notes = [_SIMULATED] if market.simulated and (read.choice or read.opinions or read.surveys) else []
    notes += read.notes
    competitors = instruments.competitors.estimate(read.competitors, market, run=run).offers if read.competitors else ()
    study = None
    findings: list[Finding] = []
    if read.choice:
        finding = instruments.choice.estimate(read.choice, market, run=run)
        study = finding.study
        drawn = draws_of(study, run.workspace)
        ours, said = _ours(brief, read.choice, study, competitors, run=run)
        findings += [*finding.findings, *ours]
        notes += [*_study_notes(study), *finding.notes, *_market_without_us(study, drawn, competitors), *said]
    panel = Panel.of(market, read.people, read.choice, study)
    opinions, said = _opinions(instruments, read, market, panel, run=run)
    findings += [competition(competitors, market, product=brief.product)] if competitors else []
    findings += survey_findings(read.surveys, market, panel, run=run)
    notes += [*_opinion_notes(opinions), *said]
    notes += _absent(market, competitors)
    return MarketView(
        choice=study, competitors=competitors, opinions=opinions, findings=tuple(findings), notes=tuple(notes)
    )


def _opinions(
    instruments: Instruments, read: Answers, market: MarketSpec, panel: Panel, *, run: Run
) -> tuple[OpinionRecord | None, tuple[str, ...]]:
    """The consensus of those who count, and who does not. Nobody is weighted to the market: reliability weighs them."""
    if read.opinions is None:
        return None, ()
    standing = panel.standing(read.opinions.who, weigh=False)
    notes = tuple(f"Opinions: {note[0].lower()}{note[1:]}" for note in standing.notes)
    if not standing.kept.any():
        return None, notes
    return instruments.opinions.estimate(read.opinions.counted(standing), market, run=run), notes


def _ours(
    brief: MarketBrief, answers: ChoiceAnswers, study: ChoiceStudy, competitors: tuple[Offer, ...], *, run: Run
) -> tuple[list[Finding], tuple[str, ...]]:
    """Our offer on the market: shares and prices, what any change would do, and what rivals may answer."""
    drawn, tasks = draws_of(study, run.workspace), study.tasks
    stage = set_stage(brief, drawn, competitors)
    with run.reporter.task("price competition") as progress:
        reaction, notes = reaction_finding(stage, tasks=tasks, progress=progress)
    found = (
        market_finding(stage, tasks=tasks),
        change_finding(stage, levels_shown(answers.data, drawn), tasks=tasks),
        reaction,
    )
    return [finding for finding in found if finding is not None], notes


def _study_notes(study: ChoiceStudy) -> list[str]:
    fit = 1.0 - study.log_likelihood / study.log_likelihood_null
    notes = [f"Choice survey: {study.respondents} respondents, {study.tasks} choices, McFadden R² {fit:.3f}."]
    if study.respondents < 2:
        notes.append("One respondent only: errors cannot cover differences between people.")
    return notes


def _market_without_us(study: ChoiceStudy, drawn: UtilityDraws, competitors: tuple[Offer, ...]) -> list[str]:
    """How the named competitors would share the market among themselves: the base that our offer starts from."""
    if not competitors:
        return []
    offers = {offer.name: offer.attributes for offer in competitors}
    shares = simulate(drawn, offers)
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
        shown = ", ".join(opinions.unreliable)
        notes.append(f"Unreliable respondents, whose opinions hardly count: {shown}.")
    if not opinions.converged:
        notes.append("The consensus had not quite settled when its steps ran out.")
    return notes


def _absent(market: MarketSpec, competitors: tuple[Offer, ...]) -> list[str]:
    notes = []
    if not market.choices:
        notes.append("No choice survey: nothing is known of what buyers would trade off.")
        if market.surveys:
            notes.append("Without a choice survey nobody judges whether respondents answered with care: all count.")
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
