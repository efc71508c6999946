"""Length buckets: every row once an epoch, little padding, an order that the seed decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketfit.training.batches import LengthBatches

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)


@given(lengths=LENGTHS, size=st.integers(1, 40), seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 5))
def test_every_row_is_in_one_batch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = LengthBatches(lengths, batch_size=size, seed=seed)
    found = batches.epoch(epoch)
    assert len(found) == len(batches)
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    sizes = [len(rows) for rows in found]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert found == LengthBatches(lengths, batch_size=size, seed=seed).epoch(epoch)


def test_buckets_save_padding() -> None:
    lengths = [3, 40] * 200
    batches = LengthBatches(lengths, batch_size=8, seed=0)
    padded = sum(len(rows) * max(lengths[row] for row in rows) for rows in batches)
    assert padded < 1.1 * sum(lengths)


def test_epochs_differ() -> None:
    batches = LengthBatches([5] * 64, batch_size=8, seed=0)
    assert list(batches) != list(batches)
