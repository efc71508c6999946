"""Segments from clusters of individual utilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, FloatArray, Rng, frozen
from marketfit.demand.coding.coding import Coding
from marketfit.demand.intervals import check_level, rate_interval
from marketfit.demand.models.covariance import normal_draws
from marketfit.demand.models.utilities import DRAWS
from marketfit.demand.progress import Progress, part_of
from marketfit.demand.segments.cluster_count import ClustersTried, try_clusters
from marketfit.demand.segments.describe import describe
from marketfit.demand.segments.kmeans import Clustering
from marketfit.demand.segments.segment import Figure, Segment, Segments
from marketfit.errors import DataError, Problem


def cluster_segments(
    individual: FloatArray,
    coding: Coding,
    *,
    clusters: int | Sequence[int] = (2, 3, 4, 5, 6),
    respondent_labels: NDArray[np.generic] | None = None,
    price: str | None = "price",
    level: float = 0.95,
    rng: Rng = 0,
    progress: Progress | None = None,
) -> Segments:
    """Group people by k-means on their coefficients, each column divided by its standard deviation over people.

    individual: coefficients of each person, in the order of `coding.columns`: (respondents, columns), or draws of them
        (draws, respondents, columns), which are clustered by their means and carry their error into the intervals.
    clusters: how many; of several numbers, the one with the highest average silhouette is kept, and `tried` lists all,
        each with its stability when people are drawn anew. No number of clusters means that there are clusters: read
        the stability.
    respondent_labels: (respondents,) who they are (default: 1, 2, …). price: the attribute in which worth is expressed.
    progress: called with the fraction done.

    Intervals of shares are exact (Clopper & Pearson 1934); those of means follow Student's t over people, and take the
    clusters as known. Without draws they take the coefficients of each person as known too, which they never are: they
    are then too narrow. A cluster of a single person has none.

    Raises DataError for individual coefficients or numbers of clusters that are no use.
    """
    check_level(level)
    numbers = (clusters,) if isinstance(clusters, int) else tuple(dict.fromkeys(clusters))
    drawn = np.asarray(individual, dtype=np.float64)
    drawn = drawn[None] if drawn.ndim == 2 else drawn
    _check_shape(drawn, coding)
    rows = drawn.mean(axis=0)
    labels = np.arange(1, len(rows) + 1) if respondent_labels is None else np.asarray(respondent_labels)
    _check(rows, labels, numbers)
    spread = rows.std(axis=0)
    standard = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    seed = int(np.random.default_rng(rng).integers(2**63))
    found: dict[int, tuple[Clustering, ClustersTried]] = {}
    for index, number in enumerate(numbers):
        advance = part_of(progress, index, len(numbers))
        found[number] = try_clusters(standard, number, np.random.default_rng([seed, number]), advance)
    best, _ = max(found.values(), key=lambda pair: pair[1].silhouette)
    membership = np.eye(len(best.centres))[best.labels]
    generator = np.random.default_rng([seed, 0])
    segments = tuple(
        _segment(coding, f"segment{index + 1}", drawn, mine > 0, generator, price=price, level=level)
        for index, mine in enumerate(membership.T)
    )
    return Segments(
        method="clusters",
        segments=segments,
        membership=frozen(membership),
        respondent_labels=frozen(labels),
        level=level,
        sample_size=len(rows),
        tried=tuple(tried for _, tried in found.values()),
    )


def _segment(
    coding: Coding,
    name: str,
    drawn: FloatArray,
    mine: BoolArray,
    rng: np.random.Generator,
    *,
    price: str | None,
    level: float,
) -> Segment:
    own, people = drawn[:, mine], float(mine.sum())
    low, high = rate_interval(np.array([people]), np.array([float(mine.size)]), level)
    share = Figure(people / mine.size, float(low[0]), float(high[0]))
    point = own.mean(axis=(0, 1))
    means = _mean_draws(own, rng) if people > 1 else point[None, :]
    return describe(coding, (name, people, share), point, means, price=price, level=level)


def _mean_draws(own: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(draws, columns) draws of the mean over people like those in `own` (draws, people, columns).

    Around the mean of these people in each draw, the error of having asked them and not others: multivariate t.
    """
    draws, people, columns = own.shape
    centred = (own - own.mean(axis=1, keepdims=True)).reshape(-1, columns)
    covariance = centred.T @ centred / (draws * (people - 1)) / people
    noise = normal_draws(np.zeros(columns), covariance, DRAWS, rng)
    noise *= np.sqrt((people - 1) / rng.chisquare(people - 1, size=DRAWS))[:, None]
    centres: FloatArray = own.mean(axis=1)[np.arange(DRAWS) * draws // DRAWS]
    return centres + noise


def _check_shape(drawn: FloatArray, coding: Coding) -> None:
    columns = len(coding.columns)
    if drawn.ndim != 3 or drawn.shape[2] != columns or not drawn.size or not np.isfinite(drawn).all():
        found = f"has shape {drawn.shape[-2:]}, or values that are not finite"
        do = "give the coefficients of each person in the order of coding.columns"
        raise DataError([Problem("individual", found, f"finite (respondents, {columns})", do)])


def _check(rows: FloatArray, labels: NDArray[np.generic], numbers: Sequence[int]) -> None:
    problems = []
    if labels.shape != (len(rows),):
        found, do = f"has shape {labels.shape}", "give one label per row of `individual`"
        problems.append(Problem("respondent_labels", found, f"({len(rows)},)", do))
    distinct = len(np.unique(rows, axis=0))
    if not numbers:
        problems.append(Problem("clusters", "names no number", "at least one", "say how many clusters to try"))
    problems += [
        Problem(f"clusters={number}", "is not possible here", f"2 to {distinct}, the people who differ", "correct it")
        for number in numbers
        if not 2 <= number <= distinct
    ]
    if problems:
        raise DataError(problems)
