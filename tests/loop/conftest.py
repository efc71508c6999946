"""The starter's product, made quick: a small static backbone, one run for all tests of this folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import marketfit
from marketfit import cli
from marketfit.loop import Outcome
from marketfit.starter import write_starter
from marketfit.testing.encoders import small_minilm

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """The command line, in this process."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["marketfit", *(str(argument) for argument in arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        written = capfd.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(["marketfit"], code, written.out, written.err)

    return run


def quick(
    folder: Path,
    *,
    backbone: str,
    accuracy: str = ">= 0.3",
    budget: str = "{trials: 2, minutes: 30}",
) -> Path:
    """The starter with another backbone and few trials; gives the path of its brief.

    The minutes are far from what the trials take: how many trials fit into minutes depends on how quick the machine is
    at that moment, so that two undisturbed runs can differ where the minutes bind.
    """
    brief = write_starter(folder)
    text = brief.read_text(encoding="utf-8")
    for old, new in (
        ("backbones: [minilm] ", f"backbones: ['{backbone}'] "),
        ("budget: {trials: 3, minutes: 2}", f"budget: {budget}"),
        ('accuracy: ">= 0.6"', f'accuracy: "{accuracy}"'),
        ('latency_p95_ms: "<= 25"', 'latency_p95_ms: "<= 500"'),
    ):
        assert old in text
        text = text.replace(old, new)
    # Which further variants are worth it depends on how quick the machine is at that moment: two runs would differ.
    brief.write_text(text + "compress: {trials: 0}\n", encoding="utf-8")
    return brief


@pytest.fixture(scope="session")
def make_quick(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes quick products: their backbone is pretrained, and tuned in seconds."""
    return partial(quick, backbone=f"{small_minilm(tmp_path_factory.mktemp('backbone') / 'small')}#static")


@pytest.fixture(scope="session")
def first_run(make_quick: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The brief of a product that has been run once, and what came of it."""
    brief = make_quick(tmp_path_factory.mktemp("shop") / "product")
    outcome = marketfit.fit(brief)
    assert outcome.status == "shipped", outcome.as_text()
    return brief, outcome


@pytest.fixture(scope="session")
def product(first_run: tuple[Path, Outcome]) -> Path:
    """The brief of that product."""
    return first_run[0]
