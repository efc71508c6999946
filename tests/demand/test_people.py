"""Tastes that depend on covariates, for people of one kind and for those of choice data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import special

from marketfit.demand import ChoiceData, MNLResult, UtilityDraws, fit_mnl, for_people, price_curve, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models import people as people_module
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
OFFERS: dict[str, dict[str, float | str]] = {
    "ours": {"price": 2, "size": 0.5, "brand": "bolt", "alt": "w"},
    "theirs": {"price": 1, "size": 0.0, "brand": "ajax", "alt": "x"},
}


@pytest.fixture(scope="module")
def data(read_choices: Maker, make_table: Callable[..., pl.DataFrame]) -> ChoiceData:
    table = make_table(3, people=150, none=True).with_columns(
        income=(pl.col("person") % 5).cast(pl.Float64),
        group=pl.when(pl.col("person") % 3 == 0).then(pl.lit("old")).otherwise(pl.lit("new")),
    )
    return read_choices(table, covariates=["income", "group"])


@pytest.fixture(scope="module")
def model(data: ChoiceData) -> MNLResult:
    return fit_mnl(data, interactions=[("price", "income"), ("asc", "group"), ("none", "income")])


def shares_by_hand(model: MNLResult, income: float, group: str) -> FloatArray:
    b = model.coefficients
    price = b["price"] + income * b["price:income"]
    old = float(group == "old")
    ours = 2 * price + 0.5 * b["size"] + b["brand_bolt"] + old * b["asc_w:group_old"]
    theirs = price + old * b["asc_x:group_old"]
    return np.asarray(special.softmax([ours, theirs, b["none"] + income * b["none:income"]]))


def certain(model: MNLResult) -> UtilityDraws:
    """One draw, at the estimates."""
    return UtilityDraws(model.estimates[None], model.coding, model.sample_size)


def test_people_of_one_kind(model: MNLResult) -> None:
    for income, group in ((0.0, "new"), (3.5, "old")):
        people = for_people(certain(model), {"income": income, "group": group})
        shares = simulate(people, OFFERS)
        np.testing.assert_allclose(shares.share, shares_by_hand(model, income, group), atol=1e-6)
        assert shares.sample_size == model.respondents
    assert people.coding.covariates == ()
    assert people.coding.columns == ("price", "size", "brand_bolt", "brand_crow", "asc_w", "asc_x", "asc_y", "none")


def test_draws_of_a_fitted_model_carry_its_error(model: MNLResult) -> None:
    shares = simulate(for_people(model, {"income": 2.0, "group": "old"}, draws=4000, rng=1), OFFERS)
    assert (shares.high - shares.low > 0.01).all()
    np.testing.assert_allclose(shares.share, shares_by_hand(model, 2.0, "old"), atol=0.02)
    curve = price_curve(
        for_people(model, {"income": 2.0, "group": "new"}),
        OFFERS, offer="ours", prices=[1, 2, 3], unit_cost=0, audience=1,
    )  # fmt: skip
    assert (np.diff(curve.share) < 0).all()


def test_the_share_of_a_population_is_an_average_over_people(data: ChoiceData, model: MNLResult) -> None:
    many = UtilityDraws(np.repeat(model.estimates[None], 400, axis=0), model.coding, model.sample_size)
    shares = simulate(for_people(many, data, rng=2), OFFERS)
    kinds = [(float(k), "old" if person % 3 == 0 else "new") for person in range(150) for k in [person % 5]]
    expected = np.mean([shares_by_hand(model, income, group) for income, group in kinds], axis=0)
    # With certain coefficients, what is left is the error of having met these 150 people: sd / √150.
    spread = np.std([shares_by_hand(model, income, group) for income, group in kinds], axis=0) / np.sqrt(150)
    np.testing.assert_allclose(shares.share, expected, atol=5 * spread.max() / 20)
    np.testing.assert_allclose(shares.share_draws.std(axis=0), spread, rtol=0.15)
    average = shares_by_hand(model, np.mean([income for income, _ in kinds]), "new")
    assert np.abs(expected - average).max() > 5 * np.abs(shares.share - expected).max()


def test_people_count_by_their_weights_and_not_by_their_tasks(data: ChoiceData, model: MNLResult) -> None:
    assert data.respondent is not None
    income = data.covariates[0].numbers
    # Only people with an income of 4 count; of those with an odd number only one task is left.
    kept = (np.arange(data.tasks) % 5 == 0) | (data.respondent % 2 == 0)
    some = replace(data, weights=np.where(income == 4, 1.0, 0.0)).take(kept)
    many = UtilityDraws(np.repeat(model.estimates[None], 300, axis=0), model.coding, 1)
    shares = simulate(for_people(many, some, rng=3), OFFERS)
    assert some.respondent is not None
    people = np.unique(some.respondent[some.weights > 0])
    groups = ["old" if person % 3 == 0 else "new" for person in people]
    expected = np.mean([shares_by_hand(model, 4.0, group) for group in groups], axis=0)
    np.testing.assert_allclose(shares.share, expected, atol=0.01)


def test_people_with_tastes_of_their_own_and_weights(data: ChoiceData, model: MNLResult) -> None:
    rng = np.random.default_rng(0)
    values = model.estimates + rng.normal(size=(40, 3, model.estimates.size))
    weights = np.array([0.5, 0.3, 0.2])
    classes = UtilityDraws(values, model.coding, 10, weights)
    for covariates in ({"income": 1.0, "group": "new"}, data):
        people = for_people(classes, covariates, rng=1)
        assert people.values.shape[1] % 3 == 0
        assert people.weights is not None
        per_class = people.weights.reshape(40, 3, -1).sum(axis=2)
        np.testing.assert_allclose(per_class, np.tile(weights, (40, 1)))
    one = for_people(classes, {"income": 1.0, "group": "old"})
    place = list(model.coding.columns).index
    expected = values[:, :, place("price")] + values[:, :, place("price:income")]
    np.testing.assert_allclose(one.values[:, :, 0], expected)


def test_large_populations_stay_within_bounds(
    data: ChoiceData, model: MNLResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_module, "MOST_CELLS", 50 * 10 * len(model.coding.columns))
    assert for_people(model, data, draws=50).values.shape[:2] == (50, 10)


def test_same_seed_same_people(data: ChoiceData, model: MNLResult) -> None:
    first, second, third = (for_people(model, data, draws=5, rng=seed).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


@pytest.mark.parametrize(
    ("covariates", "parts"),
    [
        ({"income": 1.0}, ["'group'", "is missing"]),
        ({"income": 1.0, "group": "olde"}, ["unknown level 'olde'", "did you mean 'old'?"]),
        ({"income": "much", "group": "old"}, ["'income'", "'much'"]),
        ({"income": 99.0, "group": "old"}, ["beyond those of the people of the fit", "from 0 to 4"]),
        ({"incom": 99.0, "group": "old"}, ["did you mean 'income'?", "'income': is missing"]),
    ],
)
def test_unknown_people_are_refused(model: MNLResult, covariates: dict[str, float | str], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        for_people(model, covariates)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_offers_without_people_are_refused_with_instruction(data: ChoiceData, model: MNLResult) -> None:
    with pytest.raises(DataError, match=r"for_people\(model, \{'income': …\}\)"):
        simulate(model, OFFERS)
    with pytest.raises(DataError, match="whose they are is not said"):
        model.coding.code_none()
    with pytest.raises(DataError, match="has no covariates"):
        for_people(fit_mnl(data), {"income": 1.0})
    with pytest.raises(DataError, match="covariate 'income': is missing"):
        for_people(model, replace(data, covariates=()))
