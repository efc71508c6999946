"""Curves: what a price earns, and whether scores mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import BLUE, INK, MUTED, data, fitted

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing


@dataclass(frozen=True)
class At:
    """A value at a place on the other axis, with its interval; `told` is read when the pointer rests on it."""

    x: float
    value: float
    low: float
    high: float
    told: str
    strong: bool = False
    rows: int = 1


@dataclass(frozen=True)
class Axes:
    """Titles of both axes and the d3 formats of their ticks."""

    x: str
    y: str
    x_format: str = ""
    y_format: str = ""


def curve(points: Sequence[At], axes: Axes) -> Callable[[int], Drawing]:
    """Values over a few tested places, with intervals; lines join them, and promise nothing in between."""

    def build(width: int) -> Drawing:
        import altair as alt

        places = sorted({point.x for point in points})
        base = alt.Chart(_data(points))
        x = alt.X("x:Q", title=axes.x, scale=alt.Scale(zero=False, padding=30),
                  axis=alt.Axis(values=places, format=axes.x_format, grid=False))  # fmt: skip
        y = alt.Y("value:Q", title=axes.y, axis=alt.Axis(format=axes.y_format, tickCount=5), scale=alt.Scale(zero=True))
        line = base.mark_line(color=BLUE, strokeWidth=1.2, strokeDash=[3, 3]).encode(x=x, y=y)
        reach = base.mark_rule(color=BLUE, strokeWidth=2).encode(x="x:Q", y="low:Q", y2="high:Q")
        dot = base.mark_point(filled=True, color=BLUE, size=80, opacity=1).encode(
            x="x:Q", y="value:Q", description="told:N"
        )
        ring = base.transform_filter(alt.datum.strong).mark_point(filled=False, size=420, strokeWidth=2, color=INK)
        return fitted(alt.layer(line, reach, dot, ring.encode(x="x:Q", y="value:Q")), width, 220)

    return build


def reliability(points: Sequence[At]) -> Callable[[int], Drawing]:
    """Accuracy of each bin of scores against its mean score; on the dashed line scores mean what they say."""

    def build(width: int) -> Drawing:
        import altair as alt

        low = min([point.x for point in points] + [point.low for point in points])
        domain = [max(0.0, low - 0.03), 1.0]
        scale = alt.Scale(domain=domain, nice=False)
        ticks = alt.Axis(format=".0%", tickCount=6)
        ends = data([{"x": end, "value": end} for end in domain])
        even = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[6, 4], strokeWidth=1.2)
        base = alt.Chart(_data(points))
        x = alt.X("x:Q", title="mean score of the bin", scale=scale, axis=ticks)
        y = alt.Y("value:Q", title="share that is right", scale=scale, axis=ticks)
        reach = base.mark_rule(color=BLUE, strokeWidth=1.8).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
        size = alt.Size("rows:Q", scale=alt.Scale(zero=True, range=[20, 260]), legend=None)
        dot = base.mark_point(filled=True, color=BLUE, opacity=0.9).encode(x=x, y=y, size=size, description="told:N")
        layers: list[alt.Chart] = [even.encode(x=x, y=y), reach, dot]
        return fitted(alt.layer(*layers), min(width, 460), 300)

    return build


def _data(points: Sequence[At]) -> alt.InlineData:
    return data(
        [
            {
                "x": point.x,
                "value": point.value,
                "low": point.low,
                "high": point.high,
                "told": point.told,
                "strong": point.strong,
                "rows": point.rows,
            }
            for point in points
        ]
    )
