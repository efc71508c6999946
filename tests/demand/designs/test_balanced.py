"""Balanced designs: the invariants hold for every space, or a clear refusal comes back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketfit.demand import ChoiceDesign, DesignSpace, Overlap, Prohibition, balanced_design
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.balance import imbalance, level_counts, overlap, pair_counts
from marketfit.demand.designs.rules import Rules
from marketfit.errors import DataError

Judge = Callable[[DesignSpace, Offer], bool]


def spread_of(codes: np.ndarray, size: int) -> int:
    counts = np.bincount(codes.ravel(), minlength=size)
    return int(counts.max() - counts.min())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), kind=st.sampled_from(["minimal", "balanced", "random"]), seed=st.integers(0, 99))
def test_rules_and_balance_hold_or_the_space_is_refused(
    spaces: st.SearchStrategy[DesignSpace], prohibits: Judge, data: st.DataObject, kind: Overlap, seed: int
) -> None:
    space = data.draw(spaces)
    told, design = "", None
    try:
        design = balanced_design(space, overlap=kind, rng=seed)
    except DataError as error:
        told = str(error)
    if design is None:
        contradiction = "prohibited[" in told and "no way to show the levels of" in told
        assert contradiction or "no balanced design of" in told
        return
    for version in range(space.versions):
        for task in range(space.tasks):
            assert not any(prohibits(space, offer) for offer in design.offers(version, task))
    assert not Rules.of(space).dominated(design.codes).any()
    for index, size in enumerate(space.sizes):
        assert spread_of(design.codes[..., index], size) <= 1
        if not space.prohibited:
            assert max(spread_of(version[..., index], size) for version in design.codes) <= 1


@pytest.fixture(scope="module")
def wide() -> DesignSpace:
    levels: dict[str, tuple[float | str, ...]] = {
        "brand": ("a", "b", "c", "d"), "colour": ("red", "blue", "green"), "size": (1.0, 2.0, 3.0),
        "price": (1.0, 2.0, 3.0, 4.0, 5.0),
    }  # fmt: skip
    return DesignSpace(levels, tasks=12, versions=5)


def test_overlap_is_minimal_half_way_or_by_chance(wide: DesignSpace) -> None:
    def met(kind: Overlap) -> np.ndarray:
        return np.array(list(overlap(balanced_design(wide, overlap=kind, rng=1)).values()))

    # Of the 35 other alternatives of a version, 36/levels − 1 have the same level, wherever they stand.
    by_chance = np.array([(36 / size - 1) / 35 for size in wide.sizes])
    assert met("minimal").max() < 0.02
    assert np.abs(met("balanced") - by_chance / 2).max() < 0.02
    assert np.abs(met("random") - by_chance).max() < 0.08  # 180 pairs: two standard errors


def test_pairs_of_levels_are_more_even_than_chance_makes_them(wide: DesignSpace) -> None:
    def worst(design: ChoiceDesign) -> float:
        return max(imbalance(counts) for counts in pair_counts(design).values())

    balanced = worst(balanced_design(wide, rng=2))
    assert balanced < 0.25
    assert balanced < worst(balanced_design(wide, overlap="random", rng=2)) / 2


def test_more_alternatives_than_levels_overlap_as_little_as_they_can() -> None:
    space = DesignSpace({"a": ("x", "y"), "b": (1.0, 2.0, 3.0), "c": (1.0, 2.0, 3.0, 4.0)}, alternatives=4, tasks=6)
    met = overlap(balanced_design(space, overlap="minimal"))
    assert met["a"] == pytest.approx(2 / 6, abs=0.03)  # two and two: 2 of 6 pairs
    assert met["b"] == pytest.approx(1 / 6, abs=0.03)
    assert met["c"] == pytest.approx(0.0, abs=0.03)


def test_the_same_seed_gives_the_same_design(wide: DesignSpace) -> None:
    done: list[float] = []
    first = balanced_design(wide, rng=3, progress=done.append)
    assert first == balanced_design(wide, rng=np.random.default_rng(3))
    assert first != balanced_design(wide, rng=4)
    assert done == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_contradicting_prohibitions_are_named_and_no_others() -> None:
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2", "3"), "b": ("1", "2", "3"), "c": ("1", "2")}
    first = Prohibition({"a": "1"}, unless={"b": "1"})
    second = Prohibition({"a": "2"}, unless={"b": "1"})
    harmless = Prohibition({"b": "2", "c": "2"})
    with pytest.raises(DataError) as error:  # two thirds of the alternatives would need the one third with b1
        balanced_design(DesignSpace(levels, prohibited=(harmless, first, second)))
    (problem,) = error.value.problems
    assert problem.where == "prohibited[1], prohibited[2]"
    assert "no way to show the levels of 'a', 'b' equally often" in problem.found
    for enough in ((harmless, first), (harmless, second)):
        design = balanced_design(DesignSpace(levels, prohibited=enough))
        assert spread_of(design.codes[..., 0], 3) <= 1


def test_a_level_that_can_never_be_shown_is_told_by_what_forbids_it() -> None:
    space = DesignSpace({"a": ("1", "2", "3"), "b": ("1", "2")}, prohibited=(Prohibition({"a": "3"}, name="no 3"),))
    with pytest.raises(DataError, match="no 3: it leaves no way to show the levels of 'a' equally often"):
        balanced_design(space)


def test_tight_prohibitions_still_find_a_design() -> None:
    """Level i of a goes with level i of b alone: dealt independently, two in three alternatives would be prohibited."""
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2", "3"), "b": ("1", "2", "3"), "c": (1.0, 2.0, 3.0, 4.0)}
    tied = tuple(Prohibition({"a": level}, unless={"b": level}) for level in ("1", "2", "3"))
    design = balanced_design(DesignSpace(levels, tasks=10, versions=4, prohibited=tied), rng=1)
    assert (design.codes[..., 0] == design.codes[..., 1]).all()
    assert all(max(counts) - min(counts) <= 1 for counts in (c.tolist() for c in level_counts(design).values()))


def test_a_space_where_one_alternative_always_dominates_is_refused() -> None:
    space = DesignSpace({"price": (1.0, 2.0)}, better={"price": "lower"}, alternatives=2)
    with pytest.raises(DataError, match="no balanced design of 8 tasks with 2 alternatives keeps the rules"):
        balanced_design(space)


def test_unknown_overlap() -> None:
    with pytest.raises(DataError, match="overlap: is 'none'"):
        balanced_design(DesignSpace({"a": (1.0, 2.0)}), overlap="none")  # type: ignore[arg-type]
