"""A product whose truth is known: word wN is of label lN. Its champion has a share of the words wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pytest

from marketfit.bundle import Bundle, load
from marketfit.ledger import Ledger
from marketfit.listen import promote
from marketfit.testing import tiny_bundle

WORDS = 100
LABELS = [f"l{number}" for number in range(10)]


def truth(number: int) -> str:
    return LABELS[number % 10]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "workspace" / "bundles").mkdir(parents=True)
    return tmp_path / "workspace"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    opened = Ledger.beside(root)
    yield opened
    opened.close()


@pytest.fixture
def make(root: Path) -> Callable[..., Bundle]:
    """Seal and load a bundle that has the words with these numbers wrong."""

    def seal(name: str, wrong: Collection[int] = ()) -> Bundle:
        words = {f"w{n}": truth(n + 1) if n in wrong else truth(n) for n in range(WORDS)}
        return load(tiny_bundle(root / "bundles" / name, words, labels=LABELS, abstain_below=0.2).folder)

    return seal


@pytest.fixture
def champion(make: Callable[..., Bundle], ledger: Ledger, root: Path) -> Bundle:
    """In service; wrong about words 0 to 19."""
    made = make("champion", range(20))
    promote(ledger, "tiny", root, made.folder, reason="first bundle")
    return made


@pytest.fixture
def traffic() -> Callable[..., tuple[list[str], list[str]]]:
    """Inputs drawn from some words, and their truths."""

    def draw(count: int, *, seed: int = 0, words: int = WORDS) -> tuple[list[str], list[str]]:
        rng = np.random.default_rng(seed)
        numbers = rng.integers(0, words, count)
        return [f"please w{n} number {k}" for k, n in enumerate(numbers)], [truth(int(n)) for n in numbers]

    return draw
