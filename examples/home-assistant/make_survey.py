"""Make the survey files of the home-assistant example: SIMULATED respondents, not people.

Everything under `survey/` and `market/` is made by this script from the true preferences written below, with
a fixed seed. Nobody was asked anything. That is the point: because the truth is known, the demo can check
whether marketfit finds it again. Run it from anywhere; the same numpy gives the same bytes:

    python examples/home-assistant/make_survey.py

It reads `utterances.csv` beside itself and writes

- `survey/choices.csv`: 240 simulated buyers, 8 tasks each, 3 products and `none`; exactly one is chosen;
- `market/competitors.csv`: three invented competitors;
- `survey/opinions.csv`: 30 simulated annotators label 200 utterances, 3 answers each.

A buyer's utility is the sum of the part-worths of an offer's levels. The part-worth of an attribute for one
buyer is the table's mean times a normal weight with mean 1 and the table's spread; between two levels it is
linear. `none` has a normal utility of its own. Each alternative then gets a Gumbel error; the best is chosen.

`true_shares` gives the truth for any offers: for the population, or for the mean buyer. With our product at
accuracy 0.95, 5 ms, on-device, against the three competitors and `none`, 50,000 buyers and a unit cost of
0.80 USD a month:

    price   share (population)   profit USD a month   share (mean buyer)   profit USD a month
        2         68.9 %               41,368                73.4 %               44,050
        4         51.6 %               82,597                55.4 %               88,600
        6         25.7 %               66,868                27.2 %               70,737

so 4 USD is the price to find.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
SEED = 20_240_611

RESPONDENTS, TASKS, PRODUCTS = 240, 8, 3
ANNOTATORS, ITEMS, ANSWERS = 30, 200, 3
SKILL = (0.70, 0.95)  # an annotator's chance of being right is uniform between these


@dataclass(frozen=True)
class Attribute:
    """One row of the truth: tested levels, their mean part-worths, the spread of the buyers' weights."""

    levels: tuple[str, ...]
    means: tuple[float, ...]
    spread: float
    numeric: bool = True

    def worth(self, level: str) -> float:
        """The mean part-worth of a level; numeric attributes are linear between tested levels."""
        if not self.numeric:
            return self.means[self.levels.index(level)]
        return float(np.interp(float(level), [float(tested) for tested in self.levels], self.means))


# The true preferences.
ATTRIBUTES = {
    "accuracy": Attribute(("0.80", "0.85", "0.90", "0.95", "0.98"), (0.0, 0.8, 1.5, 2.1, 2.4), spread=0.35),
    "latency_ms": Attribute(("2", "5", "10", "50", "200"), (0.8, 0.75, 0.7, 0.4, 0.0), spread=0.40),
    "privacy": Attribute(("cloud", "on-device"), (0.0, 0.9), spread=0.60, numeric=False),
    "price": Attribute(("2", "4", "6", "8"), (3.4, 2.6, 1.4, 0.0), spread=0.35),
}
NONE_MEAN, NONE_SPREAD = 3.6, 1.0

Offer: TypeAlias = dict[str, str]  # attribute -> level

# Invented names; any likeness to a real product is chance.
COMPETITORS: dict[str, Offer] = {
    "Hearthwren Basic": {"accuracy": "0.86", "latency_ms": "150", "privacy": "cloud", "price": "2"},
    "Oakmurmur Hub": {"accuracy": "0.90", "latency_ms": "20", "privacy": "on-device", "price": "5"},
    "Parlovane Plus": {"accuracy": "0.97", "latency_ms": "80", "privacy": "cloud", "price": "4"},
}


def worths(offers: Sequence[Offer]) -> Floats:
    """Mean part-worths, one row per offer and one column per attribute."""
    table = [[attribute.worth(offer[name]) for name, attribute in ATTRIBUTES.items()] for offer in offers]
    return np.array(table, dtype=np.float64)


def population(size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Buyers: their weights (one row each) and their utility of buying nothing (size)."""
    spreads = np.array([attribute.spread for attribute in ATTRIBUTES.values()])
    weights = rng.normal(1.0, spreads, size=(size, len(spreads)))
    return weights, rng.normal(NONE_MEAN, NONE_SPREAD, size=size)


def true_shares(offers: Sequence[Offer], *, buyers: int = 200_000, mean_buyer: bool = False) -> Floats:
    """Shares of the offers and, last, of `none`: averaged over the population, or those of the mean buyer."""
    if mean_buyer:
        weights, none = np.ones((1, len(ATTRIBUTES))), np.array([NONE_MEAN])
    else:
        weights, none = population(buyers, np.random.default_rng(SEED))
    utilities = np.column_stack([weights @ worths(offers).T, none])
    odds = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    shares: Floats = (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def dominated(offers: Sequence[Offer]) -> bool:
    """Whether some offer is nowhere better than another one (equal offers included)."""
    table = worths(offers)
    at_least = (table[:, None, :] >= table[None, :, :]).all(axis=2)
    return bool(at_least.sum() > len(offers))


def draw_offer(rng: np.random.Generator) -> Offer:
    """One random product."""
    return {name: str(rng.choice(attribute.levels)) for name, attribute in ATTRIBUTES.items()}


def draw_task(rng: np.random.Generator) -> list[Offer]:
    """Random products, none of them dominated by or equal to another."""
    while True:
        offers = [draw_offer(rng) for _ in range(PRODUCTS)]
        if not dominated(offers):
            return offers


def choices(rng: np.random.Generator) -> Iterable[list[str]]:
    """The rows of choices.csv."""
    weights, none = population(RESPONDENTS, rng)
    for buyer in range(RESPONDENTS):
        for task in range(1, TASKS + 1):
            offers = draw_task(rng)
            utilities = np.append(worths(offers) @ weights[buyer], none[buyer])
            chosen = int(np.argmax(utilities + rng.gumbel(size=PRODUCTS + 1)))
            rows = [(str(place), list(offer.values())) for place, offer in enumerate(offers, start=1)]
            rows.append(("none", [""] * len(ATTRIBUTES)))
            for place, (alternative, levels) in enumerate(rows):
                yield [f"r{buyer + 1:03d}", str(task), alternative, str(int(place == chosen)), *levels]


def opinions(utterances: Sequence[tuple[str, str]], rng: np.random.Generator) -> Iterable[list[str]]:
    """The rows of opinions.csv: three different annotators an item; a wrong answer is any other intent."""
    intents = sorted({intent for _, intent in utterances})
    skills = rng.uniform(*SKILL, size=ANNOTATORS)
    for row in rng.choice(len(utterances), size=ITEMS, replace=False):
        text, intent = utterances[int(row)]
        others = [other for other in intents if other != intent]
        for annotator in sorted(rng.choice(ANNOTATORS, size=ANSWERS, replace=False)):
            right = rng.random() < skills[annotator]
            yield [text, f"a{annotator + 1:02d}", intent if right else str(rng.choice(others))]


def read_utterances(path: Path) -> list[tuple[str, str]]:
    """Text and intent of every utterance."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["intent"]) for row in csv.DictReader(file)]


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one CSV file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write the three files; each has its own random stream, so that one never moves another."""
    seeds = np.random.SeedSequence(SEED).spawn(2)
    for_choices, for_opinions = (np.random.default_rng(seed) for seed in seeds)
    write_csv(
        HERE / "survey" / "choices.csv",
        ["respondent", "task", "alternative", "chosen", *ATTRIBUTES],
        choices(for_choices),
    )
    write_csv(
        HERE / "market" / "competitors.csv",
        ["offer", *ATTRIBUTES],
        ([name, *offer.values()] for name, offer in COMPETITORS.items()),
    )
    write_csv(
        HERE / "survey" / "opinions.csv",
        ["item", "respondent", "label"],
        opinions(read_utterances(HERE / "utterances.csv"), for_opinions),
    )


if __name__ == "__main__":
    main()
