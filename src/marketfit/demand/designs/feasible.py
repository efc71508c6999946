"""Whether prohibitions leave room for balance: an exact proof by integer programming, and a start that is balanced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.rules import prohibition_table
from marketfit.demand.designs.space import DesignSpace
from marketfit.errors import DataError, Problem

MOST_COMBINATIONS = 100_000
"""Above this many combinations of levels nothing is proven, and a design is searched for as if there were one."""
SECONDS = 20.0
INFEASIBLE = 2  # scipy's status of a proven contradiction


@dataclass(frozen=True, eq=False)
class Group:
    """Attributes that prohibitions tie together. places: of the prohibitions that do so."""

    attributes: tuple[int, ...]
    places: tuple[int, ...]


def groups_of(space: DesignSpace) -> tuple[Group, ...]:
    """The groups of attributes that share prohibitions, directly or through others; balance is free between groups."""
    tied: list[tuple[set[int], set[int]]] = []
    for place, prohibition in enumerate(space.prohibited):
        attributes, places = set(prohibition_table(space, prohibition)[0]), {place}
        for group in [group for group in tied if group[0] & attributes]:
            attributes |= group[0]
            places |= group[1]
            tied.remove(group)
        tied.append((attributes, places))
    return tuple(Group(tuple(sorted(attributes)), tuple(sorted(places))) for attributes, places in tied)


def balanced_combinations(space: DesignSpace, group: Group, rng: np.random.Generator) -> IntArray | None:
    """(alternatives of the whole design, attributes of the group) level codes, allowed and balanced up to ±1.

    None when there are too many combinations to settle it. Raises DataError when there is no such thing, naming
    prohibitions of which none can be left out of the contradiction.
    """
    if np.prod([space.sizes[attribute] for attribute in group.attributes], dtype=float) > MOST_COMBINATIONS:
        return None
    counted = _solve(space, group.attributes, group.places, rng)
    if counted is None:
        return None
    combinations, counts = counted
    if counts is None:
        raise DataError([_contradiction(space, group)])
    codes = np.repeat(combinations, counts, axis=0)
    return np.asarray(rng.permutation(codes), dtype=np.int64)


def _contradiction(space: DesignSpace, group: Group) -> Problem:
    """Drop one prohibition after the other as long as the contradiction stays (a deletion filter: Chinneck 2008)."""
    rng = np.random.default_rng(0)
    kept = list(group.places)
    for place in group.places:
        fewer = [other for other in kept if other != place]
        solved = _solve(space, group.attributes, fewer, rng)
        if solved is not None and solved[1] is None:
            kept = fewer
    attributes = {attribute for place in kept for attribute in prohibition_table(space, space.prohibited[place])[0]}
    names = ", ".join(f"'{space.names[attribute]}'" for attribute in sorted(attributes))
    together = "together they leave" if len(kept) > 1 else "it leaves"
    cells = int(np.prod(space.shape[:3]))
    return Problem(
        where=", ".join(space.name_of(place) for place in kept),
        found=f"{together} no way to show the levels of {names} equally often (±1 among {cells} alternatives)",
        allowed="prohibitions under which every level can have its share",
        do="drop one of them, or leave out the level that can hardly be shown",
    )


def _solve(
    space: DesignSpace, attributes: Sequence[int], places: Iterable[int], rng: np.random.Generator
) -> tuple[IntArray, IntArray | None] | None:
    """The allowed combinations and how often to show each, (combinations,); no counts when that is impossible.

    None when the solver could not settle it in its time.
    """
    from scipy import optimize, sparse

    combinations = _allowed(space, attributes, places)
    if not combinations.size:
        return combinations, None
    cells = int(np.prod(space.shape[:3]))
    rows, low, high = [np.ones((1, len(combinations)))], [cells], [cells]
    for index, attribute in enumerate(attributes):
        size = space.sizes[attribute]
        rows.append((combinations[:, index] == np.arange(size)[:, None]).astype(np.float64))
        low += [cells // size] * size
        high += [-(-cells // size)] * size
    result = optimize.milp(
        rng.random(len(combinations)),  # any solution will do; a random one does not favour the first levels
        integrality=np.ones(len(combinations), dtype=np.int64),
        bounds=optimize.Bounds(0, np.inf),
        constraints=optimize.LinearConstraint(sparse.csr_array(np.concatenate(rows)), np.array(low), np.array(high)),
        options={"time_limit": SECONDS, "mip_rel_gap": 1.0},
    )
    if result.x is not None:
        return combinations, np.rint(result.x).astype(np.int64)
    return (combinations, None) if result.status == INFEASIBLE else None


def _allowed(space: DesignSpace, attributes: Sequence[int], places: Iterable[int]) -> IntArray:
    """(combinations, attributes) those that these prohibitions allow."""
    every = np.array(list(product(*(range(space.sizes[attribute]) for attribute in attributes))), dtype=np.int64)
    held = np.zeros(len(every), dtype=np.bool_)
    for place in places:
        named, table = prohibition_table(space, space.prohibited[place])
        held |= table[tuple(every[:, list(attributes).index(attribute)] for attribute in named)]
    return every[~held]
