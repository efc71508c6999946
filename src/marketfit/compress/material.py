"""Training and unlabelled rows for passes to fit on, valid rows to score variants on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketfit.engine import Run, read_split, read_unlabelled
from marketfit.measure.quality import Groups, Slices
from marketfit.records.data import Dataset
from marketfit.task import Example, Labelled


@dataclass(frozen=True, eq=False)
class Material:
    """`groups`: sensitive attribute → its value for each valid row; `slices`: slice → which valid rows belong to it.

    `unlabelled` is empty where the brief has none.
    """

    train: Labelled
    unlabelled: Sequence[Example]
    valid: Labelled
    groups: Groups
    slices: Slices


def gather(dataset: Dataset, *, run: Run) -> Material:
    """Read the two splits and the examples without labels."""
    valid = read_split(dataset, "valid", run.workspace)
    return Material(
        train=read_split(dataset, "train", run.workspace).labelled,
        unlabelled=read_unlabelled(dataset, run.workspace),
        valid=valid.labelled,
        groups=valid.groups,
        slices=valid.slices,
    )
