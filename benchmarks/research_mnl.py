"""The multinomial logit: speed beside xlogit and statsmodels, and memory on a large table.

    python benchmarks/research_mnl.py [--rounds 60] [--large 10000000]

Speed is on the yogurt purchases (2,412 choices among 4, five coefficients), read from the shared data folder. The
contenders take turns in one process, a round each, so that whatever else runs on the machine slows all alike; one
that is not installed is left out with a message. Two times are taken of ours: of `fit_mnl` alone, and of reading the
table and fitting, which is what a user waits for. The peers get ready-made columns of numbers. statsmodels' conditional
logit takes seconds, so it takes its turn in a few rounds only.

Memory (`--large`) is the peak resident size of a fresh process that reads a table of that many rows (4 alternatives a
task, 4 attributes) and fits it, with that of the table alone beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.demand import ChoiceData, fit_mnl

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "choice_yogurt.parquet"
COLUMNS = ("price", "feat", "brand_hiland", "brand_weight", "brand_yoplait")
SLOW = {"statsmodels": 3}
"""Contenders that take their turn in so many rounds."""

Contender = Callable[[], np.ndarray[tuple[int], np.dtype[np.float64]]]


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--large", type=int, default=0, help="rows of the table whose memory is measured")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    if DATA.exists():
        speed(options.rounds)
    else:
        say(f"skipped: {DATA} is missing; the public choice data are not part of the project")
    if options.large:
        memory(options.large)
    return 0


def speed(rounds: int) -> None:
    """Time all contenders side by side."""
    table = pq.read_table(DATA)
    data = read_yogurt(table)
    ours: dict[str, Contender] = {
        "marketfit, fit": lambda: fit_mnl(data).estimates,
        "marketfit, read and fit": lambda: fit_mnl(read_yogurt(table)).estimates,
    }
    contenders = {**ours, **peers(table)}
    reference = contenders["marketfit, fit"]()
    for name, contender in contenders.items():
        worst = float(np.abs(contender() / reference - 1).max())  # warms it up, too
        say(f"{name}: coefficients differ from ours by at most {worst:.1e} of their size")
    times = take_turns(contenders, rounds)
    base = float(np.median(times["marketfit, read and fit"]))
    say("\n| contender | median ms | quartiles | rounds | times of ours, read and fit |\n|---|---|---|---|---|")
    for name, taken in times.items():
        low, middle, high = np.quantile(taken, (0.25, 0.5, 0.75)) * 1e3
        say(f"| {name} | {middle:.2f} | {low:.2f} to {high:.2f} | {len(taken)} | {middle / base / 1e3:.2f} |")


def read_yogurt(table: pa.Table) -> ChoiceData:
    """The purchases, with their respondents."""
    return ChoiceData.from_table(
        table,
        respondent="person_id",
        task="obs_id",
        alternative="alt",
        chosen="chosen",
        attributes=["price", "feat", "brand"],
    )


def peers(table: pa.Table) -> dict[str, Contender]:
    """The peers that are installed."""
    brand = np.array(table.column("brand").to_pylist())
    dummies = [brand == name.removeprefix("brand_") for name in COLUMNS[2:]]
    plain = [table.column(name).to_numpy() for name in COLUMNS[:2]]
    design = np.column_stack([*plain, *dummies]).astype(np.float64)
    chosen, tasks = table.column("chosen").to_numpy(), table.column("obs_id").to_numpy()
    alternatives = table.column("alt").to_numpy()
    found: dict[str, Contender] = {}
    for name in ("xlogit", "statsmodels"):
        if importlib.util.find_spec(name) is None:
            say(f"skipped: {name} is not installed (pip install {name})")
    if importlib.util.find_spec("xlogit"):
        from xlogit import MultinomialLogit

        def xlogit() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            model = MultinomialLogit()
            with contextlib.redirect_stdout(io.StringIO()):
                model.fit(X=design, y=chosen, varnames=list(COLUMNS), alts=alternatives, ids=tasks)
            return np.asarray(model.coeff_)

        found["xlogit"] = xlogit
    if importlib.util.find_spec("statsmodels"):
        from statsmodels.discrete.conditional_models import ConditionalLogit

        def statsmodels() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = ConditionalLogit(chosen, design, groups=tasks).fit(disp=False)
            return np.asarray(fitted.params)

        found["statsmodels"] = statsmodels
    return found


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each of its rounds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, contender in contenders.items():
            if turn < SLOW.get(name, rounds):
                begin = time.perf_counter()
                contender()
                times[name].append(time.perf_counter() - begin)
    return times


def memory(rows: int) -> None:
    """Write a large table, and have a fresh process read and fit it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        write_large(path, rows)
        command = [sys.executable, __file__, "--measure", str(path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    say(f"\n{rows:,} rows, 4 attributes:\n{shown.rstrip()}")


def write_large(path: Path, rows: int) -> None:
    """Choices among 4 alternatives by known utilities, 10 tasks a person."""
    tasks = rows // 4
    rng = np.random.default_rng(0)
    attributes = rng.normal(size=(tasks * 4, 4))
    utility = attributes @ np.array([-0.5, 0.3, 0.2, -0.1]) + rng.gumbel(size=tasks * 4)
    won = np.zeros(tasks * 4, dtype=np.int8)
    won[np.arange(tasks) * 4 + utility.reshape(tasks, 4).argmax(axis=1)] = 1
    task = np.repeat(np.arange(tasks, dtype=np.int32), 4)
    columns = {"person": task // 10, "task": task % 10, "alt": np.tile(np.arange(4, dtype=np.int8), tasks), "won": won}
    pq.write_table(pa.table({**columns, **{f"x{k}": attributes[:, k] for k in range(4)}}), path)


def measure(path: Path) -> int:
    """Read and fit, and say what it took."""
    table = pq.read_table(path)
    alone = peak()
    begin = time.perf_counter()
    data = ChoiceData.from_table(
        table, respondent="person", task="task", alternative="alt", chosen="won", attributes=["x0", "x1", "x2", "x3"]
    )
    read, after_reading = time.perf_counter() - begin, peak()
    begin = time.perf_counter()
    result = fit_mnl(data)
    fit = time.perf_counter() - begin
    say(
        f"peak resident MB: {alone:.0f} with the table alone, {after_reading:.0f} after reading, {peak():.0f} after all"
    )
    say(f"seconds: {read:.1f} to read and check, {fit:.1f} to fit {data.tasks:,} tasks")
    say(", ".join(f"{name} {value:.4f}" for name, value in result.coefficients.items()))
    return 0


def peak() -> float:
    """Peak resident size of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
