"""Level codes to start from: every level as often as any other (±1), in each version and over all of them.

Levels are dealt at random; tasks that break a rule are mended by swapping levels within the version, which keeps the
balance (in the manner of Huber & Zwerina 1996, without priors on utilities).
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.feasible import balanced_combinations, groups_of
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace
from marketfit.errors import DataError, Problem

STEPS, DEALS = 150, 6  # small random spaces that can be mended at all take about 50 steps at most

Unit = tuple[int, ...]
"""Attributes whose levels move together."""


def units_of(space: DesignSpace) -> tuple[Unit, ...]:
    """What a swap may move: the level of one attribute, or of attributes that prohibitions tie together."""
    single = [(attribute,) for attribute in range(len(space.levels))]
    return (*single, *(group.attributes for group in groups_of(space) if len(group.attributes) > 1))


def deal(space: DesignSpace, rng: np.random.Generator) -> IntArray:
    """(versions, tasks, alternatives, attributes) codes that keep the rules and the balance.

    Over all versions the balance is exact up to ±1; so it is within each version, unless prohibitions leave no room.
    Raises DataError when the rules leave no such design, or when none is found.
    """
    rules = Rules.of(space)
    # Solved before anything is dealt: a contradiction is told at once and by name.
    tied = {group.attributes: balanced_combinations(space, group, rng) for group in groups_of(space)}
    found = _mended(space, _free(space, rng), rules, rng)
    for _ in range(DEALS):
        if found is not None:
            return found
        found = _mended(space, _tied(space, tied, rng), rules, rng)
    raise DataError([_no_design(space)])


def _free(space: DesignSpace, rng: np.random.Generator) -> IntArray:
    """Every attribute dealt on its own, over a random order of its levels; versions go on where the last ended."""
    versions, tasks, alternatives, _ = space.shape
    cells = tasks * alternatives
    columns = []
    for size in space.sizes:
        dealt = rng.permutation(size)[np.arange(versions * cells) % size].reshape(versions, cells)
        columns.append(rng.permuted(dealt, axis=1))
    return np.stack(columns, axis=-1).reshape(space.shape)


def _tied(space: DesignSpace, tied: dict[tuple[int, ...], IntArray | None], rng: np.random.Generator) -> IntArray:
    """As `_free`, but attributes that prohibitions tie together are dealt as combinations that are allowed."""
    codes = _free(space, rng)
    flat = codes.reshape(space.versions, -1, len(space.levels))
    for attributes, combinations in tied.items():
        if combinations is not None:
            flat[..., attributes] = _spread(combinations, space.versions, rng)
    return codes


def _spread(combinations: IntArray, versions: int, rng: np.random.Generator) -> IntArray:
    """(versions, cells, attributes) from (versions · cells, attributes): sorted and dealt out in turn, so that every
    version has about its share of each combination.
    """
    keys = rng.permutation(combinations.T)
    dealt = combinations[np.lexsort(keys)].reshape(-1, versions, combinations.shape[1]).transpose(1, 0, 2)
    return np.stack([rng.permutation(cells) for cells in dealt])


def _mended(space: DesignSpace, codes: IntArray, rules: Rules, rng: np.random.Generator) -> IntArray | None:
    """The codes with levels swapped within versions until no task breaks a rule; None when that does not end."""
    units = (*units_of(space), tuple(range(len(space.levels))))
    for version in codes:
        if not _mend(version, units, rules, rng):
            return None
    return codes


def _mend(version: IntArray, units: tuple[Unit, ...], rules: Rules, rng: np.random.Generator) -> bool:
    """Change (tasks, alternatives, attributes) codes in place; whether no broken task is left.

    Each step moves one unit of a broken task to where it leaves the fewest broken tasks (min-conflicts: Minton et al.
    1992); ties are broken at random, so that it wanders rather than being stuck.
    """
    tasks, alternatives, _ = version.shape
    cells = np.arange(tasks * alternatives)
    for _ in range(STEPS):
        bad = np.flatnonzero(rules.broken(version))
        if not bad.size:
            return True
        here = int(rng.choice(bad)) * alternatives + int(rng.integers(alternatives))
        unit = list(units[int(rng.integers(len(units)))])
        trials = np.repeat(version.reshape(1, cells.size, -1), cells.size, axis=0)
        moved = trials[0][:, unit]
        different = (moved != moved[here]).any(axis=1)
        trials[cells[:, None], cells[:, None], unit] = moved[here]
        trials[cells[:, None], here, unit] = moved
        left = rules.broken(trials.reshape(-1, *version.shape)).sum(axis=1)
        best = np.flatnonzero(different & (left <= min(bad.size, left[different].min(initial=bad.size))))
        if best.size:
            version[:] = trials[rng.choice(best)].reshape(version.shape)
    return False


def _no_design(space: DesignSpace) -> Problem:
    rules = ["duplicate alternatives"]
    rules += ["dominated alternatives"] if space.better else []
    rules += [f"what {', '.join(map(space.name_of, range(len(space.prohibited))))} forbids"] if space.prohibited else []
    return Problem(
        where="choice design",
        found=f"no balanced design of {space.tasks} tasks with {space.alternatives} alternatives keeps the rules",
        allowed=f"tasks without {', '.join(rules)}",
        do="show fewer alternatives or prohibit less; give 'better' only where everybody agrees",
    )
