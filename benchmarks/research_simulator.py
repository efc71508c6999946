"""How quick is the market simulator?

    python benchmarks/research_simulator.py [--repeats 7]

The bar: 300 offers × 36,000 draws, one person each, simulated with intervals (all of `simulate`) in at most 0.2 s on
two free cores. The other lines have no bar. Times are the quickest of the repeats, after one that is not counted;
memory is by how much the first run raised the peak of the process. Tastes are drawn at random: no data are needed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand import (
    Change,
    Coding,
    Market,
    Offer,
    OfferSpace,
    PriceGame,
    Profit,
    UtilityDraws,
    calibrate,
    competitive_value,
    equilibrium,
    price_curve,
    search_line,
    simulate,
    what_if,
)
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm

BAR = 0.2
BRANDS = ("ajax", "bolt", "crow", "dove")


def main() -> int:
    """Time every analysis and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    many = offers(300)
    people = tastes(36_000, 1)
    sys.stdout.write("| what | seconds | processor seconds | peak MB | bar |\n| --- | --- | --- | --- | --- |\n")
    cost = timed(lambda: simulate(people, many), repeats)
    verdict = "met" if cost.seconds <= BAR else "MISSED"
    told("300 offers × 36,000 draws of one person, share of preference", cost, f"≤ {BAR} s: {verdict}")
    for name, run in others(many).items():
        told(name, timed(run, max(1, repeats // 3)), "none")
    return 0


def others(many: Mapping[str, Offer]) -> dict[str, Callable[[], object]]:
    """The analyses without a bar."""
    people, crowd, few = tastes(36_000, 1), tastes(100, 360), offers(5)
    population = tastes(500, 300)
    limited = Market(population, availability={"offer 1": 0.5, "offer 2": 0.7, "offer 3": 0.9})
    space = OfferSpace({"price": np.linspace(1, 4, 10).tolist(), "size": [0, 0.5, 1], "brand": list(BRANDS)})
    owners = {name: f"firm of {name}" for name in few}
    game = PriceGame(owners, dict.fromkeys(few, 0.8))
    return {
        "300 offers × 100 draws of 360 people": lambda: simulate(crowd, many),
        "300 offers × 36,000 draws, first choice": lambda: simulate(people, many, rule="first-choice"),
        "5 offers × 500 draws of 300 people": lambda: simulate(population, few),
        "the same, randomised first choice": lambda: simulate(population, few, rule="randomised"),
        "the same, three offers of limited availability": lambda: simulate(limited, few),
        "the same, what-if": lambda: what_if(population, few, changes=[Change("offer 1", "price", 1.0)]),
        "the same, calibration to three shares": lambda: calibrate(
            population, few, known={"offer 0": 0.1, "offer 1": 0.2, "offer 2": 0.3}
        ),
        "the same, price curve of 40 points": lambda: price_curve(
            population, few, offer="offer 0", prices=np.linspace(1, 5, 40).tolist(), unit_cost=0.5, audience=1
        ),
        "the same, competitive value": lambda: competitive_value(population, few, offer="offer 0", change={"size": 1}),
        "2,000 draws, 7,260 lines of 1 or 2 of 120": lambda: search_line(
            tastes(2_000, 1), few, candidates=space, size=2, goal=Profit(0.5)
        ),
        "2,000 draws, equilibrium of 5 firms, 200 worlds": lambda: equilibrium(tastes(2_000, 1), few, game=game),
    }


def tastes(draws: int, people: int) -> UtilityDraws:
    """Eight columns of utility, and none."""
    rng = np.random.default_rng(0)
    terms = (
        PiecewiseTerm("price", (1.0, 2.0, 3.0, 5.0)),
        LinearTerm("size", 0.0, 1.0),
        LevelsTerm("brand", BRANDS, "ajax"),
    )
    coding = Coding(terms, (), None, "none", "alternative")
    values = rng.normal([-1, -1, -1, 1.5, 0.7, -0.4, 0.2, -3], 0.7, (draws, people, 8))
    values[..., :3] = -np.exp(rng.normal(-0.2, 0.5, (draws, people, 3)))
    return UtilityDraws(values, coding, people)


def offers(count: int) -> dict[str, Offer]:
    """Offers at random."""
    rng = np.random.default_rng(1)
    return {
        f"offer {k}": {
            "price": float(rng.uniform(1, 5)),
            "size": float(rng.uniform()),
            "brand": str(rng.choice(BRANDS)),
        }
        for k in range(count)
    }


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds by the clock and of all processors together, and MB by which the first raised the peak."""

    seconds: float
    processor: float
    memory: float


def timed(run: Callable[[], object], repeats: int) -> Cost:
    """The quickest of the repeats. Processor seconds tell a slow program from a busy machine."""
    before = peak_mb()
    run()
    raised = peak_mb() - before
    times = []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - began, time.process_time() - used))
    return Cost(min(clock for clock, _ in times), min(used for _, used in times), raised)


def peak_mb() -> float:
    """Peak resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def told(name: str, cost: Cost, bar: str) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"| {name} | {cost.seconds:.3f} | {cost.processor:.3f} | {cost.memory:.0f} | {bar} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
