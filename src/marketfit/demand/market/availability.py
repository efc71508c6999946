"""Consideration sets: which offers people can get or know, when each is met with a chance of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, frozen

MOST_EXACT = 8
"""Up to this many limited offers, all consideration sets are enumerated; above, sets are drawn."""

DRAWN_SETS = 512


@dataclass(frozen=True, eq=False)
class ConsiderationSets:
    """Sets of offers that people choose from. members: (sets, offers), none empty; chance: (sets,), sums to 1."""

    members: BoolArray
    chance: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", frozen(self.members))
        object.__setattr__(self, "chance", frozen(self.chance))


def consideration_sets(availability: FloatArray, seed: int) -> ConsiderationSets | None:
    """The sets that follow from the availability (offers,) of each offer; None where everybody meets all of them.

    A person meets each offer independently of the others and of their tastes (Manski 1977 with independent
    inclusion, as in Swait & Ben-Akiva 1987). Who meets nothing is left out: chances are those of people who meet at
    least one. Up to MOST_EXACT limited offers the sets and their chances are exact. Above, DRAWN_SETS sets are drawn,
    stratified for each offer so that availabilities hold to within 1 / DRAWN_SETS.

    availability: between 0 and 1, some above 0. seed: of drawn sets.
    """
    if (availability == 1).all():
        return None
    limited = np.flatnonzero((availability > 0) & (availability < 1))
    met = availability[limited]
    exact = limited.size <= MOST_EXACT
    certain = bool((availability == 1).any())
    inside = _all_subsets(limited.size) if exact else _drawn_subsets(met, certain, np.random.default_rng(seed))
    chance = np.where(inside, met, 1 - met).prod(axis=1) if exact else np.ones(len(inside))
    members = np.tile(availability == 1, (len(inside), 1))
    members[:, limited] = inside
    possible = members.any(axis=1)
    chance = chance[possible]
    return ConsiderationSets(members[possible], chance / chance.sum())


def stratified(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """(rows, columns) uniform numbers; in every column each of `rows` equal strata has one (McKay et al. 1979)."""
    strata = np.broadcast_to(np.arange(shape[0], dtype=np.float64)[:, None], shape)
    return np.asarray((rng.permuted(strata, axis=0) + rng.random(shape)) / shape[0])


def _all_subsets(count: int) -> BoolArray:
    return np.asarray((np.arange(2**count)[:, None] >> np.arange(count)) % 2 == 1)


def _drawn_subsets(met: FloatArray, certain: bool, rng: np.random.Generator) -> BoolArray:
    """(DRAWN_SETS, limited); where no offer is certain, each set is drawn given that it is not empty."""
    inside = stratified(rng, (DRAWN_SETS, met.size)) < met
    if not certain:
        missed = np.cumprod(1 - met)
        first_chance = np.diff(1 - missed, prepend=0.0)  # to be the first that is met
        order = np.cumsum(first_chance) / first_chance.sum()
        first = np.searchsorted(order, stratified(rng, (DRAWN_SETS, 1))[:, 0])
        place = np.arange(met.size)
        inside = (inside & (place > first[:, None])) | (place == first[:, None])
    return np.asarray(inside)
