"""The order of alternatives: even over the places, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import (
    ChoiceDesign,
    DesignSpace,
    Prohibition,
    balanced_design,
    d_error,
    diagnose,
    efficient_design,
    space_coding,
    vague_prior,
)
from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.balance import imbalance_of_places, place_counts
from marketfit.demand.designs.places import even_places

LEVELS: dict[str, tuple[float | str, ...]] = {"brand": ("a", "b", "c"), "price": (1.0, 2.0, 3.0), "organic": ("y", "n")}
RULED = DesignSpace(
    LEVELS, tasks=4, alternatives=3, versions=4, better={"price": "lower"},
    prohibited=(Prohibition({"brand": "a", "price": 1.0}),),
)  # fmt: skip


def squares(space: DesignSpace, codes: IntArray) -> int:
    return sum(int((counts**2).sum()) for counts in place_counts(space, codes).values())


def as_sets(codes: IntArray) -> list[list[list[list[int]]]]:
    return [[sorted(task.tolist()) for task in version] for version in codes]


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=4),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 5)),
    seed=st.integers(0, 2**32 - 1),
)
def test_tasks_keep_their_alternatives_and_never_get_less_even(
    sizes: list[int], shape: tuple[int, int, int], seed: int
) -> None:
    versions, tasks, alternatives = shape
    names = {f"a{index}": tuple(f"l{level}" for level in range(size)) for index, size in enumerate(sizes)}
    space = DesignSpace(names, tasks=tasks, alternatives=alternatives, versions=versions)
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(size, size=(versions, tasks, alternatives)) for size in sizes], axis=-1)
    given_codes = codes.copy()
    found = even_places(space, codes)
    assert np.array_equal(codes, given_codes)
    assert as_sets(found) == as_sets(codes)
    assert squares(space, found) <= squares(space, codes)
    before, after = (imbalance_of_places(place_counts(space, each)) for each in (codes, found))
    assert after <= before


@pytest.mark.parametrize("seed", range(4))
def test_designs_show_every_level_at_every_place(seed: int) -> None:
    """Sixteen shows of a level at three places: 5.3 on average, and none further off than 2."""
    for design in (balanced_design(RULED, rng=seed), efficient_design(RULED, rng=seed, starts=2)):
        counts = place_counts(RULED, design.codes)
        assert max(int(np.ptp(level)) for table in counts.values() for level in table) <= 2
        at = np.array(LEVELS["price"], dtype=np.float64)[design.codes[..., 1]].mean(axis=(0, 1))
        assert np.abs(at - 2.0).max() < 0.13  # the mean price of each place


def test_what_a_design_tells_stays_as_it_is() -> None:
    design = efficient_design(RULED, rng=1, starts=2)
    shuffled = np.random.default_rng(0).permuted(np.arange(3)[None].repeat(16, 0), axis=1).reshape(4, 4, 3, 1)
    other = ChoiceDesign(RULED, np.take_along_axis(design.codes, shuffled, axis=2))
    again = ChoiceDesign(RULED, even_places(RULED, other.codes))
    assert d_error(again, vague_prior(RULED)) == pytest.approx(d_error(design, vague_prior(RULED)))
    assert diagnose(again).place_imbalance <= diagnose(other).place_imbalance


def test_a_model_with_effects_of_the_place_sets_the_places_itself() -> None:
    """With a constant for each place the order is part of what a design tells: the search has the last word."""
    space = DesignSpace({"brand": ("a", "b", "c"), "price": (1.0, 2.0, 3.0)}, tasks=4, versions=2)
    prior = vague_prior(space, space_coding(space, constants=True), means={"asc_2": 1.0})
    design = efficient_design(space, prior, rng=0, starts=2)
    evened = ChoiceDesign(space, even_places(space, design.codes))
    assert d_error(design, prior) < d_error(evened, prior)
