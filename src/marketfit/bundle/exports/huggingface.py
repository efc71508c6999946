"""A text bundle as a Hugging Face model folder, as transformers, Optimum and transformers.js lay it out.

    onnx/model.onnx          int64 `input_ids` and `attention_mask` in, `logits` out: their softmax is calibrated
    tokenizer.json           as the bundle reads text; tokenizer_config.json names the special tokens
    config.json              labels; it names the type `bert` so that AutoConfig opens it, whatever the graph is
    README.md                the model card with metadata and how to run it
    contract.json            what was promised and measured

The weights are in the graph alone: `AutoModel` has none to load.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue
from tokenizers import Tokenizer

from marketfit.bundle.bundle import Bundle
from marketfit.bundle.exports.standard_graph import standard_graph
from marketfit.bundle.layout import CARD, CONTRACT, GRAPH, encode, read_bytes
from marketfit.errors import InputError, Problem
from marketfit.records.bundle import BundleSpec

TOKENIZER = "tokenizer.json"

_USE = """\
```python
import numpy as np, onnxruntime
from transformers import AutoConfig, AutoTokenizer

tokenizer, config = AutoTokenizer.from_pretrained(FOLDER), AutoConfig.from_pretrained(FOLDER)
session = onnxruntime.InferenceSession(f"{FOLDER}/onnx/model.onnx")
inputs = tokenizer(["a text"], padding=True, truncation=True, return_tensors="np")
wanted = {node.name for node in session.get_inputs()}
(logits,) = session.run(["logits"], {name: value for name, value in inputs.items() if name in wanted})
label = config.id2label[int(logits[0].argmax())]  # softmax(logits) gives calibrated probabilities
```"""


def write_huggingface(bundle: Bundle, into: Path) -> None:
    """Write the folder.

    Raises:
        InputError: the bundle has no labels, or no tokenizer.
        MissingExtraError: the package onnx is not installed.
    """
    source, spec = bundle.folder, bundle.spec
    if not spec.labels or not (source / TOKENIZER).is_file():
        found = "a bundle without labels" if not spec.labels else "a bundle without a tokenizer"
        raise InputError([Problem(str(source), found, "a text classifier", "export it to mlflow")])
    graph = standard_graph(source / GRAPH, temperature=spec.temperature)
    tokenizer = json.loads((source / TOKENIZER).read_bytes())
    files: dict[str, bytes] = {
        "onnx/model.onnx": graph.content,
        TOKENIZER: _json(_tokenizer(tokenizer, spec)),
        "tokenizer_config.json": _json(_tokenizer_config(source / TOKENIZER, spec, graph.inputs)),
        "config.json": _json(_config(source / TOKENIZER, spec)),
        "README.md": _readme(bundle).encode(),
        CONTRACT: read_bytes(source / CONTRACT),
    }
    for name, content in files.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(content)


def _tokenizer(tokenizer: dict[str, JsonValue], spec: BundleSpec) -> dict[str, JsonValue]:
    """Cut as the bundle cuts; without marks around a text where the bundle puts none."""
    length = spec.preprocessor["max_length"]
    cut: JsonValue = {"direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0}
    changed: dict[str, JsonValue] = {"truncation": cut, "padding": None}
    if not spec.preprocessor["special_tokens"]:
        changed["post_processor"] = None
    return tokenizer | changed


def _tokenizer_config(path: Path, spec: BundleSpec, inputs: tuple[str, ...]) -> dict[str, JsonValue]:
    tokens = Tokenizer.from_file(str(path))
    given = {"pad_token": spec.preprocessor["pad_id"], "unk_token": spec.preprocessor["unknown_id"]}
    named = {name: tokens.id_to_token(number) for name, number in given.items() if isinstance(number, int)}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": spec.preprocessor["max_length"],
        "model_input_names": list(inputs),
        "padding_side": "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
        **named,
    }


def _config(path: Path, spec: BundleSpec) -> dict[str, JsonValue]:
    return {
        "model_type": "bert",
        "problem_type": "single_label_classification",
        "id2label": {str(number): label for number, label in enumerate(spec.labels)},
        "label2id": {label: number for number, label in enumerate(spec.labels)},
        "pad_token_id": spec.preprocessor["pad_id"],
        "vocab_size": Tokenizer.from_file(str(path)).get_vocab_size(),
        "max_position_embeddings": spec.preprocessor["max_length"],
    }


def _readme(bundle: Bundle) -> str:
    """Metadata as the Hub reads it, how to run it, and the bundle's own card."""
    head = "---\nlibrary_name: onnx\npipeline_tag: text-classification\ntags:\n- marketfit\n- onnx\n---"
    said = (
        f"Exported from the sealed bundle with the SHA-256 `{bundle.digest}`. The contract below was measured on that "
        "bundle; its temperature is in the exported graph. A text without any token is to be given as the single id "
        f"{bundle.spec.preprocessor['empty_id']}."
    )
    if bundle.spec.abstain_below > 0:
        said += f" The bundle marks answers with a probability below {bundle.spec.abstain_below:.4g} as abstentions."
    card = read_bytes(bundle.folder / CARD).decode()
    return "\n\n".join([head, card.rstrip(), "## How to run this folder", said, _USE]) + "\n"


def _json(content: dict[str, JsonValue]) -> bytes:
    return encode(content)
