from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.research.dominance import Direction, advantages, dominated_offers

BETTER: dict[str, Direction] = {"speed": "lower", "accuracy": "higher"}


def test_a_tie_in_one_and_an_advantage_in_another_dominates() -> None:
    offers = {
        "slow": {"speed": 9.0, "accuracy": 0.9, "privacy": "cloud"},
        "fast": {"speed": 5.0, "accuracy": 0.9, "privacy": "on-device"},
        "good": {"speed": 9.0, "accuracy": 0.95, "privacy": "cloud"},
        "twin": {"speed": 5.0, "accuracy": 0.9, "privacy": "on-device"},
    }
    found = {(pair.offer, pair.by): (pair.better_in, pair.differs) for pair in advantages(offers, BETTER)}
    assert found == {
        ("slow", "fast"): (("speed",), ("privacy",)),
        ("slow", "good"): (("accuracy",), ()),
        ("slow", "twin"): (("speed",), ("privacy",)),
    }


def test_another_brand_dominates_nothing() -> None:
    offers = {
        "Core Pro": {"brand": "Core", "price": 6.0},
        "Bolt Home": {"brand": "Bolt", "price": 4.0},
        "Core Bad": {"brand": "Core", "price": 8.0},
    }
    pairs = [(pair.offer, pair.by) for pair in dominated_offers(offers, {"price": "lower"})]
    assert pairs == [("Core Bad", "Core Pro")]


def test_without_directions_nothing_is_dominated() -> None:
    assert advantages({"a": {"x": 1.0}, "b": {"x": 2.0}}, {}) == ()


values = st.dictionaries(
    st.sampled_from("abcdef"), st.fixed_dictionaries({"speed": st.integers(0, 3), "accuracy": st.integers(0, 3)})
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(offers=values)
def test_domination_is_an_order(offers: dict[str, dict[str, float | str]]) -> None:
    pairs = {(pair.offer, pair.by) for pair in advantages(offers, BETTER)}
    assert all((other, one) not in pairs and one != other for one, other in pairs)
    assert all((a, d) in pairs for a, b in pairs for c, d in pairs if b == c)
    undominated = set(offers) - {offer for offer, _ in pairs}
    assert bool(undominated) == bool(offers)
