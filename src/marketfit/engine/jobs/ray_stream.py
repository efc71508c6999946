"""A stream through Ray Data: one task reads, actors answer, and the answers come back in order.

A row of the dataset is an item: Ray Data joins and splits blocks as it likes, and never cuts a row. So each item is
answered as a whole, exactly as it is without Ray.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import pandas as pd
import ray
import ray.data

from marketfit.engine.jobs.contract import A, R
from marketfit.engine.jobs.on_ray import cause_of

_BLOCK = 1  # byte: a block is handed on as soon as it holds an item


def answers(make: Callable[[], Callable[[A], R]], items: Callable[[], Iterable[A]], *, threads: int) -> Iterator[R]:
    """Answer every item on the connected cluster, in order; whatever is raised there is raised here."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    cores = int(ray.cluster_resources().get("CPU", 1.0))
    # One row becomes all items, in one task: only who reads a file from its start knows where its rows are. It asks
    # for no core of its own, so that it is not made a part of an actor.
    read = ray.data.range(1, override_num_blocks=1).map_batches(_Reader(items), batch_format="pandas", num_cpus=0)
    answered = read.map_batches(
        _Actor,
        fn_constructor_args=(make,),
        batch_size=1,
        batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=max(1, cores // threads)),
        num_cpus=min(threads, cores),
    )
    try:
        for batch in answered.iter_batches(batch_size=1, batch_format="pandas", prefetch_batches=0):
            yield cast("R", batch["answer"].iloc[0])
    except ray.exceptions.RayTaskError as error:
        raise cause_of(error) from None


@dataclass(frozen=True)
class _Reader:
    """Reads items as they are asked for."""

    items: Callable[[], Iterable[object]]

    def __call__(self, _start: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """A row for each item."""
        for item in self.items():
            yield pd.DataFrame({"item": pd.Series([item], dtype=object)})


class _Actor:
    """Made its function once."""

    def __init__(self, make: Callable[[], Callable[[object], object]]) -> None:
        self._answer = make()

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Answer a batch of one item."""
        return pd.DataFrame({"answer": pd.Series([self._answer(batch["item"].iloc[0])], dtype=object)})
