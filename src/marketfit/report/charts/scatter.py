"""Named marks on two axes: perceptual maps, Kano grids, importance against performance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import INK, MUTED, SERIES, SHAPES, data, fitted

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing

_SIDES = ((0, -13), (0, 15), (0, -26), (0, 28))


@dataclass(frozen=True)
class Mark:
    """A named place; marks of one series share colour and shape."""

    name: str
    x: float
    y: float
    series: str = ""


@dataclass(frozen=True)
class Cross:
    """Titles of the axes, and the dashed lines that divide the picture: at `x` upright, at `y` level."""

    x_title: str
    y_title: str
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()


def scatter(marks: Sequence[Mark], cross: Cross) -> Callable[[int], Drawing]:
    """Every mark with its name beside it."""

    def build(width: int) -> Drawing:
        import altair as alt

        names = list(dict.fromkeys(mark.series for mark in marks))
        legend = alt.Legend(title=None, columns=1 if width < 500 else 4) if len(names) > 1 else None
        colours = alt.Scale(domain=names, range=[SERIES[i % len(SERIES)] for i in range(len(names))])
        shapes = alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in range(len(names))])
        base = alt.Chart(_data(marks))
        place = {
            "x": alt.X("x:Q", title=cross.x_title, scale=alt.Scale(zero=False, padding=46), axis=alt.Axis(tickCount=6)),
            "y": alt.Y("y:Q", title=cross.y_title, scale=alt.Scale(zero=False, padding=30), axis=alt.Axis(tickCount=6)),
        }
        points = base.mark_point(filled=True, size=75, opacity=1).encode(
            **place,
            color=alt.Color("series:N", scale=colours, legend=legend),
            shape=alt.Shape("series:N", scale=shapes, legend=legend),
            description="told:N",
        )
        layers: list[alt.Chart] = [*_lines(cross), points, *_names(base)]
        return fitted(alt.layer(*layers), width, 330 if width < 500 else 380)

    return build


def _names(base: alt.Chart) -> list[alt.Chart]:
    import altair as alt

    return [
        base.transform_filter(alt.datum.side == side)
        .mark_text(dx=dx, dy=dy, fontSize=11, color=INK, limit=150)
        .encode(x="x:Q", y="y:Q", text="name:N")
        for side, (dx, dy) in enumerate(_SIDES)
    ]


def _lines(cross: Cross) -> list[alt.Chart]:
    import altair as alt

    drawn: list[alt.Chart] = []
    for axis, values in (("x", cross.x), ("y", cross.y)):
        if values:
            rule = alt.Chart(data([{axis: value} for value in values])).mark_rule(color=MUTED, strokeDash=[5, 4])
            drawn.append(rule.encode(**{axis: f"{axis}:Q"}))
    return drawn


def _data(marks: Sequence[Mark]) -> alt.InlineData:
    """Neighbours have their names on different sides, so that both can be read."""
    ranked = sorted(marks, key=lambda mark: (mark.x, mark.y))
    return data(
        [
            {
                "name": mark.name,
                "x": mark.x,
                "y": mark.y,
                "series": mark.series,
                "side": place % len(_SIDES),
                "told": f"{mark.name}: {mark.x:.3g}, {mark.y:.3g}" + (f" ({mark.series})" if mark.series else ""),
            }
            for place, mark in enumerate(ranked)
        ]
    )
