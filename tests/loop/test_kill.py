"""kill -9 at ten random moments of a run, the same command again each time: the same decision, nothing run twice."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.loop import Outcome
from marketfit.testing import commands

KILLS = 10
STARTING = 2.0
"""Seconds of a process before its first step, and after its last."""
TRIALS = 4
"""A probe, a full fine-tuning, and the standard variants of the better one."""
SAME = ("status", "winner", "backbone", "recipe", "passes", "price")


def start(brief: Path) -> commands.Command:
    """The command in a process group of its own, so that a kill takes the probe's processes too."""
    return commands.begin(["run", str(brief), "--json", "--quiet"], cwd=brief.parent)


def finish(brief: Path) -> dict[str, object]:
    """Run to the end."""
    done = start(brief).finish(timeout=280)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def trials(brief: Path) -> dict[tuple[str, int], str]:
    """All recorded trials: study and number → the record, which holds the seconds that the training took."""
    path = brief.parent / "marketfit-workspace" / "ledger.sqlite"
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path)) as ledger:
        rows = ledger.execute("SELECT study, number, record FROM trials").fetchall()
        return {(study, number): record for study, number, record in rows}
    return {}


@pytest.mark.timeout(900)
def test_ten_kills_change_nothing(
    first_run: tuple[Path, Outcome], make_quick: Callable[..., Path], tmp_path: Path
) -> None:
    undisturbed = first_run[1].as_json()
    whole = sum(first_run[1].seconds.values()) + STARTING
    brief = make_quick(tmp_path / "killed")
    moments, seen, killed = random.Random(0), {}, 0
    for _ in range(KILLS):
        process = start(brief)
        try:
            process.wait(timeout=moments.uniform(0.5, whole / 4))
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        now = trials(brief)
        assert {key: now.get(key) for key in seen} == seen, "a finished trial was run again or lost"
        seen = now
    resumed = finish(brief)
    assert killed >= KILLS // 2
    assert {name: resumed[name] for name in SAME} == {name: undisturbed[name] for name in SAME}
    assert {key: trials(brief)[key] for key in seen} == seen
    assert len(trials(brief)) == TRIALS
    leftovers = list((brief.parent / "marketfit-workspace" / "tmp").iterdir())
    assert leftovers == []
