"""Hierarchical Bayes on stated choices of electricity suppliers: its time, its memory, and what it foretells.

    python benchmarks/research_hb.py [--parts time memory prediction]

Data: 361 people, 4,308 choices among four (../shared/data/choice_electricity.parquet beside the repository, or --data).

- time: 6,000 iterations of each of two chains, five runs; bar: 8 s on 2 cores.
- memory: peak resident size of a process that fits with 3,000 and with 12,000 iterations, and of its chains'.
- prediction: two tasks of each person are held out, by the seeds 0 to 4 and as the last two; log-loss and hit rate with
  95 % intervals clustered by respondent. The scale is tuned on two more tasks held out of the training tasks.
  Bar, on the mean over the five seeds: log-loss ≤ 0.80, hit rate ≥ 0.67.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow.parquet as pq

from marketfit.demand import (
    ChoiceData,
    CodingOption,
    HBResult,
    HeldOutMeasure,
    TaskSplit,
    fit_hb,
    fit_mnl,
    hit_rate,
    log_loss,
    split_tasks,
    tune_scale,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.hierarchical import chains

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "choice_electricity.parquet"
ATTRIBUTES = ("pf", "cl", "loc", "wk", "tod", "seas")
SEEDS: tuple[int | None, ...] = (0, 1, 2, 3, 4, None)
LEVELS: Mapping[str, CodingOption] = {"cl": "levels"}
SIGNS = {"pf": -1, "tod": -1, "seas": -1, "loc": 1, "wk": 1}
Fit: TypeAlias = Callable[[ChoiceData], HBResult]
PARTS = ("time", "memory", "prediction")


@dataclass(frozen=True)
class Foretold:
    """What one model foretells on one split."""

    loss: HeldOutMeasure
    hits: HeldOutMeasure
    scale: float


def main() -> int:
    """Print every part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--iterations", type=int, default=6000, help="of a fit, in all parts but memory")
    options = parser.parse_args()
    if not options.data.is_file():
        sys.stdout.write(f"skipped: the data set is not at {options.data}\n")
        return 0
    data = read(options.data)
    shown: dict[str, Callable[[], str]] = {
        "time": partial(time_part, data, options.iterations),
        "memory": partial(memory_part, options.data),
        "prediction": partial(prediction_part, data, options.iterations),
    }
    for part in options.parts:
        sys.stdout.write(f"{shown[part]()}\n\n")
        sys.stdout.flush()
    return 0


def read(path: Path) -> ChoiceData:
    return ChoiceData.from_table(
        pq.read_table(path),
        respondent="person_id",
        task="obs_id",
        alternative="alt",
        chosen="chosen",
        attributes=ATTRIBUTES,
    )


def time_part(data: ChoiceData, iterations: int, runs: int = 5) -> str:
    """Wall and processor time of a fit, warm start and summary included."""
    walls, works = [], []
    for seed in range(runs):
        wall, work = time.perf_counter(), time.process_time()
        result = fit_hb(data, iterations=iterations, rng=seed)
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    worst = max(result.r_hat.values())
    return "\n".join(
        [
            f"time of {iterations} iterations of each of {result.chains} chains, {runs} runs:",
            f"  wall {min(walls):.2f} to {max(walls):.2f} s, median {np.median(walls):.2f} s",
            f"  processor time {np.median(works):.2f} s; load of the machine {os.getloadavg()[0]:.1f} "
            f"on {os.cpu_count()} cores",
            f"  last run: largest R-hat {worst:.3f}, "
            f"effective draws {min(result.effective_sizes.values()):.0f} and more",
        ]
    )


def memory_part(path: Path) -> str:
    """Peak resident size of the processes of a fit, for each number of iterations."""
    context = multiprocessing.get_context("spawn")
    lines = ["peak memory of a fit whose chains run in processes of their own:"]
    for iterations in (3000, 12_000):
        with context.Pool(1) as pool:
            whole, chain, stored = pool.apply(peak, (path, iterations))
        lines.append(
            f"  {iterations:>6} iterations: {whole:.1f} MB, {chain:.1f} MB in the process of a chain, "
            f"{stored:.2f} MB stored in the result"
        )
    return "\n".join(lines)


def peak(path: Path, iterations: int) -> tuple[float, float, float]:
    """MB: peak of this process and of the largest chain's, and size of the arrays of the result."""
    chains.WORTH_SECONDS = 0.0
    result = fit_hb(read(path), iterations=iterations)
    whole, chain = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    stored = sum(value.nbytes for value in vars(result).values() if isinstance(value, np.ndarray))
    return whole, chain, stored / 1e6


def prediction_part(data: ChoiceData, iterations: int) -> str:
    """The table of splits and models."""
    hb = partial(fit_hb, iterations=iterations)
    models: dict[str, Callable[[TaskSplit], Foretold]] = {
        "MNL": logit,
        "HB": partial(people, hb),
        "HB, scale tuned": partial(tuned, hb),
        "HB, contract length by levels": partial(people, partial(hb, coding=LEVELS)),
        "HB, signs": partial(people, partial(hb, signs=SIGNS)),
        "HB, signs and levels": partial(people, partial(hb, signs=SIGNS, coding=LEVELS)),
    }
    lines = ["| split | model | log-loss | hit rate | scale |", "|---|---|---|---|---|"]
    found: dict[str, list[Foretold]] = {name: [] for name in models}
    for seed in SEEDS:
        split = split_tasks(data, rng=seed)
        for name, foretell in models.items():
            seen = foretell(split)
            found[name].append(seen)
            lines.append(f"| {'last two' if seed is None else seed} | {name} | {told(seen)} | {seen.scale:.2f} |")
    for name, seen_by_split in found.items():
        lines.append(f"| mean of 0 to 4 | {name} | {mean_of(seen_by_split[:-1])} | |")
    n = split.test.tasks
    return "\n".join([f"prediction of {n} held-out choices of {split.test.respondents} people a split:", "", *lines])


def told(seen: Foretold) -> str:
    loss, hits = seen.loss, seen.hits
    return (
        f"{loss.value:.3f} ({loss.low:.3f} to {loss.high:.3f}) | {hits.value:.3f} ({hits.low:.3f} to {hits.high:.3f})"
    )


def mean_of(seen: Sequence[Foretold]) -> str:
    loss = np.mean([one.loss.value for one in seen])
    return f"{loss:.4f} | {np.mean([one.hits.value for one in seen]):.4f}"


def logit(split: TaskSplit) -> Foretold:
    return foretold(split, fit_mnl(split.train).predict(split.test), 1.0)


def people(fit: Fit, split: TaskSplit) -> Foretold:
    return foretold(split, fit(split.train).predict(split.test), 1.0)


def tuned(fit: Fit, split: TaskSplit) -> Foretold:
    scale = tune_scale(fit, split.train).value
    return foretold(split, fit(split.train).predict(split.test, scale=scale), scale)


def foretold(split: TaskSplit, probabilities: FloatArray, scale: float) -> Foretold:
    return Foretold(log_loss(split.test, probabilities), hit_rate(split.test, probabilities), scale)


if __name__ == "__main__":
    sys.exit(main())
