"""int8-embeddings: lookup tables in 8-bit integers with one scale a row, made float again after the lookup.

A table W (rows, dim) becomes round(W / s) with s = max |W| / 127 of each row, so that a looked-up value is off by s / 2
at the most. The table takes a quarter of its bytes; a request pays for one more lookup (of the scale) and one product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.graph_file import read_graph, rewrite
from marketfit.compress.passes.tables import SMALLEST, lookups, recode
from marketfit.task import FloatMatrix

if TYPE_CHECKING:
    import onnx

_LEVELS = 127


class Int8Embeddings(Untrained):
    """8-bit lookup tables. Takes no options."""

    stage: Stage = "graph"
    role: Role = "standard"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - Pass contract
        """It needs a lookup in a float32 table of 100,000 values or more."""
        if not lookups(read_graph(artefact)):
            return f"no lookup in a float32 table of {SMALLEST:,} values or more"
        return ""

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Rewrite every such lookup; what reads it sees the same name."""
        refuse_unknown("int8-embeddings", options, ())
        model = read_graph(artefact)
        made = rewrite(
            artefact, context.into, step="int8 lookup tables, one scale a row",
            change=lambda _before, after: recode(
                model, after, tables=lookups(model), encode=_encoded, lookup=_lookup
            ),
        )  # fmt: skip
        context.progress(1.0)
        return made


def quantise_rows(table: FloatMatrix) -> tuple[NDArray[np.int8], FloatMatrix]:
    """Integers (rows, dim) from −127 to 127 and scales (rows, 1); rows of zeros have the scale 1.

    >>> whole, scale = quantise_rows(np.array([[0.0, 0.0], [2.54, -1.0]], dtype=np.float32))
    >>> whole.tolist(), scale.ravel().round(3).tolist()
    ([[0, 0], [127, -50]], [1.0, 0.02])
    """
    largest = np.abs(table).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest / _LEVELS, 1.0).astype(np.float32)
    return np.rint(table / scale).astype(np.int8), scale


def _encoded(table: FloatMatrix) -> Mapping[str, NDArray[np.generic]]:
    whole, scale = quantise_rows(table)
    return {"int8": whole, "scale": scale}


def _lookup(node: onnx.NodeProto, table: str) -> list[onnx.NodeProto]:
    """rows = int8 table[ids] as float × scale[ids]; the scale of a row spreads over its values."""
    from onnx import TensorProto, helper

    ids, output = node.input[1], node.output[0]
    return [
        helper.make_node("Gather", [f"{table}.int8", ids], [f"{output}.int8"], name=f"{output}.int8", axis=0),
        helper.make_node("Cast", [f"{output}.int8"], [f"{output}.float"], name=f"{output}.float", to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}.scale", ids], [f"{output}.scale"], name=f"{output}.scale", axis=0),
        helper.make_node("Mul", [f"{output}.float", f"{output}.scale"], [output], name=output),
    ]
