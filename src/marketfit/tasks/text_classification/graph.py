"""The ONNX graph of a text model, written straight from its weights with onnxruntime's fused operators.

Inputs `input_ids` and `attention_mask`, int32 (batch, tokens), padded on the right. Outputs `embedding` (batch, dim),
the unit-length mean over tokens, and, with a head, `logits` (batch, classes). onnxruntime computes only the output that
it is asked for. Where the head reads the first token, the last layer computes nothing but that one behind its
attention, and the embedding is what the head's last product reads, at unit length.

Names are stable; every node is called as its first output, every weight is an initializer:

    embeddings.word            (vocabulary, dim)   the one Gather, node `embeddings.word_rows`
    embeddings.position        (longest, dim)      sliced to the batch's length; token type 0 is added in
    embeddings.norm.gamma|beta
    embeddings.project.weight|bias                 where the table is narrower than the model (ELECTRA)
    layer.I.attention.qkv.weight|bias              (dim, 3·heads·head): Attention, com.microsoft
    layer.I.attention.out.weight, .bias            MatMul and Add
    layer.I.attention.norm.gamma|beta              LayerNormalization of what is added to what was skipped
    layer.I.ffn.in.weight, .bias                   MatMul, then BiasGelu (FastGelu, or Add and Relu)
    layer.I.ffn.out.weight, .bias                  MatMul and Add
    layer.I.ffn.norm.gamma|beta                    LayerNormalization of what is added to what was skipped
    head.dense.weight, head.dense.bias             (dim, dim): Gemm, where the head reads the first token
    head.weight, head.bias                         (dim, classes): Gemm

The word table is read by a Gather of its own, so that a pass may swap the table for int8 rows and scales without
touching what follows. A layer with fewer heads has a narrower qkv, whose width tells Attention all sizes (were they in
its attribute `qkv_hidden_sizes`, onnxruntime's quantiser would leave the operator out). MatMul weights are (in, out).
onnxruntime has SkipLayerNormalization for the sum and its norm, but on a processor it takes four times as long as the
two operators (12 tokens of 384 numbers: 35 µs for 9), a tenth of a request at int8. There are no local paths and no
metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from marketfit.task import FloatMatrix
from marketfit.tasks.text_classification.weights import EncoderWeights, HeadActivation

_OPSET = 17
_IR_VERSION = 10


@dataclass(frozen=True)
class Dense:
    """What makes the first token what the classifier reads: weight (dim, dim), bias (dim,), activation."""

    weight: FloatMatrix
    bias: FloatMatrix
    activation: HeadActivation


@dataclass(frozen=True)
class Head:
    """A linear classifier: weight (classes, dim), bias (classes,). It reads the unit-length embedding, or `dense`."""

    weight: FloatMatrix
    bias: FloatMatrix
    dense: Dense | None = None


@dataclass
class GraphParts:
    """Nodes and weights of a graph that is being written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def weight(self, name: str, array: NDArray[np.generic]) -> str:
        """Add an initializer; gives its name."""
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str, *, fused: bool = False, **attributes: float | int
    ) -> str:
        """Add a node that is called as its output; gives that name."""
        domain = "com.microsoft" if fused else ""
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(node)
        return output


def encoder_graph(weights: EncoderWeights, head: Head | None, *, longest: int) -> onnx.ModelProto:
    """The graph of a BERT-shaped encoder, with or without a head, for texts of at most `longest` tokens.

    Positions that no text reaches stay out: 448 of 512 are 0.7 MB of MiniLM.
    """
    graph = GraphParts()
    hidden = _embeddings(graph, weights, longest)
    graph.weight("one", np.array([1], dtype=np.int64))
    graph.node("ReduceSum", ["attention_mask", "one"], "attention_lengths", keepdims=0)
    dense = head.dense if head is not None else None
    for layer in range(weights.layers):
        hidden = _layer(graph, weights, layer, hidden, first=dense is not None and layer == weights.layers - 1)
    dim = weights.arrays[f"layer.{weights.layers - 1}.ffn.norm.bias"].shape[0]
    read = _pool(graph, hidden) if dense is None else _read_first(graph, hidden, dense)
    return finished(graph, head, dim=dim, read=read)


def _embeddings(graph: GraphParts, weights: EncoderWeights, longest: int) -> str:
    arrays = weights.arrays
    graph.weight("zero", np.array([0], dtype=np.int64))
    word = graph.weight("embeddings.word", arrays["embeddings.word"])
    position = graph.weight("embeddings.position", arrays["embeddings.position"][:longest])
    rows = graph.node("Gather", [word, "input_ids"], "embeddings.word_rows", axis=0)
    length = graph.node("Shape", ["input_ids"], "embeddings.length", start=1, end=2)
    graph.node("Slice", [position, "zero", length, "zero"], "embeddings.position_rows")
    summed = graph.node("Add", [rows, "embeddings.position_rows"], "embeddings.sum")
    hidden = _norm(graph, weights, "embeddings", summed)
    if "embeddings.project.weight" not in arrays:
        return hidden
    project = graph.weight("embeddings.project.weight", arrays["embeddings.project.weight"].T)
    bias = graph.weight("embeddings.project.bias", arrays["embeddings.project.bias"])
    graph.node("MatMul", [hidden, project], "embeddings.project.product")
    return graph.node("Add", ["embeddings.project.product", bias], "embeddings.projected")


def _layer(graph: GraphParts, weights: EncoderWeights, layer: int, hidden: str, *, first: bool) -> str:
    """One layer; behind attention of all tokens, or of the `first` alone."""
    arrays, at = weights.arrays, f"layer.{layer}"
    parts = [f"{at}.attention.{part}" for part in ("query", "key", "value")]
    qkv = [
        graph.weight(f"{at}.attention.qkv.weight", np.hstack([arrays[f"{part}.weight"].T for part in parts])),
        graph.weight(f"{at}.attention.qkv.bias", np.concatenate([arrays[f"{part}.bias"] for part in parts])),
    ]
    context = graph.node(
        "Attention",
        [hidden, *qkv, "attention_lengths"],
        f"{at}.attention.context",
        fused=True,
        num_heads=weights.heads[layer],
    )
    if first:
        context = graph.node("Gather", [context, "zero"], f"{at}.attention.first", axis=1)
        hidden = graph.node("Gather", [hidden, "zero"], f"{at}.first", axis=1)
    attended = _project_and_norm(graph, weights, f"{at}.attention", context, hidden)
    inner = _product(graph, weights, f"{at}.ffn.in", attended)
    bias = graph.weight(f"{at}.ffn.in.bias", arrays[f"{at}.ffn.in.bias"])
    if weights.activation == "relu":
        inner = graph.node("Add", [inner, bias], f"{at}.ffn.in.sum")
        inner = graph.node("Relu", [inner], f"{at}.ffn.active")
    else:
        kind = "BiasGelu" if weights.activation == "gelu" else "FastGelu"
        inner = graph.node(kind, [inner, bias], f"{at}.ffn.active", fused=True)
    return _project_and_norm(graph, weights, f"{at}.ffn", inner, attended)


def _project_and_norm(graph: GraphParts, weights: EncoderWeights, at: str, inner: str, skip: str) -> str:
    product = _product(graph, weights, f"{at}.out", inner)
    bias = graph.weight(f"{at}.out.bias", weights.arrays[f"{at}.out.bias"])
    projected = graph.node("Add", [product, bias], f"{at}.projected")
    return _norm(graph, weights, at, graph.node("Add", [projected, skip], f"{at}.sum"))


def _norm(graph: GraphParts, weights: EncoderWeights, at: str, summed: str) -> str:
    gamma = graph.weight(f"{at}.norm.gamma", weights.arrays[f"{at}.norm.weight"])
    beta = graph.weight(f"{at}.norm.beta", weights.arrays[f"{at}.norm.bias"])
    return graph.node("LayerNormalization", [summed, gamma, beta], f"{at}.normed", axis=-1, epsilon=weights.epsilon)


def _product(graph: GraphParts, weights: EncoderWeights, at: str, inner: str) -> str:
    matrix = graph.weight(f"{at}.weight", weights.arrays[f"{at}.weight"].T)
    return graph.node("MatMul", [inner, matrix], f"{at}.product")


def _pool(graph: GraphParts, hidden: str) -> str:
    # The mean's length cancels when it is scaled to unit length, so the masked sum is enough.
    graph.weight("last", np.array([-1], dtype=np.int64))
    graph.node("Cast", ["attention_mask"], "pool.mask", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ["pool.mask", "last"], "pool.weights")
    graph.node("Mul", [hidden, "pool.weights"], "pool.masked")
    graph.node("ReduceSum", ["pool.masked", "one"], "pool.sum", keepdims=0)
    return graph.node("LpNormalization", ["pool.sum"], "embedding", axis=-1, p=2)


def _read_first(graph: GraphParts, hidden: str, dense: Dense) -> str:
    token = graph.node("Squeeze", [hidden, "one"], "pool.first")
    weight = graph.weight("head.dense.weight", dense.weight.T)
    bias = graph.weight("head.dense.bias", dense.bias)
    graph.node("Gemm", [token, weight, bias], "pool.dense")
    kind = {"tanh": "Tanh", "relu": "Relu", "gelu": "Gelu"}[dense.activation]
    read = graph.node(kind, ["pool.dense"], "pool.active", fused=kind == "Gelu")
    graph.node("LpNormalization", [read], "embedding", axis=-1, p=2)
    return read


def finished(
    graph: GraphParts, head: Head | None, *, dim: int, read: str = "embedding",
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
) -> onnx.ModelProto:  # fmt: skip
    """The model of a graph that ends in `embedding` (batch, dim), with its head on `read` if there is one."""
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])]
    if head is not None:
        weight = graph.weight("head.weight", head.weight.T)
        bias = graph.weight("head.bias", head.bias)
        graph.node("Gemm", [read, weight, bias], "logits")
        outputs.insert(0, helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(head.bias)]))
    taken = [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"]) for name in inputs]
    proto = helper.make_graph(
        graph.nodes,
        "text",
        taken,
        outputs,
        [numpy_helper.from_array(array, name) for name, array in graph.weights.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="marketfit")
