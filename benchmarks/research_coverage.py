"""Are the 95 % intervals of simulated shares honest?

    python benchmarks/research_coverage.py [--markets 300] [--people 200] [--tasks 8] [--models mnl hb]

In each of 300 SIMULATED markets, respondents are drawn anew from a population, answer choice tasks of random products,
a choice model is fitted to their answers, and our offer is simulated against rivals and none. Counted is how often the
95 % interval of our share holds the truth: the share that the offer has in the population itself. The bar is 92 to
98 %, for a model that can describe the population:

- same tastes: everybody has the same; the multinomial logit is right, and so is hierarchical Bayes, with no spread;
- varied tastes: normal, price log-normal; hierarchical Bayes can describe them (all but the skewness of price), the
  logit cannot. With a twin among the rivals its independence of irrelevant alternatives does most harm.

A model that cannot describe the population converges to something else. Its interval is honest about chance when it
holds that other share, the pseudo-true one that it would find with endless respondents (White 1982), estimated here
from 40,000 people: errors that are clustered by respondent (Liang & Zeger 1986) promise that and no more. Both
coverages are shown. A model that this version of marketfit does not have is named as missing, not skipped in silence.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import marketfit.demand
from marketfit.demand import ChoiceData, Offer, UtilityModel, fit_mnl, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.choices.attribute import Attribute
from marketfit.measure.intervals import clopper_pearson

Fit = Callable[[ChoiceData, int], UtilityModel]
"""Data and a seed → a fitted model."""

PRICES, SIZES, BRANDS = (1.0, 2.0, 3.0, 4.0), (0.0, 0.5, 1.0), ("ajax", "bolt", "crow")
SHOWN = 3  # products in a task, beside none
OURS: Offer = {"price": 3.0, "size": 1.0, "brand": "bolt"}
RIVALS: dict[str, Offer] = {
    "theirs": {"price": 2.0, "size": 0.0, "brand": "ajax"},
    "other": {"price": 4.0, "size": 0.5, "brand": "crow"},
}
MARKETS: dict[str, dict[str, Offer]] = {
    "two rivals": {"ours": OURS, **RIVALS},
    "and a twin": {"ours": OURS, "twin": OURS, **RIVALS},
}
MANY = 40_000  # respondents of the pseudo-true fit
ENDLESS = 1_000_000  # people of the true shares
LEVEL, LOW, HIGH = 0.95, 0.92, 0.98


@dataclass(frozen=True)
class Truth:
    """A population. tastes: (count, generator) → (people, columns) for price, size, bolt, crow, none."""

    name: str
    tastes: Callable[[int, np.random.Generator], FloatArray]
    described_by: tuple[str, ...]


def same(count: int, rng: np.random.Generator) -> FloatArray:
    """Everybody alike."""
    del rng
    return np.tile([-0.8, 1.0, 0.6, -0.4, -2.0], (count, 1))


def varied(count: int, rng: np.random.Generator) -> FloatArray:
    """Tastes differ: normal, price log-normal, size and brand correlated."""
    normal = rng.standard_normal((count, 5))
    normal[:, 2] = 0.5 * normal[:, 1] + np.sqrt(0.75) * normal[:, 2]
    values = np.array([0.0, 1.0, 0.6, -0.4, -2.5]) + normal * [0.0, 1.0, 1.5, 1.2, 1.5]
    values[:, 0] = -np.exp(-0.2 + 0.5 * normal[:, 0])
    return values


TRUTHS = (Truth("same tastes", same, ("mnl", "hb")), Truth("varied tastes", varied, ("hb",)))


def main() -> int:
    """Run every model on every truth and print the table; exit status 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=300)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--models", nargs="+", default=["mnl", "hb"], choices=["mnl", "hb"])
    parser.add_argument("--iterations", type=int, default=2000, help="of hierarchical Bayes")
    options = parser.parse_args()
    fits = available(options.models, options.iterations)
    rows = [
        "| truth | model | covers the population's share | covers the pseudo-true share | mean width | bias | bar |"
    ]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    missed = False
    for truth in TRUTHS:
        for name, fit in fits.items():
            results = run(truth, fit, (options.markets, options.people, options.tasks), pseudo=name == "mnl")
            for market, result in results.items():
                bar = "none: the model cannot describe it"
                if name in truth.described_by:
                    kept = LOW <= result.coverage <= HIGH
                    missed |= not kept
                    bar = f"92 to 98 %: {'met' if kept else 'MISSED'}"
                rows.append(f"| {truth.name} | {market} | {name} | {result} | {bar} |")
    sys.stdout.write("\n" + "\n".join(rows) + "\n")
    return int(missed)


def available(names: list[str], iterations: int) -> dict[str, Fit]:
    """The models that this version of marketfit has; the others are named on the screen."""

    def mnl(data: ChoiceData, seed: int) -> UtilityModel:
        del seed  # the search is not random
        return fit_mnl(data)

    fits: dict[str, Fit] = {"mnl": mnl}
    fit_hb = getattr(marketfit.demand, "fit_hb", None)
    if fit_hb is not None:
        fits["hb"] = lambda data, seed: fit_hb(data, iterations=iterations, rng=seed)
    for name in names:
        if name not in fits:
            sys.stdout.write(f"{name}: this version of marketfit has no fit_{name}; NOT MEASURED\n")
    return {name: fits[name] for name in names if name in fits}


@dataclass(frozen=True)
class Result:
    """Of one model on one truth, for our offer. held, pseudo_held: markets whose interval holds the share."""

    markets: int
    held: int
    pseudo_held: int | None
    width: float
    bias: float
    true_share: float

    @property
    def coverage(self) -> float:
        """Of the population's share."""
        return self.held / self.markets

    def __str__(self) -> str:
        pseudo = "not asked" if self.pseudo_held is None else counted(self.pseudo_held, self.markets)
        shown = f"{100 * self.bias:+.2f} points of {100 * self.true_share:.1f} %"
        return f"{counted(self.held, self.markets)} | {pseudo} | {100 * self.width:.1f} points | {shown}"


def counted(held: int, markets: int) -> str:
    """A coverage with its own 95 % interval (Clopper–Pearson)."""
    bounds = clopper_pearson(held, markets, confidence=0.975)
    return f"{bounds.value:.1%} ({bounds.low:.1%} to {bounds.high:.1%}; n {markets})"


def run(truth: Truth, fit: Fit, size: tuple[int, int, int], *, pseudo: bool) -> dict[str, Result]:
    """Draw respondents, fit and simulate, many times. Market → how its intervals did."""
    repeats, people, tasks = size
    crowd = truth.tastes(ENDLESS, np.random.default_rng([1, 2026]))
    limit = fit(answers(truth, MANY, tasks, np.random.default_rng([2, 2026])), 0) if pseudo else None
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in MARKETS}
    began = time.monotonic()
    for number in range(repeats):
        model = fit(answers(truth, people, tasks, np.random.default_rng([3, number])), number)
        for name, offers in MARKETS.items():
            shares = simulate(model, offers, rng=number, level=LEVEL)
            found[name].append((float(shares.low[0]), float(shares.share[0]), float(shares.high[0])))
        if number % 10 == 9:
            sys.stderr.write(f"\r{truth.name}: {number + 1} of {repeats}, {time.monotonic() - began:.0f} s ")
            sys.stderr.flush()
    results = {}
    for name, offers in MARKETS.items():
        true = population_share(crowd, offers)
        low, share, high = np.array(found[name]).T
        held = int(((low <= true) & (true <= high)).sum())
        pseudo_held = None
        if limit is not None:
            aim = simulate(limit, offers).mean["ours"]
            pseudo_held = int(((low <= aim) & (aim <= high)).sum())
        bias = float(share.mean()) - true
        results[name] = Result(repeats, held, pseudo_held, float((high - low).mean()), bias, true)
    return results


def population_share(tastes: FloatArray, offers: Mapping[str, Offer]) -> float:
    """The share of our offer, the first, in the population."""
    utilities = tastes @ np.array([design(offer) for offer in offers.values()] + [[0, 0, 0, 0, 1]]).T
    powers = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    return float((powers[:, 0] / powers.sum(axis=1)).mean())


def design(offer: Offer) -> list[float]:
    """Price, size, bolt, crow, none."""
    return [
        float(offer["price"]),
        float(offer["size"]),
        float(offer["brand"] == "bolt"),
        float(offer["brand"] == "crow"),
        0,
    ]


def answers(truth: Truth, people: int, tasks: int, rng: np.random.Generator) -> ChoiceData:
    """Choice data of new respondents: random products, logit choices."""
    tastes = truth.tastes(people, rng)
    count, rows = people * tasks, SHOWN + 1
    price, size = rng.choice(PRICES, (count, SHOWN)), rng.choice(SIZES, (count, SHOWN))
    brand = rng.integers(len(BRANDS), size=(count, SHOWN))
    of_product = np.stack([price, size, brand == 1, brand == 2, np.zeros_like(price)], axis=2).astype(np.float64)
    of_none = np.tile(np.eye(5)[4], (count, 1, 1))
    utility = np.einsum("tak,tk->ta", np.concatenate([of_product, of_none], axis=1), np.repeat(tastes, tasks, axis=0))
    won = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)

    def column(values: FloatArray, empty: float) -> FloatArray:
        return np.concatenate([values, np.full((count, 1), empty)], axis=1).reshape(-1)

    starts = np.arange(count, dtype=np.int64) * rows
    return ChoiceData(
        attributes=(
            Attribute("price", column(price, 0.0), None),
            Attribute("size", column(size, 0.0), None),
            Attribute("brand", column(brand.astype(np.float64), -1.0).astype(np.int64), BRANDS),
        ),
        alternatives=(*"abc", "none"),
        alternative_column="alternative",
        alternative=np.tile(np.arange(rows, dtype=np.int64), count),
        is_none=np.tile(np.arange(rows) == SHOWN, count),
        none="none",
        row=np.arange(count * rows, dtype=np.int64),
        starts=starts,
        sizes=np.full(count, rows, dtype=np.int64),
        choices=starts + won,
        weights=np.ones(count),
        respondent=np.repeat(np.arange(people, dtype=np.int64), tasks),
        respondent_labels=np.arange(people),
    )


if __name__ == "__main__":
    sys.exit(main())
