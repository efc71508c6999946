"""What lines of own offers earn in every draw: exponentials once per candidate, lines by sums of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, SingleArray
from marketfit.demand.market.scene import Scene
from marketfit.demand.market.shares import blocks, weights_of
from marketfit.demand.models.utilities import UtilityDraws

BLOCK_CELLS = 1 << 16  # 256 kB of single precision numbers: a few of them fit the second cache
HIGHEST = 80.0  # of log odds; a share is then 1 to more digits than are kept


@dataclass(frozen=True, eq=False)
class Block:
    """People of some draws, who meet all candidates.

    odds: (candidates, draws · people) exp(utility), relative to the sum over all rivals. rest: (sets, draws · people)
    sum over the rivals that are met, relative to all of them; chance: of each set. weights: (draws, people).
    """

    odds: SingleArray
    rest: SingleArray
    chance: tuple[float, ...]
    weights: SingleArray

    @property
    def draws(self) -> int:
        """Number of draws in the block."""
        return len(self.weights)


@dataclass(frozen=True, eq=False)
class Field:
    """Candidates and the rivals that they meet. The candidates are `count` offers of the scene from `first` on."""

    scene: Scene
    drawn: UtilityDraws
    first: int
    count: int

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.drawn.values)

    def blocks(self) -> Iterator[Block]:
        """All draws, some at a time; the people of a draw stay together."""
        draws, people, columns = self.drawn.values.shape
        weights = weights_of(self.drawn).astype(np.float32)
        own = slice(self.first, self.first + self.count)
        rival = np.ones(len(self.scene.names), dtype=np.bool_)
        rival[own] = False
        for begin, end in blocks(draws, people * self.count, BLOCK_CELLS):
            values = self.drawn.values[begin:end].reshape(-1, columns)
            utilities = self.scene.designs @ values.T + self.scene.constants[:, None]
            met = utilities[rival]
            highest = met.max(axis=0)
            powers = np.exp(met - highest)
            total = powers.sum(axis=0)
            odds = np.exp(np.clip(utilities[own] - highest - np.log(total), -HIGHEST, HIGHEST))
            rest, chance = np.ones((1, 1)), (1.0,)
            if self.scene.sets is not None:
                rest = self.scene.sets.members[:, rival].astype(np.float64) @ (powers / total)
                chance = tuple(self.scene.sets.chance.tolist())
            yield Block(odds.astype(np.float32), rest.astype(np.float32), chance, weights[begin:end])


@dataclass(frozen=True, eq=False)
class Goal:
    """audience · Σ margin · share − offers · offer_cost. margin: (candidates,), or None for the share alone."""

    margin: FloatArray | None
    audience: float = 1.0
    offer_cost: float = 0.0

    def of(self, block: Block, prefix: Sequence[int], lasts: Sequence[int]) -> FloatArray:
        """(lasts, draws) goal of the lines that are `prefix` and one of `lasts`, which are neighbours."""
        place, ends = list(prefix), slice(lasts[0], lasts[-1] + 1)
        added = block.odds[ends]
        own = added + block.odds[place].sum(axis=0)
        earned = own
        if self.margin is not None:
            margin = self.margin.astype(np.float32)
            earned = margin[ends, None] * added + margin[place] @ block.odds[place]
        won = np.zeros_like(own)
        for chance, rest in zip(block.chance, block.rest, strict=True):
            won += np.float32(chance) * (earned / (rest + own))
        mean = np.einsum("ldp,dp->ld", won.reshape(len(lasts), *block.weights.shape), block.weights)
        return np.asarray(mean * self.audience - self.offer_cost * (len(place) + 1.0), dtype=np.float64)
