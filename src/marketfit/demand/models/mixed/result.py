"""A fitted mixed logit: what it says, predicts and draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.coding import Coding
from marketfit.demand.models.arguments import bounds_of
from marketfit.demand.models.covariance import Errors
from marketfit.demand.models.criteria import Informed
from marketfit.demand.models.halton import halton_block
from marketfit.demand.models.mixed.blocks import units_of
from marketfit.demand.models.mixed.likelihood import SKIPPED, SimulatedLikelihood, base_of
from marketfit.demand.models.mixed.spreads import spread_names, spreads_of
from marketfit.demand.models.mixed.tastes import Distribution, Tastes
from marketfit.demand.models.summary import coefficient_rows, errors_line
from marketfit.demand.models.utilities import UtilityDraws, check_scale
from marketfit.demand.printing import Printed

PEOPLE = 200
"""New people in every draw of utilities."""
PREDICTED = 1000
"""People over whom predicted probabilities are averaged."""
EDGE = 2.0**-53
"""Points of (0, 1) keep this distance from its ends, where a normal draw would be infinite."""
CELLS = 1 << 20
"""Rows × people that are predicted together: 8 MB."""


@dataclass(frozen=True, eq=False, repr=False)
class MixedResult(Informed, Printed):
    """A fitted mixed logit.

    coding: how attributes became columns. random: column → distribution, for the random ones, in the order of columns.
    estimates: (parameters,) a mean for each column (of the logarithm for a log-normal; a fixed one has it alone), then
    the spreads in the order of the random columns; where correlated, instead of them the rows of the lower-triangular
    factor of the covariance, up to their diagonal. `coefficients` has them by name.
    covariances: (parameters, parameters) for each kind of errors that the data allow; `errors` is the kind of
    `standard_errors`, `interval_errors` that of intervals and draws (see `covariance`).
    log_likelihood: simulated, at the estimate; log_likelihood_null: with equal probabilities; both weighted.
    observations: number of choices. respondents: number of people; 0 when the data do not say who.
    signs: column → −1 or 1 for constrained and log-normal ones. at_bound: fixed columns that their sign holds at 0.
    correlated: whether (log-)normal tastes are correlated. panel: whether people keep their tastes over their tasks.
    draws: Halton draws for each person (or task). starts: searches that were made. agreed: how many ended at this peak.
    """

    coding: Coding
    random: Mapping[str, Distribution]
    estimates: FloatArray
    covariances: Mapping[Errors, FloatArray]
    errors: Errors
    interval_errors: Errors
    log_likelihood: float
    log_likelihood_null: float
    observations: int
    respondents: int
    signs: Mapping[str, int]
    at_bound: tuple[str, ...]
    correlated: bool
    panel: bool
    draws: int
    starts: int
    agreed: int

    @cached_property
    def tastes(self) -> Tastes:
        """How coefficients are distributed, and the order of the parameters."""
        return Tastes(self.coding.columns, self.random, self.signs, self.correlated)

    @property
    def coefficients(self) -> dict[str, float]:
        """Name → value: every column's mean (log-normal: that of the logarithm), then `sd_<column>`, the spread of each
        random one, at least 0: standard deviation (log-normal: of the logarithm), or half-width of a triangular or
        uniform one. Where correlated, also `cor_<column>:<column>`.
        """
        means = self.estimates[: len(self.coding.columns)].tolist()
        spreads, _ = spreads_of(self.tastes, self.estimates)
        return dict(zip(self._names, [*means, *spreads.tolist()], strict=True))

    @property
    def covariance(self) -> FloatArray:
        """(parameters, parameters) covariance of the estimates, of the kind in `interval_errors`."""
        return self.covariances[self.interval_errors]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Name → standard error, of the kind in `errors`; NaN for a coefficient at its bound. Delta method for spreads
        and correlations of correlated tastes.
        """
        return self.standard_errors_of(self.errors)

    def standard_errors_of(self, kind: Errors) -> dict[str, float]:
        """Name → standard error of this kind, one of those in `covariances`."""
        columns = len(self.coding.columns)
        _, slopes = spreads_of(self.tastes, self.estimates)
        jacobian = np.eye(self.tastes.parameters)
        jacobian[columns:, columns:] = slopes
        variances = np.diag(jacobian @ self.covariances[kind] @ jacobian.T)
        named = zip(self._names, np.sqrt(np.clip(variances, 0.0, None)).tolist(), strict=True)
        return {name: math.nan if name in self.at_bound else error for name, error in named}

    @property
    def means(self) -> FloatArray:
        """(columns,) the mean over people of every coefficient; exp(mean + spread² / 2) for a log-normal."""
        return self.tastes.means(self.estimates)

    @property
    def mean_covariance(self) -> FloatArray:
        """(columns, columns) covariance of `means`, of the kind in `interval_errors`; delta method for log-normals."""
        slopes = self.tastes.mean_slopes(self.estimates)
        return slopes @ self.covariance @ slopes.T

    @property
    def parameters(self) -> int:
        """Number of means, spreads and correlations, but for those that a sign holds at 0."""
        return self.estimates.size - len(self.at_bound)

    @property
    def sample_size(self) -> int:
        """The n of every figure made from this fit: people, or choices when the data do not say who."""
        return self.respondents or self.observations

    @property
    def rho_squared(self) -> float:
        """McFadden's 1 − log-likelihood / log-likelihood with equal probabilities."""
        return 1 - self.log_likelihood / self.log_likelihood_null

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) the share of people who choose each alternative of a task, in the order of the source table's rows.

        To go with `data.starts`, `data.alternative` or `data.chosen`, which are sorted by task: `data.in_task_order`.

        Averaged over the same Halton draws for every task, so that equal tasks have equal shares. Numbers beyond the
        tested range are clamped; `coding.design(data).extrapolated` says which.
        scale: factor on all utilities, those of every person alike, as in `draw_utilities`.
        Raises DataError when the data lack an attribute or hold an unknown level, or the scale is not above 0.
        """
        check_scale(scale)
        design = self.coding.design(data).matrix
        base = base_of(self.tastes, np.zeros(1, dtype=np.int64), PREDICTED)[0]
        people = scale * self.tastes.people(self.estimates, base)
        shares = np.empty(data.rows)
        step = max(1, CELLS // (PREDICTED * int(data.sizes.max())))
        for begin in range(0, data.tasks, step):
            sizes = data.sizes[begin : begin + step]
            rows = slice(int(data.starts[begin]), int(data.starts[begin]) + int(sizes.sum()))
            shares[rows] = _shares(design[rows] @ people.T, sizes)
        return data.in_table_order(shares)

    def individual(self, data: ChoiceData) -> FloatArray:
        """(respondents, columns) mean coefficients of people who choose as each respondent did (Revelt & Train 2000;
        Train 2009, 11.3); respondents in the order of `respondent_labels`. Without respondents, or where the model was
        fitted with panel=False, (tasks, columns).

        They vary less between people than tastes do: few answers leave much unknown of a person.
        """
        check_choice_data(data)
        unit = units_of(data, self.panel)
        units = (unit, np.ones(int(unit[-1]) + 1))
        likelihood = SimulatedLikelihood.of(self.tastes, data, self.coding.design(data).matrix, units, self.draws)
        return likelihood.conditional_means(self.estimates)

    def parameter_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, parameters) draws of the estimates from their asymptotic normal distribution.

        Draws of fixed coefficients with a sign that cross 0 are put at 0, as the estimator would be.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        drawn: FloatArray = self.estimates + rng.standard_normal((count, self.estimates.size)) @ root.T
        fixed = {column: sign for column, sign in self.signs.items() if column not in self.random}
        columns = len(self.coding.columns)
        drawn[:, :columns] = np.clip(drawn[:, :columns], *bounds_of(self.coding.columns, fixed))
        return drawn

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns) `means`, at draws of the parameters."""
        return self.tastes.means(self.parameter_draws(count, rng))

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        """`count` draws of the parameters, each with `PEOPLE` new people drawn from the distribution that they say.

        People are Halton points, shifted at random anew for each draw (Cranley & Patterson 1976): each person is drawn
        from the distribution, and together they spread evenly. Independent ones would add their own sampling error to
        every interval, as if a share were wanted of 200 people and not of the market.
        """
        parameters = self.parameter_draws(count, rng)
        size = self.tastes.positions.size
        shift = rng.random((count, size, 1))
        points = (halton_block(np.zeros(1, dtype=np.int64), PEOPLE, size, SKIPPED) + shift) % 1.0
        base = self.tastes.base(np.clip(points, EDGE, 1 - EDGE))
        return UtilityDraws(self.tastes.people(parameters, base), self.coding, self.sample_size)

    def __str__(self) -> str:
        people = f" of {self.respondents} respondents" if self.respondents else ""
        kept = "person" if self.panel and self.respondents else "choice"
        head = [
            f"Mixed logit: {self.observations} choices{people}, {self.draws} Halton draws for each {kept}",
            f"log-likelihood {self.log_likelihood:.3f}, with equal probabilities {self.log_likelihood_null:.3f}, "
            f"McFadden R² {self.rho_squared:.4f}; the highest of {self.starts} searches, reached by {self.agreed}",
            self._criteria_line,
        ]
        errors = {kind: self.standard_errors_of(kind) for kind in (self.errors, self.interval_errors)}
        rows = coefficient_rows(self.coefficients, errors)
        kinds = [f"{column} {self._distribution(column)}" for column in self.random]
        told = errors_line(self.errors, self.interval_errors)
        return "\n".join([*head, "", *rows, "", "random: " + ", ".join(kinds), told])

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.coding.columns, *spread_names(self.tastes))

    def _distribution(self, column: str) -> str:
        """What is normal of a log-normal: the logarithm of the coefficient, or of its opposite."""
        if self.random[column] != "log-normal":
            return self.random[column]
        return f"log-normal (mean and sd of log {'−' if self.signs[column] < 0 else ''}coefficient)"


def _shares(utilities: FloatArray, sizes: IntArray) -> FloatArray:
    """(rows,) logit shares averaged over people, from utilities (rows, people) of tasks of these sizes."""
    starts = np.cumsum(sizes) - sizes
    utilities -= np.repeat(np.maximum.reduceat(utilities, starts, axis=0), sizes, axis=0)
    odds = np.exp(utilities, out=utilities)
    odds /= np.repeat(np.add.reduceat(odds, starts, axis=0), sizes, axis=0)
    return np.asarray(odds.mean(axis=1))
