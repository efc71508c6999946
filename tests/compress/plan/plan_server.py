"""Plans in processes that may be killed: each line of standard input is a workspace in which one is begun or resumed.

A process that has imported everything forks for each of them and says its number; after another line, how it ended.
Passes on graphs, bundles and scores are real; what would be measured by a clock follows from the bundle's bytes, so
that two plans can be held against each other. A file `log` in the workspace tells, line by line, what was made and
looked at.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx  # noqa: F401 - before it forks
from onnxruntime import quantization  # noqa: F401

from marketfit.brief import load_brief
from marketfit.bundle import read_spec, write_spec
from marketfit.bundle.layout import GRAPH
from marketfit.compress import build
from marketfit.compress.build import Builder, Piece
from marketfit.compress.material import Material
from marketfit.compress.order import Steps, registered_passes
from marketfit.compress.passes import Stage
from marketfit.compress.plan import Walk, bench
from marketfit.compress.plan.account import Account
from marketfit.compress.plan.bench import Bench
from marketfit.compress.score import Scorer
from marketfit.engine import Run, start
from marketfit.records.base import Folder
from marketfit.records.models import Recipe, Trial
from marketfit.records.variants import Variant
from marketfit.task import Labelled
from marketfit.testing.fakes import backbone
from marketfit.testing.plans import Exporter

PASSES = ("static-int8", "int8", "int8-embeddings", "half")


class Copier(Exporter):
    """Exports a model that is a bundle already."""

    def export(self, model: Path, into: Path, *, product: str, lineage: Sequence[str]) -> None:
        into.mkdir()
        for path in model.iterdir():
            (into / path.name).write_bytes(path.read_bytes())
        write_spec(into, replace(read_spec(into), product=product, lineage=tuple(lineage)))


class Logged(Builder):
    """Tells what it makes, and what is on record afterwards."""

    def _piece(self, trial: Trial, steps: Steps, stage: Stage, before: Folder) -> Piece:
        found = super()._piece(trial, steps, stage, before)
        tell(self.run, f"kept {'>'.join(step.label for step in steps)}")
        return found

    def _made(self, trial: Trial, steps: Steps, stage: Stage, before: Folder) -> Piece:
        tell(self.run, f"make {'>'.join(step.label for step in steps)}")
        return super()._made(trial, steps, stage, before)


def tell(run: Run, line: str) -> None:
    with (run.workspace.root / "log").open("a") as log:
        log.write(f"{os.getpid()} {line}\n")


def rows(count: int, labels: tuple[str, ...]) -> Labelled:
    words = [f"word{number}" for number in range(count)]
    return Labelled(inputs=words, targets=np.arange(count) % len(labels), labels=labels)


def plan(workspace: Path, brief_file: Path, model: Path) -> None:
    """Run or resume the plan of a workspace, and write down what it came to."""
    brief = load_brief(brief_file)
    with start(brief, workspace=workspace, command="test") as run:
        labels = read_spec(model).labels
        material = Material(train=rows(60, labels), unlabelled=(), valid=rows(200, labels), groups={}, slices={})
        passes = {item.name: item for item in registered_passes(PASSES)}
        builder = Logged("tiny", Copier(), passes, material, "shelf", run, finalist(run, model))

        def look(variant: Variant) -> Mapping[str, float]:
            tell(run, f"look {variant.name}")
            size = (run.workspace.open_folder(variant.bundle) / GRAPH).stat().st_size / 1e5
            return {"latency_p50_ms": size, "latency_p95_ms": 2 * size, "memory_mb": 90 + size,
                    "throughput_per_s": 1000 / size, "cold_start_ms": 500.0}  # fmt: skip

        here = Bench("study", builder, Scorer(brief, material, run), look, lambda _bundle: ("onnxruntime",), run)
        account = Account(builder, trials=brief.compress.trials, seconds=60 * brief.compress.minutes)
        walk = Walk(here, account, brief, {0: finalist(run, model)})
        walk.through_standard()
        planned = walk.through_plan()
        said = {
            "tried": [row.model_dump(mode="json") for row in planned.tried],
            "untried": [line.model_dump(mode="json") for line in planned.untried],
            "notes": list(planned.notes),
        }
        (workspace / "planned.json").write_text(json.dumps(said))


def finalist(run: Run, model: Path) -> Trial:
    recipe = Recipe(method="probe", learning_rate=0.0, epochs=0.0)
    return Trial(
        number=0, backbone=backbone("b"), recipe=recipe, status="complete", reason="", seed=0,
        model=run.workspace.put_folder(model), probabilities=None, accuracy=None, macro_f1=None, log_loss=None,
        fit=None,
    )  # fmt: skip


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def serve(brief_file: Path, model: Path) -> None:
    ticks = itertools.count()  # eighths of a second: differences are exact
    for module in (build, bench):
        module.time = SimpleNamespace(monotonic=lambda: next(ticks) / 8)  # type: ignore[assignment,attr-defined]
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                plan(Path(line.strip()), brief_file, model)
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)  # without the ends of this process, which are its parent's
        say(child)
        sys.stdin.readline()  # until then its number is its own, even after its end
        say(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
