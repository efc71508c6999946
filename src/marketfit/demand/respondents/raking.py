"""Raking: weights that give a sample the known shares of the market (Deming & Stephan 1940; Deville et al. 1993)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, frozen
from marketfit.errors import DataError, Problem, nearest

MOST_ROUNDS = 1000
TOLERANCE = 1e-10  # of the largest change of a weight in a round
LARGEST, SMALLEST = 5.0, 0.2  # weights beyond these times the mean are trimmed


@dataclass(frozen=True, eq=False)
class Raking:
    """Weights with mean 1, in the order of the respondents.

    effective: Kish's effective sample size (Σw)² / Σw² (Kish 1965): the n that an unweighted sample would need for
    the same precision. trimmed: weights that were held at a limit. largest_gap: the largest difference that is left
    between a weighted share and its target; above rounding only where weights were trimmed.
    """

    weights: FloatArray
    effective: float
    trimmed: int
    largest_gap: float
    rounds: int


def rake(
    respondents: Mapping[str, Sequence[str]],
    targets: Mapping[str, Mapping[str, float]],
    *,
    start: FloatArray | None = None,
    limits: tuple[float, float] = (SMALLEST, LARGEST),
) -> Raking:
    """Iterative proportional fitting of the weights to the target shares of every variable in turn.

    respondents: variable → the level of each respondent. targets: variable → level → share of the market; the shares
    of a variable sum to 1. start: (respondents,) weights above 0 to begin with, such as those of a sampling plan; all 1
    unless given. limits: smallest and largest weight, the mean being 1.

    Raises DataError with every variable or level that does not fit, and when the targets contradict each other.

    >>> made = rake({"age": ["young", "young", "young", "old"]}, {"age": {"young": 0.5, "old": 0.5}})
    >>> made.weights.round(3).tolist(), round(made.effective, 2)
    ([0.667, 0.667, 0.667, 2.0], 3.0)
    """
    codes, shares = _coded(respondents, targets)
    weights = _started(start, codes[0].size)
    rounds, moved = 0, np.inf
    while moved > TOLERANCE and rounds < MOST_ROUNDS:
        rounds += 1
        raked = _one_round(weights, codes, shares)
        after = np.clip(raked, *limits)
        moved, weights = float(np.abs(after - weights).max()), after
    weights = _with_mean_one(weights, limits)
    trimmed = int(((raked < limits[0]) | (raked > limits[1])).sum())
    gap = _gap(weights, codes, shares)
    if gap > 1e-6 and not trimmed:
        found = f"no weights reach them in {rounds} rounds: a share is still {gap:.2%} off"
        raise DataError([Problem("raking targets", found, "targets that hold together", "drop a variable")])
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return Raking(frozen(weights), effective, trimmed, gap, rounds)


def _started(start: FloatArray | None, people: int) -> FloatArray:
    if start is None:
        return np.ones(people)
    if start.shape != (people,) or not (np.isfinite(start) & (start > 0)).all():
        found = f"has shape {start.shape}" if start.shape != (people,) else "holds weights that are not above 0"
        raise DataError([Problem("start", found, f"({people},) numbers above 0", "give one weight a respondent")])
    return np.asarray(start / start.mean())


def _one_round(weights: FloatArray, codes: list[IntArray], shares: list[FloatArray]) -> FloatArray:
    """Match every variable once, one after the other."""
    for code, share in zip(codes, shares, strict=True):
        have = np.bincount(code, weights=weights, minlength=share.size) / weights.sum()
        # A level of share 0 that nobody has needs no factor.
        weights = weights * np.divide(share, have, out=np.zeros_like(share), where=have > 0)[code]
    return np.asarray(weights / weights.mean())


def _with_mean_one(weights: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """Scale to mean 1 and stay within the limits."""
    for _ in range(MOST_ROUNDS):
        scaled = np.clip(weights / weights.mean(), *limits)
        if np.abs(scaled - weights).max() < TOLERANCE:
            break
        weights = scaled
    return weights


def _gap(weights: FloatArray, codes: list[IntArray], shares: list[FloatArray]) -> float:
    """The largest difference between a weighted share and its target."""
    total = weights.sum()
    gaps = [
        np.abs(np.bincount(code, weights=weights, minlength=share.size) / total - share).max()
        for code, share in zip(codes, shares, strict=True)
    ]
    return float(max(gaps))


def _coded(
    respondents: Mapping[str, Sequence[str]], targets: Mapping[str, Mapping[str, float]]
) -> tuple[list[IntArray], list[FloatArray]]:
    """Codes (respondents,) and target shares (levels,) of each variable."""
    problems: list[Problem] = []
    codes: list[IntArray] = []
    shares: list[FloatArray] = []
    if not targets:
        problems.append(Problem("raking targets", "there are none", "variable: {level: share}", "name the shares"))
    for name, wanted in targets.items():
        where = f"raking target '{name}'"
        if name not in respondents:
            do = "name a column of the respondents"
            problems.append(Problem(where, "no such variable", nearest(name, respondents), do))
            continue
        levels = list(wanted)
        given = np.asarray(respondents[name], dtype=object)
        problems += _share_problems(where, wanted)
        seen = set(given.tolist())
        for level in sorted(seen - set(levels), key=str):
            rows = int((given == level).sum())
            found = f"{rows} respondents are '{level}', which has no share"
            problems.append(Problem(where, found, nearest(str(level), levels), "give its share, or correct the level"))
        for level in levels:
            if level not in seen and wanted[level] > 0:
                found = f"nobody is '{level}', so no weight can make up its share of {wanted[level]:g}"
                problems.append(Problem(where, found, "levels that were asked", "merge it with another, or ask more"))
        if not problems:
            place = {level: code for code, level in enumerate(levels)}
            codes.append(np.array([place[level] for level in given.tolist()], dtype=np.int64))
            shares.append(np.array([wanted[level] for level in levels]))
    if problems:
        raise DataError(problems)
    return codes, shares


def _share_problems(where: str, wanted: Mapping[str, float]) -> list[Problem]:
    total = sum(wanted.values())
    if any(not 0 <= share <= 1 for share in wanted.values()):
        return [Problem(where, "a share is below 0 or above 1", "shares from 0 to 1", "correct it")]
    if abs(total - 1) > 1e-6:
        return [Problem(where, f"the shares sum to {total:g}", "1", "correct them")]
    return []
