"""Who is in each segment: what is known of people besides their choices, segment against everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.intervals import check_level, rate_interval
from marketfit.demand.segments.association import cramers_v, holm, independence_p, kruskal_wallis, lift_ends
from marketfit.demand.segments.covariates import LevelCovariate, NumberCovariate, read_covariates
from marketfit.demand.segments.segment import Figure, Segments
from marketfit.errors import DataError, Problem


@dataclass(frozen=True)
class LevelShare:
    """How common a level is in a segment.

    count of n people in the segment with a known value have the level; share: count / n, or that of their weights, with
    the interval of Clopper & Pearson (1934), exact without weights and with them at the effective sample size of Kish
    (1965). overall: the share among all people. lift: share / overall; its interval (see `lift_ends`) takes the sizes
    of the segments as given and has no zero width where nobody has the level.
    """

    segment: str
    level: str
    count: int
    n: int
    share: Figure
    overall: float
    lift: Figure


@dataclass(frozen=True)
class LevelProfile:
    """A covariate of names, over all segments. n: people with a value; missing: those without.

    cramers_v: strength of the relation, from 0 to 1; it has no interval. p_value: if there were none, exact by
    simulation; with weights, of as many people as they are worth, to the nearest whole one. p_holm: the same, corrected
    for the number of covariates. NaN where all are alike.
    """

    name: str
    n: int
    missing: int
    cramers_v: float
    p_value: float
    p_holm: float
    shares: tuple[LevelShare, ...]


@dataclass(frozen=True)
class NumberSummary:
    """A number within a segment, or of everybody: mean with its t interval, and quartiles, which have none.

    n counts people; the others are weighted, the variance of the mean is linearised (Binder 1983), and quartiles are
    definition 2 of Hyndman & Fan (1996): the mean of both values where a quarter of people ends exactly between them.
    """

    segment: str
    n: int
    mean: Figure
    lower_quartile: float
    median: float
    upper_quartile: float


@dataclass(frozen=True)
class NumberProfile:
    """A covariate of numbers, over all segments. n: people with a value; missing: those without.

    epsilon_squared: strength of the relation, from 0 to 1 (Kruskal–Wallis); it has no interval. p_value, p_holm: as in
    LevelProfile, by the chi-square approximation.
    """

    name: str
    n: int
    missing: int
    epsilon_squared: float
    p_value: float
    p_holm: float
    overall: NumberSummary
    by_segment: tuple[NumberSummary, ...]


@dataclass(frozen=True)
class Profile:
    """Who is in each segment. Everybody counts in the segment that they are likeliest in.

    certainty: mean chance that a person is in it; where it is below 1, true differences are larger than those shown
    (Bolck, Croon & Hagenaars 2004). absent: respondents that the table does not have. others: people of the table who
    are no respondents. level: of the intervals.
    """

    covariates: tuple[LevelProfile | NumberProfile, ...]
    certainty: float
    absent: int
    others: int
    level: float

    def distinctive(self, segment: str) -> tuple[LevelShare, ...]:
        """Levels by which a segment stands out, the largest lift first.

        Their interval of lift excludes 1, and their covariate differs between segments (p_holm below 1 − level).
        """
        shares = [
            share
            for covariate in self.covariates
            if isinstance(covariate, LevelProfile) and covariate.p_holm < 1 - self.level
            for share in covariate.shares
            if share.segment == segment and not share.lift.low <= 1 <= share.lift.high
        ]
        return tuple(sorted(shares, key=lambda share: -share.lift.value))

    def __str__(self) -> str:
        lines = []
        for item in self.covariates:
            if isinstance(item, LevelProfile):
                head, rows = f"Cramér's V {item.cramers_v:.3f}", item.shares
                told = [f"{row.segment}, {row.level}: {row.count} of {row.n}, lift {row.lift}" for row in rows]
            else:
                head = f"ε² {item.epsilon_squared:.3f}"
                told = [f"{row.segment}: mean {row.mean}, median {row.median:g}, n {row.n}" for row in item.by_segment]
            lines.append(f"{item.name}: {head}, p {item.p_value:.4f} (Holm {item.p_holm:.4f}), {item.n} people")
            lines += [f"  {line}" for line in told]
        return "\n".join(lines)


def profile_segments(
    segments: Segments,
    table: object,
    *,
    respondent: str,
    columns: Sequence[str],
    weights: FloatArray | None = None,
    level: float = 0.95,
    rng: Rng = 0,
) -> Profile:
    """Compare the people of each segment with everybody, column by column.

    table: one row per person: a pandas, polars or pyarrow table, or a mapping of column names to sequences.
    respondent: its column of respondents, named as in the choice data. columns: what to compare; numbers by mean and
    quartiles, text and booleans by levels. weights: (respondents,) how many people each stands for, in the order of
    `respondent_labels` (default: all the same).

    Raises DataError with every mistake in the table, or for weights that are not one above 0 for each respondent.
    """
    check_level(level)
    counted = _weights(weights, segments)
    read = read_covariates(table, segments.respondent_labels, respondent=respondent, columns=columns)
    generator = np.random.default_rng(rng)
    profiles: list[LevelProfile | NumberProfile] = []
    for column in read.columns:
        if isinstance(column, LevelCovariate):
            profiles.append(_levels(column, segments, counted, level, generator))
        else:
            profiles.append(_numbers(column, segments, counted, level))
    corrected = holm(np.array([item.p_value for item in profiles])).tolist()
    return Profile(
        covariates=tuple(replace(item, p_holm=p) for item, p in zip(profiles, corrected, strict=True)),
        certainty=segments.certainty,
        absent=read.absent,
        others=read.others,
        level=level,
    )


def _weights(weights: FloatArray | None, segments: Segments) -> FloatArray:
    people = len(segments.respondent_labels)
    if weights is None:
        return np.ones(people)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (people,) or not (np.isfinite(given) & (given > 0)).all():
        found, allowed = f"of shape {given.shape}, or not all above 0", f"({people},) finite numbers above 0"
        raise DataError([Problem("weights", found, allowed, "give one weight for each respondent")])
    return given


def _levels(
    column: LevelCovariate, segments: Segments, weights: FloatArray, level: float, rng: np.random.Generator
) -> LevelProfile:
    known = column.codes >= 0
    groups, codes, counted = segments.assigned[known], column.codes[known], weights[known]
    shape = (len(segments.names), len(column.levels))
    # Levels that only strangers have are none here.
    kept = np.flatnonzero(np.bincount(codes, minlength=shape[1]))
    cells = groups * shape[1] + codes

    def crossed(of: FloatArray) -> FloatArray:
        sums = np.bincount(cells, of, minlength=shape[0] * shape[1]).astype(np.float64)
        return sums.reshape(shape)[:, kept]

    count, weighed, squared = crossed(np.ones(counted.size)), crossed(counted), crossed(counted**2)
    inside = _worth(weighed, squared.sum(axis=1))
    outside = _worth(weighed.sum(axis=0) - weighed, squared.sum() - squared.sum(axis=1))
    part = weighed.sum(axis=1) / max(float(weighed.sum()), 1e-300)
    overall = weighed.sum(axis=0) / max(float(weighed.sum()), 1e-300)
    n = inside.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = weighed / weighed.sum(axis=1, keepdims=True)
        lift = share / overall
    share_ends = rate_interval(inside, n, level)
    low, high = lift_ends(inside, outside, part, level, rng)
    ends = (np.minimum(low, lift), np.maximum(high, lift))
    shares = tuple(
        LevelShare(
            segment=segment,
            level=column.levels[name],
            count=int(count[row, code]),
            n=int(count[row].sum()),
            share=Figure(float(share[row, code]), *(float(end[row, code]) for end in share_ends)),
            overall=float(overall[code]),
            lift=Figure(float(lift[row, code]), *(float(end[row, code]) for end in ends)),
        )
        for row, segment in enumerate(segments.names)
        if count[row].sum()
        for code, name in enumerate(kept.tolist())
    )
    p = independence_p(np.rint(inside), rng)
    return LevelProfile(column.name, int(known.sum()), int((~known).sum()), cramers_v(weighed), p, p, shares)


def _worth(weighed: FloatArray, squares: FloatArray) -> FloatArray:
    """(segments, levels) as counts of so many people of equal weight as know as much (Kish 1965).

    weighed: sums of weights. squares: (segments,) sums of squared weights.
    """
    total = weighed.sum(axis=1)
    factor = np.divide(total, squares, out=np.zeros_like(total), where=total > 0)
    worth: FloatArray = np.maximum(weighed, 0.0) * factor[:, None]
    return worth


def _numbers(column: NumberCovariate, segments: Segments, weights: FloatArray, level: float) -> NumberProfile:
    known = ~np.isnan(column.values)
    values, groups, counted = column.values[known], segments.assigned[known], weights[known]
    effect, p = kruskal_wallis(values, groups, counted)
    rows = tuple(
        _summary(name, values[groups == index], counted[groups == index], level)
        for index, name in enumerate(segments.names)
        if (groups == index).any()
    )
    everybody = _summary("everybody", values, counted, level)
    return NumberProfile(column.name, values.size, int((~known).sum()), effect, p, p, everybody, rows)


def _summary(segment: str, values: FloatArray, weights: FloatArray, level: float) -> NumberSummary:
    n = values.size
    if not n:
        nothing = float("nan")
        return NumberSummary(segment, 0, Figure(nothing, nothing, nothing), nothing, nothing, nothing)
    total = float(weights.sum())
    mean, half = float(weights @ values) / total, float("nan")
    if n > 1:
        error = np.sqrt(n / (n - 1) * float((weights * (values - mean)) @ (weights * (values - mean)))) / total
        half = float(special.stdtrit(n - 1, (1 + level) / 2) * error)
    quartiles = [_quantile(values, weights, at) for at in (0.25, 0.5, 0.75)]
    return NumberSummary(segment, n, Figure(mean, mean - half, mean + half), *quartiles)


def _quantile(values: FloatArray, weights: FloatArray, at: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    # Sums of weights are rounded: what is within a hair of the quantile has reached it.
    first, after = (int(np.searchsorted(reached, at + slack)) for slack in (-1e-12, 1e-12))
    last = values.size - 1
    return float((values[order[min(first, last)]] + values[order[min(after, last)]]) / 2)
