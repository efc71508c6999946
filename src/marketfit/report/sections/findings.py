"""What instruments found: figures, tables and the pictures that their tables ask for, whatever the instrument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from marketfit.records.findings import Drawing as Wish
from marketfit.records.findings import Figure, Finding, FindingTable
from marketfit.report import figures
from marketfit.report.blocks import Block, Fact, Facts, Heading, Table, Text, bullets, row, whole
from marketfit.report.charts.dots import Axis, Dot, dots
from marketfit.report.charts.draw import chart
from marketfit.report.charts.lines import Place, Titles, lines
from marketfit.report.charts.scatter import Cross, Mark, scatter

if TYPE_CHECKING:
    from marketfit.report.charts.draw import Drawing

_DRAWN, _POINTS = 40, 2000

Row = dict[str, float | str | None]


def finding_blocks(finding: Finding) -> list[Block]:
    """A heading, the figures, every table with its picture, what is proposed, what must be known."""
    blocks: list[Block] = [Heading(finding.title, finding.simulated)]
    if finding.lead:
        blocks.append(Text(finding.lead))
    if facts := _facts(finding):
        blocks.append(Facts(facts))
    for one in finding.tables:
        blocks.append(_shown(one, simulated=finding.simulated))
    blocks += bullets("Proposed for the brief", [f"{item.text}: {item.reason}" for item in finding.proposals])
    blocks += bullets("Notes", finding.notes)
    return blocks


def _facts(finding: Finding) -> tuple[Fact, ...]:
    made = " (simulated)" if finding.simulated else ""
    counts: tuple[Fact, ...] = ()
    if finding.respondents:  # a table of offers asks nobody
        answers = f"{figures.count(finding.answers)} answers{made}"
        counts = (Fact("Respondents", figures.count(finding.respondents), answers),)
    return counts + tuple(_fact(figure, made) for figure in finding.figures)


def _fact(figure: Figure, made: str) -> Fact:
    reach = "no interval"
    if figure.low is not None and figure.high is not None:
        reach = f"95 % interval {figures.between(figure.low, figure.high)}"
    value = f"{figures.number(figure.value)} {figure.unit}".strip()
    return Fact(figure.name, value, f"{reach}; n = {figures.count(figure.n)}{made}")


def _shown(one: FindingTable, *, simulated: bool) -> Block:
    """The picture that a table asks for with the table behind it, or the table alone; no row is left out."""
    build = _picture(one)
    if build is None:
        return _table(one)
    rows, drawn = len(one.rows), _most_drawn(one)
    missing = f" The picture shows the first {drawn:,} of {rows:,} rows." if rows > drawn else ""
    data = replace(_table(_wide(one)), fold=False)  # a picture's table folds with it
    data = replace(data, note=f"{data.note}{missing}".strip())
    alt_text = f"{one.title}: {rows} rows; the table beside the picture has them all"
    return chart(one.title, alt_text, build, data=data, simulated=simulated, opened=rows <= 15)


def _most_drawn(one: FindingTable) -> int:
    return _POINTS if one.drawing is not None and one.drawing.kind == "curves" else _DRAWN


def _table(one: FindingTable) -> Table:
    numeric = [
        any(isinstance(line[place], float) for line in one.rows)
        and not any(isinstance(line[place], str) for line in one.rows)
        for place in range(len(one.columns))
    ]
    head = [f"#{name}" if number else name for name, number in zip(one.columns, numeric, strict=True)]
    rows = [row(*(_cell(cell) for cell in line)) for line in one.rows]
    return whole(one.title, head, rows, note=one.note)


def _wide(one: FindingTable) -> FindingTable:
    """Several curves over one axis with a row for each place of the axis, and columns for each curve.

    A table that has more than one row for a place of a curve stays as it is, since only one would fit.
    """
    wish = one.drawing
    if wish is None or wish.kind != "curves" or not wish.series:
        return one
    x, series = one.columns.index(wish.x), one.columns.index(wish.series)
    values = [place for place in range(len(one.columns)) if place not in (x, series)]
    names = list(dict.fromkeys(line[series] for line in one.rows))
    cells = {(line[x], line[series], place): line[place] for line in one.rows for place in values}
    if len(names) < 2 or len(cells) < len(one.rows) * len(values):
        return one
    places = sorted(dict.fromkeys(line[x] for line in one.rows), key=_along)
    parts = [(name, value) for name in names for value in values]
    several = len(values) > 1
    head = (f"{_cell(name)}: {one.columns[value]}" if several else _cell(name) for name, value in parts)
    rows = tuple((place, *(cells.get((place, *part)) for part in parts)) for place in places)
    title = one.title if several else f"{one.title}, in {one.columns[values[0]]}"
    return one.model_copy(update={"title": title, "columns": (wish.x, *head), "rows": rows})


def _along(cell: float | str | None) -> tuple[bool, float, str]:
    """Numbers in their order, then what is none."""
    return (False, cell, "") if isinstance(cell, float | int) else (True, 0.0, str(cell))


def _cell(cell: float | str | None) -> str:
    return cell if isinstance(cell, str) else figures.number(cell)


def _picture(one: FindingTable) -> Callable[[int], Drawing] | None:
    """The picture that a table asks for; None where it asks for none or has nothing to draw."""
    wish = one.drawing
    if wish is None:
        return None
    rows: list[Row] = [dict(zip(one.columns, line, strict=True)) for line in one.rows]
    rows = [line for line in rows if isinstance(line[wish.x], float | int)]
    if wish.kind != "intervals":
        rows = [line for line in rows if isinstance(line[wish.y], float | int)]
    if not rows:
        return None
    draw = {"intervals": _intervals, "curves": _curves, "map": _map}[wish.kind]
    return draw(rows, wish)


def _intervals(rows: list[Row], wish: Wish) -> Callable[[int], Drawing]:
    shown = [
        Dot(_text(line, wish.label), _number(line, wish.x), _maybe(line, wish.low), _maybe(line, wish.high))
        for line in rows[:_DRAWN]
    ]
    return dots(shown, Axis(wish.x, marks=wish.marks, zero=True))


def _curves(rows: list[Row], wish: Wish) -> Callable[[int], Drawing]:
    shown = [
        Place(
            _text(line, wish.series), _number(line, wish.x), _number(line, wish.y), _maybe(line, wish.low),
            _maybe(line, wish.high),
        )
        for line in rows[:_POINTS]
    ]  # fmt: skip
    return lines(shown, Titles(wish.x, wish.y, wish.marks))


def _map(rows: list[Row], wish: Wish) -> Callable[[int], Drawing]:
    shown = [
        Mark(_text(line, wish.label), _number(line, wish.x), _number(line, wish.y), _text(line, wish.series))
        for line in rows[:_DRAWN]
    ]
    return scatter(shown, Cross(wish.x, wish.y, x=wish.marks, y=wish.marks_y))


def _text(line: Row, column: str) -> str:
    value = line[column] if column else ""
    return value if isinstance(value, str) else figures.number(value)


def _number(line: Row, column: str) -> float:
    value = line[column]
    return value if isinstance(value, float | int) else float("nan")


def _maybe(line: Row, column: str) -> float | None:
    value = line[column] if column else None
    return value if isinstance(value, float | int) else None
