"""Where searches for a mixed logit start, and the best peak that they find.

A simulated likelihood may have several peaks: on scanner data with four random coefficients a search with small spreads
ended 58 units of log-likelihood below one with large spreads, and on correlated tastes it was the other way round. So
both are searched from, and more where they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.search import Objective, Peak, Progress, maximise
from marketfit.demand.models.mixed.tastes import Tastes
from marketfit.errors import RunError

STARTS = 2
"""Searches when none are asked for."""
SPREADS = (0.1, 1.0)
"""Where spreads start in the first searches, in the unit in which columns vary by 1 within tasks."""
WIDEST = 2.0
"""The largest spread that a random start has."""
SAME = 0.01
"""Peaks whose log-likelihoods differ by less are taken for one."""


@dataclass(frozen=True, eq=False)
class Best:
    """The highest peak. agreed: how many of the searches ended there."""

    peak: Peak
    agreed: int


def highest(
    objective: Objective, starts: Sequence[FloatArray], bounds: tuple[FloatArray, FloatArray], progress: Progress
) -> Best:
    """Search from every start and keep the highest peak. progress: called with the fraction done.

    Raises RunError, that of the first search, when none of them ends at a peak.
    """
    peaks: list[Peak] = []
    failed: list[RunError] = []
    for number, start in enumerate(starts):
        try:
            peaks.append(maximise(objective, start, bounds, _part(progress, number, len(starts))))
        except RunError as error:
            failed.append(error)
    if not peaks:
        raise failed[0]
    best = max(peaks, key=lambda peak: peak.evaluation.value)
    return Best(best, sum(peak.evaluation.value >= best.evaluation.value - SAME for peak in peaks))


def starting_points(tastes: Tastes, logit: FloatArray, count: int, rng: np.random.Generator) -> list[FloatArray]:
    """`count` times (parameters,): the multinomial logit with the spreads of `SPREADS`; beyond them means about the
    logit's, with a standard deviation of 1, and spreads at random.

    logit: (columns,) its coefficients, scaled. The first points are the same whatever the count.
    """
    diagonal = np.array([row == column for row, column in tastes.spread_entries])
    random = np.zeros(len(tastes.columns), dtype=np.bool_)
    random[tastes.positions] = True
    means = logit.copy()
    for row in tastes.log_normal:
        column = tastes.positions[row]
        means[column] = math.log(max(abs(float(logit[column])), SPREADS[0]))
    points = [np.concatenate([means, spread * diagonal]) for spread in SPREADS[:count]]
    for _ in range(count - len(points)):
        moved = means + random * rng.standard_normal(means.size)
        points.append(np.concatenate([moved, diagonal * rng.uniform(SPREADS[0], WIDEST, diagonal.size)]))
    return points


def _part(progress: Progress, number: int, count: int) -> Progress:
    return lambda done: progress((number + done) / count)
