"""half and static-int8: what they write, how near the answers stay, and architectures that were traced."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from marketfit import registry
from marketfit.bundle import load_unsealed, size_mb
from marketfit.bundle.layout import GRAPH
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.half import Half, _narrow
from marketfit.compress.passes.int8 import Int8
from marketfit.compress.passes.static_int8 import StaticInt8
from marketfit.errors import BriefError
from marketfit.measure.quantise import has_vnni
from marketfit.task import Adopter, Labelled
from marketfit.testing.encoders import WORDS, Shape, tiny_classifier
from marketfit.testing.passes import check_pass, context_for

LABELS = ("a", "b")
ROWS = Labelled(
    inputs=[f"{first} the {second} " * (1 + place % 3) for first in WORDS[:4] for place, second in enumerate(WORDS)],
    targets=np.arange(4 * len(WORDS)) % 2,
    labels=LABELS,
)


def bundle(folder: Path, kind: str) -> Artefact:
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    trainer.adopt(
        tiny_classifier(folder / "theirs", kind=kind, labels=LABELS, shape=Shape(width=128)), folder / "model"
    )
    trainer.export(folder / "model", folder / "bundle", product="x", lineage=())
    return Artefact("graph", folder / "bundle")


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    return bundle(tmp_path_factory.mktemp("fused"), "bert")


def graph_of(artefact: Artefact) -> onnx.GraphProto:
    return onnx.load(str(artefact.folder / GRAPH)).graph


def moved(before: Artefact, after: Artefact) -> float:
    one, other = (load_unsealed(artefact.folder).embed(ROWS.inputs) for artefact in (before, after))
    return float(np.abs(one - other).max())


@pytest.mark.parametrize("kind", ["deberta-v2", "distilbert"])
def test_both_pass_the_exam_on_other_architectures(kind: str, tmp_path: Path) -> None:
    start = bundle(tmp_path, kind)
    for name, works in (("half", Half()), ("static-int8", StaticInt8())):
        check_pass(name, works, start, ROWS, folder=tmp_path / name)


def test_static_int8_quantises_products_with_a_weight_and_nothing_else(fused: Artefact, tmp_path: Path) -> None:
    made = StaticInt8().apply(fused, {}, context_for(ROWS, tmp_path / "made", teacher=fused.folder))
    graph = graph_of(made)
    kinds = Counter(node.op_type for node in graph.node)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    assert kinds["QuantizeLinear"] == 2 * 4  # of each layer what qkv, out and the two of the feed-forward part read
    assert {node.domain for node in graph.node} == {""}
    wide = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in weights]
    assert len(wide) == 2 * 4
    for node in wide:
        assert weights[node.input[0]].data_type == TensorProto.INT8
        assert list(weights[node.input[1]].dims) == [weights[node.input[0]].dims[1]]  # one scale a column
    zeros = [weights[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {zero.data_type for zero in zeros} == {TensorProto.UINT8}


def test_static_int8_stays_near_and_saturates_where_it_may_not(fused: Artefact, tmp_path: Path) -> None:
    made = StaticInt8().apply(fused, {}, context_for(ROWS, tmp_path / "made", teacher=fused.folder))
    dynamic = Int8().apply(fused, {}, context_for(ROWS, tmp_path / "dynamic", teacher=fused.folder))
    assert moved(fused, made) < max(0.05, 3 * moved(fused, dynamic))
    if not has_vnni():
        full = StaticInt8().apply(fused, {"range": "full"}, context_for(ROWS, tmp_path / "full", teacher=fused.folder))
        assert moved(fused, full) > 2 * moved(fused, made)


def test_static_int8_takes_its_ranges_from_the_rows(fused: Artefact, tmp_path: Path) -> None:
    one = StaticInt8().apply(fused, {"rows": 1}, context_for(ROWS, tmp_path / "one", teacher=fused.folder))
    many = StaticInt8().apply(fused, {}, context_for(ROWS, tmp_path / "many", teacher=fused.folder))
    assert moved(fused, one) > moved(fused, many)


@pytest.mark.parametrize(
    ("options", "said"), [({"rows": 0}, "rows"), ({"rows": True}, "rows"), ({"range": "wide"}, "range")]
)
def test_options_that_are_refused(options: dict[str, int | str], said: str, fused: Artefact, tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=f"static-int8: {said}"):
        StaticInt8().apply(fused, options, context_for(ROWS, tmp_path / "made", teacher=fused.folder))


@pytest.mark.parametrize("wanted", ["float8", 16, True])
def test_a_format_that_is_none_is_refused(wanted: str | int, fused: Artefact, tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=r"half: format.*float16 or bfloat16"):
        Half().apply(fused, {"format": wanted}, context_for(ROWS, tmp_path / "made", teacher=fused.folder))


def test_half_reads_tables_as_they_are(fused: Artefact, tmp_path: Path) -> None:
    big = change(fused, tmp_path / "big", rows=4000)
    made = Half().apply(big, {}, context_for(ROWS, tmp_path / "made", teacher=fused.folder))
    graph = graph_of(made)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    lookups = [node for node in graph.node if node.op_type == "Gather" and node.input[0] in weights]
    assert [weights[node.input[0]].data_type for node in lookups] == [TensorProto.FLOAT16]
    assert size_mb(made.folder) < 0.6 * size_mb(big.folder)
    assert moved(big, made) < 1e-3


def test_bfloat16_holds_any_weight_and_is_offered_where_one_needs_it(fused: Artefact, tmp_path: Path) -> None:
    context = context_for(ROWS, tmp_path / "made", teacher=fused.folder)
    huge = change(fused, tmp_path / "huge", rows=4000, value=1e6)
    assert [*Half().choices(huge, context)] == [{}, {"format": "bfloat16"}]
    assert [*Half().choices(fused, context)] == [{}]
    lost = change(fused, tmp_path / "lost", rows=4000, value=float("nan"))  # no format holds it
    kept = Half().apply(lost, {"format": "bfloat16"}, context_for(ROWS, tmp_path / "kept", teacher=fused.folder))
    assert "embeddings.word" in {tensor.name for tensor in graph_of(kept).initializer}
    made = Half().apply(huge, {"format": "bfloat16"}, context)
    kinds = {tensor.name: tensor.data_type for tensor in graph_of(made).initializer}
    assert kinds["embeddings.word.half"] == kinds["layer.0.ffn.in.weight.half"] == TensorProto.BFLOAT16
    assert size_mb(made.folder) < 0.6 * size_mb(huge.folder)
    assert moved(huge, made) < 1e-2


def test_bfloat16_rounds_to_the_nearest_and_of_two_to_the_even_one() -> None:
    lower, upper = np.float32(1.0), np.float32(1.0078125)  # neighbours in bfloat16
    given = np.array([lower, 1.003, 1.00390625, 1.005, upper, 1.01171875, -1.005, 0.0], dtype=np.float32)
    tensor = _narrow(given, "w", "bfloat16")
    found = np.frombuffer(tensor.raw_data, dtype="<u2").astype(np.uint32) << 16
    wanted = [lower, lower, lower, upper, upper, 1.015625, -upper, 0.0]
    assert found.astype("<u4").view("<f4").tolist() == wanted


def test_half_leaves_alone_what_it_can_not_hold(fused: Artefact, tmp_path: Path) -> None:
    huge = change(fused, tmp_path / "huge", rows=4000, value=1e6)
    made = Half().apply(huge, {}, context_for(ROWS, tmp_path / "made", teacher=fused.folder))
    kinds = {tensor.name: tensor.data_type for tensor in graph_of(made).initializer}
    assert kinds["embeddings.word"] == TensorProto.FLOAT
    assert kinds["layer.0.ffn.in.weight.half"] == TensorProto.FLOAT16


def change(artefact: Artefact, into: Path, *, rows: int, value: float = 0.5) -> Artefact:
    """The bundle with more rows in its table of words, which no text reads."""
    shutil.copytree(artefact.folder, into)
    model = onnx.load(str(into / GRAPH))
    for tensor in model.graph.initializer:
        if tensor.name == "embeddings.word":
            table = numpy_helper.to_array(tensor)
            more = np.full((rows, table.shape[1]), value, dtype=np.float32)
            tensor.CopyFrom(numpy_helper.from_array(np.vstack([table, more]), tensor.name))
    onnx.save_model(model, str(into / GRAPH))
    return Artefact("graph", into)
