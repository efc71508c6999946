"""What a graph says of its operators, without its weights: the records that `graph.py` collects on its walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

Dims = tuple[int, ...]

# Data types of onnx/onnx.proto that can say a size.
TYPES: Mapping[int, type[np.generic]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64,
    12: np.uint32, 13: np.uint64,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor of the file: its sizes and, where they are few, its values."""

    dims: Dims
    values: Array | None = None


@dataclass
class Attribute:
    """An attribute of an operator, whatever its kind. `count`: how many whole numbers it lists; the first are kept."""

    name: str = ""
    number: int | None = None
    numbers: list[int] = field(default_factory=list)
    count: int = 0
    text: str = ""
    tensor: Stored | None = None
    graphs: list[Graph] = field(default_factory=list)


@dataclass
class Node:
    """One operator."""

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)

    def number(self, name: str, default: int) -> int:
        """A whole number, or the default."""
        found = self.attributes.get(name)
        return default if found is None or found.number is None else found.number

    def numbers(self, name: str) -> list[int] | None:
        """A list of whole numbers, or None where it is not given.

        Raises:
            ValueError: it is longer than what is kept.
        """
        found = self.attributes.get(name)
        if found is not None and found.count != len(found.numbers):
            raise ValueError(f"{name} lists {found.count} numbers")
        return None if found is None else found.numbers


@dataclass
class Graph:
    """A graph. `inputs`: name → sizes, None where one is free; None in the place of all where they are not told."""

    nodes: list[Node] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    inputs: dict[str, tuple[int | None, ...] | None] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
