"""Krippendorff's α against his own worked example, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.errors import DataError
from marketfit.research.agreement import Codes, krippendorff_alpha

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", data C: 4 observers, 12 units, missing values.
_ROWS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
PUBLISHED: Codes = np.array([[-1 if c == "." else int(c) - 1 for c in row.split()] for row in _ROWS]).T


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_the_published_example(level: str, alpha: float) -> None:
    found = krippendorff_alpha(PUBLISHED, values=5, level=level)  # type: ignore[arg-type]
    assert round(found.alpha, 3) == alpha
    assert (found.units, found.pairs, found.coders) == (11, 40, 4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.alpha < found.high


def test_binary_two_observers_published() -> None:
    """Data A of the same paper: two observers, ten units, no missing values: α = 0.095."""
    codes = np.array([[0, 0], [1, 1], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [1, 0], [0, 0]])
    codes = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T
    assert round(krippendorff_alpha(codes, values=2).alpha, 3) == 0.095


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), coders=st.integers(2, 5))
def test_order_of_coders_and_units_is_nothing(seed: int, coders: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 3, (30, coders))
    codes[:2, :2] = [[0, 1], [2, 2]]
    first = krippendorff_alpha(codes, values=3)
    mixed = krippendorff_alpha(rng.permutation(rng.permutation(codes, axis=0), axis=1), values=3)
    assert first.alpha == pytest.approx(mixed.alpha)
    assert first.alpha <= 1


def test_perfect_and_chance_agreement() -> None:
    same = np.repeat(np.arange(20)[:, None] % 4, 3, axis=1)
    assert krippendorff_alpha(same, values=4).alpha == 1.0
    chance = np.random.default_rng(0).integers(0, 4, (4000, 2))
    assert abs(krippendorff_alpha(chance, values=4).alpha) < 0.03


def test_nothing_to_agree_on() -> None:
    with pytest.raises(DataError, match="no unit has codes of two coders"):
        krippendorff_alpha(np.array([[0, -1], [-1, 1]]), values=2)
    with pytest.raises(DataError, match="all codes are the same"):
        krippendorff_alpha(np.array([[0, 0], [0, 0]]), values=2)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="level: is 'ordnal'; did you mean 'ordinal'"):
        krippendorff_alpha(PUBLISHED, values=5, level="ordnal")  # type: ignore[arg-type]


def test_lists_count_as_arrays_and_codes_that_do_not_fit_are_named() -> None:
    assert krippendorff_alpha(PUBLISHED.tolist(), values=5).alpha == krippendorff_alpha(PUBLISHED, values=5).alpha
    with pytest.raises(DataError, match=r"codes\[0, 1\], \[1, 0\]: is 5; whole numbers from -1 to 4"):
        krippendorff_alpha([[0, 5], [7, 0]], values=5)
    with pytest.raises(DataError, match=r"codes: has the shape \(3,\)"):
        krippendorff_alpha([0, 1, 1], values=2)
    with pytest.raises(DataError, match="codes: holds other things than numbers"):
        krippendorff_alpha([["a", "b"]], values=2)  # type: ignore[list-item]


def test_a_ratio_scale_has_no_numbers_below_zero_and_knows_its_zero() -> None:
    with pytest.raises(DataError, match=r"numbers\[0\]: is -1"):
        krippendorff_alpha([[0, 1], [1, 0]], values=2, level="ratio", numbers=[-1, 1])
    same = krippendorff_alpha([[0, 0], [1, 1], [0, 1]], values=2, level="ratio", numbers=[0, 4])
    assert same.alpha == krippendorff_alpha([[0, 0], [1, 1], [0, 1]], values=2).alpha  # (0 − 4)² / (0 + 4)² is 1


def test_agreement_of_a_few_units_is_no_proof() -> None:
    """0 of 2 units disagree: 84.2 % of all may, at the distance of 1 and an expected disagreement of 2/3."""
    few = krippendorff_alpha([[0, 0], [1, 1]], values=2)
    assert few.alpha == 1.0
    assert few.low == pytest.approx(1 - 0.8419 / (2 / 3), abs=1e-3)
    many = krippendorff_alpha([[0, 0], [1, 1]] * 100, values=2)
    assert many.low is not None
    assert 0.9 < many.low < 1.0
