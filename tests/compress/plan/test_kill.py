"""kill -9 at random moments of a plan with real passes, begun again each time: the same variants, nothing twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.bundle.layout import SEAL_FILES
from marketfit.testing.tiny import tiny_bundle

KILLS = 8
STANDARD, FURTHER = 3, 6
BRIEF = """\
product: tiny
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {size_mb: "<= 50", latency_p95_ms: "<= 500"}
compress: {trials: 6, minutes: 30}
"""
Trials = dict[int, str]


class Plans:
    """Begins or resumes plans in processes of their own."""

    def __init__(self, brief: Path, model: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("plan_server.py")), str(brief), str(model)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, workspace: Path, *, kill_after: float | None = None) -> bool:
        """Whether it came to its end before it was killed."""
        child = self._ask(str(workspace))
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        status = self._ask("how did it end?")
        assert status in (0, signal.SIGKILL), "the plan failed"
        return status == 0

    def close(self) -> None:
        for stream in (self._server.stdin, self._server.stdout):
            if stream is not None:
                stream.close()
        self._server.wait(timeout=30)

    def _ask(self, line: str) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{line}\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@pytest.fixture
def plans(write_brief: Callable[..., Path], tmp_path: Path) -> Iterator[Plans]:
    """A model worth compressing in every way: a table of 160,000 values and a product of 40,000."""
    labels = [f"l{number}" for number in range(100)]
    tiny_bundle(tmp_path / "sealed", {f"word{n}": labels[n % 100] for n in range(400)}, labels=labels)
    model = Path(shutil.copytree(tmp_path / "sealed", tmp_path / "model", ignore=shutil.ignore_patterns(*SEAL_FILES)))
    made = Plans(write_brief(BRIEF), model)
    yield made
    made.close()


def recorded(workspace: Path) -> Trials:
    """Number → the record of each finished trial."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(workspace / "ledger.sqlite")) as ledger,
    ):
        return dict(ledger.execute("SELECT number, record FROM trials").fetchall())
    return {}


def told(workspace: Path) -> list[tuple[str, str]]:
    """What was done, and to what: make, kept, look."""
    lines = (workspace / "log").read_text().splitlines() if (workspace / "log").is_file() else []
    return [(line.split()[1], line.partition(line.split()[1])[2].strip()) for line in lines]


def planned(workspace: Path) -> dict[str, object]:
    found = json.loads((workspace / "planned.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_plan_that_is_killed_goes_on_where_it_was(plans: Plans, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    plans.run(tmp_path / "warm")
    began = time.monotonic()
    assert plans.run(whole)
    seconds = time.monotonic() - began
    moments, kills, seen = random.Random(0), 0, Trials()
    for _ in range(KILLS):
        before = len(told(killed))
        kills += not plans.run(killed, kill_after=moments.uniform(0.05, 0.5) * seconds)
        now = recorded(killed)
        assert {number: now.get(number) for number in seen} == seen, "a finished trial was lost or made again"
        names = {json.loads(record)["variant"]["name"] for record in seen.values()}
        assert not names & {name for kind, name in told(killed)[before:] if kind == "look"}
        seen = now
    assert plans.run(killed)
    assert kills >= KILLS // 2
    assert planned(killed) == planned(whole)
    assert {number: recorded(killed)[number] for number in seen} == seen
    check_log(told(killed))
    check_log(told(whole))
    assert len(recorded(whole)) == STANDARD + FURTHER
    assert list((killed / "tmp").iterdir()) == []


def check_log(lines: list[tuple[str, str]]) -> None:
    """What is on record is never made again."""
    kept = set()
    for kind, name in lines:
        if kind == "kept":
            kept.add(name)
        assert not (kind == "make" and name in kept), name
