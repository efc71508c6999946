"""Latency, throughput, memory, cold start and cost of bundles, measured in fresh processes that take turns.

A process holds one bundle and is pinned to as many cores as it may have threads. Bundles are interleaved round by
round, so that a machine that is busy for a while does harm to all of them alike. Requests within one process are alike
(same core, same memory layout), so a bound over pooled requests alone would claim too much: the worst process counts
too.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from marketfit.bundle import read_spec, size_mb, verify
from marketfit.bundle.seal import size_measurement
from marketfit.contract import DEFAULT_CONFIDENCE, METRICS, Measurement, Requirement
from marketfit.engine import exit_words
from marketfit.errors import RunError
from marketfit.measure.intervals import Bounds, quantile_bounds, samples_needed
from marketfit.measure.machine import cores, fingerprint
from marketfit.measure.probe_process import Observed, Order, encode_example
from marketfit.task import Example, Progress

PROCESSES, REQUESTS = 5, 400
WARM_UP = 40
BATCH, BATCH_SECONDS = 32, 0.25
LATENCIES: Mapping[str, float] = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95}
"""Metric → quantile of the times of single requests."""

_PATIENCE = 900.0  # seconds that one process may take
_LAST_LINES = 4
_SECONDS_OF_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Probed:
    """What the processes of one bundle observed, or why there is nothing: the words of the first that failed."""

    processes: tuple[Observed, ...]
    failure: str = ""


@dataclass(frozen=True)
class Setting:
    """What a measurement depends on beside the bundle. `price_per_hour` is that of the machine."""

    threads: int
    requirements: tuple[Requirement, ...] = ()
    price_per_hour: float | None = None

    def confidence(self, metric: str) -> float:
        """The highest confidence at which a metric is required, else the default."""
        return max((need.confidence for need in self.requirements if need.metric == metric), default=DEFAULT_CONFIDENCE)

    @property
    def processes(self) -> int:
        """How many processes it takes to bound the metrics that each process gives once."""
        needed = [
            samples_needed(quantile=0.5, confidence=self.confidence(metric))
            for metric in METRICS
            if METRICS[metric].evidence == "process"
        ]
        return max(PROCESSES, *needed)


def probe(
    folders: Mapping[str, Path],
    inputs: Sequence[Example],
    *,
    threads: int,
    processes: int = PROCESSES,
    requests: int = REQUESTS,
    progress: Progress,
) -> dict[str, Probed]:
    """Start `processes` fresh processes for each bundle, sealed or not, in turns; each answers `requests` requests.

    In one round all bundles get the same inputs, on the same cores. A bundle whose process fails is not tried again:
    its failure is told.

    Raises:
        ValueError: no inputs, no threads, no processes or no requests.
        TypeError: an input is neither text, bytes nor a mapping.
    """
    if not len(inputs) or min(threads, processes, requests) < 1:
        raise ValueError("a probe needs inputs, and at least one thread, process and request")
    found: dict[str, list[Observed]] = {name: [] for name in folders}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "inputs.jsonl"
        file.write_text("".join(encode_example(example) + "\n" for example in inputs), "utf-8")
        for number in range(processes):
            for place, (name, folder) in enumerate(_turned(folders, number)):
                if name not in failures:
                    order = Order(
                        folder=str(folder.resolve()),
                        inputs=str(file),
                        first=number * requests % len(inputs),
                        threads=threads,
                        cores=_share(number, threads),
                        warm_up=min(WARM_UP, requests),
                        requests=requests,
                        batch=BATCH,
                        batch_seconds=BATCH_SECONDS,
                        began_ns=0,
                        parent=os.getpid(),
                    )
                    outcome = _run(order)
                    if isinstance(outcome, str):
                        failures[name] = outcome
                    else:
                        found[name].append(outcome)
                progress((number * len(folders) + place + 1) / (processes * len(folders)))
    return {
        name: Probed((), failures[name]) if name in failures else Probed(tuple(seen)) for name, seen in found.items()
    }


def process_measurements(processes: Sequence[Observed], setting: Setting) -> tuple[Measurement, ...]:
    """Every metric of processes for which there is enough to bound it; what is missing is unmeasured.

    Times of single requests: a bound is the worse of the order statistic of all requests (2,000 where nothing else was
    asked for) and of the worst process. It takes five processes, and enough requests to bound the 95th percentile: 59
    at 95 %. What a process gives once: the median of the processes, bounded by the smallest and the largest of them,
    which takes five at 95 % (order statistics of the median).
    """
    if not processes:
        return ()
    measured = [_latency(metric, processes, setting) for metric in LATENCIES]
    single = _given_once(setting.price_per_hour)
    measured += [_once(metric, [value(seen) for seen in processes], setting) for metric, value in single.items()]
    return tuple(item for item in measured if item is not None)


def process_figures(processes: Sequence[Observed], *, price_per_hour: float | None) -> dict[str, float]:
    """Metric → value of all requests, or of the median process; no bounds, so nothing that could be promised."""
    pooled = np.concatenate([np.array(seen.latencies_ns, dtype=np.float64) / 1e6 for seen in processes])
    found = {metric: float(np.quantile(pooled, quantile)) for metric, quantile in LATENCIES.items()}
    for metric, value in _given_once(price_per_hour).items():
        found[metric] = float(np.median([value(seen) for seen in processes]))
    return found


def measure_again(
    folder: Path,
    inputs: Sequence[Example],
    *,
    requirements: Sequence[Requirement],
    threads: int | None = None,
    price_per_hour: float | None = None,
    progress: Progress,
) -> tuple[Measurement, ...]:
    """Measure what depends on the machine, and the size, of a sealed bundle. `threads`: those it was sealed with.

    Inputs are taken in random order, the same each time, since a file of them may be sorted.

    Raises:
        BundleError: the bundle can't be trusted.
        RunError: a process that held it failed.
    """
    manifest = verify(folder)
    setting = Setting(threads or read_spec(folder).session.threads, tuple(requirements), price_per_hour)
    order = np.random.default_rng(0).permutation(len(inputs))[: setting.processes * REQUESTS]
    mixed = [inputs[row] for row in order.tolist()]
    found = probe({"bundle": folder}, mixed, threads=setting.threads, processes=setting.processes, progress=progress)
    seen = found["bundle"]
    if seen.failure:
        raise RunError(f"{folder}: {seen.failure}")
    size = size_measurement(size_mb(folder), count=len(manifest.files) + 1, confidence=setting.confidence("size_mb"))
    return (*process_measurements(seen.processes, setting), size)


def _given_once(price: float | None) -> dict[str, Callable[[Observed], float]]:
    """The metrics that each process gives once."""
    single: dict[str, Callable[[Observed], float]] = {
        "memory_mb": lambda seen: seen.peak_bytes / 1e6,
        "cold_start_ms": lambda seen: seen.cold_start_ns / 1e6,
        "throughput_per_s": lambda seen: seen.rows_per_second,
    }
    if price is not None:
        single["cost_per_1000"] = lambda seen: 1000.0 * price / (_SECONDS_OF_AN_HOUR * seen.rows_per_second)
    return single


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
    order = order.model_copy(update={"began_ns": time.monotonic_ns()})
    try:
        done = subprocess.run(
            command,
            input=order.model_dump_json(),
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
        return Observed.model_validate_json(done.stdout)
    except ValidationError:
        return f"a probe process gave no result: {words or done.stdout[:200]}"


def _latency(metric: str, processes: Sequence[Observed], setting: Setting) -> Measurement | None:
    confidence, quantile = setting.confidence(metric), LATENCIES[metric]
    runs = [np.array(seen.latencies_ns, dtype=np.float64) / 1e6 for seen in processes]
    pooled = np.concatenate(runs)
    enough = samples_needed(quantile=max(LATENCIES.values()), confidence=confidence)
    if len(runs) < PROCESSES or len(pooled) < enough:
        return None
    overall = quantile_bounds(pooled, quantile=quantile, confidence=confidence)
    if overall.low is None or overall.high is None:
        return None
    each = [quantile_bounds(times, quantile=quantile, confidence=confidence).value for times in runs if len(times)]
    bounds = Bounds(overall.value, min(overall.low, *each), max(overall.high, *each))
    conditions = f"single requests, raw input to answer, {len(runs)} fresh processes, {_threads(setting)}"
    return _measurement(metric, bounds, len(pooled), conditions, setting)


def _once(metric: str, values: Sequence[float], setting: Setting) -> Measurement | None:
    if len(values) < samples_needed(quantile=0.5, confidence=setting.confidence(metric)):
        return None
    if not all(map(math.isfinite, values)):
        return None
    bounds = Bounds(float(np.median(values)), min(values), max(values))
    what = {
        "memory_mb": "peak resident size",
        "cold_start_ms": "from the start of the process to its first answer, files in the page cache",
        "throughput_per_s": f"batches of {BATCH}",
        "cost_per_1000": f"batches of {BATCH}, one process on a machine for {setting.price_per_hour} an hour",
    }[metric]
    return _measurement(metric, bounds, len(values), f"{what}, fresh processes, {_threads(setting)}", setting)


def _measurement(metric: str, bounds: Bounds, n: int, conditions: str, setting: Setting) -> Measurement:
    return Measurement(
        metric=metric,
        value=bounds.value,
        low=bounds.low,
        high=bounds.high,
        n=n,
        confidence=setting.confidence(metric),
        conditions=conditions,
        machine=fingerprint(),
    )


def _threads(setting: Setting) -> str:
    return "1 thread" if setting.threads == 1 else f"{setting.threads} threads"
