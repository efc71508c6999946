"""An encoder's weights under our own names, whatever architecture they came from. Numpy only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from pydantic import JsonValue

from marketfit.task import FloatMatrix

Arrays = Mapping[str, FloatMatrix]
Activation = Literal["gelu", "gelu_tanh", "relu"]
HeadActivation = Literal["tanh", "relu", "gelu"]

_ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
}

# transformers' name of each part of one layer → ours
_BERT_LAYER = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "attention.norm",
    "intermediate.dense": "ffn.in",
    "output.dense": "ffn.out",
    "output.LayerNorm": "ffn.norm",
}
_DISTILBERT_LAYER = {
    "attention.q_lin": "attention.query",
    "attention.k_lin": "attention.key",
    "attention.v_lin": "attention.value",
    "attention.out_lin": "attention.out",
    "sa_layer_norm": "attention.norm",
    "ffn.lin1": "ffn.in",
    "ffn.lin2": "ffn.out",
    "output_layer_norm": "ffn.norm",
}
_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "embeddings.word",
    "embeddings.position_embeddings.weight": "embeddings.position",
    "embeddings.token_type_embeddings.weight": "embeddings.type",
    "embeddings.LayerNorm.weight": "embeddings.norm.weight",
    "embeddings.LayerNorm.bias": "embeddings.norm.bias",
    "embeddings_project.weight": "embeddings.project.weight",
    "embeddings_project.bias": "embeddings.project.bias",
}
_LAYERS = {
    "bert": ("encoder.layer", _BERT_LAYER),
    "electra": ("encoder.layer", _BERT_LAYER),
    "roberta": ("encoder.layer", _BERT_LAYER),
    "xlm-roberta": ("encoder.layer", _BERT_LAYER),
    "camembert": ("encoder.layer", _BERT_LAYER),
    "distilbert": ("transformer.layer", _DISTILBERT_LAYER),
}
HEADS = "marketfit_heads"
"""Field of a model's configuration: the attention heads of each layer, where some were cut."""

_SHIFTED_POSITIONS = ("roberta", "xlm-roberta", "camembert")


@dataclass(frozen=True)
class EncoderWeights:
    """A BERT-shaped encoder.

    `arrays`: `embeddings.word` (vocabulary, e), `embeddings.position` (positions, e; the vector of token type 0 is
    added in), `embeddings.norm.*`, optionally `embeddings.project.*`, and for each layer i `layer.{i}.attention.`
    {query, key, value, out, norm} and `layer.{i}.ffn.`{in, out, norm}, each `.weight` (out, in) and `.bias`.
    `heads`: those of each layer.
    """

    arrays: Arrays
    layers: int
    heads: tuple[int, ...]
    activation: Activation
    epsilon: float


def is_bert_shaped(config: Mapping[str, JsonValue]) -> bool:
    """Whether `encoder_weights` understands a transformers configuration."""
    return (
        config.get("model_type") in _LAYERS
        and config.get("position_embedding_type", "absolute") in ("absolute", None)
        and config.get("hidden_act", config.get("activation", "gelu")) in _ACTIVATIONS
        and not config.get("is_decoder", False)
    )


def heads_of(config: Mapping[str, JsonValue], *, layers: int) -> tuple[int, ...]:
    """The attention heads of each layer; where some were cut, the configuration has our own field for them."""
    whole = int(cast("int", config.get("num_attention_heads", config.get("n_heads"))))
    return tuple(cast("list[int]", config.get(HEADS) or [whole] * layers))


def module_of(config: Mapping[str, JsonValue], layer: int, part: str) -> str:
    """transformers' name of a part of a layer, such as `attention.query`."""
    prefix, parts = _LAYERS[str(config["model_type"])]
    theirs = next(name for name, ours in parts.items() if ours == part)
    return f"{prefix}.{layer}.{theirs}"


def layers_of(config: Mapping[str, JsonValue]) -> str:
    """transformers' name of the list of all layers."""
    return _LAYERS[str(config["model_type"])][0]


def encoder_weights(config: Mapping[str, JsonValue], arrays: Arrays) -> EncoderWeights:
    """Read a BERT-shaped encoder from its configuration and state (names as in transformers, no prefix).

    Raises:
        ValueError: a tensor that none of our names covers, or one that is missing.
    """
    kind = str(config["model_type"])
    _prefix, parts = _LAYERS[kind]
    found: dict[str, FloatMatrix] = {}
    for name, array in arrays.items():
        ours = our_name(name, kind=kind)
        if ours is None:
            raise ValueError(f"unexpected tensor {name} in a {kind} encoder")
        found[ours] = array
    position = found["embeddings.position"]
    if kind in _SHIFTED_POSITIONS:
        # Their first real token has position padding_idx + 1.
        position = position[int(cast("int", config.get("pad_token_id", 1))) + 1 :]
    if "embeddings.type" in found:
        position = position + found.pop("embeddings.type")[0]
    found["embeddings.position"] = position.astype(np.float32)
    layers = len({name.split(".")[1] for name in found if name.startswith("layer.")})
    weights = EncoderWeights(
        arrays=found,
        layers=layers,
        heads=heads_of(config, layers=layers),
        activation=_ACTIVATIONS[str(config.get("hidden_act", config.get("activation", "gelu")))],
        epsilon=float(cast("float", config.get("layer_norm_eps", 1e-12))),
    )
    missing = [
        f"layer.{layer}.{part}.{kind}"
        for layer in range(layers)
        for part in parts.values()
        for kind in ("weight", "bias")
        if f"layer.{layer}.{part}.{kind}" not in found
    ]
    if missing:
        raise ValueError(f"tensors are missing: {', '.join(missing)}")
    return weights


def our_name(name: str, *, kind: str) -> str | None:
    """Our name of a tensor that transformers' model type `kind` has, if we have one."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    prefix, parts = _LAYERS[kind]
    match = re.fullmatch(rf"{re.escape(prefix)}\.(\d+)\.(.+)\.(weight|bias)", name)
    if match is None or match[2] not in parts:
        return None
    return f"layer.{match[1]}.{parts[match[2]]}.{match[3]}"
