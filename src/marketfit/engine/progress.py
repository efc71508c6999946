"""Progress on standard error: a bar on a terminal, a line now and then in a log.

Standard output stays free for results: `--json` prints one document there.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from marketfit.task import Progress as Advance

_LOG_EVERY = 10.0  # seconds between two lines of one task in a log


class Reporter(Protocol):
    """Where progress goes."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def task(self, title: str) -> contextlib.AbstractContextManager[Advance]:
        """A task that takes time; call what it yields with the fraction done, from 0 to 1."""
        ...


class TerminalReporter:
    """Bars that a person watches."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    @contextlib.contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bars:
            bar = bars.add_task(title, total=1.0)
            yield lambda done: bars.update(bar, completed=done)


class LogReporter:
    """Lines for a log: a task that is over within ten seconds leaves one line."""

    def say(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    @contextlib.contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        began = last = time.monotonic()

        def advance(done: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _LOG_EVERY:
                last = now
                self.say(f"  {title}: {done:.0%} after {now - began:.0f} s")

        yield advance
        self.say(f"  {title}: {time.monotonic() - began:.1f} s")


class SilentReporter:
    """For library use and tests."""

    def say(self, text: str) -> None:
        """Say nothing."""

    @contextlib.contextmanager
    def task(self, title: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol names it
        yield lambda _done: None


def reporter(*, quiet: bool = False) -> Reporter:
    """The reporter that suits standard error."""
    if quiet:
        return SilentReporter()
    return TerminalReporter() if sys.stderr.isatty() else LogReporter()
