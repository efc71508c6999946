"""Lines over a continuous axis, one for each series, with bands: price sensitivity, price response, trends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import MUTED, SERIES, data, fitted

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [10, 2])


@dataclass(frozen=True)
class Place:
    """A point of a line; `low` and `high` make its band where they are given."""

    series: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Titles:
    """Titles of both axes, and places that are marked on the horizontal one."""

    x: str
    y: str
    marks: tuple[float, ...] = ()


def lines(places: Sequence[Place], titles: Titles) -> Callable[[int], Drawing]:
    """One line a series, told apart by colour and by dashes, over its band."""

    def build(width: int) -> Drawing:
        import altair as alt

        names = list(dict.fromkeys(place.series for place in places))
        colours = alt.Scale(domain=names, range=[SERIES[i % len(SERIES)] for i in range(len(names))])
        dashes = alt.Scale(domain=names, range=[_DASHES[i % len(_DASHES)] for i in range(len(names))])
        legend = alt.Legend(title=None, columns=1 if width < 500 else 4) if len(names) > 1 else None
        base = alt.Chart(_data(places))
        x = alt.X("x:Q", title=titles.x, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False))
        colour = alt.Color("series:N", scale=colours, legend=legend)
        dash = alt.StrokeDash("series:N", scale=dashes, legend=None)
        line = base.mark_line(strokeWidth=2).encode(
            x=x, y=alt.Y("y:Q", title=titles.y, scale=alt.Scale(zero=True)), color=colour, strokeDash=dash
        )
        layers: list[alt.Chart] = [*_band(base, places, colour), line, *_marks(titles)]
        return fitted(alt.layer(*layers), width, 260)

    return build


def _band(base: alt.Chart, places: Sequence[Place], colour: alt.Color) -> list[alt.Chart]:
    if all(place.low is None for place in places):
        return []
    area: alt.Chart = base.mark_area(opacity=0.15).encode(x="x:Q", y="low:Q", y2="high:Q", color=colour)
    return [area]


def _marks(titles: Titles) -> list[alt.Chart]:
    import altair as alt

    if not titles.marks:
        return []
    rule: alt.Chart = (
        alt.Chart(data([{"mark": mark} for mark in titles.marks]))
        .mark_rule(color=MUTED, strokeDash=[5, 4])
        .encode(x="mark:Q")
    )
    return [rule]


def _data(places: Sequence[Place]) -> alt.InlineData:
    return data(
        [{"series": place.series, "x": place.x, "y": place.y, "low": place.low, "high": place.high} for place in places]
    )
