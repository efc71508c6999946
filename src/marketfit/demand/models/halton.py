"""Halton sequences (Halton 1960): points that fill the unit cube more evenly than random ones (Train 2009, 9.3.3)."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray

TABLE = 2000
"""Points of a sequence that are looked up at once; a power of the prime just below or at this many."""


def primes(count: int) -> tuple[int, ...]:
    """The first prime numbers.

    >>> primes(6)
    (2, 3, 5, 7, 11, 13)
    """
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return tuple(found)


def halton(prime: int, index: IntArray) -> FloatArray:
    """Points of one Halton sequence, in the shape of `index`; point 0 is 0, the only one that is not inside (0, 1).

    A point is its number, written in base `prime` and mirrored at the point (van der Corput 1935).

    >>> halton(2, np.arange(1, 6))
    array([0.5  , 0.25 , 0.75 , 0.125, 0.625])
    """
    table = np.zeros(1)
    while table.size * prime <= max(TABLE, prime):
        table = (table + np.arange(prime)[:, None] / (table.size * prime)).ravel()
    points = np.zeros(index.shape)
    unit = 1.0
    while index.any():
        index, low = np.divmod(index, table.size)
        points += table[low] * unit
        unit /= table.size
    return points


def halton_block(blocks: IntArray, length: int, dimensions: int, skipped: int) -> FloatArray:
    """(blocks, dimensions, length) points of the first `dimensions` sequences, for some of their consecutive blocks.

    Block i holds the points skipped + i · length and on. Dimension k has the k-th prime.
    """
    index = skipped + blocks[:, None] * length + np.arange(length)
    return np.stack([halton(prime, index) for prime in primes(dimensions)], axis=1)
