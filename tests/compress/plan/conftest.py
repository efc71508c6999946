"""A laboratory of plans over the ledger of a test's run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from marketfit.brief import load_brief
from marketfit.compress import build
from marketfit.compress.plan import bench
from marketfit.engine import Run
from marketfit.testing.plans import FakePass, Lab, usual_passes


@pytest.fixture
def lab(run: Run, write_brief: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lab]:
    """Whatever is timed takes a tenth of a second: what a real clock says is on record, but differs between plans."""
    ticks = itertools.count()
    for module in (build, bench):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 10))

    def make(
        require: str = "{accuracy: '>= 0.9', latency_p95_ms: '<= 20'}",
        extra: str = "",
        passes: dict[str, FakePass] | None = None,
    ) -> Lab:
        text = "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
        brief = load_brief(write_brief(f"{text}require: {require}\n{extra}\n"))
        return Lab(run, usual_passes() if passes is None else passes, brief)

    return make
