"""The ONNX graph of a model whose architecture we do not write ourselves: traced, in standard operators.

The older exporter (`dynamo=False`) with eager attention is used on purpose: runtimes recognise the attention that it
writes, and little of what the newer one writes. They fuse what they can when they open the graph. Fusing it here as
well (onnxruntime.transformers) was measured to gain nothing: MPNet with MiniLM's sizes, one text of 12 tokens, 9.2 ms
either way; 16 of 24 tokens, 123 ms against 130.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import cast

import onnx
import torch
import transformers
from torch import Tensor, nn

from marketfit.tasks.text_classification.model import TextModel, WholeModel

_OPSET = 17
_TOKENS = 7  # of the example that is traced; both axes are free afterwards


class _Int32Inputs(nn.Module):
    """The model as the runtime calls it: int32 in, `embedding` (and `logits`) out."""

    def __init__(self, model: TextModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        said = self.model(input_ids=input_ids.long(), attention_mask=attention_mask.long())
        return (said["logits"], said["features"]) if "logits" in said else (said["features"],)


def traced_graph(model: TextModel) -> onnx.ModelProto:
    """Trace; no metadata and no local paths stay in the graph."""
    outputs = ["logits", "embedding"] if model.classifies else ["embedding"]
    encoder = model.whole if isinstance(model, WholeModel) else cast("transformers.PreTrainedModel", model.encoder)
    attention = encoder.config._attn_implementation
    encoder.set_attn_implementation("eager")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "traced.onnx"
            _trace(model, path, outputs)
            graph = onnx.load(path, load_external_data=False)
    finally:
        encoder.set_attn_implementation(attention)
    return stripped(graph)


def _trace(model: TextModel, path: Path, outputs: list[str]) -> None:
    ids = torch.ones((2, _TOKENS), dtype=torch.int32)
    mask = torch.ones_like(ids)
    mask[1, -2:] = 0
    free = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")}
    with warnings.catch_warnings():
        # It warns of its own deprecation and of every Python branch that it follows; check_graph sees what matters.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Int32Inputs(model).eval(),
            (ids, mask),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=outputs,
            dynamic_axes={**free, **{name: {0: "batch"} for name in outputs}},
            opset_version=_OPSET,
            dynamo=False,
        )


def stripped(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Without what an exporter leaves behind: source locations, metadata, its own name and version."""
    graph.producer_name, graph.producer_version, graph.doc_string = "marketfit", "", ""
    del graph.metadata_props[:]
    graph.graph.name, graph.graph.doc_string = "text", ""
    del graph.graph.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info, *graph.graph.initializer):
        value.doc_string = ""
    del graph.graph.value_info[:]
    return graph
