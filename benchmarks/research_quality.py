"""Robots among people: how many are caught, how many people are lost.

    python benchmarks/research_quality.py [--survey electricity cars] [--first-seed 0] [--seeds 5]

A quarter as many robots as people (20 % of all) join a survey of people: half of them answer at random, half always
choose the same place; each has the tasks of a real respondent. The surveys are read from ../shared/data: electricity is
the one that the method was chosen on (seeds 0 to 4), cars is one that it was not.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from marketfit.demand import ChoiceData
from marketfit.demand.respondents.patterns import straight_lining
from marketfit.demand.respondents.quality import check_respondents

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIRST_ROBOT = 1_000_000


@dataclass(frozen=True)
class Survey:
    """A survey of people: its file in DATA, the columns of its attributes, its price."""

    file: str
    attributes: tuple[str, ...]
    price: str


SURVEYS = {
    "electricity": Survey("choice_electricity.parquet", ("pf", "cl", "loc", "wk", "tod", "seas"), "pf"),
    "cars": Survey(
        "choice_cars_us.parquet",
        (
            *("hev", "phev10", "phev20", "phev40", "bev75", "bev100", "bev150", "phevFastcharge", "bevFastcharge"),
            *("price", "opCost", "accelTime", "american", "japanese", "chinese", "skorean"),
        ),
        "price",
    ),
}


def main() -> int:
    """Add robots under several seeds and print what becomes of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--survey", nargs="+", choices=list(SURVEYS), default=list(SURVEYS))
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in options.survey:
        survey = SURVEYS[name]
        if not (DATA / survey.file).exists():
            sys.stderr.write(f"{DATA / survey.file} is missing: the public choice data are not part of the project\n")
            return 2
        lines = judged(survey, range(options.first_seed, options.first_seed + options.seeds))
        sys.stdout.write("\n".join([f"### {name}", "", *lines]) + "\n\n")
        sys.stdout.flush()
    return 0


def judged(survey: Survey, seeds: range) -> list[str]:
    """The table of a survey."""
    table = pl.read_parquet(DATA / survey.file)
    lines = ["| seed | robots caught | at random | same place | people lost | seconds |", "|---|---|---|---|---|---|"]
    totals = np.zeros(2)
    for seed in seeds:
        data = with_robots(table, survey, np.random.default_rng(seed))
        robot = np.asarray(data.respondent_labels) >= FIRST_ROBOT
        placed = straight_lining(data) & robot
        began = time.monotonic()
        dropped = ~check_respondents(data, price=survey.price, rng=seed).kept
        seconds = time.monotonic() - began
        caught, lost = dropped[robot].mean(), dropped[~robot].mean()
        totals += (caught, lost)
        lines.append(
            f"| {seed} | {caught:.1%} | {dropped[robot & ~placed].mean():.1%} | {dropped[placed].mean():.1%} | "
            f"{lost:.1%} | {seconds:.0f} |"
        )
    caught, lost = totals / len(seeds)
    return [*lines, f"| mean | {caught:.1%} (bar: at least 93 %) | | | {lost:.1%} (bar: at most 5 %) | |"]


def with_robots(table: pl.DataFrame, survey: Survey, rng: np.random.Generator) -> ChoiceData:
    """The survey with robots on the tasks of real respondents."""
    people = table["person_id"].unique().sort().to_numpy()
    parts = [
        table.select("person_id", "obs_id", "alt", "chosen", *survey.attributes).with_columns(
            pl.col("chosen").cast(int)
        )
    ]
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
        respondent="person_id", task="obs_id", alternative="alt", chosen="chosen", attributes=survey.attributes,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
