"""The int8 form of a backbone: another time for nearly the same features; none where there are no products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.bundle import load_unsealed
from marketfit.shortlist.latency import int8_form, latencies
from marketfit.task import unreported
from marketfit.testing.encoders import tiny_encoder

TEXTS = ["play", "stop the music please", "lamp off"]


@pytest.fixture
def embedders(tmp_path: Path) -> dict[str, Path]:
    """A tiny encoder and its static version, each as a headless bundle."""
    tiny_encoder(tmp_path / "encoder")
    trainer = registry.trainer("text-classification")
    made = {}
    for name in ("encoder", "encoder#static"):
        found = trainer.backbones(name, base=tmp_path)
        backbone = next(one for one in found if one.static == name.endswith("static"))
        made[name] = tmp_path / f"{name} exported"
        trainer.embedder(backbone, made[name], base=tmp_path)
    return made


def test_a_form_for_its_time(embedders: dict[str, Path], tmp_path: Path) -> None:
    made = int8_form(embedders["encoder"], tmp_path / "int8")
    assert made is not None
    plain, quantised = load_unsealed(embedders["encoder"]), load_unsealed(made)
    same = (plain.embed(TEXTS) * quantised.embed(TEXTS)).sum(axis=1)  # cosines
    assert same.min() > 0.98
    assert not np.array_equal(plain.embed(TEXTS), quantised.embed(TEXTS))
    for times in latencies([plain, quantised], TEXTS, progress=unreported):
        assert 0 < times["latency_p50_ms"] <= times["latency_p95_ms"] <= times["latency_p99_ms"]


def test_none_without_products_or_without_a_graph(embedders: dict[str, Path], tmp_path: Path) -> None:
    assert int8_form(embedders["encoder#static"], tmp_path / "static") is None
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.onnx").write_bytes(b"no graph")
    assert int8_form(tmp_path / "broken", tmp_path / "none") is None
