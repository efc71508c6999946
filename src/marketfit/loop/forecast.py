"""How long a run will take here: a few rows through the first backbone, and the sizes of what follows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from marketfit import registry
from marketfit.brief import Brief
from marketfit.bundle import load_unsealed
from marketfit.compress.plan.account import UNMET
from marketfit.compress.timing import GLANCE
from marketfit.engine import Run
from marketfit.measure.features import embed, make_embedder
from marketfit.measure.process_metrics import BATCHES, Setting
from marketfit.prepare import DataPreview
from marketfit.prepare.sample import sample_inputs
from marketfit.records.base import Record
from marketfit.records.models import Backbone
from marketfit.shortlist.options import TRAIN_ROWS, VALID_ROWS
from marketfit.task import Example

_SAMPLE = 256  # rows that are embedded to see how fast that goes
_WARM = 16
_SINGLE = 20  # requests that are timed one by one

# From the logs of two runs on 2 cores on 2026-11-24, home-assistant (2,579 rows) and CLINC150 (22,342 rows): the larger
# figure of the two, rounded up.
_CLEANLAB = 0.7  # seconds a thousand rows to look for label errors: 0.5 and 0.4
_PROBE = 5.5  # seconds of TF-IDF, probe and latency for each backbone: 1.5 and 5.3
_PROCESS = 0.65  # seconds of a fresh process beside its requests and batches: 0.55 and 0.35
_WRITING = 3.0  # seconds to export, compress and score one variant on few rows: 2.9 in home-assistant
_REPORT = 5.0  # seconds of the decision and the report: 3 for the report
_QUICKER = 0.5  # an int8 MiniLM takes 2.0 of 4.4 ms; fewer layers and static models less
_PASSES = 3  # standard variants of one backbone


class StepTime(Record):
    """Estimated seconds of one step, and what they are made of."""

    step: str
    seconds: float
    how: str


def forecast(brief: Brief, data: DataPreview, *, reading: float, run: Run) -> tuple[StepTime, ...]:
    """Seconds of every step. `reading` is how long the files took to read."""
    inputs = sample_inputs(brief, most=_SAMPLE)
    began = time.monotonic()
    embedder = make_embedder(brief.task, brief.backbones[0], base=brief.base, run=run)
    loading = time.monotonic() - began
    embed(embedder, inputs[:_WARM], run)
    began = time.monotonic()
    embed(embedder, inputs, run)
    row = (time.monotonic() - began) / max(1, len(inputs))
    with run.workspace.scratch() as folder:
        run.workspace.copy_folder(embedder, folder / "embedder")
        single = _median_seconds(load_unsealed(folder / "embedder", threads=brief.target.threads).embed, inputs)
    trainer = registry.trainer(brief.task)
    backbones = [found for name in brief.backbones for found in trainer.backbones(name, base=brief.base)]
    rows, minutes, variants = sum(data.splits.values()), brief.budget.minutes, _PASSES * len(backbones)
    probed = min(rows, TRAIN_ROWS + VALID_ROWS) * row * _work(backbones)
    plan = Setting(brief.target.threads, brief.require, processes=brief.target.processes).plan
    batches = len(BATCHES) * plan.batch_seconds
    timing, look = (
        count * (_PROCESS + batches + each * single * _QUICKER)
        for count, each in ((plan.processes, plan.requests), GLANCE)
    )
    further, also = 0.0, ""
    if brief.compress.trials:
        further = variants * look + 60 * brief.compress.minutes
        also = (
            f", and {brief.compress.trials} further ones in {brief.compress.minutes:g} min ({UNMET} times as long "
            "where none keeps the requirements)"
        )
    return (
        StepTime(step="prepare", seconds=reading + loading + rows * (row + _CLEANLAB / 1000),
                 how=f"{rows:,} rows at {1 / row:,.0f} a second, then label errors"),
        StepTime(step="shortlist", seconds=len(backbones) * (loading + _PROBE) + probed,
                 how=f"{len(backbones)} backbones"),
        StepTime(step="tune", seconds=60 * minutes,
                 how=f"at the most: {brief.budget.trials} trials, {minutes:g} minutes"),
        StepTime(step="compress",
                 seconds=variants * (_WRITING + data.splits["valid"] * row + timing) + further,
                 how=f"at most {variants} standard variants, each in {plan.processes} processes of {plan.requests} "
                 f"requests{also}"),
        StepTime(step="position", seconds=timing + _REPORT + data.splits["test"] * row,
                 how="decision, the winner timed again, locked test, report"),
    )  # fmt: skip


def _work(backbones: Sequence[Backbone]) -> float:
    """Work of the shortlist's embedding, that of the first backbone being 1: its features are there from `prepare`.

    A lookup of tokens costs next to nothing beside an encoder; a smaller encoder at the most its share of parameters.
    """
    first, *others = backbones
    return sum(min(1.0, other.parameters / first.parameters) for other in others if not other.static)


def _median_seconds(answer: Callable[[Sequence[Example]], object], inputs: Sequence[Example]) -> float:
    taken = []
    for example in inputs[:_SINGLE]:
        began = time.monotonic()
        answer([example])
        taken.append(time.monotonic() - began)
    return statistics.median(taken)
