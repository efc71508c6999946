"""Where the megabytes of a bundle lie: the word table, the other weights, the other files.

Passes act on these one by one (a trim on the table and the tokenizer, int8 on the weights), so that the size of a
sequence that was never made follows from the parts, and not from the whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from marketfit.bundle import size_mb
from marketfit.bundle.layout import GRAPH
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.graph_file import is_row_lookup, read_graph, weight_bytes

if TYPE_CHECKING:
    import onnx

TABLE, WEIGHTS, FILES = "word table", "other weights", "other files"


def size_parts(folder: Path) -> dict[str, float]:
    """Part → MB of an unsealed bundle; they add up to its `size_mb`.

    The word table is the largest tensor that is read by rows; there is none in a graph without a lookup. The rest of
    the graph, its operators too, counts as other weights.
    """
    graph = (folder / GRAPH).stat().st_size / 1e6
    table = _table_bytes(read_graph(Artefact(stage="graph", folder=folder))) / 1e6
    return {TABLE: table, WEIGHTS: graph - table, FILES: size_mb(folder) - graph}


def _table_bytes(model: onnx.ModelProto) -> int:
    sizes = weight_bytes(model)
    return max((sizes.get(node.input[0], 0) for node in model.graph.node if is_row_lookup(node)), default=0)
