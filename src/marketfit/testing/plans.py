"""A plan whose passes take no time and whose effects are known, for tests: models and bundles are files of numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from typing_extensions import override

from marketfit.brief import Brief
from marketfit.compress.build import Builder, Built
from marketfit.compress.material import Material
from marketfit.compress.order import Named
from marketfit.compress.passes import Artefact, Context, Options, Pass, Role, Stage
from marketfit.compress.plan import Planned, Walk
from marketfit.compress.plan.account import Account
from marketfit.compress.plan.bench import Bench
from marketfit.compress.score import Scorer
from marketfit.contract import Measurement
from marketfit.engine import Run
from marketfit.records.bundle import Engine
from marketfit.records.models import Backbone, FitSummary, Recipe, Trial
from marketfit.records.variants import Variant
from marketfit.task import Example, Labelled, Progress, Study
from marketfit.testing.fakes import FakeTrainer, backbone

FILE = "model.json"
START = {"accuracy": 0.95, "size_mb": 80.0, "latency_p50_ms": 4.0, "memory_mb": 200.0, "openvino": 1.0}
"""Figures with onnxruntime, and by how much OpenVINO's latency is that of onnxruntime."""
ROWS = Labelled(inputs=["a 1", "b 2"], targets=np.array([0, 1]), labels=("a", "b"))


@dataclass
class FakePass(Pass):
    """Multiplies figures (accuracy: adds). `calls`: all that was done to what it made, each time."""

    effects: Mapping[str, float]
    stage: Stage = "graph"
    role: Role = "rewrite"
    trains: bool = False
    settings: Sequence[Options] = ({},)
    takes: float = 0.0
    refuses: str = ""
    calls: list[str] = field(default_factory=list)

    @override
    def applies(self, artefact: Artefact, context: Context) -> str:
        return self.refuses

    @override
    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        return self.settings

    @override
    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:
        return self.takes

    @override
    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        found = json.loads((artefact.folder / FILE).read_text())
        made = f"{found['made']} > {self.effects} {sorted(options.items())}"
        self.calls.append(made)
        for name, effect in self.effects.items():
            found[name] = found[name] + effect if name == "accuracy" else found[name] * effect
        if self.role == "recover":
            found["accuracy"] = min(found["accuracy"], 0.94)
        context.into.mkdir()
        (context.into / FILE).write_text(json.dumps(found | {"made": made}))
        return Artefact(self.stage, context.into)


class Exporter(FakeTrainer):
    """Exports a model by copying it, and does nothing else."""

    @override
    def backbones(self, name: str, *, base: Path) -> tuple[Backbone, ...]:
        raise NotImplementedError

    @override
    def distil(
        self, student: Path, teacher: Path, train: Labelled, into: Path, *, unlabelled: Sequence[Example],
        study: Study, seed: int, progress: Progress,
    ) -> FitSummary:  # fmt: skip
        raise NotImplementedError

    @override
    def export(self, model: Path, into: Path, *, product: str, lineage: Sequence[str]) -> None:
        into.mkdir()
        (into / FILE).write_text((model / FILE).read_text())


class Reader(Scorer):
    """Scores a bundle by reading what stands in it."""

    @override
    def variant(self, built: Built, *, engine: Engine = "onnxruntime") -> Variant:
        if built.failure:
            return self._variant(built, rejected=built.failure)
        found = json.loads((self.run.workspace.open_folder(built.bundle) / FILE).read_text())
        bundle, accuracy, size = built.bundle, found["accuracy"], found["size_mb"]
        if engine == "openvino":
            with self.run.workspace.scratch() as scratch:
                (scratch / FILE).write_text(
                    json.dumps(found | {"latency_p50_ms": found["latency_p50_ms"] * found["openvino"]})
                )
                bundle = self.run.workspace.put_folder(scratch)
        measured = (
            Measurement(metric="accuracy", value=accuracy, low=accuracy - 0.01, high=accuracy + 0.01, n=1000),
            Measurement(metric="size_mb", value=size, low=size, high=size, n=1),
        )
        return self._variant(built, rejected="").model_copy(update={"bundle": bundle, "measurements": measured})


@dataclass
class Lab:
    """Makes walks over one ledger, so that they can be interrupted and resumed. `looks` names what was looked at."""

    run: Run
    passes: dict[str, FakePass]
    brief: Brief
    looks: list[str] = field(default_factory=list)
    stop_after: int = 10**6
    study: str = "study"
    engines: tuple[Engine, ...] = ("onnxruntime",)

    def look(self, variant: Variant) -> Mapping[str, float] | str:
        if len(self.looks) >= self.stop_after:
            raise KeyboardInterrupt
        self.looks.append(variant.name)
        found = json.loads((self.run.workspace.open_folder(variant.bundle) / FILE).read_text())
        single = found["latency_p50_ms"]
        return {
            "latency_p50_ms": single, "latency_p95_ms": 1.5 * single, "memory_mb": found["memory_mb"],
            "throughput_per_s": 1000.0 / single, "cold_start_ms": 500.0,
        }  # fmt: skip

    def walk(
        self, *, finalists: int = 1, trials: int | None = None, minutes: float | None = None,
        made: Collection[str] = (), failed: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Walk:  # fmt: skip
        wanted = self.brief.compress
        passes = {name: Named(name, works) for name, works in self.passes.items()}
        material = Material(train=ROWS, unlabelled=(), valid=ROWS, groups={}, slices={})
        builder = Builder("tiny", Exporter(), passes, material, f"shelf of {self.study}", self.run, self.trial(0))
        scorer = Reader(self.brief, material, self.run)
        bench = Bench(self.study, builder, scorer, self.look, lambda _bundle: self.engines, self.run)
        account = Account(
            builder,
            trials=wanted.trials if trials is None else trials,
            seconds=60.0 * (wanted.minutes if minutes is None else minutes),
        )
        started = {number: self.trial(number) for number in range(finalists)}
        return Walk(bench, account, self.brief, started, made, failed or {})

    def plan(
        self, *, finalists: int = 1, trials: int | None = None, minutes: float | None = None,
        made: Collection[str] = (), failed: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Planned:  # fmt: skip
        walk = self.walk(finalists=finalists, trials=trials, minutes=minutes, made=made, failed=failed)
        walk.through_standard()
        return walk.through_plan()

    def trial(self, number: int) -> Trial:
        with self.run.workspace.scratch() as scratch:
            figures = START | {"accuracy": START["accuracy"] - 0.01 * number, "made": f"m{number}"}
            (scratch / FILE).write_text(json.dumps(figures))
            folder = self.run.workspace.put_folder(scratch)
        recipe = Recipe(method="probe", learning_rate=0.0, epochs=0.0)
        return Trial(
            number=number, backbone=backbone(f"b{number}"), recipe=recipe, status="complete", reason="", seed=0,
            model=folder, probabilities=None, accuracy=None, macro_f1=None, log_loss=None, fit=None,
        )  # fmt: skip


def usual_passes() -> dict[str, FakePass]:
    """Two cuts, what recovers them, a replacement, two standard passes and one more, in their order."""
    return {
        "cut": FakePass(
            {"accuracy": -0.2, "latency_p50_ms": 0.5, "size_mb": 0.7}, "model", "cut",
            settings=({"layers": 3}, {"layers": 2}),
        ),
        "recover": FakePass({"accuracy": 0.19}, "model", "recover", trains=True, takes=100.0),
        "replace": FakePass(
            {"accuracy": -0.03, "latency_p50_ms": 0.05, "size_mb": 0.3}, "model", "replace", trains=True, takes=60.0
        ),
        "trim": FakePass({"accuracy": -0.002, "size_mb": 0.7}),
        "whole": FakePass({"accuracy": -0.001, "latency_p50_ms": 0.5, "size_mb": 0.6}, role="standard"),
        "table": FakePass({"accuracy": -0.001, "size_mb": 0.6}, role="standard"),
    }  # fmt: skip
