"""The technology frontier: accuracy against latency, one point for each variant, its area the size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.report.charts.draw import INK, MUTED, SERIES, SHAPES, data, fitted

if TYPE_CHECKING:
    import altair as alt

    from marketfit.report.charts.draw import Drawing, Value


_SIDES = ((-15, -14), (16, -14), (16, 15), (-15, 15))


@dataclass(frozen=True)
class Point:
    """A measured variant. `key` is what the picture calls it; `size` is in MB; latencies in ms."""

    key: str
    name: str
    family: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    latency: float
    latency_low: float
    latency_high: float
    size: float
    winner: bool


@dataclass(frozen=True)
class Limits:
    """The bounds of the contract on the two axes, where there are any."""

    accuracy: float | None
    latency: float | None


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats on both axes, fastest first.

    >>> def point(key: str, accuracy: float, latency: float) -> Point:
    ...     return Point(key, key, "", accuracy, accuracy, accuracy, latency, latency, latency, 1.0, False)
    >>> [p.key for p in frontier([point("a", 0.9, 1), point("b", 0.8, 2), point("c", 0.95, 3)])]
    ['a', 'c']
    """
    best, kept = float("-inf"), []
    for point in sorted(points, key=lambda one: (one.latency, -one.accuracy)):
        if point.accuracy > best:
            best = point.accuracy
            kept.append(point)
    return kept


def pareto(points: Sequence[Point], limits: Limits) -> Callable[[int], Drawing]:
    """A scatter plot with intervals on both axes, the frontier, the limits, and a ring around the winner."""

    def build(width: int) -> Drawing:
        import altair as alt

        families = list(dict.fromkeys(point.family for point in points))
        colour = alt.Color(
            "family:N",
            scale=alt.Scale(domain=families, range=_cycle(SERIES, len(families))),
            legend=alt.Legend(title=None, columns=1 if width < 500 else 4),
        )
        shape = alt.Shape("family:N", scale=alt.Scale(domain=families, range=_cycle(SHAPES, len(families))))
        x = alt.X("latency:Q", scale=alt.Scale(type="log", nice=False, padding=26), title="latency, p95 (ms)",
                  axis=alt.Axis(tickCount=6, grid=True, format="~g", labelOverlap=True))  # fmt: skip
        y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False, padding=18), title="accuracy on valid rows",
                  axis=alt.Axis(tickCount=6))  # fmt: skip
        base = alt.Chart(data(_values(points)))
        size = alt.Size("size:Q", scale=alt.Scale(zero=True, range=[40, 520]), legend=None)
        marks = base.mark_point(filled=True, opacity=0.75, strokeWidth=0).encode(
            x=x, y=y, color=colour, shape=shape, size=size, description="told:N"
        )
        layers: list[alt.Chart] = [*_limits(limits), _line(points), *_whiskers(base, colour), marks]
        layers += [_ring(base), *_keys(base)]
        return fitted(alt.layer(*layers), width, 330 if width < 500 else 380)

    return build


def _cycle(values: Sequence[str], length: int) -> list[str]:
    return [values[place % len(values)] for place in range(length)]


def _value(point: Point) -> dict[str, Value]:
    told = (
        f"{point.key}: {point.name}, accuracy {point.accuracy:.4f} ({point.accuracy_low:.4f} to "
        f"{point.accuracy_high:.4f}), p95 {point.latency:.2f} ms ({point.latency_low:.2f} to "
        f"{point.latency_high:.2f}), {point.size:.1f} MB"
    )
    return {
        "key": point.key,
        "family": point.family,
        "accuracy": point.accuracy,
        "low": point.accuracy_low,
        "high": point.accuracy_high,
        "latency": point.latency,
        "quick": max(point.latency_low, 1e-6),
        "slow": point.latency_high,
        "size": point.size,
        "winner": point.winner,
        "told": told,
    }


def _values(points: Sequence[Point]) -> list[dict[str, Value]]:
    """Neighbours have their numbers on different sides, so that both can be read."""
    ranked = sorted(points, key=lambda point: (point.latency, point.accuracy))
    return [_value(point) | {"side": place % len(_SIDES)} for place, point in enumerate(ranked)]


def _keys(base: alt.Chart) -> list[alt.Chart]:
    import altair as alt

    return [
        base.transform_filter(alt.datum.side == side)
        .mark_text(dx=dx, dy=dy, fontSize=12, fontWeight=600, color=INK)
        .encode(x="latency:Q", y="accuracy:Q", text="key:N")
        for side, (dx, dy) in enumerate(_SIDES)
    ]


def _whiskers(base: alt.Chart, colour: alt.Color) -> list[alt.Chart]:
    rule = base.mark_rule(strokeWidth=1.2, opacity=0.55)
    return [
        rule.encode(x="latency:Q", y="low:Q", y2="high:Q", color=colour),
        rule.encode(y="accuracy:Q", x="quick:Q", x2="slow:Q", color=colour),
    ]


def _line(points: Sequence[Point]) -> alt.Chart:
    import altair as alt

    values = data([{"latency": point.latency, "accuracy": point.accuracy} for point in frontier(points)])
    line = alt.Chart(values).mark_line(interpolate="step-after", color=MUTED, strokeWidth=1.2, opacity=0.8)
    drawn: alt.Chart = line.encode(x="latency:Q", y="accuracy:Q")
    return drawn


def _ring(base: alt.Chart) -> alt.Chart:
    import altair as alt

    won = base.transform_filter(alt.datum.winner).mark_point(filled=False, size=900, strokeWidth=2.2, color=INK)
    drawn: alt.Chart = won.encode(x="latency:Q", y="accuracy:Q", shape=alt.value("circle"))
    return drawn


def _limits(limits: Limits) -> list[alt.Chart]:
    import altair as alt

    drawn = []
    if limits.accuracy is not None:
        rule = alt.Chart(data([{"accuracy": limits.accuracy}])).mark_rule(color=MUTED, strokeDash=[6, 4])
        drawn.append(rule.encode(y="accuracy:Q"))
    if limits.latency is not None:
        rule = alt.Chart(data([{"latency": limits.latency}])).mark_rule(color=MUTED, strokeDash=[6, 4])
        drawn.append(rule.encode(x="latency:Q"))
    return drawn
