"""Timing of variants: really in fresh processes, interleaved, on valid rows; a failing variant is rejected."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import Brief
from marketfit.bundle.layout import SEAL_FILES
from marketfit.compress import timing
from marketfit.compress.engines import started_with
from marketfit.contract import METRICS, Measurement, Requirement
from marketfit.engine import Run
from marketfit.measure.machine import fingerprint
from marketfit.measure.probe import Probed
from marketfit.measure.probe_process import BatchSeen, Observed
from marketfit.measure.process_metrics import Plan
from marketfit.records.bundle import SessionSettings
from marketfit.records.variants import Variant
from marketfit.task import Example, Progress
from marketfit.testing.tiny import tiny_bundle

PROCESS = {name for name, metric in METRICS.items() if metric.evidence == "process"}
SIZE = Measurement(metric="size_mb", value=1.0, low=1.0, high=1.0, n=1)


VALID = [f"hello {number}" for number in range(300)]


@pytest.fixture
def variant(run: Run, tmp_path: Path) -> Callable[..., Variant]:
    """A tiny variant as `compress` makes it, before it is timed."""
    tiny_bundle(tmp_path / "tiny", {"hello": "a", "bye": "b"}, labels=["a", "b"])
    unsealed = shutil.copytree(tmp_path / "tiny", tmp_path / "open", ignore=shutil.ignore_patterns(*SEAL_FILES))
    sound = run.workspace.put_folder(unsealed)
    (unsealed / "tokenizer.json").write_text("{}")
    broken = run.workspace.put_folder(unsealed)

    def make(name: str, *, sane: bool = True) -> Variant:
        return Variant(
            name=name, trial=0, backbone="tiny", passes=(), bundle=sound if sane else broken, measurements=(SIZE,),
            probabilities=run.workspace.put_array(np.zeros((0, 2), dtype=np.float32)), unknown_tokens=0.0,
            truncated=0.0, rejected="",
        )  # fmt: skip

    return make


class FakeProbe:
    """Stands for `probe`: every variant takes the milliseconds of its name."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []

    def __call__(
        self, folders: Mapping[str, Path], inputs: Sequence[Example], *, plan: Plan, progress: Progress
    ) -> dict[str, Probed]:
        self.asked.append({"folders": dict(folders), "inputs": list(inputs), "plan": plan})
        progress(1.0)
        return {name: Probed((self.seen(float(name)),) * plan.processes) for name in folders}

    @staticmethod
    def seen(milliseconds: float) -> Observed:
        times = (round(1e6 * milliseconds),) * 400
        batch = BatchSeen(size=32, rows_per_second=100.0, peak_bytes=10**8)
        return Observed(cold_start_ns=10**9, latencies_ns=times, energy_uj=50.0, batches=(batch,))


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> FakeProbe:
    fake = FakeProbe()
    monkeypatch.setattr(timing, "probe", fake)
    return fake


def test_variants_are_timed_in_real_processes_and_a_broken_one_is_rejected(
    brief: Brief, run: Run, variant: Callable[..., Variant]
) -> None:
    found, machine = timing.time_variants(brief, [variant("sound"), variant("broken", sane=False)], VALID, run=run)
    sound, broken = found
    assert (sound.name, broken.name, machine) == ("sound", "broken", fingerprint())
    always = PROCESS - {"cost_per_1000", "energy_mj_per_prediction"}
    assert {item.metric for item in sound.measurements} - {"energy_mj_per_prediction"} == always | {"size_mb"}
    assert [speed.size for speed in sound.batches] == [1, 8, 32, 128]
    assert all(0 < speed.slowest <= speed.rows_per_second <= speed.fastest for speed in sound.batches)
    assert not sound.rejected
    latency = sound.measured("latency_p95_ms")
    assert latency is not None
    assert latency.n == 2000
    assert 0 < latency.low <= latency.value <= latency.high
    assert latency.machine == machine
    assert "a probe process ended with status 1" in broken.rejected
    assert broken.measurements == (SIZE,)


def test_all_variants_are_probed_together_on_the_targets_threads(
    brief: Brief, run: Run, variant: Callable[..., Variant], probed: FakeProbe
) -> None:
    target = brief.target.model_copy(update={"threads": 3})
    timing.time_variants(brief.model_copy(update={"target": target}), [variant("1"), variant("2")], VALID, run=run)
    (asked,) = probed.asked
    assert list(asked["folders"]) == ["1", "2"]
    assert asked["plan"] == Plan(threads=3, processes=5, requests=400)


def test_measurements_have_the_confidence_of_their_requirement_and_a_cost_where_there_is_a_price(
    brief: Brief, run: Run, variant: Callable[..., Variant], probed: FakeProbe
) -> None:
    need = Requirement(metric="latency_p95_ms", op="<=", limit=10.0, confidence=0.99)
    target = brief.target.model_copy(update={"price_per_hour": 3.6})
    asked = brief.model_copy(update={"require": (need,), "target": target})
    (found,), _ = timing.time_variants(asked, [variant("2.5")], VALID, run=run)
    measured = {item.metric: item for item in found.measurements}
    assert set(measured) == PROCESS | {"size_mb"}
    assert (measured["latency_p95_ms"].confidence, measured["memory_mb"].confidence) == (0.99, 0.95)
    assert measured["latency_p95_ms"].value == 2.5
    assert measured["cost_per_1000"].value == pytest.approx(0.01)
    assert probed.asked[0]["plan"] == Plan(
        threads=brief.target.threads, processes=7
    )  # what the median of processes takes at 99 %


def test_inputs_are_valid_rows_drawn_by_the_seed_of_the_run(
    brief: Brief, run: Run, variant: Callable[..., Variant], probed: FakeProbe
) -> None:
    for _ in range(2):
        timing.time_variants(brief, [variant("1")], VALID, run=run)
    first, second = (asked["inputs"] for asked in probed.asked)
    assert first == second
    assert sorted(first) == sorted(VALID)
    assert first != VALID
    timing.time_variants(brief, [variant("1")], [str(n) for n in range(5000)], run=run)
    many = probed.asked[-1]["inputs"]
    assert len(many) == len(set(many)) == 2000


def test_each_number_names_the_engine_that_it_was_measured_with(
    brief: Brief, run: Run, variant: Callable[..., Variant], probed: FakeProbe
) -> None:
    plain = variant("1")
    with run.workspace.scratch() as scratch:
        engine = SessionSettings(engine="openvino")
        folder = started_with(run.workspace.open_folder(plain.bundle), engine, scratch / "started")
        other = variant("2").model_copy(update={"bundle": run.workspace.put_folder(folder)})
    found, machine = timing.time_variants(brief, [plain, other], VALID, run=run)
    told = [{item.machine for item in one.measurements if item.metric in PROCESS} for one in found]
    assert told == [{fingerprint()}, {fingerprint("openvino")}]
    assert machine == fingerprint("openvino") != fingerprint()
    assert probed.asked
