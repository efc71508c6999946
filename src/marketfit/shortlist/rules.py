"""Which backbones are worth training, in which order, and why: in sentences with numbers.

A backbone is dropped only where even an optimistic outlook does not help: half its int8 size still breaks the size
limit, a quarter of its latency the latency limit, or its probe, given a third of its errors, stays below the floor.
The rest is ranked by the chance that all three kinds of requirement will be met; among equal chances by probe
accuracy, one point of it being worth a doubling of latency; then by LogME.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import ndtr

from marketfit.contract import Requirement
from marketfit.measure.compare import mcnemar
from marketfit.measure.process_metrics import LATENCIES
from marketfit.records.models import Backbone, Candidate
from marketfit.shortlist.options import (
    ACCURACY_SPREAD,
    FASTEST_GAIN,
    POINTS_PER_DOUBLING,
    SMALLEST_SHRINK,
    TUNING_GAIN,
    USUAL_GAIN,
)
from marketfit.shortlist.scoring import Score

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Evidence:
    """What was measured of one backbone. `size_mb`: int8 prior; `latency_ms`: metric → value of the float export."""

    backbone: Backbone
    score: Score
    transfer: float
    size_mb: float
    latency_ms: Mapping[str, float]

    @property
    def median_ms(self) -> float:
        """The median latency."""
        return self.latency_ms["latency_p50_ms"]


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
        if need.metric in LATENCIES and one.median_ms * FASTEST_GAIN > need.limit:
            quarter = one.median_ms * FASTEST_GAIN
            found.append(f"a quarter of its median latency is {quarter:.2f} ms, over {need.limit:g} ({need.metric})")
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
            total *= _fits(one.latency_ms[need.metric] * USUAL_GAIN, need.limit, best=FASTEST_GAIN / USUAL_GAIN)
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
        f"character TF-IDF (paired p = {disagree.p:.2g}); int8 size about {one.size_mb:.1f} MB; latency "
        f"before int8 {one.median_ms:.2f} ms at the median, {one.latency_ms['latency_p95_ms']:.2f} at the 95th "
        f"percentile; LogME {one.transfer:.3f}; chance of the requirements "
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
