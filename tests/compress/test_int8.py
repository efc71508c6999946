"""int8: the kernel gives what numpy gives, and the answers stay near those of float32 on this processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from marketfit import registry
from marketfit.bundle import load_unsealed
from marketfit.bundle.layout import GRAPH
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.int8 import Int8
from marketfit.measure.quantise import has_vnni
from marketfit.records.models import Recipe
from marketfit.task import FloatMatrix, Labelled, unreported
from marketfit.testing.encoders import WORDS, tiny_encoder
from marketfit.testing.passes import context_for

ROWS = Labelled(
    inputs=[f"{first} the {second}" * (1 + place % 3) for first in WORDS[:4] for place, second in enumerate(WORDS)],
    targets=np.arange(4 * len(WORDS)) % 2,
    labels=("a", "b"),
)
DIM, HEADS = 64, 4
NEAR = 0.03  # of a coordinate of unit-length features, at most; 7 bits give 0.01


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """An encoder of large random weights, exported: what its products lose shows."""
    folder = tmp_path_factory.mktemp("int8")
    weights = tiny_encoder(folder / "tiny") / "model.safetensors"
    tensors = load_file(weights)
    save_file(
        {name: tensor * 8 if tensor.ndim == 2 and "layer" in name else tensor for name, tensor in tensors.items()},
        weights,
    )
    trainer = registry.trainer("text-classification")
    backbone = trainer.backbones("tiny", base=folder)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(backbone, recipe, ROWS, folder / "model", base=folder, seed=0, progress=unreported)
    trainer.export(folder / "model", folder / "bundle", product="x", lineage=())
    return Artefact("graph", folder / "bundle")


def furthest(before: Path, after: Path) -> float:
    """The largest difference of a coordinate of the features."""
    return float(np.abs(load_unsealed(before).embed(ROWS.inputs) - load_unsealed(after).embed(ROWS.inputs)).max())


def test_answers_stay_near(bundle: Artefact, tmp_path: Path) -> None:
    made = Int8().apply(bundle, {}, context_for(ROWS, tmp_path / "made", teacher=bundle.folder))
    assert {node.op_type for node in onnx.load(str(made.folder / GRAPH)).graph.node} >= {"QAttention", "MatMulInteger"}
    assert furthest(bundle.folder, made.folder) < NEAR


@pytest.mark.skipif(has_vnni(), reason="this processor sums 8-bit products in 32 bits")
def test_eight_bits_saturate_here_and_would_be_seen(bundle: Artefact, tmp_path: Path) -> None:
    made = Int8().apply(bundle, {"range": "full"}, context_for(ROWS, tmp_path / "made", teacher=bundle.folder))
    assert furthest(bundle.folder, made.folder) > NEAR


@pytest.mark.parametrize("lengths", [(12,), (12, 5, 8)])
@pytest.mark.parametrize("columns", [True, False])
def test_the_attention_kernel_is_exact(lengths: tuple[int, ...], columns: bool) -> None:
    """One scale a column or one in all, a row alone or padded: with weights of the range that the pass takes here."""
    random = np.random.default_rng(0)
    spread = np.exp(random.normal(size=3 * DIM) / 2)
    weight = (0.05 * random.normal(size=(DIM, 3 * DIM)) * spread).astype(np.float32)
    largest = np.abs(weight).max(axis=0) if columns else np.abs(weight).max()
    scale = (largest / (127 if has_vnni() else 64)).astype(np.float32)
    whole = np.rint(weight / scale).astype(np.int8)
    inputs = random.normal(size=(len(lengths), 12, DIM)).astype(np.float32)
    found = kernel(inputs, lengths, whole, scale)
    wanted = attention(rounded(inputs) @ (whole * scale), lengths)
    for row, length in enumerate(lengths):
        assert np.abs(found[row, :length] - wanted[row, :length]).max() < 1e-4


def kernel(inputs: FloatMatrix, lengths: tuple[int, ...], weight: np.ndarray, scale: np.ndarray) -> FloatMatrix:
    """QAttention on these inputs (b, tokens, dim), without a bias."""
    weights = {"w": weight, "scale": scale, "zero": np.zeros_like(scale, dtype=np.int8),
               "bias": np.zeros(weight.shape[1], dtype=np.float32)}  # fmt: skip
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        helper.make_node("QAttention", ["xq", "w", "bias", "xs", "scale", "lengths", "xz", "zero"], ["y"],
                         domain="com.microsoft", num_heads=HEADS),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", "t", DIM]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["b"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", "t", DIM])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: FloatMatrix = session.run(["y"], {"x": inputs, "lengths": np.array(lengths, dtype=np.int32)})[0]
    return found


def rounded(inputs: FloatMatrix) -> FloatMatrix:
    """Inputs as 8 unsigned bits with one scale carry them (DynamicQuantizeLinear)."""
    low, high = min(0.0, float(inputs.min())), max(0.0, float(inputs.max()))
    scale = np.float32((high - low) / 255)
    zero = np.rint(-low / scale)
    return ((np.clip(np.rint(inputs / scale) + zero, 0, 255) - zero) * scale).astype(np.float32)


def attention(qkv: FloatMatrix, lengths: tuple[int, ...]) -> FloatMatrix:
    """Scaled dot-product attention of a projection (b, tokens, 3·dim), tokens behind a row's length masked."""
    rows, tokens, _width = qkv.shape
    query, key, value = (
        part.reshape(rows, tokens, HEADS, -1).transpose(0, 2, 1, 3) for part in np.split(qkv, 3, axis=-1)
    )
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(DIM / HEADS)
    scores[np.broadcast_to(np.arange(tokens) >= np.array(lengths)[:, None, None, None], scores.shape)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (weights / weights.sum(axis=-1, keepdims=True)) @ value
    return mixed.transpose(0, 2, 1, 3).reshape(rows, tokens, DIM)
