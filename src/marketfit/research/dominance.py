"""Offers that nobody should take: another is the same or better in everything, and better in something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["higher", "lower"]
Values: TypeAlias = Mapping[str, float | str]


@dataclass(frozen=True)
class Advantage:
    """`by` is at least as good as `offer` in all attributes with a direction, and better in those of `better_in`.

    differs: attributes without a direction in which the two differ; for their sake somebody may prefer `offer`.
    """

    offer: str
    by: str
    better_in: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def dominates(self) -> bool:
        """Whether nobody has a reason to take `offer`: the two differ in nothing but what `by` is better in."""
        return not self.differs


def advantages(offers: Mapping[str, Values], better: Mapping[str, Direction]) -> tuple[Advantage, ...]:
    """Every pair of which one has the advantage; all offers have all attributes, and numbers where `better` says so.

    >>> offers = {"A": {"brand": "x", "price": 5.0}, "B": {"brand": "x", "price": 4.0},
    ...           "C": {"brand": "y", "price": 3.0}}
    >>> [(pair.offer, pair.by, pair.dominates) for pair in advantages(offers, {"price": "lower"})]
    [('A', 'B', True), ('A', 'C', False), ('B', 'C', False)]
    """
    found = []
    for name, values in offers.items():
        for other, rival in offers.items():
            ahead = {attribute: _ahead(rival[attribute], values[attribute], way) for attribute, way in better.items()}
            if other != name and ahead and min(ahead.values()) >= 0 and max(ahead.values()) > 0:
                better_in = tuple(attribute for attribute, by in ahead.items() if by > 0)
                differs = tuple(key for key in values if key not in better and values[key] != rival[key])
                found.append(Advantage(name, other, better_in, differs))
    return tuple(found)


def dominated_offers(offers: Mapping[str, Values], better: Mapping[str, Direction]) -> tuple[Advantage, ...]:
    """The pairs of which one dominates the other.

    >>> offers = {"A": {"brand": "x", "price": 5.0}, "B": {"brand": "y", "price": 4.0}}
    >>> dominated_offers(offers, {"price": "lower"})  # somebody may prefer brand x
    ()
    """
    return tuple(pair for pair in advantages(offers, better) if pair.dominates)


def _ahead(one: float | str, other: float | str, way: Direction) -> float:
    """How far `one` is ahead, in the better direction."""
    return (float(one) - float(other)) * (1 if way == "higher" else -1)
