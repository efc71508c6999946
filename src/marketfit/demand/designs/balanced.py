"""Balanced designs, which need no prior: levels and pairs of levels shown equally often (Sawtooth's terms).

*Minimal overlap* shows a level twice in a task only where there are more alternatives than levels; it tells most of
main effects. *Balanced overlap* lets levels meet themselves about half as often as chance would, which tells more of
interactions and of people with a must-have level (Chrzan & Orme 2000; Sawtooth Software's CBC). *Random* leaves the
overlap to chance and balances single levels only; other designs are measured against it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng
from marketfit.demand.designs.deal import Unit, deal, units_of
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.places import even_places
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace
from marketfit.errors import DataError, Problem

Overlap: TypeAlias = Literal["minimal", "balanced", "random"]

WEIGHT = 40.0
"""What an overlap off its target costs, against an uneven pair of levels."""
LOOKED_AT = 24  # of the best swaps, when the very best would break a rule


def balanced_design(
    space: DesignSpace,
    *,
    overlap: Overlap = "balanced",
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> ChoiceDesign:
    """A design in which every level is shown as often as any other (±1) over all versions.

    So it is within every version, unless prohibitions leave no room for that; pairs of levels of two attributes are
    made as even as swaps can make them, within versions and over all. No task shows equal or dominated alternatives.
    Over all versions, every level stands at every place of a task about equally often.
    overlap: how often a level may meet itself in a task. progress: is called with the fraction done.

    Raises DataError when no design keeps the rules; where prohibitions contradict the balance, it names them.
    """
    return ChoiceDesign(space, even_places(space, balanced_codes(space, overlap=overlap, rng=rng, progress=progress)))


def balanced_codes(
    space: DesignSpace, *, overlap: Overlap, rng: Rng, progress: Callable[[float], None] | None = None
) -> IntArray:
    """The level codes of a balanced design, its alternatives in no particular order. Raises as `balanced_design`."""
    if overlap not in ("minimal", "balanced", "random"):
        allowed = "'minimal', 'balanced' or 'random'"
        raise DataError([Problem("overlap", f"is {overlap!r}", allowed, "choose one of these")])
    generator = np.random.default_rng(rng)
    codes = deal(space, generator)
    if overlap != "random":
        rules, units = Rules.of(space), units_of(space)
        for done, version in enumerate(codes):
            shown = codes[:done].reshape(-1, len(space.sizes))
            _Evening(space, version, shown, rules, minimal=overlap == "minimal").run(units, generator)
            if progress is not None:
                progress((done + 1) / space.versions)
    return codes


class _Evening:
    """Evens out one version in place, by the best swap of a unit between two alternatives until none helps."""

    def __init__(self, space: DesignSpace, version: IntArray, shown: IntArray, rules: Rules, *, minimal: bool) -> None:
        self._version = version  # (tasks, alternatives, attributes)
        self._cells = version.reshape(-1, len(space.sizes))
        self._task = np.repeat(np.arange(space.tasks), space.alternatives)
        self._sizes = space.sizes
        self._rules = rules
        both = [(a, b) for a in range(len(space.sizes)) for b in range(len(space.sizes)) if a != b]
        self._before = {(a, b): self._pair_counts(shown, a, b) for a, b in both}
        self._targets = [self._target(space, attribute, minimal) for attribute in range(len(space.sizes))]

    def run(self, units: tuple[Unit, ...], rng: np.random.Generator) -> None:
        """Swap until no unit has a swap that helps."""
        idle = 0
        order = rng.permutation(len(units)).tolist()
        while idle < len(order):
            for index in order:
                idle = 0 if self._improve(units[index]) else idle + 1

    def _improve(self, unit: Unit) -> bool:
        change = self._change(unit)
        change[np.tril_indices_from(change)] = np.inf
        ranked = np.argpartition(change, min(LOOKED_AT, change.size - 1), axis=None)[:LOOKED_AT]
        ranked = ranked[np.argsort(change.ravel()[ranked], kind="stable")]
        ranked = ranked[change.ravel()[ranked] < -1e-9]
        if not ranked.size:
            return False
        one, other = np.unravel_index(ranked, change.shape)
        trials = np.repeat(self._cells[None], ranked.size, axis=0)
        places, moved = np.arange(ranked.size)[:, None], list(unit)
        trials[places, one[:, None], moved] = self._cells[other][:, moved]
        trials[places, other[:, None], moved] = self._cells[one][:, moved]
        broken = self._rules.broken(trials.reshape(-1, *self._version.shape)).any(axis=1)
        if broken.all():
            return False
        self._cells[:] = trials[np.flatnonzero(~broken)[0]]
        return True

    def _change(self, unit: Unit) -> FloatArray:
        """(cells, cells) by how much the unevenness changes when two cells swap a unit."""
        total = np.zeros((len(self._cells), len(self._cells)))
        for a in unit:
            level = self._cells[:, a]
            differs = level[:, None] != level[None]
            for b in range(len(self._sizes)):
                if b not in unit:
                    # Pairs of this version count twice: for themselves, and among those of all versions so far.
                    table = 2 * self._pair_counts(self._cells, a, b) + self._before[a, b]
                    total += _pair_change(table, level, self._cells[:, b], differs)
            total += self._overlap_change(a, level, differs)
        return total

    def _pair_counts(self, cells: IntArray, a: int, b: int) -> FloatArray:
        """(levels of a, levels of b) how often cells, (cells, attributes), show both."""
        shape = (self._sizes[a], self._sizes[b])
        counts = np.bincount(cells[:, a] * shape[1] + cells[:, b], minlength=shape[0] * shape[1])
        return counts.reshape(shape).astype(np.float64)

    def _overlap_change(self, attribute: int, level: IntArray, differs: BoolArray) -> FloatArray:
        counts = np.zeros((len(self._version), self._sizes[attribute]))
        np.add.at(counts, (self._task, level), 1)
        met = counts[self._task][:, level]  # how often a cell's task shows the level of another cell
        own = np.diag(met)
        change = np.where(differs & (self._task[:, None] != self._task), met + met.T - own[:, None] - own + 2, 0.0)
        off = float((counts * (counts - 1) / 2).sum()) - self._targets[attribute]
        return np.asarray(WEIGHT * ((off + change) ** 2 - off**2))

    def _target(self, space: DesignSpace, attribute: int, minimal: bool) -> float:
        """How many pairs of alternatives of a task should share a level of an attribute, over the version."""
        each, more = divmod(space.alternatives, space.sizes[attribute])
        pairs_at_least = more * (each + 1) * each + (space.sizes[attribute] - more) * each * (each - 1)
        least = space.tasks * pairs_at_least / 2
        if minimal:
            return least
        shown = np.bincount(self._cells[:, attribute])
        cells = len(self._cells)
        pairs = space.tasks * space.alternatives * (space.alternatives - 1) / 2
        by_chance = pairs * float((shown * (shown - 1)).sum()) / max(1, cells * (cells - 1))
        return (least + by_chance) / 2


def _pair_change(table: FloatArray, level: IntArray, other: IntArray, differs: BoolArray) -> FloatArray:
    """(cells, cells) change of the sum of squared counts of level pairs when two cells swap the one level.

    table: (levels, other levels) counts, of which each cell is counted twice (here and over all versions).
    """
    met = table[level][:, other].T  # [cell, cell that brings its level]
    own = np.diag(met)
    change = 2 * (met + met.T - own[:, None] - own) + 8
    return np.where(differs & (other[:, None] != other), change, 0.0)
