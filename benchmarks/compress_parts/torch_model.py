"""The fine-tuned model as transformers' pipeline wants it, and as torch.onnx exports it."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput


class PooledClassifier(transformers.BertPreTrainedModel):
    """BertModel, mean over tokens, unit length, linear head: the architecture that was fine-tuned."""

    def __init__(self, config: transformers.BertConfig) -> None:
        super().__init__(config)
        self.bert = transformers.BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: object) -> SequenceClassifierOutput:
        """Logits (b, classes)."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        total = (hidden * attention_mask.unsqueeze(-1).to(hidden.dtype)).sum(dim=1)
        return SequenceClassifierOutput(logits=self.head(nn.functional.normalize(total, dim=-1)))


class Logits(nn.Module):
    """The same with a tensor as output, for the exporter."""

    def __init__(self, model: PooledClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (b, classes)."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def pooled_classifier(folder: Path, *, attention: str = "sdpa") -> PooledClassifier:
    """Read a marketfit model folder; every tensor must find its place."""
    tensors = load_file(folder / "model.safetensors")
    labels = {number: f"LABEL_{number}" for number in range(len(tensors["head.bias"]))}
    numbers = {label: number for number, label in labels.items()}
    config = transformers.BertConfig.from_pretrained(folder, id2label=labels, label2id=numbers)
    config._attn_implementation = attention
    model = PooledClassifier(config)
    state = {name.replace("encoder.", "bert.", 1) if name.startswith("encoder.") else name: tensor
             for name, tensor in tensors.items()}  # fmt: skip
    wrong = model.load_state_dict(state, strict=False)
    lacking = [name for name in wrong.missing_keys if not name.endswith(("position_ids", "token_type_ids"))]
    assert not lacking, lacking
    assert not wrong.unexpected_keys, wrong.unexpected_keys
    return model.eval()


def export(folder: Path, into: Path) -> None:
    """The standard export, with eager attention, which is the form that onnxruntime's optimiser fuses."""
    model = Logits(pooled_classifier(folder, attention="eager")).eval()
    ids = torch.ones((2, 9), dtype=torch.int64)
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "batch", 1: "tokens"} for name in names} | {"logits": {0: "batch"}}
    with torch.inference_mode():
        torch.onnx.export(
            model, (ids, ids), str(into), input_names=names, output_names=["logits"], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip
