"""Offers that nobody should take: another one is at least as good in everything, and better in something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["higher", "lower"]
Values: TypeAlias = Mapping[str, float | str]


@dataclass(frozen=True)
class Domination:
    """`by` is at least as good as `offer` in all attributes with a direction, and better in those of `better_in`.

    differs: attributes without a direction in which the two differ; for their sake somebody may prefer `offer`.
    """

    offer: str
    by: str
    better_in: tuple[str, ...]
    differs: tuple[str, ...]


def dominated_offers(offers: Mapping[str, Values], better: Mapping[str, Direction]) -> tuple[Domination, ...]:
    """Every pair of which one dominates the other; all offers have all attributes, and numbers where `better` says so.

    >>> offers = {"A": {"speed": 1.0, "price": 5.0}, "B": {"speed": 1.0, "price": 4.0},
    ...           "C": {"speed": 2.0, "price": 9.0}}
    >>> [(pair.offer, pair.by, pair.better_in) for pair in
    ...  dominated_offers(offers, {"speed": "higher", "price": "lower"})]
    [('A', 'B', ('price',))]
    """
    found = []
    for name, values in offers.items():
        for other, rival in offers.items():
            ahead = {
                attribute: _advantage(rival[attribute], values[attribute], way) for attribute, way in better.items()
            }
            if other != name and ahead and min(ahead.values()) >= 0 and max(ahead.values()) > 0:
                better_in = tuple(attribute for attribute, by in ahead.items() if by > 0)
                differs = tuple(key for key in values if key not in better and values[key] != rival[key])
                found.append(Domination(name, other, better_in, differs))
    return tuple(found)


def _advantage(one: float | str, other: float | str, way: Direction) -> float:
    """How far `one` is ahead, in the better direction."""
    return (float(one) - float(other)) * (1 if way == "higher" else -1)
