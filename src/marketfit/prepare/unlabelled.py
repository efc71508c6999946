"""The file of examples without labels: normalised, each text once, none that nears a test row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from marketfit.prepare.keys import loose_key
from marketfit.prepare.near import NearIndex, sketches
from marketfit.prepare.normalise import clean_input
from marketfit.prepare.read import read
from marketfit.prepare.rows import Input
from marketfit.task import Progress


@dataclass(frozen=True)
class Unlabelled:
    """The examples that stay, and what became of all rows of the file."""

    name: str
    inputs: tuple[Input, ...]
    read: int
    unusable: int
    repeated: int
    in_test: int

    def table(self) -> pa.Table:
        """The Parquet form (input)."""
        binary = any(isinstance(example, bytes) for example in self.inputs)
        return pa.table({"input": pa.array(self.inputs, pa.binary() if binary else pa.string())})

    def note(self) -> str:
        """What became of the file, in words."""
        return (
            f"{self.name}: {len(self.inputs):,} of {self.read:,} unlabelled rows are used; {self.unusable:,} could not "
            f"be read or are empty, {self.repeated:,} repeat another, {self.in_test:,} equal or nearly equal a test row"
        )


def read_unlabelled(path: Path, column: str, test: Sequence[Input], *, progress: Progress) -> Unlabelled:
    """Read the file.

    Raises:
        DataError: what is wrong with the file as a whole.
    """
    usable: dict[str, Input] = {}
    rows = unusable = repeated = 0
    for piece in read(path, {column: "data.input, for data.unlabelled"}):
        rows += len(piece.numbers) + len(piece.bad)
        unusable += len(piece.bad)
        for cell in piece.columns[column]:
            example, reason = clean_input(cell)
            key = loose_key(example)
            unusable += bool(reason)
            repeated += not reason and key in usable
            if not reason:
                usable.setdefault(key, example)
        progress(piece.done)
    kept = tuple(_far_from(test, usable))
    return Unlabelled(path.name, kept, rows, unusable, repeated, len(usable) - len(kept))


def _far_from(test: Sequence[Input], usable: dict[str, Input]) -> Iterator[Input]:
    index = NearIndex()
    keys = [loose_key(example) for example in test]
    equal = set(keys)
    for row, sketch in enumerate(sketches(keys)):
        index.add(row, sketch)
    for sketch in sketches(usable):
        if sketch.key not in equal and not index.similar(sketch):
            yield usable[sketch.key]
