"""The probe: real fresh processes of a tiny bundle, and what is concluded from what they say."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.bundle import Sealed, size_mb
from marketfit.bundle.layout import SEAL_FILES
from marketfit.contract import METRICS, Measurement, Requirement, Verdict, judge
from marketfit.errors import BundleError, RunError
from marketfit.measure import probe as probe_module
from marketfit.measure.machine import cores, fingerprint
from marketfit.measure.probe import Setting, measure_again, probe, process_measurements
from marketfit.measure.probe_process import Observed, Order, decode_example, encode_example, observe, peak_bytes
from marketfit.testing.tiny import tiny_bundle

PROCESS = {name for name, metric in METRICS.items() if metric.evidence == "process"}
TEXTS = ["hello there", "bye", "well hello", "bye bye now"]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    into = tmp_path_factory.mktemp("probe") / "sealed"
    return tiny_bundle(into, {"hello": "greeting", "bye": "farewell"}, labels=["farewell", "greeting"])


@pytest.fixture
def unsealed(sealed: Sealed, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed.folder, tmp_path / "unsealed", ignore=shutil.ignore_patterns(*SEAL_FILES)))


@pytest.fixture
def order(sealed: Sealed, tmp_path: Path) -> Order:
    """A small order for this very process."""
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(encode_example(text) + "\n" for text in TEXTS), "utf-8")
    return Order(
        folder=str(sealed.folder), inputs=str(file), first=1, threads=1, cores=(), warm_up=3, requests=7, batch=4,
        batch_seconds=0.01, began_ns=time.monotonic_ns(), parent=os.getppid(),
    )  # fmt: skip


def observed(*milliseconds: float, memory: float = 100.0, cold: float = 300.0, rate: float = 50.0) -> Observed:
    return Observed(
        cold_start_ns=round(cold * 1e6), latencies_ns=tuple(round(time * 1e6) for time in milliseconds),
        rows_per_second=rate, peak_bytes=round(memory * 1e6),
    )  # fmt: skip


def by_metric(processes: list[Observed], setting: Setting) -> dict[str, Measurement]:
    return {item.metric: item for item in process_measurements(processes, setting)}


# --- real processes


def test_fresh_processes_measure_sealed_and_unsealed_bundles(sealed: Sealed, unsealed: Path) -> None:
    done: list[float] = []
    found = probe(
        {"sealed": sealed.folder, "unsealed": unsealed}, TEXTS, threads=1, processes=2, requests=30,
        progress=done.append,
    )  # fmt: skip
    assert list(found) == ["sealed", "unsealed"]
    for seen in found.values():
        assert not seen.failure
        assert [len(process.latencies_ns) for process in seen.processes] == [30, 30]
        for process in seen.processes:
            assert 0 < min(process.latencies_ns) < process.cold_start_ns
            assert 30e6 < process.peak_bytes < 1e9  # numpy and onnxruntime, and nothing that trains
            assert process.rows_per_second > 100
    assert done == [0.25, 0.5, 0.75, 1.0]


def test_a_sealed_bundle_is_measured_again(sealed: Sealed) -> None:
    needs = [Requirement.parse("latency_p95_ms", "<= 1000"), Requirement.parse("size_mb", "<= 30")]
    found = measure_again(sealed.folder, TEXTS, requirements=needs, price_per_hour=0.1, progress=lambda _done: None)
    named = {item.metric: item for item in found}
    assert set(named) == PROCESS | {"size_mb"}
    assert all(judge(need, named[need.metric]) is Verdict.MET for need in needs)
    assert named["latency_p95_ms"].n == 2000
    assert named["size_mb"].value == size_mb(sealed.folder) == sealed.size_mb
    assert {named[metric].machine for metric in PROCESS} == {fingerprint()}


def test_a_process_that_fails_is_told_and_does_not_stop_the_others(sealed: Sealed, unsealed: Path) -> None:
    (unsealed / "tokenizer.json").write_text("{}")
    found = probe(
        {"broken": unsealed, "sound": sealed.folder}, TEXTS, threads=1, processes=1, requests=2,
        progress=lambda _done: None,
    )  # fmt: skip
    assert "a probe process ended with status 1" in found["broken"].failure
    assert not found["broken"].processes
    assert len(found["sound"].processes) == 1


def test_a_bundle_that_can_not_be_trusted_is_not_measured_again(sealed: Sealed, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sealed.folder, tmp_path / "changed"))
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match="was changed"):
        measure_again(folder, TEXTS, requirements=(), progress=lambda _done: None)


def test_a_module_beside_the_user_is_not_taken_for_ours(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken from the current folder')")
    monkeypatch.chdir(tmp_path)
    found = probe({"b": sealed.folder}, TEXTS, threads=1, processes=1, requests=1, progress=lambda _done: None)
    assert not found["b"].failure


def test_what_the_probe_imports_is_light() -> None:
    code = "import marketfit.measure.probe_process, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "numpy" in loaded
    assert not {"scipy", "pyarrow", "sqlalchemy", "pandas"} & set(loaded)


# --- the order of things


class Recorder:
    """Stands for `_run`: keeps the orders, fails for the bundles that are to fail."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.orders: list[Order] = []
        self.inputs: list[object] = []

    def __call__(self, order: Order) -> Observed | str:
        self.orders.append(order)
        self.inputs = [decode_example(line) for line in Path(order.inputs).read_text("utf-8").splitlines()]
        return "it broke" if Path(order.folder).name == self.failing else observed(1.0)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(probe_module, "_run", made)
    return made


def test_bundles_take_turns_with_the_same_inputs_on_the_same_cores(recorder: Recorder) -> None:
    folders = {name: Path("/x") / name for name in "abc"}
    probe(folders, list(map(str, range(25))), threads=1, processes=4, requests=10, progress=lambda _done: None)
    rounds = [recorder.orders[start : start + 3] for start in range(0, 12, 3)]
    assert len(recorder.orders) == 12
    firsts = [Path(orders[0].folder).name for orders in rounds]
    assert firsts == ["a", "b", "c", "a"]
    for number, orders in enumerate(rounds):
        assert {Path(order.folder).name for order in orders} == {"a", "b", "c"}
        assert {order.first for order in orders} == {number * 10 % 25}
        assert len({order.cores for order in orders}) == 1


def test_a_failing_bundle_is_not_tried_again(recorder: Recorder) -> None:
    recorder.failing = "b"
    folders = {name: Path("/x") / name for name in "ab"}
    done: list[float] = []
    found = probe(folders, TEXTS, threads=1, processes=3, requests=1, progress=done.append)
    assert [Path(order.folder).name for order in recorder.orders].count("b") == 1
    assert (found["b"].failure, found["b"].processes) == ("it broke", ())
    assert len(found["a"].processes) == 3
    assert done[-1] == 1.0


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_a_process_gets_as_many_cores_as_threads_and_no_others(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(probe_module, "cores", lambda: (2, 3, 5, 7))
    probe({"a": Path("/x")}, TEXTS, threads=threads, processes=8, requests=1, progress=lambda _done: None)
    for order in recorder.orders:
        assert len(order.cores) == min(threads, 4)
        assert set(order.cores) <= {2, 3, 5, 7}
    assert {core for order in recorder.orders for core in order.cores} == {2, 3, 5, 7}


@pytest.mark.parametrize(("threads", "processes", "requests"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_can_not_be_measured(threads: int, processes: int, requests: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        probe({}, TEXTS, threads=threads, processes=processes, requests=requests, progress=lambda _done: None)
    with pytest.raises(ValueError, match="needs inputs"):
        probe({}, [], threads=1, progress=lambda _done: None)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import sys; sys.stderr.write('one\\ntwo\\n'); sys.exit(3)", "ended with status 3: one | two"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL, as when memory runs out"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV: it said nothing"),
        ("print('[]')", "gave no result: []"),
        ("import time; time.sleep(60)", "no answer within"),
    ],
)
def test_every_way_of_failing_is_told(order: Order, monkeypatch: pytest.MonkeyPatch, code: str, says: str) -> None:
    real = subprocess.run

    def stand_in(_command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr(probe_module, "_PATIENCE", 1.0)
    monkeypatch.setattr(probe_module.subprocess, "run", stand_in)
    outcome = probe_module._run(order)
    assert isinstance(outcome, str)
    assert says in outcome


def test_a_failure_of_the_one_bundle_measured_again_is_an_error(sealed: Sealed, recorder: Recorder) -> None:
    recorder.failing = sealed.folder.name
    with pytest.raises(RunError, match="it broke"):
        measure_again(sealed.folder, TEXTS, requirements=(), progress=lambda _done: None)


def test_a_sorted_file_of_inputs_is_mixed(sealed: Sealed, recorder: Recorder) -> None:
    inputs = [f"{number:04}" for number in range(3000)]
    measure_again(sealed.folder, inputs, requirements=(), progress=lambda _done: None)
    assert len(recorder.inputs) == len(set(recorder.inputs)) == 2000
    assert 1300 < sum(map(int, recorder.inputs[:400])) / 400 < 1700


# --- inside of the process


@contextlib.contextmanager
def same_cores() -> Iterator[None]:
    """Give this process back the cores that it had."""
    before = os.sched_getaffinity(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def test_a_process_answers_as_often_as_it_was_asked_to(order: Order) -> None:
    seen = observe(order)
    assert len(seen.latencies_ns) == 7
    assert 0 < seen.cold_start_ns < 60e9
    assert Observed.model_validate_json(seen.model_dump_json()) == seen


@pytest.mark.skipif(sys.platform != "linux", reason="processes can be pinned to cores on Linux only")
def test_a_process_stays_on_its_cores(order: Order) -> None:
    with same_cores():
        observe(order.model_copy(update={"cores": cores()[:1]}))
        assert tuple(os.sched_getaffinity(0)) == cores()[:1]


def test_an_orphan_ends_itself(order: Order) -> None:
    with pytest.raises(SystemExit, match="is gone"):
        observe(order.model_copy(update={"parent": -1}))


def test_a_headless_bundle_is_measured_by_its_features(order: Order, unsealed: Path) -> None:
    spec = json.loads((unsealed / "bundle.json").read_text())
    (unsealed / "bundle.json").write_text(json.dumps(spec | {"labels": []}))
    assert len(observe(order.model_copy(update={"folder": str(unsealed)})).latencies_ns) == 7


def test_an_unsound_unsealed_bundle_is_not_opened(order: Order, unsealed: Path) -> None:
    (unsealed / "link").symlink_to(unsealed / "model.onnx")
    with pytest.raises(BundleError, match="symbolic link"):
        observe(order.model_copy(update={"folder": str(unsealed)}))


def test_peak_memory_sees_what_was_given_back() -> None:
    code = (
        "from marketfit.measure.probe_process import peak_bytes\n"
        "before = peak_bytes(); block = bytearray(80_000_000); del block\n"
        "print(before, peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 70e6 < after - before < 100e6
    assert peak_bytes() > 10e6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.text() | st.binary() | st.dictionaries(st.text(), JSON, max_size=4))
def test_every_kind_of_example_survives_the_way_to_the_process(
    example: str | bytes | dict[str, object],
) -> None:
    line = encode_example(example)
    assert len(line.splitlines()) == 1
    assert decode_example(line) == example


def test_what_is_no_example_is_refused() -> None:
    with pytest.raises(TypeError, match="not a int"):
        encode_example(3)


# --- what is concluded


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
    if "memory_mb" in found:
        assert found["memory_mb"].high == pytest.approx(max(row[0] for row in times), rel=1e-5)


@pytest.mark.parametrize(("requests", "measured"), [(58, False), (59, True)])
def test_fewer_than_59_requests_are_unmeasured(requests: int, measured: bool) -> None:
    spread = [observed(*range(1 + place, requests + 1, 5)) for place in range(5)]
    found = by_metric(spread, Setting(1))
    assert ("latency_p95_ms" in found, "latency_p50_ms" in found) == (measured, measured)
    verdict = judge(Requirement.parse("latency_p95_ms", "<= 1000"), found.get("latency_p95_ms"))
    assert verdict is (Verdict.MET if measured else Verdict.UNMEASURED)


def test_fewer_than_five_processes_are_unmeasured() -> None:
    assert by_metric([observed(*[1.0] * 400)] * 4, Setting(1)) == {}
    assert {"latency_p50_ms", "latency_p95_ms"} <= set(by_metric([observed(*[1.0] * 400)] * 5, Setting(1)))


@pytest.mark.parametrize(("confidence", "processes"), [(0.95, 5), (0.99, 7)])
def test_what_a_process_gives_once_takes_enough_processes(confidence: float, processes: int) -> None:
    setting = Setting(1, (Requirement(metric="memory_mb", op="<=", limit=500.0, confidence=confidence),))
    assert setting.processes == processes
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
    processes = [observed(*[2.5] * 400, memory=85.0, cold=270.0, rate=400.0)] * 5
    found = by_metric(processes, Setting(2, (), 1.0))
    assert set(found) == PROCESS
    values = {name: item.value for name, item in found.items()}
    assert values == pytest.approx(
        {"latency_p50_ms": 2.5, "latency_p95_ms": 2.5, "memory_mb": 85.0, "cold_start_ms": 270.0,
         "throughput_per_s": 400.0, "cost_per_1000": 1000 / 3600 / 400}
    )  # fmt: skip
    assert all(item.conditions.endswith("2 threads") and item.machine == fingerprint() for item in found.values())


def test_no_process_says_nothing() -> None:
    assert process_measurements([], Setting(1)) == ()
