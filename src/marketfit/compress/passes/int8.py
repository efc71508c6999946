"""int8: matrix products in 8-bit integers, activations scaled for each request (dynamic quantisation).

onnxruntime's quantiser does the work: weights are signed, with one scale a column; activations unsigned, with one
scale a tensor, found at run time. Measured on MiniLM on an AVX-512 VNNI processor (one thread, about ten tokens):
2.6 times as fast as float32, and as good (93.7 % against 93.8 % of 3,000 CLINC150 rows); unsigned weights are slower
by half, one scale a matrix loses 0.5 points, and leaving Attention in float32 costs 0.8 ms.

Without VNNI, two products of 8-bit unsigned and signed numbers are summed in 16 bits and can saturate; there, 7 bits of
each weight are used. Measured on such a processor with random weights (384 dimensions, 12 tokens): one pair in 4,000
saturates where each column has its own scale, which moves Attention's output by 0.45; with 7 bits the kernel gives what
exact arithmetic does. `range: full` or `range: reduced` overrides what this machine suggests: a bundle that is made for
another processor needs the range of that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.graph_file import read_graph, rewrite, weight_bytes
from marketfit.errors import BriefError, Problem
from marketfit.measure.quantise import QUANTISED, has_vnni, quantise

if TYPE_CHECKING:
    import onnx

_WORTHWHILE = 0.1  # share of the weights that must be in matrix products


class Int8(Untrained):
    """Dynamic quantisation of MatMul, Gemm and Attention. Option `range`: auto, full or reduced."""

    stage: Stage = "graph"
    role: Role = "standard"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - Pass contract
        """It needs float32 matrix products that hold a tenth of the weights or more."""
        return too_few_products(read_graph(artefact))

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Quantise; see the module's docstring."""
        refuse_unknown("int8", options, ("range",))
        reduced = is_reduced("int8", options)
        step = "int8 weights of 7 bits and activations in matrix products" if reduced else "int8 matrix products"
        made = rewrite(
            artefact, context.into, step=step, change=lambda before, after: quantise(before, after, reduced=reduced)
        )
        context.progress(1.0)
        return made


def too_few_products(model: onnx.ModelProto) -> str:
    """Why there is nothing to quantise: too few of the weights are in float32 matrix products; else empty."""
    import onnx

    sizes = weight_bytes(model)
    floats = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    inside = {node.input[1] for node in model.graph.node if node.op_type in QUANTISED and node.input[1] in floats}
    share = sum(sizes[name] for name in inside) / max(1, sum(sizes.values()))
    return f"only {share:.1%} of the weights are in matrix products" if share < _WORTHWHILE else ""


def is_reduced(name: str, options: Options) -> bool:
    """Whether weights get 7 bits: what the option `range` of a pass says, or what this processor suggests.

    Raises:
        BriefError: the option is none of auto, full and reduced.
    """
    wanted = options.get("range", "auto")
    if wanted not in ("auto", "full", "reduced"):
        raise BriefError([Problem(f"pass {name}: range", f"{wanted!r}", "auto, full or reduced", "use one of them")])
    return wanted == "reduced" or (wanted == "auto" and not has_vnni())
