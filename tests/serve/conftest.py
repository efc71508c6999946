"""A workspace with a real tiny champion: word wN belongs to label lN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.bundle import Sealed
from marketfit.ledger import Ledger, champion
from marketfit.testing import tiny_bundle

WORDS = 200
LABELS = [f"l{number}" for number in range(WORDS)]
Seal = Callable[..., Sealed]


@pytest.fixture(scope="session")
def seal_words(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    """Seal a bundle in which word wN has label l(N + shift)."""

    def seal(into: Path | None = None, *, shift: int = 0) -> Sealed:
        words = {f"w{number}": LABELS[(number + shift) % WORDS] for number in range(WORDS)}
        return tiny_bundle(into or tmp_path_factory.mktemp("bundles") / "b", words, labels=LABELS, abstain_below=0.3)

    return seal


@pytest.fixture
def workspace(tmp_path: Path, seal_words: Seal) -> Path:
    """A workspace whose ledger names a champion of the product `tiny`."""
    root = tmp_path / "workspace"
    sealed = seal_words(root / "bundles" / "first")
    ledger = Ledger.beside(root)
    champion.promote(ledger, "tiny", root, sealed.folder, reason="first bundle")
    ledger.close()
    return root


@pytest.fixture
def ledger(workspace: Path) -> Iterator[Ledger]:
    """The workspace's ledger, beside the server's own connections."""
    opened = Ledger.beside(workspace)
    yield opened
    opened.close()
