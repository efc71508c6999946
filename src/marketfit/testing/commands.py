"""Commands in processes of their own that need not load the heavy libraries each time.

`python -m marketfit run` spends seconds of processor time on torch and transformers before it does anything. Here
one process loads them, and every command is a fork of it: a fresh process, a session of its own, its own output files.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

PRELOADED = ("torch", "transformers.models.bert.modeling_bert", "sklearn.linear_model", "onnxruntime", "marketfit.cli")


@dataclass(frozen=True, eq=False)
class Command:
    """A command that has started. `folder` holds what it writes."""

    words: tuple[str, ...]
    process: ForkServerProcess
    folder: tempfile.TemporaryDirectory[str]

    def wait(self, timeout: float) -> int:
        """Its exit status, or minus the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.words, timeout)
        return self.process.exitcode

    def kill(self) -> None:
        """SIGKILL to it and to all that it has started, and wait until it is gone."""
        assert self.process.pid is not None, "it has started"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def finish(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """What came of it; what runs too long is killed.

        Raises:
            subprocess.TimeoutExpired: it ran longer than so many seconds.
        """
        try:
            code = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        out, err = (Path(self.folder.name, name).read_text(encoding="utf-8") for name in ("out", "err"))
        self.folder.cleanup()
        return subprocess.CompletedProcess(self.words, code, out, err)


def begin(words: Sequence[str], *, cwd: Path) -> Command:
    """Start `marketfit WORDS` in a folder."""
    folder = tempfile.TemporaryDirectory()
    ready, tell = multiprocessing.Pipe(duplex=False)
    process = _context().Process(target=_work, args=(tuple(words), cwd, Path(folder.name), tell))
    process.start()
    tell.close()
    ready.recv()  # from here on it can be killed with all that it starts
    return Command(tuple(words), process, folder)


@functools.cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    return context


def _work(words: tuple[str, ...], cwd: Path, folder: Path, tell: Connection) -> None:
    """The command itself, in the forked process."""
    os.setsid()
    for name, descriptor in (("out", 1), ("err", 2)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - the same
    os.chdir(cwd)
    sys.argv = ["marketfit", *words]
    tell.send(None)
    tell.close()
    from marketfit.cli import main

    main()
