"""No design with a prohibited alternative can exist, however it came about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.demand import ChoiceDesign, DesignSpace, Prohibition
from marketfit.demand.coding.coding import Offer
from marketfit.errors import DataError

Judge = Callable[[DesignSpace, Offer], bool]
SPACE = DesignSpace(
    {"brand": ("a", "b"), "price": (1.0, 2.0)},
    tasks=2,
    alternatives=2,
    prohibited=(Prohibition({"brand": "a", "price": 2.0}, name="no dear a"),),
)
CODES = np.array([[[[0, 0], [1, 1]], [[1, 0], [1, 1]]]])


@given(data=st.data())
def test_any_codes_make_a_design_or_are_refused(
    spaces: st.SearchStrategy[DesignSpace], prohibits: Judge, data: st.DataObject
) -> None:
    space = data.draw(spaces)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = np.stack([rng.integers(size, size=space.shape[:3]) for size in space.sizes], axis=-1)
    try:
        design = ChoiceDesign(space, codes)
    except DataError:
        design = None
    places = [(version, task) for version in range(space.versions) for task in range(space.tasks)]
    unchecked = DesignSpace(space.levels, space.alternatives, space.tasks, space.versions, space.none)
    shown = [offer for place in places for offer in ChoiceDesign(unchecked, codes).offers(*place)]
    assert (design is None) == any(prohibits(space, offer) for offer in shown)


def test_a_prohibited_alternative_is_named_with_its_place() -> None:
    codes = CODES.copy()
    codes[0, 1, 0] = [0, 1]
    with pytest.raises(DataError) as error:
        ChoiceDesign(SPACE, codes)
    assert "version 1, task 2, alternative 1: is prohibited: brand a, price 2" in str(error.value)
    assert "no dear a" in str(error.value)
    space = DesignSpace(SPACE.levels, tasks=4, alternatives=2, prohibited=SPACE.prohibited)
    with pytest.raises(DataError, match="version 1, task 3, alternative 1 and 3 more: is prohibited") as error:
        ChoiceDesign(space, np.broadcast_to([0, 1], space.shape))
    assert len(error.value.problems) == 5


def test_checked_codes_cannot_be_changed_afterwards() -> None:
    codes = CODES.copy()
    design = ChoiceDesign(SPACE, codes)
    codes[0, 1, 0] = [0, 1]  # the array that was given is not the one that is kept
    assert design == ChoiceDesign(SPACE, CODES)
    with pytest.raises(ValueError, match="read-only"):
        design.codes[0, 1, 0] = [0, 1]
    with pytest.raises(ValueError, match="WRITEABLE"):
        design.codes.flags.writeable = True


def test_foreign_codes_are_refused() -> None:
    with pytest.raises(DataError, match="has shape"):
        ChoiceDesign(SPACE, CODES[0])
    with pytest.raises(DataError, match="'price' has a code beyond its levels"):
        ChoiceDesign(SPACE, CODES + np.array([0, 1]))


def test_offers_are_levels_by_name() -> None:
    assert ChoiceDesign(SPACE, CODES).offers(0, 0) == ({"brand": "a", "price": 1.0}, {"brand": "b", "price": 2.0})
