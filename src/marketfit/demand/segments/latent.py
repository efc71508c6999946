"""Segments from latent classes."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import Rng
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.kinds import wrong_kind
from marketfit.demand.models.latent_class_result import LatentClassResult
from marketfit.demand.models.utilities import DRAWS
from marketfit.demand.segments.describe import describe
from marketfit.demand.segments.segment import Figure, Segments


def latent_segments(
    result: LatentClassResult, *, price: str | None = "price", level: float = 0.95, draws: int = DRAWS, rng: Rng = 0
) -> Segments:
    """One segment per class, with intervals from draws of the coefficients and shares of the classes.

    price: the attribute in which worth is expressed. level: of the intervals. draws, rng: behind them.
    The intervals follow the result's `interval_errors`. Raises DataError for another kind of model.
    """
    check_level(level)
    _check_classes(result)
    values, shares = result.draws(draws, np.random.default_rng(rng))
    low, high = interval(shares, level)
    segments = tuple(
        describe(
            result.coding,
            (
                f"segment{index + 1}",
                float(result.membership[:, index].sum()),
                Figure(float(result.shares[index]), float(low[index]), float(high[index])),
            ),
            result.class_estimates[index],
            values[:, index],
            price=price,
            level=level,
        )
        for index in range(result.classes)
    )
    return Segments(
        method="latent class",
        segments=segments,
        membership=result.membership,
        respondent_labels=result.respondent_labels,
        level=level,
        sample_size=result.respondents,
        tried=result.tried,
    )


def _check_classes(given: object) -> None:
    if not isinstance(given, LatentClassResult):
        do = "fit one with fit_latent_class, or use cluster_segments on individual coefficients"
        raise wrong_kind("the model", given, allowed="a fit of latent classes", do=do)
