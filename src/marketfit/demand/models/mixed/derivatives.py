"""Scores and information of the simulated log-likelihood of one block.

A parameter p changes the coefficient of one column, k(p), by a *slope* e_p that differs between draws: 1 or the draw,
for a log-normal times the coefficient. With w_r the posterior share of a draw, x̄_t the mean of the differences of a
task under the probabilities, and G = Σ_t x̄_t, the score of a draw is −G_k(p) e_p, and

    −H = Σ_r w_r [Σ_t (Σ_j P_j x_j x_jᵀ − x̄_t x̄_tᵀ) − G Gᵀ] e eᵀ + Σ_r w_r G ∂e + s sᵀ,

where s = Σ_r w_r (score of the draw), and ∂e is 0 but for log-normals (Louis 1982 has this form of the identity).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.models.mixed.blocks import Block
from marketfit.demand.models.mixed.simulation import Simulation
from marketfit.demand.models.mixed.tastes import Tastes

CELLS = 1 << 18
"""Numbers that are worked on together where the information is summed: 2 MB."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Which column each parameter moves, and by which of the distinct slopes.

    column, slope: (parameters,). The slopes are the rows of the base, then for each pair (log-normal column, row of
    the base) in `scaled` their product. moved: (parameters,) the number among the random columns, −1 for fixed ones;
    row: (parameters,) the row of the base. count: of distinct slopes.
    """

    column: IntArray
    moved: IntArray
    row: IntArray
    slope: IntArray
    scaled: tuple[tuple[int, int], ...]
    count: int

    @classmethod
    def of(cls, tastes: Tastes) -> Slopes:
        places = tastes.positions.tolist()
        moved = [places.index(column) if column in places else -1 for column in range(len(tastes.columns))]
        row = [0] * len(moved)
        for number, draw in tastes.spread_entries:
            moved.append(number)
            row.append(1 + draw)
        pairs = [(number, draw) for number, draw in zip(moved, row, strict=True) if number in tastes.log_normal]
        slope = [
            1 + len(places) + pairs.index((number, draw)) if number in tastes.log_normal else draw
            for number, draw in zip(moved, row, strict=True)
        ]
        column = [*range(len(tastes.columns)), *(places[number] for number, _ in tastes.spread_entries)]
        return cls(
            column=np.array(column, dtype=np.int64),
            moved=np.array(moved, dtype=np.int64),
            row=np.array(row, dtype=np.int64),
            slope=np.array(slope, dtype=np.int64),
            scaled=tuple(pairs),
            count=1 + len(places) + len(pairs),
        )

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray, IntArray]:
        """The pairs of distinct slopes, and (slopes, slopes) the number of each pair."""
        first, second = np.triu_indices(self.count)
        number = np.zeros((self.count, self.count), dtype=np.int64)
        number[first, second] = number[second, first] = np.arange(first.size)
        return first.astype(np.int64), second.astype(np.int64), number


def block_scores(tastes: Tastes, slopes: Slopes, block: Block, simulation: Simulation) -> FloatArray:
    """(units, parameters) the score of each unit."""
    units, draws = simulation.posterior.shape
    flat = block.differences.reshape(units, -1, len(tastes.columns))
    probabilities = simulation.probabilities.reshape(units, -1, draws)
    random = np.ascontiguousarray(flat[..., tastes.positions].transpose(0, 2, 1))
    pulls = np.matmul(random, probabilities)
    pulls *= simulation.posterior[:, None]
    for number in tastes.log_normal:
        pulls[:, number] *= simulation.coefficients[:, number]
    by_row = np.matmul(pulls, simulation.base.transpose(0, 2, 1))
    scores: FloatArray = -by_row[:, slopes.moved, slopes.row]
    fixed = np.flatnonzero(slopes.moved < 0)
    if fixed.size:
        expected = np.matmul(probabilities, simulation.posterior[..., None])
        scores[:, fixed] = -np.matmul(flat.transpose(0, 2, 1), expected)[:, fixed, 0]
    return scores


def block_information(
    slopes: Slopes, block: Block, simulation: Simulation, scores: FloatArray, weights: FloatArray
) -> FloatArray:
    """(parameters, parameters) minus the Hessian. scores: of `block_scores`; weights: (units,)."""
    base, shares = simulation.base, simulation.posterior * weights[:, None]
    if slopes.scaled:
        scaled = [simulation.coefficients[:, number] * base[:, row] for number, row in slopes.scaled]
        values = np.concatenate([base, np.stack(scaled, axis=1)], axis=1)
    else:
        values = base
    information = _second_moments(slopes, block, simulation, values, shares)
    # (units, tasks, columns, draws): the mean difference of each task.
    means = np.matmul(block.differences.transpose(0, 2, 3, 1), simulation.probabilities.transpose(0, 2, 1, 3))
    pulls = means.sum(axis=1)
    roots = values * np.sqrt(shares)[:, None]
    information -= _outer(slopes, means, roots) + _outer(slopes, pulls[:, None], roots)
    information += (scores * weights[:, None]).T @ scores
    for number in {number for number, _ in slopes.scaled}:
        own = np.flatnonzero(slopes.moved == number)
        pull = shares * pulls[:, slopes.column[own[0]]] * simulation.coefficients[:, number]
        rows = base[:, slopes.row[own]]
        information[np.ix_(own, own)] += np.matmul(rows * pull[:, None], rows.transpose(0, 2, 1)).sum(axis=0)
    return information


def _second_moments(
    slopes: Slopes, block: Block, simulation: Simulation, values: FloatArray, shares: FloatArray
) -> FloatArray:
    """Σ over alternatives and draws of P x_k(p) x_k(q) e_p e_q."""
    units, draws = shares.shape
    columns = block.differences.shape[-1]
    first, second, number = slopes.pairs
    products = values[:, first] * values[:, second]
    products *= shares[:, None]
    probabilities = simulation.probabilities.reshape(units, -1, draws)
    by_pair = np.matmul(probabilities, products.transpose(0, 2, 1)).reshape(-1, first.size)
    flat = block.differences.reshape(-1, columns)
    crossed = (flat[:, :, None] * flat[:, None, :]).reshape(-1, columns * columns)
    moments = (crossed.T @ by_pair).reshape(columns, columns, first.size)
    p, q = np.ix_(np.arange(slopes.column.size), np.arange(slopes.column.size))
    return np.asarray(moments[slopes.column[p], slopes.column[q], number[slopes.slope[p], slopes.slope[q]]])


def _outer(slopes: Slopes, means: FloatArray, roots: FloatArray) -> FloatArray:
    """Σ over units, tasks and draws of y yᵀ with y_p = means_k(p) roots_e(p).

    means: (units, tasks, columns, draws); roots: (units, slopes, draws).
    """
    units, tasks, _, draws = means.shape
    size = slopes.column.size
    total = np.zeros((size, size))
    step = max(1, CELLS // (units * size * draws))
    for begin in range(0, tasks, step):
        some = means[:, begin : begin + step]
        rows = np.empty((units, some.shape[1], size, draws))
        for p, (column, slope) in enumerate(zip(slopes.column.tolist(), slopes.slope.tolist(), strict=True)):
            np.multiply(some[:, :, column], roots[:, None, slope], out=rows[:, :, p])
        flat = rows.reshape(-1, size, draws)
        total += np.matmul(flat, flat.transpose(0, 2, 1)).sum(axis=0)
    return total
