"""Lookup tables of a graph, and another form of them in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketfit.compress.passes.graph_file import is_row_lookup
from marketfit.task import FloatMatrix

if TYPE_CHECKING:
    import onnx

SMALLEST = 100_000
"""Values; a table of fewer is not worth more operators."""

Encode = Callable[[FloatMatrix], Mapping[str, NDArray[np.generic]]]
"""Of a table (rows, dim): name → tensor that stands for it. A tensor is called as the table, a dot and this name."""

Lookup = Callable[["onnx.NodeProto", str], list["onnx.NodeProto"]]
"""What takes the place of a Gather that read a table, by the table's name; the last operator gives what it gave."""


def lookups(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Float32 table of `SMALLEST` values or more → the Gather along its first axis that alone reads it."""
    import onnx

    big = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) == 2
        and tensor.dims[0] * tensor.dims[1] >= SMALLEST
    }
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in set(node.input):
            readers.setdefault(name, []).append(node)
    return {
        name: nodes[0]
        for name, nodes in readers.items()
        if name in big and len(nodes) == 1 and is_row_lookup(nodes[0]) and nodes[0].input[0] == name
    }


def recode(
    model: onnx.ModelProto, after: Path, *, tables: Mapping[str, onnx.NodeProto], encode: Encode, lookup: Lookup
) -> None:
    """Write a graph, which is used up, with its tables encoded; what reads a lookup sees the same name."""
    import onnx
    from onnx import numpy_helper

    kept = [tensor for tensor in model.graph.initializer if tensor.name not in tables]
    made = [
        numpy_helper.from_array(array, f"{tensor.name}.{name}")
        for tensor in model.graph.initializer
        if tensor.name in tables
        for name, array in encode(numpy_helper.to_array(tensor)).items()
    ]
    of_output = {node.output[0]: name for name, node in tables.items()}
    nodes = [
        new
        for node in model.graph.node
        for new in (lookup(node, of_output[node.output[0]]) if node.output[0] in of_output else [node])
    ]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend([*kept, *made])
    model.graph.node.extend(nodes)
    onnx.save_model(model, str(after))
