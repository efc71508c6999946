"""One block of units at all of its draws: coefficients, choice probabilities, and how likely each draw makes the
choices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.blocks import Block
from marketfit.demand.models.mixed.tastes import Tastes

HIGHEST = 500.0
"""Utilities above that of the chosen alternative by more than this are taken as this, so that nothing overflows."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """What the likelihood of a block and its derivatives are made of.

    base: (units, 1 + random columns, draws). coefficients: (units, random columns, draws).
    probabilities: (units, alternatives, tasks, draws) of the alternatives that were not chosen.
    log_likelihood: (units,) of the simulated probabilities. posterior: (units, draws) the share of each draw in it.
    """

    base: FloatArray
    coefficients: FloatArray
    probabilities: FloatArray
    log_likelihood: FloatArray
    posterior: FloatArray


def simulate_block(tastes: Tastes, block: Block, base: FloatArray, parameters: FloatArray) -> Simulation:
    """Simulate the choices of a block. parameters: as in `Tastes`."""
    random, draws = tastes.positions.size, base.shape[-1]
    # A last row of ones, so that one product adds the utility of the fixed coefficients.
    matrix = np.zeros((random + 1, random + 1))
    matrix[:random] = tastes.matrix(parameters)
    matrix[random, 0] = 1.0
    coefficients = np.matmul(matrix, base)
    tastes.transform(coefficients[:, :random])
    fixed = parameters[: len(tastes.columns)].copy()
    fixed[tastes.positions] = 0.0
    differences = block.differences
    by_draw = np.concatenate([differences[..., tastes.positions], (differences @ fixed)[..., None]], axis=-1)
    utilities = np.matmul(by_draw.reshape(len(by_draw), -1, random + 1), coefficients)
    utilities = utilities.reshape(*differences.shape[:-1], draws)
    odds, sums = _odds(block, utilities)
    logs = -np.log(sums).sum(axis=1)
    odds /= sums[:, None]
    highest = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - highest)
    totals = shares.sum(axis=1, keepdims=True)
    return Simulation(
        base=base,
        coefficients=coefficients[:, :random],
        probabilities=odds,
        log_likelihood=(highest + np.log(totals / draws))[:, 0],
        posterior=shares / totals,
    )


def _odds(block: Block, utilities: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Odds against the chosen alternative, in place of the utilities, and (units, tasks, draws) 1 + their sums."""
    if utilities.size and utilities.max() > HIGHEST:
        np.minimum(utilities, HIGHEST, out=utilities)
    odds = np.exp(utilities, out=utilities)
    if block.absent is not None:
        odds[block.absent] = 0.0
    sums = odds.sum(axis=1)
    sums += 1.0
    return odds, sums
