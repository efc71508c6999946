"""half: weights stored in 16 bits (IEEE 754 binary16, or bfloat16), computed with in 32.

Processors without 16-bit arithmetic would convert back and forth at every operator, so only what is stored changes: a
table is read as it is and the rows that were looked up are made wide; every other weight is made wide once, when the
graph is opened. The file halves; time and memory stay what they were, but for tables, whose memory halves as well.
bfloat16 takes the same space and keeps 3 bits less of each weight; it is offered where a weight is beyond binary16's
range, 65,504, and would stay in 32 bits.

Measured on three layers of MiniLM tuned to CLINC150 (3,000 valid rows): 69.7 MB become 35.1 with every answer the
same; after `int8`, 53.6 MB become 29.8, where `int8-embeddings` makes 18.6 of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.graph_file import read_graph, rewrite, weight_bytes
from marketfit.errors import BriefError, Problem
from marketfit.task import FloatMatrix

if TYPE_CHECKING:
    import onnx

_SMALLEST = 1_000  # values; below that a weight is not worth another operator
_WORTHWHILE = 0.1  # share of the bytes that must be in such weights
_LARGEST = {"float16": 65_504.0, "bfloat16": 3.3895313892515355e38}  # what each format holds


class Half(Untrained):
    """16-bit weights. Option `format`: float16 (default) or bfloat16."""

    stage: Stage = "graph"
    role: Role = "rewrite"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - Pass contract
        """It needs float32 weights of 1,000 values or more that hold a tenth of the bytes or more."""
        model = read_graph(artefact)
        sizes = weight_bytes(model)
        share = sum(sizes[name] for name in _largest_values(model)) / max(1, sum(sizes.values()))
        return f"only {share:.1%} of the bytes are in large float32 weights" if share < _WORTHWHILE else ""

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - Pass contract
        """float16, and bfloat16 where some weight needs its range."""
        fitting = [value <= _LARGEST["float16"] for value in _largest_values(read_graph(artefact)).values()]
        usual: Sequence[Options] = ({},) if any(fitting) else ()
        return usual if all(fitting) else (*usual, {"format": "bfloat16"})

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Store every such weight that fits in 16 bits; see the module's docstring."""
        refuse_unknown("half", options, ("format",))
        wanted = options.get("format", "float16")
        if wanted not in _LARGEST:
            raise BriefError([Problem("pass half: format", f"{wanted!r}", " or ".join(_LARGEST), "use one of them")])
        change = partial(_halve, wanted=str(wanted))
        made = rewrite(artefact, context.into, step=f"{wanted} weights, float32 arithmetic", change=change)
        context.progress(1.0)
        return made


def _largest_values(model: onnx.ModelProto) -> dict[str, float]:
    """Float32 weight of many values → the largest of them, without sign."""
    import onnx
    from onnx import numpy_helper

    return {
        tensor.name: float(np.abs(numpy_helper.to_array(tensor)).max())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= _SMALLEST
    }


def _narrow(values: FloatMatrix, name: str, wanted: str) -> onnx.TensorProto:
    """The tensor in 16 bits, each value rounded to the nearest, of two to the even one."""
    from onnx import TensorProto, helper, numpy_helper

    if wanted == "float16":
        return numpy_helper.from_array(values.astype(np.float16), name)
    bits = np.ascontiguousarray(values, dtype="<f4").view("<u4").astype(np.uint64)
    upper = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
    return helper.make_tensor(name, TensorProto.BFLOAT16, values.shape, upper.tobytes(), raw=True)


def _halve(before: Path, after: Path, *, wanted: str) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(before), load_external_data=False)
    names = {name for name, value in _largest_values(model).items() if value <= _LARGEST[wanted]}
    for tensor in model.graph.initializer:
        if tensor.name in names:
            tensor.CopyFrom(_narrow(numpy_helper.to_array(tensor), f"{tensor.name}.half", wanted))
    tables = {name for name in names if all(_looks_up(node, name) for node in _readers(model, name))}
    nodes = [_widened(f"{name}.half", name) for name in sorted(names - tables)]
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "Gather" and node.input[0] in tables:
            output = node.output[0]
            node.input[0], node.output[0] = f"{node.input[0]}.half", f"{output}.half"
            nodes.append(_widened(f"{output}.half", output))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save_model(model, str(after))


def _readers(model: onnx.ModelProto, name: str) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if name in node.input]


def _looks_up(node: onnx.NodeProto, table: str) -> bool:
    return node.op_type == "Gather" and node.input[0] == table


def _widened(narrow: str, wide: str) -> onnx.NodeProto:
    from onnx import TensorProto, helper

    return helper.make_node("Cast", [narrow], [wide], name=f"{wide}.wide", to=TensorProto.FLOAT)
