"""The two variances of randomised first choice, from choices that people made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.intervals import Estimate, check_level
from marketfit.demand.market.availability import stratified
from marketfit.demand.market.rules import LOGIT_VARIANCE, RandomisedFirstChoice, level_matrix
from marketfit.demand.market.shares import weights_of
from marketfit.demand.models.utilities import UtilityDraws, UtilitySource, draw_utilities
from marketfit.errors import DataError, Problem

MOST_TASKS = 1000  # choices that the variances are fitted on; a sample where there are more
PEOPLE = 512  # people, each with errors of their own, that the chance of a choice is averaged over
MOST_TRIALS = 80
VARIANCES = (1e-4, 1e3)  # range of either variance


@dataclass(frozen=True)
class RandomisedFit:
    """Variances of randomised first choice that make choices most likely.

    rule: with these variances; they have no interval of their own.
    gain: log-likelihood per choice over the plain logit's, with its interval over choices (over respondents, where the
    data say who): where it includes 0, the choices do not call for the rule.
    tasks: choices that were used.
    """

    rule: RandomisedFirstChoice
    gain: Estimate
    tasks: int
    level: float


def fit_randomised(
    source: UtilitySource,
    data: ChoiceData,
    *,
    without: tuple[str, ...] = (),
    level: float = 0.95,
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> RandomisedFit:
    """Find the variances of attribute and product errors under which choices are most likely.

    Orme & Huber (2000) tune them to the shares of held-out tasks; likelihood does so choice by choice.

    Each choice is explained by the whole population of the source, not by its own respondent, so that the fit shows how
    markets divide. Use choices that the model was not fitted on, among them some between similar products: only
    they tell attribute from product error.

    source: a fitted model, or draws of its coefficients. without: attributes without error.
    level: of the interval of the gain. rng: of draws, errors and the sample of choices.
    progress: called with the part that is done.
    Raises DataError when the data do not fit the model's coding.
    """
    from scipy import optimize

    check_level(level)
    check_choice_data(data)
    generator = np.random.default_rng(rng)
    if data.tasks < 2:
        raise DataError([Problem("data", f"has {data.tasks} choices", "at least 2", "give choices to fit on")])
    drawn = draw_utilities(source, rng=generator)
    if data.tasks > MOST_TASKS:
        data = data.take(np.sort(generator.choice(data.tasks, MOST_TASKS, replace=False)))
    chances = _Chances.of(drawn, data, without, generator)
    tried = 0

    def loss(logs: FloatArray) -> float:
        nonlocal tried
        tried += 1
        if progress is not None:
            progress(min(1.0, tried / MOST_TRIALS))
        low, high = np.log(VARIANCES)
        return -float(chances.log_chance(*np.exp(np.clip(logs, low, high)).tolist()) @ data.weights)

    start = np.log(np.maximum(_start(drawn, without), VARIANCES[0]))
    found = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"maxfev": MOST_TRIALS, "xatol": 0.01, "fatol": 1e-6 * data.tasks}
    )
    attribute, product = np.clip(np.exp(found.x), *VARIANCES).tolist()
    gains = chances.log_chance(attribute, product) - chances.log_chance(0.0, LOGIT_VARIANCE)
    rule = RandomisedFirstChoice(attribute, product, without)
    return RandomisedFit(rule, _mean(gains, data, level), data.tasks, level)


def _start(drawn: UtilityDraws, without: tuple[str, ...]) -> tuple[float, float]:
    rule = RandomisedFirstChoice.splitting_logit(drawn.coding, without=without)
    return rule.attribute_variance, rule.product_variance


@dataclass(frozen=True, eq=False)
class _Chances:
    """utilities, errors: (rows, people), errors of unit variance; starts, sizes: (tasks,); chosen: (tasks,) row."""

    utilities: FloatArray
    errors: FloatArray
    data: ChoiceData

    @classmethod
    def of(cls, drawn: UtilityDraws, data: ChoiceData, without: tuple[str, ...], rng: np.random.Generator) -> _Chances:
        designs = drawn.coding.design(data).matrix
        weights = np.cumsum(weights_of(drawn).reshape(-1))
        places = np.searchsorted(weights / weights[-1], (np.arange(PEOPLE) + rng.random()) / PEOPLE)
        people = drawn.values.reshape(-1, designs.shape[1])[np.minimum(places, weights.size - 1)]
        levels = level_matrix(drawn.coding, data, without=without)
        normal = special.ndtri(stratified(rng, (PEOPLE, levels.shape[1])))
        return cls(designs @ people.T, levels @ normal.T, data)

    def log_chance(self, attribute: float, product: float) -> FloatArray:
        """(tasks,) log of the chance of what was chosen."""
        spread = math.sqrt(product / LOGIT_VARIANCE)
        utilities = (self.utilities + math.sqrt(attribute) * self.errors) / spread
        utilities -= np.repeat(np.maximum.reduceat(utilities, self.data.starts), self.data.sizes, axis=0)
        np.exp(utilities, out=utilities)
        chances = utilities[self.data.chosen] / np.add.reduceat(utilities, self.data.starts)
        return np.asarray(np.log(np.maximum(chances.mean(axis=1), 1e-300)))


def _mean(gains: FloatArray, data: ChoiceData, level: float) -> Estimate:
    """Weighted mean with a normal interval, by respondent where they are known."""
    weights = data.weights / data.weights.sum()
    value = float(weights @ gains)
    parts = weights * (gains - value)
    if data.respondent is not None:
        parts = np.bincount(np.unique(data.respondent, return_inverse=True)[1], weights=parts)
    if parts.size < 2:
        return Estimate(value, math.nan, math.nan)
    error = math.sqrt(parts.size / (parts.size - 1) * float(parts @ parts))
    half = float(special.ndtri((1 + level) / 2)) * error
    return Estimate(value, value - half, value + half)
