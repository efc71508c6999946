"""Latent classes: a mixture of logits over people, fitted by EM (Kamakura & Russell 1989; Bhat 1997; Train 2008)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import FloatArray, IntArray, Rng, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.keywords import check_keywords
from marketfit.demand.models.arguments import Specification, bounds_of
from marketfit.demand.models.class_count import ClassesTried, entropy_r2
from marketfit.demand.models.class_search import Found, SearchSpace, search
from marketfit.demand.models.covariance import Errors, covariances, error_kinds
from marketfit.demand.models.criteria import Criteria
from marketfit.demand.models.identification import column_scales
from marketfit.demand.models.latent_class_result import LatentClassResult
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.mixture import Mixture, bound_parameters, derivatives
from marketfit.demand.models.mnl import MNLResult, fit_mnl
from marketfit.demand.models.panel import Panel, people_of
from marketfit.demand.progress import Progress, part_of
from marketfit.errors import DataError, Problem

STARTS = 20
KINDS: tuple[Errors, ...] = ("classical", "clustered")
"""Of errors: a person belongs to a class as a whole, so that the scores of people are the only ones."""


def fit_latent_class(
    data: ChoiceData,
    *,
    classes: int | Sequence[int],
    errors: Errors | None = None,
    starts: int = STARTS,
    rng: Rng = 0,
    progress: Progress | None = None,
    **specification: Unpack[Specification],
) -> LatentClassResult:
    """Fit a latent class logit: each person belongs to one of a few classes, each with coefficients of its own.

    classes: how many; of several numbers, such as range(1, 6), the one with the least BIC is kept, and `tried` lists
        all.
    errors: "classical" or "clustered" (by person), for all that is shown and drawn (default: classical errors are
        shown; intervals and draws rest on clustered ones where there are more people than parameters).
    starts: random starts for each number of classes. Each gets a few steps of EM; the best go on to convergence, the
        last stretch by Newton's method. The same seed gives the same result, whatever other numbers are tried.
    progress: called with the fraction done.
    specification: coding, constants, base, interactions, signs: see `Specification`. All hold in every class.

    Weights of the data must be the same for all tasks of a person; a person counts as that many people.

    Raises DataError when the data do not say who chose, when options do not fit them, when coefficients cannot be told
    apart, or when no start leads to classes with finite coefficients.

    >>> table = {"who": [1, 1, 1, 1, 2, 2, 2, 2], "q": [1, 1, 2, 2] * 2, "alt": ["a", "b"] * 4,
    ...          "won": [1, 0, 1, 0, 0, 1, 1, 0], "price": [1.0, 2.0, 1.0, 2.0] * 2}
    >>> data = ChoiceData.from_table(
    ...     table, respondent="who", task="q", alternative="alt", chosen="won", attributes=["price"])
    >>> fit_latent_class(data, classes=1).coefficients  # three of four take the cheaper one: −log 3
    {'class1_price': -1.098612, 'share_class1': 1.0}
    """
    check_keywords(fit_latent_class, specification, Specification.__annotations__)
    labels, person = people_of(data)
    numbers = (classes,) if isinstance(classes, int) else tuple(dict.fromkeys(classes))
    weights = _checked(data, person, numbers, labels.size, starts, errors)
    logit = fit_mnl(data, **specification)
    columns = logit.coding.columns
    design = logit.coding.design(data).matrix
    scales = column_scales(Likelihood.of(data, design, data.weights), columns)
    panel = Panel.of(data, design / scales, person, weights)
    space = SearchSpace(panel, bounds_of(columns, logit.signs), columns, scales, logit.estimates * scales)
    seed = int(np.random.default_rng(rng).integers(2**63))
    found: dict[int, Found] = {}
    for index, number in enumerate(numbers):
        advance = part_of(progress, index, len(numbers))
        count = starts if number > 1 else 1
        found[number] = search(space, number, count, np.random.default_rng([seed, number]), advance)
    tried = tuple(_tried(number, found[number], space, starts) for number in numbers)
    best = _sorted(panel, _least_bic(tried, found))
    return _result(data, logit, space, best, labels, tried, errors)


def _checked(
    data: ChoiceData, person: IntArray, numbers: Sequence[int], people: int, starts: int, errors: Errors | None
) -> FloatArray:
    """(people,) weights; DataError with everything that is wrong."""
    problems = []
    if errors is not None and errors not in KINDS:
        do = "errors of people's answers as a whole are clustered ones"
        problems.append(Problem("errors", f"{errors!r} is not to be had here", f"allowed: {', '.join(KINDS)}", do))
    if not numbers:
        problems.append(Problem("classes", "names no number", "at least one", "say how many classes to try"))
    problems += [
        Problem(f"classes={number}", "is not possible here", f"1 to {people}, the number of people", "correct it")
        for number in numbers
        if not 1 <= number <= people
    ]
    if starts < 1:
        problems.append(Problem(f"starts={starts}", "there is nowhere to start", "at least 1", "give starts"))
    first = np.zeros(people)
    first[person[::-1]] = data.weights[::-1]
    uneven = np.unique(person[data.weights != first[person]])
    if uneven.size:
        found = f"differ between tasks of the same person ({uneven.size} people)"
        do = "weigh people; to leave tasks out, use ChoiceData.take"
        problems.append(Problem("weights", found, "one weight per person: a person belongs to a class as a whole", do))
    if problems:
        raise DataError(problems)
    return first


def _tried(number: int, found: Found, space: SearchSpace, starts: int) -> ClassesTried:
    starts = starts if number > 1 else 1
    if found.run is None:
        nothing = (None,) * 6
        return ClassesTried(number, *nothing, starts, found.continued, found.agreed, found.note)
    mixture, weights = found.run.mixture, space.panel.weights
    parameters = int((~bound_parameters(mixture, space.bounds)).sum())
    criteria = Criteria.of(mixture.log_likelihood, parameters, float(weights.sum()))
    return ClassesTried(
        classes=number,
        parameters=parameters,
        log_likelihood=mixture.log_likelihood,
        aic=criteria.aic,
        bic=criteria.bic,
        caic=criteria.caic,
        entropy_r2=entropy_r2(mixture.membership.T, weights),
        starts=starts,
        continued=found.continued,
        agreed=found.agreed,
        note=found.note,
    )


def _least_bic(tried: Sequence[ClassesTried], found: Mapping[int, Found]) -> Mixture:
    proper = [(row.bic, row.classes) for row in tried if row.bic is not None]
    runs = [found[number].run for _, number in sorted(proper)[:1]]
    for run in runs:
        if run is not None:
            return run.mixture
    allowed = "classes that have people, differ, and have choices for and against each column"
    do = (
        "ask for fewer classes, merge rare levels, bound columns by `signs`, ask people more questions, or set apart "
        "people who decide by a rule, such as always the cheapest"
    )
    raise DataError([Problem(f"classes={row.classes}", row.note, allowed, do) for row in tried])


def _sorted(panel: Panel, mixture: Mixture) -> Mixture:
    """The same mixture with the largest class first."""
    order = np.argsort(-mixture.shares, kind="stable")
    return Mixture.at(panel, mixture.coefficients[order], mixture.shares[order])


def _result(
    data: ChoiceData,
    logit: MNLResult,
    space: SearchSpace,
    mixture: Mixture,
    labels: NDArray[np.generic],
    tried: tuple[ClassesTried, ...],
    errors: Errors | None,
) -> LatentClassResult:
    columns = space.columns
    held = bound_parameters(mixture, space.bounds)
    scores, information = derivatives(space.panel, mixture)
    people = np.arange(space.panel.people)
    units = np.append(np.tile(1 / space.scales, mixture.classes), np.ones(mixture.classes - 1))
    found = covariances(information, scores, people, ~held)
    known: dict[Errors, FloatArray] = {
        kind: frozen(found[kind] * np.outer(units, units)) for kind in KINDS if kind in found
    }
    # With fewer people than parameters, the scores of people do not tell a covariance.
    few = errors is None and people.size <= held.size
    shown, deciding = error_kinds(known, "classical" if few else errors)
    names = [f"class{number}_{name}" for number in range(1, mixture.classes + 1) for name in columns]
    return LatentClassResult(
        coding=logit.coding,
        class_estimates=frozen(mixture.coefficients / space.scales),
        shares=frozen(mixture.shares),
        covariances=known,
        errors=shown,
        interval_errors=deciding,
        log_likelihood=mixture.log_likelihood,
        log_likelihood_null=logit.log_likelihood_null,
        observations=data.tasks,
        respondents=people.size,
        signs=logit.signs,
        at_bound=tuple(name for name, at in zip(names, held[: len(names)].tolist(), strict=True) if at),
        membership=frozen(mixture.membership.T),
        respondent_labels=frozen(labels),
        tried=tried,
    )
