"""A study of a trainer whose trials take no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit import registry
from marketfit.brief import Brief, load_brief
from marketfit.engine import Run
from marketfit.records.data import Dataset
from marketfit.records.models import Shortlist
from marketfit.testing.fakes import FakeRuntime, FakeTrainer, backbone, shortlist_of, tiny_dataset


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    fake = FakeTrainer()
    monkeypatch.setattr(registry, "trainer", lambda _task: fake)
    monkeypatch.setattr(registry, "runtime", lambda _task: FakeRuntime)
    return fake


@pytest.fixture
def make_brief(write_brief: Callable[..., Path]) -> Callable[..., Brief]:
    def make(*, trials: int = 12, minutes: float = 20.0, extra: str = "") -> Brief:
        text = (
            "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
            f"budget: {{trials: {trials}, minutes: {minutes}}}\n{extra}\n"
        )
        return load_brief(write_brief(text if "require" in extra else text + 'require: {accuracy: ">= 0.5"}\n'))

    return make


@pytest.fixture
def dataset(run: Run) -> Dataset:
    return tiny_dataset(run)


@pytest.fixture
def models() -> Shortlist:
    return shortlist_of(backbone("big"), backbone("small"), backbone("static", "probe", "full"))
