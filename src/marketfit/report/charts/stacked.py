"""Amounts that are sums of parts, one bar each: where the megabytes of the variants lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import SERIES, data, extent, fitted, height_of, labels

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing, Value


@dataclass(frozen=True)
class Bar:
    """A bar, with its parts in the order in which they are drawn."""

    name: str
    parts: Mapping[str, float]


def stacked(bars: Sequence[Bar], title: str) -> Callable[[int], Drawing]:
    """One bar a line from zero, in their order; `title` is that of the axis, with its unit."""

    def build(width: int) -> Drawing:
        import altair as alt

        parts = list(dict.fromkeys(part for bar in bars for part in bar.parts))
        colours = alt.Scale(domain=parts, range=[SERIES[i % len(SERIES)] for i in range(len(parts))])
        narrow = width < 500
        names = labels([bar.name for bar in bars], width)
        side = alt.Axis(ticks=False, domain=False, labelPadding=8, minExtent=extent(names))
        drawing = (
            alt.Chart(_data(bars, names))
            .mark_bar(height=14, opacity=0.85)
            .encode(
                y=alt.Y("name:N", sort=None, title=None, axis=side),
                x=alt.X("value:Q", title=title, stack="zero", axis=alt.Axis(tickCount=5 if narrow else 8, grid=True)),
                color=alt.Color("part:N", scale=colours, legend=alt.Legend(title=None, columns=1 if narrow else 4)),
                order=alt.Order("place:Q"),
                description="told:N",
            )
        )
        return fitted(drawing, width, height_of(len(bars)))

    return build


def _data(bars: Sequence[Bar], names: Sequence[str]) -> alt.InlineData:
    values: list[dict[str, Value]] = [
        {"name": name, "part": part, "place": place, "value": value, "told": f"{bar.name}, {part}: {value:.4g}"}
        for name, bar in zip(names, bars, strict=True)
        for place, (part, value) in enumerate(bar.parts.items())
    ]
    return data(values)
