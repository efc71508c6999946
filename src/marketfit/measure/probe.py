"""Latency, throughput, memory, cold start and cost of bundles, measured in fresh processes that take turns.

A process holds one bundle and is pinned to as many cores as it may have threads. Bundles are interleaved round by
round, so that a machine that is busy for a while does harm to all of them alike. What follows from what they observe is
in `process_metrics.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marketfit.bundle import read_spec, size_mb, verify
from marketfit.bundle.seal import size_measurement
from marketfit.contract import Measurement, Requirement
from marketfit.engine import exit_words
from marketfit.errors import RunError
from marketfit.measure.machine import cores
from marketfit.measure.probe_process import Observed, Order, encode_example
from marketfit.measure.process_metrics import (
    PROCESSES,
    USUAL_BATCH,
    Plan,
    Setting,
    process_measurements,
)
from marketfit.records.plain import plain, read_plain
from marketfit.task import Example, Progress

WARM_UP = 40
_LONGEST_BATCH = 0.3  # seconds; a size above the usual one whose batch takes longer is not tried
_PATIENCE = 900.0  # seconds that one process may take
_LAST_LINES = 4


@dataclass(frozen=True)
class Probed:
    """What the processes of one bundle observed, or why there is nothing: the words of the first that failed."""

    processes: tuple[Observed, ...]
    failure: str = ""


def probe(
    folders: Mapping[str, Path],
    inputs: Sequence[Example],
    *,
    plan: Plan,
    progress: Progress,
) -> dict[str, Probed]:
    """Start fresh processes for each bundle, sealed or not, in turns; each answers single requests, then batches.

    In one round all bundles get the same inputs, on the same cores. A bundle whose process fails is not tried again:
    its failure is told.

    Raises:
        ValueError: no inputs.
        TypeError: an input is neither text, bytes nor a mapping.
    """
    if not len(inputs):
        raise ValueError("a probe needs inputs")
    found: dict[str, list[Observed]] = {name: [] for name in folders}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "inputs.jsonl"
        file.write_text("".join(encode_example(example) + "\n" for example in inputs), "utf-8")
        for number in range(plan.processes):
            for place, (name, folder) in enumerate(_turned(folders, number)):
                if name not in failures:
                    order = Order(
                        folder=str(folder.resolve()),
                        inputs=str(file),
                        first=number * plan.requests % len(inputs),
                        threads=plan.threads,
                        cores=_share(number, plan.threads),
                        warm_up=min(WARM_UP, plan.requests),
                        requests=plan.requests,
                        batches=plan.batches,
                        usual_batch=USUAL_BATCH,
                        longest_batch=_LONGEST_BATCH,
                        batch_seconds=plan.batch_seconds,
                        began_ns=0,
                        parent=os.getpid(),
                    )
                    outcome = _run(order)
                    if isinstance(outcome, str):
                        failures[name] = outcome
                    else:
                        found[name].append(outcome)
                progress((number * len(folders) + place + 1) / (plan.processes * len(folders)))
    return {
        name: Probed((), failures[name]) if name in failures else Probed(tuple(seen)) for name, seen in found.items()
    }


def measure_again(
    folder: Path,
    inputs: Sequence[Example],
    *,
    requirements: Sequence[Requirement],
    threads: int | None = None,
    price_per_hour: float | None = None,
    processes: int = PROCESSES,
    progress: Progress,
) -> tuple[Measurement, ...]:
    """Measure what depends on the machine, and the size, of a sealed bundle. `threads`: those it was sealed with.
    `processes`: the fewest.

    Inputs are taken in random order, the same each time, since a file of them may be sorted.

    Raises:
        BundleError: the bundle can't be trusted.
        RunError: a process that held it failed.
    """
    manifest = verify(folder)
    session = read_spec(folder).session
    setting = Setting(
        threads or session.threads, tuple(requirements), price_per_hour, processes, engine=session.engine
    )  # fmt: skip
    plan = setting.plan
    order = np.random.default_rng(0).permutation(len(inputs))[: plan.processes * plan.requests]
    seen = probe({"bundle": folder}, [inputs[row] for row in order.tolist()], plan=plan, progress=progress)["bundle"]
    if seen.failure:
        raise RunError(f"{folder}: {seen.failure}")
    size = size_measurement(size_mb(folder), count=len(manifest.files) + 1, confidence=setting.confidence("size_mb"))
    return (*process_measurements(seen.processes, setting), size)


def _turned(folders: Mapping[str, Path], number: int) -> list[tuple[str, Path]]:
    """Another bundle is first in each round."""
    items = list(folders.items())
    start = number % len(items) if items else 0
    return items[start:] + items[:start]


def _share(number: int, threads: int) -> tuple[int, ...]:
    """The cores of one round: each round starts at the next, so that one busy core is not all that is seen."""
    usable = cores()
    start = number * threads % len(usable)
    return tuple(sorted((usable + usable)[start : start + min(threads, len(usable))]))


def _run(order: Order) -> Observed | str:
    """What the process observed, or why it failed."""
    command = [sys.executable, "-P", "-m", "marketfit.measure.probe_process"]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), str(order.threads))
    order = replace(order, began_ns=time.monotonic_ns())
    try:
        done = subprocess.run(
            command,
            input=json.dumps(plain(order)),
            capture_output=True,
            text=True,
            env={**os.environ, **limits},
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"a probe process gave no answer within {_PATIENCE:.0f} s"
    words = " | ".join(line.strip() for line in done.stderr.strip().splitlines()[-_LAST_LINES:])
    if done.returncode:
        return f"a probe process ended with {exit_words(done.returncode)}: {words or 'it said nothing'}"
    try:
        return read_plain(Observed, json.loads(done.stdout))
    except ValueError:
        return f"a probe process gave no result: {words or done.stdout[:200]}"
