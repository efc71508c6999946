"""Rules on level codes against a slow reading of names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketfit.demand import DesignSpace, Prohibition
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.design import offers_of
from marketfit.demand.designs.rules import Rules

Judge = Callable[[DesignSpace, Offer], bool]


def nowhere_better(space: DesignSpace, one: Offer, other: Offer) -> bool:
    """Whether nobody can have a reason to prefer one alternative to the other."""
    for name in space.names:
        mine, theirs = one[name], other[name]
        direction = space.better.get(name)
        if direction is None and mine != theirs:
            return False
        if direction == "higher" and mine > theirs:  # type: ignore[operator]  # a direction is for numbers only
            return False
        if direction == "lower" and mine < theirs:  # type: ignore[operator]
            return False
    return True


@given(data=st.data())
def test_rules_are_those_of_the_names(
    spaces: st.SearchStrategy[DesignSpace], prohibits: Judge, data: st.DataObject
) -> None:
    space = data.draw(spaces)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = (20, space.alternatives)
    tasks = np.stack([rng.integers(size, size=shape) for size in space.sizes], axis=-1)
    rules = Rules.of(space)
    for task, prohibited, dominated in zip(tasks, rules.prohibited(tasks), rules.dominated(tasks), strict=True):
        offers = offers_of(space, task)
        assert [prohibits(space, offer) for offer in offers] == prohibited.tolist()
        pairs = [(one, other) for one in offers for other in offers if one is not other]
        assert dominated == any(nowhere_better(space, one, other) for one, other in pairs)
    assert (rules.broken(tasks) == (rules.prohibited(tasks).any(axis=1) | rules.dominated(tasks))).all()


def test_unless_lets_a_level_appear_with_others_only() -> None:
    space = DesignSpace(
        {"brand": ("a", "b"), "price": (1.0, 2.0, 3.0)},
        prohibited=(Prohibition({"brand": "a"}, unless={"price": (2.0, 3.0)}),),
    )
    every = np.array([[brand, price] for brand in range(2) for price in range(3)])
    assert Rules.of(space).prohibited(every).tolist() == [True, False, False, False, False, False]
