"""The likelihood of each person's answers at coefficients of their own, for everybody at once.

With v_a the utility by which alternative a leads the chosen one, log p(chosen) = −log(1 + Σ_a exp v_a). The answers lie
in blocks of single precision numbers with people last (see `layout`), so that every step below runs along people, whose
coefficients are not copied to each task. Differences are taken in double precision, so that single precision is exact
enough: an error of 1e-6 in a log-likelihood moves a chance to accept by as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray

STEEPEST = np.float32(80.0)
"""A lead beyond this counts as this much: exp must not overflow, and a chance of 1e-35 is as good as none."""


@dataclass(frozen=True, eq=False)
class TaskBlock:
    """Tasks of like size, of people who have about as many of them.

    leads: (columns, others, slots, people) designs of the alternatives that were not chosen, minus that of the chosen
    one. ceiling: (others, slots, people) STEEPEST, or −inf where there is no such alternative or task; None when all
    are there. people: which of them answered here, ascending. everybody: whether that is all of them.
    weights: (slots, people) or None when all count 1.
    """

    leads: SingleArray
    ceiling: SingleArray | None
    people: IntArray
    everybody: bool
    weights: SingleArray | None

    @property
    def who(self) -> IntArray | slice:
        """The people as an index; a slice where it may be one, which is faster."""
        return slice(None) if self.everybody else self.people

    def chances(self, coefficients: SingleArray) -> tuple[SingleArray, SingleArray]:
        """Of every task at everybody's coefficients (columns, people); weights play no part.

        (others, slots, people) chance of each alternative that was not chosen, and (slots, people) one over that of the
        chosen one; 0 and 1 where there is no task.
        """
        leads = np.einsum("katn,kn->atn", self.leads, coefficients[:, self.who])
        np.minimum(leads, STEEPEST if self.ceiling is None else self.ceiling, out=leads)
        np.exp(leads, out=leads)
        sums = leads.sum(axis=0)
        sums += 1
        leads /= sums
        return leads, sums

    def slopes(self, chances: SingleArray) -> SingleArray:
        """(columns, people) minus the gradient, from the chances; these are multiplied by the weights in place."""
        if self.weights is not None:
            chances *= self.weights
        slopes: SingleArray = np.einsum("katn,atn->kn", self.leads, chances)
        return slopes


@dataclass(frozen=True, eq=False)
class PeopleLikelihood:
    """Log-likelihood of every person. people, tasks: how many; columns: of the design."""

    blocks: tuple[TaskBlock, ...]
    people: int
    tasks: int
    columns: int

    def value_and_gradient(self, coefficients: SingleArray) -> tuple[SingleArray, SingleArray]:
        """(people,) log-likelihood and (columns, people) its gradient, at coefficients (columns, people)."""
        value = np.zeros(self.people, dtype=np.float32)
        gradient = np.zeros((self.columns, self.people), dtype=np.float32)
        for block in self.blocks:
            chances, surprise = block.chances(coefficients)
            np.log(surprise, out=surprise)
            if block.weights is not None:
                surprise *= block.weights
            value[block.who] -= surprise.sum(axis=0)
            gradient[:, block.who] -= block.slopes(chances)
        return value, gradient

    def gradient(self, coefficients: SingleArray) -> SingleArray:
        """(columns, people) the gradient alone, which is a twentieth faster."""
        gradient = np.zeros((self.columns, self.people), dtype=np.float32)
        for block in self.blocks:
            gradient[:, block.who] -= block.slopes(block.chances(coefficients)[0])
        return gradient

    def information(self, coefficients: SingleArray) -> FloatArray:
        """(people, columns, columns) minus the Hessian of each person's log-likelihood."""
        information = np.zeros((self.people, self.columns, self.columns))
        for block in self.blocks:
            chances, _ = block.chances(coefficients)
            means = np.einsum("katn,atn->ktn", block.leads, chances)
            weighted = means if block.weights is None else means * block.weights
            if block.weights is not None:
                chances *= block.weights
            for column in range(self.columns):
                products = np.einsum("atn,katn->kn", block.leads[column] * chances, block.leads)
                products -= np.einsum("tn,ktn->kn", weighted[column], means)
                information[block.who, column] += products.T
        return information
