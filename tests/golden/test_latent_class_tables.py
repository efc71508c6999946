"""Latent classes on public choice data: a published fit, and an independent maximisation of the same likelihood.

The published fit is the example of R's gmnl (Sarrias & Daziano 2017, J. Stat. Soft. 79(2); help page of `gmnl`, first
3,000 rows of mlogit's Electricity, two classes). Its output: log-likelihood −792.86, coefficients and standard errors
below. Its log-odds of the classes, −0.220 (0.079), are not compared: at this maximum they are −0.231, and their error
must be near √(1/(63·¼)) = 0.25 with 63 people, so the printed one counts choices and not people.
The data are read from ../shared/data beside the repository; without them these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import optimize, special

from marketfit.demand import ChoiceData, fit_latent_class, fit_mnl
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.em import Run, climb
from marketfit.demand.models.mixture import Mixture, derivatives
from marketfit.demand.models.panel import Panel, people_of

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "choice_electricity.parquet"
ATTRIBUTES = ["pf", "cl", "loc", "wk", "tod", "seas"]
LOG_LIKELIHOODS = {2: -4526.829, 3: -4298.028, 4: -4138.637, 5: -4028.362}
"""The highest that 60 random starts of scipy's L-BFGS-B reach on the likelihood written out below."""

GMNL = np.array(
    [
        [-0.445822, -0.184654, 1.214376, 0.964074, -3.218417, -3.486496],
        [-0.843079, -0.124183, 1.644477, 1.413870, -9.373176, -9.264694],
    ]
)
GMNL_ERRORS = np.array(
    [
        [0.087567, 0.030077, 0.161829, 0.142875, 0.687990, 0.692898],
        [0.096787, 0.045291, 0.268852, 0.211971, 0.867618, 0.884694],
    ]
)


def electricity(tasks: int | None = None) -> ChoiceData:
    if not FILE.exists():
        pytest.skip(f"{FILE} is missing: the public choice data are not part of the project")
    table = pl.read_parquet(FILE)
    if tasks is not None:
        table = table.filter(pl.col("obs_id").is_in(table["obs_id"].unique().sort().head(tasks).to_list()))
    return ChoiceData.from_table(
        table, respondent="person_id", task="obs_id", alternative="alt", chosen="chosen", attributes=ATTRIBUTES
    )


def negative(parameters: FloatArray, data: ChoiceData, classes: int) -> tuple[float, FloatArray]:
    """Minus the log-likelihood and its gradient, written out for tasks of four; shares by log-odds."""
    design = np.stack([attribute.numbers for attribute in data.attributes], axis=1)
    taken = np.zeros((data.tasks, 4))
    taken[np.arange(data.tasks), data.chosen - data.starts] = 1.0
    points, odds = parameters[: classes * 6].reshape(classes, 6), np.append(0.0, parameters[classes * 6 :])
    people = np.unique(data.respondent, return_inverse=True)[1]
    utilities = (points @ design.T).reshape(classes, -1, 4)
    logs = utilities - np.log(sum(np.exp(utilities[:, :, j]) for j in range(4)))[:, :, None]
    by_task = (logs * taken).sum(axis=2)
    by_person = np.array([np.bincount(people, row) for row in by_task]) + special.log_softmax(odds)[:, None]
    total = special.logsumexp(by_person, axis=0)
    member = np.exp(by_person - total)
    pulls = member[:, people, None] * (taken - np.exp(logs))
    slopes = pulls.reshape(classes, -1) @ design
    share_slopes = member.sum(axis=1) - total.size * special.softmax(odds)
    return -float(total.sum()), -np.concatenate([slopes.ravel(), share_slopes[1:]])


def test_gmnl_example() -> None:
    data = electricity(750)
    labels, person = people_of(data)
    assert (data.tasks, labels.size) == (750, 63)
    panel = Panel.of(data, fit_mnl(data).coding.design(data).matrix, person, np.ones(63))
    free = np.full(6, np.inf)
    published = Mixture.at(panel, GMNL, np.array([1.0, np.exp(-0.220005)]) / (1 + np.exp(-0.220005)))
    assert published.log_likelihood == pytest.approx(-792.86, abs=0.005)
    end = climb(panel, Run(published, (published.log_likelihood,), False), (-free, free))
    assert end.converged
    assert end.mixture.log_likelihood == pytest.approx(-792.86, abs=0.006)
    np.testing.assert_allclose(end.mixture.coefficients, GMNL, rtol=5e-4)
    information = derivatives(panel, end.mixture)[1]
    errors = np.sqrt(np.diag(np.linalg.inv(information)))[:12].reshape(2, 6)
    np.testing.assert_allclose(errors, GMNL_ERRORS, rtol=4e-3)
    # A single start stopped at a local maximum; many find a higher one.
    assert fit_latent_class(data, classes=2).log_likelihood == pytest.approx(-790.916, abs=6e-4)


@pytest.mark.parametrize(
    "classes", [2, 3, pytest.param(4, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_electricity(classes: int) -> None:
    data = electricity()
    result = fit_latent_class(data, classes=classes, starts=10)
    assert result.log_likelihood == pytest.approx(LOG_LIKELIHOODS[classes], abs=6e-4)
    point = np.concatenate([result.class_estimates.ravel(), np.log(result.shares[1:] / result.shares[0])])
    assert negative(point, data, classes)[0] == pytest.approx(-result.log_likelihood, abs=1e-6)
    away = point * np.random.default_rng(classes).uniform(0.95, 1.05, point.size)
    other = optimize.minimize(
        negative, away, (data, classes), jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-11}
    )
    assert -float(other.fun) == pytest.approx(result.log_likelihood, abs=1e-3)
    np.testing.assert_allclose(np.asarray(other.x), point, rtol=2e-2, atol=5e-3)
