"""Training and unlabelled rows for passes to fit on, valid rows to score variants on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketfit.engine import Run, read_split, read_unlabelled
from marketfit.records import Dataset
from marketfit.task import Example, Labelled

Groups = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, eq=False)
class Material:
    """`groups`: sensitive attribute → its value for each valid row. `unlabelled` is empty where the brief has none."""

    train: Labelled
    unlabelled: Sequence[Example]
    valid: Labelled
    groups: Groups


def gather(dataset: Dataset, *, run: Run) -> Material:
    """Read the two splits and the examples without labels."""
    valid = read_split(dataset, "valid", run.workspace)
    return Material(
        train=read_split(dataset, "train", run.workspace).labelled,
        unlabelled=read_unlabelled(dataset, run.workspace),
        valid=valid.labelled,
        groups=valid.groups,
    )
