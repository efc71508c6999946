"""How evenly a design shows levels, alone, in pairs and at each place, and how often a level meets itself in a task."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from marketfit.demand.arrays import BoolArray, IntArray
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace


def level_counts(design: ChoiceDesign) -> dict[str, IntArray]:
    """Attribute → (levels,) how often each level is shown."""
    sizes = zip(design.space.names, design.space.sizes, strict=True)
    return {
        name: np.bincount(design.codes[..., index].ravel(), minlength=size).astype(np.int64)
        for index, (name, size) in enumerate(sizes)
    }


def pair_counts(design: ChoiceDesign) -> dict[tuple[str, str], IntArray]:
    """Two attributes → (levels, levels) how often an alternative has both."""
    names, sizes = design.space.names, design.space.sizes
    found = {}
    for one, other in combinations(range(len(names)), 2):
        both = design.codes[..., one] * sizes[other] + design.codes[..., other]
        counts = np.bincount(both.ravel(), minlength=sizes[one] * sizes[other])
        found[names[one], names[other]] = counts.reshape(sizes[one], sizes[other]).astype(np.int64)
    return found


def place_counts(space: DesignSpace, codes: IntArray) -> dict[str, IntArray]:
    """Attribute → (levels, alternatives) how often each level stands at each place of a task, by level codes
    (versions, tasks, alternatives, attributes).
    """
    places = np.arange(space.alternatives)
    found = {}
    for index, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        both = codes[..., index] * space.alternatives + places
        counts = np.bincount(both.ravel(), minlength=size * space.alternatives)
        found[name] = counts.reshape(size, space.alternatives).astype(np.int64)
    return found


def imbalance_of_places(counts: Mapping[str, IntArray]) -> float:
    """The worst departure of a level's count at a place from its average over the places, as a share of the latter."""
    levels = (level for table in counts.values() for level in table)
    return max(imbalance(level) for level in levels)


def imbalance(counts: IntArray, allowed: BoolArray | None = None) -> float:
    """The worst departure of a count from the average count, as a share of the latter; 0 is even."""
    compared = counts.ravel() if allowed is None else counts[allowed]
    average = float(compared.mean()) if compared.size else 0.0
    return float(np.abs(compared - average).max()) / average if average else 0.0


def allowed_pairs(design: ChoiceDesign, pair: tuple[str, str]) -> BoolArray:
    """(levels, levels) which pairs of levels no prohibition of these two attributes rules out."""
    one, other = (design.space.names.index(name) for name in pair)
    levels = np.indices((design.space.sizes[one], design.space.sizes[other]))
    ruled_out = np.zeros(levels.shape[1:], dtype=np.bool_)
    for attributes, table in Rules.of(design.space).tables.items():
        if set(attributes) <= {one, other}:
            ruled_out |= table[tuple(levels[(one, other).index(attribute)] for attribute in attributes)]
    return ~ruled_out


def overlap(design: ChoiceDesign) -> dict[str, float]:
    """Attribute → share of the pairs of alternatives of a task that have the same level."""
    places = list(combinations(range(design.space.alternatives), 2))
    codes = design.codes
    same = [(codes[..., one, :] == codes[..., other, :]).mean(axis=(0, 1)) for one, other in places]
    shares = np.mean(same, axis=0) if same else np.zeros(codes.shape[-1])
    return dict(zip(design.space.names, shares.tolist(), strict=True))
