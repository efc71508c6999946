"""What a fit by hierarchical Bayes knows: the population, and everybody who was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray, label
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.models.hierarchical.link import SignLink
from marketfit.demand.models.hierarchical.population import new_people
from marketfit.demand.models.hierarchical.predict import probabilities_of_known, probabilities_of_new
from marketfit.demand.models.hierarchical.summary import posterior_rows
from marketfit.demand.models.utilities import UtilityDraws, check_scale
from marketfit.demand.printing import Printed

PEOPLE = 256
"""New people in each of the utility draws; all of them together stand for the population, a part does not."""
WORST_R_HAT = 1.05
"""Above this, chains have not found the same distribution (Vehtari et al. 2021 would rather have 1.01)."""
STRANGERS = (100, 32)
"""Populations, and people from each, over which the choices of somebody who was not asked are averaged."""


@dataclass(frozen=True, eq=False, repr=False)
class HBResult(Printed):
    """A multinomial logit with coefficients of its own for every respondent, from a normal population.

    coding: how attributes became columns. signs: column → −1 or 1 for the constrained ones.
    population_means: (draws, columns), population_covariances: (draws, columns, columns), chain after chain: posterior
    draws of the normal distribution of latent coefficients: those themselves, or where a column has a sign, what the
    softplus link of the given `softness` (columns,) makes of them (see `link`).
    individual: (respondents, columns) posterior means; individual_draws: (draws, respondents, columns) posterior draws;
    respondent_labels: whose they are, as text.
    r_hat, effective_sizes: coefficient → rank-normalised split R-hat, bulk effective sample size of its stored draws.
    acceptance: share of accepted proposals. iterations: of each of the `chains`; the first `burn_in` do not count.
    log_likelihood: of the data at `individual`, weighted; log_likelihood_null: with equal probabilities. The former has
    people times columns coefficients to itself: compare models on held-out tasks, not by it.
    observations: number of choices.
    """

    coding: Coding
    signs: Mapping[str, int]
    softness: FloatArray
    population_means: FloatArray
    population_covariances: FloatArray
    individual: FloatArray
    individual_draws: SingleArray
    respondent_labels: tuple[str, ...]
    r_hat: Mapping[str, float]
    effective_sizes: Mapping[str, float]
    acceptance: float
    iterations: int
    burn_in: int
    chains: int
    log_likelihood: float
    log_likelihood_null: float
    observations: int

    @property
    def coefficients(self) -> dict[str, float]:
        """Column → mean over the population, then `sd_<column>` → standard deviation over it: posterior means."""
        return self._named(self.parameter_draws.mean(axis=0))

    @property
    def standard_errors(self) -> dict[str, float]:
        """The same names → posterior standard deviation."""
        return self._named(self.parameter_draws.std(axis=0, ddof=1))

    @property
    def means(self) -> FloatArray:
        """(columns,) posterior mean of the population mean of each coefficient."""
        return np.asarray(self.parameter_draws[:, : len(self.coding.columns)].mean(axis=0))

    @property
    def parameter_draws(self) -> FloatArray:
        """(draws, 2 × columns) posterior draws of the mean and the standard deviation of each coefficient."""
        variances = np.diagonal(self.population_covariances, axis1=1, axis2=2)
        return np.concatenate(self._link.moments(self.population_means, variances), axis=1)

    @property
    def respondents(self) -> int:
        """Number of people who were asked."""
        return len(self.respondent_labels)

    @property
    def sample_size(self) -> int:
        """The n of every figure made from this fit: people."""
        return self.respondents

    @property
    def converged(self) -> bool:
        """Whether the chains agree: every R-hat is at most WORST_R_HAT. If not, no figure of the fit is to be used."""
        return all(value <= WORST_R_HAT for value in self.r_hat.values())

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows.

        To go with `data.starts`, `data.alternative` or `data.chosen`, which are sorted by task: `data.in_task_order`.

        Respondents of the fit choose by the average over draws of their own coefficients; everybody else, and
        everybody where the data do not say who, by the average over new people from the population.
        scale: factor on all utilities, as in `draw_utilities`.
        Raises DataError when the data lack an attribute or hold an unknown level, or the scale is not above 0.
        """
        check_scale(scale)
        design = self.coding.design(data).matrix * scale
        person = self._places(data)
        probabilities = np.empty(data.rows)
        for known in (True, False):
            tasks = (person >= 0) == known
            if not tasks.any():
                continue
            part, rows = data.take(tasks), np.repeat(tasks, data.sizes)
            if known:
                found = probabilities_of_known(design[rows], part, person[tasks], self.individual_draws)
            else:
                found = probabilities_of_new(design[rows], part, self._strangers())
            probabilities[rows] = found
        return data.in_table_order(probabilities)

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        """`count` posterior draws of the population, each with PEOPLE new people from it.

        Draws beyond the stored ones repeat them, with other people.
        """
        picked = self._picked(count, rng)
        return UtilityDraws(self._new_people(picked, PEOPLE, rng), self.coding, self.sample_size)

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns) posterior draws of the population mean of each coefficient."""
        return self.parameter_draws[self._picked(count, rng), : len(self.coding.columns)]

    def __str__(self) -> str:
        head = [
            f"Hierarchical Bayes logit: {self.observations} choices of {self.respondents} respondents",
            f"{self.chains} chains of {self.iterations} iterations ({self.burn_in} of burn-in), "
            f"{self.acceptance:.0%} of proposals accepted",
            f"log-likelihood at individual means {self.log_likelihood:.3f}, with equal probabilities "
            f"{self.log_likelihood_null:.3f}",
        ]
        rows = posterior_rows(self.coefficients, self.standard_errors, self.r_hat, self.effective_sizes)
        worst = max(self.r_hat, key=lambda name: self.r_hat[name])
        told = "the chains agree" if self.converged else "NOT CONVERGED: ask for more iterations"
        return "\n".join([*head, "", *rows, "", f"{told} (largest R-hat {self.r_hat[worst]:.3f}, of {worst})"])

    @property
    def _link(self) -> SignLink:
        signs = np.array([self.signs.get(name, 0) for name in self.coding.columns], dtype=np.int64)
        return SignLink(signs, self.softness)

    def _new_people(self, picked: IntArray, people: int, rng: np.random.Generator) -> FloatArray:
        """(picked, people, columns) coefficients of people from some of the stored populations."""
        latent = new_people(self.population_means[picked], self.population_covariances[picked], people, rng)
        return self._link.coefficients(latent)

    def _named(self, values: FloatArray) -> dict[str, float]:
        return dict(zip(parameter_names(self.coding), values.tolist(), strict=True))

    def _places(self, data: ChoiceData) -> IntArray:
        """(tasks,) where each task's respondent is among those of the fit; −1 for somebody else."""
        if data.respondent is None or data.respondent_labels is None:
            return np.full(data.tasks, -1, dtype=np.int64)
        known = {name: place for place, name in enumerate(self.respondent_labels)}
        places = [known.get(label(value), -1) for value in data.respondent_labels.tolist()]
        return np.array(places, dtype=np.int64)[data.respondent]

    def _strangers(self) -> FloatArray:
        """(people, columns) new people, the same whenever they are asked for."""
        rng = np.random.default_rng(0)
        people = self._new_people(self._picked(STRANGERS[0], rng), STRANGERS[1], rng)
        return people.reshape(-1, people.shape[2])

    def _picked(self, count: int, rng: np.random.Generator) -> IntArray:
        """(count,) stored draws in random order, each as often as any other (±1)."""
        stored = len(self.population_means)
        rounds = [rng.permutation(stored) for _ in range(-(-count // stored))]
        return np.concatenate(rounds)[:count]


def parameter_names(coding: Coding) -> tuple[str, ...]:
    """Names of the population's parameters: the columns, then `sd_<column>`."""
    return (*coding.columns, *(f"sd_{name}" for name in coding.columns))
