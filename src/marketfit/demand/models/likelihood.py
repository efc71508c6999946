"""The likelihood of the multinomial logit (McFadden 1974; Train 2009, chapter 3) on tasks of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData


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

    def value(self, coefficients: FloatArray) -> float:
        """The log-likelihood."""
        utilities, log_sums = self._log_sums(coefficients)
        return float(self.weights @ (utilities[self.chosen] - log_sums))

    def probabilities(self, coefficients: FloatArray) -> FloatArray:
        """(rows,) the probability that each alternative is chosen in its task."""
        utilities, log_sums = self._log_sums(coefficients)
        probabilities: FloatArray = np.exp(utilities - np.repeat(log_sums, self.sizes))
        return probabilities

    def derivatives(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (columns,) and information (columns, columns), the latter being minus the Hessian.

        The information is a sum of squares around the task means, so rounding cannot make it indefinite.
        """
        probabilities = self.probabilities(coefficients)
        means = self._task_means(probabilities)
        gradient: FloatArray = self.weights @ (self.design[self.chosen] - means)
        spread = self.design - np.repeat(means, self.sizes, axis=0)
        spread *= np.sqrt(probabilities * np.repeat(self.weights, self.sizes))[:, None]
        information: FloatArray = spread.T @ spread
        return gradient, information

    def scores(self, coefficients: FloatArray) -> FloatArray:
        """(tasks, columns) the gradient of each task, with its weight."""
        means = self._task_means(self.probabilities(coefficients))
        scores: FloatArray = self.weights[:, None] * (self.design[self.chosen] - means)
        return scores

    def scaled(self, scales: FloatArray) -> Likelihood:
        """The same likelihood with every column divided by its scale; coefficients are multiplied by it."""
        return Likelihood(self.design / scales, self.starts, self.sizes, self.chosen, self.weights)

    def _task_means(self, probabilities: FloatArray) -> FloatArray:
        means: FloatArray = np.add.reduceat(probabilities[:, None] * self.design, self.starts, axis=0)
        return means

    def _log_sums(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Utilities (rows,) and log Σ exp utility (tasks,); the largest is taken out, so nothing overflows."""
        utilities: FloatArray = self.design @ coefficients
        highest = np.maximum.reduceat(utilities, self.starts)
        sums = np.add.reduceat(np.exp(utilities - np.repeat(highest, self.sizes)), self.starts)
        return utilities, highest + np.log(sums)
