"""Shared fixtures: a run in an empty workspace, and briefs written to disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from marketfit.brief import Brief, load_brief
from marketfit.engine import Run, start

# Two cores are shared by everything that the tests start: by two workers (make test), or by one process. A worker
# inherits what was set in the process that started it. Four threads on two cores wait busily for each other: a
# training then takes ten times as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
else:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TESTS = Path(__file__).parent
LONGEST = ("loop", "test_readme.py", "compress", "tune", "research", "demand")
"""Files and folders that take the longest. What two workers take at the end should be short."""


class LoopTogether(LoadFileScheduling):
    """A file is run by one worker, and so is all of tests/loop, which shares one run."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/loop" if file.startswith("tests/loop/") else file


@pytest.hookimpl(optionalhook=True)  # without xdist (-p no:xdist) nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoopTogether | None:
    """Who runs what under `--dist loadfile`."""
    return LoopTogether(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first."""

    def place(item: pytest.Item) -> int:
        inside = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        return LONGEST.index(inside) if inside in LONGEST else len(LONGEST)

    items.sort(key=place)


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
