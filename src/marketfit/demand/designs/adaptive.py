"""The next task for one respondent, chosen for what it will tell given the answers so far.

Individually adapted sequential Bayesian designs (Yu, Goos & Vandebroek 2011): after each answer the respondent's
posterior is approximated by a normal distribution, and of many tasks the one is shown that is expected to shrink it
most. Utility balance instead asks where the respondent is nearly indifferent and we are least certain (Toubia, Hauser
& Simester 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.deal import deal
from marketfit.demand.designs.design import check_alternatives, offers_of
from marketfit.demand.designs.information import probabilities
from marketfit.demand.designs.moves import Moves, options_of
from marketfit.demand.designs.posterior import laplace
from marketfit.demand.designs.prior import Prior
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.designs.taskgain import log_gains
from marketfit.errors import DataError, Problem

Criterion: TypeAlias = Literal["d", "utility-balance"]

CANDIDATES = 250
DRAWS = 24  # of the posterior, over which the gain of a task is averaged
BALANCED_SHARE = 0.1  # of the candidates, those of the most even chances, count as balanced
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class RespondentState:
    """What one respondent was asked and answered, what that says of them, and what to ask next.

    tasks: (answered, alternatives, attributes) level codes; chosen: (answered,) places, the none option after the
    last. mean: (columns,), covariance: (columns, columns) of the respondent's coefficients. task: (alternatives,
    attributes) to be shown now, or None before the first. The same seed and answers give the same tasks.

    No state with a prohibited alternative can exist: the constructor raises DataError for it.
    """

    space: DesignSpace
    prior: Prior
    rows: Rows
    seed: int
    tasks: IntArray
    chosen: IntArray
    mean: FloatArray
    covariance: FloatArray
    task: IntArray | None = None

    def __post_init__(self) -> None:
        for name in ("tasks", "chosen", "mean", "covariance", "task"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, frozen(np.array(array)))
        check_alternatives(self.space, self.tasks[None])
        if self.task is not None:
            check_alternatives(self.space, self.task[None, None])

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The alternatives to be shown now: attribute → level."""
        return () if self.task is None else offers_of(self.space, self.task)


def begin_respondent(
    space: DesignSpace,
    prior: Prior,
    *,
    seed: int = 0,
    tasks: Sequence[IntArray] | IntArray = (),
    chosen: Sequence[int] = (),
) -> RespondentState:
    """A respondent of a population, about whom nothing else is known, or who has answered some tasks already.

    prior: mean and covariance of the coefficients over the population. tasks, chosen: what a state that was left
    behind had under these names; with the same seed the questions go on as they would have.
    Raises DataError when tasks and answers do not fit the space.
    """
    shown = np.array(tasks, dtype=np.int64).reshape(-1, space.alternatives, len(space.levels))
    picked = np.array(chosen, dtype=np.int64)
    _check_answers(space, shown, picked)
    check_alternatives(space, shown[None])
    rows = Rows.of(space, prior.coding)
    return RespondentState(space, prior, rows, seed, shown, picked, *_posterior(space, prior, rows, shown, picked))


def next_task(
    state: RespondentState,
    chosen: int | None = None,
    *,
    criterion: Criterion = "d",
    candidates: int = CANDIDATES,
) -> RespondentState:
    """The state with the next task to show, after the answer to the task that it showed.

    chosen: place of the alternative chosen in `state.task`, the none option after the last; None for the first task.
    criterion: "d", the largest expected gain of information on the respondent's coefficients, or "utility-balance".
    candidates: how many random tasks are looked at; the best of them is then improved level by level ("d").

    Raises DataError for an answer that fits no alternative, and when no task keeps the rules of the space.
    """
    if criterion not in ("d", "utility-balance"):
        allowed = "'d' or 'utility-balance'"
        raise DataError([Problem("criterion", f"is {criterion!r}", allowed, "choose one of these")])
    if (chosen is None) != (state.task is None):
        found = "an answer, but no task was shown" if state.task is None else "no answer to the task that was shown"
        raise DataError(
            [Problem("chosen", f"there is {found}", "an answer per task", "give `chosen`, or leave it out")]
        )
    if chosen is not None and state.task is not None:
        shown, picked = np.concatenate([state.tasks, state.task[None]]), np.append(state.chosen, chosen)
        _check_answers(state.space, shown, picked)
        mean, covariance = _posterior(state.space, state.prior, state.rows, shown, picked)
        state = replace(state, tasks=shown, chosen=picked, mean=mean, covariance=covariance, task=None)
    choice = _Choice(state, candidates)
    task = choice.by_information() if criterion == "d" else choice.by_utility_balance()
    return replace(state, task=task)


def _check_answers(space: DesignSpace, shown: IntArray, picked: IntArray) -> None:
    if picked.shape != shown.shape[:1] or ((picked < 0) | (picked >= space.alternatives + space.none)).any():
        allowed = f"one answer per task, 0 to {space.alternatives - 1 + space.none}"
        raise DataError([Problem("chosen", f"is {picked.tolist()} for {len(shown)} tasks", allowed, "correct it")])


def _posterior(
    space: DesignSpace, prior: Prior, rows: Rows, shown: IntArray, picked: IntArray
) -> tuple[FloatArray, FloatArray]:
    return laplace(prior.mean, prior.covariance, rows(shown), picked, none=space.none)


class _Choice:
    """One choice of a task for a respondent."""

    def __init__(self, state: RespondentState, candidates: int) -> None:
        self._state, self._rules = state, Rules.of(state.space)
        # Seeded by the place of the question too, so that a survey that is taken up again goes on alike.
        self._rng = np.random.default_rng([state.seed, len(state.tasks)])
        self._tasks = self._candidates(candidates)
        values, vectors = np.linalg.eigh(state.covariance)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        self._draws = state.mean + self._rng.standard_normal((DRAWS, len(values))) @ root.T

    def by_information(self) -> IntArray:
        """The task of the largest expected gain, improved by exchanging its levels until that is of no use."""
        space, tasks = self._state.space, self._tasks
        places = np.tile(np.arange(space.alternatives), len(tasks))
        rows = self._state.rows.at(tasks.reshape(-1, tasks.shape[-1]), places)
        gains = self._gains(rows, np.arange(len(rows)).reshape(len(tasks), -1))
        best = int(np.argmax(gains))
        task, gain = tasks[best], float(gains[best])
        options = options_of(space, self._rules)
        for _ in range(ROUNDS):
            moves = Moves.of(task[None], options)
            changes = moves.changes(task, 0)
            changed = changes.variants[changes.singles]
            places = np.repeat(np.arange(space.alternatives), moves.count)
            gains = self._gains(self._state.rows.at(changes.variants, places), changes.singles)
            gains[self._rules.broken(changed) | self._shown_before(changed)] = -np.inf
            best = int(np.argmax(gains))
            if not gains[best] > gain + 1e-9:
                break
            task, gain = changed[best], float(gains[best])
        return np.asarray(task, dtype=np.int64)

    def by_utility_balance(self) -> IntArray:
        """Of the tasks whose alternatives are nearest to equally likely, the one that we are least certain about."""
        state, tasks = self._state, self._tasks
        rows = state.rows(tasks)
        chances = probabilities(rows, state.mean[None], none=state.space.none)[0]
        if state.space.none:
            chances = np.concatenate([chances, 1.0 - chances.sum(axis=1, keepdims=True)], axis=1)
            rows = np.concatenate([rows, np.zeros_like(rows[:, :1])], axis=1)
        entropy = -(chances * np.log(np.clip(chances, 1e-300, None))).sum(axis=1)
        spread = rows - np.einsum("tj,tjk->tk", chances, rows)[:, None]
        uncertainty = np.einsum("tj,tjk,kl,tjl->t", chances, spread, state.covariance, spread, optimize=True)
        balanced = entropy >= np.quantile(entropy, 1 - BALANCED_SHARE)
        return np.asarray(tasks[np.argmax(np.where(balanced, np.round(uncertainty, 10), -np.inf))])

    def _gains(self, rows: FloatArray, tasks: IntArray) -> FloatArray:
        """(tasks,) expected rise of the log determinant of the respondent's information; rounded, so that ties fall
        alike on every machine.
        """
        none, inverse = self._state.space.none, self._state.covariance[None]
        gains = log_gains(rows, tasks, self._draws, inverse, none=none).mean(axis=0)
        return np.asarray(np.round(gains, 10))

    def _candidates(self, count: int) -> IntArray:
        """(candidates, alternatives, attributes) random tasks that keep the rules and were not shown yet."""
        space = self._state.space
        shape = (4 * max(count, 1), space.alternatives)
        drawn = np.stack([self._rng.integers(size, size=shape) for size in space.sizes], axis=-1)
        kept = drawn[~(self._rules.broken(drawn) | self._shown_before(drawn))][:count]
        if len(kept):
            return np.asarray(kept, dtype=np.int64)
        # Rules that hardly any random task keeps: those of balanced designs do, and there is none at all otherwise.
        return np.asarray(deal(replace(space, versions=1), self._rng)[0], dtype=np.int64)

    def _shown_before(self, tasks: IntArray) -> BoolArray:
        """(tasks,) whether a task was shown, in whatever order of its alternatives."""
        weights = np.random.default_rng(0).integers(1, 1 << 40, size=tasks.shape[-1])
        keys, shown = (np.sort((codes + 1) @ weights, axis=1) for codes in (tasks, self._state.tasks))
        return np.asarray((keys[:, None] == shown).all(axis=2).any(axis=1), dtype=np.bool_)
