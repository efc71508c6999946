"""The processes in which chains run, and how they are told to end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock
from typing import IO

from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior
from marketfit.demand.models.hierarchical.worker import PERCENT, pack_work, unpack_draws
from marketfit.errors import RunError

COMMAND = ("-P", "-m", "marketfit.demand.models.hierarchical.worker")
PACKAGES = Path(__file__).resolve().parents[4]
"""Where this package lies; what was done to the path of this process, its child does not know."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class ChainProcesses:
    """Runs chains, each in a process, from as many threads as call `run`."""

    def __init__(self, chains: int) -> None:
        self._percent = [0] * chains
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = Lock()
        self._stopped = False

    @property
    def done(self) -> float:
        """The fraction of all iterations that is done."""
        return sum(self._percent) / (100 * len(self._percent))

    def run(self, posterior: Posterior, length: Length, seed: int, index: int) -> ChainDraws:
        """Run the chain `index` and wait for it. Raises RunError when its process fails or is stopped."""
        work = pack_work(posterior, length, seed)
        with tempfile.TemporaryFile() as said:
            process = self._start(said)
            content = self._converse(process, work, index)
            if process.wait():
                said.seek(0)
                words = said.read().decode(errors="replace").strip().splitlines()[-3:]
                reason = " | ".join(words) or "it said nothing (was memory short?)"
                raise RunError(f"the process of a chain ended with status {process.returncode}: {reason}")
        return unpack_draws(content)

    def stop(self) -> None:
        """End all processes, and let none begin."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()

    def _start(self, said: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise RunError("the chains were stopped")
            folders = [str(PACKAGES), os.environ.get("PYTHONPATH", "")]
            process = subprocess.Popen(
                [sys.executable, *COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, folders))},
            )
            self._processes.append(process)
            return process

    def _converse(self, process: subprocess.Popen[bytes], work: bytes, index: int) -> bytes:
        """Hand the work over, count the percents, and take the answer; empty when the process ends early."""
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as to, process.stdout as back:
            try:
                to.write(work)
                to.close()
            except BrokenPipeError:
                return b""
            while back.read(1) == PERCENT:
                self._percent[index] += 1
            return back.read()
