"""Near-duplicates of texts: MinHash LSH proposes (Broder 1997; datasketch), exact similarity decides.

A row is compared with rows that stay, never with rows that went: a, b, c with a ≈ b ≈ c but a ≉ c keeps a and c.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from marketfit.prepare.options import BAND_ROWS, BANDS, MOST_CANDIDATES, NEAR, SHINGLE


def shingles(key: str) -> frozenset[str]:
    """The character shingles of a text, with a space at each end.

    >>> sorted(shingles("abc"))
    [' abc', 'abc ']
    """
    padded = f" {key} "
    return frozenset(padded[i : i + SHINGLE] for i in range(max(1, len(padded) - SHINGLE + 1)))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets.

    >>> similarity(frozenset("abc"), frozenset("bcd"))
    0.5
    """
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


@dataclass(frozen=True)
class Sketch:
    """A text made ready for the index."""

    key: str
    minhash: object


def sketches(keys: Iterable[str]) -> Iterator[Sketch]:
    """The sketches of some loose keys, in order."""
    from datasketch import MinHash

    kept, hashed = itertools.tee(keys)
    sets = ([shingle.encode() for shingle in shingles(key)] for key in hashed)
    minhashes = MinHash.generator(sets, num_perm=BANDS * BAND_ROWS, hashfunc=zlib.crc32)
    return itertools.starmap(Sketch, zip(kept, minhashes, strict=True))


class NearIndex:
    """Finds the texts among those added that a text nearly equals."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._lsh = MinHashLSH(num_perm=BANDS * BAND_ROWS, params=(BANDS, BAND_ROWS))
        self._entries: list[tuple[int, str]] = []

    def add(self, row: int, sketch: Sketch) -> None:
        """Let later texts be compared with this one, known as `row`."""
        self._lsh.insert(len(self._entries), sketch.minhash)
        self._entries.append((row, sketch.key))

    def similar(self, sketch: Sketch) -> list[tuple[int, float]]:
        """The rows that a text nearly equals with their similarity, nearest first, then in the order added."""
        mine = shingles(sketch.key)
        found: list[tuple[float, int]] = []
        for entry in sorted(self._lsh.query(sketch.minhash))[:MOST_CANDIDATES]:
            value = similarity(mine, shingles(self._entries[entry][1]))
            if value >= NEAR:
                found.append((-value, entry))
        return [(self._entries[entry][0], -value) for value, entry in sorted(found)]
