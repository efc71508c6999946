"""Do coders agree? Krippendorff's α, with the interval that resampling units gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketfit.errors import DataError, Problem
from marketfit.measure.intervals import clopper_pearson
from marketfit.research.given import Given

Level: TypeAlias = Literal["nominal", "ordinal", "interval", "ratio"]
Codes: TypeAlias = NDArray[np.int64]  # (units, coders), −1 where a coder did not code a unit

RESAMPLES = 2000
RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff (2004): rely on α of 0.8 and more; from 0.667 only tentative conclusions; below, none."""


@dataclass(frozen=True)
class Agreement:
    """α with a 95 % interval from resampled units (None where too many of the resamples hold a single code).

    Where no unit disagrees, resamples do not either, and prove nothing. The lower end is then the α of a sample in
    which as many units disagree, and as far, as may be where none of so many was seen to (Clopper & Pearson 1934).

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


def krippendorff_alpha(
    codes: ArrayLike, *, values: int, level: Level = "nominal", numbers: ArrayLike | None = None, seed: int = 0
) -> Agreement:
    """α = 1 − observed / expected disagreement, for any number of coders and with missing codes (Krippendorff 2011).

    codes: (units, coders) from 0 to `values` − 1, −1 where missing; ordinal codes are ranks. numbers: (values,) what
    each code stands for on an interval or a ratio scale, 1, 2, 3 … unless given; on a ratio scale none is below 0.
    The interval resamples units, which keeps what coders of a unit share (bootstrap; Zapf et al. 2016).

    Raises DataError for a level that is not known, for codes and numbers that do not fit, and when no unit has two
    codes, or all codes are the same: there is then nothing to agree on.

    >>> two = np.array([[0, 0], [1, 1], [0, 1], [1, 1], [0, 0], [1, 1], [0, 0], [1, 0], [0, 0], [1, 1]])
    >>> round(krippendorff_alpha(two, values=2).alpha, 3)
    0.62
    """
    codes, scale = _given(codes, values, level, numbers)
    tables = _coincidences(codes, values)
    usable = tables.sum(axis=(1, 2)) > 0
    tables = tables[usable]
    if not len(tables):
        found, do = "no unit has codes of two coders", "let two people code the same units"
        raise DataError([Problem("codings", found, "units with two codes or more", do)])
    total = tables.sum(axis=0)
    found_alpha = _alpha(total[None], level, scale)
    if np.isnan(found_alpha.alpha[0]):
        found, do = "all codes are the same", "code units that differ"
        raise DataError([Problem("codings", found, "two codes or more in use", do)])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=RESAMPLES)
    again = _alpha(np.tensordot(drawn.astype(np.float64), tables, axes=1), level, scale).alpha
    again = again[np.isfinite(again)]
    enough = again.size > RESAMPLES / 2 and len(tables) > 1
    low, high = np.quantile(again, (0.025, 0.975)).tolist() if enough else (None, None)
    if not found_alpha.observed[0]:
        rate = clopper_pearson(0, len(tables), confidence=0.975).high
        low, high = max(-1.0, 1.0 - rate * float(found_alpha.farthest[0] / found_alpha.expected[0])), 1.0
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
    farthest: NDArray[np.float64]  # of two codes


def _given(codes: ArrayLike, values: int, level: Level, numbers: ArrayLike | None) -> tuple[Codes, NDArray[np.float64]]:
    """The codes (units, coders), and the numbers (values,) that they stand for."""
    given = Given()
    given.one_of("level", level, get_args(Level))
    table = given.codes("codes", codes, count=values, missing=True, shape=(None, None))
    default = np.arange(1.0, values + 1.0)
    low = 0.0 if level == "ratio" else -np.inf
    scale = default if numbers is None else given.numbers("numbers", numbers, low=low, shape=(values,))
    given.check()
    return table, scale


def _coincidences(codes: Codes, values: int) -> NDArray[np.float64]:
    """(units, values, values) coincidences of pairs of codes in each unit, each pair over (codes of the unit − 1)."""
    counts = np.stack([(codes == value).sum(axis=1) for value in range(values)], axis=1).astype(np.float64)
    together = counts[:, :, None] * counts[:, None, :]
    together[:, np.arange(values), np.arange(values)] -= counts
    size = counts.sum(axis=1)
    table: NDArray[np.float64] = together / np.maximum(size - 1, 1)[:, None, None]
    table[size < 2] = 0.0
    return table


def _alpha(tables: NDArray[np.float64], level: Level, scale: NDArray[np.float64]) -> _Alphas:
    """α of each table (tables, values, values); NaN where only one value is in use."""
    margins = tables.sum(axis=2)
    total = margins.sum(axis=1)
    if level == "ordinal":
        distance = np.stack([_ranks_apart(margin) for margin in margins])
    else:
        distance = _distances(scale, level)[None]
    observed = (tables * distance).sum(axis=(1, 2)) / total
    chance = margins[:, :, None] * margins[:, None, :] / (total * (total - 1))[:, None, None]
    expected = (chance * distance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = np.where(expected > 0, 1 - observed / expected, np.nan)
    return _Alphas(alpha, observed, expected, distance.max(axis=(1, 2)))


def _distances(scale: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """(values, values) squared differences; the diagonal is 0, so pairs of a code with itself never disagree."""
    if level == "nominal":
        return np.asarray(1.0 - np.eye(scale.size))
    apart = scale[:, None] - scale[None, :]
    if level == "ratio":  # differences count by how large the numbers are; two zeros do not differ
        together = scale[:, None] + scale[None, :]
        apart = np.divide(apart, together, out=np.zeros_like(apart), where=together > 0)
    return np.asarray(apart**2)


def _ranks_apart(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """(values, values) squared distances of ranks: the codes between two, and half of both ends."""
    middle = np.cumsum(margin) - margin / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)
