from __future__ import annotations

import numpy as np
import pytest

from marketfit.errors import DataError
from marketfit.research.perceptions import PerceptionAnswers, mean_perceptions, perception_map

# What people tend to say: offers by attributes.
FITS = np.array([[0.9, 0.2, 0.3], [0.2, 0.8, 0.3], [0.3, 0.3, 0.9], [0.5, 0.5, 0.5]])


def answers(seed: int, people: int, truth: np.ndarray = FITS, *, fits_only: bool = True) -> PerceptionAnswers:
    rng = np.random.default_rng(seed)
    offers, attributes = truth.shape
    person, offer, attribute = (codes.ravel() for codes in np.indices((people, offers, attributes)))
    mean = truth[offer, attribute]
    rating = (rng.random(mean.size) < mean).astype(float) if fits_only else 5 * mean + rng.normal(0, 1, mean.size)
    return PerceptionAnswers(rating, offer, attribute, person, np.ones(people), offers, attributes, fits_only)


def test_means_are_shares_of_people() -> None:
    found = mean_perceptions(answers(0, 400))
    np.testing.assert_allclose(np.reshape([one.value for one in found], (4, 3)), FITS, atol=0.08)
    assert {one.n for one in found} == {400}


def test_shares_of_few_people_are_rates() -> None:
    found = mean_perceptions(answers(0, 2))
    assert all(one.low is not None and one.high is not None and 0 <= one.low < one.high <= 1 for one in found)


@pytest.mark.parametrize("fits_only", [True, False])
def test_an_offer_lies_towards_what_it_has(fits_only: bool) -> None:
    found = perception_map(answers(1, 300, fits_only=fits_only))
    inner = found.map.rows[:, :2] @ found.map.columns[:, :2].T
    assert inner[:3].argmax(axis=1).tolist() == [0, 1, 2]
    assert found.low is not None
    assert found.high is not None
    assert (found.low[:, :2] <= found.map.rows[:, :2]).all()
    assert (found.map.rows[:, :2] <= found.high[:, :2]).all()


def test_places_have_intervals_that_cover() -> None:
    """Places of other samples, on the axes of a huge one, are where the truth lies."""
    whole = perception_map(answers(0, 20_000)).map
    hits = []
    for seed in range(1, 61):
        found = perception_map(answers(seed, 100), seed=seed)
        assert found.low is not None
        assert found.high is not None
        truth = found.map.place(FITS)[:, :2]
        hits.append(((found.low[:, :2] <= truth) & (truth <= found.high[:, :2])).mean())
    assert np.mean(hits) == pytest.approx(0.95, abs=0.04)
    np.testing.assert_allclose(whole.place(FITS), whole.rows, atol=0.05)


def test_a_weight_of_two_is_two_people() -> None:
    one = answers(3, 30)
    heavy = PerceptionAnswers(**{**vars(one), "weights": np.where(np.arange(30) == 0, 2.0, 1.0)})
    first = one.person == 0
    more = {
        name: np.concatenate([getattr(one, name), getattr(one, name)[first]])
        for name in ("rating", "offer", "attribute")
    }
    person = np.concatenate([one.person, np.full(first.sum(), 30)])
    twice = PerceptionAnswers(**{**vars(one), **more, "person": person, "weights": np.ones(31)})
    np.testing.assert_allclose(perception_map(heavy).map.rows, perception_map(twice).map.rows, atol=1e-9)


def test_what_nothing_fits_is_not_in_the_map() -> None:
    truth = np.vstack([FITS, np.zeros(3)])
    found = perception_map(answers(4, 100, truth))
    assert found.offers.tolist() == [True] * 4 + [False]
    same = np.column_stack([FITS, np.ones(4)])
    rated = answers(4, 100, same, fits_only=False)
    rated.rating[rated.attribute == 3] = 4.0
    assert perception_map(rated).attributes.tolist() == [True] * 3 + [False]


def test_few_people_have_no_interval_and_equal_offers_no_map() -> None:
    assert perception_map(answers(5, 9)).low is None
    equal = answers(5, 20, np.full((3, 3), 0.5))
    equal.rating[:] = 1.0
    with pytest.raises(DataError, match="same profile"):
        perception_map(equal)
