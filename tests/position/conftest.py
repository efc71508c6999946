"""Synthetic variants: probabilities with a chosen accuracy, measurements as wanted, bundles that read the label."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pytest

from marketfit import registry
from marketfit.brief import Brief, load_brief
from marketfit.bundle import write_spec
from marketfit.contract import DEFAULT_CONFIDENCE, Measurement
from marketfit.engine import Run
from marketfit.measure.quality import measure_quality
from marketfit.records.base import Folder
from marketfit.records.bundle import BundleSpec, InputReport, SessionSettings
from marketfit.records.data import Dataset, InputSlice, LengthProfile, Slicing
from marketfit.records.market import MarketView
from marketfit.records.variants import Variant, Variants
from marketfit.task import Example, FloatMatrix

LABELS = ("a", "b", "c")
VALID, TEST = 600, 400
EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())


class Shop:
    """Makes the records that `position` and `settle` take."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def dataset(self, *, test: int = TEST, sensitive: Sequence[str] = (), sliced: bool = False) -> Dataset:
        """300 training rows, 600 valid ones and a test split; row 17 has the input `b 17` and the label `b`.

        `sliced`: rows of odd number are of the topic "odd", the others of "even".
        """
        splits = ["train"] * 300 + ["valid"] * VALID + ["test"] * test
        labels = [LABELS[row % 3] for row in range(len(splits))]
        columns: dict[str, pa.Array] = {
            "row": pa.array(range(1, len(splits) + 1), pa.int64()),
            "input": pa.array([f"{label} {row}" for row, label in enumerate(labels, start=1)]),
            "label": pa.array(labels),
            "split": pa.array(splits),
            "group": pa.nulls(len(splits), pa.string()),
            "origin": pa.array(["source"] * len(splits)),
        }
        columns |= {f"sensitive.{name}": pa.array(["x", "y"] * (len(splits) // 2)) for name in sensitive}
        slicing = self._slicing() if sliced else None
        columns |= {"slice.topic": pa.array(["odd", "even"] * (len(splits) // 2))} if sliced else {}
        blob = self.run.workspace.put_bytes(b"x", suffix=".parquet")
        return Dataset(
            task="text-classification", rows=self.run.workspace.put_table(pa.table(columns)),
            features=self.run.workspace.put_array(np.zeros((len(splits), 2), dtype=np.float32)),
            embedder=Folder(files={}), labels=LABELS, splits={"train": 300, "valid": VALID, "test": test}, classes={},
            source_rows=len(splits), quarantined=(), quarantine=blob, receipts=blob, label_issues=blob, unlabelled=None,
            length=LengthProfile(p50=1, p95=1, longest=1, unit="characters"), notes=(), test_digest="test-digest",
            input_description="text", slicing=slicing,
        )  # fmt: skip

    def _slicing(self) -> Slicing:
        found = (
            InputSlice(family="topic", place=place, name=name, typical=(), train_rows=150)
            for place, name in enumerate(("odd", "even"))
        )
        return Slicing(centres=self.run.workspace.put_array(np.eye(2)), ends=(0, 0), slices=tuple(found))

    def bundle(self, *, wrong: Sequence[int] = ()) -> Folder:
        """An unsealed bundle that reads the label off the input, and errs on these row numbers."""
        with self.run.workspace.scratch() as folder:
            write_spec(folder, BundleSpec(product="tiny", task="text-classification", labels=LABELS))
            (folder / "wrong.json").write_text(json.dumps(list(wrong)))
            return self.run.workspace.put_folder(folder)

    def variant(
        self, name: str, *, wrong: Sequence[int] = (), p95: float | None = 4.0, size: float = 20.0, rejected: str = "",
        cost: float | None = None, bundle: Folder | None = None, metrics: Sequence[str] = ("accuracy",),
    ) -> Variant:  # fmt: skip
        """A variant that errs on the valid rows `wrong`; `p95` in milliseconds within 5 %, None: not timed."""
        targets = np.arange(300, 300 + VALID) % 3
        said = targets.copy()
        said[list(wrong)] = (said[list(wrong)] + 1) % 3
        probabilities = np.full((VALID, 3), 0.05, dtype=np.float32)
        probabilities[np.arange(VALID), said] = 0.9
        found = list(measure_quality(metrics, probabilities, targets, conditions="valid rows"))
        found.append(exact("size_mb", size))
        found += [process("latency_p95_ms", p95)] if p95 is not None else []
        found += [process("cost_per_1000", cost)] if cost is not None else []
        return Variant(
            name=name, trial=0, backbone="minilm", passes=(), bundle=bundle or Folder(files={}),
            measurements=tuple(found), probabilities=self.run.workspace.put_array(probabilities), unknown_tokens=0.0,
            truncated=0.0, rejected=rejected,
        )  # fmt: skip


class Reader:
    """A runtime that reads the label off the input."""

    opened: list[Path]

    def __init__(self, wrong: frozenset[int]) -> None:
        self._wrong = wrong

    @classmethod
    def load(cls, folder: Path, spec: BundleSpec, *, session: SessionSettings) -> Self:  # noqa: ARG003 - the protocol
        cls.opened.append(folder)
        return cls(frozenset(json.loads((folder / "wrong.json").read_text())))

    def predict(self, examples: Sequence[Example]) -> FloatMatrix:
        probabilities = np.full((len(examples), 3), 0.05, dtype=np.float32)
        for place, example in enumerate(examples):
            label, row = str(example).split()
            said = (LABELS.index(label) + (int(row) in self._wrong)) % 3
            probabilities[place, said] = 0.9
        return probabilities

    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        return np.ones((len(examples), 1), dtype=np.float32)

    def inspect(self, examples: Sequence[Example]) -> InputReport:
        return InputReport(unknown=0.01 if examples else 0.0, truncated=0.02)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were opened as bundles, by a runtime that needs nothing."""
    monkeypatch.setattr(Reader, "opened", [], raising=False)
    monkeypatch.setattr(registry, "runtime", lambda _task: Reader)
    return Reader.opened


def exact(metric: str, value: float) -> Measurement:
    return Measurement(metric=metric, value=value, low=value, high=value, n=1)


def process(metric: str, value: float) -> Measurement:
    return Measurement(
        metric=metric, value=value, low=value / 1.05, high=value * 1.05, n=2000, confidence=DEFAULT_CONFIDENCE
    )


def variants_of(*variants: Variant) -> Variants:
    return Variants(variants=variants, machine="test", notes=())


@pytest.fixture
def shop(run: Run) -> Shop:
    return Shop(run)


@pytest.fixture
def brief_with(write_brief: Callable[..., Path]) -> Callable[..., Brief]:
    """A brief with these requirements and further sections."""

    def make(
        require: str = '{accuracy: ">= 0.85", latency_p95_ms: "<= 10", size_mb: "<= 30"}', extra: str = ""
    ) -> Brief:
        head = "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
        return load_brief(write_brief(f"{head}require: {require}\n{extra}\n"))

    return make
