"""Fit a mixed logit by simulated maximum likelihood (Train 2009, chapters 6, 9 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.keywords import check_keywords
from marketfit.demand.models.arguments import Specification, bounds_of, coding_of, weights_of
from marketfit.demand.models.covariance import Errors, covariances, error_kinds
from marketfit.demand.models.identification import column_scales
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.mixed.arguments import (
    check_correlated,
    check_names,
    check_signs,
    random_by_column,
    unit_weights,
)
from marketfit.demand.models.mixed.blocks import units_of
from marketfit.demand.models.mixed.likelihood import SimulatedLikelihood
from marketfit.demand.models.mixed.result import MixedResult
from marketfit.demand.models.mixed.spreads import spread_names
from marketfit.demand.models.mixed.starts import STARTS, highest, starting_points
from marketfit.demand.models.mixed.tastes import Distribution, Tastes
from marketfit.demand.models.mnl import fit_mnl
from marketfit.demand.progress import Progress
from marketfit.errors import DataError, Problem

DRAWS = 500
"""Draws when none are asked for: as exact as several thousand random ones (Bhat 2001; Train 2009, 9.3.3)."""
FEWEST = 10
"""Draws below which nothing is averaged."""


def fit_mixed(  # noqa: PLR0913 - an estimator's options are its arguments
    data: ChoiceData,
    *,
    random: Mapping[str, Distribution],
    draws: int = DRAWS,
    panel: bool = True,
    correlated: bool = False,
    weights: FloatArray | None = None,
    errors: Errors | None = None,
    starts: int = STARTS,
    rng: Rng = 0,
    progress: Progress | None = None,
    **specification: Unpack[Specification],
) -> MixedResult:
    """Fit a mixed logit: a logit whose coefficients differ between people.

    random: attribute (for all of its columns) or column → "normal", "log-normal", "triangular" (symmetric, on mean ±
        spread) or "uniform" (on mean ± spread).
    draws: Halton draws for each person (or task); the first 100 of each sequence are left out.
    panel: people keep their tastes over their tasks. Data without respondents count each task as another person.
    correlated: the tastes of all normal and log-normal columns may be correlated; others stay independent.
    weights, errors: as in `fit_mnl`. Where people keep their tastes, their tasks have one weight.
    starts: searches; the highest peak is kept. The likelihood may have several: the first two searches begin at the
        multinomial logit with small and with large spreads, further ones at random points of `rng`. `agreed` says how
        many ended at the same peak. With few draws some peaks are those of the draws: ask for more draws first.
    progress: called with the fraction done.
    specification: coding, constants, base, interactions, signs: see `Specification`. Only fixed and log-normal
        coefficients may have a sign. A log-normal one is exp(.) or −exp(.); where no sign is given, it has that of the
        multinomial logit's coefficient.

    Raises DataError when options do not fit the data or coefficients cannot be told apart (see `fit_mnl`); RunError
    when no search ends at a single best fit.

    >>> rng = np.random.default_rng(1)
    >>> price = rng.uniform(1, 4, size=(200, 8, 2))  # of two products, in eight tasks for each of 200 people
    >>> utility = rng.normal(-1.0, 0.5, size=(200, 1, 1)) * price + rng.gumbel(size=price.shape)
    >>> won = utility == utility.max(axis=2, keepdims=True)
    >>> person, task, product = (index.ravel() for index in np.indices(price.shape))
    >>> data = ChoiceData.from_table(
    ...     {"person": person, "task": task, "product": product, "won": won.ravel(), "price": price.ravel()},
    ...     respondent="person", task="task", alternative="product", chosen="won", attributes=["price"])
    >>> result = fit_mixed(data, random={"price": "normal"}, draws=100)
    >>> {name: round(value, 1) for name, value in result.coefficients.items()}
    {'price': -1.0, 'sd_price': 0.6}
    """
    check_keywords(fit_mixed, specification, Specification.__annotations__)
    coding = coding_of(data, specification)
    by_column, wanted = _check(coding, random, specification.get("signs") or {}, correlated, (draws, starts))
    weights = weights_of(data, weights)
    unit = units_of(data, panel)
    by_unit = unit_weights(data, unit, weights)
    logit = fit_mnl(data, coding=coding, weights=weights, signs=wanted, errors=errors)
    log_normal = [name for name, distribution in by_column.items() if distribution == "log-normal"]
    wanted |= {name: 1 if logit.coefficients[name] >= 0 else -1 for name in log_normal if name not in wanted}
    tastes = Tastes(coding.columns, by_column, wanted, correlated)
    design = coding.design(data).matrix
    scales = column_scales(Likelihood.of(data, design, weights), coding.columns)
    likelihood = SimulatedLikelihood.of(tastes, data, design / scales, (unit, by_unit), draws)
    points = starting_points(tastes, logit.estimates * scales, starts, np.random.default_rng(rng))
    best = highest(likelihood, points, _bounds(tastes), progress or _silent)
    peak = best.peak
    estimates, unit_of = _unscaled(tastes, peak.parameters, scales)
    found = covariances(
        peak.information * np.outer(unit_of, unit_of),
        peak.evaluation.scores * unit_of,
        None if data.respondent is None else data.respondent[np.flatnonzero(np.diff(unit, prepend=-1))],
        ~peak.at_bound,
    )
    shown, deciding = error_kinds(found, errors)
    return MixedResult(
        coding=coding,
        random=by_column,
        estimates=frozen(estimates),
        covariances={kind: frozen(matrix) for kind, matrix in found.items()},
        errors=shown,
        interval_errors=deciding,
        log_likelihood=peak.evaluation.value,
        log_likelihood_null=logit.log_likelihood_null,
        observations=data.tasks,
        respondents=data.respondents,
        signs=wanted,
        at_bound=tuple(name for name, held in zip(coding.columns, peak.at_bound, strict=False) if held),
        correlated=correlated,
        panel=panel,
        draws=draws,
        starts=starts,
        agreed=best.agreed,
    )


def _check(
    coding: Coding,
    random: Mapping[str, Distribution],
    signs: Mapping[str, int],
    correlated: bool,
    counts: tuple[int, int],
) -> tuple[dict[str, Distribution], dict[str, int]]:
    """Distributions and signs by column. counts: draws and starts. Raises DataError with every mistake in them."""
    draws, starts = counts
    problems: list[Problem] = []
    by_column = random_by_column(coding, random, problems)
    wanted = check_signs(coding, by_column, signs, problems)
    if correlated:
        check_correlated(by_column, problems)
    if draws < FEWEST:
        problems.append(Problem(f"draws={draws}", "is too few to average over", f"at least {FEWEST}", "ask for more"))
    if starts < 1:
        problems.append(Problem(f"starts={starts}", "there is nowhere to start", "at least 1", "give starts"))
    check_names((*coding.columns, *spread_names(Tastes(coding.columns, by_column, {}, correlated))), problems)
    if problems:
        raise DataError(problems)
    return by_column, wanted


def _bounds(tastes: Tastes) -> tuple[FloatArray, FloatArray]:
    """(parameters,) each: fixed coefficients with a sign have a bound at 0."""
    fixed = {name: sign for name, sign in tastes.signs.items() if name not in tastes.random}
    lower, upper = bounds_of(tastes.columns, fixed)
    free = np.full(len(tastes.spread_entries), np.inf)
    return np.concatenate([lower, -free]), np.concatenate([upper, free])


def _unscaled(tastes: Tastes, parameters: FloatArray, scales: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(parameters,) in the units of the data and with spreads of at least 0, and how much a scaled parameter changes
    for one unit of each. scales: (columns,) by which the design was divided.
    """
    column = np.concatenate([np.arange(len(scales)), tastes.positions[[row for row, _ in tastes.spread_entries]]])
    logarithm = np.isin(column, tastes.positions[list(tastes.log_normal)])
    unit = tastes.turns(parameters) * np.where(logarithm, 1.0, scales[column])
    estimates = parameters / unit
    shifted = np.flatnonzero(logarithm[: len(scales)])
    estimates[shifted] -= np.log(scales[shifted])
    return estimates, unit


def _silent(_done: float) -> None:
    """Nobody watches."""
