"""How many clusters: how far they stand apart, and whether other people would have shown the same ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.progress import Progress
from marketfit.demand.segments.agreement import adjusted_rand
from marketfit.demand.segments.kmeans import Clustering, kmeans, nearest_centre, silhouette

BOOTSTRAPS = 50
BOOTSTRAP_STARTS = 3


@dataclass(frozen=True)
class ClustersTried:
    """What a number of clusters came to.

    silhouette: average over people, from −1 to 1 (Rousseeuw 1987); it has no interval. explained: share of the
    variance that lies between clusters. stability: mean adjusted Rand index between these clusters and those of people
    drawn anew, with replacement, over `bootstraps` draws (Hennig 2007): 1 is the same clusters every time, 0 no more
    alike than by chance. stability_low, stability_high: 5 % and 95 % of the draws.
    """

    clusters: int
    silhouette: float
    explained: float
    stability: float
    stability_low: float
    stability_high: float
    bootstraps: int


def try_clusters(
    rows: FloatArray, clusters: int, rng: np.random.Generator, advance: Progress
) -> tuple[Clustering, ClustersTried]:
    """Cluster rows (people, columns), and judge the clusters. advance: told the fraction done."""
    found = kmeans(rows, clusters, rng)
    apart = silhouette(rows, found.labels, rng)
    agreements = []
    for draw in range(BOOTSTRAPS):
        again = rows[rng.integers(len(rows), size=len(rows))]
        centres = kmeans(again, clusters, rng, starts=BOOTSTRAP_STARTS).centres
        agreements.append(adjusted_rand(found.labels, nearest_centre(rows, centres)[0]))
        advance((draw + 1) / BOOTSTRAPS)
    low, high = np.quantile(agreements, [0.05, 0.95]).tolist()
    total = float(((rows - rows.mean(axis=0)) ** 2).sum())
    explained = 1 - found.within / total
    return found, ClustersTried(clusters, apart, explained, float(np.mean(agreements)), low, high, BOOTSTRAPS)
