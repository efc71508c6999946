"""Shared fixtures: a run in an empty workspace, and briefs written to disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.brief import Brief, load_brief
from marketfit.engine import Run, start

# Two cores are shared by everything that the tests start: by two workers (make test), or by one process.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

LONGEST = ("test_kill.py", "test_readme.py", "test_position.py", "test_cycle.py", "test_extras.py", "test_jobs.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: what two workers take at the end should be short."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


MINIMAL = """\
product: tiny
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {accuracy: ">= 0.5"}
"""


@pytest.fixture
def write_brief(tmp_path: Path) -> Callable[..., Path]:
    """Write a brief and a data file into an empty folder and give the brief's path."""

    def write(text: str = MINIMAL, *, data: str = "text,label\nhello,a\nbye,b\n") -> Path:
        (tmp_path / "data.csv").write_text(data, encoding="utf-8")
        path = tmp_path / "brief.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def brief(write_brief: Callable[..., Path]) -> Brief:
    """The smallest brief."""
    return load_brief(write_brief())


@pytest.fixture
def run(brief: Brief, tmp_path: Path) -> Iterator[Run]:
    """A run of the smallest brief in a workspace of its own."""
    with start(brief, workspace=tmp_path / "workspace", command="test") as running:
        yield running
