"""Shares of preference for many draws at once: blocks that fit the processor's cache, in single precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, SingleArray
from marketfit.demand.models.utilities import UtilityDraws

BLOCK_CELLS = 1 << 18  # 1 MB of single precision numbers


def share_draws(designs: FloatArray, drawn: UtilityDraws) -> SingleArray:
    """Logit shares (draws, offers), averaged over the people of each draw.

    designs: (offers, columns). Beyond the answer, memory stays at a few blocks.
    """

    def shares(utilities: SingleArray) -> SingleArray:
        utilities -= utilities.max(axis=0)
        np.exp(utilities, out=utilities)
        utilities /= utilities.sum(axis=0)
        return utilities

    return _over_blocks(designs, drawn, designs.shape[0], shares)


def share_curve_draws(grid: FloatArray, others: FloatArray, drawn: UtilityDraws) -> SingleArray:
    """Logit shares (draws, points) of one offer at each point of a grid, against the same other offers.

    grid: (points, columns) designs of the offer; others: (others, columns).
    """
    points = grid.shape[0]

    def shares(utilities: SingleArray) -> SingleArray:
        rivals = utilities[points:]
        highest = rivals.max(axis=0)
        log_sum = highest + np.log(np.exp(rivals - highest).sum(axis=0))
        won: SingleArray = special.expit(utilities[:points] - log_sum)
        return won

    return _over_blocks(np.concatenate([grid, others]), drawn, points, shares)


def _over_blocks(
    designs: FloatArray, drawn: UtilityDraws, outputs: int, shares: Callable[[SingleArray], SingleArray]
) -> SingleArray:
    """Apply `shares` to blocks of utilities (designs, people) and average the people of each draw."""
    draws, people, columns = drawn.values.shape
    # Only differences between offers matter; taking them in double precision keeps single precision exact enough.
    differences = designs - designs[0]
    flat = drawn.values.reshape(-1, columns)
    weights = None if drawn.weights is None else drawn.weights.reshape(-1).astype(np.float32)
    answer = np.zeros((outputs, draws), dtype=np.float32)
    for begin, end in _blocks(draws * people, designs.shape[0]):
        utilities = differences.astype(np.float32) @ flat[begin:end].T.astype(np.float32)
        block = shares(utilities)
        if people == 1:
            answer[:, begin:end] = block
            continue
        owner = np.arange(begin, end) // people
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        block *= np.float32(1 / people) if weights is None else weights[begin:end]
        answer[:, owner[first]] += np.add.reduceat(block, first, axis=1)
    return answer.T


def _blocks(rows: int, cells_per_row: int) -> Iterator[tuple[int, int]]:
    step = max(1, BLOCK_CELLS // cells_per_row)
    for begin in range(0, rows, step):
        yield begin, min(rows, begin + step)
