"""A laboratory of plans over the ledger of a test's run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.brief import load_brief
from marketfit.engine import Run
from marketfit.testing.plans import FakePass, Lab, usual_passes


@pytest.fixture
def lab(run: Run, write_brief: Callable[..., Path]) -> Callable[..., Lab]:
    def make(
        require: str = "{accuracy: '>= 0.9', latency_p95_ms: '<= 20'}",
        extra: str = "",
        passes: dict[str, FakePass] | None = None,
    ) -> Lab:
        text = "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
        brief = load_brief(write_brief(f"{text}require: {require}\n{extra}\n"))
        return Lab(run, usual_passes() if passes is None else passes, brief)

    return make
