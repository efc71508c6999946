"""Progress of work in parts: a callback is told the fraction done, from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float], None]


def part_of(progress: Progress | None, index: int, count: int) -> Progress:
    """The progress of part `index` of `count` equal ones, told to the progress of the whole.

    >>> part_of(print, 1, 4)(0.5)
    0.375
    """

    def advance(done: float) -> None:
        if progress is not None:
            progress((index + done) / count)

    return advance
