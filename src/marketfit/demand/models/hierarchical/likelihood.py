"""The likelihood of each person's answers at coefficients of their own, for everybody at once.

Laid out for speed: tasks of like size lie in one block of single precision numbers, alternatives first and tasks last,
as differences from the chosen alternative. With v_a the utility by which alternative a leads the chosen one,
log p(chosen) = −log(1 + Σ_a exp v_a). Differences are taken in double precision, so that single precision is exact
enough: an error of 1e-6 in a log-likelihood moves a chance to accept by as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.choices.data import ChoiceData

STEEPEST = np.float32(80.0)
"""A lead beyond this counts as this much: exp must not overflow, and a chance of 1e-35 is as good as none."""
SIZES_PER_OCTAVE = 4
"""Sizes of blocks between one power of two and the next: padding is then at most a quarter."""


@dataclass(frozen=True, eq=False)
class TaskBlock:
    """Tasks of like size.

    leads: (columns, others, tasks) designs of the alternatives that were not chosen, minus that of the chosen one.
    absent: (others, tasks) −inf where a task has no such alternative, else 0; None when all have.
    people: which of them answered here, ascending; counts: how many tasks each has here, side by side from starts on.
    everybody: whether that is all of them. weights: (tasks,) or None when all count 1.
    """

    leads: SingleArray
    absent: SingleArray | None
    people: IntArray
    everybody: bool
    counts: IntArray
    starts: IntArray
    weights: SingleArray | None

    @property
    def who(self) -> IntArray | slice:
        """The people as an index; a slice where it may be one, which is faster."""
        return slice(None) if self.everybody else self.people

    def chances(self, coefficients: SingleArray) -> tuple[SingleArray, SingleArray]:
        """(others, tasks) chance of each alternative that was not chosen, and (tasks,) −log of the chosen one's."""
        leads = np.einsum("kat,kt->at", self.leads, np.repeat(coefficients[:, self.who], self.counts, axis=1))
        if self.absent is not None:
            leads += self.absent
        np.minimum(leads, STEEPEST, out=leads)
        np.exp(leads, out=leads)
        sums = leads.sum(axis=0)
        sums += 1
        leads /= sums
        return leads, np.log(sums, out=sums)

    def by_person(self, values: SingleArray) -> SingleArray:
        """Sums over the tasks of each person, along the last axis; tasks count by their weight."""
        weighted = values if self.weights is None else values * self.weights
        return np.add.reduceat(weighted, self.starts, axis=-1)


@dataclass(frozen=True, eq=False)
class PeopleLikelihood:
    """Log-likelihood of every person. people: how many; columns: of the design."""

    blocks: tuple[TaskBlock, ...]
    people: int
    columns: int

    @classmethod
    def of(cls, data: ChoiceData, design: FloatArray, person: IntArray, weights: FloatArray) -> PeopleLikelihood:
        """Lay the tasks out. design: (rows, columns); person: (tasks,) from 0, ascending; weights: (tasks,)."""
        classes = _size_classes(data.sizes)
        blocks = [
            _block(data, design, person, weights, np.flatnonzero(classes == size))
            for size in np.unique(classes).tolist()
        ]
        return cls(tuple(blocks), int(person[-1]) + 1, design.shape[1])

    def value_and_gradient(self, coefficients: SingleArray) -> tuple[SingleArray, SingleArray]:
        """(people,) log-likelihood and (columns, people) its gradient, at coefficients (columns, people)."""
        value = np.zeros(self.people, dtype=np.float32)
        gradient = np.zeros((self.columns, self.people), dtype=np.float32)
        for block in self.blocks:
            chances, surprise = block.chances(coefficients)
            value[block.who] -= block.by_person(surprise)
            gradient[:, block.who] -= block.by_person(np.einsum("kat,at->kt", block.leads, chances))
        return value, gradient

    def information(self, coefficients: SingleArray) -> FloatArray:
        """(people, columns, columns) minus the Hessian of each person's log-likelihood."""
        information = np.zeros((self.people, self.columns, self.columns))
        for block in self.blocks:
            chances, _ = block.chances(coefficients)
            means = np.einsum("kat,at->kt", block.leads, chances)
            for column in range(self.columns):
                products = np.einsum("at,kat->kt", block.leads[column] * chances, block.leads) - means[column] * means
                information[block.who, column] += block.by_person(products).T
        return information


def _size_classes(sizes: IntArray) -> IntArray:
    """(tasks,) the size of block that each task belongs to, at least its own size."""
    step = np.maximum(2.0 ** np.floor(np.log2(sizes)) / SIZES_PER_OCTAVE, 1)
    return np.asarray(np.ceil(sizes / step) * step, dtype=np.int64)


def _block(data: ChoiceData, design: FloatArray, person: IntArray, weights: FloatArray, tasks: IntArray) -> TaskBlock:
    chosen, sizes = data.chosen[tasks], data.sizes[tasks]
    others = int(sizes.max()) - 1
    place = np.arange(others)[:, None]
    # The chosen alternative is skipped; places beyond a task's last alternative repeat the chosen one.
    rows = data.starts[tasks] + place
    rows = rows + (rows >= chosen)
    missing = place >= sizes - 1
    rows = np.where(missing, chosen, rows)
    leads = (design[rows] - design[chosen]).astype(np.float32)
    people, starts, counts = np.unique(person[tasks], return_index=True, return_counts=True)
    weight = weights[tasks]
    return TaskBlock(
        leads=np.ascontiguousarray(leads.transpose(2, 0, 1)),
        absent=np.where(missing, -np.inf, 0.0).astype(np.float32) if missing.any() else None,
        people=people,
        everybody=people.size == int(person[-1]) + 1,
        counts=counts,
        starts=starts,
        weights=None if (weight == 1).all() else weight.astype(np.float32),
    )
