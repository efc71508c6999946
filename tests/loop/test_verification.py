"""Verifying takes as many processes as the contract rests on."""

from __future__ import annotations

import pytest

from marketfit.contract import Contract, Measurement, Requirement
from marketfit.loop.verification import _processes


@pytest.mark.parametrize(
    ("metric", "n", "processes"),
    [("memory_mb", 9, 9), ("memory_mb", 5, 5), ("latency_p95_ms", 3600, 5), ("accuracy", 700, 5)],
)
def test_as_many_processes_as_the_contract_rests_on(metric: str, n: int, processes: int) -> None:
    bound = ">= 0" if metric == "accuracy" else "<= 900"
    measured = Measurement(metric=metric, value=0.5, low=0.5, high=0.5, n=n)
    contract = Contract.of([Requirement.parse(metric, bound)], [measured])
    assert _processes(contract) == processes


def test_a_bundle_without_a_contract_takes_the_usual_number() -> None:
    assert _processes(Contract(clauses=())) == 5
