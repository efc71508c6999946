"""What every reader of a file yields: the wanted columns of some rows as text, and the rows that can't be read."""

from __future__ import annotations

import math
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


def number_text(value: float) -> str | None:
    """A number as text: whole numbers without a decimal point, so that 1 and 1.0 are one label; None for NaN.

    >>> number_text(1.0), number_text(0.5), number_text(float("nan"))
    ('1', '0.5', None)
    """
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
    return str(value)
