"""Mixed logit: our time beside xlogit's, for the same maximum.

    python benchmarks/research_mixed.py [--draws 600] [--repeats 3]

Stated choices of electricity suppliers (361 people, 4,308 tasks), all six coefficients normal, panel, the same Halton
draws. Both are timed from the table in memory to the finished fit with standard errors, in this process, turn by turn;
the ratio is that of the medians. xlogit's standard errors come free, from its search; ours from the exact Hessian. A
peer that is not installed is skipped with a message. Exit status 1: we are slower, or the maxima differ.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import polars as pl

from marketfit.demand import ChoiceData, fit_mixed

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "choice_electricity.parquet"
NAMES = ("pf", "cl", "loc", "wk", "tod", "seas")
SAME = 0.01
"""Difference between log-likelihoods that counts as the same maximum."""

Fit = Callable[[pl.DataFrame, int], float]


def ours(table: pl.DataFrame, draws: int) -> float:
    """The log-likelihood of our fit."""
    data = ChoiceData.from_table(
        table, respondent="person_id", task="obs_id", alternative="alt", chosen="chosen", attributes=NAMES
    )
    return fit_mixed(data, random=dict.fromkeys(NAMES, "normal"), draws=draws).log_likelihood


def xlogit(table: pl.DataFrame, draws: int) -> float:
    """The log-likelihood of xlogit's fit, on the processor."""
    from xlogit import MixedLogit

    model = MixedLogit()
    model.fit(
        X=table.select(NAMES).to_numpy(),
        y=table["chosen"].to_numpy(),
        varnames=list(NAMES),
        alts=table["alt"].to_numpy(),
        ids=table["obs_id"].to_numpy(),
        panels=table["person_id"].to_numpy(),
        randvars=dict.fromkeys(NAMES, "n"),
        n_draws=draws,
        verbose=0,
    )
    return float(model.loglikelihood)


def main() -> int:
    """Time both, turn by turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not DATA.exists():
        sys.stdout.write(f"skipped: {DATA} is missing; the public choice data are not part of the project\n")
        return 0
    table = pl.read_parquet(DATA)
    fits: dict[str, Fit] = {"marketfit": ours}
    if importlib.util.find_spec("xlogit") is None:
        sys.stdout.write("xlogit is not installed: skipped (pip install xlogit, in an environment of its own)\n")
    else:
        fits["xlogit"] = xlogit
    for fit in fits.values():
        fit(table, 20)  # what is loaded at the first call is no part of a fit
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    reached: dict[str, float] = {}
    for _ in range(max(options.repeats, 3)):
        for name, fit in fits.items():
            began = time.perf_counter()
            reached[name] = fit(table, options.draws)
            seconds[name].append(time.perf_counter() - began)
    return report(seconds, reached, options.draws)


def report(seconds: dict[str, list[float]], reached: dict[str, float], draws: int) -> int:
    """Print medians and their ratio; 1 when we are slower or the maxima differ."""
    versions = {name: version(name) for name in ("numpy", "scipy", *seconds)}
    sys.stdout.write(", ".join(f"{name} {number}" for name, number in versions.items()) + f"; {draws} draws\n\n")
    sys.stdout.write("| fit | median s | all s | log-likelihood |\n|---|---|---|---|\n")
    for name, times in seconds.items():
        every = " ".join(f"{value:.2f}" for value in times)
        sys.stdout.write(f"| {name} | {statistics.median(times):.2f} | {every} | {reached[name]:.3f} |\n")
    if "xlogit" not in seconds:
        return 0
    ratio = statistics.median(seconds["xlogit"]) / statistics.median(seconds["marketfit"])
    same = abs(reached["xlogit"] - reached["marketfit"]) < SAME
    sys.stdout.write(
        f"\nxlogit takes {ratio:.1f} times as long; the maxima are {'the same' if same else 'DIFFERENT'}\n"
    )
    return 0 if ratio >= 1 and same else 1


if __name__ == "__main__":
    sys.exit(main())
