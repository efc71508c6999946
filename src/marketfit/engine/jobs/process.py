"""A process of this machine that does one job after the other: the side that gives the jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Pipe
from pathlib import Path

from marketfit.engine.jobs.worker import Answer, Job, Raised, Told
from marketfit.errors import RunError

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_LAST_WORDS = 2000  # bytes of its log, of which the last lines are told
_LAST_LINES = 4


class Worker:
    """One process. It ends when this one does, however that happens: its connection breaks then."""

    def __init__(self, *, threads: int) -> None:
        self._log, name = tempfile.mkstemp()
        Path(name).unlink()  # gone with the last of the two processes
        self.connection, there = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from marketfit.engine.jobs.worker import main; main({there.fileno()})"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,  # standard output is for results of the command
            stderr=self._log,
            pass_fds=(there.fileno(),),
            env={
                **os.environ,
                **dict.fromkeys(_LIMITS, str(threads)),
                "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            },
        )
        there.close()

    def give(self, job: Job) -> None:
        """Give it a job. Where it has died, `receive` says so."""
        with contextlib.suppress(OSError):
            self.connection.send(job)

    def receive(self) -> Told | Answer | Raised | None:
        """What it says next, None when it has ended."""
        try:
            said: Told | Answer | Raised = self.connection.recv()
        except (EOFError, OSError):
            return None
        except Exception as error:
            return Raised(RunError(f"an answer of a worker can't be read: {error!r}"))
        return said

    def last_words(self) -> str:
        """How it ended, and the last lines that it wrote."""
        code = self._process.wait()
        size = os.fstat(self._log).st_size
        log = os.pread(self._log, _LAST_WORDS, max(0, size - _LAST_WORDS)).decode("utf-8", "replace")
        words = " | ".join(line.strip() for line in log.strip().splitlines()[-_LAST_LINES:])
        return f"its process ended with {exit_words(code)}" + (f": {words}" if words else "")

    def end(self) -> None:
        """Stop it, in the middle of a job too."""
        self._process.kill()
        self._process.wait()
        self.connection.close()
        os.close(self._log)


def exit_words(code: int) -> str:
    """How a process ended, from its return code.

    >>> exit_words(3), exit_words(-9)
    ('status 3', 'signal SIGKILL, as when memory runs out')
    """
    if code >= 0:
        return f"status {code}"
    known = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    return f"signal {known}" + (", as when memory runs out" if known == "SIGKILL" else "")
