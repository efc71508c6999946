"""How much more it takes to prove what is unproven: checked by simulating processes that do prove it."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.contract import Measurement, Requirement, Verdict, judge
from marketfit.measure.probe_process import BatchSeen, Observed
from marketfit.measure.process_metrics import Setting, process_measurements
from marketfit.measure.proof import advice, proof_needs

MEMORY = Requirement.parse("memory_mb", "<= 100")


def memory(value: float, low: float, high: float, n: int = 5) -> Measurement:
    return Measurement(metric="memory_mb", value=value, low=low, high=high, n=n)


def processes(rng: np.random.Generator, count: int, *, mean: float, sigma: float) -> list[Observed]:
    return [
        Observed(
            cold_start_ns=10**8,
            latencies_ns=(10**6,),
            energy_uj=None,
            batches=(BatchSeen(size=32, rows_per_second=50.0, peak_bytes=round(1e6 * peak)),),
        )
        for peak in rng.normal(mean, sigma, count)
    ]


def test_so_many_processes_prove_it_about_half_of_the_time() -> None:
    """Five processes of 98 ± 1.5 MB reach about 99.8; a limit of 98.5 takes more of them."""
    need = Requirement.parse("memory_mb", "<= 98.5")
    sigma = 1.5
    found = memory(98.0, 96.2, 98.0 + 1.18 * sigma)
    needs = proof_needs(found, need, opening=0)
    assert needs is not None
    assert (needs.unit, needs.exact) == ("process", False)
    rng = np.random.default_rng(0)

    def share_proved(count: int) -> float:
        verdicts = [
            judge(need, {m.metric: m for m in process_measurements(seen, Setting(1))}["memory_mb"])
            for seen in (processes(rng, count, mean=98.0, sigma=sigma) for _ in range(300))
        ]
        return verdicts.count(Verdict.MET) / 300

    assert 0.3 < share_proved(needs.n) < 0.75
    assert share_proved(5) < 0.15


def test_more_processes_are_asked_for_the_nearer_the_limit() -> None:
    asked = []
    for limit in (100.0, 99.0, 98.5):
        needs = proof_needs(memory(98.0, 96.0, 101.0), Requirement.parse("memory_mb", f"<= {limit}"), opening=0)
        assert needs is not None
        asked.append(needs.n)
    assert asked == sorted(asked)
    assert asked[0] >= 8
    assert proof_needs(memory(98.0, 96.0, 101.0), Requirement.parse("memory_mb", "<= 98.01"), opening=0) is None


@pytest.mark.parametrize(("low", "high"), [(98.0, 98.0), (97.0, 98.0)])
def test_without_a_spread_nothing_can_be_said(low: float, high: float) -> None:
    assert proof_needs(memory(98.0, low, high), MEMORY, opening=0) is None


def test_requests_are_counted_in_processes_of_400() -> None:
    found = Measurement(metric="latency_p99_ms", value=9.0, low=8.0, high=11.0, n=2000)
    need = Requirement.parse("latency_p99_ms", "<= 10")
    needs = proof_needs(found, need, opening=0)
    assert needs is not None
    assert (needs.n, needs.unit, needs.processes) == (8000, "request", 20)
    said = advice(found, need, opening=0)
    assert "about 6,000 more requests (8,000 in all)" in said
    assert "provided that no process is slower than the bound: target.processes: 20" in said


def test_throughput_is_bounded_from_below() -> None:
    found = Measurement(metric="throughput_per_s", value=100.0, low=80.0, high=101.0, n=7)
    needs = proof_needs(found, Requirement.parse("throughput_per_s", ">= 90"), opening=0)
    assert needs is not None
    assert needs.n > 8
    near = proof_needs(found, Requirement.parse("throughput_per_s", ">= 98"), opening=0)
    assert near is not None
    assert near.n > needs.n
