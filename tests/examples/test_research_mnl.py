"""The benchmark of the logit measures what it says, on a small table."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "research_mnl.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("research_mnl", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_contenders_take_turns(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "SLOW", {"slow": 2})
    order: list[str] = []
    times = script.take_turns({"quick": lambda: order.append("quick"), "slow": lambda: order.append("slow")}, 3)
    assert order == ["quick", "slow", "quick", "slow", "quick"]
    assert {name: len(taken) for name, taken in times.items()} == {"quick": 3, "slow": 2}


def test_a_large_table_is_read_and_fitted(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.parquet"
    script.write_large(path, 8000)
    assert pq.read_metadata(path).num_rows == 8000
    assert script.measure(path) == 0
    shown = capsys.readouterr().out
    assert "peak resident MB" in shown
    assert "to fit 2,000 tasks" in shown
    assert "x0 -0.5" in shown or "x0 -0.4" in shown
