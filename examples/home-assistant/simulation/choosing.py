"""Who was asked, and the choices between products that they make; some of them do not read the questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulation.truth import AGES, ATTRIBUTES, HOUSEHOLDS, SEGMENTS, Buyers, Offer, population, worths

RESPONDENTS, TASKS, PRODUCTS = 240, 8, 3
RANDOM, STRAIGHT = 9, 6  # careless people: random answers, and always the same place

MEDIAN_SECONDS, SECONDS_SPREAD = 170.0, 0.30  # of somebody who reads, for all tasks; the spread is of the logarithm
CARELESS_SECONDS = 45.0


@dataclass(frozen=True)
class Sample:
    """The people of the survey. careless: (person, place that they always take; None for random answers)."""

    names: tuple[str, ...]
    buyers: Buyers
    careless: dict[int, int | None]

    def segment(self, person: int) -> str:
        """The true segment of a person."""
        return list(SEGMENTS)[int(self.buyers.segment[person])]


def draw_sample(rng: np.random.Generator) -> Sample:
    """The 240 people; nothing in a name tells who is careless."""
    buyers = population(RESPONDENTS, rng)
    chosen = rng.choice(RESPONDENTS, size=RANDOM + STRAIGHT, replace=False).tolist()
    places = [None] * RANDOM + [int(place) for place in rng.integers(PRODUCTS, size=STRAIGHT)]
    return Sample(
        tuple(f"r{person + 1:03d}" for person in range(RESPONDENTS)), buyers, dict(zip(chosen, places, strict=True))
    )


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


def choices(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of choices.csv."""
    for person, name in enumerate(sample.names):
        for task in range(1, TASKS + 1):
            offers = draw_task(rng)
            utilities = np.append(worths(offers) @ sample.buyers.weights[person], sample.buyers.none[person])
            chosen = int(np.argmax(utilities + rng.gumbel(size=PRODUCTS + 1)))
            if person in sample.careless:
                place = sample.careless[person]
                chosen = int(rng.integers(PRODUCTS + 1)) if place is None else place
            rows = [(str(place), list(offer.values())) for place, offer in enumerate(offers, start=1)]
            rows.append(("none", [""] * len(ATTRIBUTES)))
            for place, (alternative, levels) in enumerate(rows):
                yield [name, str(task), alternative, str(int(place == chosen)), *levels]


def respondents(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of respondents.csv: age group and household go with the segment, seconds with care."""
    for person, name in enumerate(sample.names):
        segment = SEGMENTS[sample.segment(person)]
        age = rng.choice(AGES, p=segment.ages)
        household = rng.choice(HOUSEHOLDS, p=segment.households)
        median = CARELESS_SECONDS if person in sample.careless else MEDIAN_SECONDS
        seconds = median * np.exp(SECONDS_SPREAD * rng.standard_normal())
        yield [name, str(age), str(household), f"{seconds:.0f}"]
