"""Best–worst scaling of objects (Finn & Louviere 1992; Marley & Louviere 2005): counts and the best–worst logit.

*sequential* (default): the best of those shown is chosen with the chance e^u, then the worst of the others with e^−u.
*maxdiff*: all ordered pairs are compared at once, and (best, worst) has the chance e^(u_best − u_worst); the counts
best − worst are then sufficient. Both are multinomial logits, fitted by Newton's method; errors are clustered by
respondent (Liang & Zeger 1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, logit, stdtrit

from marketfit.errors import DataError, Problem, RunError
from marketfit.research.given import Floats, Given, Ints, everybody_counts_one
from marketfit.research.weighted import LEVEL, Estimate, Means, means

BestWorstModel: TypeAlias = Literal["sequential", "maxdiff"]

_MOST_STEPS, _STILL = 100, 1e-12
_CELLS = 4_000_000  # entries of a working array


@dataclass(frozen=True, eq=False)
class BestWorst:
    """Answers as codes, one row for each task of each person.

    shown: (answers, k) the different items of the task. best, worst: (answers,) their places among those shown, which
    differ. person: (answers,). weights: (people,), all 1 unless given. items: how many there are in all, as many as the
    codes need unless given.

    Raises:
        DataError: codes or places that are none, an item shown twice in a task, a best that is the worst, lengths that
            differ, weights that are not above 0.
    """

    shown: Ints
    best: Ints
    worst: Ints
    person: Ints
    weights: Floats = field(default_factory=everybody_counts_one)
    items: int = 0

    def __post_init__(self) -> None:
        given = Given()
        rows = (np.size(self.best),)
        codes, weights = given.keys({}, self.person, self.weights, shape=rows)
        shown = given.codes("shown", self.shown, count=self.items or None, shape=(*rows, None))
        given.check()
        size = shown.shape[1]
        places = {
            name: given.codes(name, values, count=size, shape=rows)
            for name, values in (("best", self.best), ("worst", self.worst))
        }
        given.check()
        twice = (np.diff(np.sort(shown, axis=1), axis=1) == 0).any(axis=1)
        given.where("shown", twice, "shows an item twice", "different items")
        given.where("best", places["best"] == places["worst"], "is the worst too", "two different items")
        given.check()
        items = self.items or int(shown.max(initial=-1)) + 1
        given.settle(self, shown=shown, **places, **codes, weights=weights, items=items)


@dataclass(frozen=True, eq=False)
class BestWorstFit:
    """A fitted best–worst logit.

    utilities: (items,), which sum to 0. covariance: (items, items) clustered by respondent, or None for one respondent.
    log_likelihood, log_likelihood_null: at the estimate and with equal chances, both weighted. people: who answered.
    """

    utilities: Floats
    covariance: Floats | None
    log_likelihood: float
    log_likelihood_null: float
    people: int

    @property
    def shares(self) -> Floats:
        """(items,) the chance of each to be the best of all, times 100: they sum to 100."""
        odds = np.exp(self.utilities - self.utilities.max())
        return np.asarray(100 * odds / odds.sum())

    def share(self, item: int, *, level: float = LEVEL) -> Estimate:
        """One share with its interval, by the delta method on the scale of log-odds; none where all answer alike."""
        shares = self.shares / 100
        value = float(shares[item])
        if self.covariance is None or self.people < 2 or not 0 < value < 1:
            return Estimate(100 * value, None, None, self.people)
        slope = (np.arange(shares.size) == item).astype(np.float64) - shares
        slope /= 1 - value
        variance = float(slope @ self.covariance @ slope)
        if variance <= 1e-12:  # everybody answers alike, which tells nothing of how others would
            return Estimate(100 * value, None, None, self.people)
        reach = math.sqrt(variance) * float(stdtrit(self.people - 1, (1 + level) / 2))
        low, high = (float(expit(logit(value) + sign * reach)) for sign in (-1, 1))
        return Estimate(100 * value, 100 * low, 100 * high, self.people)


def best_worst_counts(answers: BestWorst) -> Means:
    """How often each item was best less how often it was worst, per time shown: from −1 to 1."""
    score = np.zeros(answers.shown.shape)
    rows = np.arange(answers.best.size)
    score[rows, answers.best] = 1.0
    score[rows, answers.worst] = -1.0
    person = np.repeat(answers.person, answers.shown.shape[1])
    shown = answers.shown.ravel()
    return means(score.ravel(), shown, person, answers.weights, items=answers.items, within=(-1.0, 1.0))


def comparable(answers: BestWorst) -> Ints:
    """(items,) a group for each; utilities exist when all are in one group.

    A finite best estimate needs a chain of wins from every item to every other (Ford 1957); the best of a task wins
    over all others, and all others over the worst.
    """
    rows = np.arange(answers.best.size)
    best, worst = answers.shown[rows, answers.best], answers.shown[rows, answers.worst]
    size = answers.shown.shape[1]
    winners = np.concatenate([np.repeat(best, size), answers.shown.ravel()])
    losers = np.concatenate([answers.shown.ravel(), np.repeat(worst, size)])
    wins = sparse.coo_matrix((np.ones(winners.size), (winners, losers)), shape=(answers.items, answers.items))
    return np.asarray(connected_components(wins, directed=True, connection="strong")[1], dtype=np.int64)


def fit_best_worst(
    answers: BestWorst, *, model: BestWorstModel = "sequential", progress: Callable[[float], None] | None = None
) -> BestWorstFit:
    """Fit the utilities of the items. `progress` hears after every step of Newton's how much may be done.

    Four people see the same three items; 0 is best twice and worst once, 1 the reverse, 2 each once.

    >>> shown = np.array([[0, 1, 2]] * 4)
    >>> answers = BestWorst(shown, np.array([0, 0, 1, 2]), np.array([1, 2, 0, 1]), np.arange(4))
    >>> fit_best_worst(answers, model="maxdiff").shares.round(1)
    array([42.2, 25.2, 32.6])

    Raises:
        DataError: some items never lost, or never won, against all others, so that no best utilities are finite.
        RunError: the search does not end.
    """
    given = Given()
    given.some("best–worst answers", answers.best.size)
    given.check()
    groups = comparable(answers)
    if (groups != groups[0]).any():
        found = f"fall into {int(groups.max()) + 1} groups, between which one side always won"
        do = "ask more people, or drop the items that always or never win"
        raise DataError([Problem("best–worst answers", found, "wins in both directions", do)])
    utilities = np.zeros(answers.items)
    value, gradient, information = _derivatives(answers, utilities, model)
    null = value
    for number in range(_MOST_STEPS):
        if progress is not None:
            progress(1 - 0.6**number)
        step = _solve(information, gradient)
        gain = float(gradient @ step)
        if gain <= _STILL * max(1.0, abs(value)):
            break
        utilities, value, gradient, information = _rise(answers, utilities, value, step, model)
    else:
        raise RunError(f"the best–worst logit did not converge in {_MOST_STEPS} steps")
    utilities = utilities + step
    value, _, information = _derivatives(answers, utilities, model)
    people = int(np.unique(answers.person).size)
    covariance = _clustered(answers, utilities, information, people, model) if people > 1 else None
    return BestWorstFit(utilities - utilities.mean(), covariance, value, null, people)


_Point: TypeAlias = tuple[Floats, float, Floats, Floats]


def _rise(answers: BestWorst, start: Floats, value: float, step: Floats, model: BestWorstModel) -> _Point:
    """The first of the full, half, quarter … step that does not fall; the likelihood is concave."""
    length = 1.0
    while True:
        there = start + length * step
        reached, gradient, information = _derivatives(answers, there, model)
        if reached >= value or length < 1e-12:
            return there, reached, gradient, information
        length /= 2


def _solve(information: Floats, right: Floats) -> Floats:
    """Information⁻¹ · right among utilities that sum to 0, the only ones that choices depend on."""
    size = information.shape[0]
    lifted = information + np.full((size, size), np.trace(information) / size**2)
    return np.asarray(np.linalg.solve(lifted, right))


def _derivatives(answers: BestWorst, utilities: Floats, model: BestWorstModel) -> tuple[float, Floats, Floats]:
    """Log-likelihood, gradient (items,) and information (items, items), weighted."""
    items, value = answers.items, 0.0
    gradient, information = np.zeros(items), np.zeros(items * items)
    for rows in _chunks(answers):
        shown, weight = answers.shown[rows], answers.weights[answers.person[rows]]
        moments = _moments(utilities[shown], answers.best[rows], answers.worst[rows], model)
        value += float(weight @ moments.value)
        gradient += np.bincount(shown.ravel(), weights=(weight[:, None] * moments.score).ravel(), minlength=items)
        pairs = shown[:, :, None] * items + shown[:, None, :]
        spread = weight[:, None, None] * moments.spread
        information += np.bincount(pairs.ravel(), weights=spread.ravel(), minlength=items * items)
    return value, gradient, information.reshape(items, items)


def _clustered(
    answers: BestWorst, utilities: Floats, information: Floats, people: int, model: BestWorstModel
) -> Floats:
    """H⁻¹ [G/(G−1) Σ s_g s_gᵀ] H⁻¹, with s_g the summed score of respondent g of G."""
    scores = sparse.csr_matrix((answers.weights.size, answers.items))
    for rows in _chunks(answers):
        shown, person = answers.shown[rows], answers.person[rows]
        score = _moments(utilities[shown], answers.best[rows], answers.worst[rows], model).score
        score = answers.weights[person][:, None] * score
        places = (np.repeat(person, shown.shape[1]), shown.ravel())
        scores = scores + sparse.coo_matrix((score.ravel(), places), shape=scores.shape).tocsr()
    meat = np.asarray((scores.T @ scores).toarray()) * people / (people - 1)
    half = _solve(information, meat)
    covariance = _solve(information, half.T)
    return np.asarray((covariance + covariance.T) / 2)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Of each answer: log-likelihood (rows,), its gradient (rows, k) and the spread around it (rows, k, k)."""

    value: Floats
    score: Floats
    spread: Floats


def _moments(utilities: Floats, best: Ints, worst: Ints, model: BestWorstModel) -> _Moments:
    """`utilities` (rows, k) of the items shown; best and worst are places among them."""
    rows, size = np.arange(best.size), utilities.shape[1]
    seen = np.zeros(utilities.shape)
    seen[rows, best] += 1.0
    seen[rows, worst] -= 1.0
    if model == "sequential":
        up, log_up = _softmax(utilities)
        others = -utilities
        others[rows, best] = -np.inf
        down, log_down = _softmax(others)
        value = log_up[rows, best] + log_down[rows, worst]
        return _Moments(value, seen - up + down, _multinomial(up) + _multinomial(down))
    pairs = utilities[:, :, None] - utilities[:, None, :]
    pairs[:, np.arange(size), np.arange(size)] = -np.inf
    flat, log_flat = _softmax(pairs.reshape(-1, size * size))
    chance = flat.reshape(-1, size, size)
    up, down = chance.sum(axis=2), chance.sum(axis=1)
    expected = up - down
    spread = -chance - chance.transpose(0, 2, 1) - expected[:, :, None] * expected[:, None, :]
    spread[:, np.arange(size), np.arange(size)] += up + down
    return _Moments(log_flat[rows, best * size + worst], seen - expected, spread)


def _softmax(utilities: Floats) -> tuple[Floats, Floats]:
    shifted = utilities - utilities.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    total = odds.sum(axis=1, keepdims=True)
    return odds / total, shifted - np.log(total)


def _multinomial(chance: Floats) -> Floats:
    """(rows, k, k) diag(p) − p pᵀ."""
    spread = -chance[:, :, None] * chance[:, None, :]
    places = np.arange(chance.shape[1])
    spread[:, places, places] += chance
    return np.asarray(spread)


def _chunks(answers: BestWorst) -> Iterator[slice]:
    size = max(1, _CELLS // answers.shown.shape[1] ** 2)
    for start in range(0, answers.best.size, size):
        yield slice(start, start + size)
