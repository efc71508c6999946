"""Assign rows to train, valid and test by their content.

Rows of a class are ranked by a hash of seed and content; the first go to test, the next to valid. So the assignment
does not depend on the file's order, and rows that are added move few of those that were there. Parts that the user's
split column holds stay as they are; a missing one is carved from train.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from marketfit.prepare.groups import carve_groups
from marketfit.prepare.keys import Keys
from marketfit.prepare.options import (
    TEST_MOST,
    TEST_SHARE,
    TEST_WANTED,
    VALID_MOST,
    VALID_SHARE,
)
from marketfit.prepare.rows import Split


@dataclass(frozen=True)
class Material:
    """What the assignment depends on, aligned: keys, labels, the user's split and group (None: not given)."""

    keys: Keys
    labels: Sequence[str]
    given: Sequence[Split | None]
    groups: Sequence[str | None]


def assign(material: Material, *, seed: int) -> list[Split]:
    """The split of every row.

    Without groups, every class of three rows or more has a row in each part that is carved, and keeps one in train.
    Groups never cross the parts that are carved.
    """
    pool = [row for row, split in enumerate(material.given) if split in (None, "train")]
    missing = carved_parts(material.given)
    splits: list[Split] = [split or "train" for split in material.given]
    if not missing or not pool:
        return splits
    quotas = part_quotas(Counter(material.labels[row] for row in pool), missing)
    rank = {row: _rank(material.keys, row, seed) for row in pool}
    if any(group is not None for group in material.groups):
        units = {row: _unit(material, row) for row in pool}
        labels = {row: material.labels[row] for row in pool}
        carved = carve_groups(units, labels, quotas, seed=seed)
    else:
        carved = _carve(pool, material, rank, quotas)
    for row, part in carved.items():
        splits[row] = part
    return splits


def carved_parts(given: Collection[Split | None]) -> tuple[Split, ...]:
    """The parts that the user's splits do not hold, and that are carved from train."""
    have = set(given)
    return tuple(part for part in _CARVED if part not in have)


_CARVED: tuple[Split, ...] = ("test", "valid")


def part_quotas(counts: Mapping[str, int], missing: Sequence[Split]) -> dict[Split, dict[str, int]]:
    """How many rows of each class each missing part gets.

    >>> part_quotas({"a": 3, "b": 997}, ("test", "valid"))
    {'test': {'a': 1, 'b': 299}, 'valid': {'a': 1, 'b': 149}}
    """
    total = sum(counts.values())
    targets: dict[Split, float] = {
        "test": min(TEST_MOST, max(TEST_SHARE * total, min(TEST_WANTED, total / 3))),
        "valid": min(VALID_MOST, VALID_SHARE * total),
    }
    quotas: dict[Split, dict[str, int]] = {}
    left = dict(counts)
    for place, part in enumerate(missing):
        later = len(missing) - place  # rows that the other missing parts and train must still find
        quotas[part] = _spread(counts, left, target=round(targets[part]), leave=later)
        left = {label: left[label] - quotas[part][label] for label in left}
    return quotas


def _spread(counts: Mapping[str, int], left: Mapping[str, int], *, target: int, leave: int) -> dict[str, int]:
    """Share out a target over the classes in proportion (largest remainder), at least one each where possible."""
    total = sum(counts.values())
    most = {label: max(0, rows - leave) for label, rows in left.items()}
    exact = {label: target * rows / total for label, rows in counts.items()}
    given = {label: min(most[label], max(int(exact[label]), 1)) for label in counts}
    by_remainder = sorted(counts, key=lambda label: (-(exact[label] - int(exact[label])), label))
    short = target - sum(given.values())
    while short > 0:
        ready = [label for label in by_remainder if given[label] < most[label]][:short]
        if not ready:
            break
        for label in ready:
            given[label] += 1
        short -= len(ready)
    return given


def _carve(
    pool: Sequence[int],
    material: Material,
    rank: Mapping[int, bytes],
    quotas: Mapping[Split, Mapping[str, int]],
) -> dict[int, Split]:
    classes: dict[str, list[int]] = {}
    for row in sorted(pool, key=rank.__getitem__):
        classes.setdefault(material.labels[row], []).append(row)
    carved: dict[int, Split] = {}
    for label, rows in classes.items():
        start = 0
        for part, quota in quotas.items():
            carved |= dict.fromkeys(rows[start : start + quota[label]], part)
            start += quota[label]
    return carved


def _rank(keys: Keys, row: int, seed: int) -> bytes:
    """Rows that differ in case and punctuation only get neighbouring ranks, so they seldom part."""
    return digest(seed, keys.loose[row]) + keys.order[row]


def _unit(material: Material, row: int) -> str:
    """The group of a row; a row without one is a group of its own."""
    group = material.groups[row]
    return f"group\x00{group}" if group is not None else f"row\x00{material.keys.order[row].hex()}"


def digest(seed: int, text: str) -> bytes:
    """A hash of seed and text that orders them at random, the same way everywhere."""
    return hashlib.blake2b(f"{seed}\x00{text}".encode(), digest_size=16).digest()


def missing_classes(labels: Sequence[str], splits: Sequence[Split]) -> dict[Split, list[str]]:
    """The classes that have no row in a split."""
    everything = set(labels)
    return {
        part: sorted(everything - {label for label, split in zip(labels, splits, strict=True) if split == part})
        for part in ("train", "valid", "test")
    }
