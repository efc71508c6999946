"""Values with their intervals, one line each: part-worths, shares, probes, standings, trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from marketfit.report.charts.draw import BLUE, GREY, INK, MUTED, data, extent, fitted, height_of, labels

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing, Value


@dataclass(frozen=True)
class Dot:
    """A value with its interval, if it has one. `strong` ones are drawn in colour, the others in grey."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = True


@dataclass(frozen=True)
class Axis:
    """The axis of the values: its title, a d3 format for its ticks, whether it begins at zero, and marked values."""

    title: str
    form: str = ""
    zero: bool = False
    marks: tuple[float, ...] = ()


def dots(items: Sequence[Dot], axis: Axis, *, bars: bool = False) -> Callable[[int], Drawing]:
    """A plot with one line for each item, in their order; as bars, it begins at zero."""

    def build(width: int) -> Drawing:
        import altair as alt

        values = _values(items, width)
        room = extent([str(value["name"]) for value in values])
        side = alt.Axis(ticks=False, domain=False, labelPadding=8, minExtent=room)
        lines = alt.Y("name:N", sort=None, title=None, axis=side)
        narrow = width < 500
        anchor: Literal["end", "middle"] = (
            "end" if narrow else "middle"
        )  # a long title then has the room below the labels too
        form = axis.form or alt.Undefined  # an empty one would write 10 as 1e+1
        ticks = alt.Axis(format=form, tickCount=5 if narrow else 8, grid=True, titleAnchor=anchor)
        scale = alt.Scale(zero=axis.zero or bars)
        colour = alt.Color("colour:N", scale=None, legend=None)
        base = alt.Chart(data(values)).encode(y=lines, color=colour, description="told:N")
        value = alt.X("value:Q", title=axis.title, axis=ticks, scale=scale)
        reach = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale, title=axis.title), x2="high:Q")
        point = base.mark_bar(height=14, opacity=0.85) if bars else base.mark_point(filled=True, size=75, opacity=1)
        layers: list[alt.Chart] = [point.encode(x=value)]
        if bars:  # the interval lies on top of the bar, so it needs another colour
            layers.append(reach.encode(color=alt.value(INK)))
        else:
            layers.insert(0, reach)
        layers += _marks(axis)
        return fitted(alt.layer(*layers), width, height_of(len(items)))

    return build


def _values(items: Sequence[Dot], width: int) -> list[dict[str, Value]]:
    names = labels([item.name for item in items], width)
    return [
        {
            "name": name,
            "value": item.value,
            "low": item.value if item.low is None else item.low,
            "high": item.value if item.high is None else item.high,
            "colour": BLUE if item.strong else GREY,
            "told": _told(item),
        }
        for name, item in zip(names, items, strict=True)
    ]


def _told(item: Dot) -> str:
    reach = "no interval" if item.low is None or item.high is None else f"{item.low:.4g} to {item.high:.4g}"
    return f"{item.name}: {item.value:.4g} ({reach})"


def _marks(axis: Axis) -> list[alt.Chart]:
    import altair as alt

    if not axis.marks:
        return []
    values = data([{"mark": mark} for mark in axis.marks])
    return [alt.Chart(values).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5).encode(x="mark:Q")]
