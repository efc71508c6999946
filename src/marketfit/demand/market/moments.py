"""Chances of choosing offers, and of choosing one and another: what derivatives of shares are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.market.availability import ConsiderationSets
from marketfit.demand.market.shares import Choosing, blocks, weights_of
from marketfit.demand.models.utilities import UtilityDraws

FARTHEST = 300.0  # below the best: squares of sums of exponentials stay numbers


@dataclass(frozen=True, eq=False)
class Chances:
    """Logit chances P_S in every consideration set S, in double precision.

    powers: (offers, rows) exp(utility). inside: (sets, offers) 1 for members. per_set: (sets, rows) √chance / Σ powers.
    chance: (sets,).
    """

    powers: FloatArray
    inside: FloatArray
    per_set: FloatArray
    chance: FloatArray

    @classmethod
    def of(cls, utilities: FloatArray, sets: ConsiderationSets | None) -> Chances:
        """From utilities (offers, rows), whose Gumbel error has scale 1."""
        powers = np.exp(np.maximum(utilities - utilities.max(axis=0), -FARTHEST))
        inside = np.ones((1, len(powers))) if sets is None else sets.members.astype(np.float64)
        chance = np.ones(1) if sets is None else sets.chance
        return cls(powers, inside, np.sqrt(chance)[:, None] / (inside @ powers), chance)

    @property
    def share(self) -> FloatArray:
        """(offers, rows) Σ_S chance(S) P_S(offer)."""
        return np.asarray(self.powers * (self.inside.T @ (np.sqrt(self.chance)[:, None] * self.per_set)))

    def joint(self, index: int) -> FloatArray:
        """(offers, rows) Σ_S chance(S) P_S(offer) P_S(index)."""
        both = self.inside.T @ (self.inside[:, [index]] * self.per_set**2)
        return np.asarray(self.powers * self.powers[index] * both)


def share_moments(
    designs: FloatArray, drawn: UtilityDraws, choosing: Choosing, places: IntArray
) -> tuple[FloatArray, FloatArray]:
    """(offers,) mean shares over people and draws, and (offers, places) the means of P(offer) P(place).

    designs: (offers, columns). The spread of `choosing` must be above 0.
    """
    draws, people, columns = drawn.values.shape
    flat, weights = drawn.values.reshape(-1, columns), weights_of(drawn).reshape(-1) / draws
    constants = np.zeros(len(designs)) if choosing.constants is None else choosing.constants
    repeats = 1 if choosing.errors is None else len(choosing.errors)
    shares, joints = np.zeros(len(designs)), np.zeros((len(designs), places.size))
    for begin, end in blocks(len(flat), len(designs) + (1 if choosing.sets is None else len(choosing.sets.chance))):
        utilities = designs @ flat[begin:end].T + constants[:, None]
        person, weight = np.arange(begin, end) % people, weights[begin:end] / repeats
        for repeat in range(repeats):
            erring = utilities if choosing.errors is None else utilities + choosing.errors[repeat][:, person]
            chances = Chances.of(erring / choosing.spread, choosing.sets)
            shares += chances.share @ weight
            for column, place in enumerate(places.tolist()):
                joints[:, column] += chances.joint(place) @ weight
    return shares, joints
