"""Multinomial logit: fit by maximum likelihood (McFadden 1974; Train 2009, chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from marketfit.demand.arrays import FloatArray, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.keywords import check_keywords
from marketfit.demand.models.arguments import Specification, bounds_of, coding_of, signs_by_column, weights_of
from marketfit.demand.models.covariance import Errors, covariances, error_kinds
from marketfit.demand.models.criteria import Informed
from marketfit.demand.models.identification import check_finite, column_scales, raise_if_separated
from marketfit.demand.models.likelihood import Likelihood, probabilities
from marketfit.demand.models.newton import Optimum, maximise
from marketfit.demand.models.summary import coefficient_rows, errors_line
from marketfit.demand.models.utilities import UtilityDraws, check_scale
from marketfit.demand.printing import Printed
from marketfit.errors import RunError


@dataclass(frozen=True, eq=False, repr=False)
class MNLResult(Informed, Printed):
    """A fitted multinomial logit.

    coding: how attributes became columns. estimates: (columns,) coefficients in the order of `coding.columns`.
    covariances: (columns, columns) for each kind of errors that the data allow; `errors` is the kind of
    `standard_errors`, `interval_errors` that of intervals and draws (see `covariance`).
    log_likelihood, log_likelihood_null: at the estimate, and with equal probabilities, both weighted.
    observations: number of choices. respondents: number of people; 0 when the data do not say who.
    signs: column → −1 or 1 for the constrained ones. at_bound: columns that their sign holds at 0; they have no
    standard error, and no covariance with the others.
    """

    coding: Coding
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

    def __post_init__(self) -> None:
        size = len(self.coding.columns)
        shapes = {matrix.shape for matrix in self.covariances.values()}
        if self.estimates.shape != (size,) or shapes != {(size, size)}:
            raise ValueError(f"a model of {size} columns has as many estimates and covariances of them")
        if not {self.errors, self.interval_errors} <= set(self.covariances):
            raise ValueError(f"there are covariances of the kinds {', '.join(self.covariances)}")

    @property
    def coefficients(self) -> dict[str, float]:
        """Column → coefficient, in utility per unit."""
        return dict(zip(self.coding.columns, self.estimates.tolist(), strict=True))

    @property
    def means(self) -> FloatArray:
        """(columns,) the estimates: the logit gives everybody the same tastes."""
        return self.estimates

    @property
    def mean_covariance(self) -> FloatArray:
        """(columns, columns) covariance of the coefficients, of the kind in `interval_errors`."""
        return self.covariances[self.interval_errors]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Column → standard error, of the kind in `errors`; NaN for a coefficient at its bound."""
        return self.standard_errors_of(self.errors)

    def standard_errors_of(self, kind: Errors) -> dict[str, float]:
        """Column → standard error of this kind, one of those in `covariances`."""
        errors = np.sqrt(np.diag(self.covariances[kind])).tolist()
        named = zip(self.coding.columns, errors, strict=True)
        return {name: math.nan if name in self.at_bound else error for name, error in named}

    @property
    def parameters(self) -> int:
        """Number of coefficients that no sign holds at 0."""
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
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows.

        To go with `data.starts`, `data.alternative` or `data.chosen`, which are sorted by task: `data.in_task_order`.

        scale: factor on all utilities.
        Numbers beyond the tested range are clamped; `coding.design(data).extrapolated` says which.
        Raises DataError when the data lack an attribute or hold an unknown level, or the scale is not above 0.
        """
        check_scale(scale)
        design = self.coding.design(data).matrix
        return data.in_table_order(probabilities(design, scale * self.estimates, data.starts, data.sizes))

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns) draws of the coefficients from their asymptotic normal distribution.

        Draws of constrained coefficients that cross 0 are put at 0, as the estimator would be.
        """
        values, vectors = np.linalg.eigh(self.mean_covariance)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        drawn: FloatArray = self.estimates + rng.standard_normal((count, self.estimates.size)) @ root.T
        return np.clip(drawn, *bounds_of(self.coding.columns, self.signs))

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        """`count` draws of the coefficients, with one person each: the logit gives everybody the same tastes."""
        return UtilityDraws(self.mean_draws(count, rng), self.coding, self.sample_size)

    def __str__(self) -> str:
        people = f" of {self.respondents} respondents" if self.respondents else ""
        head = [
            f"Multinomial logit: {self.observations} choices{people}",
            f"log-likelihood {self.log_likelihood:.3f}, with equal probabilities {self.log_likelihood_null:.3f}, "
            f"McFadden R² {self.rho_squared:.4f}",
            self._criteria_line,
        ]
        errors = {kind: self.standard_errors_of(kind) for kind in (self.errors, self.interval_errors)}
        rows = coefficient_rows(self.coefficients, errors)
        return "\n".join([*head, "", *rows, "", errors_line(self.errors, self.interval_errors)])


def fit_mnl(
    data: ChoiceData,
    *,
    weights: FloatArray | None = None,
    errors: Errors | None = None,
    **specification: Unpack[Specification],
) -> MNLResult:
    """Fit a multinomial logit by Newton's method.

    weights: (tasks,) in place of the weights of the data; a task counts as that many choices. For weights that
        correct the sample, show robust or clustered errors.
    errors: "classical", "robust" or "clustered", for all that is shown and drawn (default: classical errors are
        shown, intervals and draws rest on the most cautious kind; see `covariance`).
    specification: coding, constants, base, interactions, signs: see `Specification`.

    Raises DataError when options do not fit the data, when coefficients cannot be told apart, or when a column
    predicts choices without exception; RunError when the search does not end.

    >>> data = ChoiceData.from_table(
    ...     {"q": [1, 1, 2, 2, 3, 3, 4, 4], "alt": ["a", "b"] * 4, "won": [1, 0, 1, 0, 1, 0, 0, 1],
    ...      "price": [1.0, 2.0] * 4}, task="q", alternative="alt", chosen="won", attributes=["price"])
    >>> fit_mnl(data).coefficients["price"]  # three of four take the cheaper one: −log 3
    -1.098612
    """
    check_keywords(fit_mnl, specification, Specification.__annotations__)
    coding = coding_of(data, specification)
    columns = coding.columns
    by_column = signs_by_column(coding, specification.get("signs") or {})
    bounds = bounds_of(columns, by_column)
    likelihood = Likelihood.of(data, coding.design(data).matrix, weights_of(data, weights))
    optimum = _search(likelihood, columns, bounds)
    scores = likelihood.scores(optimum.coefficients)
    found = covariances(optimum.information, scores, data.respondent, ~optimum.at_bound)
    shown, deciding = error_kinds(found, errors)
    return MNLResult(
        coding=coding,
        estimates=frozen(optimum.coefficients),
        covariances={kind: frozen(matrix) for kind, matrix in found.items()},
        errors=shown,
        interval_errors=deciding,
        log_likelihood=optimum.value,
        log_likelihood_null=likelihood.at_zero.value,
        observations=data.tasks,
        respondents=data.respondents,
        signs=by_column,
        at_bound=tuple(name for name, held in zip(columns, optimum.at_bound, strict=True) if held),
    )


def _search(likelihood: Likelihood, columns: tuple[str, ...], bounds: tuple[FloatArray, FloatArray]) -> Optimum:
    scales = column_scales(likelihood, columns)
    optimum = maximise(likelihood, *bounds, scales=scales)
    if not optimum.converged:
        raise_if_separated(likelihood.scaled(scales), columns, bounds)
        raise RunError(
            f"the multinomial logit did not converge in {optimum.steps} steps (columns: {', '.join(columns)}); "
            "look for attributes of extreme values and rescale them"
        )
    check_finite(likelihood, optimum, columns, bounds)
    return optimum
