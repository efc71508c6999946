"""The search for efficient designs: against enumeration, against published designs, and its invariants."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketfit.demand import (
    ChoiceDesign,
    DesignSpace,
    Prior,
    Prohibition,
    balanced_design,
    d_error,
    efficient_design,
    normal_prior,
    space_coding,
    vague_prior,
)
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.efficient import SEARCH_DRAWS
from marketfit.demand.designs.information import information
from marketfit.demand.designs.rules import Rules
from marketfit.errors import DataError

Judge = Callable[[DesignSpace, Offer], bool]


def smallest_d_error(space: DesignSpace, prior: Prior) -> float:
    """The optimum by enumeration of all balanced designs of one version, whatever the order in which they are shown."""
    profiles = np.array(list(itertools.product(*(range(size) for size in space.sizes))))
    sets = list(itertools.combinations(range(len(profiles)), space.alternatives))
    tasks = np.array([profiles[list(chosen)] for chosen in sets])
    tasks = tasks[~Rules.of(space).broken(tasks)]
    rows = Rows.of(space, prior.coding)
    of_task = np.stack([information(rows(task[None]), prior.draws, none=space.none) for task in tasks])
    designs = np.array(list(itertools.combinations_with_replacement(range(len(tasks)), space.tasks)))
    for attribute, size in enumerate(space.sizes):
        shown = np.stack([(tasks[..., attribute] == level).sum(axis=1) for level in range(size)], axis=1)
        counts = shown[designs].sum(axis=1)
        designs = designs[np.ptp(counts, axis=1) <= 1]
    signs, logs = np.linalg.slogdet(of_task[designs].sum(axis=1))
    errors = np.where(signs > 0, np.exp(-logs / len(prior.coding.columns)), np.inf)
    return float(errors.mean(axis=1).min())


def informed(space: DesignSpace, seed: int, size: float) -> Prior:
    coding = space_coding(space)
    means = np.random.default_rng(seed).normal(size=len(coding.columns)) * size
    named = dict(zip(coding.columns, means.tolist(), strict=True))
    return normal_prior(coding, means=named, sds=dict.fromkeys(named, 0.5), draws=SEARCH_DRAWS)


TINY = {
    "two alternatives": DesignSpace({"a": (1.0, 2.0, 3.0), "b": ("x", "y")}, alternatives=2, tasks=4, none=False),
    "none option": DesignSpace({"a": (1.0, 2.0, 3.0), "b": ("x", "y")}, alternatives=2, tasks=4),
    "uneven levels": DesignSpace({"a": ("1", "2", "3"), "b": ("x", "y")}, alternatives=2, tasks=4, none=False),
    "three attributes": DesignSpace({"a": ("u", "v"), "b": ("x", "y"), "c": ("p", "q")}, alternatives=3, tasks=4),
    "direction": DesignSpace(
        {"a": (1.0, 2.0, 3.0), "b": ("x", "y", "z")}, alternatives=2, tasks=3, better={"a": "lower"}
    ),
    "prohibition": DesignSpace(
        {"a": ("1", "2", "3"), "b": ("x", "y", "z")}, alternatives=2, tasks=4, none=False,
        prohibited=(Prohibition({"a": "1", "b": "x"}),),
    ),
    "tied levels": DesignSpace(
        {"a": ("1", "2", "3"), "b": ("x", "y", "z")}, alternatives=2, tasks=4, none=False,
        prohibited=(Prohibition({"a": "1"}, unless={"b": "x"}),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(TINY))
def test_the_search_finds_the_optimum_that_enumeration_finds(name: str) -> None:
    space = TINY[name]
    prior = informed(space, seed=1, size=1.0)
    assert d_error(efficient_design(space, prior), prior) == pytest.approx(smallest_d_error(space, prior), rel=1e-9)


# Huber & Zwerina (1996), Table 1: the 3³/3/9 design made by cycling an orthogonal array.
HZ = DesignSpace(dict.fromkeys("abc", ("1", "2", "3")), alternatives=3, tasks=9, none=False)
CYCLIC = np.array(
    [[[[(a + s) % 3, (b + s) % 3, (a + b + s) % 3] for s in range(3)] for a in range(3) for b in range(3)]]
)
EFFECTS = 3.0
"""D-error by dummy over that by effects coding: the coefficients of an attribute are [[2, 1], [1, 2]] of the latter."""


def hz_prior(size: float) -> Prior:
    """Part-worths of −size, 0, size for each attribute."""
    coding = space_coding(HZ)
    return normal_prior(coding, means={name: size * (int(name[-1]) - 1) for name in coding.columns})


@pytest.mark.parametrize(("size", "published"), [(0.0, 0.192), (0.75, 0.305)])
def test_the_d_error_of_a_published_design_is_the_published_one(size: float, published: float) -> None:
    """Huber & Zwerina (1996), as reported with the design in the tests of the R package flipChoice."""
    assert d_error(ChoiceDesign(HZ, CYCLIC), hz_prior(size)) / EFFECTS == pytest.approx(published, abs=0.0005)


def test_no_prior_gives_the_published_optimum() -> None:
    """.192 is the smallest there is: minimal overlap, balance and orthogonality at once."""
    assert d_error(efficient_design(HZ, hz_prior(0.0)), hz_prior(0.0)) / EFFECTS == pytest.approx(0.19245, abs=1e-5)


def test_swapping_and_relabelling_by_hand_does_no_better() -> None:
    """Huber & Zwerina (1996) reach .280 at part-worths of −1, 0, 1."""
    assert d_error(efficient_design(HZ, hz_prior(1.0)), hz_prior(1.0)) / EFFECTS <= 0.280


@pytest.fixture(scope="module")
def space() -> DesignSpace:
    levels: dict[str, tuple[float | str, ...]] = {
        "brand": ("a", "b", "c"), "speed": (1.0, 2.0, 3.0, 4.0), "price": (1.0, 2.0, 3.0),
    }  # fmt: skip
    return DesignSpace(levels, tasks=6, versions=3, better={"price": "lower"})


def test_it_beats_balanced_designs_at_its_own_measure(space: DesignSpace) -> None:
    prior = informed(space, seed=2, size=0.7)
    found = d_error(efficient_design(space, prior, starts=1), prior)
    best = min(d_error(balanced_design(space, overlap="minimal", rng=seed), prior) for seed in range(10))
    assert found < 0.95 * best


def test_progress_rises_and_ends_at_one(space: DesignSpace) -> None:
    done: list[float] = []
    first = efficient_design(space, starts=2, rng=5, progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert len(done) > 6
    assert first == efficient_design(space, starts=2, rng=5)
    assert first != efficient_design(space, starts=2, rng=6)


def test_threads_do_not_change_the_design() -> None:
    code = """
import sys
from marketfit.demand import DesignSpace, efficient_design
levels = {f"a{n}": tuple(float(x) for x in range(2 + n)) for n in range(4)}
design = efficient_design(DesignSpace(levels, tasks=5, versions=2, better={"a2": "lower"}), starts=1)
sys.stdout.write(design.codes.tobytes().hex())
"""
    shown = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "4")
    }  # fmt: skip
    assert len(shown) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 99))
def test_rules_and_balance_hold_for_every_space(
    spaces: st.SearchStrategy[DesignSpace], prohibits: Judge, data: st.DataObject, seed: int
) -> None:
    space = data.draw(spaces)
    told, design = "", None
    try:
        design = efficient_design(space, starts=1, rng=seed)
    except DataError as error:
        told = str(error)
    if design is None:
        refusals = ("no way to show the levels", "no balanced design", "cannot be told apart", "compare alternatives")
        assert any(part in told for part in refusals)
        return
    for version, task in itertools.product(range(space.versions), range(space.tasks)):
        assert not any(prohibits(space, offer) for offer in design.offers(version, task))
    assert not Rules.of(space).dominated(design.codes).any()
    for index, size in enumerate(space.sizes):
        counts = np.bincount(design.codes[..., index].ravel(), minlength=size)
        assert counts.max() - counts.min() <= 1


def test_attributes_tied_in_too_many_ways_to_list_keep_the_rules_too(prohibits: Judge) -> None:
    """Then a swap takes along what other alternatives have, which may have changed since it was judged."""
    levels = dict.fromkeys("abcd", ("1", "2"))
    tied = (Prohibition(dict.fromkeys("abcd", "1")),)
    space = DesignSpace(levels, alternatives=3, tasks=4, prohibited=tied)
    for seed in range(40):
        design = efficient_design(space, informed(space, seed, size=1.0), starts=1, rng=seed)
        assert not any(prohibits(space, offer) for task in range(4) for offer in design.offers(0, task))
        assert not Rules.of(space).broken(design.codes).any()


def test_what_no_design_can_tell_apart_is_told() -> None:
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2"), "b": ("1", "2"), "c": (1.0, 2.0, 3.0)}
    tied = (Prohibition({"a": "1"}, unless={"b": "1"}), Prohibition({"a": "2"}, unless={"b": "2"}))
    with pytest.raises(DataError, match="columns a_2, b_2: cannot be told apart"):
        efficient_design(DesignSpace(levels, prohibited=tied), starts=1)
    with pytest.raises(DataError, match="compare alternatives 4 times, for 5 coefficients"):
        efficient_design(DesignSpace({"a": tuple("12345"), "b": (1.0, 2.0)}, tasks=4, alternatives=2, none=False))
    with pytest.raises(DataError, match="starts: is 0"):
        efficient_design(DesignSpace(levels), starts=0)


def test_it_is_for_the_coding_of_the_prior() -> None:
    """A straight line is told best by its ends, a bent one by all levels alike."""
    space = DesignSpace({"a": (1.0, 2.0, 3.0), "b": ("x", "y")}, alternatives=2, tasks=6, none=False)
    straight, bent = (vague_prior(space, space_coding(space, {"a": option})) for option in ("linear", "piecewise"))
    designs = [efficient_design(space, prior) for prior in (straight, bent)]
    for prior, own in ((straight, 0), (bent, 1)):
        errors = [d_error(design, prior) for design in designs]
        assert errors[own] <= errors[1 - own] + 1e-12
    assert designs[0] != designs[1]
