"""A tiny real bundle, sealed and unsealed, to read and to tamper with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.bundle import CardData, ModelCard, Sealed, check_unsealed, verify
from marketfit.bundle.layout import MANIFEST, SEAL_FILES, encode
from marketfit.bundle.manifest import Manifest, file_entry
from marketfit.errors import BundleError
from marketfit.testing.tiny import tiny_bundle


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """Sealed once; nobody may change it."""
    into = tmp_path_factory.mktemp("bundles") / "original"
    return tiny_bundle(into, {"hello": "greeting", "bye": "farewell"}, labels=["farewell", "greeting"])


@pytest.fixture
def sealed(original: Sealed, tmp_path: Path) -> Path:
    """A copy of the sealed bundle, to tamper with."""
    return Path(shutil.copytree(original.folder, tmp_path / "sealed"))


@pytest.fixture
def unsealed(original: Sealed, tmp_path: Path) -> Path:
    """The same bundle before it was sealed."""
    return Path(shutil.copytree(original.folder, tmp_path / "unsealed", ignore=shutil.ignore_patterns(*SEAL_FILES)))


@pytest.fixture
def card() -> ModelCard:
    data = CardData(description="Made up.", source_rows=5, splits={"train": 3}, quarantined=0, test_digest="")
    return ModelCard(intended_use="tests", input_description="short text", data=data)


@pytest.fixture
def refusal() -> Callable[[Path], str]:
    """Why a sealed bundle is refused; the test fails if it is not."""

    def refuse(folder: Path) -> str:
        with pytest.raises(BundleError) as caught:
            verify(folder)
        assert all(problem.where and problem.found and problem.do for problem in caught.value.problems)
        return str(caught.value)

    return refuse


@pytest.fixture
def unsealed_refusal() -> Callable[[Path], str]:
    """Why an unsealed bundle is refused; the test fails if it is not."""

    def refuse(folder: Path) -> str:
        with pytest.raises(BundleError) as caught:
            check_unsealed(folder)
        return str(caught.value)

    return refuse


@pytest.fixture
def forge() -> Callable[[Path], None]:
    """Write a manifest that fits the changed files, as somebody who tampers with care would do."""

    def rewrite(folder: Path) -> None:
        old = json.loads((folder / MANIFEST).read_bytes())
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        files = {name: file_entry(folder / name) for name in names if name != MANIFEST}
        manifest = Manifest(product=old["product"], task=old["task"], files=files)
        (folder / MANIFEST).write_bytes(encode(manifest))

    return rewrite
