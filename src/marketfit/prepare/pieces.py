"""What every reader of a file yields: the wanted columns of some rows as text, and the rows that can't be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Cell = str | bytes | None


@dataclass(frozen=True)
class BadRow:
    """A row that can't be read; `number` counts data rows from 1."""

    number: int
    reason: str
    content: str


@dataclass(frozen=True)
class Piece:
    """Some rows of a file. `columns` holds one list a wanted column, aligned with `numbers`: empty ones too."""

    numbers: list[int]
    columns: Mapping[str, list[Cell]]
    bad: tuple[BadRow, ...]
    done: float
