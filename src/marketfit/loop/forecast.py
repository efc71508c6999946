"""How long a run will take here: a few rows through the first backbone, and the sizes of what follows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from marketfit import registry
from marketfit.brief import Brief
from marketfit.bundle import load_unsealed
from marketfit.engine import Run
from marketfit.measure.probe import PROCESSES, REQUESTS
from marketfit.prepare import DataPreview
from marketfit.prepare.features import embed, make_embedder
from marketfit.prepare.sample import sample_inputs
from marketfit.records import Record
from marketfit.task import Example

_SAMPLE = 256  # rows that are embedded to see how fast that goes
_WARM = 16
_SINGLE = 20  # requests that are timed one by one

# Measured on two data sets of 1,800 and 22,500 rows on 2 cores, rounded up: a forecast that is kept beats a sharp one.
_CLEANLAB = 4.0  # seconds a thousand rows to look for label errors
_PROBED_ROWS = 9_000  # at most so many rows are embedded for the shortlist
_PROBE = 4.0  # seconds to fit and time the probe of one backbone
_PROCESS = 1.5  # seconds of a fresh process beside its single requests
_QUICKER = 0.4  # time of a typical variant (int8, fewer layers, static) relative to the whole backbone in float32
_PASSES = 3  # variants of one backbone that are timed, at the most
_WRITING = 4.0  # seconds to export, compress and reload one variant
_REPORT = 15.0  # seconds for the decision, the locked test and the report


class StepTime(Record):
    """Estimated seconds of one step, and what they are made of."""

    step: str
    seconds: float
    how: str


def forecast(brief: Brief, data: DataPreview, *, reading: float, run: Run) -> tuple[StepTime, ...]:
    """Seconds of every step. `reading` is how long the files took to read."""
    inputs = sample_inputs(brief, most=_SAMPLE)
    began = time.monotonic()
    embedder = make_embedder(brief, run)
    loading = time.monotonic() - began
    embed(embedder, inputs[:_WARM], run)
    began = time.monotonic()
    embed(embedder, inputs, run)
    row = (time.monotonic() - began) / max(1, len(inputs))
    with run.workspace.scratch() as folder:
        run.workspace.copy_folder(embedder, folder / "embedder")
        single = _median_seconds(load_unsealed(folder / "embedder", threads=brief.target.threads).embed, inputs)
    trainer = registry.trainer(brief.task)
    backbones = sum(len(trainer.backbones(name, base=brief.base)) for name in brief.backbones)
    rows, minutes, variants = sum(data.splits.values()), brief.budget.minutes, _PASSES * backbones
    timing = PROCESSES * (_PROCESS + REQUESTS * single * _QUICKER)
    return (
        StepTime(step="prepare", seconds=reading + loading + rows * (row + _CLEANLAB / 1000),
                 how=f"{rows:,} rows at {1 / row:,.0f} a second, then label errors"),
        StepTime(step="shortlist", seconds=backbones * (loading + _PROBE + min(rows, _PROBED_ROWS) * row),
                 how=f"{backbones} backbones"),
        StepTime(step="tune", seconds=60 * minutes,
                 how=f"at the most: {brief.budget.trials} trials, {minutes:g} minutes"),
        StepTime(step="compress",
                 seconds=variants * (_WRITING + data.splits["valid"] * row + timing),
                 how=f"at most {variants} variants, each in {PROCESSES} processes of {REQUESTS} requests"),
        StepTime(step="position", seconds=_REPORT + data.splits["test"] * row, how="decision, locked test, report"),
    )  # fmt: skip


def _median_seconds(answer: Callable[[Sequence[Example]], object], inputs: Sequence[Example]) -> float:
    taken = []
    for example in inputs[:_SINGLE]:
        began = time.monotonic()
        answer([example])
        taken.append(time.monotonic() - began)
    return statistics.median(taken)
