"""The likelihood of the multinomial logit (McFadden 1974; Train 2009, chapter 3) on tasks of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData

BLOCK_CELLS = 1 << 16  # half a megabyte: a block and what is computed from it stay in the processor's cache
KEPT_CELLS = 1 << 23  # 64 MB: larger designs are stacked anew for each evaluation, so that they are not held twice


@dataclass(frozen=True, eq=False)
class Stack:
    """Some tasks of the same size. ahead: (columns, size, tasks) what each alternative has more than the chosen one.

    Only differences within a task matter; taking them first keeps all sums exact, whatever columns have in common.
    tasks: (tasks,) their numbers.
    """

    ahead: FloatArray
    tasks: IntArray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The log-likelihood at a point with its gradient, (columns,), and its information, (columns, columns)."""

    value: float
    gradient: FloatArray
    information: FloatArray


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Log-likelihood Σ_t w_t log p_t(chosen) with p = softmax of design · coefficients within each task.

    design: (rows, columns); starts, sizes: (tasks,); chosen: (tasks,) row; weights: (tasks,).
    """

    design: FloatArray
    starts: IntArray
    sizes: IntArray
    chosen: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, data: ChoiceData, design: FloatArray, weights: FloatArray) -> Likelihood:
        """The likelihood of choice data under a design."""
        return cls(design, data.starts, data.sizes, data.chosen, weights)

    def evaluate(self, coefficients: FloatArray) -> Evaluation:
        """Value, gradient and information in one pass, the information being minus the Hessian."""
        columns = coefficients.size
        value, gradient, information = 0.0, np.zeros(columns), np.zeros((columns, columns))
        for stack in self._stacks():
            weights = self.weights[stack.tasks]
            chances, log_sums = _softmax(stack, coefficients)
            value -= float(weights @ log_sums)
            means = np.einsum("kjt,jt->kt", stack.ahead, chances)
            gradient -= means @ weights
            spread = stack.ahead - means[:, None]
            chances *= weights
            information += (spread * chances).reshape(columns, -1) @ spread.reshape(columns, -1).T
        return Evaluation(value, gradient, (information + information.T) / 2)

    @cached_property
    def at_zero(self) -> Evaluation:
        """With equal probabilities in every task."""
        return self.evaluate(np.zeros(self.design.shape[1]))

    def value(self, coefficients: FloatArray) -> float:
        """The log-likelihood."""
        return -sum(float(self.weights[stack.tasks] @ _softmax(stack, coefficients)[1]) for stack in self._stacks())

    def derivatives(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (columns,) and information (columns, columns), the latter being minus the Hessian."""
        found = self.evaluate(coefficients)
        return found.gradient, found.information

    def scores(self, coefficients: FloatArray) -> FloatArray:
        """(tasks, columns) the gradient of each task, with its weight."""
        scores = np.empty((self.starts.size, coefficients.size))
        for stack in self._stacks():
            means = np.einsum("kjt,jt->tk", stack.ahead, _softmax(stack, coefficients)[0])
            scores[stack.tasks] = -self.weights[stack.tasks, None] * means
        return scores

    def scaled(self, scales: FloatArray) -> Likelihood:
        """The same likelihood with every column divided by its scale; coefficients are multiplied by it."""
        return Likelihood(self.design / scales, self.starts, self.sizes, self.chosen, self.weights)

    def _stacks(self) -> Iterable[Stack]:
        return self._kept if self.design.size <= KEPT_CELLS else self._stacked()

    @cached_property
    def _kept(self) -> tuple[Stack, ...]:
        return tuple(self._stacked())

    def _stacked(self) -> Iterator[Stack]:
        """The tasks by their size, in blocks."""
        columns = self.design.shape[1]
        by_size = np.argsort(self.sizes, kind="stable")
        sizes, first = np.unique(self.sizes[by_size], return_index=True)
        for size, tasks in zip(sizes.tolist(), np.split(by_size, first[1:]), strict=True):
            step = max(1, BLOCK_CELLS // (size * max(columns, 1)))
            for begin in range(0, tasks.size, step):
                block = tasks[begin : begin + step]
                ahead = np.empty((columns, size, block.size))
                np.subtract(
                    self._rows(block, size).transpose(2, 1, 0), self.design[self.chosen[block]].T[:, None], out=ahead
                )
                yield Stack(ahead, block)

    def _rows(self, tasks: IntArray, size: int) -> FloatArray:
        """(tasks, size, columns) the rows of tasks of this size."""
        first, last = self.starts[tasks[0]], self.starts[tasks[-1]] + size
        if last - first == tasks.size * size:  # they stand together, so that nothing needs to be copied
            return np.reshape(self.design[first:last], (tasks.size, size, -1))
        rows: FloatArray = self.design[self.starts[tasks, None] + np.arange(size)]
        return rows


def probabilities(design: FloatArray, coefficients: FloatArray, starts: IntArray, sizes: IntArray) -> FloatArray:
    """(rows,) the probability of each alternative in its task, whatever was chosen. starts, sizes: (tasks,)."""
    chances: FloatArray = design @ coefficients
    chances -= np.repeat(np.maximum.reduceat(chances, starts), sizes)
    np.exp(chances, out=chances)
    chances /= np.repeat(np.add.reduceat(chances, starts), sizes)
    return chances


def _softmax(stack: Stack, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probabilities (size, tasks), and −log of that of the chosen one (tasks,); nothing overflows."""
    columns, size, tasks = stack.ahead.shape
    chances: FloatArray = (coefficients @ stack.ahead.reshape(columns, -1)).reshape(size, tasks)
    highest = chances.max(axis=0)
    chances -= highest
    np.exp(chances, out=chances)
    sums = chances.sum(axis=0)
    chances /= sums
    return chances, highest + np.log(sums)
