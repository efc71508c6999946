"""pq-embeddings: codes are the nearest vectors, scales the best ones, and a graph looks up what they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from marketfit.bundle import read_spec
from marketfit.bundle.layout import GRAPH
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.graph_file import read_graph, weight_bytes
from marketfit.compress.passes.pq_embeddings import PqEmbeddings, product_quantise
from marketfit.compress.passes.tables import SMALLEST
from marketfit.errors import BriefError
from marketfit.task import FloatMatrix, Labelled
from marketfit.testing.passes import context_for
from marketfit.testing.tiny import tiny_bundle

ROWS = Labelled(inputs=["a"], targets=np.array([0]), labels=("a", "b"))
DIM = 16
TABLE = np.random.default_rng(0).standard_normal((SMALLEST // DIM, DIM)).astype(np.float32)
# What is left of the square of a normal value at 4 and 2 bits: no code does better than 2^(−2 bits) (Shannon 1959), one
# value at a time leaves 0.0095 and 0.1175 (Max 1960). Pieces of two and four values lie between.
LEFT = {2: (2.0**-8, 0.0105), 4: (2.0**-4, 0.1175)}


def decoded(table: FloatMatrix, width: int, seed: int = 0) -> FloatMatrix:
    codes, vectors, scale = product_quantise(table, width=width, seed=seed)
    assert (codes.shape, vectors.shape, scale.shape) == (
        (len(table), table.shape[1] // width), (256, width), (len(table), 1),
    )  # fmt: skip
    return vectors[codes].reshape(table.shape) * scale


@pytest.mark.parametrize("width", [2, 4])
def test_normal_values_lose_what_theory_says(width: int) -> None:
    lost = float(((decoded(TABLE, width) - TABLE) ** 2).sum() / (TABLE**2).sum())
    lower, upper = LEFT[width]
    assert lower < lost < upper


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 40), pieces=st.integers(1, 6), width=st.sampled_from([2, 4]), seed=st.integers(0, 2**16),
    loudest=st.floats(1e-3, 1e3),
)  # fmt: skip
def test_codes_are_nearest_and_scales_are_least_squares(
    rows: int, pieces: int, width: int, seed: int, loudest: float
) -> None:
    random = np.random.default_rng(seed)
    table = (random.standard_normal((rows, pieces * width)) * loudest).astype(np.float32)
    table[:: random.integers(2, 5)] = 0.0
    codes, vectors, scale = product_quantise(table, width=width, seed=seed)
    meant = vectors[codes].reshape(table.shape)
    assert not (meant * scale)[~table.any(axis=1)].any()
    left = table - meant * scale
    assert np.abs((left * meant).sum(axis=1)).max() <= 1e-4 * np.abs(table).max() * np.abs(meant).max() * table.shape[1]
    size = np.sqrt((table.astype(np.float64) ** 2).mean(axis=1, keepdims=True))
    wanted = (table / np.where(size > 0, size, 1.0)).reshape(-1, 1, width)
    far = ((wanted - vectors) ** 2).sum(axis=2)
    chosen = far[np.arange(len(far)), codes.ravel()]
    assert (chosen <= far.min(axis=1) + 1e-5).all()
    again = product_quantise(table, width=width, seed=seed)
    assert all(np.array_equal(one, other) for one, other in zip((codes, vectors, scale), again, strict=True))


def graph(into: Path, *, ids: list[str | int] | None, known: bool = True, dim: int = DIM) -> Path:
    """An unsealed bundle whose graph is one lookup of ids of these axes, or of ids that no shape is known of."""
    tiny_bundle(into, {"hello": "a", "bye": "b"}, labels=["a", "b"])
    table = np.resize(TABLE, (-(-SMALLEST // dim), dim))
    read, nodes = "ids", []
    if not known:
        nodes.append(helper.make_node("Hidden", ["ids"], ["hidden"], domain="com.microsoft"))
        read = "hidden"
    nodes.append(helper.make_node("Gather", ["table", read], ["rows"], name="rows", axis=0))
    made = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ids)],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(table, "table")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save_model(helper.make_model(made, opset_imports=opsets, ir_version=10), str(into / GRAPH))
    return into


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("ids", [["n"], ["batch", "tokens"], [1, "a", "b"]])
def test_a_graph_looks_up_what_the_codes_stand_for(ids: list[str | int], width: int, tmp_path: Path) -> None:
    before = graph(tmp_path / "before", ids=ids)
    made = PqEmbeddings().apply(
        Artefact("graph", before), {"width": width}, context_for(ROWS, tmp_path / "made", teacher=before)
    )
    asked = np.random.default_rng(1).integers(0, len(TABLE), [2 if isinstance(axis, str) else axis for axis in ids])
    session = onnxruntime.InferenceSession(str(made.folder / GRAPH))
    (rows,) = session.run(None, {"ids": asked.astype(np.int32)})
    np.testing.assert_allclose(rows, decoded(TABLE, width)[asked], rtol=1e-6)
    stored = sum(weight_bytes(read_graph(made)).values())
    assert stored == TABLE.size // width + 4 * (len(TABLE) + 256 * width)  # codes; a scale a row, and the vectors
    assert f"{8 // width} bits a value" in read_spec(made.folder).lineage[-1]


@pytest.mark.parametrize(
    ("ids", "known", "dim"), [(["n"], False, DIM), (["n"], True, 6), (["n"], True, 7)], ids=["rank", "six", "odd"]
)
def test_a_table_that_can_not_be_coded_is_left(ids: list[str | int], known: bool, dim: int, tmp_path: Path) -> None:
    before = graph(tmp_path / "before", ids=ids, known=known, dim=dim)
    context = context_for(ROWS, tmp_path / "made", teacher=before)
    assert "in rows of a multiple of 4" in PqEmbeddings().applies(Artefact("graph", before), context)


@pytest.mark.parametrize("width", [3, 8, 0, "2", True, 2.0])
def test_a_width_that_is_none_is_refused(width: float | str, tmp_path: Path) -> None:
    before = Artefact("graph", graph(tmp_path / "before", ids=["n"]))
    with pytest.raises(BriefError, match=r"pq-embeddings: width.*2 or 4"):
        PqEmbeddings().apply(before, {"width": width}, context_for(ROWS, tmp_path / "made", teacher=before.folder))
