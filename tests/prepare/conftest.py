"""Small sources, briefs and a fake embedder for the tests of preparation."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from marketfit.brief import Brief
from marketfit.engine import Run, start
from marketfit.measure import features
from marketfit.records.models import Backbone
from marketfit.task import FloatMatrix

WORDS = tuple(f"{first}{second}" for first in ("ba", "cu", "di", "fo", "ge") for second in ("rk", "lm", "nt", "ss"))


def sentence(number: int) -> str:
    """A sentence unlike those of other numbers."""
    rng = np.random.default_rng(number)
    return " ".join(rng.choice(WORDS, 9))


def csv_of(rows: Sequence[tuple[str, ...]], header: str = "text,label") -> str:
    return header + "\n" + "".join(",".join(row) + "\n" for row in rows)


def plain_rows(count: int, classes: int = 3) -> list[tuple[str, ...]]:
    return [(sentence(number), f"class {number % classes}") for number in range(count)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.fixture
def brief_of() -> Callable[..., Brief]:
    def make(source: Path, seed: int = 0, **data: JsonValue) -> Brief:
        section: Mapping[str, JsonValue] = {"source": str(source), "input": "text", "label": "label", **data}
        content = {"product": "p", "task": "text-classification", "data": section, "seed": seed}
        return Brief.model_validate(content | {"require": {"accuracy": ">= 0.5"}})

    return make


class FakeTrainer:
    """Writes an embedder folder that the fake bundle needs not read."""

    def backbones(self, name: str, *, base: Path) -> tuple[Backbone, ...]:  # noqa: ARG002 - the protocol names it
        return (
            Backbone(
                name=name, source=name, cut=None, static=False, parameters=1, weights_sha256="0", methods=("probe",)
            ),
        )

    def embedder(self, backbone: Backbone, into: Path, *, base: Path) -> None:  # noqa: ARG002 - the protocol names it
        into.mkdir(parents=True)
        (into / "bundle.json").write_text(backbone.name)


class FakeBundle:
    """Embeds a text as its hashed words, of unit length."""

    def embed(self, inputs: Sequence[str]) -> FloatMatrix:
        features = np.full((len(inputs), 64), 1e-3, dtype=np.float32)
        for row, text in enumerate(inputs):
            for word in text.split():
                features[row, zlib.crc32(word.encode()) % 64] += 1
        normed: FloatMatrix = features / np.linalg.norm(features, axis=1, keepdims=True)
        return normed


@pytest.fixture
def fake_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.registry, "trainer", lambda _task: FakeTrainer())
    monkeypatch.setattr(features, "load_unsealed", lambda _folder, **_kwargs: FakeBundle())


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[[Brief], Run]]:
    held = []

    def make(brief: Brief) -> Run:
        context = start(brief, workspace=tmp_path / f"workspace-{len(held)}", command="test")
        held.append(context)
        return context.__enter__()

    yield make
    for context in held:
        context.__exit__(None, None, None)
