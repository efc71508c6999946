"""Information and the gains of tasks against the likelihood of the model, and against determinants computed in full."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.demand import DesignSpace, balanced_design, normal_prior, space_coding
from marketfit.demand.arrays import FloatArray
from marketfit.demand.designs.coded import Rows, as_choices
from marketfit.demand.designs.information import information, log_determinants, probabilities
from marketfit.demand.designs.taskgain import d_errors, log_gains
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.likelihood import probabilities as choice_probabilities

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("none", [True, False])
def test_information_is_that_of_the_likelihood(none: bool) -> None:
    space = DesignSpace({"a": ("x", "y", "z"), "b": (1.0, 2.0, 3.0)}, tasks=5, versions=2, none=none)
    coding, design = space_coding(space, {"b": "piecewise"}), balanced_design(space)
    prior = normal_prior(coding, sds=dict.fromkeys(coding.columns, 1.0), draws=7)
    tasks = design.codes.reshape(-1, *design.codes.shape[2:])
    data = as_choices(space, tasks)
    matrix_of_rows = coding.design(data).matrix
    likelihood = Likelihood.of(data, matrix_of_rows, data.weights)
    rows = Rows.of(space, coding)(tasks)
    found = information(rows, prior.draws, none=none)
    chances = probabilities(rows, prior.draws, none=none)
    for draw, matrix, chance in zip(prior.draws, found, chances, strict=True):
        assert matrix == pytest.approx(likelihood.derivatives(draw)[1], abs=1e-10)
        told = choice_probabilities(matrix_of_rows, draw, data.starts, data.sizes)
        assert chance.ravel() == pytest.approx(told[~data.is_none])


def random_parts(seed: int, none: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows of five tasks of three, draws, and the information of other tasks."""
    rng = np.random.default_rng(seed)
    rows, draws = rng.normal(size=(5, 3, 4)), rng.normal(size=(6, 4))
    return rows, draws, information(rng.normal(size=(8, 3, 4)), draws, none=none)


@given(seed=seeds, none=st.booleans())
def test_gains_are_the_differences_of_determinants(seed: int, none: bool) -> None:
    rows, draws, others = random_parts(seed, none)
    tasks = np.arange(15).reshape(5, 3)
    gains = log_gains(rows.reshape(15, 4), tasks, draws, np.linalg.inv(others), none=none)
    errors = d_errors(rows.reshape(15, 4), tasks, draws, others, none=none)
    for place in range(5):
        together = others + information(rows[[place]], draws, none=none)
        logs = np.linalg.slogdet(together)[1]
        assert gains[:, place] == pytest.approx(logs - np.linalg.slogdet(others)[1], abs=1e-8)
        assert errors[place] == pytest.approx(np.exp(-logs / 4).mean(), rel=1e-9)


def test_tasks_may_share_rows() -> None:
    rows, draws, others = random_parts(1, True)
    flat = rows.reshape(15, 4)
    shared = d_errors(flat, np.array([[0, 1, 2], [0, 1, 5]]), draws, others, none=True)
    apart = d_errors(flat[[0, 1, 2, 0, 1, 5]], np.arange(6).reshape(2, 3), draws, others, none=True)
    assert shared == pytest.approx(apart)


def test_a_singular_matrix_has_no_determinant_whatever_its_scale() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 5)) * [1.0, 1e6, 1e-6, 1.0, 1.0]
    good = np.diag([1.0, 1e12, 1e-12, 1.0, 1.0])
    assert log_determinants(np.stack([half.T @ half, good])).tolist() == pytest.approx([-np.inf, 0.0])


def test_large_utilities_do_not_overflow() -> None:
    rows = np.array([[[1000.0], [999.0], [-1000.0]]])
    found = probabilities(rows, np.array([[1.0], [-1.0]]), none=True)
    assert found[0, 0] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.e), 0.0])
    assert found[1, 0] == pytest.approx([0.0, 0.0, 1.0])
