"""The choice among all (variant, offer) pairs, and why the others were not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.position.draws import FloatArray
from marketfit.position.kept import Outlook
from marketfit.position.offers import OwnOffer
from marketfit.position.worth import Worth
from marketfit.records.decision import Standing
from marketfit.records.variants import Variant

COMPARABLE = 0.8
"""A pair competes if its chance of keeping the contract is at least this share of the best one's: a little more profit
is no reason to put a variant to the test that will probably be refused there."""

EQUALLY_LIKELY = 0.05
"""Chances of keeping the contract that lie this near to each other are equal: timings of one and the same bundle,
taken twice on a busy machine, move them by a point or more."""

_ENDS = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Pair:
    """A variant at an offer. `worth` is None where a metric that it needs was not measured."""

    variant: Variant
    offer: OwnOffer
    outlook: Outlook
    worth: Worth | None

    @property
    def feasible(self) -> bool:
        """Whether it may be put to the test and can be ranked."""
        return self.outlook.feasible and self.worth is not None


@dataclass(frozen=True, eq=False)
class Choice:
    """The best pair, the chance of each pair to be the best one, and what a wrong choice costs on average."""

    best: Pair | None
    probabilities: tuple[float, ...]
    regret: float
    reasons: tuple[str, ...]


def choose(pairs: Sequence[Pair], *, sign: int) -> Choice:
    """Maximise `sign` × the expected goal among the pairs that compete.

    Of equal ones the clearly likelier to keep the contract wins, then the smaller, then the first by name and price.
    """
    reasons = _reasons(pairs)
    places = [place for place, reason in enumerate(reasons) if not reason]
    if not places:
        return Choice(None, (0.0,) * len(pairs), 0.0, reasons)
    worths = [pairs[place].worth for place in places]
    draws = sign * np.stack([worth.draws for worth in worths if worth is not None], axis=1)
    chance = _best(draws)
    best = _first([pairs[place] for place in places], sign)
    winner = next(column for column, place in enumerate(places) if pairs[place] is best)
    regret = float((draws.max(axis=1) - draws[:, winner]).mean())
    by_place = dict(zip(places, chance, strict=True))
    probabilities = tuple(by_place.get(place, 0.0) for place in range(len(pairs)))
    return Choice(best, probabilities, regret, reasons)


def _reasons(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Why each pair does not compete, or empty."""
    feasible = [pair for pair in pairs if pair.feasible]
    likeliest = max((pair.outlook.kept for pair in feasible), default=0.0)
    all_overpriced = all(pair.worth is not None and pair.worth.overpriced for pair in feasible)
    found = []
    for pair in pairs:
        if pair.outlook.reason:
            found.append(pair.outlook.reason)
        elif pair.worth is None:
            found.append("a metric that the goal needs was not measured")
        elif pair.outlook.kept < COMPARABLE * likeliest:
            found.append(
                f"keeps the contract with probability {pair.outlook.kept:.0%} only, another one with {likeliest:.0%}"
            )
        elif pair.worth.overpriced and not all_overpriced:
            found.append("the price lies above all that the survey tested: nobody knows the demand there")
        else:
            found.append("")
    return tuple(found)


def _best(draws: FloatArray) -> list[float]:
    """Chance of each column (draws, pairs) to be the largest; pairs that are equal in a draw share it."""
    largest = draws == draws.max(axis=1, keepdims=True)
    shares: list[float] = (largest / largest.sum(axis=1, keepdims=True)).mean(axis=0).tolist()
    return shares


def _first(pairs: Sequence[Pair], sign: int) -> Pair:
    """The best of pairs that compete."""
    expected = [sign * pair.worth.expected if pair.worth else -float("inf") for pair in pairs]
    equal = [pair for pair, value in zip(pairs, expected, strict=True) if value == max(expected)]
    likeliest = max(pair.outlook.kept for pair in equal)
    return min((pair for pair in equal if pair.outlook.kept >= likeliest - EQUALLY_LIKELY), key=_rank)


def _rank(pair: Pair) -> tuple[float, str, float]:
    size = pair.variant.measured("size_mb")
    return (size.value if size else float("inf"), pair.variant.name, pair.offer.price or 0.0)


def standing(pair: Pair, *, probability_best: float, reason: str) -> Standing:
    """One line of the decision."""
    worth = pair.worth
    words = "; ".join(text for text in (pair.offer.words, reason) if text)
    share = worth.share if worth else None
    return Standing(
        variant=pair.variant.name,
        price=pair.offer.price,
        share=None if share is None else float(share.mean()),
        share_low=_end(share, 0),
        share_high=_end(share, 1),
        value=worth.expected if worth else None,
        value_low=_end(worth.draws if worth else None, 0),
        value_high=_end(worth.draws if worth else None, 1),
        probability_kept=pair.outlook.kept,
        probability_best=probability_best,
        feasible=pair.feasible,
        reason=words,
    )


def _end(draws: FloatArray | None, end: int) -> float | None:
    return None if draws is None else float(np.quantile(draws, _ENDS[end]))
