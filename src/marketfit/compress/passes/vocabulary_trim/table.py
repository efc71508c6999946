"""Cut the lookup tables that token ids are read from. What the graph makes of a row is not its business."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marketfit.compress.passes.graph_file import is_row_lookup

if TYPE_CHECKING:
    import onnx

_IDS = "input_ids"
_SAME_VALUES = ("Cast", "Identity")
_NO_VALUES = ("Shape", "Size")


def word_tables(model: onnx.ModelProto) -> tuple[str, ...]:
    """Initializers whose rows are looked up by token id, in the order of the graph."""
    return tuple(node.input[0] for node in _lookups(model))


def obstacle(model: onnx.ModelProto, *, tokens: int) -> str:
    """Why the tables can't be cut, or an empty string. `tokens` is the number of tokens of the tokenizer."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    tables = word_tables(model)
    if not tables or any(name not in tensors for name in tables):
        return f"no table of weights is looked up by {_IDS}"
    rows = min(tensors[name].dims[0] for name in tables)
    if rows < tokens:
        return f"the tokenizer has {tokens:,} tokens, the table {rows:,} rows"
    carriers, lookups = _carriers(model), {node.output[0] for node in _lookups(model)}
    for node in model.graph.node:
        if not carriers & set(node.input) or node.op_type in (*_SAME_VALUES, *_NO_VALUES):
            continue
        if node.output[0] not in lookups:
            # MPNet, for one, tells padding by its id.
            return f"the graph reads token ids in an operator {node.op_type} too, where their numbers may matter"
    readers = [name for node in model.graph.node for name in node.input if name in tables]
    return "" if len(readers) == len(tables) else "the table is read by something else than its lookup too"


def cut_tables(before: Path, after: Path, *, rows: Sequence[int]) -> None:
    """Write the graph with these rows of every table, in this order: row i of the new one is row `rows[i]`."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(before), load_external_data=False)
    tables = set(word_tables(model))
    for tensor in model.graph.initializer:
        if tensor.name in tables:
            values = numpy_helper.to_array(tensor)[np.asarray(rows)]
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
    onnx.save_model(model, str(after))


def _carriers(model: onnx.ModelProto) -> set[str]:
    """Names that hold token ids. Nodes come in an order in which inputs are made before they are read."""
    names = {_IDS}
    for node in model.graph.node:
        if node.op_type in _SAME_VALUES and node.input[0] in names:
            names.add(node.output[0])
    return names


def _lookups(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    carriers = _carriers(model)
    return [node for node in model.graph.node if is_row_lookup(node) and node.input[1] in carriers]
