"""Market positioning: the winner among the variants that can be expected to keep every promise."""

from __future__ import annotations

from collections.abc import Sequence

from marketfit.brief import Brief
from marketfit.contract import METRICS
from marketfit.engine import Run, read_split, step
from marketfit.position.binding import obstacle
from marketfit.position.choose import Choice, Pair, choose, standing
from marketfit.position.draws import draw_metrics
from marketfit.position.kept import Outlook, Test, outlook
from marketfit.position.worth import Goal, Market, goal_of, tested
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision, Standing
from marketfit.records.market import MarketView
from marketfit.records.variants import Variant, Variants


@step(version=3, gives=Decision, reads=("product", "market", "require", "weights", "seed"))
def position(brief: Brief, dataset: Dataset, market: MarketView, variants: Variants, /, *, run: Run) -> Decision:
    """Choose the variant and the offer with the best expected goal among those that may be put to the test.

    The expectation runs over draws of the utilities and over measurement error; the same draw is the same world for
    all. Every (variant, offer) pair has a line, also those that can't ship, with the reason.
    """
    test = Test(dataset.splits.get("test", 0), run.ledger.openings(run.product) + 1)
    outlooks = [outlook(variant, brief.require, test) for variant in variants.variants]
    valid = read_split(dataset, "valid", run.workspace).labelled
    goal = goal_of(brief, market, run=run)
    metrics = draw_metrics(variants.variants, goal.metrics, valid.targets, run=run)
    pairs = [
        Pair(variant, offer, seen, goal.worth(variant, offer, metrics))
        for variant, seen in zip(variants.variants, outlooks, strict=True)
        for offer in goal.offers
    ]
    choice = choose(pairs, sign=goal.sign)
    standings = tuple(
        standing(pair, probability_best=chance, reason=reason)
        for pair, chance, reason in zip(pairs, choice.probabilities, choice.reasons, strict=True)
    )
    notes = [*_goal_notes(goal, choice), *_clamped(goal, pairs)]
    if choice.best is None:
        return _refusal(brief, goal, variants.variants, outlooks, standings, notes)
    best = choice.best
    return Decision(
        goal=goal.name,
        standings=standings,
        winner=best.variant.name,
        price=best.offer.price,
        probability_best=choice.probabilities[pairs.index(best)],
        expected_regret=choice.regret,
        shares=goal.shares(best.variant, best.offer, metrics),
        binding="",
        nearest="",
        notes=(*_chosen(best), *notes),
    )


def _refusal(
    brief: Brief,
    goal: Goal,
    variants: Sequence[Variant],
    outlooks: Sequence[Outlook],
    standings: tuple[Standing, ...],
    notes: Sequence[str],
) -> Decision:
    """No winner: name what stands in the way."""
    found = obstacle(variants, outlooks, brief.require)
    return Decision(
        goal=goal.name,
        standings=standings,
        winner=None,
        price=None,
        probability_best=0.0,
        expected_regret=0.0,
        shares={},
        binding=found.requirement,
        nearest=found.nearest,
        provable=found.provable,
        notes=(found.words, *notes),
    )


def _chosen(best: Pair) -> list[str]:
    return [f"We offer {best.offer.words}."] if best.offer.words else []


def _goal_notes(goal: Goal, choice: Choice) -> list[str]:
    """What a reader must know of the goal."""
    notes = []
    if isinstance(goal, Market):
        prices = {offer.price for offer in goal.offers}
        if not goal.names:
            notes.append("Nothing competes with our offer: its share is 1 by construction and says nothing of demand.")
        if goal.name == "utility" and len(prices) > 1:
            notes.append("A utility goal takes no account of what we earn: it prefers the price that buyers prefer.")
        if choice.best and choice.best.worth and choice.best.worth.overpriced:
            notes.append("Every price lies above all that the survey tested: the profit is overstated.")
    else:
        named = (
            "its weights" if goal.name == "weights" else f"{METRICS[goal.name].title.lower()}, the first requirement"
        )
        notes.append(f"Without a choice survey the variants are ranked by {named}; no share can be predicted.")
    return notes


def _clamped(goal: Goal, pairs: Sequence[Pair]) -> list[str]:
    """Attributes of ours that lie beyond what the survey tested, one note each."""
    if not isinstance(goal, Market):
        return []
    found: dict[str, dict[str, float]] = {}
    for pair in pairs:
        for name, value in (pair.worth.clamped if pair.worth else {}).items():
            whose = "" if name in pair.offer.settings else f"{pair.variant.name}: "
            found.setdefault(name, {})[f"{whose}{value:.4g}"] = value
    notes = []
    for name, values in found.items():
        low, high = tested(goal.utilities.coding, name)
        notes.append(
            f"{name} lies beyond the tested {low:g} to {high:g} and is taken at the nearer end: {', '.join(values)}."
        )
    return notes
