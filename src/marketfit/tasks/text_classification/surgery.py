"""Cut layers, heads and neurons out of a model folder. Tensors in, tensors out: numpy only.

Neurons are those of the feed-forward part: a row and a bias of `ffn.in`, a column of `ffn.out`. All layers keep as
many, so that `intermediate_size` of the configuration says it. Heads may differ from layer to layer, which
transformers' configurations can't say: our own field `marketfit_heads` does, and `model.load_model` builds the layers
from it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import JsonValue

from marketfit.task import Anatomy, FloatMatrix, IntVector, Kept
from marketfit.tasks.text_classification.weights import HEADS, Arrays, heads_of, is_bert_shaped, our_name

Config = Mapping[str, JsonValue]

_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_CARD = "marketfit.json"
_OTHERS = (_CARD, "tokenizer.json")
_ENCODER = "encoder."


def anatomy(folder: Path) -> Anatomy:
    """What can be cut of a model folder. See `Surgeon.anatomy`."""
    if not (folder / _CONFIG).is_file():
        return Anatomy((), (), 0, obstacle=f"no {_CONFIG}")
    config = _config(folder)
    if not is_bert_shaped(config):
        kind = config.get("model_type")
        return Anatomy((), (), 0, obstacle=f"a '{kind}' model has no layers that we know how to cut")
    if json.loads((folder / _CARD).read_text(encoding="utf-8"))["pooling"] == "own":
        return Anatomy((), (), 0, obstacle="its head is not one that we know: the model is kept whole")
    layers = _number(config, "num_hidden_layers", "n_layers")
    width = _number(config, "intermediate_size", "hidden_dim")
    head_dim = _number(config, "hidden_size", "dim") // _number(config, "num_attention_heads", "n_heads")
    return Anatomy(heads=heads_of(config, layers=layers), widths=(width,) * layers, head_dim=head_dim)


def cut(folder: Path, kept: Kept, into: Path) -> None:
    """Write the smaller model folder. See `Surgeon.cut`."""
    from safetensors.numpy import load_file, save_file

    whole, config = anatomy(folder), _config(folder)
    _check(whole, kept)
    tensors = load_file(folder / _WEIGHTS)
    into.mkdir(parents=True)
    save_file(_cut_tensors(tensors, config, kept, head_dim=whole.head_dim), into / _WEIGHTS)
    written = json.dumps(_cut_config(config, whole, kept), indent=1, sort_keys=True)
    (into / _CONFIG).write_text(written, encoding="utf-8")
    for name in _OTHERS:
        shutil.copyfile(folder / name, into / name)


def _check(whole: Anatomy, kept: Kept) -> None:
    if whole.obstacle:
        raise ValueError(whole.obstacle)
    if not kept.layers or not len(kept.layers) == len(kept.heads) == len(kept.neurons):
        raise ValueError("what stays needs a layer at least, and heads and neurons for each")
    if not _ascends(kept.layers, below=len(whole.heads)):
        raise ValueError(f"layers {kept.layers} of {len(whole.heads)}")
    if len({len(neurons) for neurons in kept.neurons}) > 1:
        raise ValueError("layers of different feed-forward widths have no place in a transformers configuration")
    for layer, heads, neurons in zip(kept.layers, kept.heads, kept.neurons, strict=True):
        if not _ascends(heads, below=whole.heads[layer]) or not _ascends(neurons, below=whole.widths[layer]):
            raise ValueError(f"heads {heads} or neurons of layer {layer} are none, not ascending, or not there")


def _ascends(numbers: tuple[int, ...], *, below: int) -> bool:
    return bool(numbers) and list(numbers) == sorted(set(numbers)) and numbers[0] >= 0 and numbers[-1] < below


def _cut_config(config: Config, whole: Anatomy, kept: Kept) -> dict[str, JsonValue]:
    changed: dict[str, JsonValue] = dict(config)
    for name, value in (
        ("num_hidden_layers", len(kept.layers)),
        ("n_layers", len(kept.layers)),
        ("intermediate_size", len(kept.neurons[0])),
        ("hidden_dim", len(kept.neurons[0])),
    ):
        if name in config:
            changed[name] = value
    if HEADS in config or any(
        len(heads) < whole.heads[layer] for layer, heads in zip(kept.layers, kept.heads, strict=True)
    ):
        changed[HEADS] = [len(heads) for heads in kept.heads]
    return changed


def _cut_tensors(tensors: Arrays, config: Config, kept: Kept, *, head_dim: int) -> dict[str, FloatMatrix]:
    kind = str(config["model_type"])
    places = {layer: place for place, layer in enumerate(kept.layers)}
    made: dict[str, FloatMatrix] = {}
    for name, tensor in tensors.items():
        part = our_name(name.removeprefix(_ENCODER), kind=kind) if name.startswith(_ENCODER) else None
        if part is None or not part.startswith("layer."):
            made[name] = tensor
            continue
        layer = int(part.split(".")[1])
        if layer not in places:
            continue
        place = places[layer]
        values = np.concatenate([np.arange(head_dim) + head * head_dim for head in kept.heads[place]])
        renamed = name.replace(f".{layer}.", f".{place}.", 1)
        made[renamed] = _cut_part(part.split(".", 2)[2], tensor, values, np.asarray(kept.neurons[place]))
    return made


def _cut_part(part: str, tensor: FloatMatrix, values: IntVector, neurons: IntVector) -> FloatMatrix:
    """`values`: of the heads that stay. Weights are (out, in)."""
    if part.startswith(("attention.query.", "attention.key.", "attention.value.")):
        return np.ascontiguousarray(tensor[values])
    if part == "attention.out.weight":
        return np.ascontiguousarray(tensor[:, values])
    if part.startswith("ffn.in."):
        return np.ascontiguousarray(tensor[neurons])
    if part == "ffn.out.weight":
        return np.ascontiguousarray(tensor[:, neurons])
    return tensor


def _config(folder: Path) -> Config:
    return cast("Config", json.loads((folder / _CONFIG).read_text(encoding="utf-8")))


def _number(config: Config, *names: str) -> int:
    """The value under the first of these names that the configuration has; DistilBERT calls some things otherwise."""
    return int(cast("int", next(config[name] for name in names if name in config)))
