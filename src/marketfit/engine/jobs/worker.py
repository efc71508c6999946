"""The process that does jobs, started by `process.Worker`: `main` with the number of its end of the connection."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from marketfit.errors import RunError
from marketfit.task import Progress


@dataclass(frozen=True)
class Job:
    """A function, which is pickled by its name, and the item that it is called with."""

    function: Callable[[object, Progress], object]
    item: object


@dataclass(frozen=True)
class Told:
    """The fraction of a job that is done."""

    done: float


@dataclass(frozen=True)
class Answer:
    """What the function gave."""

    value: object


@dataclass(frozen=True)
class Raised:
    """What the function raised."""

    error: Exception


def main(descriptor: int) -> None:
    """Do the jobs that come in, one after the other, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process
    connection = Connection(descriptor)
    inbox: queue.SimpleQueue[Job | Raised] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    while True:
        said = _done(inbox.get(), connection)
        try:
            connection.send(said)
        except OSError:
            return  # the parent is gone
        except Exception as failure:  # it can't be pickled
            told = said.error if isinstance(said, Raised) else failure
            connection.send(Raised(RunError(f"{type(told).__name__}: {told}")))


def _listen(connection: Connection, inbox: queue.SimpleQueue[Job | Raised]) -> None:
    """Take jobs in; when the parent is gone nobody waits for the one that runs."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            try:
                inbox.put(connection.recv())
            except (EOFError, OSError):
                raise
            except Exception as error:  # the job can't be read here: a module is missing, say
                inbox.put(Raised(RunError(f"a job can't be read: {error!r}")))
    os._exit(0)


def _done(job: Job | Raised, connection: Connection) -> Answer | Raised:
    if isinstance(job, Raised):
        return job
    try:
        return Answer(job.function(job.item, lambda done: connection.send(Told(done))))
    except Exception as error:
        return Raised(error)
