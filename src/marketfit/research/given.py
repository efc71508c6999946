"""One check of what a caller gives the statistics of this package; every mistake is told at once, with its position.

Answers that come from files are checked by `sheet`, with their rows; these are for arrays and lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketfit.errors import DataError, Problem, nearest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

Shape: TypeAlias = Sequence[int | None]
"""Of an array; None where any length will do."""


def everybody_counts_one() -> Floats:
    """No weights: they stand for weights that are all 1."""
    return np.zeros(0)


_SHOWN = 5


class Given:
    """Collects the mistakes in the arguments of one function. `check` raises them all."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def numbers(
        self,
        name: str,
        values: ArrayLike,
        *,
        low: float = -np.inf,
        high: float = np.inf,
        whole: bool = False,
        missing: bool = False,
        shape: Shape = (None,),
    ) -> Floats:
        """Finite numbers from `low` to `high`; NaN only where they may be `missing`."""
        array = self._shaped(name, values, shape)
        if array is None:
            return np.zeros([size or 0 for size in shape])
        kind = "whole numbers" if whole else "numbers"
        ends = f"at least {low:g}" if np.isfinite(low) else "that are finite"
        allowed = f"{kind} from {low:g} to {high:g}" if np.isfinite(high) else f"{kind} {ends}"
        wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
        if whole:
            wrong |= np.isfinite(array) & (array != np.round(array))
        if missing:
            wrong &= ~np.isnan(array)
        self.where(name, wrong, lambda place: f"is {array[place]:g}", allowed)
        return array

    def codes(
        self, name: str, values: ArrayLike, *, count: int | None, missing: bool = False, shape: Shape = (None,)
    ) -> Ints:
        """Whole numbers from 0 to `count` − 1, or to whatever it takes; −1 only where they may be `missing`."""
        low = -1.0 if missing else 0.0
        high = np.inf if count is None else count - 1.0
        array = self.numbers(name, values, low=low, high=high, whole=True, shape=shape)
        return np.nan_to_num(array).astype(np.int64)

    def weights(self, name: str, weights: ArrayLike | None, people: int) -> Floats:
        """How much each of `people` counts: numbers above 0; all 1 where none are given."""
        if weights is None or (np.size(weights) == 0 and people):
            return np.ones(people)
        array = self.numbers(name, weights, low=0.0, shape=(people,))
        self.where(name, array == 0.0, lambda _: "is 0", "numbers above 0", do="leave such people out")
        return array

    def keys(
        self,
        names: Mapping[str, tuple[ArrayLike, int]],
        person: ArrayLike,
        weights: ArrayLike | None,
        *,
        shape: Shape = (None,),
    ) -> tuple[dict[str, Ints], Floats]:
        """The codes of answers: those named, each with how many there are (0: as many as it takes), `person` among
        them, and the weights (people,).
        """
        every = {**names, "person": (person, 0 if weights is None else np.size(weights))}
        coded = {
            name: self.codes(name, values, count=count or None, shape=shape) for name, (values, count) in every.items()
        }
        people = np.size(weights) if weights is not None and np.size(weights) else coded["person"].max(initial=-1) + 1
        return coded, self.weights("weights", weights, int(people))

    def used(self, name: str, codes: Ints, count: int) -> None:
        """A problem for codes below `count` that no answer has."""
        lost = np.flatnonzero(np.bincount(codes, minlength=count)[:count] == 0)
        if lost.size:
            shown = ", ".join(str(code) for code in lost[:_SHOWN].tolist())
            self._problems.append(Problem(name, f"no answer has the code {shown}", "every code in use", "drop it"))

    def once(self, keys: Mapping[str, Ints]) -> None:
        """A problem for answers that agree in all keys with an earlier one."""
        joint, *others = keys.values()
        for codes in others:
            joint = joint * (int(codes.max(initial=0)) + 1) + codes
        again = np.ones(joint.size, dtype=np.bool_)
        again[np.unique(joint, return_index=True)[1]] = False
        self.where(" and ".join(keys), again, "are those of an earlier answer", "each pair once", do="keep one")

    @staticmethod
    def settle(record: object, **fields: object) -> None:
        """Write the checked fields into a frozen record that is being made."""
        for name, value in fields.items():
            object.__setattr__(record, name, value)

    def where(
        self,
        name: str,
        wrong: Flags,
        found: str | Callable[[tuple[int, ...]], str],
        allowed: str,
        *,
        do: str = "correct it",
    ) -> None:
        """A problem for the positions of an array where `wrong` holds. found: words, or words of a position."""
        places = np.argwhere(wrong)
        if not len(places):
            return
        shown = ", ".join(f"[{', '.join(str(axis) for axis in place)}]" for place in places[:_SHOWN].tolist())
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        words = found if isinstance(found, str) else found(tuple(places[0].tolist()))
        self._problems.append(Problem(f"{name}{shown}{more}", words, allowed, do))

    def some(self, name: str, size: int) -> None:
        """A problem where there are no answers at all."""
        if not size:
            self._problems.append(Problem(name, "holds no answers", "one or more", "give the answers"))

    def one_of(self, name: str, word: str, known: Sequence[str]) -> None:
        """A problem for a word that is none of the known ones."""
        if word not in known:
            self._problems.append(Problem(name, f"is {word!r}", nearest(str(word), known), "name one of them"))

    def check(self) -> None:
        """Raise DataError with all the mistakes, if there are any."""
        if self._problems:
            raise DataError(self._problems)

    def _shaped(self, name: str, values: ArrayLike, shape: Shape) -> Floats | None:
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            self._problems.append(Problem(name, "holds other things than numbers", _words(shape), "give an array"))
            return None
        if array.size == 0 and array.ndim == 1:
            array = array.reshape([size or 0 for size in shape] if None in shape else (0,))
        if array.ndim != len(shape) or any(
            want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
        ):
            self._problems.append(Problem(name, f"has the shape {array.shape}", _words(shape), "give such an array"))
            return None
        return array


def _words(shape: Shape) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"numbers of the shape ({sizes}{',' if len(shape) == 1 else ''})"
