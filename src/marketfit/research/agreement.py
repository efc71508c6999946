"""Do coders agree? Krippendorff's α, with the interval that resampling units gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marketfit.errors import DataError, Problem

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]
Codes: TypeAlias = NDArray[np.int64]  # (units, coders), −1 where a coder did not code a unit

RESAMPLES = 2000
RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff (2004): rely on α of 0.8 and more; from 0.667 only tentative conclusions; below, none."""


@dataclass(frozen=True)
class Agreement:
    """α with a 95 % interval from resampled units (None where all resamples have a single value, or none).

    observed, expected: disagreement. units: with two codes or more. pairs: pairable codes.
    """

    alpha: float
    low: float | None
    high: float | None
    observed: float
    expected: float
    units: int
    pairs: int
    coders: int


def krippendorff_alpha(codes: Codes, *, values: int, level: Level = "nominal", seed: int = 0) -> Agreement:
    """α = 1 − observed / expected disagreement, for any number of coders and with missing codes (Krippendorff 2011).

    codes: (units, coders) from 0 to `values` − 1, −1 where missing; ordinal and interval codes are ranks and numbers.
    The interval resamples units, which keeps what coders of a unit share (bootstrap; Zapf et al. 2016).

    Raises DataError when no unit has two codes, or all codes are the same: there is then nothing to agree on.

    >>> two = np.array([[0, 0], [1, 1], [0, 1], [1, 1], [0, 0], [1, 1], [0, 0], [1, 0], [0, 0], [1, 1]])
    >>> round(krippendorff_alpha(two, values=2).alpha, 3)
    0.62
    """
    tables = _coincidences(codes, values)
    usable = tables.sum(axis=(1, 2)) > 0
    tables = tables[usable]
    if not len(tables):
        found, do = "no unit has codes of two coders", "let two people code the same units"
        raise DataError([Problem("codings", found, "units with two codes or more", do)])
    total = tables.sum(axis=0)
    found_alpha = _alpha(total[None], level)
    if np.isnan(found_alpha.alpha[0]):
        found, do = "all codes are the same", "code units that differ"
        raise DataError([Problem("codings", found, "two codes or more in use", do)])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=RESAMPLES)
    again = _alpha(np.tensordot(drawn.astype(np.float64), tables, axes=1), level).alpha
    again = again[np.isfinite(again)]
    enough = again.size > RESAMPLES / 2 and len(tables) > 1
    low, high = np.quantile(again, (0.025, 0.975)).tolist() if enough else (None, None)
    coders = int((codes >= 0).any(axis=0).sum())
    return Agreement(
        alpha=float(found_alpha.alpha[0]),
        low=low,
        high=high,
        observed=float(found_alpha.observed[0]),
        expected=float(found_alpha.expected[0]),
        units=len(tables),
        pairs=round(float(total.sum())),
        coders=coders,
    )


@dataclass(frozen=True, eq=False)
class _Alphas:
    alpha: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]


def _coincidences(codes: Codes, values: int) -> NDArray[np.float64]:
    """(units, values, values) coincidences of pairs of codes in each unit, each pair over (codes of the unit − 1)."""
    counts = np.stack([(codes == value).sum(axis=1) for value in range(values)], axis=1).astype(np.float64)
    together = counts[:, :, None] * counts[:, None, :]
    together[:, np.arange(values), np.arange(values)] -= counts
    size = counts.sum(axis=1)
    table: NDArray[np.float64] = together / np.maximum(size - 1, 1)[:, None, None]
    table[size < 2] = 0.0
    return table


def _alpha(tables: NDArray[np.float64], level: Level) -> _Alphas:
    """α of each table (tables, values, values); NaN where only one value is in use."""
    margins = tables.sum(axis=2)
    total = margins.sum(axis=1)
    apart = np.stack([_distances(margin, level) for margin in margins]) if level == "ordinal" else None
    distance = _distances(margins[0], level)[None] if apart is None else apart
    observed = (tables * distance).sum(axis=(1, 2)) / total
    chance = margins[:, :, None] * margins[:, None, :] / (total * (total - 1))[:, None, None]
    expected = (chance * distance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = np.where(expected > 0, 1 - observed / expected, np.nan)
    return _Alphas(alpha, observed, expected)


def _distances(margin: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """(values, values) squared differences; the diagonal is 0, so pairs of a code with itself never disagree."""
    count = margin.size
    if level == "nominal":
        return np.asarray(1.0 - np.eye(count))
    if level == "interval":
        numbers = np.arange(count, dtype=np.float64)
        return np.asarray((numbers[:, None] - numbers[None, :]) ** 2)
    middle = np.cumsum(margin) - margin / 2  # rank distance: codes between, and half of both ends
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)
