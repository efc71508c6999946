"""Read and write the graph of an unsealed bundle; find weights and their readers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from marketfit.bundle import read_spec, write_spec
from marketfit.bundle.layout import GRAPH
from marketfit.compress.passes import Artefact

if TYPE_CHECKING:
    import onnx


def read_graph(artefact: Artefact) -> onnx.ModelProto:
    """The graph of an unsealed bundle."""
    import onnx

    return onnx.load(str(artefact.folder / GRAPH), load_external_data=False)


def rewrite(artefact: Artefact, into: Path, *, step: str, change: Callable[[Path, Path], None]) -> Artefact:
    """Copy an unsealed bundle with another graph: `change(graph before, graph after)` writes it.

    The result is stripped of metadata, and `step` joins the lineage.
    """
    shutil.copytree(artefact.folder, into)
    (into / GRAPH).unlink()
    change(artefact.folder / GRAPH, into / GRAPH)
    _strip(into / GRAPH)
    spec = read_spec(into)
    write_spec(into, replace(spec, lineage=(*spec.lineage, step)))
    return Artefact(stage="graph", folder=into)


def _strip(path: Path) -> None:
    """Drop all that says where and how the graph was made, and shapes that nobody reads."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    del model.metadata_props[:]
    model.producer_name, model.producer_version, model.doc_string, model.domain = "marketfit", "", "", ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    model.graph.doc_string = ""
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


def is_row_lookup(node: onnx.NodeProto) -> bool:
    """Whether an operator reads whole rows of its first input by number."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    return node.op_type == "Gather" and node.domain == "" and axis == 0


def weight_bytes(model: onnx.ModelProto) -> dict[str, int]:
    """Initializer → bytes of its values."""
    import onnx
    from onnx import helper

    sizes = {}
    for tensor in model.graph.initializer:
        count = 1
        for extent in tensor.dims:
            count *= extent
        if tensor.data_type != onnx.TensorProto.STRING:
            sizes[tensor.name] = count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return sizes
