"""The market simulator: 300 offers × 36,000 draws, one person each, with intervals (all of `simulate`).

Tastes are drawn at random: no data are needed. Neither xlogit nor statsmodels has a simulator. The other analyses have
no bar (`--wide`); each is told with the processor's seconds, which tell a slow program from a busy machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

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
from marketfit.measure.machine import cores

from .race import shown
from .row import Found, Row, judged, on_two_cores
from .settings import Settings

PART = "simulator"
SECONDS = 0.2
BAR = f"≤ {SECONDS:g} s on 2 cores"
BRANDS = ("ajax", "bolt", "crow", "dove")


def measure(settings: Settings) -> Found:
    """The row of the bar, and the table of the other analyses."""
    people, many = tastes(36_000, 1), offers(300)
    clock, _ = timed(lambda: simulate(people, many), settings.rounds)
    verdict = on_two_cores(judged(float(np.median(clock)) <= SECONDS), len(cores()))
    what = "300 offers × 36,000 draws, share of preference with intervals"
    row = Row(PART, what, f"{len(clock)} turns", shown(clock), bar=BAR, verdict=verdict)
    return Found((row,), wide(people, many, max(1, settings.repeats)) if settings.wide else "")


def wide(people: UtilityDraws, many: Mapping[str, Offer], repeats: int) -> str:
    """The analyses without a bar."""
    lines = ["| analysis | median (quartiles) | processor | turns |", "|---|---|---|---|"]
    for name, run in others(people, many).items():
        clock, used = timed(run, repeats)
        lines.append(f"| {name} | {shown(clock)} | {shown(used)} | {repeats} |")
    return "\n".join(lines)


def others(people: UtilityDraws, many: Mapping[str, Offer]) -> dict[str, Callable[[], object]]:
    """Name → run."""
    crowd, few = tastes(100, 360), offers(5)
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


def timed(run: Callable[[], object], turns: int) -> tuple[list[float], list[float]]:
    """Seconds by the clock and of all processors together, of each turn; a turn before the first is not counted."""
    run()
    clock, used = [], []
    for _ in range(turns):
        began, work = time.perf_counter(), time.process_time()
        run()
        clock.append(time.perf_counter() - began)
        used.append(time.process_time() - work)
    return clock, used
