"""Robots among people: how many are caught, how many people are lost.

    python benchmarks/research_quality.py [--seeds 5]

A quarter as many robots as people (20 % of all) join the electricity survey: half of them answer at random, half always
choose the same place; each has the tasks of a real respondent. The electricity data are read from ../shared/data.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from marketfit.demand import ChoiceData
from marketfit.demand.respondents.patterns import straight_lining
from marketfit.demand.respondents.quality import check_respondents

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "choice_electricity.parquet"
ATTRIBUTES = ["pf", "cl", "loc", "wk", "tod", "seas"]
FIRST_ROBOT = 1_000_000


def main() -> int:
    """Add robots under several seeds and print what becomes of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    if not DATA.exists():
        sys.stderr.write(f"{DATA} is missing: the public choice data are not part of the project\n")
        return 2
    table = pl.read_parquet(DATA)
    lines = ["| seed | robots caught | at random | same place | people lost | seconds |", "|---|---|---|---|---|---|"]
    totals = np.zeros(2)
    for seed in range(options.seeds):
        data = with_robots(table, np.random.default_rng(seed))
        robot = np.asarray(data.respondent_labels) >= FIRST_ROBOT
        placed = straight_lining(data) & robot
        began = time.monotonic()
        dropped = ~check_respondents(data, price="pf", rng=seed).kept
        seconds = time.monotonic() - began
        caught, lost = dropped[robot].mean(), dropped[~robot].mean()
        totals += (caught, lost)
        lines.append(
            f"| {seed} | {caught:.1%} | {dropped[robot & ~placed].mean():.1%} | {dropped[placed].mean():.1%} | "
            f"{lost:.1%} | {seconds:.0f} |"
        )
    caught, lost = totals / options.seeds
    lines.append(f"| mean | {caught:.1%} (bar: at least 93 %) | | | {lost:.1%} (bar: at most 5 %) | |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def with_robots(table: pl.DataFrame, rng: np.random.Generator) -> ChoiceData:
    """The survey with robots on the tasks of real respondents."""
    people = table["person_id"].unique().sort().to_numpy()
    parts = [table.select("person_id", "obs_id", "alt", "chosen", *ATTRIBUTES).with_columns(pl.col("chosen").cast(int))]
    for number, model in enumerate(rng.choice(people, round(len(people) / 4)).tolist()):
        tasks = parts[0].filter(pl.col("person_id") == model).sort("obs_id", "alt")
        count = tasks["obs_id"].n_unique()
        places = len(tasks) // count
        picked = rng.integers(0, places, count) if number % 2 else np.full(count, rng.integers(places))
        chosen = (np.arange(places) == picked[:, None]).astype(int).ravel()
        robot = pl.lit(FIRST_ROBOT + number, dtype=table.schema["person_id"])
        parts.append(tasks.with_columns(person_id=robot, chosen=pl.Series(chosen)))
    return ChoiceData.from_table(
        pl.concat(parts),
        respondent="person_id", task="obs_id", alternative="alt", chosen="chosen", attributes=ATTRIBUTES,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
