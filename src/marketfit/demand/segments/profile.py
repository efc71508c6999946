"""Who is in each segment: what is known of people besides their choices, segment against everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.intervals import check_level, rate_interval
from marketfit.demand.segments.association import cramers_v, holm, independence_p, kruskal_wallis, lifts
from marketfit.demand.segments.covariates import LevelCovariate, NumberCovariate, read_covariates
from marketfit.demand.segments.segment import Figure, Segments


@dataclass(frozen=True)
class LevelShare:
    """How common a level is in a segment.

    count of n people in the segment with a known value have the level; share: count / n, with its exact interval
    (Clopper & Pearson 1934). overall: the share among all people. lift: share / overall; its interval, percentiles of
    draws of the rates inside and outside with Jeffreys' prior (Brown, Cai & DasGupta 2001), takes the sizes of the
    segments as given and has no zero width where nobody has the level.
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
    simulation. p_holm: the same, corrected for the number of covariates. NaN where all are alike.
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
    """A number within a segment, or of everybody: mean with its t interval, and quartiles, which have none."""

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
    segments: Segments, table: object, *, respondent: str, columns: Sequence[str], level: float = 0.95, rng: Rng = 0
) -> Profile:
    """Compare the people of each segment with everybody, column by column.

    table: one row per person: a pandas, polars or pyarrow table, or a mapping of column names to sequences.
    respondent: its column of respondents, named as in the choice data. columns: what to compare; numbers by mean and
    quartiles, text and booleans by levels.

    Raises DataError with every mistake in the table.
    """
    check_level(level)
    read = read_covariates(table, segments.respondent_labels, respondent=respondent, columns=columns)
    generator = np.random.default_rng(rng)
    profiles: list[LevelProfile | NumberProfile] = []
    for column in read.columns:
        if isinstance(column, LevelCovariate):
            profiles.append(_levels(column, segments, level, generator))
        else:
            profiles.append(_numbers(column, segments, level))
    corrected = holm(np.array([item.p_value for item in profiles])).tolist()
    return Profile(
        covariates=tuple(replace(item, p_holm=p) for item, p in zip(profiles, corrected, strict=True)),
        certainty=segments.certainty,
        absent=read.absent,
        others=read.others,
        level=level,
    )


def _levels(column: LevelCovariate, segments: Segments, level: float, rng: np.random.Generator) -> LevelProfile:
    known = column.codes >= 0
    shape = (len(segments.names), len(column.levels))
    cells = segments.assigned[known] * shape[1] + column.codes[known]
    table = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    kept = np.flatnonzero(table.sum(axis=0))  # levels that only strangers have are none here
    table, names = table[:, kept], [column.levels[code] for code in kept.tolist()]
    n = table.sum(axis=1, keepdims=True)
    share_ends = rate_interval(table, n, level)
    lift, lift_ends = lifts(table, level, rng)
    overall = table.sum(axis=0) / max(table.sum(), 1.0)
    shares = tuple(
        LevelShare(
            segment=segment,
            level=name,
            count=int(table[row, code]),
            n=int(n[row, 0]),
            share=Figure(float(table[row, code] / n[row, 0]), *(float(end[row, code]) for end in share_ends)),
            overall=float(overall[code]),
            lift=Figure(float(lift[row, code]), *(float(end[row, code]) for end in lift_ends)),
        )
        for row, segment in enumerate(segments.names)
        if n[row, 0]
        for code, name in enumerate(names)
    )
    p = independence_p(table, rng)
    missing = int((~known).sum())
    return LevelProfile(column.name, int(known.sum()), missing, cramers_v(table), p, p, shares)


def _numbers(column: NumberCovariate, segments: Segments, level: float) -> NumberProfile:
    known = ~np.isnan(column.values)
    values, groups = column.values[known], segments.assigned[known]
    effect, p = kruskal_wallis(values, groups)
    rows = tuple(
        _summary(name, values[groups == index], level)
        for index, name in enumerate(segments.names)
        if (groups == index).any()
    )
    everybody = _summary("everybody", values, level)
    return NumberProfile(column.name, values.size, int((~known).sum()), effect, p, p, everybody, rows)


def _summary(segment: str, values: FloatArray, level: float) -> NumberSummary:
    mean, n = float(values.mean()) if values.size else float("nan"), values.size
    half = float("nan")
    if n > 1:
        half = float(special.stdtrit(n - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(n))
    quartiles = np.quantile(values, [0.25, 0.5, 0.75]).tolist() if n else [float("nan")] * 3
    return NumberSummary(segment, n, Figure(mean, mean - half, mean + half), *quartiles)
