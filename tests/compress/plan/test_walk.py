"""The plan: standard variants first, then what is worth its seconds; nothing is made twice; the budget holds."""

from __future__ import annotations

from collections.abc import Callable

from marketfit.compress.plan import Planned
from marketfit.compress.plan.survivors import beaten
from marketfit.testing.plans import FakePass, Lab, usual_passes

STANDARD = ["b0.t0.fp32", "b0.t0.whole", "b0.t0.whole.table"]
MakeLab = Callable[..., Lab]


def names(planned: Planned) -> list[str]:
    return [row.variant.name for row in planned.tried]


def test_the_standard_variants_come_first_and_need_no_budget(lab: MakeLab) -> None:
    planned = lab().plan(finalists=2, trials=0, minutes=0)
    assert names(planned) == [*STANDARD, *(name.replace("b0.t0", "b1.t1") for name in STANDARD)]
    assert planned.untried == ()
    planned = lab().plan(finalists=2, trials=3, minutes=10)
    assert names(planned)[:6] == [*STANDARD, *(name.replace("b0.t0", "b1.t1") for name in STANDARD)]
    assert len(planned.tried) == 9


def test_a_standard_pass_that_does_not_apply_is_left_out(lab: MakeLab) -> None:
    passes = usual_passes()
    passes["whole"].refuses = "no products"
    planned = lab(passes=passes).plan(trials=0)
    assert names(planned) == ["b0.t0.fp32", "b0.t0.table"]
    again = lab(passes=passes).plan(trials=20, minutes=20)
    statuses = {row.status for row in lab().run.ledger.trials("study")}
    assert statuses == {"complete", "failed"}


def test_a_plan_without_a_measured_variant_says_so(lab: MakeLab) -> None:
    here = lab()
    here.look = lambda _variant: "the process ended"  # type: ignore[method-assign]
    planned = here.plan(trials=3, minutes=10)
    assert len(planned.tried) == len(STANDARD)
    assert {row.variant.rejected for row in planned.tried} == {"the process ended"}
    assert {line.reason for line in planned.untried} == {"no variant was measured that it could be judged by"}
    assert len(planned.untried) == 32 - len(STANDARD)


def test_a_beaten_variant_is_rejected_with_its_figures(lab: MakeLab) -> None:
    slow = FakePass({"latency_p50_ms": 1.5, "accuracy": -0.01}, role="standard")
    quick = FakePass({"latency_p50_ms": 0.5, "size_mb": 0.5}, role="standard")
    here = lab(passes={"slow": slow, "quick": quick})
    planned = here.plan(trials=0)
    told = beaten(planned.tried, ("accuracy", "latency_p50_ms", "throughput_per_s", "size_mb"))
    assert set(told) == {"b0.t0.slow"}
    assert told["b0.t0.slow"].startswith("slow is slower here: 6 against 4 ms; b0.t0.fp32 is better in everything")
