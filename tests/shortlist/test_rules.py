"""Which backbones are dropped, which are kept, and that the sentences hold the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketfit.contract import Requirement
from marketfit.measure.process_metrics import LATENCIES
from marketfit.records.models import Backbone
from marketfit.shortlist.rules import Evidence, chance, judge_all
from marketfit.shortlist.scoring import Score

ROWS = 1000


def score(right: int) -> Score:
    truth = np.zeros(ROWS, dtype=np.int64)
    return Score.of(np.where(np.arange(ROWS) < right, 0, 1), truth)


def evidence(
    name: str,
    *,
    right: int = 900,
    size_mb: float = 20.0,
    latency_ms: float = 4.0,
    tail_ms: float = 0.0,
    transfer: float = 1.0,
    methods: tuple[str, ...] = ("probe", "full"),
) -> Evidence:
    backbone = Backbone(
        name=name, source=name, cut=None, static=False, parameters=1, weights_sha256="0", methods=methods
    )
    times = dict.fromkeys(LATENCIES, latency_ms) | ({"latency_p95_ms": tail_ms} if tail_ms else {})
    return Evidence(backbone, score(right), transfer, size_mb, {name: 2 * time for name, time in times.items()}, times)


FLOOR = score(850)
NEEDS = [Requirement.parse("size_mb", "<= 30"), Requirement.parse("latency_p95_ms", "<= 5")]


def test_a_backbone_that_beats_the_floor_is_kept() -> None:
    (candidate,) = judge_all([evidence("a")], FLOOR, NEEDS)
    assert candidate.kept
    assert "probe 0.900" in candidate.reason
    assert "0.850 of character TF-IDF" in candidate.reason
    assert candidate.probe_rows == ROWS


def test_slightly_below_the_floor_is_kept_since_tuning_may_help() -> None:
    assert all(one.kept for one in judge_all([evidence("a", right=840), evidence("b")], FLOOR, NEEDS))


def test_a_probe_only_backbone_has_no_such_hope() -> None:
    below = evidence("a", right=800, methods=("probe",))
    tunable = evidence("b", right=800)
    kept = {one.backbone.name: one for one in judge_all([below, tunable, evidence("c")], FLOOR, NEEDS)}
    assert not kept["a"].kept
    assert kept["b"].kept
    assert "is below the lower bound of character TF-IDF" in kept["a"].reason


@pytest.mark.parametrize(
    ("hopeless", "says"),
    [
        (evidence("x", size_mb=61.0), "half its int8 size is 30.5 MB, over 30"),
        (evidence("x", latency_ms=10.5), "half its median latency is 5.25 ms, over 5"),
        (evidence("x", right=300), "with a third of its errors removed"),
    ],
)
def test_hopeless_backbones_are_dropped_with_the_number(hopeless: Evidence, says: str) -> None:
    found = {one.backbone.name: one for one in judge_all([hopeless, evidence("a")], FLOOR, NEEDS)}
    assert not found["x"].kept
    assert says in found["x"].reason


@pytest.mark.parametrize("near", [evidence("x", size_mb=59.0), evidence("x", latency_ms=9.5)])
def test_within_the_margin_is_kept(near: Evidence) -> None:
    assert all(one.kept for one in judge_all([near, evidence("a")], FLOOR, NEEDS))


def test_something_is_always_kept() -> None:
    worse, better = evidence("a", size_mb=500.0, right=860), evidence("b", size_mb=500.0, right=900)
    found = judge_all([worse, better], FLOOR, NEEDS)
    assert [(one.backbone.name, one.kept) for one in found] == [("b", True), ("a", False)]
    assert found[0].reason.startswith("kept although half its int8 size is 250.0 MB")


def test_the_order() -> None:
    need = [*NEEDS, Requirement.parse("accuracy", ">= 0.95")]
    slow = evidence("slow", right=940, latency_ms=7.5)
    good = evidence("good", right=940)
    poor = evidence("poor", right=700, latency_ms=0.1)
    assert [one.backbone.name for one in judge_all([poor, slow, good], FLOOR, need)] == ["good", "slow", "poor"]
    assert chance(good, need) > chance(slow, need) > chance(poor, need)


def test_a_limit_on_the_tail_is_held_against_the_tail() -> None:
    """A median that fits and a tail that does not: what fits comes first, although it is less accurate."""
    exact = evidence("exact", right=960, latency_ms=4.6, tail_ms=6.6)
    fast = evidence("fast", right=950, latency_ms=2.3, tail_ms=3.8)
    need = [*NEEDS, Requirement.parse("accuracy", ">= 0.95")]
    assert [one.backbone.name for one in judge_all([exact, fast], FLOOR, need)] == ["fast", "exact"]
    median = [Requirement.parse("latency_p50_ms", "<= 5"), *need[2:]]
    assert [one.backbone.name for one in judge_all([exact, fast], FLOOR, median)] == ["exact", "fast"]
    assert (
        "float32 9.20 ms at the median, 13.20 at the 95th percentile; at int8 4.60 and 6.60"
        in judge_all([exact], FLOOR, need)[0].reason
    )


def test_int8_counts_where_it_is_faster() -> None:
    slower = Evidence(
        evidence("a").backbone, score(900), 1.0, 20.0, dict.fromkeys(LATENCIES, 3.0), dict.fromkeys(LATENCIES, 9.0)
    )
    assert slower.median_ms == 3.0
    assert chance(slower, NEEDS) == chance(replace(slower, int8=None), NEEDS) == 1.0
    assert chance(replace(slower, floats=slower.int8 or {}), NEEDS) < 1.0


def test_equal_chances_are_settled_by_accuracy_per_latency_then_by_transfer() -> None:
    fast = evidence("fast", right=895, latency_ms=1.0)  # two doublings faster, half a point worse
    exact = evidence("exact", right=900, latency_ms=4.0)
    twin = evidence("twin", right=900, latency_ms=4.0, transfer=1.5)
    assert [one.backbone.name for one in judge_all([exact, twin, fast], FLOOR, NEEDS)] == ["fast", "twin", "exact"]


def test_without_requirements_on_it_nothing_else_counts() -> None:
    assert chance(evidence("a", size_mb=1e4, latency_ms=1e4), [Requirement.parse("macro_f1", ">= 0.9")]) == 1.0
