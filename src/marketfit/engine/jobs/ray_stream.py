"""A stream through Ray Data: one task reads, actors answer, and the answers come back in order.

A row of the dataset is an item: Ray Data joins and splits blocks as it likes, and never cuts a row. So each item is
answered as a whole, exactly as it is without Ray.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from marketfit.engine.jobs.contract import A, R
from marketfit.engine.jobs.on_ray import cause_of
from marketfit.errors import RunError

if TYPE_CHECKING:
    import pandas as pd
    from ray.data import DataContext

_BLOCK = 1  # byte: a block is handed on as soon as it holds an item


def answers(make: Callable[[], Callable[[A], R]], items: Callable[[], Iterable[A]], *, threads: int) -> Iterator[R]:
    """Answer every item on the connected cluster, in order; whatever is raised there is raised here."""
    import ray
    import ray.data

    cores = int(ray.cluster_resources().get("CPU", 1.0))
    actors = max(1, cores // threads)
    start = ray.data.from_items([0])
    _prepare(start.context)
    # One row becomes all items, in one task: only who reads a file from its start knows where its rows are. It asks
    # for no core: the actors may have taken all of them.
    read = start.map_batches(_Reader(items), batch_format="pandas", num_cpus=0)
    with warnings.catch_warnings():
        # An item that kills its actor would kill the next one too, and Ray Data would start them without end. There is
        # no other way yet to say so than the one that Ray means to take away, in 2.64.
        warnings.simplefilter("ignore", DeprecationWarning)
        answered = read.map_batches(
            _Actor,
            fn_constructor_args=(make,),
            batch_size=1,
            batch_format="pandas",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors),
            num_cpus=min(threads, cores),
            max_restarts=0,
        )
    try:
        for batch in answered.iter_batches(batch_size=1, batch_format="pandas", prefetch_batches=0):
            yield cast("R", batch["answer"].iloc[0])
    except ray.exceptions.RayTaskError as error:
        raise cause_of(error) from None
    except ray.exceptions.RayError as error:
        raise RunError(f"Ray lost a worker: {' '.join(str(error).split())}; run the command again") from error


def _prepare(context: DataContext) -> None:
    """The settings of one dataset and of what is made of it."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is raised


@dataclass(frozen=True)
class _Reader:
    """Reads items as they are asked for."""

    items: Callable[[], Iterable[object]]

    def __call__(self, _start: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """A row for each item."""
        import pandas as pd

        for item in self.items():
            yield pd.DataFrame({"item": pd.Series([item], dtype=object)})


class _Actor:
    """Makes its function with the first item, so that what goes wrong then is raised like anything else."""

    def __init__(self, make: Callable[[], Callable[[object], object]]) -> None:
        self._make = functools.cache(make)

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Answer a batch of one item."""
        import pandas as pd

        return pd.DataFrame({"answer": pd.Series([self._make()(batch["item"].iloc[0])], dtype=object)})
