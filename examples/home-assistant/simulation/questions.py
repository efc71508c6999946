"""Answers to the further instruments: best and worst, Kano, prices, satisfaction, importance, perceptions.

Every table of true values stands above the function that answers by it. Where a value differs between the segments,
the first number is of `private` people and the second of `thrifty` ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulation.choosing import Sample

Pair = tuple[float, float]
FLAT_SPREAD = 0.8


def _of(values: Mapping[str, Pair], sample: Sample, person: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The values of a person's segment."""
    return np.array([pair[int(sample.buyers.segment[person])] for pair in values.values()])


# MaxDiff: the utility of each benefit. The best of four is drawn by e^u, then the worst of the others by e^−u.
BENEFITS: dict[str, Pair] = {
    "understands me the first time": (1.6, 1.8),
    "answers at once": (0.6, 0.9),
    "works without the internet": (0.9, 0.3),
    "keeps my voice at home": (1.9, -0.4),
    "costs little each month": (0.1, 1.9),
    "controls the devices I have": (0.9, 0.8),
    "is set up in ten minutes": (-0.1, 0.2),
    "tells voices of the family apart": (0.0, -0.9),
    "has a pleasant voice": (-1.2, -1.1),
    "looks good on a shelf": (-1.9, -1.6),
}
MAXDIFF_PEOPLE, SETS, SHOWN = 120, 8, 4


def maxdiff(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of maxdiff.csv: eight sets of four; a shuffled deck, so that every benefit is shown 3 or 4 times."""
    names = np.array(list(BENEFITS))
    for person in range(MAXDIFF_PEOPLE):
        utilities = _of(BENEFITS, sample, person) + FLAT_SPREAD / 2 * rng.standard_normal(names.size)
        for task, shown in enumerate(_deck(names.size, rng), start=1):
            best = int(np.argmax(utilities[shown] + rng.gumbel(size=SHOWN)))
            against = -utilities[shown] + rng.gumbel(size=SHOWN)
            against[best] = -np.inf
            worst = int(np.argmax(against))
            yield [sample.names[person], str(task), *names[shown].tolist(), str(names[shown[best]]),
                   str(names[shown[worst]])]  # fmt: skip


def _deck(items: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Sets of different items, those shown least first."""
    counts = np.zeros(items)
    for _ in range(SETS):
        shown = np.argsort(counts + 0.5 * rng.random(items))[:SHOWN]
        counts[shown] += 1
        yield rng.permutation(shown).tolist()


# Kano: the chance of each category (must-be, one-dimensional, attractive, indifferent, reverse) for a feature.
FEATURES: dict[str, tuple[float, float, float, float, float]] = {
    "a switch that turns the microphone off": (0.66, 0.12, 0.08, 0.13, 0.01),
    "it works when the internet is down": (0.22, 0.50, 0.20, 0.08, 0.00),
    "it answers without a noticeable pause": (0.20, 0.58, 0.12, 0.10, 0.00),
    "it learns new phrases from my corrections": (0.04, 0.16, 0.62, 0.17, 0.01),
    "it tells members of the family apart": (0.03, 0.10, 0.42, 0.40, 0.05),
    "a choice of voices": (0.01, 0.04, 0.22, 0.71, 0.02),
    "it suggests things to buy": (0.00, 0.01, 0.07, 0.25, 0.67),
    "an app that shows what it has heard": (0.30, 0.25, 0.22, 0.20, 0.03),
}
# How each category is told: pairs of answers with it and without it, one of them drawn.
PAIRS = {
    "M": (("expect", "dislike"), ("neutral", "dislike"), ("expect", "dislike")),
    "O": (("like", "dislike"),),
    "A": (("like", "neutral"), ("like", "tolerate"), ("like", "expect")),
    "I": (("neutral", "neutral"), ("expect", "neutral"), ("tolerate", "neutral"), ("neutral", "tolerate")),
    "R": (("dislike", "neutral"), ("dislike", "like"), ("dislike", "expect")),
}
KANO_PEOPLE, QUESTIONABLE = 120, 0.015


def kano(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of kano.csv."""
    for person in range(KANO_PEOPLE):
        for feature, chances in FEATURES.items():
            category = str(rng.choice(list(PAIRS), p=chances))
            answers = PAIRS[category][int(rng.integers(len(PAIRS[category])))]
            if rng.random() < QUESTIONABLE:
                answers = ("like", "like")
            yield [sample.names[person], feature, *answers]


# Prices: the median of "expensive" in USD a month; the others are these shares of a person's own.
EXPENSIVE: Pair = (6.5, 4.3)
PRICE_SPREAD = 0.28
SHARES = {"too_cheap": 0.28, "cheap": 0.62, "expensive": 1.0, "too_expensive": 1.45}
BUY_CHEAP, BUY_EXPENSIVE = (0.02, 0.08, 0.20, 0.40, 0.30), (0.15, 0.30, 0.33, 0.17, 0.05)  # chance of answers 1 to 5
CONFUSED = 0.03  # people who take "cheap" and "expensive" the other way round


def prices(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of prices.csv, to the nearest ten cents."""
    for person, name in enumerate(sample.names):
        expensive = EXPENSIVE[int(sample.buyers.segment[person])] * np.exp(PRICE_SPREAD * rng.standard_normal())
        named = [expensive * share * np.exp(0.05 * rng.standard_normal()) for share in SHARES.values()]
        if rng.random() < CONFUSED:
            named[1], named[2] = named[2], named[1]
        chances = [int(rng.choice(5, p=odds)) + 1 for odds in (BUY_CHEAP, BUY_EXPENSIVE)]
        yield [name, *(f"{price:.1f}" for price in named), *(str(chance) for chance in chances)]


# Satisfaction after a month's trial: mean of "recommend" (0 to 10) and of "satisfied" (1 to 5), and the chances of
# very, somewhat and not disappointed.
RECOMMEND: Pair = (8.8, 7.2)
SATISFIED: Pair = (4.3, 3.7)
DISAPPOINTED = {"private": (0.58, 0.30, 0.12), "thrifty": (0.27, 0.46, 0.27)}
TRIAL_PEOPLE, SILENT = 180, 0.04


def satisfaction(sample: Sample, households: Mapping[str, str], rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of satisfaction.csv; `segment` is the household, which is known of everybody."""
    for person in range(TRIAL_PEOPLE):
        segment = int(sample.buyers.segment[person])
        recommend = int(np.clip(np.round(rng.normal(RECOMMEND[segment], 1.6)), 0, 10))
        satisfied = int(np.clip(np.round(rng.normal(SATISFIED[segment], 0.8)), 1, 5))
        word = str(rng.choice(["very", "somewhat", "not"], p=DISAPPOINTED[sample.segment(person)]))
        answers = ["" if rng.random() < SILENT else answer for answer in (str(recommend), str(satisfied), word)]
        name = sample.names[person]
        yield [name, answers[0], answers[1], "5", answers[2], households[name]]


# Importance and performance on a scale of 1 to 5: the true means.
RATED: dict[str, tuple[float, float]] = {
    "understanding": (4.7, 3.6),
    "speed of the answer": (3.9, 4.5),
    "privacy": (4.1, 4.6),
    "price": (4.3, 4.0),
    "setting up": (3.2, 3.1),
    "devices it controls": (4.2, 3.2),
    "voice": (2.3, 3.9),
    "design": (2.0, 3.4),
}
RATED_PEOPLE, NO_IDEA = 120, 0.05


def importance(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of importance.csv; some cannot say how well a thing is done."""
    for person in range(RATED_PEOPLE):
        for attribute, means in RATED.items():
            ratings = [str(int(np.clip(np.round(rng.normal(mean, FLAT_SPREAD)), 1, 5))) for mean in means]
            performance = "" if rng.random() < NO_IDEA else ratings[1]
            yield [sample.names[person], attribute, "5", ratings[0], performance]


# Perceptions: the chance that somebody says that a word fits an offer.
WORDS = ("private", "quick", "clever", "cheap", "easy to set up", "for families", "stylish", "reliable")
SEEN: dict[str, tuple[float, ...]] = {
    "home-assistant": (0.82, 0.74, 0.55, 0.48, 0.40, 0.52, 0.30, 0.66),
    "Hearthwren Basic": (0.16, 0.20, 0.18, 0.88, 0.66, 0.40, 0.14, 0.30),
    "Oakmurmur Hub": (0.76, 0.52, 0.38, 0.26, 0.24, 0.30, 0.56, 0.58),
    "Parlovane Plus": (0.14, 0.36, 0.86, 0.34, 0.62, 0.46, 0.64, 0.62),
}
PERCEIVING_PEOPLE = 80


def perceptions(sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of perceptions.csv: every word of every offer, 1 if it fits."""
    for person in range(PERCEIVING_PEOPLE):
        for offer, chances in SEEN.items():
            for word, chance in zip(WORDS, chances, strict=True):
                yield [sample.names[person], offer, word, "1", str(int(rng.random() < chance))]
