"""Slices of the inputs, found without a label: by topic and by length.

Topics are clusters of the frozen features of the training rows, lengths are the terciles of the training rows. Only
training inputs and the number of test rows are looked at, so that the slices are fixed before the test is opened and
an interval on their worst has to account for nothing but their number (`quality.worst_rate`). Slices of this kind show
what an average hides (Eyuboglu et al. 2022; Oakden-Rayner et al. 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.measure.clusters import clusters, settled
from marketfit.measure.parts import most_typical, telling_words
from marketfit.records.data import InputSlice, SliceFamily
from marketfit.task import Example, FloatMatrix

FEWEST_ROWS = 50
"""Test rows that the smallest slice can be expected to hold."""

MOST_TOPICS = 20

_TYPICAL, _WORDS = 3, 4
_LONGEST = 200  # characters of a typical input

Assignment = Mapping[SliceFamily, Sequence[str | None]]
"""Family of slices → the name of each row's slice; None where a row is in none."""


def topics_wanted(test_rows: int) -> int:
    """How many topics: each of 100 test rows in the mean, 20 at the most; 0 where there are too few rows for two.

    >>> [topics_wanted(rows) for rows in (199, 200, 645, 4500)]
    [0, 2, 6, 20]
    """
    wanted = min(MOST_TOPICS, test_rows // (2 * FEWEST_ROWS))
    return wanted if wanted > 1 else 0


def smallest_slice(test_rows: int) -> int:
    """Test rows that the smallest slice can be expected to hold: half of a topic's mean; 0 where there are no slices.

    >>> [smallest_slice(rows) for rows in (199, 200, 645, 4500)]
    [0, 50, 53, 112]
    """
    topics = topics_wanted(test_rows)
    return test_rows // (2 * topics) if topics else 0


def rows_for_slice(rows: int) -> int:
    """The test rows from which on the smallest slice can be expected to hold so many.

    >>> rows_for_slice(50), rows_for_slice(60), smallest_slice(2400)
    (200, 2400, 60)
    """
    return 4 * FEWEST_ROWS if rows <= FEWEST_ROWS else 2 * MOST_TOPICS * rows


@dataclass(frozen=True, eq=False)
class SliceRule:
    """How rows are put into slices: the nearest of the topics' centres (topics, dim), and two upper ends of lengths.

    `slices` are those that there are: first the topics, in the order of their centres, then the lengths.
    """

    centres: FloatMatrix
    ends: tuple[int, int]
    slices: tuple[InputSlice, ...]

    def assign(self, inputs: Sequence[Example], features: FloatMatrix) -> Assignment:
        """The slices of rows; `features` (n, dim) are of the embedder that the rule was made with."""
        topics = [item.name for item in self.slices if item.family == "topic"]
        lengths = {item.place: item.name for item in self.slices if item.family == "length"}
        return {
            "topic": [topics[number] for number in np.argmax(features @ self.centres.T, axis=1).tolist()],
            "length": [lengths.get(place) for place in _places(inputs, self.ends).tolist()],
        }


def slice_rule(inputs: Sequence[Example], features: FloatMatrix, *, test_rows: int, unit: str) -> SliceRule | None:
    """Find the slices of training rows; None where the test split has too few rows for any.

    A cluster that can't be expected to hold half as many test rows as the mean one is dissolved, the smallest first:
    its rows go to the nearest other. A tercile that small, where many inputs are equally long, is no slice.

    Args:
        inputs: the training inputs (n).
        features: their frozen features (n, dim), of unit length.
        test_rows: rows of the test split.
        unit: what lengths count.
    """
    wanted = topics_wanted(test_rows)
    if not wanted:
        return None
    fewest = len(inputs) / (2 * wanted)
    centres, nearest = clusters(features, wanted)
    while len(centres) > 1 and (sizes := np.bincount(nearest, minlength=len(centres))).min() < fewest:
        centres, nearest = settled(features, np.delete(centres, int(sizes.argmin()), axis=0))
    first, second = np.quantile([_length(example) for example in inputs], [1 / 3, 2 / 3], method="lower").tolist()
    ends = (int(first), int(second))
    topics = [_topic(place, centres[place], nearest == place, inputs, features) for place in range(len(centres))]
    return SliceRule(centres, ends, (*topics, *_lengths(inputs, ends, fewest, unit)))


def _topic(
    place: int, centre: NDArray[np.float32], rows: NDArray[np.bool_], inputs: Sequence[Example], features: FloatMatrix
) -> InputSlice:
    words = telling_words(inputs, rows, count=_WORDS)
    typical = [inputs[row] for row in most_typical(features, rows, centre, count=_TYPICAL)]
    return InputSlice(
        family="topic",
        place=place,
        name=f"topic {place + 1}" + (f": {', '.join(words)}" if words else ""),
        typical=tuple(text[:_LONGEST] for text in typical if isinstance(text, str)),
        train_rows=int(rows.sum()),
    )


def _lengths(inputs: Sequence[Example], ends: tuple[int, int], fewest: float, unit: str) -> list[InputSlice]:
    sizes = np.bincount(_places(inputs, ends), minlength=3).tolist()
    names = (
        f"short: up to {ends[0]:,} {unit}",
        f"middle: {ends[0] + 1:,} to {ends[1]:,} {unit}",
        f"long: more than {ends[1]:,} {unit}",
    )
    return [
        InputSlice(family="length", place=place, name=name, typical=(), train_rows=size)
        for place, (name, size) in enumerate(zip(names, sizes, strict=True))
        if size and size >= fewest
    ]


def _places(inputs: Sequence[Example], ends: tuple[int, int]) -> NDArray[np.int64]:
    """(n,) 0 for short, 1 for middle, 2 for long inputs."""
    lengths = np.array([_length(example) for example in inputs], dtype=np.int64)
    return np.searchsorted(np.array(ends), lengths, side="left").astype(np.int64)


def _length(example: Example) -> int:
    if not isinstance(example, str | bytes):
        raise TypeError(f"a {type(example).__name__} has no length")
    return len(example)
