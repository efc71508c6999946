"""Rows column by column, and the quarantine that takes every row that is in no split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketfit.prepare.options import SHOWN
from marketfit.records.data import Count
from marketfit.task import IntVector

Input = str | bytes
Split = Literal["train", "valid", "test"]
Origin = Literal["source", "feedback"]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class Rows:
    """Rows in memory. `splits` holds what is known so far: None where marketfit has still to decide."""

    numbers: IntVector
    inputs: list[Input]
    labels: list[str]
    splits: list[Split | None]
    groups: list[str | None]
    sensitive: Mapping[str, list[str | None]]
    origins: list[Origin]

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Rows:
        """These rows, in this order."""
        order = [int(i) for i in indices]
        return Rows(
            numbers=self.numbers[np.array(order, dtype=np.int64)],
            inputs=[self.inputs[i] for i in order],
            labels=[self.labels[i] for i in order],
            splits=[self.splits[i] for i in order],
            groups=[self.groups[i] for i in order],
            sensitive={name: [column[i] for i in order] for name, column in self.sensitive.items()},
            origins=[self.origins[i] for i in order],
        )

    def with_splits(self, splits: Sequence[Split | None]) -> Rows:
        """The same rows, assigned."""
        return replace(self, splits=list(splits))

    def joined(self, other: Rows) -> Rows:
        """These rows and then the others."""
        return Rows(
            numbers=np.concatenate([self.numbers, other.numbers]),
            inputs=self.inputs + other.inputs,
            labels=self.labels + other.labels,
            splits=self.splits + other.splits,
            groups=self.groups + other.groups,
            sensitive={name: column + other.sensitive[name] for name, column in self.sensitive.items()},
            origins=self.origins + other.origins,
        )

    def table(self, *, slices: Mapping[str, Sequence[str | None]]) -> pa.Table:
        """The Parquet form, ordered by row number (see `records.Dataset`). `slices`: columns of names, a row each."""
        order = np.argsort(self.numbers, kind="stable").tolist()
        rows = self.take(order)
        binary = any(isinstance(example, bytes) for example in rows.inputs)
        columns = {
            "row": pa.array(rows.numbers, pa.int64()),
            "input": pa.array(rows.inputs, pa.binary() if binary else pa.string()),
            "label": pa.array(rows.labels, pa.string()),
            "split": pa.array(rows.splits, pa.string()),
            "group": pa.array(rows.groups, pa.string()),
            "origin": pa.array(rows.origins, pa.string()),
        }
        columns |= {f"sensitive.{name}": pa.array(column, pa.string()) for name, column in rows.sensitive.items()}
        columns |= {name: pa.array([names[i] for i in order], pa.string()) for name, names in slices.items()}
        return pa.table(columns)


@dataclass
class Quarantine:
    """Every row that is in no split, with its reason."""

    rows: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    def add(self, row: int, reason: str, content: object) -> None:
        """Put one row aside; only the beginning of its content is kept."""
        self.rows.append(row)
        self.reasons.append(reason)
        self.contents.append(shown(content))

    def __len__(self) -> int:
        return len(self.rows)

    def counts(self) -> tuple[Count, ...]:
        """Rows of each reason, most frequent first."""
        ordered = sorted(Counter(self.reasons).items(), key=lambda item: (-item[1], item[0]))
        return tuple(Count(reason=reason, rows=rows) for reason, rows in ordered)

    def table(self) -> pa.Table:
        """The Parquet form (row, reason, content), ordered by row number."""
        order = sorted(range(len(self.rows)), key=self.rows.__getitem__)
        return pa.table(
            {
                "row": pa.array([self.rows[i] for i in order], pa.int64()),
                "reason": pa.array([self.reasons[i] for i in order], pa.string()),
                "content": pa.array([self.contents[i] for i in order], pa.string()),
            }
        )


@dataclass(frozen=True)
class Receipt:
    """A removed duplicate: the row that stays in its place, how similar it is, and by which test."""

    removed: int
    kept: int
    similarity: float
    kind: Literal["exact", "near"]


def receipts_table(receipts: Iterable[Receipt]) -> pa.Table:
    """The Parquet form (removed, kept, similarity, kind), ordered by the removed row."""
    ordered = sorted(receipts, key=lambda receipt: receipt.removed)
    return pa.table(
        {
            "removed": pa.array([receipt.removed for receipt in ordered], pa.int64()),
            "kept": pa.array([receipt.kept for receipt in ordered], pa.int64()),
            "similarity": pa.array([receipt.similarity for receipt in ordered], pa.float64()),
            "kind": pa.array([receipt.kind for receipt in ordered], pa.string()),
        }
    )


def shown(content: object) -> str:
    """The beginning of a row's content as text that any file can hold.

    >>> shown(b"\\x89PNG"), shown(None)
    ('4 bytes', '')
    """
    if content is None:
        return ""
    if isinstance(content, bytes):
        return f"{len(content):,} bytes"
    text = str(content)
    text = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return text.encode("utf-8", "replace").decode("utf-8")
