"""The likelihood of a mixture of logits over people, its EM step and its exact derivatives.

A person belongs to one class for all tasks: the likelihood of a person is Σ_c share_c Π_t p_c(chosen in t). The
parameters, in order: the coefficients of class 1, of class 2, …, then log(share_c / share_1) for the classes from 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.models.newton import MOST_HALVINGS, ascent, held_at
from marketfit.demand.models.panel import Chances, Panel

Bounds = tuple[FloatArray, FloatArray]

ROUNDING = 1e-13
"""Of the log-likelihood: a smaller fall of a class is none."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Classes, and what the choices of a panel say under them.

    coefficients: (classes, columns); shares: (classes,); chances: of the choices under each class.
    log_likelihood: weighted sum over people. membership: (classes, people) chance of each class given the choices.
    """

    coefficients: FloatArray
    shares: FloatArray
    chances: Chances
    log_likelihood: float
    membership: FloatArray

    @classmethod
    def at(cls, panel: Panel, coefficients: FloatArray, shares: FloatArray) -> Mixture:
        """Evaluate the mixture: the E step of EM."""
        return cls.of_chances(panel, coefficients, shares, panel.chances(coefficients))

    @classmethod
    def of_chances(cls, panel: Panel, coefficients: FloatArray, shares: FloatArray, chances: Chances) -> Mixture:
        """The same, where the probabilities are known already."""
        with np.errstate(divide="ignore"):  # a class may die out: its share is then 0
            joint = chances.logs + np.log(shares)[:, None]
        total = special.logsumexp(joint, axis=0)
        return cls(coefficients, shares, chances, float(panel.weights @ total), np.exp(joint - total))

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.shares.size

    @property
    def log_odds(self) -> FloatArray:
        """(classes − 1,) log(share_c / share_1)."""
        odds: FloatArray = np.log(self.shares[1:] / self.shares[0])
        return odds


def em_step(panel: Panel, mixture: Mixture, bounds: Bounds) -> Mixture:
    """One step of EM (Dempster, Laird & Rubin 1977; for logits: Bhat 1997; Train 2008): the likelihood never falls.

    The M step of the shares is exact. That of the coefficients is one Newton step per class, from where the last one
    ended, halved until the expected log-likelihood of the class does not fall (Lange 1995: EM gradient algorithm).
    bounds: lower and upper, (columns,) each.
    """
    weights = mixture.membership * panel.weights
    coefficients = newton_step(panel, mixture.coefficients, mixture.chances, weights, bounds)
    least = (weights * mixture.chances.logs).sum(axis=1) - ROUNDING * abs(mixture.log_likelihood)
    shares = weights.sum(axis=1) / panel.weights.sum()
    for _ in range(MOST_HALVINGS):
        chances = panel.chances(coefficients)
        fell = (weights * chances.logs).sum(axis=1) < least
        if not fell.any():
            break
        coefficients[fell] = (coefficients[fell] + mixture.coefficients[fell]) / 2
    else:  # the last bits do not tell which way is up
        coefficients[fell] = mixture.coefficients[fell]
        chances = panel.chances(coefficients)
    return Mixture.of_chances(panel, coefficients, shares, chances)


def newton_step(
    panel: Panel, coefficients: FloatArray, chances: Chances, weights: FloatArray, bounds: Bounds
) -> FloatArray:
    """(classes, columns) one full projected Newton step of every class. weights: (classes, people)."""
    stepped = np.empty_like(coefficients)
    for index, point in enumerate(coefficients):
        gradient, information = panel.information(chances.others[index], weights[index])
        direction = ascent(gradient, information, held_at(point, gradient, *bounds))
        stepped[index] = np.clip(point + direction, *bounds)
    return stepped


def derivatives(panel: Panel, mixture: Mixture) -> tuple[FloatArray, FloatArray]:
    """Scores (people, parameters) and observed information (parameters, parameters), that is, minus the exact Hessian.

    A score is the gradient of the log-likelihood of a person, with the person's weight. The information is that of
    people whose class is known, less what not knowing it costs (Louis 1982).
    """
    classes, columns = mixture.coefficients.shape
    shares = mixture.shares[1:]
    odds = slice(classes * columns, None)
    information = np.zeros((classes * columns + shares.size,) * 2)
    information[odds, odds] = panel.weights.sum() * (np.diag(shares) - np.outer(shares, shares))
    scores = np.zeros((panel.people, information.shape[0]))
    for index in range(classes):
        weights = panel.weights * mixture.membership[index]
        block = slice(index * columns, (index + 1) * columns)
        information[block, block] += panel.information(mixture.chances.others[index], weights)[1]
        given = np.zeros_like(scores)  # the gradient if the person were known to be of this class
        given[:, block] = panel.scores(mixture.chances.others[index])
        given[:, odds] = (np.arange(1, classes) == index) - shares
        information -= (given * weights[:, None]).T @ given
        scores += mixture.membership[index][:, None] * given
    weighted = scores * panel.weights[:, None]
    information += weighted.T @ scores
    return weighted, (information + information.T) / 2


def moved(panel: Panel, mixture: Mixture, parameters: FloatArray) -> Mixture:
    """The mixture at other parameters, in the order of this module."""
    classes, columns = mixture.coefficients.shape
    coefficients = parameters[: classes * columns].reshape(classes, columns)
    shares: FloatArray = special.softmax(np.append(0.0, parameters[classes * columns :]))
    return Mixture.at(panel, coefficients, shares)


def parameters_of(mixture: Mixture) -> FloatArray:
    """(parameters,) of a mixture, in the order of this module."""
    return np.concatenate([mixture.coefficients.ravel(), mixture.log_odds])


def bounds_of_all(mixture: Mixture, bounds: Bounds) -> Bounds:
    """Lower and upper bound of every parameter of the mixture, from those of the columns."""
    free = np.full(mixture.classes - 1, np.inf)
    lower, upper = (np.tile(bound, mixture.classes) for bound in bounds)
    return np.concatenate([lower, -free]), np.concatenate([upper, free])


def bound_parameters(mixture: Mixture, bounds: Bounds) -> BoolArray:
    """(parameters,) those that a bound holds."""
    lower, upper = bounds_of_all(mixture, bounds)
    point = parameters_of(mixture)
    held: BoolArray = (point <= lower) | (point >= upper)
    return held
