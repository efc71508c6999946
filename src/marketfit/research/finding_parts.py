"""Parts of a finding from estimates: a figure, or cells of a table."""

from __future__ import annotations

from marketfit.records.findings import Figure
from marketfit.research.weighted import Estimate


def figure(name: str, estimate: Estimate, *, unit: str = "", times: float = 1.0) -> Figure:
    """One estimate that stands alone; `times` turns its unit, such as 100 for percent.

    >>> figure("top", Estimate(0.5, 0.25, 0.75, 8), unit="%", times=100).high
    75.0
    """
    value, low, high = interval_cells(estimate, times=times)
    return Figure(name=name, value=value, low=low, high=high, n=estimate.n, unit=unit)


def interval_cells(estimate: Estimate, *, times: float = 1.0) -> tuple[float, float | None, float | None]:
    """Value, low and high of an estimate, as three cells of a row."""
    low, high = (None if end is None else times * end for end in (estimate.low, estimate.high))
    return times * estimate.value, low, high
