"""The simulated log-likelihood of the mixed logit over all units (Revelt & Train 1998; Train 2009, 6.6, 6.7 and 10.2).

For a unit (a person, or a single task) of weight v, draws r and tasks t it is v log (1/R) Σ_r Π_t p_rt, with p_rt the
logit probability of what was chosen at the coefficients of draw r.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.models.halton import halton_block
from marketfit.demand.models.mixed.blocks import Block, blocks_of
from marketfit.demand.models.mixed.derivatives import Slopes, block_information, block_scores
from marketfit.demand.models.mixed.simulation import simulate_block
from marketfit.demand.models.mixed.tastes import Tastes

SKIPPED = 100
"""Points of every Halton sequence that are left out: there sequences of different primes resemble each other."""
KEPT_NUMBERS = 1 << 25
"""Draws that are kept in memory (256 MB); those beyond are made anew each time."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The log-likelihood at some parameters. scores: (units, parameters) with their weights.

    outer: (parameters, parameters) Σ_units v s sᵀ, which estimates the information (Berndt et al. 1974).
    information: minus the Hessian, where it was asked for.
    """

    value: float
    scores: FloatArray
    outer: FloatArray
    information: FloatArray | None


@dataclass(frozen=True, eq=False)
class SimulatedLikelihood:
    """Units in blocks, and their draws: `draws` consecutive points of the Halton sequences for each.

    weights: (units,). bases: of the first blocks; those of the others are not kept.
    """

    tastes: Tastes
    blocks: tuple[Block, ...]
    weights: FloatArray
    draws: int
    bases: tuple[FloatArray, ...]

    @classmethod
    def of(
        cls, tastes: Tastes, data: ChoiceData, design: FloatArray, units: tuple[IntArray, FloatArray], draws: int
    ) -> SimulatedLikelihood:
        """Lay out the data. design: (rows, columns); units: (tasks,) the unit of each task, (units,) their weights."""
        unit, weights = units
        blocks = blocks_of(data, design, unit, draws)
        numbers = np.cumsum([block.units.size * draws * (1 + tastes.positions.size) for block in blocks])
        kept = blocks[: int(np.searchsorted(numbers, KEPT_NUMBERS, side="right"))]
        bases = _over_threads(lambda place: base_of(tastes, kept[place].units, draws), len(kept))
        return cls(tastes, blocks, weights, draws, tuple(bases))

    def evaluate(self, parameters: FloatArray, *, information: bool = False) -> Evaluation:
        """Value and scores, and the information where it is asked for. parameters: as in `Tastes`."""
        slopes = Slopes.of(self.tastes)

        def part(place: int) -> tuple[FloatArray, FloatArray, FloatArray | None]:
            block = self.blocks[place]
            simulation = simulate_block(self.tastes, block, self._base(place), parameters)
            scores = block_scores(self.tastes, slopes, block, simulation)
            if not information:
                return simulation.log_likelihood, scores, None
            weights = self.weights[block.units]
            return simulation.log_likelihood, scores, block_information(slopes, block, simulation, scores, weights)

        parts = _over_threads(part, len(self.blocks))
        values, scores = np.empty(self.weights.size), np.empty((self.weights.size, self.tastes.parameters))
        for block, (value, score, _) in zip(self.blocks, parts, strict=True):
            values[block.units], scores[block.units] = value, score
        weighted = scores * self.weights[:, None]
        found = [matrix for _, _, matrix in parts if matrix is not None]
        return Evaluation(
            value=float(self.weights @ values),
            scores=weighted,
            outer=weighted.T @ scores,
            information=np.sum(found, axis=0) if found else None,
        )

    def conditional_means(self, parameters: FloatArray) -> FloatArray:
        """(units, columns) the mean coefficients of people who chose as the unit did (Train 2009, 11.3)."""

        def part(place: int) -> FloatArray:
            simulation = simulate_block(self.tastes, self.blocks[place], self._base(place), parameters)
            return np.asarray((simulation.coefficients * simulation.posterior[:, None]).sum(axis=-1))

        means = np.tile(parameters[: len(self.tastes.columns)], (self.weights.size, 1))
        for block, found in zip(self.blocks, _over_threads(part, len(self.blocks)), strict=True):
            means[np.ix_(block.units, self.tastes.positions)] = found
        return means

    def _base(self, place: int) -> FloatArray:
        if place < len(self.bases):
            return self.bases[place]
        return base_of(self.tastes, self.blocks[place].units, self.draws)


def base_of(tastes: Tastes, units: IntArray, draws: int) -> FloatArray:
    """(units, 1 + random columns, draws) the base of some units: unit i has the i-th `draws` points of sequences."""
    return tastes.base(halton_block(units, draws, tastes.positions.size, SKIPPED))


def _over_threads(part: Callable[[int], _Part], parts: int) -> list[_Part]:
    """The parts, computed side by side: numpy lets other threads run while it computes."""
    with ThreadPoolExecutor(_threads()) as pool:
        return list(pool.map(part, range(parts)))


def _threads() -> int:
    """One for each core that this process may use, unless OMP_NUM_THREADS says fewer."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, int(allowed)) if allowed.isdigit() and int(allowed) else cores
