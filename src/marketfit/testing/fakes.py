"""A trainer whose trials take no time and whose quality is a known function of the recipe: for tests of its users."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from typing_extensions import override

from marketfit.bundle import write_spec
from marketfit.engine import Run
from marketfit.errors import MissingExtraError
from marketfit.records.base import Folder
from marketfit.records.bundle import BundleSpec, InputReport, SessionSettings
from marketfit.records.data import Dataset, LengthProfile
from marketfit.records.models import Backbone, Candidate, FitSummary, Recipe, Shortlist
from marketfit.task import (
    Example,
    FloatMatrix,
    Follow,
    Labelled,
    Progress,
    Runtime,
    Trainer,
    TrainingStep,
    unfollowed,
)

LABELS = ("a", "b", "c")


def backbone(name: str, *methods: str) -> Backbone:
    """A backbone that exists by name only."""
    return Backbone(
        name=name, source="fake", cut=None, static=name.endswith("static"), parameters=1000,
        weights_sha256=hashlib.sha256(name.encode()).hexdigest(), methods=methods or ("probe", "full", "lora"),
    )  # fmt: skip


def draw(*parts: object) -> float:
    """A number from 0 to 1 that depends on its arguments alone."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6]) / 2**48


def never(backbone: Backbone, recipe: Recipe) -> Exception | None:
    """No recipe fails."""


def kills(backbone: Backbone, recipe: Recipe) -> Exception | None:
    """LoRA of the backbone `big` ends the process that it runs in, as the kernel does when memory runs out."""
    if recipe.method == "lora" and backbone.name == "big":
        os.kill(os.getpid(), signal.SIGKILL)
    return None


def missing_package(backbone: Backbone, recipe: Recipe) -> Exception | None:
    """Every recipe finds that a package is missing."""
    return MissingExtraError("train", f"what {recipe.method} of {backbone.name} takes")


@dataclass
class FakeTrainer(Trainer):
    """Full fine-tuning is best at a rate of 3e-4; `calls` logs every fit; `fail` says which recipes fail.

    A training reports ten steps and takes `pause` seconds.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[str, str, Recipe, int]] = field(default_factory=list)
    trained_on: list[Labelled] = field(default_factory=list)
    estimates: list[tuple[str, str]] = field(default_factory=list)
    fail: Callable[[Backbone, Recipe], Exception | None] = never
    embedded: int = 0
    pause: float = 0.0

    @override
    def embedder(self, backbone: Backbone, into: Path, *, base: Path) -> None:
        self.embedded += 1
        write_spec(into, BundleSpec(product="x", task="fake", labels=()))
        (into / "name.txt").write_text(backbone.name)

    @override
    def fit(
        self, backbone: Backbone, recipe: Recipe, train: Labelled, into: Path, *, base: Path, seed: int,
        progress: Progress, follow: Follow = unfollowed,
    ) -> FitSummary:  # fmt: skip
        self.calls.append((backbone.name, recipe.method, recipe, seed))
        self.trained_on.append(train)
        error = self.fail(backbone, recipe)
        if error is not None:
            raise error
        skill = {"probe": 0.6, "full": 0.9, "lora": 0.8}[recipe.method]
        skill -= 0.005 * (backbone.name != "big")
        if recipe.method == "full":
            skill -= 0.05 * abs(np.log10(recipe.learning_rate / 3e-4))
        into.mkdir()
        (into / "model.json").write_text(json.dumps({"skill": float(skill), "seed": seed}))
        if recipe.method != "probe":
            for number in range(1, 11):
                time.sleep(self.pause / 10)
                follow(TrainingStep(number, number / 5, 1.0 / number, recipe.learning_rate))
        progress(1.0)
        return FitSummary(steps=10, seconds=0.1, losses=(1.0, 0.5), precision="float32")

    @override
    def scores(self, model: Path, examples: Sequence[Example], *, progress: Progress) -> FloatMatrix:
        said = json.loads((model / "model.json").read_text())
        logits = np.zeros((len(examples), len(LABELS)), dtype=np.float32)
        for row, example in enumerate(examples):
            truth = LABELS.index(str(example).split()[0])
            right = draw(example) < said["skill"]
            logits[row, truth if right else (truth + 1) % len(LABELS)] = 2.0
        progress(1.0)
        return logits

    @override
    def seconds_per_epoch(self, backbone: Backbone, recipe: Recipe, train: Labelled, *, base: Path) -> float:
        self.estimates.append((backbone.name, recipe.method))
        return self.seconds.get(f"{backbone.name}:{recipe.method}", self.seconds.get(backbone.name, 0.01))


class FakeRuntime(Runtime):
    """Features that name their backbone."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    @override
    def load(cls, folder: Path, spec: BundleSpec, *, session: SessionSettings) -> Self:
        return cls((folder / "name.txt").read_text())

    @override
    def predict(self, examples: Sequence[Example]) -> FloatMatrix:
        return np.full((len(examples), len(LABELS)), 1 / len(LABELS), dtype=np.float32)

    @override
    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        return np.full((len(examples), 2), len(self.name), dtype=np.float32)

    @override
    def inspect(self, examples: Sequence[Example]) -> InputReport:
        return InputReport(0.0, 0.0)


def tiny_dataset(run: Run) -> Dataset:
    """60 training rows, 200 valid ones, 30 of test; the first word of an input is its label."""
    splits = ["train"] * 60 + ["valid"] * 200 + ["test"] * 30
    labels = [LABELS[row % 3] for row in range(len(splits))]
    table = pa.table(
        {
            "row": pa.array(range(1, len(splits) + 1), pa.int64()),
            "input": [f"{label} {row}" for row, label in enumerate(labels)],
            "label": labels,
            "split": splits,
            "group": pa.nulls(len(splits), pa.string()),
            "origin": ["source"] * len(splits),
        }
    )
    blob = run.workspace.put_bytes(b"x", suffix=".parquet")
    return Dataset(
        task="text-classification", rows=run.workspace.put_table(table),
        features=run.workspace.put_array(np.zeros((len(splits), 2), dtype=np.float32)), embedder=Folder(files={}),
        labels=LABELS, splits={"train": 60, "valid": 200, "test": 30}, classes={}, source_rows=290, quarantined=(),
        quarantine=blob, receipts=blob, label_issues=blob, unlabelled=None,
        length=LengthProfile(p50=1, p95=1, longest=1, unit="characters"), notes=(), test_digest="t",
        input_description="text",
    )  # fmt: skip


def shortlist_of(*backbones: Backbone) -> Shortlist:
    """All of them kept."""
    return Shortlist(
        candidates=tuple(
            Candidate(
                backbone=item, kept=True, reason="", size_mb=1, probe_accuracy=0.5, probe_low=0.4, probe_high=0.6,
                probe_rows=10, latency_ms=1,
            )
            for item in backbones
        ),
        floor_accuracy=0.3, floor_low=0.2, floor_high=0.4, floor_rows=10,
    )  # fmt: skip
