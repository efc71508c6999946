"""What is true of each item, and who can be trusted: Dawid & Skene (1979), by expectation-maximisation.

One coin (default): respondent j says the true label with probability r_j and otherwise any of the K − 1 others with
equal chance; all labels are equally likely beforehand. Full confusion: respondent j has a K × K matrix of chances to
say l where k is true, and labels have frequencies; K(K − 1) numbers a person need many answers. One coin starts from
everybody being equally able; full confusion from its consensus and from the shares of votes, and the likelier end is
kept. Both hold each respondent to a prior worth a few answers. It also breaks the tie between a truth and its mirror
image, in which everybody lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from marketfit.errors import DataError, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Prior:
    """Every respondent counts as having given so many right and wrong answers before, for few answers prove little;
    every label counts as having been true `frequency` times more than it was (full confusion alone).

    Towards 0 it vanishes: full confusion then gives the maximum of the likelihood, as Dawid & Skene (1979) do.

    Raises:
        DataError: a number that is not above 0.
    """

    right: float = 3.0
    wrong: float = 1.0
    frequency: float = 1.0

    def __post_init__(self) -> None:
        problems = [
            Problem(f"prior, {name}", f"is {value:g}", "a number above 0", "use a small one, such as 1e-9, for none")
            for name, value in vars(self).items()
            if not (np.isfinite(value) and value > 0)
        ]
        if problems:
            raise DataError(problems)


PRIOR = Prior()
"""What is known of people before they answer, unless another prior is given."""

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


def one_coin(answers: Answers, *, least: float = 0.01, prior: Prior = PRIOR) -> Consensus:
    """One-coin Dawid–Skene. Work and memory grow with the answers, not with items × labels.

    Every item has at least one answer, and there are at least two labels.

    >>> people = Answers(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 1]), 1, 3, 2)
    >>> one_coin(people).probability
    array([0.8..., 0.1...])
    """
    said = _Said.of(answers)
    reliability = np.full(answers.respondents, prior.right / (prior.right + prior.wrong))
    load = answers.load
    objective: list[float] = []
    while True:
        chance, unsaid, value = _posterior(answers, said, reliability, prior)
        objective.append(value)
        right = _sums(answers.respondent, chance[said.of_answer], answers.respondents)
        if _settled(objective) or len(objective) == _STEPS:
            break
        reliability = (right + prior.right) / (load + prior.right + prior.wrong)
    entries = _entries(answers, said, chance, unsaid, least)
    return _consensus(entries, right, load, tuple(objective), prior)


def _settled(objective: list[float]) -> bool:
    return len(objective) > 1 and objective[-1] - objective[-2] <= _STILL * abs(objective[-1])


def _posterior(answers: Answers, said: _Said, reliability: Floats, prior: Prior) -> tuple[Floats, Floats, float]:
    """The E step: (pairs,) chance of each label that was said, (items,) that of each unsaid one, and the
    log-posterior of the reliabilities."""
    wrong = np.log1p(-reliability) - np.log(answers.labels - 1)
    weight = (np.log(reliability) - wrong)[answers.respondent]
    score = _sums(said.of_answer, weight, said.key.size)
    top = np.maximum(np.maximum.reduceat(score, said.starts), 0.0)
    odds, rest = np.exp(score - top[said.item]), np.exp(-top)
    total = np.add.reduceat(odds, said.starts) + said.others * rest
    value = (top + np.log(total)).sum() + wrong[answers.respondent].sum() - answers.items * np.log(answers.labels)
    known = prior.right * np.log(reliability) + prior.wrong * np.log1p(-reliability)
    return odds / total[said.item], rest / total, float(value + known.sum())


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


def full_confusion(answers: Answers, *, least: float = 0.01, prior: Prior = PRIOR) -> Consensus:
    """Dawid–Skene with a confusion matrix for each respondent, from two starts: the one-coin consensus, and the share
    of each label among the answers to an item, as Dawid & Skene (1979) start. The end of the higher objective is kept.
    """
    k = answers.labels
    first = one_coin(answers, least=0.0, prior=prior)
    consensus = np.zeros((answers.items, k))
    consensus[first.item, first.label] = first.probability
    votes = _sums(answers.item * k + answers.label, np.ones(answers.item.size), answers.items * k).reshape(-1, k)
    ends = [_climbed(answers, start, prior) for start in (consensus, votes / votes.sum(axis=1, keepdims=True))]
    chance, objective = max(ends, key=lambda end: end[1][-1])  # of equal ones the first
    right = _sums(answers.respondent, chance[answers.item, answers.label], answers.respondents)
    entries = _kept(np.arange(chance.size), chance.ravel(), k, least)
    return _consensus(entries, right, answers.load, objective, prior)


def _climbed(answers: Answers, chance: Floats, prior: Prior) -> tuple[Floats, tuple[float, ...]]:
    """The chance (items, labels) of each label that expectation-maximisation comes to from a first one, and the
    log-posterior after each step.
    """
    k = answers.labels
    before = np.full((k, k), prior.wrong / (k - 1))
    np.fill_diagonal(before, prior.right)
    cell = answers.respondent * k + answers.label
    objective: list[float] = []
    while not _settled(objective) and len(objective) < _STEPS:
        by_truth = [_sums(cell, chance[answers.item, true], answers.respondents * k) for true in range(k)]
        counts = np.stack([told.reshape(-1, k) for told in by_truth], axis=1) + before
        confusion = np.log(counts) - np.log(counts.sum(axis=2, keepdims=True))
        frequency = np.log(chance.sum(axis=0) + prior.frequency) - np.log(answers.items + k * prior.frequency)
        said = [
            _sums(answers.item, confusion[answers.respondent, true, answers.label], answers.items) for true in range(k)
        ]
        score = np.stack(said, axis=1) + frequency
        total = np.logaddexp.reduce(score, axis=1)
        chance = np.exp(score - total[:, None])
        known = (before * confusion).sum() + prior.frequency * frequency.sum()
        objective.append(float(total.sum() + known))
    return chance, tuple(objective)


def _consensus(entries: _Entries, right: Floats, load: Floats, objective: tuple[float, ...], prior: Prior) -> Consensus:
    yes, no = right + prior.right, np.clip(load - right, 0.0, None) + prior.wrong
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
