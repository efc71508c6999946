"""Verdicts: unknown is never a pass."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.contract import METRICS, Contract, Measurement, Requirement, Verdict, judge
from marketfit.errors import BriefError

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def measured(
    metric: str, low: float, value: float, high: float, *, n: int = 100, confidence: float = 0.95
) -> Measurement:
    return Measurement(metric=metric, value=value, low=low, high=high, n=n, confidence=confidence)


@given(limit=numbers, ends=st.lists(numbers, min_size=3, max_size=3).map(sorted), higher=st.booleans())
def test_met_means_that_the_whole_interval_is_on_the_right_side(limit: float, ends: list[float], higher: bool) -> None:
    need = Requirement(metric="accuracy" if higher else "latency_p95_ms", op=">=" if higher else "<=", limit=limit)
    low, value, high = ends
    verdict = judge(need, measured(need.metric, low, value, high))
    inside = [x >= limit if higher else x <= limit for x in ends]
    assert (verdict is Verdict.MET) == all(inside)
    assert (verdict is Verdict.BROKEN) == (not inside[1])


@pytest.mark.parametrize(
    "measurement",
    [
        None,
        measured("macro_f1", 0.95, 0.96, 0.97),
        measured("accuracy", math.nan, 0.96, 0.97),
        measured("accuracy", 0.95, math.inf, math.inf),
        measured("accuracy", 0.95, 0.96, 0.97, n=0),
        measured("accuracy", 0.95, 0.96, 0.97, confidence=0.9),
        measured("accuracy", 0.95, 0.5, 0.97),
    ],
    ids=["missing", "other metric", "nan", "infinite", "no rows", "low confidence", "point outside its interval"],
)
def test_unknown_is_unmeasured(measurement: Measurement | None) -> None:
    assert judge(Requirement.parse("accuracy", ">= 0.9"), measurement) is Verdict.UNMEASURED


def test_a_contract_is_kept_only_when_every_clause_is_met() -> None:
    needs = [Requirement.parse("accuracy", ">= 0.9"), Requirement.parse("size_mb", "<= 30")]
    good = [measured("accuracy", 0.92, 0.95, 0.97), measured("size_mb", 20, 20, 20)]
    assert Contract.of(needs, good).kept
    assert not Contract.of(needs, good[:1]).kept
    assert not Contract.of([], good).kept
    assert [clause.requirement.metric for clause in Contract.of(needs, good[:1]).broken] == ["size_mb"]


def test_every_mistake_of_a_bound_is_named() -> None:
    with pytest.raises(BriefError) as caught:
        Requirement.parse("acuracy", "about 0.9")
    assert len(caught.value.problems) == 2
    assert "did you mean 'accuracy'?" in str(caught.value)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_bounds_on_the_wrong_side_are_refused(metric: str) -> None:
    right, wrong = (">=", "<=") if METRICS[metric].better == "higher" else ("<=", ">=")
    assert Requirement.parse(metric, f"{right} 1").op == right
    with pytest.raises(BriefError, match="wrong side"):
        Requirement.parse(metric, f"{wrong} 1")


@pytest.mark.parametrize(
    ("metric", "bound", "told"),
    [
        ("accuracy", ">= 90", "the bound 90 is beyond what accuracy can be; a fraction, 0 to 1 → for 90 % write 0.9"),
        ("macro_f1", ">= 1.9", "a fraction, 0 to 1 → for 1.9 % write 0.019"),
        ("accuracy_gap", "<= -0.1", "a fraction, 0 to 1 → correct the bound"),
        ("latency_p95_ms", "<= -5", "the bound -5 is beyond what latency_p95_ms can be; 0 or more → correct the bound"),
    ],
)
def test_a_bound_that_no_value_can_have(metric: str, bound: str, told: str) -> None:
    with pytest.raises(BriefError) as caught:
        Requirement.parse(metric, bound)
    assert told in str(caught.value)


def test_bounds_at_the_ends_of_the_range() -> None:
    assert Requirement.parse("accuracy", ">= 1").limit == 1
    assert Requirement.parse("log_loss", "<= 2.5").limit == 2.5
    assert Requirement.parse("accuracy_gap", "<= 0").limit == 0
