"""From a Vega-Lite specification to inline SVG, once for a wide page and once for a phone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from marketfit.report.blocks import Chart, Table

if TYPE_CHECKING:
    import altair as alt

    Drawing = alt.Chart | alt.LayerChart | alt.FacetChart

WIDE, NARROW = 720, 350

# The stylesheet turns these into lighter ones on a dark page, by attribute selectors: keep both in step.
INK, MUTED, GRID = "#1f2328", "#59636e", "#d1d9e0"
BLUE, ORANGE, GREEN, PURPLE, PINK, GREY, RED = (
    "#0969da",
    "#bc4c00",
    "#1a7f37",
    "#8250df",
    "#bf3989",
    "#8c959f",
    "#cf222e",
)
SERIES = (BLUE, ORANGE, GREEN, PURPLE, PINK, GREY)
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

Value = str | float | bool | None
Values = Sequence[Mapping[str, Value]]

_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"


def chart(
    title: str,
    alt_text: str,
    build: Callable[[int], Drawing],
    *,
    data: Table | None,
    simulated: bool = False,
    opened: bool = False,
) -> Chart:
    """Draw both sizes.

    Args:
        title: what is shown, in words.
        alt_text: what a reader who sees no picture should know.
        build: the drawing for a width in pixels, axes included.
        data: the table behind it.
        simulated: whether it rests on answers made by a program.
        opened: whether the table is shown at once.
    """
    return Chart(
        title=title,
        alt=alt_text,
        wide=_svg(build(WIDE), alt_text),
        narrow=_svg(build(NARROW), alt_text),
        data=data,
        simulated=simulated,
        open=opened,
    )


def data(values: Values) -> alt.InlineData:
    """Inline data of a drawing."""
    import altair

    return altair.InlineData(values=[dict(value) for value in values])


def height_of(rows: int) -> int:
    """Pixels for so many rows of a chart with one line each.

    >>> height_of(1), height_of(20)
    (48, 500)
    """
    return max(48, 25 * rows)


def labels(texts: Sequence[str], width: int) -> list[str]:
    """Labels that leave room for the drawing beside them, every one different from the others.

    >>> labels(["a", "a", "a name that is too long by far"], NARROW)
    ['a', 'a (2)', 'a name that … by far']
    """
    most, tail = (38, 14) if width >= WIDE else (20, 7)
    seen: Counter[str] = Counter()
    made = []
    for text in texts:
        short = text if len(text) <= most else f"{text[: most - tail - 1]}…{text[-tail:]}"
        seen[short] += 1
        made.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return made


def extent(names: Sequence[str]) -> float:
    """Pixels for labels beside a plot; the reader's font may be wider than the one that Vega measured with."""
    return 6.9 * max((len(name) for name in names), default=0) + 14


def fitted(drawing: Drawing, width: int, height: int) -> Drawing:
    """The drawing with its axes inside the width; `height` is that of the plot alone."""
    import altair

    return drawing.properties(
        width=width, height=height, autosize=altair.AutoSizeParams(type="fit-x", contains="padding")
    )


def _svg(drawing: Drawing, alt_text: str) -> str:
    import vl_convert

    specification = drawing.configure(
        background="transparent",
        font=_FONT,
        view={"stroke": None},
        padding={"left": 2, "right": 8, "top": 6, "bottom": 4},
    )
    specification = specification.configure_axis(
        domainColor=MUTED, tickColor=MUTED, gridColor=GRID, labelColor=MUTED, titleColor=INK, labelFontSize=12,
        titleFontSize=12, titleFontWeight=500, labelLimit=260, titlePadding=8,
    ).configure_legend(
        labelColor=INK, titleColor=MUTED, labelFontSize=12, titleFontSize=12, titleFontWeight=500, orient="top",
        symbolSize=80, labelLimit=200, columnPadding=14,
    )  # fmt: skip
    svg: str = vl_convert.vegalite_to_svg(specification.to_dict(), allowed_base_urls=[])
    return _accessible(svg, alt_text)


def _accessible(svg: str, alt_text: str) -> str:
    """Name the picture as a whole, and let a pointer that rests on a mark read what it stands for."""
    named = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt_text, quote=True)}" ', 1)
    return re.sub(r'<path aria-label="([^"]*)"([^>]*?)/>', r"<path\2><title>\1</title></path>", named)
