"""What is believed about the coefficients before anybody is asked: mean, covariance and draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.coding.coding import Coding
from marketfit.demand.designs.coded import Rows, space_coding
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.models.utilities import UtilitySource, draw_utilities
from marketfit.errors import DataError, Problem, nearest

DRAWS = 512
"""Draws of a prior when none are asked for; a search uses the first few, reports use all."""
VAGUE = 0.5
"""Standard deviation of the utility over the range of a column about which nothing is known."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A prior distribution of the coefficients.

    coding: how attributes become columns: the one of the model that will be fitted. mean: (columns,);
    covariance: (columns, columns); draws: (draws, columns), in an order of which every beginning is a fair sample.
    """

    coding: Coding
    mean: FloatArray
    covariance: FloatArray
    draws: FloatArray

    def __post_init__(self) -> None:
        columns = len(self.coding.columns)
        wanted = {"mean": (columns,), "covariance": (columns, columns), "draws": (len(self.draws), columns)}
        problems = []
        for name, shape in wanted.items():
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape or not array.size or not np.isfinite(array).all():
                found = f"has shape {array.shape}, or values that are not finite"
                problems.append(Problem(f"prior.{name}", found, str(shape), "give a number for every column"))
            object.__setattr__(self, name, frozen(array))
        if problems:
            raise DataError(problems)


def normal_prior(
    coding: Coding,
    *,
    means: Mapping[str, float] | None = None,
    sds: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    rng: Rng = 0,
) -> Prior:
    """Independent normal beliefs, in utility per unit of a column.

    means, sds: column → mean and standard deviation (default: 0). Without any sds there is a single draw, the mean.
    The draws are a scrambled Sobol sequence, which covers the distribution with fewer of them than random draws
    (Bliemer, Rose & Hess 2008; Yu, Goos & Vandebroek 2010).

    Raises DataError for columns that the coding does not have, and for values that are no spread or not finite.
    """
    means, sds = dict(means or {}), dict(sds or {})
    problems = []
    for what, given in (("means", means), ("sds", sds)):
        for name, value in given.items():
            where = f"{what}['{name}']"
            if name not in coding.columns:
                problems.append(Problem(where, "no such column", nearest(name, coding.columns), "rename it"))
            if not np.isfinite(value) or (what == "sds" and value < 0):
                allowed = "a finite number" if what == "means" else "a finite number of at least 0"
                problems.append(Problem(where, f"is {value:g}", allowed, "correct it"))
    if draws < 1:
        problems.append(Problem("draws", f"is {draws}", "at least 1", "ask for more"))
    if problems:
        raise DataError(problems)
    mean = np.array([means.get(name, 0.0) for name in coding.columns])
    spread = np.array([sds.get(name, 0.0) for name in coding.columns])
    drawn = mean + spread * _normals(draws, mean.size, rng) if spread.any() else mean[None]
    return Prior(coding, mean, np.diag(spread**2), drawn)


def vague_prior(
    space: DesignSpace,
    coding: Coding | None = None,
    *,
    means: Mapping[str, float] | None = None,
    sds: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    rng: Rng = 0,
) -> Prior:
    """What to believe when little is known but which way `better` goes.

    The whole range of an attribute with a direction is worth 1 on average, in even steps; the mean of everything else
    is 0. Every column has a standard deviation of 0.5 over its own range. A worth of 1 means that 73 % take the best
    over the worst level, all else equal. means, sds: column → what is known better, in its place.
    """
    coding = space_coding(space) if coding is None else coding
    rows = Rows.of(space, coding)
    mean = np.zeros(len(coding.columns))
    for index, name in enumerate(space.names):
        if name not in space.better:
            continue
        numbers = np.array([float(level) for level in space.levels[name]])
        worth = (numbers - numbers[0]) / np.ptp(numbers) * (1.0 if space.better[name] == "higher" else -1.0)
        # The coefficients that give every level its worth; columns of other attributes stay at 0.
        mean += np.linalg.lstsq(rows.main[index][:, 0], worth, rcond=None)[0]
    vague_means = dict(zip(coding.columns, mean.tolist(), strict=True))
    vague_sds = dict(zip(coding.columns, (VAGUE / rows.spans()).tolist(), strict=True))
    given = {**vague_means, **(means or {})}, {**vague_sds, **(sds or {})}
    return normal_prior(coding, means=given[0], sds=given[1], draws=draws, rng=rng)


def prior_from(source: UtilitySource, *, draws: int = DRAWS, rng: Rng = 0) -> Prior:
    """The prior that a pilot gives: its fitted model, or draws of its coefficients.

    Where the draws hold people of different tastes, those differences are part of the prior: a design then suits
    all of them, and `next_task` starts a new respondent from them.
    """
    generator = np.random.default_rng(rng)
    drawn = draw_utilities(source, draws=max(draws, 2), rng=generator)
    people = drawn.values.reshape(-1, drawn.values.shape[2])
    weights = np.full(drawn.values.shape[:2], 1.0) if drawn.weights is None else drawn.weights
    chances = (weights / weights.sum()).ravel()
    mean = chances @ people
    centred = people - mean
    picked = generator.choice(len(people), size=draws, p=chances)
    return Prior(drawn.coding, mean, (centred * chances[:, None]).T @ centred, people[picked])


def _normals(count: int, columns: int, rng: Rng) -> FloatArray:
    """(count, columns) standard normal draws from a scrambled Sobol sequence."""
    from scipy.stats import qmc

    engine = qmc.Sobol(columns, scramble=True, rng=np.random.default_rng(rng))
    uniform = engine.random_base2(max(0, int(np.ceil(np.log2(count)))))[:count]
    # Scrambling can put a point on the edge of the cube, where the normal quantile is infinite.
    return np.asarray(special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)))
