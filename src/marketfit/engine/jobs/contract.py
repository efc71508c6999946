"""The Jobs contract: where work that is independent of each other runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from marketfit.task import Progress

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """A job whose process ended before it gave an answer."""

    reason: str


class Pool(Protocol):
    """Workers that are held for a while."""

    def map(
        self,
        function: Callable[[A, Progress], R],
        items: Sequence[A],
        *,
        ended: Callable[[int, R | Lost], None],
        progress: Progress,
    ) -> list[R | Lost]:
        """Call a function with each item; the answers in the order of the items.

        `ended` is called here, with the item's index, as soon as a job has ended, in whatever order that happens.
        Whatever the function raises is raised here, after the other jobs were stopped; a job whose process dies is
        `Lost`. Where there are several processes, function, items and answers are pickled, the function by its name.
        """
        ...


class Jobs(Protocol):
    """Where jobs run."""

    def pool(self, *, workers: int) -> AbstractContextManager[Pool]:
        """Hold so many workers, each with its share of the cores, until the block ends; a kill of ours ends them too.

        Raises:
            InputError: there is no such place.
        """
        ...

    def stream(
        self, make: Callable[[], Callable[[A], R]], items: Callable[[], Iterable[A]], *, threads: int
    ) -> Iterator[R]:
        """Answer a stream of any length in its order, with a function that each worker makes once.

        `make` and `items` are pickled where they are called elsewhere. `threads` are those that one worker uses.
        """
        ...
