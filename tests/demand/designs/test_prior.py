"""Priors: from beliefs, from little, and from a pilot."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.demand import (
    DesignSpace,
    UtilityDraws,
    balanced_design,
    fit_mnl,
    normal_prior,
    prior_from,
    simulate_answers,
    space_coding,
    vague_prior,
)
from marketfit.errors import DataError

SPACE = DesignSpace(
    {"brand": ("a", "b"), "speed": (1.0, 2.0, 5.0), "price": (2.0, 6.0)},
    better={"speed": "higher", "price": "lower"},
    versions=4,
)


def test_normal_beliefs_and_their_draws() -> None:
    coding = space_coding(SPACE)
    prior = normal_prior(coding, means={"price": -0.5}, sds={"price": 0.2, "none": 1.0})
    assert dict(zip(coding.columns, prior.mean, strict=True)) == {"brand_b": 0, "speed": 0, "price": -0.5, "none": 0}
    assert prior.draws.mean(axis=0) == pytest.approx(prior.mean, abs=0.01)
    assert np.cov(prior.draws.T) == pytest.approx(prior.covariance, abs=0.02)
    # The search takes the first 64: they cover the distribution too, far better than 64 random draws (sd 0.125) would.
    assert np.abs(prior.draws[:64, 3].mean()) < 0.03
    assert np.array_equal(
        normal_prior(coding, sds={"price": 1.0}, rng=5).draws, normal_prior(coding, sds={"price": 1.0}, rng=5).draws
    )


def test_without_spread_there_is_one_draw() -> None:
    assert normal_prior(space_coding(SPACE), means={"price": -1.0}).draws.tolist() == [[0.0, 0.0, -1.0, 0.0]]


def test_a_vague_prior_makes_the_range_of_a_direction_worth_one() -> None:
    coding = space_coding(SPACE, {"speed": "piecewise"})
    prior = vague_prior(SPACE, coding, sds={"none": 2.0})
    named = dict(zip(coding.columns, prior.mean.tolist(), strict=True))
    assert named == pytest.approx({"brand_b": 0, "speed_1_to_2": 0.25, "speed_2_to_5": 0.25, "price": -0.25, "none": 0})
    assert np.sqrt(np.diag(prior.covariance)) == pytest.approx([0.5, 0.5, 0.5 / 3, 0.5 / 4, 2.0])
    levels = vague_prior(SPACE, space_coding(SPACE, {"speed": "levels"}))
    assert levels.mean[1:3] == pytest.approx([0.25, 1.0])


def test_a_pilot_is_a_prior() -> None:
    coding = space_coding(SPACE)
    truth = np.array([0.5, 0.3, -0.4, 0.2])
    pilot = fit_mnl(simulate_answers(balanced_design(SPACE), coding, truth, respondents=60, rng=0), coding=coding)
    prior = prior_from(pilot, draws=4000)
    assert prior.coding == coding
    assert prior.mean == pytest.approx(pilot.estimates, abs=0.05)
    assert prior.covariance == pytest.approx(pilot.mean_covariance, abs=0.1 * np.abs(pilot.mean_covariance).max())


def test_people_of_a_pilot_count_by_their_weights() -> None:
    coding = space_coding(SPACE)
    people = np.zeros((1, 2, 4))
    people[0, 1] = 1.0
    prior = prior_from(UtilityDraws(people, coding, 2, weights=np.array([3.0, 1.0])), draws=2000, rng=1)
    assert prior.mean == pytest.approx([0.25] * 4)
    assert prior.covariance == pytest.approx(np.full((4, 4), 0.1875))
    assert prior.draws.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.04)


def test_mistakes_are_told_together() -> None:
    with pytest.raises(DataError) as error:
        normal_prior(space_coding(SPACE), means={"pric": 1.0, "speed": np.nan}, sds={"price": -1.0}, draws=0)
    assert len(error.value.problems) == 4
    assert "did you mean 'price'?" in str(error.value)
