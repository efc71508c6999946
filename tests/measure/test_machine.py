"""The fingerprint of the machine: readable, complete, the same each time."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from marketfit.measure import machine

CPUINFO = """\
processor\t: 0
model name\t: Fast CPU @ 3.00GHz
flags\t\t: fpu sse avx2 avx512f avx512_vnni

processor\t: 1
model name\t: Another CPU
flags\t\t: fpu
"""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of our own; the fingerprint is forgotten before and after."""
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(machine, "fingerprint", machine.fingerprint.__wrapped__)
    return tmp_path


def test_it_names_what_a_time_depends_on(fresh: Path) -> None:
    text = machine.fingerprint()
    assert fresh.is_dir()
    assert text.startswith("Fast CPU @ 3.00GHz, ")
    assert f"{len(machine.cores())} of " in text
    assert "avx2 avx512f avx512_vnni," in text
    for part in (platform.release(), sys.version.split()[0], f"onnxruntime {version('onnxruntime')}", "GiB memory"):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("quota", "says"), [("150000 100000\n", "(at most 1.5 at a time)"), ("max 100000\n", "cores,"), ("", "cores,")]
)
def test_a_containers_limit_is_told(fresh: Path, quota: str, says: str) -> None:
    (fresh / "cpu.max").write_text(quota)
    assert says in machine.fingerprint()


def test_a_machine_that_says_little_still_has_a_fingerprint(fresh: Path) -> None:
    (fresh / "cpuinfo").unlink()
    assert machine.fingerprint().partition(",")[0]
    (fresh / "cpuinfo").write_text("Features\t: asimddp i8mm\n")
    assert "asimddp i8mm," in machine.fingerprint()


def test_it_is_the_same_each_time() -> None:
    assert machine.fingerprint() == machine.fingerprint.__wrapped__()


def test_engines_beside_onnxruntime_are_named_where_they_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "openvino" not in machine.fingerprint()
    assert machine.fingerprint("onnxruntime") == machine.fingerprint()
    monkeypatch.setattr(machine, "package_of", lambda engine: engine)
    monkeypatch.setattr(machine, "version", lambda package: f"1.2 of {package}")
    bare = machine.fingerprint.__wrapped__
    assert bare("openvino", "onnxruntime", "openvino").endswith(
        "onnxruntime 1.2 of onnxruntime, openvino 1.2 of openvino"
    )
    monkeypatch.setattr(machine, "package_of", lambda engine: engine if engine == "onnxruntime" else None)
    assert bare("openvino").endswith("onnxruntime 1.2 of onnxruntime, openvino not installed")


def test_an_engine_on_a_gpu_names_the_gpus(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_GPUS", fresh / "gpus")
    monkeypatch.setattr(machine, "package_of", lambda _engine: "onnxruntime-gpu")
    monkeypatch.setattr(machine, "version", lambda _package: "1.2")
    assert machine.fingerprint().endswith("onnxruntime 1.2")
    monkeypatch.setattr(machine, "available", lambda _engine: True)
    for place in ("0000:01:00.0", "0000:02:00.0"):
        (fresh / "gpus" / place).mkdir(parents=True)
        (fresh / "gpus" / place / "information").write_text("Model: \t\t NVIDIA H200\nIRQ:   \t 57\n")
    assert machine.fingerprint("onnxruntime-cuda").endswith("onnxruntime-gpu 1.2 on NVIDIA H200 and NVIDIA H200")
    monkeypatch.setattr(machine, "available", lambda _engine: False)  # a GPU is there, and its libraries do not load
    assert machine.fingerprint("onnxruntime-cuda").endswith("onnxruntime 1.2, onnxruntime-gpu 1.2 on no GPU")
