"""A segment, described: its size, what it wants, how much each attribute counts, and what it would pay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.models.class_count import ClassesTried
from marketfit.demand.segments.cluster_count import ClustersTried


@dataclass(frozen=True)
class Figure:
    """A value with the ends of its interval; NaN where there is none."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.value:.4g} (no interval)"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Segment:
    """One segment.

    people: how many of the respondents are in it; where membership is a chance, the number to be expected.
    share: of all people. utilities: column → mean coefficient. importance: attribute → percent;
    interactions are left out of it, and splits averaged (see `marketfit.demand.importance`).
    worth: column → what one unit of it is worth, in units of price; None where money cannot be had, and `no_worth`
    says why (otherwise it is empty).
    """

    name: str
    people: float
    share: Figure
    utilities: Mapping[str, Figure]
    importance: Mapping[str, Figure]
    worth: Mapping[str, Figure] | None
    no_worth: str


@dataclass(frozen=True, eq=False)
class Segments:
    """People divided by what they want; segment 1 is the largest.

    method: "latent class" or "clusters". membership: (respondents, segments) the chance that a person is in each,
    zeros and ones for clusters; rows as in respondent_labels. level: of all intervals. sample_size: respondents.
    tried: the numbers of segments that were tried, in order.
    """

    method: str
    segments: tuple[Segment, ...]
    membership: FloatArray
    respondent_labels: NDArray[np.generic]
    level: float
    sample_size: int
    tried: tuple[ClassesTried, ...] | tuple[ClustersTried, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the segments, in order."""
        return tuple(segment.name for segment in self.segments)

    @property
    def assigned(self) -> IntArray:
        """(respondents,) the segment, from 0, that each person is likeliest in."""
        return np.asarray(self.membership.argmax(axis=1), dtype=np.int64)

    @property
    def certainty(self) -> float:
        """Mean chance that a person is in the segment that they are assigned to."""
        return float(self.membership.max(axis=1).mean())

    def __str__(self) -> str:
        lines = [f"{len(self.segments)} segments by {self.method}, {self.sample_size} people, level {self.level:g}"]
        for segment in self.segments:
            lines += ["", f"{segment.name}: {segment.people:.1f} people, share {segment.share}"]
            lines += [f"  importance of {name}: {figure} %" for name, figure in segment.importance.items()]
            lines += [f"  utility of {name}: {figure}" for name, figure in segment.utilities.items()]
            if segment.worth is None:
                lines.append(f"  in money: {segment.no_worth}")
            else:
                lines += [f"  worth of {name}: {figure}" for name, figure in segment.worth.items()]
        return "\n".join(lines)
