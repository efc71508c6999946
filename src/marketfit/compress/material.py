"""Training rows to calibrate passes on, valid rows to score variants on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketfit.engine import Run, read_split
from marketfit.records import Dataset
from marketfit.task import Labelled

Groups = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, eq=False)
class Material:
    """`groups`: sensitive attribute → its value for each valid row."""

    train: Labelled
    valid: Labelled
    groups: Groups


def gather(dataset: Dataset, *, run: Run) -> Material:
    """Read the two splits."""
    valid = read_split(dataset, "valid", run.workspace)
    return Material(
        train=read_split(dataset, "train", run.workspace).labelled, valid=valid.labelled, groups=valid.groups
    )
