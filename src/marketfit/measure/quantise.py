"""Dynamic quantisation of a graph by onnxruntime's quantiser: what the pass `int8` ships, and what tells how fast a
backbone will be before anything is trained.

`reduced`: 7 bits of each weight, for processors without VNNI; `marketfit.compress.passes.int8` says why.
"""

from __future__ import annotations

import platform
from pathlib import Path

QUANTISED = ("MatMul", "Attention", "Gemm")
"""Operators whose products are computed in 8-bit integers."""


def quantise(before: Path, after: Path, *, reduced: bool) -> None:
    """Write the graph with int8 weights, one scale a column, and activations that are scaled for each request."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = onnx.load(str(before), load_external_data=False)
    # Says that nothing is left to infer: the graph comes with all its types, which the quantiser warns about otherwise.
    add_pre_process_metadata(model)
    quantize_dynamic(
        model,
        str(after),
        op_types_to_quantize=list(QUANTISED),
        per_channel=True,
        reduce_range=reduced,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def has_vnni() -> bool:
    """Whether 8-bit products are summed in 32 bits here. Arm does so; where nothing is known the answer is no."""
    if platform.machine() in ("aarch64", "arm64"):
        return True
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
