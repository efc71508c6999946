"""What a section is made of: text, facts, tables, lists, charts. The template has one macro for each kind.

Everything is plain text here; the template escapes it. The only markup is the SVG of a chart, which comes from
Vega's own writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Tone = Literal["", "good", "warn", "bad", "quiet"]

OPEN_ROWS = 60
"""Rows above which a table that is shown whole folds."""


@dataclass(frozen=True)
class Cell:
    """A table cell; `mark` is a badge around its text, `quiet` is small print below it."""

    text: str
    tone: Tone = ""
    badge: bool = False
    below: str = ""


@dataclass(frozen=True)
class Column:
    """A table column."""

    title: str
    numeric: bool = False
    long: bool = False  # holds sentences: it takes what room there is
    key: bool = False  # holds short numbers that name a row

    @property
    def style(self) -> str:
        """Its class in the stylesheet."""
        return "num" if self.numeric else "long" if self.long else "key" if self.key else ""


@dataclass(frozen=True)
class Row:
    """A table row; `strong` marks the winner's, `quiet` what is out of the race."""

    cells: tuple[Cell, ...]
    strong: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption. `left_out` rows are not shown, and that is said. `cards` on a phone: one a row. `fold`:
    only its caption shows until somebody opens it.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    left_out: int = 0
    note: str = ""
    cards: bool = False
    fold: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str
    simulated: bool = False


@dataclass(frozen=True)
class Fact:
    """One figure that stands alone, with what must be said beside it: n and interval, or that there is none."""

    name: str
    value: str
    evidence: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Some figures side by side."""

    kind: ClassVar[str] = "facts"
    items: tuple[Fact, ...]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, all of them: long ones fold, and so do long lists."""

    kind: ClassVar[str] = "bullets"
    title: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A chart, drawn for a wide page and for a phone, with the data behind it."""

    kind: ClassVar[str] = "chart"
    title: str
    alt: str
    wide: str  # SVG
    narrow: str  # SVG
    data: Table | None
    simulated: bool = False
    open: bool = False  # the data are shown beside the picture at once


Block = Text | Heading | Facts | Table | Bullets | Chart


@dataclass(frozen=True)
class Section:
    """A section of the page. `simulated`: some of what it shows rests on answers made by a program."""

    id: str
    title: str
    lead: str
    blocks: tuple[Block, ...]
    simulated: bool = False


def row(*cells: str | Cell, strong: bool = False, quiet: bool = False) -> Row:
    """A row of plain or marked cells."""
    return Row(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells), strong=strong, quiet=quiet)


def columns(*titles: str) -> tuple[Column, ...]:
    """Columns from titles: `#title` holds numbers, `~title` sentences, `.title` short names of rows.

    >>> [(c.title, c.style) for c in columns("name", "#n", "~reason", ".No.")]
    [('name', ''), ('n', 'num'), ('reason', 'long'), ('No.', 'key')]
    """
    return tuple(
        Column(title.lstrip("#~."), title.startswith("#"), title.startswith("~"), title.startswith("."))
        for title in titles
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Row], *, most: int | None = None, note: str = "", total: int = 0
) -> Table:
    """A table of at most `most` rows; what is left out of `total` rows (default: those given) is counted."""
    every = tuple(rows)
    shown = every if most is None else every[:most]
    return Table(caption, columns(*head), shown, left_out=max(total, len(every)) - len(shown), note=note)


def whole(caption: str, head: Sequence[str], rows: Iterable[Row], *, note: str = "") -> Table:
    """A table of which no row may be missing from the page, however long: above `OPEN_ROWS` rows it folds."""
    every = tuple(rows)
    return Table(caption, columns(*head), every, note=note, fold=len(every) > OPEN_ROWS)


def bullets(title: str, items: Sequence[str]) -> tuple[Bullets, ...]:
    """A list, or nothing where there are no items."""
    return (Bullets(title, tuple(items)),) if items else ()
