"""What the machine can do at int8, through onnxruntime's MatMulInteger: one large product, and the model's own."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
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


def floor_ms(*, tokens: int, shapes: Sequence[Shape], threads: int, rounds: int = 300) -> float:
    """Median ms of nothing but the int8 products of one row."""
    return 1e3 * _seconds([(tokens, *shape) for shape in shapes], threads, rounds)


def peak_operations(*, threads: int, size: int = 2048, rounds: int = 8) -> float:
    """int8 operations a second of one large product."""
    return 2.0 * size**3 / _seconds([(size, size, size)], threads, rounds)


def _seconds(products: Sequence[tuple[int, int, int]], threads: int, rounds: int) -> float:
    """Median seconds of unsigned × signed products (rows, inner, columns), each with weights of its own."""
    rng = np.random.default_rng(0)
    nodes, constants, outputs = [], [], []
    widths = sorted({inner for _, inner, _ in products})
    given = [helper.make_tensor_value_info(f"x{width}", TensorProto.UINT8, ["n", width]) for width in widths]
    for number, (_, inner, columns) in enumerate(products):
        weight = rng.integers(-127, 128, (inner, columns), dtype=np.int8)
        constants.append(numpy_helper.from_array(weight, f"w{number}"))
        nodes.append(helper.make_node("MatMulInteger", [f"x{inner}", f"w{number}"], [f"y{number}"]))
        outputs.append(helper.make_tensor_value_info(f"y{number}", TensorProto.INT32, ["n", columns]))
    graph = helper.make_graph(nodes, "products", given, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    count = products[0][0]
    inputs = {f"x{width}": rng.integers(0, 256, (count, width), dtype=np.uint8) for width in widths}
    taken = []
    for _ in range(rounds + 3):
        began = time.perf_counter()
        session.run(None, inputs)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[3:])
