"""Which variants are timed for good: those on the front, as far as a short look can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.compress.plan.bench import Tried
from marketfit.compress.plan.front import FloatArray, upward
from marketfit.contract import METRICS
from marketfit.records.variants import Variant

_TIMES = float(np.log(1.15))  # by so much a short look may be wrong about a time, a rate or memory
_QUALITY = 0.25  # part of the interval: answers to the same rows rise and fall together


def beaten(tried: Sequence[Tried], axes: Sequence[str]) -> dict[str, str]:
    """Variant → why it is not timed: another one is better in everything, by more than a look can be wrong."""
    seen = [row for row in tried if all(axis in row.figures for axis in axes)]
    values = upward([row.figures for row in seen], axes)
    found = {}
    for row, own in zip(seen, values, strict=True):
        better = np.flatnonzero((values >= own + _slack(row.variant, axes)).all(axis=1))
        rivals = [seen[place] for place in better.tolist() if seen[place] is not row]
        if rivals:
            found[row.variant.name] = _reason(row, _nearest(row, rivals), axes)
    return found


def _slack(variant: Variant, axes: Sequence[str]) -> FloatArray:
    """How much better a variant may be than it looked, on each axis."""
    return np.array([_slack_of(variant, axis) for axis in axes])


def _slack_of(variant: Variant, axis: str) -> float:
    if METRICS[axis].evidence == "process":
        return _TIMES
    measured = variant.measured(axis)
    if METRICS[axis].evidence == "exact" or measured is None:
        return 0.0
    reach = measured.high - measured.value if METRICS[axis].better == "higher" else measured.value - measured.low
    return _QUALITY * max(0.0, reach)


def _nearest(row: Tried, rivals: Sequence[Tried]) -> Tried:
    """The rival that it was made from, if that is one; else the first."""
    same = [rival for rival in rivals if rival.trial == row.trial and rival.steps == row.steps[: len(rival.steps)]]
    return max(same, key=lambda rival: len(rival.steps)) if same else rivals[0]


def _reason(row: Tried, rival: Tried, axes: Sequence[str]) -> str:
    own, other = row.figures, rival.figures
    told = f"{rival.variant.name} is better in everything: {_compared(own, other, axes)}"
    if rival.trial == row.trial and rival.steps == row.steps[:-1] and row.steps:
        name, one, two = row.steps[-1].name, own["latency_p50_ms"], other["latency_p50_ms"]
        if one > two:
            told = f"{name} is slower here: {one:.3g} against {two:.3g} ms; {told}"
    return f"{told} (in a short look; it was not timed for good)"


def _compared(own: Mapping[str, float], other: Mapping[str, float], axes: Sequence[str]) -> str:
    return ", ".join(
        f"{METRICS[axis].title.lower()} {own[axis]:.3g} against {other[axis]:.3g}"
        + (f" {METRICS[axis].unit}" if METRICS[axis].unit else "")
        for axis in axes
    )
