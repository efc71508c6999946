"""Adaptive questions: the posterior, what they gain, and that they keep the rules."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketfit.demand import (
    DesignSpace,
    Prior,
    RespondentState,
    balanced_design,
    begin_respondent,
    next_task,
    normal_prior,
    space_coding,
    vague_prior,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.adaptive import Criterion
from marketfit.demand.designs.posterior import laplace
from marketfit.demand.designs.rules import Rules
from marketfit.errors import DataError

Judge = Callable[[DesignSpace, Offer], bool]
SPACE = DesignSpace(
    {"a": ("u", "v", "w"), "b": ("x", "y", "z"), "c": (1.0, 2.0, 3.0, 4.0), "d": ("p", "q")}, tasks=10, versions=1
)


def population() -> Prior:
    """People who differ a lot."""
    coding = space_coding(SPACE)
    sds = {name: 0.7 if name == "c" else 2.0 for name in coding.columns}
    return normal_prior(coding, sds=sds)


@pytest.mark.parametrize("none", [True, False])
def test_the_posterior_is_that_of_a_direct_search(none: bool) -> None:
    rng = np.random.default_rng(3)
    rows, root = rng.normal(size=(6, 3, 4)), rng.normal(size=(4, 4))
    mean, covariance = rng.normal(size=4), root @ root.T
    chosen = rng.integers(3 + none, size=6)
    full = np.concatenate([rows, np.zeros((6, 1, 4))], axis=1) if none else rows

    def minus_log_posterior(point: FloatArray) -> float:
        utilities = full @ point
        logs = utilities[np.arange(6), chosen] - np.log(np.exp(utilities).sum(axis=1))
        return float(-logs.sum() + (point - mean) @ np.linalg.solve(covariance, point - mean) / 2)

    mode, found = laplace(mean, covariance, rows, chosen, none=none)
    best = optimize.minimize(minus_log_posterior, mean, tol=1e-12)
    assert mode == pytest.approx(best.x, abs=1e-4)
    step = 1e-4 * np.eye(4)
    curvature = [
        [
            sum(s * t * minus_log_posterior(mode + s * one + t * two) for s in (1, -1) for t in (1, -1)) / 4e-8
            for one in step
        ]
        for two in step
    ]
    assert np.linalg.inv(found) == pytest.approx(np.array(curvature), rel=1e-3, abs=1e-3)


def test_what_the_prior_fixes_stays_fixed() -> None:
    covariance = np.diag([1.0, 0.0])
    mode, found = laplace(
        np.array([0.0, 3.0]), covariance, np.ones((1, 2, 2)) * [[[1.0], [0.0]]], np.array([0]), none=False
    )
    assert mode[1] == 3.0
    assert mode[0] > 0
    assert found[1].tolist() == [0.0, 0.0]
    assert found[0, 0] < 1


def interview(person: int, ask: Criterion | None) -> tuple[float, float]:
    """Squared error of a simulated person's coefficients in prior variances, and the log volume of what is unsure."""
    prior, rng = population(), np.random.default_rng([1, person])
    sds = np.sqrt(np.diag(prior.covariance))
    truth = prior.mean + sds * rng.standard_normal(sds.size)
    state = begin_respondent(SPACE, prior, seed=person)
    fixed = balanced_design(SPACE, overlap="minimal", rng=person).codes[0]
    answers: list[int] = []
    for number in range(SPACE.tasks):
        if ask:
            state = next_task(state, answers[-1] if answers else None, criterion=ask)
        task = state.task if state.task is not None else fixed[number]
        utilities = np.append(state.rows(task[None])[0] @ truth, 0.0)
        answers.append(int(np.argmax(utilities + rng.gumbel(size=utilities.size))))
    tasks = np.concatenate([state.tasks, state.task[None]]) if state.task is not None else fixed
    end = begin_respondent(SPACE, prior, tasks=tasks, chosen=answers)
    return float((((end.mean - truth) / sds) ** 2).mean()), float(np.linalg.slogdet(end.covariance)[1])


def test_adapted_questions_tell_more_than_a_fixed_design() -> None:
    by = {ask: np.array([interview(person, ask) for person in range(60)]) for ask in ("d", "utility-balance", None)}  # type: ignore[arg-type]
    for ask in ("d", "utility-balance"):
        gains = by[None] - by[ask]  # paired by person
        volume = gains[:, 1]
        assert volume.mean() > 3 * volume.std() / np.sqrt(len(volume))
        assert gains[:, 0].mean() > 0
    assert by["d"][:, 1].mean() < by["utility-balance"][:, 1].mean()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), criterion=st.sampled_from(["d", "utility-balance"]), seed=st.integers(0, 99))
def test_rules_hold_for_every_space(
    spaces: st.SearchStrategy[DesignSpace], prohibits: Judge, data: st.DataObject, criterion: Criterion, seed: int
) -> None:
    space = data.draw(spaces)
    try:
        state = next_task(begin_respondent(space, vague_prior(space), seed=seed), criterion=criterion)
        for chosen in (0, space.alternatives - 1):
            assert not any(prohibits(space, offer) for offer in state.offers)
            assert not Rules.of(space).dominated(np.asarray(state.task))
            state = next_task(state, chosen, criterion=criterion)
    except DataError as error:
        told = str(error)
    else:
        return
    assert "no way to show the levels of" in told or "no balanced design of" in told


def asked(seed: int, answers: list[int]) -> RespondentState:
    state = next_task(begin_respondent(SPACE, population(), seed=seed))
    for chosen in answers:
        state = next_task(state, chosen)
    return state


def test_the_same_seed_and_answers_give_the_same_questions() -> None:
    first, again = asked(1, [0, 3, 1]), asked(1, [0, 3, 1])
    assert np.array_equal(first.tasks, again.tasks)
    assert first.offers == again.offers
    assert asked(2, [0, 3, 1]).offers != first.offers
    assert asked(1, [0, 3, 2]).offers != first.offers


def test_a_survey_that_was_left_goes_on_where_it_was() -> None:
    whole = asked(1, [0, 3, 1, 2])
    left = asked(1, [0, 3])
    resumed = begin_respondent(SPACE, population(), seed=1, tasks=left.tasks, chosen=left.chosen.tolist())
    resumed = next_task(resumed)
    assert resumed.offers == left.offers
    for chosen in (1, 2):
        resumed = next_task(resumed, chosen)
    assert resumed.offers == whole.offers
    assert resumed.mean == pytest.approx(whole.mean)


def test_no_task_is_shown_twice() -> None:
    space = DesignSpace({"a": ("u", "v"), "b": ("x", "y")}, alternatives=2, none=False)
    state = next_task(begin_respondent(space, vague_prior(space)))
    for _ in range(5):  # there are six pairs of four alternatives
        state = next_task(state, 0)
    tasks = {frozenset(map(tuple, task.tolist())) for task in (*state.tasks, state.task)}  # type: ignore[misc]
    assert tasks == set(map(frozenset, itertools.combinations(itertools.product(range(2), range(2)), 2)))


def test_answers_that_fit_nothing_are_refused() -> None:
    state = begin_respondent(SPACE, population())
    with pytest.raises(DataError, match="an answer, but no task was shown"):
        next_task(state, 0)
    shown = next_task(state)
    with pytest.raises(DataError, match="no answer to the task that was shown"):
        next_task(shown)
    with pytest.raises(DataError, match=r"is \[4\] for 1 tasks"):
        next_task(shown, 4)
    with pytest.raises(DataError, match="criterion: is 'a'"):
        next_task(state, criterion="a")  # type: ignore[arg-type]
