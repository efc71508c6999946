from __future__ import annotations

import numpy as np
import pytest

from marketfit.research.kano import (
    ANSWERS,
    CATEGORIES,
    Category,
    KanoAnswers,
    KanoFeature,
    categories,
    fong_distinct,
    kano,
)

# One pair of answers (functional, dysfunctional) for each category.
PAIR: dict[Category, tuple[int, int]] = {"A": (0, 2), "O": (0, 4), "M": (2, 4), "I": (2, 2), "R": (2, 0), "Q": (0, 0)}


def feature(counts: dict[Category, int], weights: np.ndarray | None = None) -> KanoFeature:
    pairs = np.array([PAIR[category] for category, count in counts.items() for _ in range(count)])
    people = len(pairs)
    weights = np.ones(people) if weights is None else weights
    answers = KanoAnswers(pairs[:, 0], pairs[:, 1], np.zeros(people, dtype=int), np.arange(people), weights, 1)
    return kano(answers)[0]


def test_the_evaluation_table_is_that_of_berger_et_al() -> None:
    rows = ["QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ"]  # functional like … dislike, by dysfunctional like … dislike
    functional, dysfunctional = (codes.ravel() for codes in np.indices((5, 5)))
    got = "".join(CATEGORIES[code] for code in categories(functional, dysfunctional))
    assert got == "".join(rows)
    assert ANSWERS == ("like", "expect", "neutral", "tolerate", "dislike")


@pytest.mark.parametrize(
    ("counts", "category", "better", "worse"),
    [
        # Sauerwein, Bailom, Matzler & Hinterhuber (1996), figures 10 and 11: skis, in per cent and per mille.
        ({"A": 7, "O": 33, "M": 50, "I": 10}, "M", 0.40, -0.83),
        ({"A": 104, "O": 451, "M": 305, "I": 115, "R": 12, "Q": 12}, "O", 0.57, -0.78),
    ],
)
def test_skis(counts: dict[Category, int], category: str, better: float, worse: float) -> None:
    found = feature(counts)
    assert found.category == category
    assert found.better is not None
    assert found.worse is not None
    assert round(found.better.value, 2) == better
    assert round(found.worse.value, 2) == worse


@pytest.mark.parametrize(
    ("counts", "better", "worse"),
    [
        # Brand & Rese (2026), table 1: shops.
        ({"A": 216, "O": 56, "M": 13, "I": 275, "R": 23, "Q": 24}, 0.486, -0.123),
        ({"A": 229, "O": 42, "M": 5, "I": 276, "R": 33, "Q": 22}, 0.491, -0.085),
        ({"A": 187, "O": 71, "M": 46, "I": 258, "R": 19, "Q": 26}, 0.459, -0.208),
    ],
)
def test_shops(counts: dict[Category, int], better: float, worse: float) -> None:
    found = feature(counts)
    assert found.category == "I"
    assert found.better is not None
    assert found.worse is not None
    assert (round(found.better.value, 3), round(found.worse.value, 3)) == (better, worse)
    assert found.n == sum(counts.values())
    assert found.better.n == sum(counts[c] for c in ("A", "O", "M", "I"))


def test_strengths_and_fong_by_hand() -> None:
    found = feature({"M": 40, "O": 22, "A": 8, "I": 25, "R": 3, "Q": 2})
    assert (found.category, found.runner_up) == ("M", "I")
    assert found.category_strength == pytest.approx(0.15)
    assert found.total_strength == pytest.approx(0.70)
    # 15 against 1.65 · √(65 · 135 / 200) = 10.93
    assert found.distinct
    # 10 against 1.65 · √(60 · 140 / 200) = 10.69, and 11 against 1.65 · √(61 · 139 / 200) = 10.74
    assert not fong_distinct(35, 25, 100)
    assert fong_distinct(36, 25, 100)


def test_two_people_prove_nothing() -> None:
    """The same answers of two people: neither category nor quadrant; five are the fewest (exact sign test, 90 %)."""
    two = feature({"M": 2})
    assert (two.category, two.distinct, two.placed) == ("M", False, False)
    assert two.dysfunctional.low is not None
    assert two.dysfunctional.low < 2 < two.dysfunctional.value == 4.0
    assert [fong_distinct(n, 0, n) for n in (1, 2, 3, 4, 5)] == [False, False, False, False, True]
    assert [fong_distinct(7, 2, 20), fong_distinct(8, 1, 20)] == [False, True]  # both ways 0.180 and 0.039


def test_ties_go_to_must_be_first() -> None:
    assert feature({"I": 5, "A": 5, "O": 5, "M": 5}).category == "M"
    assert feature({"I": 5, "A": 5, "Q": 5}).category == "A"


def test_the_continuous_grid_by_hand() -> None:
    """DuMouchel's scale: with it 4, 2, 0, −1, −2; without it −2, −1, 0, 2, 4."""
    functional, dysfunctional = np.array([0, 0, 1, 4]), np.array([4, 3, 4, 0])
    answers = KanoAnswers(functional, dysfunctional, np.zeros(4, dtype=int), np.arange(4), np.ones(4), 1)
    found = kano(answers)[0]
    assert found.functional.value == pytest.approx((4 + 4 + 2 - 2) / 4)
    assert found.dysfunctional.value == pytest.approx((4 + 2 + 4 - 2) / 4)
    assert (found.quadrant, found.placed) == ("performance", False)


@pytest.mark.parametrize(
    ("counts", "quadrant", "proven"),
    [
        ({"M": 40, "I": 3}, "must-be", True),
        ({"A": 40, "I": 3}, "attractive", True),
        ({"I": 40, "O": 3}, "indifferent", True),
        ({"M": 2, "I": 2}, "must-be", False),
    ],
)
def test_clear_answers_prove_their_quadrant(counts: dict[Category, int], quadrant: str, proven: bool) -> None:
    found = feature(counts)
    assert (found.quadrant, found.placed) == (quadrant, proven)


def test_without_usable_answers_there_is_no_coefficient() -> None:
    found = feature({"Q": 3, "R": 2})
    assert (found.better, found.worse, found.category) == (None, None, "Q")


def test_weights_count() -> None:
    found = feature({"M": 1, "A": 3}, np.array([6.0, 1.0, 1.0, 1.0]))
    assert found.category == "M"
    assert found.shares["M"] == pytest.approx(2 / 3)
    assert not found.distinct  # one person of weight 6 is still one person: 81 / 39 = 2.1 of equal weight


def test_features_are_recovered() -> None:
    """Planted: each of three features has one kind of answer from 60 % of 200 people, and noise from the others."""
    rng = np.random.default_rng(0)
    kinds: tuple[Category, ...] = ("M", "O", "A")
    item, person = np.tile(np.arange(3), 200), np.repeat(np.arange(200), 3)
    pairs = np.array([PAIR[kinds[code]] for code in item])
    noise = rng.random(600) < 0.4
    pairs[noise] = rng.integers(0, 5, (int(noise.sum()), 2))
    found = kano(KanoAnswers(pairs[:, 0], pairs[:, 1], item, person, np.ones(200), 3))
    assert tuple(feature.category for feature in found) == kinds
    assert all(feature.distinct for feature in found)
    assert tuple(feature.quadrant for feature in found) == ("must-be", "performance", "attractive")
