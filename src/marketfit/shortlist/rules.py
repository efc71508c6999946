"""Which backbones are worth training, in which order, and why: in sentences with numbers.

A backbone is dropped only where even an optimistic outlook does not help: half its int8 size still breaks the size
limit, half its latency (at int8, or in float32 where that is faster) the latency limit, or its probe, given a third of
its errors, stays below the floor.
The rest is ranked by the chance that all three kinds of requirement will be met; among equal chances by probe
accuracy, one point of it being worth a doubling of latency; then by LogME.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scipy.special import ndtr

from marketfit.contract import Requirement
from marketfit.measure.compare import mcnemar
from marketfit.measure.process_metrics import LATENCIES
from marketfit.records.models import Backbone, Candidate
from marketfit.shortlist.options import (
    ACCURACY_SPREAD,
    FURTHER_GAIN,
    POINTS_PER_DOUBLING,
    SMALLEST_SHRINK,
    TUNING_GAIN,
)
from marketfit.shortlist.scoring import Score

_SIGNIFICANT = 0.05
_MEDIAN, _TAIL = "latency_p50_ms", "latency_p95_ms"


Times: TypeAlias = Mapping[str, float]
"""Latency metric → milliseconds."""


@dataclass(frozen=True)
class Evidence:
    """What was measured of one backbone. `size_mb`: int8 prior; `floats` and `int8`: times of its headless export."""

    backbone: Backbone
    score: Score
    transfer: float
    size_mb: float
    floats: Times
    int8: Times | None = None

    @property
    def fastest(self) -> Times:
        """The times of the form that answers sooner: int8 is slower on some processors."""
        forms = [self.floats, *([self.int8] if self.int8 is not None else [])]
        return min(forms, key=lambda times: times[_MEDIAN])

    @property
    def median_ms(self) -> float:
        """The median latency of that form."""
        return self.fastest[_MEDIAN]


def judge_all(evidence: Sequence[Evidence], floor: Score, require: Sequence[Requirement]) -> tuple[Candidate, ...]:
    """All candidates, kept ones first, best first. At least one is kept."""
    ranked = sorted(evidence, key=lambda one: _rank(one, require))
    against = {one.backbone.name: objections(one, floor, require) for one in ranked}
    spared = ranked[0].backbone.name if all(against.values()) else ""
    candidates = [_candidate(one, floor, require, against[one.backbone.name], spared) for one in ranked]
    return tuple(sorted(candidates, key=lambda candidate: not candidate.kept))


def objections(one: Evidence, floor: Score, require: Sequence[Requirement]) -> list[str]:
    """Why a backbone can't serve, even if all goes well; empty if it may."""
    found: list[str] = []
    for need in require:
        if need.metric == "size_mb" and one.size_mb * SMALLEST_SHRINK > need.limit:
            found.append(f"half its int8 size is {one.size_mb * SMALLEST_SHRINK:.1f} MB, over {need.limit:g}")
        if need.metric in LATENCIES and one.median_ms * FURTHER_GAIN > need.limit:
            half = one.median_ms * FURTHER_GAIN
            found.append(f"half its median latency is {half:.2f} ms, over {need.limit:g} ({need.metric})")
    high = outlook(one, one.score.accuracy.high)
    if high < floor.accuracy.low and mcnemar(one.score.right, floor.right).p < _SIGNIFICANT:
        allowed = f", with a third of its errors removed {high:.3f}," if high > one.score.accuracy.high else ""
        found.append(
            f"the upper bound of its probe ({one.score.accuracy.high:.3f}){allowed} is below the lower bound of "
            f"character TF-IDF ({floor.accuracy.low:.3f})"
        )
    return found


def outlook(one: Evidence, accuracy: float) -> float:
    """What tuning may make of a probe's accuracy; nothing more where a backbone takes the probe only."""
    tunable = set(one.backbone.methods) != {"probe"}
    return accuracy + TUNING_GAIN * (1 - accuracy) if tunable else accuracy


def chance(one: Evidence, require: Sequence[Requirement]) -> float:
    """A rough probability that the requirements on size, latency and accuracy will be met, taken as independent."""
    total = 1.0
    for need in require:
        if need.metric == "size_mb":
            total *= _fits(one.size_mb, need.limit, best=SMALLEST_SHRINK)
        elif need.metric in LATENCIES:
            total *= _fits(one.fastest[need.metric], need.limit, best=FURTHER_GAIN)
        elif need.metric == "accuracy":
            bounds = one.score.accuracy
            error = math.hypot(ACCURACY_SPREAD, (bounds.high - bounds.low) / 3.29)  # a 90 % interval has ±1.645 σ
            total *= float(ndtr((outlook(one, bounds.value) - need.limit) / error))
    return total


def _fits(value: float, limit: float, *, best: float) -> float:
    """1 where a value keeps a limit as expected, falling to 0 where its best case just does."""
    if value <= limit:
        return 1.0
    return max(0.0, (limit - best * value) / (value - best * value))


def _rank(one: Evidence, require: Sequence[Requirement]) -> tuple[float, float, float, str]:
    worth = one.score.accuracy.value - POINTS_PER_DOUBLING * math.log2(max(one.median_ms, 1e-3))
    # Chances are rough: a difference of less than five points is none.
    return (-round(20 * chance(one, require)), -round(worth, 4), -one.transfer, one.backbone.name)


def _candidate(
    one: Evidence, floor: Score, require: Sequence[Requirement], against: Sequence[str], spared: str
) -> Candidate:
    bounds = one.score.accuracy
    disagree = mcnemar(one.score.right, floor.right)
    facts = (
        f"probe {bounds.value:.3f} ({bounds.low:.3f} to {bounds.high:.3f}) against {floor.accuracy.value:.3f} of "
        f"character TF-IDF (paired p = {disagree.p:.2g}); int8 size about {one.size_mb:.1f} MB; {_told(one)}; "
        f"LogME {one.transfer:.3f}; chance of the requirements "
        f"{chance(one, require):.0%}"
    )
    if not against:
        reason = f"kept: {facts}"
    elif one.backbone.name == spared:
        reason = f"kept although {'; '.join(against)}: nothing else is better; {facts}"
    else:
        reason = f"dropped: {'; '.join(against)}; {facts}"
    return Candidate(
        backbone=one.backbone,
        kept=not against or one.backbone.name == spared,
        reason=reason,
        size_mb=one.size_mb,
        probe_accuracy=bounds.value,
        probe_low=bounds.low,
        probe_high=bounds.high,
        probe_rows=len(one.score.right),
        latency_ms=one.median_ms,
    )


def _told(one: Evidence) -> str:
    floats = (
        f"latency in float32 {one.floats[_MEDIAN]:.2f} ms at the median, {one.floats[_TAIL]:.2f} at the 95th percentile"
    )
    return floats if one.int8 is None else f"{floats}; at int8 {one.int8[_MEDIAN]:.2f} and {one.int8[_TAIL]:.2f}"
