"""Named marks on two axes: perceptual maps, Kano grids, importance against performance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import INK, MUTED, SERIES, SHAPES, Value, data, fitted
from marketfit.report.charts.labels import Spot, spots

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing

_MARGIN_X, _MARGIN_Y = 46, 30  # pixels between the outermost marks and the edge of the picture
_AXIS = 60  # pixels that the upright axis takes at most
_FAR, _HALF_LINE = 20, 6  # pixels: names farther off have a line to their mark, which ends at the name
_LETTER, _WIDEST = 6.3, 150.0  # pixels of a letter of 11 pixels, and of a name


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
    """Every mark with its name beside it, where it hides no other as far as there is room."""

    def build(width: int) -> Drawing:
        import altair as alt

        height = 330 if width < 500 else 380
        names = list(dict.fromkeys(mark.series for mark in marks))
        legend = alt.Legend(title=None, columns=1 if width < 500 else 4) if len(names) > 1 else None
        colours = alt.Scale(domain=names, range=[SERIES[i % len(SERIES)] for i in range(len(names))])
        shapes = alt.Scale(domain=names, range=[SHAPES[i % len(SHAPES)] for i in range(len(names))])
        x, y = _span([mark.x for mark in marks], cross.x), _span([mark.y for mark in marks], cross.y)
        x, y = x.with_margin(_MARGIN_X, width - _AXIS), y.with_margin(_MARGIN_Y, height)
        base = alt.Chart(data([_told(mark) for mark in marks]))
        place = {"x": alt.X("x:Q", title=cross.x_title, scale=x.scale(), axis=alt.Axis(tickCount=6)),
                 "y": alt.Y("y:Q", title=cross.y_title, scale=y.scale(), axis=alt.Axis(tickCount=6))}  # fmt: skip
        points = base.mark_point(filled=True, size=75, opacity=1).encode(
            **place,
            color=alt.Color("series:N", scale=colours, legend=legend),
            shape=alt.Shape("series:N", scale=shapes, legend=legend),
            description="told:N",
        )
        layers: list[alt.Chart] = [*_lines(cross), points, *_names(marks, x, y, (width - _AXIS, height))]
        return fitted(alt.layer(*layers), width, height)

    return build


@dataclass(frozen=True)
class _Span:
    """The ends of an axis."""

    low: float
    high: float

    def with_margin(self, pixels: float, length: float) -> _Span:
        """With so many pixels more at each end, on an axis of a length in pixels."""
        more = (self.high - self.low) * pixels / (length - 2 * pixels)
        return _Span(self.low - more, self.high + more)

    def part(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def moved(self, value: float, pixels: float, length: float) -> float:
        """The value that stands so many pixels farther along an axis of a length in pixels."""
        return value + (self.high - self.low) * pixels / length

    def scale(self) -> alt.Scale:
        import altair as alt

        return alt.Scale(domain=[self.low, self.high], zero=False, nice=False)


def _span(values: Sequence[float], lines: Sequence[float]) -> _Span:
    low, high = min((*values, *lines)), max((*values, *lines))
    half = 0.0 if high > low else max(abs(low), 1.0) / 2
    return _Span(low - half, high + half)


def _names(marks: Sequence[Mark], x: _Span, y: _Span, size: tuple[int, int]) -> list[alt.Chart]:
    """A layer for each spot that names stand at, and a thin line to each name that stands far from its mark."""
    import altair as alt

    width, height = size
    places = [(x.part(mark.x) * width, (1 - y.part(mark.y)) * height) for mark in marks]
    widths = [min(_LETTER * len(mark.name), _WIDEST) for mark in marks]
    at: dict[Spot, list[Mark]] = {}
    far: list[dict[str, Value]] = []
    for mark, spot in zip(marks, spots(places, widths, width=width, height=height), strict=True):
        at.setdefault(spot, []).append(mark)
        if abs(spot.dy) > _FAR:
            end = spot.dy - _HALF_LINE if spot.dy > 0 else spot.dy + _HALF_LINE
            ends = {"x2": x.moved(mark.x, spot.dx, width), "y2": y.moved(mark.y, -end, height)}
            far.append({"x": mark.x, "y": mark.y, **ends})
    leaders = alt.Chart(data(far)).mark_rule(color=MUTED, strokeWidth=0.7).encode(x="x:Q", y="y:Q", x2="x2", y2="y2")
    return ([leaders] if far else []) + [
        alt.Chart(data([_told(mark) for mark in named]))
        .mark_text(dx=spot.dx, dy=spot.dy, align=spot.align, baseline="middle", fontSize=11, color=INK, limit=_WIDEST)
        .encode(x="x:Q", y="y:Q", text="name:N")
        for spot, named in at.items()
    ]


def _lines(cross: Cross) -> list[alt.Chart]:
    import altair as alt

    drawn: list[alt.Chart] = []
    for axis, values in (("x", cross.x), ("y", cross.y)):
        if values:
            rule = alt.Chart(data([{axis: value} for value in values])).mark_rule(color=MUTED, strokeDash=[5, 4])
            drawn.append(rule.encode(**{axis: f"{axis}:Q"}))
    return drawn


def _told(mark: Mark) -> dict[str, Value]:
    told = f"{mark.name}: {mark.x:.3g}, {mark.y:.3g}" + (f" ({mark.series})" if mark.series else "")
    return {"name": mark.name, "x": mark.x, "y": mark.y, "series": mark.series, "told": told}
