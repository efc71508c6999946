"""Sample sizes: the formula, and simulated surveys of that size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketfit.demand import (
    ChoiceDesign,
    DesignSpace,
    Prior,
    balanced_design,
    diagnose,
    fit_mnl,
    normal_prior,
    rule_of_thumb,
    sample_size,
    share_sample_size,
    simulate,
    simulate_answers,
    space_coding,
)
from marketfit.errors import DataError

SPACE = DesignSpace({"brand": ("a", "b"), "price": (1.0, 2.0, 3.0)}, tasks=4, versions=6)
TRUTH = {"brand_b": 0.35, "price": -0.5, "none": -0.8}
OFFERS = {"ours": {"brand": "b", "price": 2.0}, "theirs": {"brand": "a", "price": 1.0}}


@pytest.fixture(scope="module")
def design() -> ChoiceDesign:
    return balanced_design(SPACE)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return normal_prior(space_coding(SPACE), means=TRUTH)


def test_the_formula(design: ChoiceDesign, prior: Prior) -> None:
    """(1.95996 + 0.84162)² = 7.8489 times the variance of one respondent over the squared effect."""
    found = sample_size(design, prior)
    single = diagnose(design, prior, respondents=1).standard_errors
    for name, effect in TRUTH.items():
        assert found.needed[name].respondents == math.ceil(7.848886 * single[name] ** 2 / effect**2)
    assert found.respondents == max(needed.respondents for needed in found.needed.values())
    assert sample_size(design, prior, effects={"price": -0.25}).respondents == pytest.approx(
        4 * found.needed["price"].respondents, abs=4
    )
    assert sample_size(design, prior, design_effect=2.0).respondents == pytest.approx(2 * found.respondents, abs=2)


def test_surveys_of_that_size_detect_the_effect_as_often_as_promised(design: ChoiceDesign, prior: Prior) -> None:
    found = sample_size(design, prior, effects={"brand_b": TRUTH["brand_b"]}, power=0.8, alpha=0.05)
    detected = 0
    for seed in range(400):
        data = simulate_answers(
            design, prior.coding, prior.mean, respondents=found.respondents, rng=np.random.default_rng([7, seed])
        )
        result = fit_mnl(data, coding=prior.coding, errors="classical")
        detected += abs(result.coefficients["brand_b"] / result.standard_errors["brand_b"]) > 1.959964
    assert detected / 400 == pytest.approx(0.8, abs=0.06)  # three binomial standard errors


def test_surveys_of_that_size_know_the_share_as_well_as_promised(design: ChoiceDesign, prior: Prior) -> None:
    found = share_sample_size(design, prior, OFFERS, offer="ours", margin=0.06)
    halves, shares = [], []
    for seed in range(60):
        data = simulate_answers(
            design, prior.coding, prior.mean, respondents=found.needed.respondents, rng=np.random.default_rng([8, seed])
        )
        market = simulate(fit_mnl(data, coding=prior.coding, errors="classical"), OFFERS, rng=seed)
        halves.append((market.high[0] - market.low[0]) / 2)
        shares.append(market.share[0])
    assert np.mean(halves) == pytest.approx(0.06, rel=0.05)
    assert 1.96 * np.std(shares) == pytest.approx(0.06, rel=0.3)  # sixty shares tell their spread to about 9 %
    assert np.mean(shares) == pytest.approx(found.share, abs=0.02)


def test_an_unsure_prior_gives_a_range(design: ChoiceDesign, prior: Prior) -> None:
    unsure = normal_prior(prior.coding, means=TRUTH, sds=dict.fromkeys(TRUTH, 0.5))
    assert (needed := sample_size(design, prior).needed["price"]).low == needed.high == needed.respondents
    needed = sample_size(design, unsure).needed["price"]
    assert needed.low < needed.respondents < needed.high


def test_people_who_differ_add_the_variance_of_their_shares(design: ChoiceDesign, prior: Prior) -> None:
    people = normal_prior(prior.coding, means=TRUTH, sds=dict.fromkeys(TRUTH, 1.0))
    alike, differ = (
        share_sample_size(design, people, OFFERS, offer="ours", margin=0.05, tastes_differ=flag).needed.respondents
        for flag in (False, True)
    )
    coded = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    odds = np.exp(people.draws @ coded.T)
    added = (odds[:, 0] / odds.sum(axis=1)).var() * (1.959964 / 0.05) ** 2
    assert differ - alike == pytest.approx(added, abs=1)


def test_orme_s_rule() -> None:
    """n · t · a / c ≥ 500: three levels, four tasks of three alternatives."""
    assert rule_of_thumb(SPACE) == 125
    assert rule_of_thumb(SPACE, pairs=True) == 250
    assert sample_size(balanced_design(SPACE), normal_prior(space_coding(SPACE), means=TRUTH)).rule_of_thumb == 125


def test_mistakes_are_told_together(design: ChoiceDesign, prior: Prior) -> None:
    with pytest.raises(DataError) as error:
        sample_size(design, prior, effects={"pric": 1.0, "price": 0.0}, power=1.0, alpha=0.0, design_effect=-1.0)
    assert len(error.value.problems) == 5
    with pytest.raises(DataError, match="effects: there are none"):
        sample_size(design, normal_prior(prior.coding))
    with pytest.raises(DataError) as error:
        share_sample_size(design, prior, OFFERS, offer="our", margin=0.0)
    assert "did you mean 'ours'?" in str(error.value)
    assert len(error.value.problems) == 2
