"""Array types, and read-only arrays for frozen records."""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
SingleArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

Rng: TypeAlias = np.random.Generator | int
"""A generator, or a seed for one. The same seed gives the same numbers."""

Scalar = TypeVar("Scalar", bound=np.generic)


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """A view that cannot be written to, so that a frozen record stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def rows_text(rows: IntArray, shown: int = 5) -> str:
    """Name rows of a table, counted from 1; at most `shown` of them.

    >>> rows_text(np.array([4]))
    'row 5'
    >>> rows_text(np.arange(9))
    'rows 1, 2, 3, 4, 5 and 4 more'
    """
    rows = np.unique(rows)
    names = ", ".join(str(row + 1) for row in rows[:shown].tolist())
    more = f" and {rows.size - shown} more" if rows.size > shown else ""
    return f"row{'' if rows.size == 1 else 's'} {names}{more}"


def label(value: object) -> str:
    """The name of a level; the same for 1, 1.0 and True.

    >>> label(1.0), label(True), label("red"), label(0.25)
    ('1', '1', 'red', '0.25')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        return f"{float(value):.15g}"
    return str(value)


def finite_number(value: object) -> float | None:
    """A finite number, also from text that is one; None for anything else.

    >>> finite_number(2), finite_number("2"), finite_number(None), finite_number(float("nan"))
    (2.0, 2.0, None, None)
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # a failure is what this asks about
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
