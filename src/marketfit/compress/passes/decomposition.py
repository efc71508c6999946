"""onnxruntime's fused operators, each written as the standard ones (ai.onnx) that it stands for.

What is made is what the operator's documentation says (onnxruntime, ContribOperators.md). Names of weights stay; new
nodes are called as the output of the operator that they replace and a part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

FUSED = "com.microsoft"
_MASKED = -10_000.0  # what Attention adds to the score of a token behind a row's length
_NEEDED = {"Attention": 4, "BiasGelu": 2, "FastGelu": 1, "Gelu": 1}
"""Operator → inputs that it must have."""

_ATTRIBUTES = {"Attention": {"num_heads"}}


class Decomposition:
    """A graph that is being written again without fused operators."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output}
        self.nodes: list[onnx.NodeProto] = []
        self.made: dict[str, NDArray[np.generic]] = {}
        self.masks: dict[str, str] = {}  # mask → what is added to scores

    def constant(self, name: str, value: Sequence[int] | float) -> str:
        """A shared constant: int64 from whole numbers, float32 from one number."""
        kind = np.float32 if isinstance(value, float) else np.int64
        self.made[name] = np.asarray(value, dtype=kind)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: int | float | list[int]) -> str:
        """Add a standard node that is called as its output; gives that name."""
        from onnx import helper

        made = helper.make_node(kind, inputs, [output], name=output)
        made.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(made)
        return output


def obstacle(model: onnx.ModelProto) -> str:
    """Why a graph can't be written in standard operators, or an empty string."""
    for node in model.graph.node:
        if node.domain != FUSED:
            continue
        if node.op_type not in _NEEDED:
            return f"{node.op_type} has no form in standard operators that we know"
        known = _ATTRIBUTES.get(node.op_type, set())
        further = {item.name for item in node.attribute} - known
        if further or len(node.input) < _NEEDED[node.op_type] or sum(map(bool, node.output)) != 1:
            return f"{node.op_type} '{node.name}' is of a form that we do not know"
    return ""


def is_fused(model: onnx.ModelProto) -> bool:
    """Whether a graph has operators of onnxruntime's own."""
    return any(node.domain == FUSED for node in model.graph.node)


def decomposed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without fused operators; the one given is left as it is.

    Raises:
        ValueError: there is an obstacle.
    """
    import onnx
    from onnx import numpy_helper

    if reason := obstacle(model):
        raise ValueError(reason)
    work = Decomposition(model)
    for node in model.graph.node:
        if node.domain == FUSED:
            _WRITERS[node.op_type](work, node)
        else:
            work.nodes.append(node)
    nodes = _alive(work.nodes, [output.name for output in model.graph.output])
    read = {name for node in nodes for name in node.input}
    kept = [tensor for name, tensor in work.weights.items() if name in read and name not in work.made]
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:], made.opset_import[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(kept)
    made.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in work.made.items() if name in read
    )
    made.opset_import.extend(item for item in model.opset_import if item.domain != FUSED)
    return made


def _alive(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that some output depends on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _attention(work: Decomposition, node: onnx.NodeProto) -> None:
    """softmax(Q Kᵀ / √d + mask) V of Q, K, V = hidden W + b; the 1/√d goes into W and b."""
    from onnx import numpy_helper

    at = node.output[0]
    hidden, weight, bias, mask = node.input[:4]
    heads = next(int(item.i) for item in node.attribute if item.name == "num_heads")
    matrix, shift = (numpy_helper.to_array(work.weights[name]) for name in (weight, bias))
    inner = matrix.shape[1] // 3
    factor = np.ones(3 * inner, dtype=np.float32)
    factor[:inner] = 1.0 / math.sqrt(inner / heads)
    work.made[weight], work.made[bias] = matrix * factor, shift * factor
    work.node("MatMul", [hidden, weight], f"{at}.product")
    work.node("Add", [f"{at}.product", bias], f"{at}.qkv")
    parts = work.constant(f"{at}.split", [inner] * 3)
    flat = [f"{at}.{part}.flat" for part in ("query", "key", "value")]
    split = work.node("Split", [f"{at}.qkv", parts], flat[0], axis=-1)
    work.nodes[-1].output.extend(flat[1:])
    work.nodes[-1].name = f"{at}.parts"
    shape = work.constant(f"heads.{heads}x{inner // heads}", [0, 0, heads, inner // heads])
    turned = []
    for name, order in zip((split, *flat[1:]), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True):
        part = name.removesuffix(".flat")
        work.node("Reshape", [name, shape], f"{part}.heads")
        turned.append(work.node("Transpose", [f"{part}.heads"], part, perm=order))
    work.node("MatMul", turned[:2], f"{at}.scores")
    work.node("Add", [f"{at}.scores", _mask(work, mask)], f"{at}.masked")
    work.node("Softmax", [f"{at}.masked"], f"{at}.weights", axis=-1)
    work.node("MatMul", [f"{at}.weights", turned[2]], f"{at}.mixed")
    work.node("Transpose", [f"{at}.mixed"], f"{at}.turned", perm=[0, 2, 1, 3])
    work.node("Reshape", [f"{at}.turned", work.constant(f"joined.{inner}", [0, 0, inner])], at)


def _mask(work: Decomposition, mask: str) -> str:
    """What is added to scores (b, 1, 1, tokens); the mask is one of tokens (b, tokens), or the sum of one (b,)."""
    from onnx import TensorProto

    producer = work.producers.get(mask)
    tokens = producer.input[0] if producer is not None and producer.op_type == "ReduceSum" else mask
    if tokens not in work.masks:
        at = f"{tokens}.added"
        work.node("Cast", [tokens], f"{at}.float", to=TensorProto.FLOAT)
        work.node("Unsqueeze", [f"{at}.float", work.constant("axes.1.2", [1, 2])], f"{at}.wide")
        work.node("Sub", [work.constant("one.float", 1.0), f"{at}.wide"], f"{at}.padding")
        work.masks[tokens] = work.node("Mul", [f"{at}.padding", work.constant("masked", _MASKED)], at)
    return work.masks[tokens]


def _gelu(work: Decomposition, node: onnx.NodeProto) -> None:
    """x/2 · (1 + erf(x/√2)) of x, or of x + bias (Hendrycks & Gimpel 2016)."""
    at, value = node.output[0], _biased(work, node)
    work.node("Div", [value, work.constant("sqrt.2", math.sqrt(2.0))], f"{at}.scaled")
    work.node("Erf", [f"{at}.scaled"], f"{at}.erf")
    work.node("Add", [f"{at}.erf", work.constant("one.float", 1.0)], f"{at}.gate")
    work.node("Mul", [value, f"{at}.gate"], f"{at}.gated")
    work.node("Mul", [f"{at}.gated", work.constant("half", 0.5)], at)


def _fast_gelu(work: Decomposition, node: onnx.NodeProto) -> None:
    """x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) of x, or of x + bias."""
    at, value = node.output[0], _biased(work, node)
    work.node("Mul", [value, value], f"{at}.square")
    work.node("Mul", [f"{at}.square", work.constant("gelu.cubic", 0.044715)], f"{at}.part")
    work.node("Add", [f"{at}.part", work.constant("one.float", 1.0)], f"{at}.factor")
    work.node("Mul", [value, f"{at}.factor"], f"{at}.polynomial")
    work.node("Mul", [f"{at}.polynomial", work.constant("gelu.scale", math.sqrt(2.0 / math.pi))], f"{at}.scaled")
    work.node("Tanh", [f"{at}.scaled"], f"{at}.tanh")
    work.node("Add", [f"{at}.tanh", work.constant("one.float", 1.0)], f"{at}.gate")
    work.node("Mul", [value, f"{at}.gate"], f"{at}.gated")
    work.node("Mul", [f"{at}.gated", work.constant("half", 0.5)], at)


def _biased(work: Decomposition, node: onnx.NodeProto) -> str:
    if len(node.input) > 1 and node.input[1]:
        return work.node("Add", list(node.input[:2]), f"{node.output[0]}.biased")
    return str(node.input[0])


_WRITERS: Mapping[str, Callable[[Decomposition, onnx.NodeProto], None]] = {
    "Attention": _attention,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "Gelu": _gelu,
}
