"""Rows that are unlike all others, by cosine in the space of frozen features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketfit.prepare.options import REFERENCE
from marketfit.task import FloatMatrix

_CHUNK = 4096


def nearest_cosine(features: FloatMatrix, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """The cosine of each row (n, dim, unit length) with the nearest of `REFERENCE` other rows, drawn at random."""
    rows = len(features)
    reference = np.sort(rng.choice(rows, min(rows, REFERENCE), replace=False))
    place_of = {int(row): place for place, row in enumerate(reference)}
    nearest = np.full(rows, -1.0, dtype=np.float32)
    for start in range(0, rows, _CHUNK):
        block = features[start : start + _CHUNK] @ features[reference].T
        for line in range(len(block)):
            place = place_of.get(start + line)
            if place is not None:
                block[line, place] = -1.0  # a row is no neighbour of itself
        nearest[start : start + len(block)] = block.max(axis=1)
    return nearest
