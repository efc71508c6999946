"""The graph of a text bundle with the inputs that other tools give and logits whose softmax is calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from marketfit.errors import MissingExtraError

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class StandardGraph:
    """The bytes of an ONNX file and the names of its inputs."""

    content: bytes
    inputs: tuple[str, ...]


def standard_graph(path: Path, *, temperature: float) -> StandardGraph:
    """Take int64 instead of int32, and divide the logits by the temperature. Nothing else changes.

    Raises:
        MissingExtraError: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as missing:
        raise MissingExtraError("train", "onnx") from missing
    model = onnx.load(str(path))
    _widen_inputs(model)
    if temperature != 1.0:
        _temper(model, temperature)
    onnx.checker.check_model(model, full_check=False)
    return StandardGraph(
        content=model.SerializeToString(deterministic=True), inputs=tuple(node.name for node in model.graph.input)
    )


def _widen_inputs(model: ModelProto) -> None:
    from onnx import TensorProto, helper

    casts = []
    for given in model.graph.input:
        inner = f"{given.name}_int32"
        _rename_inputs(model, given.name, inner)
        given.type.tensor_type.elem_type = TensorProto.INT64
        casts.append(helper.make_node("Cast", [given.name], [inner], name=f"{given.name}_cast", to=TensorProto.INT32))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *rest])


def _rename_inputs(model: ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new


def _temper(model: ModelProto, temperature: float) -> None:
    from onnx import TensorProto, helper

    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == "logits":
                node.output[place] = "logits_raw"
    _rename_inputs(model, "logits", "logits_raw")
    model.graph.initializer.append(helper.make_tensor("logits_scale", TensorProto.FLOAT, [], [1.0 / temperature]))
    model.graph.node.append(helper.make_node("Mul", ["logits_raw", "logits_scale"], ["logits"], name="calibration"))
