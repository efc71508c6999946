"""The probe: real fresh processes of a tiny bundle, and what is concluded from what they say."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.bundle import Sealed, size_mb
from marketfit.bundle.layout import SEAL_FILES
from marketfit.contract import METRICS, Requirement, Verdict, judge
from marketfit.errors import BundleError, RunError
from marketfit.measure import probe as probe_module
from marketfit.measure.machine import cores, fingerprint
from marketfit.measure.probe import measure_again, probe
from marketfit.measure.probe_process import (
    BatchSeen,
    Observed,
    Order,
    decode_example,
    encode_example,
    observe,
    peak_bytes,
)
from marketfit.measure.process_metrics import Plan
from marketfit.records.plain import plain, read_plain
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
        folder=str(sealed.folder), inputs=str(file), first=1, threads=1, cores=(), warm_up=3, requests=7,
        batches=(1, 4), usual_batch=4, longest_batch=1.0, batch_seconds=0.01, began_ns=time.monotonic_ns(),
        parent=os.getppid(),
    )  # fmt: skip


SEEN = Observed(
    cold_start_ns=10**8, latencies_ns=(10**6,), energy_uj=None,
    batches=(BatchSeen(size=32, rows_per_second=50.0, peak_bytes=10**8),),
)  # fmt: skip


# --- real processes


def test_fresh_processes_measure_sealed_and_unsealed_bundles(sealed: Sealed, unsealed: Path) -> None:
    done: list[float] = []
    found = probe(
        {"sealed": sealed.folder, "unsealed": unsealed}, TEXTS, plan=Plan(1, 2, 30, batch_seconds=0.01),
        progress=done.append,
    )  # fmt: skip
    assert list(found) == ["sealed", "unsealed"]
    for seen in found.values():
        assert not seen.failure
        assert [len(process.latencies_ns) for process in seen.processes] == [30, 30]
        for process in seen.processes:
            assert 0 < min(process.latencies_ns) < process.cold_start_ns
            assert [batch.size for batch in process.batches] == [1, 8, 32, 128]
            for batch in process.batches:
                assert 30e6 < batch.peak_bytes < 1e9  # numpy and onnxruntime, and nothing that trains
                assert batch.rows_per_second > 100
    assert done == [0.25, 0.5, 0.75, 1.0]


def test_a_sealed_bundle_is_measured_again(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.measure.process_metrics.BATCH_SECONDS", 0.01)
    needs = [Requirement.parse("latency_p95_ms", "<= 1000"), Requirement.parse("size_mb", "<= 30")]
    found = measure_again(sealed.folder, TEXTS, requirements=needs, price_per_hour=0.1, progress=lambda _done: None)
    named = {item.metric: item for item in found}
    assert set(named) | {"energy_mj_per_prediction"} == PROCESS | {"size_mb"}  # few machines tell their energy
    assert all(judge(need, named[need.metric]) is Verdict.MET for need in needs)
    assert named["latency_p95_ms"].n == 2000
    assert named["size_mb"].value == size_mb(sealed.folder) == sealed.size_mb
    assert {item.machine for item in found if item.metric in PROCESS} == {fingerprint()}


def test_a_process_that_fails_is_told_and_does_not_stop_the_others(sealed: Sealed, unsealed: Path) -> None:
    (unsealed / "tokenizer.json").write_text("{}")
    found = probe(
        {"broken": unsealed, "sound": sealed.folder}, TEXTS, plan=Plan(1, 1, 2),
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
    found = probe({"b": sealed.folder}, TEXTS, plan=Plan(1, 1, 1), progress=lambda _done: None)
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
        return "it broke" if Path(order.folder).name == self.failing else SEEN


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(probe_module, "_run", made)
    return made


def test_bundles_take_turns_with_the_same_inputs_on_the_same_cores(recorder: Recorder) -> None:
    folders = {name: Path("/x") / name for name in "abc"}
    probe(folders, list(map(str, range(25))), plan=Plan(1, 4, 10), progress=lambda _done: None)
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
    found = probe(folders, TEXTS, plan=Plan(1, 3, 1), progress=done.append)
    assert [Path(order.folder).name for order in recorder.orders].count("b") == 1
    assert (found["b"].failure, found["b"].processes) == ("it broke", ())
    assert len(found["a"].processes) == 3
    assert done[-1] == 1.0


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_a_process_gets_as_many_cores_as_threads_and_no_others(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(probe_module, "cores", lambda: (2, 3, 5, 7))
    probe({"a": Path("/x")}, TEXTS, plan=Plan(threads, 8, 1), progress=lambda _done: None)
    for order in recorder.orders:
        assert len(order.cores) == min(threads, 4)
        assert set(order.cores) <= {2, 3, 5, 7}
    assert {core for order in recorder.orders for core in order.cores} == {2, 3, 5, 7}


@pytest.mark.parametrize(("threads", "processes", "requests"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_can_not_be_measured(threads: int, processes: int, requests: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Plan(threads, processes, requests)
    with pytest.raises(ValueError, match="needs inputs"):
        probe({}, [], plan=Plan(1), progress=lambda _done: None)


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
def counting(file: Path) -> Iterator[None]:
    """A counter of energy that rises while this is open, and passes its end on the way."""
    stop = threading.Event()

    def rise() -> None:
        value = 900
        while not stop.wait(0.001):
            value = (value + 7) % 1000
            written = file.with_suffix(".new")
            written.write_text(f"{value}\n")
            written.replace(file)

    thread = threading.Thread(target=rise)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
    assert read_plain(Observed, json.loads(json.dumps(plain(seen)))) == seen


@pytest.mark.skipif(sys.platform != "linux", reason="processes can be pinned to cores on Linux only")
def test_a_process_stays_on_its_cores(order: Order) -> None:
    with same_cores():
        observe(replace(order, cores=cores()[:1]))
        assert tuple(os.sched_getaffinity(0)) == cores()[:1]


def test_sizes_above_the_usual_one_are_left_out_where_one_batch_takes_too_long(order: Order) -> None:
    seen = observe(replace(order, batches=(1, 4, 64), longest_batch=0.0))
    assert [batch.size for batch in seen.batches] == [1, 4]
    assert [batch.size for batch in observe(replace(order, batches=(1, 4, 64))).batches] == [1, 4, 64]


def test_energy_is_read_where_the_machine_tells_it(order: Order, powercap: Path) -> None:
    with_meter = replace(order, powercap=str(powercap))
    assert observe(with_meter).energy_uj is None  # a counter that stands still has measured nothing
    counter = powercap / "intel-rapl:0" / "energy_uj"
    with counting(counter):
        seen = observe(replace(with_meter, batch_seconds=0.2))
    assert seen.energy_uj is not None
    assert seen.energy_uj > 0
    assert observe(replace(order, powercap=str(powercap / "nothing"))).energy_uj is None


def test_an_orphan_ends_itself(order: Order) -> None:
    with pytest.raises(SystemExit, match="is gone"):
        observe(replace(order, parent=-1))


def test_a_headless_bundle_is_measured_by_its_features(order: Order, unsealed: Path) -> None:
    spec = json.loads((unsealed / "bundle.json").read_text())
    (unsealed / "bundle.json").write_text(json.dumps(spec | {"labels": []}))
    assert len(observe(replace(order, folder=str(unsealed))).latencies_ns) == 7


def test_an_unsound_unsealed_bundle_is_not_opened(order: Order, unsealed: Path) -> None:
    (unsealed / "link").symlink_to(unsealed / "model.onnx")
    with pytest.raises(BundleError, match="symbolic link"):
        observe(replace(order, folder=str(unsealed)))


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
