"""How results print: a small table, the same at the prompt as by `print`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from marketfit.demand.intervals import Estimate


class Printed:
    """A result that shows its summary at the prompt. Dataclasses among its kinds are made with repr=False."""

    def __repr__(self) -> str:
        return str(self)


def table_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column starts at the left, the others end at the right. Rows may be shorter.

    >>> print("\\n".join(table_rows(("offer", "share"), [("ours", "0.25"), ("theirs", "0.75")])))
    offer   share
    ours     0.25
    theirs   0.75
    """
    widths = [max(len(row[place]) for row in (heads, *rows) if place < len(row)) for place in range(len(heads))]
    lines = []
    for row in (heads, *rows):
        first, *others = (
            f"{cell:>{width}}" if place else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return lines


def rounded(value: float) -> str:
    """Five digits, or a dash where there is none.

    >>> rounded(12345.67), rounded(0.25), rounded(math.nan)
    ('12346', '0.25', '–')
    """
    return "–" if math.isnan(value) else f"{value:.5g}"


def percent(share: float) -> str:
    """A share in percent, with one digit after the point.

    >>> percent(0.25), percent(math.nan)
    ('25.0', '–')
    """
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def estimate_cells(told: Estimate) -> tuple[str, str, str]:
    """Value, low and high."""
    return rounded(told.value), rounded(told.low), rounded(told.high)


def share_cells(share: float, low: float, high: float) -> tuple[str, str, str]:
    """A share and the ends of its interval, in percent."""
    return percent(share), percent(low), percent(high)


def level_heads(level: float) -> tuple[str, str]:
    """What the ends of an interval are called.

    >>> level_heads(0.95)
    ('95 % from', 'to')
    """
    return f"{100 * level:.4g} % from", "to"


def extrapolated_lines(extrapolated: Mapping[str, Sequence[str]]) -> list[str]:
    """What was clamped, in words.

    >>> extrapolated_lines({"ours": ("price",)})
    ['beyond what was tested, taken at the nearest end: price of ours']
    """
    told = [f"{', '.join(names)} of {offer}" for offer, names in extrapolated.items()]
    return [f"beyond what was tested, taken at the nearest end: {'; '.join(told)}"] if told else []
