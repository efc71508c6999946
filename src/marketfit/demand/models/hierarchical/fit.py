"""Hierarchical Bayes logit (Allenby & Rossi 1999; Rossi, Allenby & McCulloch 2005; Train 2009, chapter 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, SingleArray, frozen
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.keywords import check_keywords
from marketfit.demand.models.arguments import Specification
from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior
from marketfit.demand.models.hierarchical.chains import run_chains
from marketfit.demand.models.hierarchical.convergence import effective_size, r_hat
from marketfit.demand.models.hierarchical.layout import lay_out
from marketfit.demand.models.hierarchical.link import latent_of
from marketfit.demand.models.hierarchical.predict import task_probabilities
from marketfit.demand.models.hierarchical.respondents import Respondents
from marketfit.demand.models.hierarchical.result import HBResult, parameter_names
from marketfit.demand.models.identification import column_scales
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.mnl import MNLResult, fit_mnl
from marketfit.demand.progress import Progress
from marketfit.errors import DataError, Problem

ITERATIONS = 6000
CHAINS = 2
FEWEST_ITERATIONS = 20
MOST_CHAINS = 20
POPULATION_DRAWS = 1000
"""Draws of the population that are stored, over all chains: memory does not grow with the iterations."""
LEAST_START = 0.05
"""Where chains begin, a coefficient with a sign is at least so far from 0, in utility per scaled unit."""
SOFTNESS = 0.5
"""Of the link of signs, in utility per unit in which a column varies by 1 within tasks (see `link`)."""
PEOPLE_DRAWS = 200
"""Draws of everybody's coefficients that are stored, over all chains."""


def fit_hb(
    data: ChoiceData,
    *,
    iterations: int = ITERATIONS,
    chains: int = CHAINS,
    rng: Rng = 0,
    progress: Progress | None = None,
    **specification: Unpack[Specification],
) -> HBResult:
    """Fit a logit in which every respondent has coefficients of their own, from a normal population.

    β_n ~ N(b, W) for respondent n, with a diffuse normal prior on b and Huang & Wand's (2013) on W (see `population`).
    Gibbs draws of b and W, and Metropolis steps along the gradient for everybody's β_n (see `chain`), start from the
    multinomial logit. Half of the iterations are burn-in.

    iterations: of each chain, at least 20. chains: how many, run at once; what they draw depends on `rng` alone.
    progress: called with the fraction done.
    specification: coding, constants, base, interactions, signs: see `Specification`. Signs hold for everybody, by a
        smooth form of Train & Sonnier's (2005) censored normal (see `link`). The coefficient of an interaction differs
        between people too; that with a covariate which never changes for a person is known from its mean over people.

    Weights: a respondent's weight is the mean over their tasks, and says how many people they stand for when the
    population of the result is drawn; all together count as Kish's effective sample size (Σw)² / Σw². What people want
    themselves leans on all who were asked, each of whom counts once. Within a respondent, tasks count in proportion to
    their weights, 1 on average.

    Raises DataError when the data do not say who chose, or when options do not fit; and whatever `fit_mnl` raises.
    Look at `converged` before anything else.
    """
    check_keywords(fit_hb, specification, Specification.__annotations__)
    _check(data, iterations, chains)
    logit = fit_mnl(data, **specification)
    columns = logit.coding.columns
    design = logit.coding.design(data).matrix
    sign_of = np.array([logit.signs.get(name, 0) for name in columns], dtype=np.int64)
    scales = column_scales(Likelihood.of(data, design, data.weights), columns) / np.where(sign_of == 0, 1.0, SOFTNESS)
    respondents = Respondents.of(data)
    posterior = Posterior(
        likelihood=lay_out(data, design / scales, respondents.of_task, respondents.task_weights),
        signs=sign_of,
        start=latent_of(logit.estimates * scales, sign_of, LEAST_START),
        weights=respondents.weights,
    )
    length = Length(iterations, iterations // 2, -(-POPULATION_DRAWS // chains), -(-PEOPLE_DRAWS // chains))
    seeds = np.random.default_rng(rng).integers(0, 2**63, chains).tolist()
    drawn = run_chains(posterior, length, seeds, progress)
    return _with_diagnostics(_result(data, logit, respondents, drawn, scales, length))


def _result(
    data: ChoiceData,
    logit: MNLResult,
    respondents: Respondents,
    drawn: Sequence[ChainDraws],
    scales: FloatArray,
    length: Length,
) -> HBResult:
    """The result in the units of the columns, its diagnostics still to come."""
    individual = np.mean([chain.people_mean for chain in drawn], axis=0).T / scales
    own = individual[respondents.of_task[data.task_of_row]]
    chances = task_probabilities(np.einsum("rk,rk->r", logit.coding.design(data).matrix, own), data)
    covariances = np.concatenate([chain.covariances for chain in drawn]) / np.outer(scales, scales)
    return HBResult(
        coding=logit.coding,
        signs=logit.signs,
        softness=frozen(1 / scales),
        population_means=frozen(np.concatenate([chain.means for chain in drawn]) / scales),
        population_covariances=frozen(covariances),
        individual=frozen(individual),
        individual_draws=frozen(_individual_draws(drawn, scales)),
        respondent_labels=respondents.labels,
        r_hat={},
        effective_sizes={},
        acceptance=float(np.mean([chain.acceptance for chain in drawn])),
        iterations=length.iterations,
        burn_in=length.burn_in,
        chains=len(drawn),
        log_likelihood=float(data.weights @ np.log(chances[data.chosen])),
        log_likelihood_null=logit.log_likelihood_null,
        observations=data.tasks,
    )


def _individual_draws(drawn: Sequence[ChainDraws], scales: FloatArray) -> SingleArray:
    """(draws, respondents, columns) in the units of the columns."""
    draws = np.concatenate([chain.people for chain in drawn]).transpose(0, 2, 1)
    return np.ascontiguousarray(draws / scales.astype(np.float32))


def _with_diagnostics(result: HBResult) -> HBResult:
    """The result with R-hat and effective sample size of each parameter."""
    names = parameter_names(result.coding)
    by_chain = result.parameter_draws.reshape(result.chains, -1, len(names))
    return replace(
        result,
        r_hat={name: r_hat(by_chain[:, :, index]) for index, name in enumerate(names)},
        effective_sizes={name: effective_size(by_chain[:, :, index]) for index, name in enumerate(names)},
    )


def _check(data: ChoiceData, iterations: int, chains: int) -> None:
    check_choice_data(data)
    problems = []
    if data.respondents < 2:
        found = "do not say who chose" if data.respondent is None else f"are of {data.respondents} respondent"
        do = "name the respondent column in ChoiceData.from_table, or fit_mnl"
        problems.append(Problem("the choice data", found, "several people, each with tasks of their own", do))
    if iterations < FEWEST_ITERATIONS:
        allowed = f"at least {FEWEST_ITERATIONS}; thousands, to converge"
        problems.append(Problem("iterations", f"are {iterations}", allowed, "ask for more"))
    if not 1 <= chains <= MOST_CHAINS:
        problems.append(Problem("chains", f"are {chains}", f"1 to {MOST_CHAINS}", "ask for 2 to 4"))
    if problems:
        raise DataError(problems)
