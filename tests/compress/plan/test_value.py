"""What a candidate is worth, and when it is given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import load_brief
from marketfit.compress.order import PassStep
from marketfit.compress.plan.front import upward
from marketfit.compress.plan.predict import Candidate, Known, Prediction, predict
from marketfit.compress.plan.value import FRONT_SHARE, Aim, Judge
from marketfit.contract import Measurement

FIGURES = {
    "accuracy": 0.95, "latency_p50_ms": 4.0, "latency_p95_ms": 6.0, "throughput_per_s": 250.0, "memory_mb": 200.0,
    "size_mb": 80.0,
}  # fmt: skip
MakeJudge = Callable[..., Judge]


def candidate(*names: str) -> Candidate:
    return Candidate(0, tuple(PassStep(name=name) for name in names))


def known(*names: str, **changes: float) -> Known:
    return Known(".".join(names) or "fp32", candidate(*names), FIGURES | changes)


KNOWN = [
    known(),
    known(
        "int8",
        latency_p50_ms=2.0,
        latency_p95_ms=3.0,
        throughput_per_s=500.0,
        size_mb=40.0,
        memory_mb=90.0,
        accuracy=0.93,
    ),
    known("trim", size_mb=60.0, accuracy=0.948),
    known("slow", latency_p50_ms=8.0, latency_p95_ms=12.0, throughput_per_s=125.0, accuracy=0.9),
]
BOTH, WORSE = candidate("trim", "int8"), candidate("trim", "slow")


@pytest.fixture
def judge(write_brief: Callable[..., Path]) -> MakeJudge:
    def make(require: str, extra: str = "", intervals: Mapping[str, float] | None = None) -> Judge:
        text = "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
        brief = load_brief(write_brief(f"{text}require: {require}\n{extra}\n"))
        measured = [
            Measurement(metric=name, value=0.95, low=0.95 - width, high=0.95 + width, n=100)
            for name, width in (intervals or {}).items()
        ]
        return Judge.of(brief, [measured])

    return make


def gains(judge: Judge, *candidates: Candidate) -> list[float]:
    return judge.gains(predict(KNOWN, candidates, judge.metrics), KNOWN, seed=0).tolist()


def hopeless(judge: Judge, *candidates: Candidate) -> list[str]:
    return judge.hopeless(predict(KNOWN, candidates, judge.metrics), KNOWN)


def test_what_breaks_a_requirement_at_its_best_is_given_up(judge: MakeJudge) -> None:
    (told,) = hopeless(judge("{size_mb: '<= 20'}"), BOTH)
    assert told.startswith("size_mb <= 20 would be 2")
    assert hopeless(judge("{size_mb: '<= 35'}"), BOTH, candidate("never measured")) == ["", ""]


def test_what_is_beaten_in_everything_at_its_best_is_given_up(judge: MakeJudge) -> None:
    assert hopeless(judge("{accuracy: '>= 0.5'}"), WORSE) == ["at its best still beaten in everything by int8"]


def test_a_candidate_that_keeps_the_contract_where_nothing_does_is_worth_most(judge: MakeJudge) -> None:
    wanted = judge("{accuracy: '>= 0.9', size_mb: '<= 33'}")
    both, worse, unknown = gains(wanted, BOTH, WORSE, candidate("never measured"))
    assert both > 0.8
    assert worse < FRONT_SHARE
    assert worse < unknown < both


def test_the_interval_counts_not_the_value_alone(judge: MakeJudge) -> None:
    require = "{accuracy: '>= 0.91', size_mb: '<= 35'}"
    near, far = (gains(judge(require, intervals={"accuracy": width}), BOTH)[0] for width in (0.005, 0.025))
    assert near > 0.8 + FRONT_SHARE
    assert far < 0.4


def test_the_front_counts_where_the_goal_can_not_be_improved(judge: MakeJudge) -> None:
    """Accuracy is the goal: what is smaller and less accurate only joins the front."""
    both, worse = gains(judge("{accuracy: '>= 0.9'}"), BOTH, WORSE)
    assert both == pytest.approx(FRONT_SHARE, rel=0.2)
    assert worse == pytest.approx(0.0, abs=0.1 * FRONT_SHARE)


def test_what_is_better_by_less_than_a_step_does_not_win(judge: MakeJudge) -> None:
    """Accuracy is the goal, of a step of 0.002, and all but certain: what is 0.0015 better may as well be luck."""
    wanted = judge("{accuracy: '>= 0.9'}")
    certain = np.full((1, len(wanted.metrics)), 1e-6)
    for ahead, gain in ((0.0015, 0.0), (0.0025, 1.0)):
        mean = upward([FIGURES | {"accuracy": 0.95 + ahead}], wanted.metrics)
        found = wanted.gains(Prediction(wanted.metrics, mean, certain, np.full_like(mean, np.inf)), KNOWN, seed=0)
        assert gain <= found[0] <= gain + FRONT_SHARE


def test_the_aim_is_what_will_be_ranked_by(judge: MakeJudge) -> None:
    assert judge("{size_mb: '<= 99'}").aim == Aim(("size_mb",))
    weighed = judge("{accuracy: '>= 0.5'}", "weights: {accuracy: 100, latency_p50_ms: 1}")
    assert weighed.aim == Aim(("accuracy", "latency_p50_ms"), (100.0, 1.0))
    # 95 - 4 against 93 - 2: what is two points better and takes two milliseconds more is as good.
    places = {metric: place for place, metric in enumerate(weighed.metrics)}
    rows = np.zeros((2, len(places)))
    rows[:, places["accuracy"]] = [0.95, 0.931]
    rows[:, places["latency_p50_ms"]] = -np.log([4.0, 2.0])
    assert weighed.beats(rows[1], rows[:1])
    assert not weighed.beats(rows[0], rows[1:])
