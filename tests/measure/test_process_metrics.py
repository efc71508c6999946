"""What is concluded from what processes saw: bounds, batch sizes, and what stays unmeasured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.contract import METRICS, Measurement, Requirement, Verdict, judge
from marketfit.measure.machine import fingerprint
from marketfit.measure.probe_process import BatchSeen, Observed
from marketfit.measure.process_metrics import Plan, Setting, batch_speeds, process_measurements

PROCESS = {name for name, metric in METRICS.items() if metric.evidence == "process"}


def observed(
    *milliseconds: float, memory: float = 100.0, cold: float = 300.0, rate: float = 50.0, energy: float | None = None
) -> Observed:
    """Batches of 128 take twice the memory of smaller ones, and are as fast."""
    sizes = {1: memory, 8: memory, 32: memory, 128: 2 * memory}
    return Observed(
        cold_start_ns=round(cold * 1e6), latencies_ns=tuple(round(time * 1e6) for time in milliseconds),
        energy_uj=energy,
        batches=tuple(
            BatchSeen(size=size, rows_per_second=rate, peak_bytes=round(peak * 1e6)) for size, peak in sizes.items()
        ),
    )  # fmt: skip


def with_rates(*rates: float) -> Observed:
    """A process that is so fast in batches of 1, 8, 32 and 128."""
    plain = observed(1.0)
    batches = zip(plain.batches, rates, strict=True)
    seen = tuple(replace(batch, rows_per_second=rate) for batch, rate in batches)
    return replace(plain, batches=seen)


def by_metric(processes: list[Observed], setting: Setting) -> dict[str, Measurement]:
    return {item.metric: item for item in process_measurements(processes, setting)}


def test_latency_is_bounded_by_all_requests_and_by_the_worst_process() -> None:
    calm = [observed(*([1.0] * 380 + [2.0] * 20)) for _ in range(4)]
    found = by_metric([*calm, observed(*([1.0] * 340 + [9.0] * 60))], Setting(1))["latency_p95_ms"]
    assert (found.value, found.high, found.n) == (2.0, 9.0, 2000)
    together = by_metric([*calm, observed(*([1.0] * 380 + [2.0] * 20))], Setting(1))["latency_p95_ms"]
    assert (together.value, together.high) == (1.0, 2.0)


@given(
    st.lists(st.lists(st.floats(0.01, 1000), min_size=15, max_size=40), min_size=5, max_size=8),
    st.sampled_from([0.9, 0.95, 0.99]),
)
def test_bounds_enclose_the_value_and_every_process(times: list[list[float]], confidence: float) -> None:
    needs = tuple(Requirement(metric=name, op="<=", limit=1.0, confidence=confidence) for name in sorted(PROCESS))
    processes = [observed(*row, memory=row[0], cold=row[1], rate=row[2]) for row in times]
    for item in process_measurements(processes, Setting(1, needs, 2.0)):
        assert item.low <= item.value <= item.high
        assert item.confidence == confidence
    found = by_metric(processes, Setting(1, needs, 2.0))
    if "memory_mb" in found and len(times) < 8 and confidence >= 0.95:  # as many prove with the largest of them only
        assert found["memory_mb"].high == pytest.approx(max(row[0] for row in times), rel=1e-5)


@pytest.mark.parametrize(("requests", "measured"), [(58, False), (59, True)])
def test_fewer_than_59_requests_are_unmeasured(requests: int, measured: bool) -> None:
    spread = [observed(*range(1 + place, requests + 1, 5)) for place in range(5)]
    found = by_metric(spread, Setting(1))
    assert ("latency_p95_ms" in found, "latency_p50_ms" in found) == (measured, measured)
    verdict = judge(Requirement.parse("latency_p95_ms", "<= 1000"), found.get("latency_p95_ms"))
    assert verdict is (Verdict.MET if measured else Verdict.UNMEASURED)


@pytest.mark.parametrize(("requests", "measured"), [(298, False), (299, True)])
def test_the_99th_percentile_needs_299_requests(requests: int, measured: bool) -> None:
    spread = [observed(*range(1 + place, requests + 1, 5)) for place in range(5)]
    found = by_metric(spread, Setting(1))
    assert ("latency_p95_ms" in found, "latency_p99_ms" in found) == (True, measured)
    verdict = judge(Requirement.parse("latency_p99_ms", "<= 1000"), found.get("latency_p99_ms"))
    assert verdict is (Verdict.MET if measured else Verdict.UNMEASURED)


def test_a_strict_requirement_on_the_99th_percentile_asks_for_more_requests() -> None:
    plain = Requirement.parse("latency_p99_ms", "<= 20")
    assert Setting(1, (plain,)).plan == Setting(1).plan == Plan(1, 5, 400)
    strict = Requirement.parse("latency_p99_ms", "<= 20", confidence=0.999)
    assert Setting(1, (strict,)).plan.requests == 688
    assert 0.99**688 <= 0.001 < 0.99**687


def test_the_fastest_batch_size_is_named_where_its_choice_is_paid_for() -> None:
    """The slowest of seven lies above the median with a chance below 0.05 / 4."""
    need = Requirement.parse("throughput_per_s", ">= 50")
    setting = Setting(1, (need,), 3.6)
    assert (setting.plan.processes, setting.plan.batch_seconds) == (7, 0.25)
    processes = [with_rates(10 + number, 60 + number, 50, 40) for number in range(7)]
    found = by_metric(processes, setting)
    assert (found["throughput_per_s"].value, found["throughput_per_s"].low) == (63, 60)
    assert "batches of 8, the fastest of 1, 8, 32, 128" in found["throughput_per_s"].conditions
    assert found["cost_per_1000"].value == pytest.approx(1 / 63)
    few = by_metric(processes[:6], setting)["throughput_per_s"]
    assert (few.value, few.conditions.split(",")[0]) == (50, "batches of 32")


def test_the_table_of_batch_sizes_has_those_that_every_process_tried() -> None:
    processes = [with_rates(10, 20, 30, 40), with_rates(12, 22, 32, 42), with_rates(14, 24, 34, 44)]
    short = replace(processes[0], batches=processes[0].batches[:3])
    speeds = batch_speeds([short, *processes[1:]])
    assert [speed.size for speed in speeds] == [1, 8, 32]
    assert (speeds[1].slowest, speeds[1].rows_per_second, speeds[1].fastest, speeds[1].processes) == (20, 22, 24, 3)
    assert batch_speeds(processes)[-1].peak_mb == 200.0
    assert batch_speeds([]) == ()


def test_energy_is_unmeasured_where_one_process_could_not_read_it() -> None:
    told = [observed(1.0, energy=1000.0 + number) for number in range(5)]
    found = by_metric(told, Setting(1))["energy_mj_per_prediction"]
    assert (found.value, found.low, found.high, found.n) == (1.002, 1.0, 1.004, 5)
    assert "energy_mj_per_prediction" not in by_metric([*told, observed(1.0)], Setting(1))


def test_fewer_than_five_processes_are_unmeasured() -> None:
    assert by_metric([observed(*[1.0] * 400)] * 4, Setting(1)) == {}
    assert {"latency_p50_ms", "latency_p95_ms"} <= set(by_metric([observed(*[1.0] * 400)] * 5, Setting(1)))


@pytest.mark.parametrize(("confidence", "processes"), [(0.95, 5), (0.99, 7)])
def test_what_a_process_gives_once_takes_enough_processes(confidence: float, processes: int) -> None:
    setting = Setting(1, (Requirement(metric="memory_mb", op="<=", limit=500.0, confidence=confidence),))
    assert setting.plan.processes == processes
    some = [observed(1.0, memory=100.0 + number) for number in range(processes)]
    assert "memory_mb" not in by_metric(some[1:], setting)
    found = by_metric(some, setting)["memory_mb"]
    assert (found.low, found.high, found.n) == (100.0, 99.0 + processes, processes)
    assert found.value == pytest.approx(100.0 + (processes - 1) / 2)
    assert found.confidence == confidence


def test_cost_follows_from_the_price_and_the_throughput() -> None:
    rates = [100.0, 90.0, 110.0, 95.0, 105.0]
    found = by_metric([observed(1.0, rate=rate) for rate in rates], Setting(1, (), 0.36))["cost_per_1000"]
    assert found.value == pytest.approx(0.001)  # 1,000 rows take 10 s; an hour costs 0.36
    assert found.low == pytest.approx(0.36 / 3600 * 1000 / 110)
    assert found.high == pytest.approx(0.36 / 3600 * 1000 / 90)
    assert "cost_per_1000" not in by_metric([observed(1.0)] * 5, Setting(1))


def test_units_and_conditions_are_those_of_the_contract() -> None:
    processes = [observed(*[2.5] * 400, memory=85.0, cold=270.0, rate=400.0, energy=1200.0)] * 5
    found = by_metric(processes, Setting(2, (), 1.0))
    assert set(found) == PROCESS
    values = {name: item.value for name, item in found.items()}
    assert values == pytest.approx(
        {"latency_p50_ms": 2.5, "latency_p95_ms": 2.5, "latency_p99_ms": 2.5,
         "energy_mj_per_prediction": 1.2, "memory_mb": 85.0, "cold_start_ms": 270.0,
         "throughput_per_s": 400.0, "cost_per_1000": 1000 / 3600 / 400}
    )  # fmt: skip
    assert all(item.conditions.endswith("2 threads") and item.machine == fingerprint() for item in found.values())


def test_no_process_says_nothing() -> None:
    assert process_measurements([], Setting(1)) == ()
