"""The respondents of a survey file, and which of them count: what answers need to leave somebody out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pyarrow as pa

from marketfit.research.files import Column
from marketfit.research.given import Flags, Floats, Ints
from marketfit.research.weighted import effective_size


@dataclass(frozen=True, eq=False)
class Standing:
    """Who counts among some respondents, and how much: kept and weights (people,), the latter of use for those who are
    kept. notes: who does not count, and what is weighted.
    """

    kept: Flags
    weights: Floats
    notes: tuple[str, ...] = ()

    def rows(self, person: Ints) -> tuple[Ints, Ints]:
        """The answers that count, of answers with the codes `person` (answers,), and the new codes of who gave them."""
        rows = np.flatnonzero(self.kept[person])
        return rows, (np.cumsum(self.kept) - 1)[person[rows]]


@dataclass(frozen=True, eq=False)
class Respondents:
    """Who gave the answers of a file: names in the order of their codes, and how much each counts (people,)."""

    names: Column
    weights: Floats

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.names)

    def under(self, standing: Standing) -> Respondents:
        """Those who count, at their new weights."""
        rows = np.flatnonzero(standing.kept)
        return Respondents(self.names.take(pa.array(rows)), standing.weights[rows])

    def notes(self) -> tuple[str, ...]:
        """What unequal weights cost."""
        if not self.count or np.ptp(self.weights) <= 1e-9 * self.weights.max():
            return ()
        size = effective_size(self.weights)
        return (f"Weighted: {self.count} respondents know as much as {size:.1f} of equal weight.",)


@runtime_checkable
class NamedAnswers(Protocol):
    """Answers that know who gave them, so that careless people can be left out and others weighted."""

    who: Respondents

    def counted(self, standing: Standing) -> Self:
        """The answers of those who count, at their new weights, with the notes of their standing."""
        ...


def recoded(codes: Ints, rows: Ints, labels: Sequence[str]) -> tuple[Ints, tuple[str, ...], tuple[str, ...]]:
    """The codes (answers, …) of some rows into the labels that these use, these labels, and a note of those that only
    other rows use.

    >>> recoded(np.array([2, 1, 0, 2]), np.array([0, 2]), ["a", "b", "c"])
    (array([1, 0]), ('a', 'c'), ("Only respondents who are left out answered on: 'b'.",))
    """
    some = codes[rows]
    used, places = np.unique(some, return_inverse=True)
    named = ", ".join(f"'{labels[code]}'" for code in np.setdiff1d(codes, used).tolist())
    notes = (f"Only respondents who are left out answered on: {named}.",) if named else ()
    return places.reshape(some.shape), tuple(labels[code] for code in used.tolist()), notes
