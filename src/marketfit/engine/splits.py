"""The rows of one split of a Dataset, and those without labels, as every step reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marketfit.records.data import Dataset
from marketfit.task import Example, Labelled
from marketfit.workspace import Workspace

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True, eq=False)
class SplitRows:
    """Rows in the dataset's order. `numbers` are those of the source; `groups`: sensitive attribute → its values.

    `slices`: every slice of the inputs, also one that no row belongs to → which rows do (n,).
    """

    numbers: Sequence[int]
    labelled: Labelled
    groups: Mapping[str, Sequence[str | None]]
    slices: Mapping[str, NDArray[np.bool_]]


def read_split(dataset: Dataset, split: Split, workspace: Workspace) -> SplitRows:
    """Read one split from the workspace."""
    table = workspace.table(dataset.rows)
    table = table.filter(pc.equal(table.column("split"), split))
    number = {label: index for index, label in enumerate(dataset.labels)}
    targets = [number[label] for label in table.column("label").to_pylist()]
    sensitive = [name for name in table.column_names if name.startswith("sensitive.")]
    return SplitRows(
        numbers=table.column("row").to_pylist(),
        labelled=Labelled(
            inputs=table.column("input").to_pylist(),
            targets=np.array(targets, dtype=np.int64),
            labels=dataset.labels,
        ),
        groups={
            name.removeprefix("sensitive."): [
                None if value is None else str(value) for value in table.column(name).to_pylist()
            ]
            for name in sensitive
        },
        slices=_slices(dataset, table),
    )


def _slices(dataset: Dataset, table: pa.Table) -> Mapping[str, NDArray[np.bool_]]:
    if dataset.slicing is None:
        return {}
    families = {item.family for item in dataset.slicing.slices}
    names = {family: np.array(table.column(f"slice.{family}").to_pylist(), dtype=np.object_) for family in families}
    return {item.name: np.asarray(names[item.family] == item.name) for item in dataset.slicing.slices}


def read_unlabelled(dataset: Dataset, workspace: Workspace) -> Sequence[Example]:
    """The examples without labels that `prepare` kept: each once, none near a test row; none where there is no file."""
    if dataset.unlabelled is None:
        return ()
    found: Sequence[Example] = workspace.table(dataset.unlabelled).column("input").to_pylist()
    return found
