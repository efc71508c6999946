"""Progress on standard error: bars on a terminal, lines in a log, nothing where nobody looks."""

from __future__ import annotations

import sys

import pytest

from marketfit.engine import reporter
from marketfit.engine.progress import LogReporter, TerminalReporter


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    say = reporter()
    assert isinstance(say, TerminalReporter)
    with say.task("embedding rows") as advance:
        advance(0.5)
    written = capsys.readouterr()
    assert "embedding rows" in written.err
    assert "━" in written.err
    assert written.out == ""


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 4.0, 12.0, 13.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    say = reporter()
    assert isinstance(say, LogReporter)
    with say.task("trial 3") as advance:
        advance(0.2)
        advance(0.5)
    assert capsys.readouterr().err == "  trial 3: 50% after 12 s\n  trial 3: 13.0 s\n"
    with reporter(quiet=True).task("trial 4") as advance:
        advance(0.5)
    assert capsys.readouterr().err == ""
