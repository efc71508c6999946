"""What is true of each item, and who can be trusted: Dawid & Skene (1979), by expectation-maximisation.

One coin (default): respondent j says the true label with probability r_j and otherwise any of the K − 1 others with
equal chance; all labels are equally likely beforehand. Full confusion: respondent j has a K × K matrix of chances to
say l where k is true, and labels have frequencies; K(K − 1) numbers a person need many answers. Both start from
everybody being equally able, and hold each respondent to a prior worth `PRIOR_RIGHT + PRIOR_WRONG` answers. The prior
also breaks the tie between a truth and its mirror image, in which everybody lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_RIGHT, PRIOR_WRONG = 3.0, 1.0
"""Every respondent counts as having given so many right and wrong answers before: few answers prove little."""

MANY = 20
"""Full confusion matrices are used when at least half of the answers are by people who gave MANY × K or more."""

_STEPS, _STILL = 2000, 1e-11
_CELLS = 50_000_000


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers as codes, one row each: item, respondent and label (answers,). `labels` counts the possible labels."""

    item: Ints
    respondent: Ints
    label: Ints
    items: int
    respondents: int
    labels: int

    @property
    def load(self) -> Floats:
        """(respondents,) answers of each."""
        return np.bincount(self.respondent, minlength=self.respondents).astype(np.float64)

    @property
    def many(self) -> bool:
        """Whether full confusion matrices can be told from the answers, and fit into memory."""
        if max(self.respondents * self.labels**2, self.items * self.labels) > _CELLS:
            return False
        return bool(2 * (self.load[self.respondent] >= MANY * self.labels).sum() >= self.respondent.size)


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the answers say.

    item, label, probability: (entries,) the chance of each label of each item, as far as it is at least `least` of
    the call; an item's entries add up to 1 and come in order of item and label. right: (respondents,) expected
    number of right answers; reliability, low, high: (respondents,) the chance of being right with one-sided 95 %
    bounds. objective: the log-posterior after each step, which never falls.
    """

    item: Ints
    label: Ints
    probability: Floats
    right: Floats
    reliability: Floats
    low: Floats
    high: Floats
    objective: tuple[float, ...]
    converged: bool


@dataclass(frozen=True, eq=False)
class _Said:
    """The distinct (item, label) pairs among the answers, sorted; every other label of an item was never said."""

    key: Ints
    item: Ints
    label: Ints
    of_answer: Ints
    starts: Ints
    others: Floats  # (items,) how many labels were never said of the item

    @classmethod
    def of(cls, answers: Answers) -> _Said:
        key, of_answer = np.unique(answers.item * answers.labels + answers.label, return_inverse=True)
        item, label = np.divmod(key, answers.labels)
        starts = np.flatnonzero(np.diff(item, prepend=-1))
        others = answers.labels - np.diff(starts, append=key.size).astype(np.float64)
        return cls(key, item, label, of_answer, starts, others)


def one_coin(answers: Answers, *, least: float = 0.01) -> Consensus:
    """One-coin Dawid–Skene. Work and memory grow with the answers, not with items × labels.

    Every item has at least one answer, and there are at least two labels.

    >>> people = Answers(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 1]), 1, 3, 2)
    >>> one_coin(people).probability
    array([0.8..., 0.1...])
    """
    said = _Said.of(answers)
    reliability = np.full(answers.respondents, PRIOR_RIGHT / (PRIOR_RIGHT + PRIOR_WRONG))
    load = answers.load
    objective: list[float] = []
    while True:
        chance, unsaid, value = _posterior(answers, said, reliability)
        objective.append(value)
        right = _sums(answers.respondent, chance[said.of_answer], answers.respondents)
        if _settled(objective) or len(objective) == _STEPS:
            break
        reliability = (right + PRIOR_RIGHT) / (load + PRIOR_RIGHT + PRIOR_WRONG)
    entries = _entries(answers, said, chance, unsaid, least)
    return _consensus(entries, right, load, tuple(objective))


def _settled(objective: list[float]) -> bool:
    return len(objective) > 1 and objective[-1] - objective[-2] <= _STILL * abs(objective[-1])


def _posterior(answers: Answers, said: _Said, reliability: Floats) -> tuple[Floats, Floats, float]:
    """The E step: (pairs,) chance of each label that was said, (items,) that of each unsaid one, and the
    log-posterior of the reliabilities."""
    wrong = np.log1p(-reliability) - np.log(answers.labels - 1)
    weight = (np.log(reliability) - wrong)[answers.respondent]
    score = _sums(said.of_answer, weight, said.key.size)
    top = np.maximum(np.maximum.reduceat(score, said.starts), 0.0)
    odds, rest = np.exp(score - top[said.item]), np.exp(-top)
    total = np.add.reduceat(odds, said.starts) + said.others * rest
    value = (top + np.log(total)).sum() + wrong[answers.respondent].sum() - answers.items * np.log(answers.labels)
    prior = PRIOR_RIGHT * np.log(reliability) + PRIOR_WRONG * np.log1p(-reliability)
    return odds / total[said.item], rest / total, float(value + prior.sum())


_Entries = tuple[Ints, Ints, Floats]


def _entries(answers: Answers, said: _Said, chance: Floats, unsaid: Floats, least: float) -> _Entries:
    """Entries of at least `least`, of said and unsaid labels, renormalised."""
    keys, chances = [said.key], [chance]
    items = np.flatnonzero(unsaid >= least)  # few: an item has at most 1 / least of them
    for label in range(answers.labels) if items.size else ():
        key = items * answers.labels + label
        new = ~np.isin(key, said.key, assume_unique=True)
        keys.append(key[new])
        chances.append(unsaid[items[new]])
    return _kept(np.concatenate(keys), np.concatenate(chances), answers.labels, least)


def _kept(key: Ints, probability: Floats, labels: int, least: float) -> _Entries:
    best = np.zeros(int(key.max()) // labels + 1)
    np.maximum.at(best, key // labels, probability)
    # The likeliest label always stays, however many there are.
    keep = (probability >= least) | (probability == best[key // labels])
    key, probability = key[keep], probability[keep]
    order = np.argsort(key, kind="stable")
    item, label = np.divmod(key[order], labels)
    probability = probability[order]
    return item, label, probability / np.bincount(item, weights=probability)[item]


def full_confusion(answers: Answers, *, least: float = 0.01) -> Consensus:
    """Dawid–Skene with a confusion matrix for each respondent, started from the one-coin consensus."""
    k, load = answers.labels, answers.load
    first = one_coin(answers, least=0.0)
    chance = np.zeros((answers.items, k))
    chance[first.item, first.label] = first.probability
    prior = np.full((k, k), PRIOR_WRONG / (k - 1))
    np.fill_diagonal(prior, PRIOR_RIGHT)
    cell = answers.respondent * k + answers.label
    objective: list[float] = []
    while not _settled(objective) and len(objective) < _STEPS:
        counts = np.stack(
            [
                np.bincount(cell, weights=chance[answers.item, true], minlength=answers.respondents * k).reshape(-1, k)
                for true in range(k)
            ],
            axis=1,
        )
        confusion = np.log(counts + prior) - np.log((counts + prior).sum(axis=2, keepdims=True))
        frequency = np.log(chance.sum(axis=0) + 1.0) - np.log(answers.items + k)
        score = np.stack(
            [
                np.bincount(answers.item, confusion[answers.respondent, true, answers.label], minlength=answers.items)
                for true in range(k)
            ],
            axis=1,
        )
        score += frequency
        total = np.logaddexp.reduce(score, axis=1)
        chance = np.exp(score - total[:, None])
        objective.append(float(total.sum() + (prior * confusion).sum() + frequency.sum()))
    right = _sums(answers.respondent, chance[answers.item, answers.label], answers.respondents)
    entries = _kept(np.arange(chance.size), chance.ravel(), k, least)
    return _consensus(entries, right, load, tuple(objective))


def _consensus(entries: _Entries, right: Floats, load: Floats, objective: tuple[float, ...]) -> Consensus:
    yes, no = right + PRIOR_RIGHT, np.clip(load - right, 0.0, None) + PRIOR_WRONG
    low, high = (np.asarray(betaincinv(yes, no, level), dtype=np.float64) for level in (0.05, 0.95))
    return Consensus(*entries, right, yes / (yes + no), low, high, objective, len(objective) < _STEPS)


def _sums(group: Ints, values: Floats, groups: int) -> Floats:
    """(groups,) the sum of the values of each group."""
    return np.asarray(np.bincount(group, weights=values, minlength=groups), dtype=np.float64)


def unreliable(consensus: Consensus, labels: int, *, margin: float = 0.2) -> NDArray[np.bool_]:
    """(respondents,) whose upper bound is not above chance, or lies more than `margin` below the median reliability."""
    middle = float(np.median(consensus.reliability))
    flagged: NDArray[np.bool_] = (consensus.high <= 1.0 / labels) | (consensus.high < middle - margin)
    return flagged
