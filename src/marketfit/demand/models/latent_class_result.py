"""What a latent class fit found: the classes, who belongs to them, and draws of both for the market."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from marketfit.demand.arrays import FloatArray, label
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.coding import Coding
from marketfit.demand.models.arguments import bounds_of
from marketfit.demand.models.class_count import ClassesTried, table_rows
from marketfit.demand.models.covariance import Errors, normal_draws
from marketfit.demand.models.likelihood import probabilities
from marketfit.demand.models.mixture import Mixture
from marketfit.demand.models.panel import Panel, people_of
from marketfit.demand.models.summary import coefficient_rows, errors_line
from marketfit.demand.models.utilities import UtilityDraws, check_scale
from marketfit.demand.printing import Printed


@dataclass(frozen=True, eq=False, repr=False)
class LatentClassResult(Printed):
    """A fitted latent class logit: everybody belongs to one class, the same for all their tasks.

    Classes are numbered from 1, the largest share first.
    class_estimates: (classes, columns) coefficients in the order of `coding.columns`. shares: (classes,), sum 1.
    covariances: (parameters, parameters) of the coefficients of class 1, of class 2, … and then log(share_c / share_1)
    for the classes from 2. "classical" is the inverse of the observed information (minus the exact Hessian of the
    mixture); "clustered" is the sandwich of it around the scores of people. `errors` is the kind of `standard_errors`,
    `interval_errors` that of intervals and draws (see `covariance`).
    log_likelihood, log_likelihood_null: at the estimate, and with equal probabilities, both weighted.
    observations: number of choices. respondents: number of people. signs: column → −1 or 1.
    at_bound: coefficients, such as `class2_price`, that their sign holds at 0; they have no standard error.
    membership: (respondents, classes) chance of each class given what the person chose; rows as in respondent_labels.
    tried: every number of classes that was tried, in order.
    """

    coding: Coding
    class_estimates: FloatArray
    shares: FloatArray
    covariances: Mapping[Errors, FloatArray]
    errors: Errors
    interval_errors: Errors
    log_likelihood: float
    log_likelihood_null: float
    observations: int
    respondents: int
    signs: Mapping[str, int]
    at_bound: tuple[str, ...]
    membership: FloatArray
    respondent_labels: NDArray[np.generic]
    tried: tuple[ClassesTried, ...]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.shares.size

    @property
    def coefficients(self) -> dict[str, float]:
        """Name → value: `class1_<column>` …, in utility per unit, then `share_class1` …"""
        values = [*self.class_estimates.ravel().tolist(), *self.shares.tolist()]
        return dict(zip(self._names, values, strict=True))

    @property
    def covariance(self) -> FloatArray:
        """(parameters, parameters) covariance of the kind in `interval_errors`."""
        return self.covariances[self.interval_errors]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Name → standard error of the kind in `errors`, of shares by the delta method; NaN at a bound and for the
        share of a single class.
        """
        return self.standard_errors_of(self.errors)

    def standard_errors_of(self, kind: Errors) -> dict[str, float]:
        """Name → standard error of this kind, one of those in `covariances`."""
        size = self.class_estimates.size
        covariance = self.covariances[kind]
        errors = np.sqrt(np.diag(covariance)[:size])
        # d share_c / d log-odds_k = share_c (1[c = k] − share_k)
        slopes = (np.diag(self.shares) - np.outer(self.shares, self.shares))[:, 1:]
        of_shares = np.sqrt(np.diag(slopes @ covariance[size:, size:] @ slopes.T))
        named = zip(self._names, [*errors.tolist(), *of_shares.tolist()], strict=True)
        none = {*self.at_bound, *(["share_class1"] if self.classes == 1 else [])}
        return {name: math.nan if name in none else error for name, error in named}

    @property
    def sample_size(self) -> int:
        """The n of every figure made from this fit: people."""
        return self.respondents

    @property
    def rho_squared(self) -> float:
        """McFadden's 1 − log-likelihood / log-likelihood with equal probabilities."""
        return 1 - self.log_likelihood / self.log_likelihood_null

    @property
    def chosen(self) -> ClassesTried:
        """Information criteria and entropy R² of this number of classes."""
        return next(row for row in self.tried if row.classes == self.classes)

    @property
    def aic(self) -> float:
        """That of `chosen`."""
        return _known(self.chosen.aic)

    @property
    def bic(self) -> float:
        """That of `chosen`; its n is the number of people, or the sum of their weights."""
        return _known(self.chosen.bic)

    @property
    def means(self) -> FloatArray:
        """(columns,) coefficients averaged over people: over classes by their shares."""
        averages: FloatArray = self.shares @ self.class_estimates
        return averages

    @property
    def individual(self) -> FloatArray:
        """(respondents, columns) expected coefficients of each person, given what the person chose."""
        expected: FloatArray = self.membership @ self.class_estimates
        return expected

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows.

        To go with `data.starts`, `data.alternative` or `data.chosen`, which are sorted by task: `data.in_task_order`.

        It is that of a new person, averaged over classes by their shares, also for people of the fit; see
        `predict_known` for what the answers of those tell. Numbers beyond the tested range are clamped.
        scale: factor on the utilities of every class, as in `draw_utilities`; shares stay as they are.
        Raises DataError when the data lack an attribute or hold an unknown level, or the scale is not above 0.
        """
        check_choice_data(data)
        return self._mixed(data, np.tile(self.shares, (data.tasks, 1)), scale)

    def predict_known(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) as `predict`, but people of the fit count by their own membership; others by the shares.

        Names match as text does: 1 and "1" are the same person.
        The membership comes from the choices of the fit, at their own scale, so hold the tasks of `data` out of it.
        """
        check_choice_data(data)
        weights = np.tile(self.shares, (data.tasks, 1))
        if data.respondent is not None and data.respondent_labels is not None:
            known = {label(name): index for index, name in enumerate(self.respondent_labels.tolist())}
            rows = np.array([known.get(label(name), -1) for name in data.respondent_labels.tolist()])[data.respondent]
            weights[rows >= 0] = self.membership[rows[rows >= 0]]
        return self._mixed(data, weights, scale)

    def membership_of(self, data: ChoiceData) -> tuple[NDArray[np.generic], FloatArray]:
        """Labels (people,) and memberships (people, classes) of people, new ones too, given what they chose in `data`.

        Raises DataError when the data do not say who chose, or do not fit the coding.
        """
        labels, person = people_of(data)
        panel = Panel.of(data, self.coding.design(data).matrix, person, np.ones(labels.size))
        return labels, Mixture.at(panel, self.class_estimates, self.shares).membership.T

    def draws(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Class coefficients (count, classes, columns) and shares (count, classes).

        Drawn from the joint asymptotic normal distribution of coefficients and log-odds of shares. Draws of constrained
        coefficients that cross 0 are put at 0, as the estimator would be.
        """
        size = self.class_estimates.size
        center = np.concatenate([self.class_estimates.ravel(), np.log(self.shares[1:] / self.shares[0])])
        drawn = normal_draws(center, self.covariance, count, rng)
        values = drawn[:, :size].reshape(count, *self.class_estimates.shape)
        odds = np.concatenate([np.zeros((count, 1)), drawn[:, size:]], axis=1)
        return np.clip(values, *bounds_of(self.coding.columns, self.signs)), special.softmax(odds, axis=1)

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        """`count` draws, each a whole population: one person per class, who counts by the share of the class."""
        values, shares = self.draws(count, rng)
        return UtilityDraws(values, self.coding, self.sample_size, shares)

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns) draws of `means`."""
        values, shares = self.draws(count, rng)
        averages: FloatArray = (values * shares[:, :, None]).sum(axis=1)
        return averages

    def __str__(self) -> str:
        columns, classes = self.coding.columns, range(1, self.classes + 1)
        head = [
            f"Latent class logit: {self.classes} {'class' if self.classes == 1 else 'classes'}, "
            f"{self.observations} choices of {self.respondents} respondents",
            f"log-likelihood {self.log_likelihood:.3f}, with equal probabilities {self.log_likelihood_null:.3f}, "
            f"McFadden R² {self.rho_squared:.4f}",
        ]
        values = self.coefficients
        errors = {kind: self.standard_errors_of(kind) for kind in (self.errors, self.interval_errors)}
        blocks: list[str] = []
        for number in classes:
            error = errors[self.errors][f"share_class{number}"]
            known = "" if math.isnan(error) else f" ({self.errors} s.e. {error:.4f})"
            mine = {name: f"class{number}_{name}" for name in columns}
            blocks += ["", f"class {number}: share {values[f'share_class{number}']:.4f}{known}"]
            blocks += coefficient_rows(
                {name: values[full] for name, full in mine.items()},
                {kind: {name: of_kind[full] for name, full in mine.items()} for kind, of_kind in errors.items()},
            )
        told = errors_line(self.errors, self.interval_errors)
        return "\n".join([*head, *blocks, "", *table_rows(self.tried, self.classes), told])

    @property
    def _names(self) -> list[str]:
        numbers = range(1, self.classes + 1)
        own = [f"class{number}_{column}" for number in numbers for column in self.coding.columns]
        return [*own, *(f"share_class{number}" for number in numbers)]

    def _mixed(self, data: ChoiceData, weights: FloatArray, scale: float) -> FloatArray:
        """Probabilities averaged over classes by weights (tasks, classes)."""
        check_scale(scale)
        design = self.coding.design(data).matrix
        by_row = weights[data.task_of_row]
        chances = np.zeros(data.rows)
        for index, point in enumerate(scale * self.class_estimates):
            chances += by_row[:, index] * probabilities(design, point, data.starts, data.sizes)
        return data.in_table_order(chances)


def _known(criterion: float | None) -> float:
    """A fit that was kept has its criteria."""
    return math.nan if criterion is None else criterion
