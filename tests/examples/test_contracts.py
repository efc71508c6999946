"""The benchmark of contracts: bounds drawn as it says, misses that count, and nothing that is done is repeated."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketfit.contract import Requirement

MEMBER = {
    "accuracy": 0.95, "macro_f1": 0.94, "latency_p50_ms": 1.0, "latency_p95_ms": 2.0, "throughput_per_s": 1000.0,
    "memory_mb": 100.0, "cold_start_ms": 300.0, "size_mb": 10.0,
}  # fmt: skip


@pytest.fixture
def contracts() -> ModuleType:
    return importlib.import_module("contracts")


def part(name: str) -> ModuleType:
    return importlib.import_module(f"contracts_parts.{name}")


def test_bounds_lie_around_the_member_in_the_direction_of_their_metric() -> None:
    drawing = part("drawing")
    drawn = [drawing.draw([MEMBER], number) for number in range(400)]
    assert drawn == [drawing.draw([MEMBER], number) for number in range(400)]
    assert {len(needs) for needs in drawn} == {2, 3, 4}
    assert {need.metric for needs in drawn for need in needs} == set(drawing.DRAWN)
    # Looser than the member: above 1.
    loose = [
        MEMBER[need.metric] / need.limit if need.op == ">=" else need.limit / MEMBER[need.metric]
        for needs in drawn
        for need in needs
        if need.metric != "accuracy"
    ]
    assert 0.699 <= min(loose) < 0.72
    assert 1.37 < max(loose) <= 1.401
    assert np.mean(np.array(loose) > 1.0) == pytest.approx(np.log(1.4) / np.log(2.0), abs=0.06)
    points = [need.limit - 0.95 for needs in drawn for need in needs if need.metric == "accuracy"]
    assert -0.0301 <= min(points) < -0.027
    assert 0.012 < max(points) <= 0.0151
    assert all(len({need.metric for need in needs}) == len(needs) for needs in drawn)


@pytest.mark.parametrize(
    ("bound", "better"),
    [
        ("latency_p95_ms <= 2.23", True),
        ("latency_p95_ms <= 2.2", False),
        ("throughput_per_s >= 909", True),
        ("throughput_per_s >= 920", False),
        ("accuracy >= 0.944", True),  # 0.05 errors of 0.056 allowed
        ("accuracy >= 0.946", False),
        ("energy_mj_per_prediction <= 1", False),  # not measured
    ],
)
def test_beaten_by_a_tenth(bound: str, better: bool) -> None:
    metric, limit = bound.split(" ", 1)
    easy = Requirement.parse("size_mb", "<= 100")
    assert part("drawing").beaten([easy, Requirement.parse(metric, limit)], MEMBER) is better


def test_the_parts_of_the_rows_are_apart_and_whole(tmp_path: Path) -> None:
    prepare = part("prepare")
    texts = [f"text {number}" for number in range(300)] + ["text 0", "beside"]
    labels = [f"l{number % 10}" for number in range(300)] + ["l0", "oos"]
    pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "rows.parquet")
    rows = prepare.read_rows(tmp_path / "rows.parquet", quick=False)
    assert (len(rows.tuning), len(rows.given), len(rows.held)) == (100, 160, 40)
    parts = [*rows.tuning, *rows.given, *rows.held]
    assert set(parts) == set(zip(texts[:300], labels[:300], strict=True))
    assert {label for _text, label in rows.held} == set(labels) - {"oos"}


def test_what_is_done_is_read_back_and_a_torn_line_is_cut(tmp_path: Path) -> None:
    record, file = part("record"), tmp_path / "contracts.jsonl"
    assert record.read_lines(file) == {}
    first, second = tried(number=0), tried(number=1, status="refused")
    record.add_line(file, first)
    with file.open("a") as stream:
        stream.write('{"number": 1, "contr')
    assert record.read_lines(file) == {0: first}
    record.add_line(file, second)
    assert record.read_lines(file) == {0: first, 1: second}


def claim(again: list[float], *, beyond: bool = False) -> object:
    return part("record").Claim(
        metric="latency_p95_ms", op="<=", limit=2.0, value=1.5, worst=1.9, again=again, beyond=beyond
    )


def tried(number: int, status: str = "shipped", **changes: object) -> object:
    plain: dict[str, object] = {
        "number": number, "contract": ["latency_p95_ms <= 2"], "status": status, "winner": None, "binding": "",
        "named": False, "reason": "why", "beaten_by": [], "claims": [], "seconds": 1.0,
    }  # fmt: skip
    return part("record").Tried.model_validate(plain | changes)


def test_the_first_new_process_decides_and_every_case_is_told() -> None:
    told = part("told").told([
        tried(0, claims=[claim([1.6]), claim([2.1, 1.6, 1.6, 1.6, 1.6])]),
        tried(1, claims=[claim([2.1, 2.2, 2.1, 2.3, 2.1], beyond=True)], beaten_by=["small"]),
        tried(2, "refused", binding="latency_p95_ms <= 2", named=True, beaten_by=["small"]),
        tried(3, "refused"),
    ])  # fmt: skip
    assert "| contracts shipped | 2 | 4 | 50.0% (6.8% to 93.2%) | – | – |" in told
    assert "| bounds claimed met that a new process meets | 1 | 3 | 33.3% (0.8% to 90.6%) | ≥ 95% | MISSED |" in told
    assert "| bounds claimed met that are missed beyond chance | 1 | 3 |" in told
    assert "| refusals that name a bound that is not met | 1 | 2 |" in told
    assert "| contracts beaten by 10 % that are shipped | 1 | 2 |" in told
    assert "| latency_p95_ms | 3 | 1 | -5.0% | -5.0% |" in told
    assert (
        "contract 1 (latency_p95_ms <= 2): missed: latency_p95_ms <= 2: claimed 1.5 (at worst 1.9), again 2.1" in told
    )
    assert "contract 2 (latency_p95_ms <= 2): missed beyond chance" in told
    assert "contract 3 (latency_p95_ms <= 2): refused, though small is better" in told
    assert "contract 4 (latency_p95_ms <= 2): the refusal names no bound" in told


def test_a_refusal_names_a_bound_that_is_not_met(contracts: ModuleType) -> None:
    rows = [
        {"metric": "size_mb", "op": "<=", "limit": 10.0, "verdict": "met"},
        {"metric": "accuracy", "op": ">=", "limit": 0.9523, "verdict": "unproven"},
    ]
    assert contracts.is_named({"binding": "accuracy >= 0.9523", "contract": rows})
    for binding in ("size_mb <= 10", "memory_mb <= 5", ""):
        assert not contracts.is_named({"binding": binding, "contract": rows})


def test_chance_is_told_from_fact(contracts: ModuleType) -> None:
    time = {"metric": "latency_p95_ms", "op": "<=", "limit": 2.0}
    assert contracts.beyond_chance(time, [2.1, 2.2, 2.1, 2.1, 2.1], 3000)
    assert not contracts.beyond_chance(time, [2.1, 2.2, 1.9, 2.1, 2.1], 3000)
    rate = {"metric": "accuracy", "op": ">=", "limit": 0.95}
    assert contracts.beyond_chance(rate, [0.94], 3000)
    assert not contracts.beyond_chance(rate, [0.945], 3000)
