"""A real sealed text bundle of a few kilobytes whose answers are known: a table of words and labels."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marketfit.bundle import CardData, ModelCard, Sealed, seal, write_spec
from marketfit.contract import Contract
from marketfit.records.bundle import BundleSpec
from marketfit.task import FloatMatrix

_SURE = 12.0  # logit of a word's label, divided by the number of words in the text


def tiny_bundle(
    into: Path, words: Mapping[str, str], *, labels: Sequence[str], product: str = "tiny", abstain_below: float = 0.0
) -> Sealed:
    """Seal a bundle that answers with the label of the word of `words` in a text; all other words say nothing.

    Two bundles with different words are different models. Needs the package onnx, of the extra `train`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        vocabulary = {"[UNK]": 0, **{word: number for number, word in enumerate(sorted(words), start=1)}}
        _write_tokenizer(folder, vocabulary)
        _write_graph(folder, _weights(vocabulary, words, labels))
        spec = BundleSpec(
            product=product,
            task="text-classification",
            labels=tuple(labels),
            abstain_below=abstain_below,
            preprocessor={
                "max_length": 32, "pad_id": 0, "empty_id": 0, "unknown_id": 0, "special_tokens": False,
            },
            lineage=("a table of words",),
        )  # fmt: skip
        write_spec(folder, spec)
        data = CardData(description="none", source_rows=0, splits={}, quarantined=0, test_digest="")
        card = ModelCard(intended_use="tests", input_description="short text", data=data)
        return seal(folder, contract=Contract(clauses=()), card=card, into=into)


def _write_tokenizer(folder: Path, vocabulary: Mapping[str, int]) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel(dict(vocabulary), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def _weights(vocabulary: Mapping[str, int], words: Mapping[str, str], labels: Sequence[str]) -> FloatMatrix:
    head = np.zeros((len(vocabulary), len(labels)), dtype=np.float32)
    for word, label in words.items():
        head[vocabulary[word], list(labels).index(label)] = _SURE
    return head


def _write_graph(folder: Path, head: FloatMatrix) -> None:
    """One-hot words, averaged over the text: that is the embedding; times `head`: those are the logits."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size, classes = head.shape
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["words"]),
        node("Cast", ["attention_mask"], ["present"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["present", "last"], ["weights"]),
        node("Mul", ["words", "weights"], ["kept"]),
        node("ReduceSum", ["kept", "middle"], ["total"], keepdims=0),
        node("ReduceSum", ["weights", "middle"], ["count"], keepdims=0),
        node("Div", ["total", "count"], ["mean"]),
        node("LpNormalization", ["mean"], ["embedding"], axis=-1, p=2),
        node("MatMul", ["mean", "head"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(np.eye(size, dtype=np.float32), "table"),
        numpy_helper.from_array(head, "head"),
        numpy_helper.from_array(np.array([-1]), "last"),
        numpy_helper.from_array(np.array([1]), "middle"),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", size]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes]),
    ]
    graph = helper.make_graph(nodes, "words", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save_model(model, str(folder / "model.onnx"))
