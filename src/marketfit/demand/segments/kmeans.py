"""k-means (Lloyd 1982) from k-means++ starts (Arthur & Vassilvitskii 2007), and how well its clusters stand apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray

STARTS = 10
MOST_STEPS = 300
MOST_COMPARED = 3000  # rows of which every pair is compared; of more, a random sample is


@dataclass(frozen=True, eq=False)
class Clustering:
    """labels: (rows,) cluster of each row, the largest cluster first. centres: (clusters, columns) means of them.

    within: sum of squared distances of the rows to their centres.
    """

    labels: IntArray
    centres: FloatArray
    within: float


def kmeans(rows: FloatArray, clusters: int, rng: np.random.Generator, *, starts: int = STARTS) -> Clustering:
    """The best of several starts. rows: (rows, columns), with at least `clusters` distinct ones."""
    runs = [_lloyd(rows, _seeds(rows, clusters, rng)) for _ in range(starts)]
    best = min(runs, key=lambda run: run.within)
    sizes = np.bincount(best.labels, minlength=clusters)
    order = np.argsort(-sizes, kind="stable")
    return Clustering(np.argsort(order)[best.labels], best.centres[order], best.within)


def nearest_centre(rows: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """(rows,) the nearest centre and the squared distance to it."""
    squares = _squares(rows, centres)
    labels = squares.argmin(axis=1)
    return labels, squares[np.arange(labels.size), labels]


def silhouette(rows: FloatArray, labels: IntArray, rng: np.random.Generator) -> float:
    """Average silhouette (Rousseeuw 1987): (b − a) / max(a, b) with a the mean distance of a row to its own cluster and
    b that to the nearest other one; 1 is apart, 0 is overlapping. A row alone in its cluster counts 0.
    """
    if labels.size > MOST_COMPARED:
        some = np.sort(rng.choice(labels.size, MOST_COMPARED, replace=False))
        rows, labels = rows[some], np.unique(labels[some], return_inverse=True)[1]
    member = np.eye(int(labels.max()) + 1)[labels]
    sizes = member.sum(axis=0)
    if sizes.size < 2:
        return 0.0
    values = []
    for begin in range(0, labels.size, 500):
        block = slice(begin, begin + 500)
        distances = np.sqrt(_squares(rows[block], rows))
        distances[np.arange(len(distances)), np.arange(len(distances)) + begin] = 0.0
        sums = distances @ member
        own = labels[block]
        mine = np.arange(own.size)
        inside = sums[mine, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[mine, own] = np.inf
        outside = means.min(axis=1)
        larger = np.maximum(np.maximum(inside, outside), np.finfo(np.float64).tiny)
        values.append(np.where(sizes[own] > 1, (outside - inside) / larger, 0.0))
    return float(np.concatenate(values).mean())


def _squares(rows: FloatArray, others: FloatArray) -> FloatArray:
    """(rows, others) squared distances."""
    squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ others.T + (others**2).sum(axis=1)
    clipped: FloatArray = np.clip(squares, 0.0, None)
    return clipped


def _seeds(rows: FloatArray, clusters: int, rng: np.random.Generator) -> FloatArray:
    """(clusters, columns) rows that are likely far from each other."""
    chosen = [int(rng.integers(len(rows)))]
    nearest = ((rows - rows[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < clusters:
        total = nearest.sum()
        chosen.append(int(rng.choice(len(rows), p=nearest / total if total > 0 else None)))
        nearest = np.minimum(nearest, ((rows - rows[chosen[-1]]) ** 2).sum(axis=1))
    return rows[chosen]


def _lloyd(rows: FloatArray, centres: FloatArray) -> Clustering:
    clusters = len(centres)
    labels = np.full(len(rows), -1, dtype=np.int64)
    for _ in range(MOST_STEPS):
        found, squares = nearest_centre(rows, centres)
        for empty in np.setdiff1d(np.arange(clusters), found).tolist():
            # A cluster that lost all its rows starts anew at the row that is served worst.
            worst = int(squares.argmax())
            found[worst], squares[worst] = empty, 0.0
        if (found == labels).all():
            break
        labels = found
        member = np.eye(clusters)[labels]
        centres = member.T @ rows / np.maximum(member.sum(axis=0), 1.0)[:, None]
    within = float(((rows - centres[labels]) ** 2).sum())
    return Clustering(labels, centres, within)
