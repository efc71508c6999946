"""Where the names of marks go, so that they hide neither each other nor the marks: the same place every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

LINE = 13.0
"""Pixels that a line of names needs upright."""

_MARK, _SWEEPS = 5.0, 6

Align: TypeAlias = Literal["center", "left", "right"]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom in pixels, downwards


@dataclass(frozen=True)
class Spot:
    """Where a name stands, in pixels from its mark, downwards: its middle, or the end at which it is aligned."""

    dx: float
    dy: float
    align: Align

    def box(self, x: float, y: float, width: float) -> Box:
        """The pixels of a name so wide, of a mark at (x, y)."""
        left = x + self.dx - {"left": 0.0, "center": width / 2, "right": width}[self.align]
        return left, y + self.dy - LINE / 2, left + width, y + self.dy + LINE / 2


_NEAR = (
    Spot(0, -13, "center"), Spot(0, 14, "center"), Spot(9, 0, "left"), Spot(-9, 0, "right"),
    Spot(7, -11, "left"), Spot(7, 12, "left"), Spot(-7, -11, "right"), Spot(-7, 12, "right"),
)  # fmt: skip
_ASIDE: tuple[tuple[Align, float], ...] = (("center", 0), ("left", 4), ("right", -4), ("left", 20), ("right", -20))
_FAR = tuple(Spot(dx, sign * dy, align) for dy in (25, 37, 49, 61) for align, dx in _ASIDE for sign in (-1, 1))
_SPOTS = (*_NEAR, *_FAR)


def spots(
    places: Sequence[tuple[float, float]], widths: Sequence[float], *, width: float, height: float
) -> tuple[Spot, ...]:
    """A spot for the name of each mark; in some order each takes what hides least, until none would move.

    places: of the marks in pixels, x to the right and y downwards. widths: of the names. width, height: of the picture.

    >>> spots([(50, 50), (54, 50)], [40, 40], width=100, height=100)
    (Spot(dx=0, dy=-13, align='center'), Spot(dx=0, dy=14, align='center'))
    """
    marks = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    chosen: list[Spot | None] = [None] * len(places)
    boxes: list[Box | None] = [None] * len(places)
    for _ in range(_SWEEPS):
        before = list(chosen)
        for place in range(len(places)):
            others = [*marks, *(box for k, box in enumerate(boxes) if box is not None and k != place)]
            options = [spot.box(*places[place], widths[place]) for spot in _SPOTS]
            # Of equal ones the first, which is the nearest to its mark.
            best = min(range(len(_SPOTS)), key=lambda k: _hidden(options[k], others, (0.0, 0.0, width, height)))
            chosen[place], boxes[place] = _SPOTS[best], options[best]
        if chosen == before:
            break
    return tuple(spot for spot in chosen if spot is not None)


def _hidden(box: Box, others: Sequence[Box], page: Box) -> float:
    """Square pixels that a name hides of others, and that lie off the picture."""
    inside = overlap(box, page)
    return sum(overlap(box, other) for other in others) + (box[2] - box[0]) * (box[3] - box[1]) - inside


def overlap(one: Box, other: Box) -> float:
    """Square pixels that two boxes share.

    >>> overlap((0, 0, 2, 2), (1, 1, 5, 5)), overlap((0, 0, 2, 2), (2, 0, 3, 3))
    (1, 0)
    """
    return max(0, min(one[2], other[2]) - max(one[0], other[0])) * max(0, min(one[3], other[3]) - max(one[1], other[1]))
