"""The rows that the shortlist looks at: all of a small set, a part of each class of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from marketfit.shortlist.options import (
    FEWEST_ROWS,
    TRAIN_CHARACTERS,
    TRAIN_ROWS,
    VALID_CHARACTERS,
    VALID_ROWS,
)
from marketfit.task import Example, IntVector


@dataclass(frozen=True)
class Part:
    """Some rows of one split: places in the Dataset's table, inputs, and targets that index the Dataset's labels."""

    places: IntVector
    inputs: list[Example]
    targets: IntVector

    def __len__(self) -> int:
        return len(self.inputs)


def sample(rows: pa.Table, labels: Sequence[str], rng: np.random.Generator) -> tuple[Part, Part]:
    """The part of train to learn from and the part of valid to score on, bounded in rows and in characters."""
    train = _part(rows, labels, "train", TRAIN_ROWS, TRAIN_CHARACTERS, rng)
    return train, _part(rows, labels, "valid", VALID_ROWS, VALID_CHARACTERS, rng)


def _part(
    rows: pa.Table, labels: Sequence[str], split: str, most: int, characters: int, rng: np.random.Generator
) -> Part:
    places = np.flatnonzero(rows["split"].to_numpy(zero_copy_only=False) == split).astype(np.int64)
    number = {label: target for target, label in enumerate(labels)}
    targets = np.array([number[label] for label in rows["label"].take(places).to_pylist()], dtype=np.int64)
    inputs = rows["input"].take(places).to_pylist()
    length = sum(len(example) for example in inputs)
    wanted = min(most, max(FEWEST_ROWS, int(len(inputs) * characters / max(1, length))))
    chosen = spread(targets, wanted, rng)
    return Part(places[chosen], [inputs[place] for place in chosen], targets[chosen])


def spread(targets: IntVector, wanted: int, rng: np.random.Generator) -> IntVector:
    """Places of about `wanted` rows, the same share of every class and at least one of each.

    >>> spread(np.array([0] * 90 + [1] * 10), 20, np.random.default_rng(0)).shape
    (20,)
    """
    if len(targets) <= wanted:
        return np.arange(len(targets))
    chosen = [
        rng.permutation(rows)[: max(1, round(wanted * len(rows) / len(targets)))]
        for rows in (np.flatnonzero(targets == target) for target in np.unique(targets))
    ]
    return np.sort(np.concatenate(chosen))
