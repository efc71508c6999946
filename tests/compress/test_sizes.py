"""Parts of a size: they add up, and each pass takes from the part that it works on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.bundle import size_mb
from marketfit.compress.passes import Artefact, Untrained
from marketfit.compress.passes.int8 import Int8
from marketfit.compress.passes.int8_embeddings import Int8Embeddings
from marketfit.compress.passes.vocabulary_trim import VocabularyTrim
from marketfit.compress.sizes import FILES, TABLE, WEIGHTS, size_parts
from marketfit.records.models import Recipe
from marketfit.task import Labelled, unreported
from marketfit.testing.encoders import WORDS, tiny_encoder
from marketfit.testing.passes import context_for

ROWS = Labelled(
    inputs=[f"{first} {second}" for first in WORDS for second in WORDS],
    targets=np.arange(len(WORDS) ** 2) % 2,
    labels=("a", "b"),
)
UNUSED, DIM = 3500, 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes")
    tiny_encoder(folder / "tiny", unused=UNUSED)
    trainer = registry.trainer("text-classification")
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(
        trainer.backbones("tiny", base=folder)[0], recipe, ROWS, folder / "model", base=folder, seed=0,
        progress=unreported,
    )  # fmt: skip
    trainer.export(folder / "model", folder / "bundle", product="x", lineage=())
    return folder / "model"


@pytest.fixture(scope="module")
def bundle(model: Path) -> Path:
    return model.parent / "bundle"


def after(step: Untrained, bundle: Path, into: Path) -> Path:
    return step.apply(Artefact("graph", bundle), {}, context_for(ROWS, into, teacher=bundle)).folder


def test_they_add_up_and_the_table_has_its_rows(bundle: Path) -> None:
    parts = size_parts(bundle)
    assert sum(parts.values()) == pytest.approx(size_mb(bundle), rel=1e-12)
    rows = parts[TABLE] * 1e6 / (4 * DIM)
    assert UNUSED + len(WORDS) < rows < UNUSED + len(WORDS) + 20  # marks and letters beside
    assert rows == int(rows)


def test_a_pass_takes_from_its_part(bundle: Path, tmp_path: Path) -> None:
    before = size_parts(bundle)
    table = size_parts(after(Int8Embeddings(), bundle, tmp_path / "table"))
    assert table[TABLE] == before[TABLE] / 4
    assert table[WEIGHTS] == pytest.approx(before[WEIGHTS] + before[TABLE] / DIM, rel=0.05)  # one scale a row
    whole = size_parts(after(Int8(), bundle, tmp_path / "whole"))
    assert whole[TABLE] == before[TABLE]
    assert whole[WEIGHTS] < 0.6 * before[WEIGHTS]  # biases, scales and the operators themselves are there still
    trimmed = size_parts(after(VocabularyTrim(), bundle, tmp_path / "trimmed"))
    assert trimmed[TABLE] < 0.1 * before[TABLE]
    assert trimmed[WEIGHTS] == pytest.approx(before[WEIGHTS], rel=0.01)
    assert trimmed[FILES] < before[FILES]


def test_a_graph_without_a_lookup_has_no_table(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    inputs, outputs = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [inputs], [outputs])
    onnx.save_model(helper.make_model(graph), str(tmp_path / "model.onnx"))
    assert size_parts(tmp_path)[TABLE] == 0.0
