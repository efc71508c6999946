"""standard-operators: the same answers without any operator of onnxruntime's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from marketfit import registry
from marketfit.bundle import engines, load_unsealed
from marketfit.bundle.layout import GRAPH
from marketfit.compress.engines import engines_for
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.int8 import Int8
from marketfit.compress.passes.standard_operators import StandardOperators
from marketfit.records.models import Recipe
from marketfit.task import Labelled, unreported
from marketfit.testing.encoders import WORDS, Shape, tiny_classifier, tiny_encoder
from marketfit.testing.passes import check_pass, context_for

LABELS = ("a", "b")
ROWS = Labelled(
    inputs=[f"{first} the {second}" * (1 + place % 3) for first in WORDS[:3] for place, second in enumerate(WORDS[4:])],
    targets=np.arange(30) % 2,
    labels=LABELS,
)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "roberta"])
def test_it_passes_the_exam_and_says_the_same(kind: str, tmp_path: Path) -> None:
    trainer = registry.trainer("text-classification")
    trainer.adopt(tiny_classifier(tmp_path / "theirs", kind=kind, labels=LABELS), tmp_path / "model")  # type: ignore[attr-defined]
    trainer.export(tmp_path / "model", tmp_path / "fused", product="x", lineage=())
    fused = Artefact("graph", tmp_path / "fused")
    made = check_pass("standard-operators", StandardOperators(), fused, ROWS, folder=tmp_path, shrinks=False)
    graph = onnx.load(str(made.folder / GRAPH))
    assert {node.domain for node in graph.graph.node} == {""} == {item.domain for item in graph.opset_import}
    onnx.checker.check_model(graph, full_check=True)
    before, after = load_unsealed(fused.folder), load_unsealed(made.folder)
    assert np.abs(before.probabilities(ROWS.inputs) - after.probabilities(ROWS.inputs)).max() < 1e-5
    assert np.abs(before.embed(ROWS.inputs) - after.embed(ROWS.inputs)).max() < 1e-5
    assert StandardOperators().applies(made, context_for(ROWS, tmp_path, teacher=tmp_path)) == (
        "all operators are standard ones"
    )


def test_pruned_heads_other_activations_and_the_mean_over_tokens(tmp_path: Path) -> None:
    """A graph as training makes it: pooled over tokens, FastGelu, heads cut."""
    trainer, folder = registry.trainer("text-classification"), tmp_path / "tiny"
    tiny_encoder(folder, shape=Shape(layers=2, heads=4, width=48))
    config = (folder / "config.json").read_text().replace('"gelu"', '"gelu_new"')
    (folder / "config.json").write_text(config)
    backbone = trainer.backbones("tiny", base=tmp_path)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(backbone, recipe, ROWS, tmp_path / "model", base=tmp_path, seed=0, progress=unreported)
    from marketfit.task import Kept

    kept = Kept((0, 1), ((0, 2), (1, 2, 3)), (tuple(range(48)),) * 2)
    registry.surgeon("text-classification").cut(tmp_path / "model", kept, tmp_path / "cut")
    trainer.export(tmp_path / "cut", tmp_path / "fused", product="x", lineage=())
    assert "FastGelu" in {node.op_type for node in onnx.load(str(tmp_path / "fused" / GRAPH)).graph.node}
    context = context_for(ROWS, tmp_path / "made", teacher=tmp_path / "model")
    made = StandardOperators().apply(Artefact("graph", tmp_path / "fused"), {}, context)
    before, after = load_unsealed(tmp_path / "fused"), load_unsealed(made.folder)
    assert np.abs(before.embed(ROWS.inputs) - after.embed(ROWS.inputs)).max() < 1e-5
    int8 = Int8().apply(made, {}, context_for(ROWS, tmp_path / "int8", teacher=tmp_path / "model"))
    assert {node.domain for node in onnx.load(str(int8.folder / GRAPH)).graph.node} == {""}
    quantised = Int8().apply(
        Artefact("graph", tmp_path / "fused"), {}, context_for(ROWS, tmp_path / "q", teacher=tmp_path / "model")
    )
    assert "QAttention" in StandardOperators().applies(quantised, context)


@pytest.mark.parametrize("installed", [True, False])
def test_it_is_worth_a_try_where_another_engine_needs_it(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda package: installed and package == "openvino")
    trainer = registry.trainer("text-classification")
    trainer.adopt(tiny_classifier(tmp_path / "theirs", labels=LABELS), tmp_path / "model")  # type: ignore[attr-defined]
    trainer.export(tmp_path / "model", tmp_path / "fused", product="x", lineage=())
    context = context_for(ROWS, tmp_path / "made", teacher=tmp_path / "model")
    fused = Artefact("graph", tmp_path / "fused")
    assert StandardOperators().choices(fused, context) == (({},) if installed else ())
    assert engines_for(fused.folder, "cpu") == ("onnxruntime",)
    made = StandardOperators().apply(fused, {}, context)
    assert engines_for(made.folder, "cpu") == (("onnxruntime", "openvino") if installed else ("onnxruntime",))
    assert StandardOperators().choices(made, context) == ()
