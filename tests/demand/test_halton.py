"""Halton sequences against known points and another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from marketfit.demand.models.halton import halton, halton_block, primes


def test_van_der_corput() -> None:
    index = np.arange(9)
    np.testing.assert_array_equal(halton(2, index) * 16, [0, 8, 4, 12, 2, 10, 6, 14, 1])
    # Train (2009), page 224.
    np.testing.assert_allclose(halton(3, index) * 9, [0, 3, 6, 1, 4, 7, 2, 5, 8], rtol=1e-15)
    assert halton(3, np.array([9]))[0] == pytest.approx(1 / 27)


def test_primes() -> None:
    assert primes(10) == (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 10**5), dimensions=st.integers(1, 20))
def test_agrees_with_scipy(start: int, dimensions: int) -> None:
    other = qmc.Halton(dimensions, scramble=False)
    other.fast_forward(start)
    index = np.arange(start, start + 5)
    found = np.stack([halton(prime, index) for prime in primes(dimensions)], axis=1)
    np.testing.assert_allclose(found, other.random(5), rtol=1e-13, atol=1e-15)


def test_a_prime_above_the_table() -> None:
    np.testing.assert_allclose(halton(2003, np.array([1, 2003, 2004])), [1 / 2003, 1 / 2003**2, 1 / 2003 + 1 / 2003**2])


def test_blocks_follow_each_other() -> None:
    blocks = halton_block(np.array([0, 3, 1]), 4, 2, 100)
    assert blocks.shape == (3, 2, 4)
    np.testing.assert_array_equal(blocks[:, 0].ravel(), halton(2, np.r_[100:104, 112:116, 104:108]))
    np.testing.assert_array_equal(blocks[2, 1], halton(3, np.arange(104, 108)))
