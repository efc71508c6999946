"""Step 4: try recipes on the kept backbones within the budget, and choose a finalist for each."""

from __future__ import annotations

from pydantic import JsonValue

from marketfit import registry
from marketfit.brief import Brief
from marketfit.engine import Run, step
from marketfit.errors import RunError
from marketfit.records.base import digest_of
from marketfit.records.data import Dataset
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Trial, Tuned
from marketfit.tune.bench import Bench
from marketfit.tune.budget import Account
from marketfit.tune.defaults import FEWEST_PASSES, MOST_PASSES, STEPS
from marketfit.tune.material import gather
from marketfit.tune.plan import Walk, default_slots
from marketfit.tune.ranking import RankBy, comparisons, finalists, rank_by
from marketfit.tune.search import Space

PLAN_VERSION = 1
"""Raise it when the same study would try other recipes."""


@step(version=1, gives=Tuned, reads=("task", "objective", "budget", "require", "seed"))
def tune(brief: Brief, dataset: Dataset, models: Shortlist, market: MarketView, /, *, run: Run) -> Tuned:
    """Run the trials of the plan that fit into the budget and choose the best one of every backbone.

    Every finished trial, failed ones too, is a row of the ledger and is never run twice. `require` is read for the
    metric that trials are ranked by.

    Raises:
        InputError: an objective or a backbone that can't be used.
        RunError: no trial was successful; every reason is named.
    """
    metric = rank_by(brief.require)
    backbones = models.kept
    if not backbones:
        raise RunError("the shortlist kept no backbone, so there is nothing to tune")
    material = gather(dataset, market, brief.objective, run=run)
    rows = len(material.train)
    slots = default_slots(backbones, rows=rows, terms=material.terms)
    with run.jobs.pool(workers=brief.budget.parallel) as pool:
        bench = Bench(
            study=study_of(brief, dataset, models, market, metric),
            dataset=dataset,
            material=material,
            trainer=registry.trainer(brief.task),
            base=brief.base,
            run=run,
            pool=pool,
        )
        account = Account(bench, trials=brief.budget.trials, seconds=60.0 * brief.budget.minutes)
        walk = Walk(bench, account, metric, width=brief.budget.parallel)
        walk.through_defaults(slots)
        walk.through_search(Space.of(backbones, rows=rows, terms=material.terms), first=len(slots))
    return Tuned(
        trials=tuple(walk.trials),
        finalists=tuple(trial.number for trial in _chosen(walk.trials, metric)),
        comparisons=tuple(comparisons(walk.trials, metric, material.valid.targets, run=run)),
        plan=(
            f"Trials are ranked by {metric} on {len(material.valid)} valid rows; among equal ones by log-loss.",
            f"Trainings of {rows} rows: at least {STEPS} steps, {FEWEST_PASSES} to {MOST_PASSES} passes by default.",
            *material.notes,
            *walk.notes,
        ),
    )


def study_of(brief: Brief, dataset: Dataset, models: Shortlist, market: MarketView, metric: RankBy) -> str:
    """The digest that trials are kept under: all that a trial's number stands for. The budget is no part of it."""
    opinions = market.opinions.consensus.sha256 if market.opinions and brief.objective.survey > 0 else ""
    parts: list[JsonValue] = [
        PLAN_VERSION,
        brief.task,
        dataset.digest(),
        [backbone.digest() for backbone in models.kept],
        brief.objective.model_dump(mode="json"),
        opinions,
        metric,
        brief.seed,
    ]
    return digest_of(parts)


def _chosen(trials: list[Trial], metric: RankBy) -> list[Trial]:
    chosen = finalists(trials, metric)
    if not chosen:
        reasons = "; ".join(f"trial {t.number} ({t.recipe.method} of {t.backbone.name}): {t.reason}" for t in trials)
        raise RunError(f"no trial was successful: {reasons or 'none fits into the budget; raise budget.minutes'}")
    return chosen
