"""What the invented buyers truly want, and how the market would truly be shared.

A buyer's utility is the sum of the part-worths of an offer's levels. The part-worth of an attribute for one buyer is
the table's mean times a normal weight, whose mean is that of the buyer's segment; between two levels it is linear.
`none` has a normal utility of its own. Each alternative then gets a Gumbel error; the best is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Offer: TypeAlias = dict[str, str]  # attribute -> level

SEED = 20_240_611


@dataclass(frozen=True)
class Attribute:
    """One row of the truth: tested levels, their mean part-worths, the spread of the weights within a segment."""

    levels: tuple[str, ...]
    means: tuple[float, ...]
    spread: float
    numeric: bool = True

    def worth(self, level: str) -> float:
        """The mean part-worth of a level; numeric attributes are linear between tested levels."""
        if not self.numeric:
            return self.means[self.levels.index(level)]
        return float(np.interp(float(level), [float(tested) for tested in self.levels], self.means))


ATTRIBUTES = {
    "accuracy": Attribute(("0.80", "0.85", "0.90", "0.95", "0.98"), (0.0, 0.8, 1.5, 2.1, 2.4), spread=0.25),
    "latency_ms": Attribute(("2", "5", "10", "50", "200"), (0.8, 0.75, 0.7, 0.4, 0.0), spread=0.30),
    "privacy": Attribute(("cloud", "on-device"), (0.0, 0.9), spread=0.35, numeric=False),
    "price": Attribute(("2", "4", "6", "8"), (3.4, 2.6, 1.4, 0.0), spread=0.20),
}


@dataclass(frozen=True)
class Segment:
    """People of like tastes. weights: mean weight of each attribute. none: mean utility of buying nothing.

    ages, households: the share of each group in the segment, in the order of AGES and HOUSEHOLDS.
    """

    share: float
    weights: tuple[float, float, float, float]
    none: float
    ages: tuple[float, float, float]
    households: tuple[float, float, float, float]


AGES = ("18-34", "35-54", "55+")
HOUSEHOLDS = ("alone", "couple", "family", "shared flat")
SEGMENTS = {
    "private": Segment(0.45, (1.10, 1.0, 2.0, 0.70), 3.3, (0.15, 0.50, 0.35), (0.15, 0.30, 0.50, 0.05)),
    "thrifty": Segment(0.55, (0.95, 1.0, 0.3, 1.25), 3.9, (0.50, 0.30, 0.20), (0.40, 0.25, 0.10, 0.25)),
}
NONE_SPREAD = 1.0

# Invented names; any likeness to a real product is chance.
COMPETITORS: dict[str, Offer] = {
    "Hearthwren Basic": {"accuracy": "0.86", "latency_ms": "150", "privacy": "cloud", "price": "2"},
    "Oakmurmur Hub": {"accuracy": "0.90", "latency_ms": "20", "privacy": "on-device", "price": "5"},
    "Parlovane Plus": {"accuracy": "0.97", "latency_ms": "80", "privacy": "cloud", "price": "4"},
}


@dataclass(frozen=True)
class Buyers:
    """People: segment (people,) as a place in SEGMENTS, weights (people, attributes), none (people,)."""

    segment: Ints
    weights: Floats
    none: Floats


def worths(offers: Sequence[Offer]) -> Floats:
    """Mean part-worths, one row per offer and one column per attribute."""
    table = [[attribute.worth(offer[name]) for name, attribute in ATTRIBUTES.items()] for offer in offers]
    return np.array(table, dtype=np.float64)


def population(size: int, rng: np.random.Generator) -> Buyers:
    """Random buyers; as many of each segment as its share says, in random order."""
    shares = [segment.share for segment in SEGMENTS.values()]
    bounds = np.round(np.cumsum(shares) * size).astype(np.int64)
    segment = rng.permutation(np.searchsorted(bounds, np.arange(size), side="right"))
    means = np.array([part.weights for part in SEGMENTS.values()])[segment]
    spreads = np.array([attribute.spread for attribute in ATTRIBUTES.values()])
    nones = np.array([part.none for part in SEGMENTS.values()])[segment]
    return Buyers(segment, rng.normal(means, spreads), rng.normal(nones, NONE_SPREAD))


def true_shares(offers: Sequence[Offer], *, buyers: int = 200_000, segment: str | None = None) -> Floats:
    """Shares of the offers and, last, of `none`: of all buyers, or of those of one segment."""
    people = population(buyers, np.random.default_rng(SEED))
    utilities = np.column_stack([people.weights @ worths(offers).T, people.none])
    if segment is not None:
        utilities = utilities[people.segment == list(SEGMENTS).index(segment)]
    odds = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    shares: Floats = (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares
