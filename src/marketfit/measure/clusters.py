"""Groups of feature rows that point the same way, and how well they hold together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketfit.task import FloatMatrix

_ROUNDS = 30
_SAMPLE = 2000  # rows that the silhouette is computed on


def clusters(embeddings: FloatMatrix, count: int) -> tuple[FloatMatrix, NDArray[np.int64]]:
    """Spherical k-means (Dhillon & Modha 2001), started from rows far apart (Gonzalez 1985): no randomness.

    Args:
        embeddings: rows (n, dim) of unit length.
        count: clusters at the most; fewer where rows repeat.
    """
    start = int(np.argmax(embeddings @ embeddings.mean(axis=0)))
    chosen = [start]
    closest = embeddings @ embeddings[start]
    while len(chosen) < count and closest.min() < 1.0 - 1e-5:
        chosen.append(int(np.argmin(closest)))
        closest = np.maximum(closest, embeddings @ embeddings[chosen[-1]])
    return settled(embeddings, embeddings[chosen])


def settled(embeddings: FloatMatrix, start: FloatMatrix) -> tuple[FloatMatrix, NDArray[np.int64]]:
    """Spherical k-means from these centres on: the centres (k, dim) it ends with, and the nearest of each row (n,)."""
    centres = start.copy()
    nearest = np.argmax(embeddings @ centres.T, axis=1)
    for _ in range(_ROUNDS):
        for number in range(len(centres)):
            rows = embeddings[nearest == number]
            if len(rows):
                total = rows.sum(axis=0)
                centres[number] = total / max(float(np.linalg.norm(total)), 1e-12)
        again = np.argmax(embeddings @ centres.T, axis=1)
        if (again == nearest).all():
            break
        nearest = again
    return centres, nearest.astype(np.int64)


def silhouette(embeddings: FloatMatrix, nearest: NDArray[np.int64]) -> float:
    """Mean silhouette (Rousseeuw 1987) of groups by cosine distance; 0 for rows alone in their group.

    On more than 2,000 rows, every n-th row is looked at.
    """
    step = -(-len(embeddings) // _SAMPLE)
    rows, groups = embeddings[::step], nearest[::step]
    names, place = np.unique(groups, return_inverse=True)
    if names.size < 2:
        return 0.0
    member = np.eye(names.size)[place]  # (rows, groups)
    sizes = member.sum(axis=0)
    distance = 1.0 - (rows @ rows.T).astype(np.float64)
    sums = distance @ member
    own = sums[np.arange(len(rows)), place] / np.maximum(sizes[place] - 1, 1)
    others = np.where(member > 0, np.inf, sums / sizes)
    nearest_other = others.min(axis=1)
    width = (nearest_other - own) / np.maximum(np.maximum(nearest_other, own), 1e-12)
    return float(np.where(sizes[place] > 1, width, 0.0).mean())


def best_clusters(embeddings: FloatMatrix, counts: Sequence[int]) -> tuple[FloatMatrix, NDArray[np.int64], float]:
    """Centres, groups and silhouette of the count whose silhouette is largest; of equal ones the smallest count."""
    found = [(*clusters(embeddings, count), count) for count in counts]
    scored = [(silhouette(embeddings, nearest), centres, nearest) for centres, nearest, _ in found]
    best = max(range(len(scored)), key=lambda place: (scored[place][0], -place))
    return scored[best][1], scored[best][2], scored[best][0]
