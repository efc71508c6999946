"""Hierarchical Bayes logit (Allenby & Rossi 1999; Rossi, Allenby & McCulloch 2005; Train 2009, chapter 12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, Rng, SingleArray, frozen, label
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.options import CodingOption
from marketfit.demand.models.arguments import bounds_of
from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior
from marketfit.demand.models.hierarchical.chains import run_chains
from marketfit.demand.models.hierarchical.convergence import effective_size, r_hat
from marketfit.demand.models.hierarchical.likelihood import PeopleLikelihood
from marketfit.demand.models.hierarchical.predict import task_probabilities
from marketfit.demand.models.hierarchical.result import HBResult, parameter_names
from marketfit.demand.models.identification import column_scales
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.mnl import fit_mnl
from marketfit.errors import DataError, Problem

ITERATIONS = 6000
CHAINS = 2
FEWEST_ITERATIONS = 20
MOST_CHAINS = 20
POPULATION_DRAWS = 1000
"""Draws of the population that are stored, over all chains: memory does not grow with the iterations."""
PEOPLE_DRAWS = 200
"""Draws of everybody's coefficients that are stored, over all chains."""


def fit_hb(
    data: ChoiceData,
    *,
    coding: Coding | Mapping[str, CodingOption] | None = None,
    constants: bool = False,
    signs: Mapping[str, int] | None = None,
    iterations: int = ITERATIONS,
    chains: int = CHAINS,
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> HBResult:
    """Fit a logit in which every respondent has coefficients of their own, from a normal population.

    β_n ~ N(b, W) for respondent n, with a diffuse normal prior on b and Huang & Wand's (2013) on W (see `population`).
    Gibbs draws of b and W, and Metropolis steps along the gradient for everybody's β_n (see `chain`), start from the
    multinomial logit. Half of the iterations are burn-in.

    coding, constants: as in `fit_mnl`. signs: attribute or column → 1 or −1: its coefficients are at or above, at or
        below 0 for everybody: the nearest such value to a normal one (censored normal; Train & Sonnier 2005).
    iterations: of each chain, at least 20. chains: how many, run at once; what they draw depends on `rng` alone.
    progress: called with the fraction done.

    Weights: a respondent's weight is the mean over their tasks, and says how many people they stand for when the
    population is drawn; all together count as Kish's effective sample size (Σw)² / Σw². Within a respondent, tasks
    count in proportion to their weights, 1 on average.

    Raises DataError when the data do not say who chose, or when options do not fit; and whatever `fit_mnl` raises.
    Look at `converged` before anything else.
    """
    _check(data, iterations, chains)
    logit = fit_mnl(data, coding=coding, constants=constants, signs=signs)
    design = logit.coding.design(data).matrix
    scales = column_scales(Likelihood.of(data, design, data.weights), logit.coding.columns)
    respondents = _Respondents.of(data)
    posterior = Posterior(
        likelihood=PeopleLikelihood.of(data, design / scales, respondents.of_task, respondents.task_weights),
        start=logit.estimates * scales,
        weights=respondents.weights,
        bounds=bounds_of(logit.coding.columns, logit.signs),
    )
    length = Length(iterations, iterations // 2, -(-POPULATION_DRAWS // chains), -(-PEOPLE_DRAWS // chains))
    seeds = np.random.default_rng(rng).integers(0, 2**63, chains).tolist()
    drawn = run_chains(posterior, length, seeds, progress)
    individual = np.mean([chain.people_mean for chain in drawn], axis=0).T / scales
    chances = task_probabilities(np.einsum("rk,rk->r", design, individual[respondents.of_task[data.task_of_row]]), data)
    result = HBResult(
        coding=logit.coding,
        signs=logit.signs,
        population_means=frozen(np.concatenate([chain.means for chain in drawn]) / scales),
        population_covariances=frozen(
            np.concatenate([chain.covariances for chain in drawn]) / np.outer(scales, scales)
        ),
        individual=frozen(individual),
        individual_draws=frozen(_individual_draws(drawn, scales)),
        respondent_labels=respondents.labels,
        r_hat={},
        effective_sizes={},
        acceptance=float(np.mean([chain.acceptance for chain in drawn])),
        iterations=iterations,
        burn_in=length.burn_in,
        chains=chains,
        log_likelihood=float(data.weights @ np.log(chances[data.chosen])),
        log_likelihood_null=logit.log_likelihood_null,
        observations=data.tasks,
    )
    return _with_diagnostics(result)


@dataclass(frozen=True, eq=False)
class _Respondents:
    """labels: as text. of_task: (tasks,) place of each task's respondent. weights: (respondents,) how many people each
    stands for. task_weights: (tasks,) 1 on average within a respondent.
    """

    labels: tuple[str, ...]
    of_task: IntArray
    weights: FloatArray
    task_weights: FloatArray

    @classmethod
    def of(cls, data: ChoiceData) -> _Respondents:
        respondent = np.zeros(data.tasks, dtype=np.int64) if data.respondent is None else data.respondent
        codes, of_task, counts = np.unique(respondent, return_inverse=True, return_counts=True)
        own = np.bincount(of_task, weights=data.weights) / counts
        # A respondent of weight 0 is nobody's stand-in, but their answers still say what they want themselves.
        within = np.where(own[of_task] > 0, data.weights / np.where(own > 0, own, 1.0)[of_task], 1.0)
        names = data.respondent_labels
        labels = () if names is None else tuple(label(value) for value in names[codes].tolist())
        return cls(labels, of_task.astype(np.int64), own * (own.sum() / (own**2).sum()), within)


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
