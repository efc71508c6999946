"""Random design spaces, and a slow reading of their prohibitions that shares nothing with the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import strategies as st

from marketfit.demand import DesignSpace, Prohibition
from marketfit.demand.coding.coding import Offer

Judge = Callable[[DesignSpace, Offer], bool]


def breaks_a_prohibition(space: DesignSpace, offer: Offer) -> bool:
    """Whether an alternative has a prohibited combination, read off the names."""

    def has(levels: Mapping[str, object]) -> bool:
        return all(offer[name] in (given if isinstance(given, tuple) else (given,)) for name, given in levels.items())

    return any(has(item.levels) and not (item.unless and has(item.unless)) for item in space.prohibited)


@st.composite
def random_spaces(draw: st.DrawFn, *, most: int = 5) -> DesignSpace:
    """Small spaces with numbers, names, directions, and prohibitions of all kinds; many leave no room for a design."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(2, 4), min_size=2, max_size=4))
    levels: dict[str, tuple[float | str, ...]] = {}
    for index, size in enumerate(sizes):
        numbers = bool(rng.integers(2))
        every = range(1, size + 1)
        levels[f"a{index}"] = tuple(float(n) for n in every) if numbers else tuple(f"l{n}" for n in every)
    numeric = [name for name, given in levels.items() if isinstance(given[0], float)]
    better = {name: rng.choice(["higher", "lower"]) for name in numeric[: int(rng.integers(2))]}

    def some(names: list[str]) -> dict[str, tuple[float | str, ...]]:
        return {
            name: tuple(level for level in levels[name] if rng.random() < 0.5) or levels[name][:1] for name in names
        }

    prohibited = []
    for _ in range(draw(st.integers(0, most))):
        names = rng.permutation(list(levels)).tolist()
        count = int(rng.integers(1, len(names) + 1))
        unless = some(names[-1:]) if count < len(names) and rng.random() < 0.4 else {}
        prohibited.append(Prohibition(some(names[:count]), unless=unless))
    return DesignSpace(
        levels,
        alternatives=draw(st.integers(2, 3)),
        tasks=draw(st.integers(2, 5)),
        versions=draw(st.integers(1, 3)),
        none=bool(rng.integers(2)),
        prohibited=tuple(prohibited),
        better=better,
    )


@pytest.fixture(scope="session")
def spaces() -> st.SearchStrategy[DesignSpace]:
    return random_spaces()


@pytest.fixture(scope="session")
def prohibits() -> Judge:
    return breaks_a_prohibition


@pytest.fixture(scope="session")
def plain() -> DesignSpace:
    """A space in which nothing is forbidden."""
    levels: dict[str, tuple[float | str, ...]] = {
        "brand": ("a", "b", "c"),
        "size": (1.0, 2.0),
        "price": (2.0, 4.0, 6.0),
    }
    return DesignSpace(levels, tasks=6, versions=3)
