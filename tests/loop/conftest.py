"""The starter's product, made quick: a static backbone, one run for all tests of this folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit import cli
from marketfit.starter import write_starter

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
    accuracy: str = ">= 0.3",
    budget: str = "{trials: 3, minutes: 0.1}",
    backbone: str = "minilm-static",
) -> Path:
    """The starter with a static backbone and few trials; gives the path of its brief."""
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
def make_quick() -> Callable[..., Path]:
    return quick


@pytest.fixture(scope="session")
def product(make_quick: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brief of a product that has been run once."""
    import marketfit

    brief = make_quick(tmp_path_factory.mktemp("shop") / "product")
    outcome = marketfit.fit(brief)
    assert outcome.status == "shipped", outcome.as_text()
    return brief
