"""Shares for many draws at once: blocks that fit the processor's cache, in single precision where that is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.market.availability import ConsiderationSets
from marketfit.demand.models.utilities import UtilityDraws

BLOCK_CELLS = 1 << 18  # 1 MB of single precision numbers
SHARP = 0.5  # below this scale of the Gumbel error, utilities are taken in double precision
TIE = 1e-9  # utilities closer than this are alike
FARTHEST = 700.0  # utilities lower than this below the best count as this low: exp holds no more

Utilities = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choosing:
    """How utilities become shares.

    constants: (offers,) utility on top of the designs'. sets: what people choose from; None where it is everything.
    errors: (repeats, offers, people) to average over, or None. spread: scale of the Gumbel error of each offer; 0 is
    first choice.
    """

    constants: FloatArray | None = None
    sets: ConsiderationSets | None = None
    errors: FloatArray | None = None
    spread: float = 1.0


LOGIT = Choosing()


def share_draws(designs: FloatArray, drawn: UtilityDraws, choosing: Choosing = LOGIT) -> SingleArray:
    """Shares (draws, offers), averaged over the people of each draw.

    designs: (offers, columns). Beyond the answer, memory stays at a few blocks.
    """
    choose = _chooser(choosing)

    def shares(utilities: Utilities, person: IntArray) -> Utilities:
        if choosing.errors is None:
            return choose(utilities)
        total = np.zeros_like(utilities)
        for errors in choosing.errors:
            total += choose(utilities + errors[:, person].astype(utilities.dtype))
        total /= len(choosing.errors)
        return total

    # A sharp rule magnifies the rounding of utilities; in first choice it would break ties.
    double = choosing.spread < SHARP or choosing.sets is not None
    return _over_blocks(designs, drawn, designs.shape[0], shares, constants=choosing.constants, double=double)


def share_curve_draws(
    grid: FloatArray, others: FloatArray, drawn: UtilityDraws, choosing: Choosing = LOGIT
) -> SingleArray:
    """Logit shares (draws, points) of one offer at each point of a grid, against the same other offers.

    grid: (points, columns) designs of the offer; others: (others, columns). The constants and sets of `choosing` are of
    1 + others offers, the one of the grid first.
    """
    points = grid.shape[0]
    constants = None
    if choosing.constants is not None:
        constants = np.concatenate([np.repeat(choosing.constants[0], points), choosing.constants[1:]])
    fields: list[tuple[float, NDArray[np.bool_] | slice]] = [(1.0, slice(None))]
    if choosing.sets is not None:
        pairs = zip(choosing.sets.chance.tolist(), choosing.sets.members, strict=True)
        fields = [(chance, members[1:]) for chance, members in pairs if members[0]]

    def shares(utilities: Utilities, _person: IntArray) -> Utilities:
        ours, rivals = utilities[:points], utilities[points:]
        won = np.zeros_like(ours)
        for chance, members in fields:
            met = rivals[members]
            highest = met.max(axis=0, initial=-np.inf)
            base = np.where(np.isfinite(highest), highest, 0)  # who meets no rival takes the offer
            with np.errstate(divide="ignore"):
                log_sum = base + np.log(np.exp(met - base).sum(axis=0))
            won += chance * special.expit(ours - log_sum)
        return won

    return _over_blocks(np.concatenate([grid, others]), drawn, points, shares, constants=constants)


def _chooser(choosing: Choosing) -> Callable[[Utilities], Utilities]:
    """What turns a block of utilities (offers, rows), which may be overwritten, into shares of each row."""
    sets, spread = choosing.sets, choosing.spread
    if spread == 0:
        return _first if sets is None else lambda utilities: _over_sets(utilities, sets)
    if sets is None:
        return lambda utilities: _softmax(utilities, spread)
    return lambda utilities: _softmax_of_sets(utilities, spread, sets)


def _softmax(utilities: Utilities, spread: float) -> Utilities:
    utilities -= utilities.max(axis=0)
    if spread != 1:
        utilities /= spread
    np.exp(utilities, out=utilities)
    utilities /= utilities.sum(axis=0)
    return utilities


def _softmax_of_sets(utilities: Utilities, spread: float, sets: ConsiderationSets) -> Utilities:
    """Σ_S chance(S) softmax over S. Exponentials are taken once, sums over sets are products of matrices."""
    utilities -= utilities.max(axis=0)
    powers = np.exp(np.maximum(utilities / spread, -FARTHEST))
    members = sets.members.astype(np.float64)
    per_set = sets.chance[:, None] / (members @ powers)
    return np.asarray(powers * (members.T @ per_set))


def _first(utilities: Utilities) -> Utilities:
    best: Utilities = (utilities >= utilities.max(axis=0) - TIE).astype(utilities.dtype)
    best /= best.sum(axis=0)
    return best


def _over_sets(utilities: Utilities, sets: ConsiderationSets) -> Utilities:
    total = np.zeros_like(utilities)
    for chance, members in zip(sets.chance.tolist(), sets.members, strict=True):
        total[members] += chance * _first(utilities[members])
    return total


def _over_blocks(
    designs: FloatArray,
    drawn: UtilityDraws,
    outputs: int,
    shares: Callable[[Utilities, IntArray], Utilities],
    *,
    constants: FloatArray | None,
    double: bool = False,
) -> SingleArray:
    """Apply `shares` to blocks of utilities (designs, rows), a row being a person of a draw, and average the people.

    `shares` gets the utilities, which it may overwrite, and the number of each row's person within the draw.
    """
    draws, people, columns = drawn.values.shape
    number = np.float64 if double else np.float32
    # Only differences between offers matter; taking them in double precision keeps single precision exact enough.
    differences = (designs - designs[0]).astype(number)
    added = None if constants is None or not constants.any() else constants.astype(number)[:, None]
    flat = drawn.values.reshape(-1, columns)
    weights = None if drawn.weights is None else drawn.weights.reshape(-1).astype(np.float32)
    answer = np.zeros((outputs, draws), dtype=np.float32)
    for begin, end in blocks(draws * people, designs.shape[0]):
        utilities = differences @ flat[begin:end].T.astype(number)
        if added is not None:
            utilities += added
        row = np.arange(begin, end)
        block = shares(utilities, row % people)
        if people == 1:
            answer[:, begin:end] = block
            continue
        owner = row // people
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        block *= np.float32(1 / people) if weights is None else weights[begin:end]
        answer[:, owner[first]] += np.add.reduceat(block, first, axis=1)
    return answer.T


def blocks(rows: int, cells_per_row: int, cells: int | None = None) -> Iterator[tuple[int, int]]:
    """Begin and end of blocks of rows that hold about `cells` cells (default: BLOCK_CELLS), at least one row each."""
    step = max(1, (cells or BLOCK_CELLS) // cells_per_row)
    for begin in range(0, rows, step):
        yield begin, min(rows, begin + step)


def weights_of(drawn: UtilityDraws) -> FloatArray:
    """(draws, people) weights that sum to 1 in every draw."""
    draws, people, _ = drawn.values.shape
    return np.full((draws, people), 1 / people) if drawn.weights is None else drawn.weights
