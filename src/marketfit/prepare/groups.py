"""Carve test and valid out of whole groups, as near to the wanted class counts as groups allow.

The idea of scikit-learn's StratifiedGroupKFold (a greedy walk over groups), with our shares instead of equal folds.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketfit.prepare.rows import Split

Quotas = Mapping[Split, Mapping[str, int]]


@dataclass
class _Plan:
    """Which unit goes where, so far."""

    counts: Mapping[str, Counter[str]]  # unit → class → rows
    need: dict[Split, Counter[str]]
    placed: dict[str, Split]

    def place(self, unit: str, part: Split) -> None:
        self.placed[unit] = part
        if part in self.need:
            self.need[part].subtract(self.counts[unit])

    def gain(self, unit: str, part: Split) -> int:
        """Rows that a part still wants, less those that would be too many."""
        need = self.need[part]
        wanted = sum(min(rows, max(0, need[label])) for label, rows in self.counts[unit].items())
        return wanted - (sum(self.counts[unit].values()) - wanted)


def carve_groups(units: Mapping[int, str], labels: Mapping[int, str], quotas: Quotas, *, seed: int) -> dict[int, Split]:
    """The part of every row; rows of one unit stay together.

    First every class gets a unit in train, then in each missing part, where it has that many; then the remaining
    units, in an order by hash, go where they are wanted most.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row, unit in units.items():
        counts[unit][labels[row]] += 1
    order = sorted(counts, key=lambda unit: hashlib.blake2b(f"{seed}\x00{unit}".encode()).digest())
    plan = _Plan(counts, {part: Counter(quota) for part, quota in quotas.items()}, {})
    for part in ("train", *quotas):
        _every_class(plan, order, part)
    for unit in order:
        if unit not in plan.placed:
            best: Split = max(quotas, key=lambda part: plan.gain(unit, part))
            plan.place(unit, best if plan.gain(unit, best) > 0 else "train")
    return {row: plan.placed[unit] for row, unit in units.items()}


def _every_class(plan: _Plan, order: Sequence[str], part: Split) -> None:
    """Give a part one unit of each class that it lacks: the smallest, so that its quota is not overrun."""
    free: dict[str, list[str]] = defaultdict(list)
    for unit in order:
        if unit not in plan.placed:
            for label in plan.counts[unit]:
                free[label].append(unit)
    for label in sorted(free, key=lambda label: (len(free[label]), label)):
        there = any(where == part and label in plan.counts[unit] for unit, where in plan.placed.items())
        ready = [unit for unit in free[label] if unit not in plan.placed]
        if not there and ready:
            plan.place(min(ready, key=lambda unit: sum(plan.counts[unit].values())), part)
