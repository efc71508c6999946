"""Training rows to calibrate passes on, valid rows to score variants on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.engine import Run
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
    table = run.workspace.table(dataset.rows)
    sensitive = [name for name in table.column_names if name.startswith("sensitive.")]
    rows = table.select(["input", "label", "split", *sensitive]).to_pylist()
    valid = [row for row in rows if row["split"] == "valid"]
    return Material(
        train=_labelled(dataset, [row for row in rows if row["split"] == "train"]),
        valid=_labelled(dataset, valid),
        groups={name.removeprefix("sensitive."): [_text(row[name]) for row in valid] for name in sensitive},
    )


def _labelled(dataset: Dataset, rows: Sequence[Mapping[str, object]]) -> Labelled:
    number = {label: index for index, label in enumerate(dataset.labels)}
    targets = [number[str(row["label"])] for row in rows]
    return Labelled(
        inputs=[row["input"] for row in rows], targets=np.array(targets, dtype=np.int64), labels=dataset.labels
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
