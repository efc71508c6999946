from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.errors import DataError
from marketfit.research.perceptual_map import correspondence_analysis, pca_biplot, varying

# Greenacre (1984), table 3.1: staff groups (senior managers, junior managers, senior employees, junior employees,
# secretaries) by smoking (none, light, medium, heavy).
SMOKERS = np.array([[4, 2, 3, 2], [4, 3, 7, 4], [25, 10, 12, 4], [18, 24, 33, 13], [10, 6, 7, 2.0]])


def test_smokers() -> None:
    """Principal inertias .0748, .0100, .0004 of .0852, or 87.8, 11.8 and .5 %, and the published coordinates."""
    found = correspondence_analysis(SMOKERS)
    np.testing.assert_allclose(found.inertia, [0.0748, 0.0100, 0.0004], atol=5e-5)
    assert found.inertia.sum() == pytest.approx(0.0852, abs=5e-5)
    np.testing.assert_allclose(100 * found.explained, [87.8, 11.8, 0.5], atol=0.05)
    np.testing.assert_allclose(found.rows[:, 0], [0.066, -0.259, 0.381, -0.233, 0.201], atol=5e-4)
    np.testing.assert_allclose(found.rows[:, 1], [0.194, 0.243, 0.011, -0.058, -0.079], atol=5e-4)
    np.testing.assert_allclose(found.columns[:, 0], [0.393, -0.099, -0.196, -0.294], atol=6e-4)
    np.testing.assert_allclose(found.columns[:, 1], [0.030, -0.141, -0.007, 0.198], atol=6e-4)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 6), columns=st.integers(2, 6))
def test_inertia_is_chi_square_and_distances_are_those_of_profiles(seed: int, rows: int, columns: int) -> None:
    table = np.random.default_rng(seed).integers(1, 30, (rows, columns)).astype(float)
    try:
        found = correspondence_analysis(table)
    except DataError:
        assert np.linalg.matrix_rank(table) == 1
        return
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    assert found.inertia.sum() == pytest.approx((((table - expected) ** 2) / expected).sum() / table.sum())
    profiles = table / table.sum(axis=1, keepdims=True)
    mass = table.sum(axis=0) / table.sum()
    apart = ((profiles[0] - profiles[1]) ** 2 / mass).sum()
    assert ((found.rows[0] - found.rows[1]) ** 2).sum() == pytest.approx(apart, abs=1e-12)
    np.testing.assert_allclose(found.place(table), found.rows, atol=1e-9)
    np.testing.assert_allclose(correspondence_analysis(table[::-1]).rows[::-1], found.rows, atol=1e-8)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), rows=st.integers(3, 7), columns=st.integers(2, 5))
def test_a_biplot_gives_the_table_back(seed: int, rows: int, columns: int) -> None:
    table = np.random.default_rng(seed).normal(5, 2, (rows, columns))
    found = pca_biplot(table)
    standardised = (table - table.mean(axis=0)) / table.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.rows @ found.columns.T, standardised, atol=1e-9)
    np.testing.assert_allclose((found.columns**2).sum(axis=1), 1.0)  # correlations with all axes
    assert found.inertia.sum() == pytest.approx(columns)
    np.testing.assert_allclose(found.rows.std(axis=0, ddof=1), 1.0)
    np.testing.assert_allclose(found.place(table), found.rows, atol=1e-8)
    size = np.abs(found.columns)
    first = (size > size.max(axis=0) - 1e-7).argmax(axis=0)  # of two attributes both are equally far out
    assert (found.columns[first, np.arange(found.columns.shape[1])] > 0).all()


def test_eigenvalues_by_hand() -> None:
    """Two attributes with correlation 1/2 have variances 3/2 and 1/2; the first axis is their sum."""
    found = pca_biplot(np.array([[1.0, 10], [2, 30], [3, 20]]))
    np.testing.assert_allclose(found.inertia, [1.5, 0.5])
    np.testing.assert_allclose(found.columns[:, 0], np.sqrt([0.75, 0.75]))


def test_what_cannot_be_mapped_is_refused() -> None:
    with pytest.raises(DataError, match="column 2: has the same number everywhere"):
        pca_biplot(np.array([[1.0, 7], [2, 7]]))
    with pytest.raises(DataError) as error:
        correspondence_analysis(np.array([[0.0, 0, 0], [1, 0, 2]]))
    assert len(error.value.problems) == 2  # row 1 and column 2
    with pytest.raises(DataError, match="negative"):
        correspondence_analysis(np.array([[1.0, -1], [1, 2]]))
    with pytest.raises(DataError, match="same profile"):
        correspondence_analysis(np.array([[1.0, 2], [2, 4]]))


def test_rounding_is_no_difference() -> None:
    assert varying(np.array([[0.1 + 0.2, 1.0], [0.3, 2.0]])).tolist() == [False, True]
