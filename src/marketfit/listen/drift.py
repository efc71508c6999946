"""Does the newest traffic differ from the first? Exact permutation tests on labels, scores and embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.task import FloatMatrix

ALPHA = 0.05
FEWEST = 50  # rows in each of the two windows
PERMUTATIONS = 1999

FloatVector = NDArray[np.float64]
Statistic = Callable[[NDArray[np.bool_]], FloatVector]
"""From memberships in the first window (permutations, rows) to one value for each."""


@dataclass(frozen=True)
class Drift:
    """One comparison of two windows; `p` is adjusted for the number of comparisons (Holm 1979)."""

    what: str
    detail: str
    p: float

    @property
    def found(self) -> bool:
        """Whether the windows differ at 5 %, all comparisons together."""
        return self.p <= ALPHA


def drift(
    labels: Sequence[str], scores: FloatVector, embeddings: FloatMatrix | None, *, first: int, rng: np.random.Generator
) -> tuple[Drift, ...]:
    """Compare the `first` rows with the rest, none in both.

    Under the hypothesis that nothing changed the rows are exchangeable, so that the share of permutations at least as
    far apart is a valid p-value (Phipson & Smyth 2010). The statistics are χ² of the predicted labels, the largest
    distance of the distribution functions of the scores (Kolmogorov–Smirnov), and that of the mean embeddings.
    """
    rows = len(labels)
    memberships = np.zeros((PERMUTATIONS + 1, rows), dtype=np.bool_)
    memberships[0, :first] = True  # the order in which it happened
    for number in range(1, PERMUTATIONS + 1):
        memberships[number, rng.permutation(rows)[:first]] = True
    names, coded = np.unique(np.array(labels, dtype=np.str_), return_inverse=True)
    tests: list[tuple[str, str, float]] = [
        ("predicted labels", _label_detail(names, coded, first), _p(_chi_square(coded, len(names)), memberships)),
        ("scores", _score_detail(scores, first), _p(_largest_gap(scores), memberships)),
    ]
    if embeddings is not None:
        statistic = _mean_distance(embeddings)
        distance = float(statistic(memberships[:1])[0]) ** 0.5
        tests.append(("inputs", f"mean embeddings {distance:.3f} apart", _p(statistic, memberships)))
    return _adjusted(tests)


def _p(statistic: Statistic, memberships: NDArray[np.bool_]) -> float:
    values = np.concatenate([statistic(piece) for piece in np.array_split(memberships, 20)])
    return float((values >= values[0] - 1e-12).mean())  # the first is the one that happened: never 0


def _chi_square(coded: NDArray[np.int64], kinds: int) -> Statistic:
    columns = np.eye(kinds)[coded]
    totals = columns.sum(axis=0)

    def statistic(memberships: NDArray[np.bool_]) -> FloatVector:
        counts = memberships.astype(np.float64) @ columns
        share = memberships.sum(axis=1, keepdims=True) / memberships.shape[1]
        expected = share * totals
        value: FloatVector = ((counts - expected) ** 2 / (expected * (1.0 - share))).sum(axis=1)
        return value

    return statistic


def _largest_gap(scores: FloatVector) -> Statistic:
    order = np.argsort(scores, kind="stable")
    ends = np.append(np.diff(scores[order]) > 0, True)  # tied scores are one step

    def statistic(memberships: NDArray[np.bool_]) -> FloatVector:
        inside = memberships[:, order].astype(np.float64)
        size = inside.sum(axis=1, keepdims=True)
        gaps = np.cumsum(inside / size - (1.0 - inside) / (inside.shape[1] - size), axis=1)
        value: FloatVector = np.abs(gaps[:, ends]).max(axis=1)
        return value

    return statistic


def _mean_distance(embeddings: FloatMatrix) -> Statistic:
    rows = embeddings.astype(np.float64)
    total = rows.sum(axis=0)

    def statistic(memberships: NDArray[np.bool_]) -> FloatVector:
        size = memberships.sum(axis=1, keepdims=True)
        inside = memberships.astype(np.float64) @ rows
        difference = inside / size - (total - inside) / (memberships.shape[1] - size)
        value: FloatVector = (difference**2).sum(axis=1)
        return value

    return statistic


def _adjusted(tests: Sequence[tuple[str, str, float]]) -> tuple[Drift, ...]:
    order = sorted(range(len(tests)), key=lambda number: tests[number][2])
    adjusted = [0.0] * len(tests)
    largest = 0.0
    for rank, number in enumerate(order):
        largest = max(largest, min(1.0, tests[number][2] * (len(tests) - rank)))
        adjusted[number] = largest
    return tuple(Drift(what, detail, adjusted[number]) for number, (what, detail, _) in enumerate(tests))


def _label_detail(names: NDArray[np.str_], coded: NDArray[np.int64], first: int) -> str:
    before = np.bincount(coded[:first], minlength=len(names)) / first
    after = np.bincount(coded[first:], minlength=len(names)) / (len(coded) - first)
    most = int(np.argmax(np.abs(after - before)))
    return f"'{names[most]}' went from {before[most]:.0%} to {after[most]:.0%}"


def _score_detail(scores: FloatVector, first: int) -> str:
    return f"median from {np.median(scores[:first]):.2f} to {np.median(scores[first:]):.2f}"
