"""Whose tastes: draws of a model with covariates, for the people who choose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, Rng
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.columns import constant_name
from marketfit.demand.coding.inputs import data_values, offer_values
from marketfit.demand.coding.terms import Value, describe
from marketfit.demand.models.utilities import DRAWS, UtilityDraws, UtilitySource, draw_utilities
from marketfit.errors import DataError, Problem, nearest

MOST_CELLS = 1 << 24
"""128 MB: above this many coefficients, each draw takes fewer people than the data have."""


def for_people(
    source: UtilitySource, covariates: Mapping[str, Value] | ChoiceData, *, draws: int = DRAWS, rng: Rng = 0
) -> UtilityDraws:
    """Draws of a model with covariates for given people: of one kind, or those of choice data.

    With a value for every covariate, all people are of that kind. With choice data, each draw is a bootstrap sample of
    those who chose there (by their weights; a respondent's tasks count as one), so that shares are averages over
    people and not the share of an average person, and intervals carry the error of having met these people.
    Offers then need no covariates.

    source: a fitted model, or draws of it (then `draws` is their number).
    Raises DataError when a covariate is missing, unknown, or beyond what the model was fitted on.

    >>> data = ChoiceData.from_table(
    ...     {"q": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], "alt": ["a", "b"] * 6, "rich": [0] * 6 + [1] * 6,
    ...      "won": [1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1], "price": [1.0, 2.0] * 6},
    ...     task="q", alternative="alt", chosen="won", attributes=["price"], covariates=["rich"])
    >>> from marketfit.demand import fit_mnl
    >>> model = fit_mnl(data, interactions=[("price", "rich")])
    >>> {name: round(value, 3) for name, value in model.coefficients.items()}  # ± log 2: two of three each
    {'price': -0.693, 'price:rich': 1.386}
    >>> rich = for_people(model, {"rich": 1})
    >>> rich.coding.columns, rich.values.shape
    (('price',), (2000, 1, 1))
    """
    if not isinstance(covariates, Mapping):
        check_choice_data(covariates)
    generator = np.random.default_rng(rng)
    drawn = draw_utilities(source, draws=draws, rng=generator)
    coding = drawn.coding
    if not coding.covariates:
        found, do = "the model has no covariates: it is the same for all people", "use the model as it is"
        raise DataError([Problem("covariates", found, "a model with interactions with covariates", do)])
    if isinstance(covariates, ChoiceData):
        products, picked = _of_data(coding, covariates, drawn, generator)
    else:
        products, picked = _of_kind(coding, covariates), np.zeros(drawn.values.shape[:2], dtype=np.int64)
    return _folded(drawn, products, picked)


def _of_kind(coding: Coding, covariates: Mapping[str, Value]) -> FloatArray:
    """(1, columns) by what each coefficient is multiplied for people of this kind."""
    names = [term.attribute for term in coding.covariates]
    problems = [
        Problem(f"covariates['{name}']", "no such covariate", nearest(name, names), "name covariates of the model")
        for name in covariates
        if name not in names
    ]
    values = offer_values(coding.covariates, covariates, "covariates", problems)
    return _products(coding, values, problems)


def _of_data(
    coding: Coding, data: ChoiceData, drawn: UtilityDraws, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """(tasks, columns) by what each coefficient is multiplied in each task, and (draws, people) tasks of the sample."""
    problems: list[Problem] = []
    everybody, rows = np.ones(data.tasks, dtype=np.bool_), data.row[data.starts]
    products = _products(
        coding, data_values(coding.covariates, data.covariates, rows, everybody, "covariate", problems), problems
    )
    draws, people, columns = drawn.values.shape
    unit = np.arange(data.tasks) if data.respondent is None else data.respondent
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    each = int(np.clip(MOST_CELLS // (draws * people * columns), 1, first.size))
    shape = (draws, min(first.size, people * each))
    weights = np.add.reduceat(data.weights, first)
    drawn_units = rng.choice(first.size, size=shape, p=weights / weights.sum())
    # Within a respondent, tasks count by their weights.
    ends = np.cumsum(data.weights)
    starts = np.append(0.0, ends)[first]
    tasks = np.searchsorted(ends, starts[drawn_units] + rng.random(shape) * weights[drawn_units], side="right")
    tasks = np.minimum(tasks, np.append(first[1:], data.tasks)[drawn_units] - 1)
    return products, tasks[:, np.arange(people * each) % shape[1]]


def _products(coding: Coding, values: Mapping[str, FloatArray], problems: list[Problem]) -> FloatArray:
    """(kinds, columns) the product of the covariates in each column, from their values, (kinds,) each."""
    problems.extend(
        Problem(
            where=f"covariate '{term.attribute}'",
            found="a value lies beyond those of the people of the fit",
            allowed=describe(term),
            do="give people like them: the answers say nothing of others",
        )
        for term in coding.covariates
        if term.attribute in values and term.outside(values[term.attribute]).any()
    )
    if problems:
        raise DataError(problems)
    simple: dict[str, FloatArray] = {}
    for term in coding.covariates:
        simple |= zip(term.columns, term.encode(values[term.attribute]).T, strict=True)
    kinds = next(iter(simple.values())).size
    products = np.ones((kinds, len(coding.columns)))
    for place, column in enumerate(coding.listed):
        for name in column.factors:
            products[:, place] *= simple.get(name, 1.0)
    return products


def _folded(drawn: UtilityDraws, products: FloatArray, picked: IntArray) -> UtilityDraws:
    """Draws without covariates: what depended on them becomes a coefficient of the people.

    picked: (draws, people × some) kinds of people; each person of a draw is taken with some kinds.
    """
    coding = without_covariates(drawn.coding)
    each = picked.shape[1] // drawn.values.shape[1]
    place = {tuple(sorted(column.factors)): index for index, column in enumerate(coding.listed)}
    covariates = {name for term in drawn.coding.covariates for name in term.columns}
    values = np.zeros((*picked.shape, len(coding.columns)))
    for index, column in enumerate(drawn.coding.listed):
        left = tuple(sorted(name for name in column.factors if name not in covariates))
        values[:, :, place[left]] += np.repeat(drawn.values[:, :, index], each, axis=1) * products[picked, index]
    weights = None if drawn.weights is None else np.repeat(drawn.weights, each, axis=-1)
    return UtilityDraws(values, coding, drawn.sample_size, weights)


def without_covariates(coding: Coding) -> Coding:
    """The coding of the same model once it is known who chooses: covariates taken out of all interactions."""
    parts = coding.parts
    kept: list[tuple[str, ...]] = []
    present = {tuple(sorted(column.factors)) for column in coding.listed}
    constants = {constant_name(name) for name in coding.constants}
    for names in coding.interactions:
        left = [name for name in names if not parts.is_covariate(name)]
        if len(left) == len(names):
            kept.append(names)
        elif len(left) == 1:
            constants.update(column.name for column in parts.find(left[0]) if column in parts.indicators)
        else:
            for columns in itertools.product(*map(parts.find, left)):
                factors = tuple(sorted(name for column in columns for name in column.factors))
                if factors not in present:
                    present.add(factors)
                    kept.append(tuple(column.name for column in columns))
    with_constant = tuple(name for name in coding.alternatives if constant_name(name) in constants)
    return replace(coding, constants=with_constant, covariates=(), interactions=tuple(kept))
