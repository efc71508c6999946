"""Length-bucketed batches: rows of like length together, so that little is spent on padding.

The order depends on the seed and the epoch alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# So many batches are sorted together: enough to make padding rare, few enough to keep batches random.
_POOL = 16


class LengthBatches:
    """Row numbers of each batch of an epoch; every pass over it is the next epoch.

    Batch sizes differ by one at most, so that the mean over a batch is an unbiased mean over all rows.

    >>> batches = LengthBatches([3, 9, 3, 9, 4], batch_size=2, seed=0)
    >>> sorted(len(rows) for rows in batches)
    [1, 2, 2]
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._count = max(1, math.ceil(len(self._lengths) / batch_size))
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[int]]:
        batches = self.epoch(self._epoch)
        self._epoch += 1
        return iter(batches)

    def epoch(self, number: int) -> list[list[int]]:
        """The batches of one epoch, in their order."""
        random = np.random.default_rng([self._seed, number])
        order = random.permutation(len(self._lengths))
        batches: list[NDArray[np.int64]] = []
        sizes = [len(part) for part in np.array_split(order, self._count)]
        start = 0
        for first in range(0, self._count, _POOL):
            pool_sizes = sizes[first : first + _POOL]
            pool = order[start : start + sum(pool_sizes)]
            start += len(pool)
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches.extend(np.split(pool, np.cumsum(pool_sizes)[:-1]))
        return [[int(row) for row in batches[index]] for index in random.permutation(self._count)]
