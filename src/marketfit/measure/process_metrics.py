"""What the processes of one bundle observed, as measurements: latency, memory, cold start, throughput, cost, energy.

Requests within one process are alike (same core, same memory layout), so a bound over pooled requests alone would claim
too much: the worst process counts too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.contract import DEFAULT_CONFIDENCE, METRICS, Measurement, Requirement
from marketfit.measure.intervals import Bounds, quantile_bounds, samples_needed
from marketfit.measure.machine import fingerprint
from marketfit.measure.probe_process import BatchSeen, Observed
from marketfit.records.bundle import Engine
from marketfit.records.variants import BatchSpeed

PROCESSES, REQUESTS = 5, 400
BATCHES = (1, 8, 32, 128)
USUAL_BATCH = 32
"""The batch size of throughput where nothing is required of it; memory is the peak up to batches of this size."""

LATENCIES: Mapping[str, float] = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
"""Metric → quantile of the times of single requests."""

BATCH_SECONDS, SECONDS_TO_PROVE = 0.1, 0.25
"""How long a process tries each batch size: where nothing is required of the speed of batches, and where it is."""

_LEAST_QUANTILE = 0.95  # requests that bound no 95th percentile are too few for a median too
_OF_BATCHES = ("throughput_per_s", "cost_per_1000")
_SECONDS_OF_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """How much is probed: processes of each bundle, requests of each process, seconds for each of the batch sizes."""

    threads: int
    processes: int = PROCESSES
    requests: int = REQUESTS
    batch_seconds: float = BATCH_SECONDS
    batches: tuple[int, ...] = BATCHES

    def __post_init__(self) -> None:
        if min(self.threads, self.processes, self.requests) < 1:
            raise ValueError("a probe needs at least one thread, process and request")


@dataclass(frozen=True)
class Setting:
    """What a measurement depends on beside the machine: its price, the fewest processes, the bundle's engine."""

    threads: int
    requirements: tuple[Requirement, ...] = ()
    price_per_hour: float | None = None
    processes: int = PROCESSES
    engine: Engine = "onnxruntime"

    def confidence(self, metric: str) -> float:
        """The highest confidence at which a metric is required, else the default."""
        return max((need.confidence for need in self.requirements if need.metric == metric), default=DEFAULT_CONFIDENCE)

    @property
    def plan(self) -> Plan:
        """As many processes as bound what each gives once, as many requests as bound every quantile that is required.

        Where a requirement rests on the speed of batches: enough processes to choose the fastest size, and more time.
        """
        needed = [processes_needed(self.confidence(name)) for name in METRICS if METRICS[name].evidence == "process"]
        throughput = any(need.metric in _OF_BATCHES for need in self.requirements)
        requests = [
            samples_needed(quantile=LATENCIES[need.metric], confidence=need.confidence)
            for need in self.requirements
            if need.metric in LATENCIES
        ]
        return Plan(
            threads=self.threads,
            processes=max(self.processes, *needed, self.processes_to_choose if throughput else 0),
            requests=max(REQUESTS, *requests) if requests else REQUESTS,
            batch_seconds=SECONDS_TO_PROVE if throughput else BATCH_SECONDS,
        )

    @property
    def processes_to_choose(self) -> int:
        """Processes whose slowest bounds the speed of a batch size that was chosen for its speed (Bonferroni)."""
        confidence = max(self.confidence(metric) for metric in _OF_BATCHES)
        return processes_needed(1.0 - (1.0 - confidence) / len(BATCHES))


def processes_needed(confidence: float) -> int:
    """Processes whose smallest and largest value bound the median.

    >>> processes_needed(0.95)
    5
    """
    return samples_needed(quantile=0.5, confidence=confidence)


def process_measurements(processes: Sequence[Observed], setting: Setting) -> tuple[Measurement, ...]:
    """Every metric of processes for which there is enough to bound it; what is missing is unmeasured.

    Times of single requests: a bound is the worse of the order statistic of all requests (2,000 where nothing else was
    asked for) and of the worst process. It takes five processes, and enough requests to bound the quantile and the 95th
    percentile: 59 at 95 %, 299 for the 99th percentile. What a process gives once: the median of the processes, bounded
    by order statistics: at 95 % by the smallest and the largest of five, and from eight on by those next to them.
    Throughput is that of the fastest batch size where there are enough processes to pay for the choice, else that of
    the usual one.
    """
    if not processes:
        return ()
    measured = [_latency(metric, processes, setting) for metric in LATENCIES]
    size = _batch_size(processes, setting)
    for metric, value in _given_once(size, setting.price_per_hour).items():
        bounds = _once([value(seen) for seen in processes], _level(metric, processes, setting))
        if bounds is not None:
            conditions = _conditions(metric, size, processes, setting)
            measured.append(_measurement(metric, bounds, len(processes), conditions, setting))
    return tuple(item for item in measured if item is not None)


def process_figures(processes: Sequence[Observed], *, price_per_hour: float | None) -> dict[str, float]:
    """Metric → value of all requests, or of the median process; no bounds, so nothing that could be promised."""
    pooled = np.concatenate([np.array(seen.latencies_ns, dtype=np.float64) / 1e6 for seen in processes])
    found = {metric: float(np.quantile(pooled, quantile)) for metric, quantile in LATENCIES.items()}
    for metric, value in _given_once(USUAL_BATCH, price_per_hour).items():
        figure = float(np.median([value(seen) for seen in processes]))
        if math.isfinite(figure):
            found[metric] = figure
    return found


def _given_once(size: int, price_per_hour: float | None) -> dict[str, Callable[[Observed], float]]:
    """Metric → what a process gives of it, NaN where it gives nothing; `size`: of the batches of throughput."""

    def rate(seen: Observed) -> float:
        return _of_size(seen, size).rows_per_second

    single: dict[str, Callable[[Observed], float]] = {
        "memory_mb": _peak_mb,
        "cold_start_ms": lambda seen: seen.cold_start_ns / 1e6,
        "throughput_per_s": rate,
        "energy_mj_per_prediction": lambda seen: math.nan if seen.energy_uj is None else seen.energy_uj / 1e3,
    }
    if price_per_hour is not None:
        single["cost_per_1000"] = lambda seen: 1000.0 * price_per_hour / (_SECONDS_OF_AN_HOUR * rate(seen))
    return single


def batch_speeds(processes: Sequence[Observed]) -> tuple[BatchSpeed, ...]:
    """The table of speeds by batch size, for the sizes that every process has tried."""
    found = []
    for size in _sizes(processes):
        seen = [_of_size(process, size) for process in processes]
        rates = [batch.rows_per_second for batch in seen]
        found.append(
            BatchSpeed(
                size=size,
                rows_per_second=float(np.median(rates)),
                slowest=min(rates),
                fastest=max(rates),
                processes=len(rates),
                peak_mb=max(batch.peak_bytes for batch in seen) / 1e6,
            )
        )
    return tuple(found)


def _sizes(processes: Sequence[Observed]) -> list[int]:
    if not processes:
        return []
    tried = [{batch.size for batch in seen.batches} for seen in processes]
    return sorted(set.intersection(*tried))


def _of_size(seen: Observed, size: int) -> BatchSeen:
    return next(batch for batch in seen.batches if batch.size == size)


def _batch_size(processes: Sequence[Observed], setting: Setting) -> int:
    """The fastest size where the choice is paid for. Else the usual one: the best of four noisy rates is too good."""
    if len(processes) < setting.processes_to_choose:
        return USUAL_BATCH
    return max(batch_speeds(processes), key=lambda speed: speed.rows_per_second).size


def _peak_mb(seen: Observed) -> float:
    return max(batch.peak_bytes for batch in seen.batches if batch.size <= USUAL_BATCH) / 1e6


def _latency(metric: str, processes: Sequence[Observed], setting: Setting) -> Measurement | None:
    confidence, quantile = setting.confidence(metric), LATENCIES[metric]
    runs = [np.array(seen.latencies_ns, dtype=np.float64) / 1e6 for seen in processes]
    pooled = np.concatenate(runs)
    enough = samples_needed(quantile=max(quantile, _LEAST_QUANTILE), confidence=confidence)
    if len(runs) < PROCESSES or len(pooled) < enough:
        return None
    overall = quantile_bounds(pooled, quantile=quantile, confidence=confidence)
    if overall.low is None or overall.high is None:
        return None
    each = [quantile_bounds(times, quantile=quantile, confidence=confidence).value for times in runs if len(times)]
    bounds = Bounds(overall.value, min(overall.low, *each), max(overall.high, *each))
    conditions = f"single requests, raw input to answer, {len(runs)} fresh processes, {_threads(setting)}"
    return _measurement(metric, bounds, len(pooled), conditions, setting)


def _conditions(metric: str, size: int, processes: Sequence[Observed], setting: Setting) -> str:
    sizes = ", ".join(map(str, _sizes(processes)))
    chosen = len(processes) >= setting.processes_to_choose
    batches = f"batches of {size}" + (f", the fastest of {sizes}" if chosen else "")
    what = {
        "memory_mb": f"peak resident size, single requests and batches of up to {USUAL_BATCH}",
        "cold_start_ms": "from the start of the process to its first answer, files in the page cache",
        "throughput_per_s": batches,
        "cost_per_1000": f"{batches}, one process on a machine for {setting.price_per_hour} an hour",
        "energy_mj_per_prediction": "single requests, counters of whole processor packages, idling and others included",
    }[metric]
    return f"{what}, fresh processes, {_threads(setting)}"


def _level(metric: str, processes: Sequence[Observed], setting: Setting) -> float:
    """The confidence of a bound: stricter where the batch size was chosen among several (Bonferroni)."""
    chosen = metric in _OF_BATCHES and len(processes) >= setting.processes_to_choose
    return 1.0 - (1.0 - setting.confidence(metric)) / (len(BATCHES) if chosen else 1)


def _once(values: Sequence[float], confidence: float) -> Bounds | None:
    if not all(map(math.isfinite, values)):
        return None
    found = quantile_bounds(np.array(values, dtype=np.float64), quantile=0.5, confidence=confidence)
    if found.low is None or found.high is None:
        return None
    return Bounds(float(np.median(values)), found.low, found.high)


def _measurement(metric: str, bounds: Bounds, n: int, conditions: str, setting: Setting) -> Measurement:
    return Measurement(
        metric=metric,
        value=bounds.value,
        low=bounds.low,
        high=bounds.high,
        n=n,
        confidence=setting.confidence(metric),
        conditions=conditions,
        machine=fingerprint(setting.engine),
    )


def _threads(setting: Setting) -> str:
    return "1 thread" if setting.threads == 1 else f"{setting.threads} threads"
