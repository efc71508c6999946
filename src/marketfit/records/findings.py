"""Records of what instruments find: figures, tables with their drawings, proposals."""

from __future__ import annotations

from typing import Literal

from marketfit.records.base import Record


class Figure(Record):
    """One number that stands alone, with its two-sided 95 % interval; `low` and `high` are None where it has none."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    unit: str = ""


class Drawing(Record):
    """How a table is drawn; all parts are names of its columns, empty where there are none.

    intervals: one mark for each row with the ends `low` and `high`, named by `label`. curves: `y` over `x`, one line
    for each `series`. map: marks at (`x`, `y`), named by `label`, coloured by `series`. `marks` are dashed lines at
    these values of `x`, `marks_y` at these of `y`.
    """

    kind: Literal["intervals", "curves", "map"]
    x: str
    y: str = ""
    label: str = ""
    series: str = ""
    low: str = ""
    high: str = ""
    marks: tuple[float, ...] = ()
    marks_y: tuple[float, ...] = ()


class FindingTable(Record):
    """A table of a finding, every row as long as `columns`; `drawing` says what picture it makes."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float | str | None, ...], ...]
    note: str = ""
    drawing: Drawing | None = None


class Proposal(Record):
    """A change of the brief that the answers suggest; nobody makes it but the user."""

    text: str
    reason: str


class Finding(Record):
    """What one instrument found, in figures and tables that any reader can show. lead: the answer, in a sentence."""

    instrument: str
    title: str
    respondents: int
    answers: int
    simulated: bool
    lead: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[FindingTable, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()
