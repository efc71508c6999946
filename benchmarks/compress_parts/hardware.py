"""What the machine can do at int8, through onnxruntime's MatMulInteger: one large product, and the model's own."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from marketfit import registry

Shape = tuple[int, int]
"""Rows and columns of a weight."""


def shapes_of(model: Path) -> tuple[Shape, ...]:
    """Of all products with weights in the layers of a model folder, in order.

    Those of tokens with tokens are left out: a hundredth of it at 12 tokens.
    """
    found = registry.surgeon("text-classification").anatomy(model)
    hidden: int = json.loads((model / "config.json").read_text("utf-8"))["hidden_size"]
    shapes: list[Shape] = []
    for heads, inner in zip(found.heads, found.widths, strict=True):
        attended = heads * found.head_dim
        shapes += [(hidden, 3 * attended), (attended, hidden), (hidden, inner), (inner, hidden)]
    return tuple(shapes)


def operations(tokens: float, shapes: Sequence[Shape]) -> float:
    """Multiplications and additions of a row's products with weights."""
    return 2.0 * tokens * sum(rows * columns for rows, columns in shapes)


def peak_operations(*, threads: int, size: int = 2048, rounds: int = 8) -> float:
    """int8 operations a second of one large product."""
    once = products(rows=size, shapes=[(size, size)], threads=threads)
    return 2.0 * size**3 / statistics.median(once() for _ in range(rounds))


def products(*, rows: int, shapes: Sequence[Shape], threads: int) -> Callable[[], float]:
    """Computes nothing but unsigned × signed products, each with its own weights, and gives its seconds."""
    rng = np.random.default_rng(0)
    nodes, constants, outputs = [], [], []
    widths = sorted({inner for inner, _ in shapes})
    given = [helper.make_tensor_value_info(f"x{width}", TensorProto.UINT8, ["n", width]) for width in widths]
    for number, (inner, columns) in enumerate(shapes):
        weight = rng.integers(-127, 128, (inner, columns), dtype=np.int8)
        constants.append(numpy_helper.from_array(weight, f"w{number}"))
        nodes.append(helper.make_node("MatMulInteger", [f"x{inner}", f"w{number}"], [f"y{number}"]))
        outputs.append(helper.make_tensor_value_info(f"y{number}", TensorProto.INT32, ["n", columns]))
    graph = helper.make_graph(nodes, "products", given, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    inputs = {f"x{width}": rng.integers(0, 256, (rows, width), dtype=np.uint8) for width in widths}

    def once() -> float:
        began = time.perf_counter()
        session.run(None, inputs)
        return time.perf_counter() - began

    for _ in range(3):
        once()
    return once
