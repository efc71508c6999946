"""From a torch model to an unsealed bundle: the graph, checked against the model that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from pydantic import JsonValue
from tokenizers import Tokenizer

from marketfit.bundle import write_spec
from marketfit.errors import RunError
from marketfit.records.bundle import BundleSpec, SessionSettings
from marketfit.records.models import Backbone
from marketfit.tasks.engines import Session, open_session
from marketfit.tasks.text_classification.graph import Dense, Head, encoder_graph
from marketfit.tasks.text_classification.model import (
    TextModel,
    WholeModel,
    config_of,
    encoder_arrays,
    load_model,
    pad,
)
from marketfit.tasks.text_classification.prepared import prepare
from marketfit.tasks.text_classification.runtime import Preprocessor
from marketfit.tasks.text_classification.static_encoder import StaticEncoder
from marketfit.tasks.text_classification.static_graph import StaticWeights, static_graph
from marketfit.tasks.text_classification.tokens import save_tokenizer
from marketfit.tasks.text_classification.traced import traced_graph
from marketfit.tasks.text_classification.weights import encoder_weights, is_bert_shaped
from marketfit.tasks.text_classification.words import marks

if TYPE_CHECKING:
    from marketfit.training.loop import Tensors  # only the name: the training stack takes seconds to import

TASK = "text-classification"

# Largest difference between the graph's outputs and torch's, relative to the largest output: float32 rounding in other
# orders, no more.
_TOLERANCE = 2e-3
# Rows of the check, in tokens: one alone, then a padded batch.
_CHECKED = ((5,), (3, 17))


def write_bundle(model: Path, into: Path, *, product: str, lineage: Sequence[str]) -> None:
    """Export a model folder. See `Trainer.export`."""
    loaded, card = load_model(model)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    spec = _spec(product, card.how(), labels=card.labels, lineage=lineage)
    _write(loaded, tokenizer, card.how(), spec, into)


def write_embedder(backbone: Backbone, into: Path, *, base: Path) -> None:
    """Export a frozen backbone without a head. See `Trainer.embedder`."""
    prepared = prepare(backbone, None, base=base)
    # The name may be a path of this machine; the digest says as much.
    spec = _spec("embedder", prepared.how, labels=(), lineage=(f"frozen, weights {backbone.weights_sha256[:16]}",))
    _write(TextModel(prepared.encoder, None, scale=1.0).eval(), prepared.tokenizer, prepared.how, spec, into)


def graphs_of(model: TextModel, *, longest: int) -> Iterator[onnx.ModelProto]:
    """ONNX graphs of a model that reads at most `longest` tokens, the better first: from the weights where we know the
    architecture, then traced.
    """
    encoder, head = model.encoder, _head(model)
    if isinstance(encoder, StaticEncoder):
        yield static_graph(_static_weights(encoder), head)
        return
    config = config_of(encoder)
    if not isinstance(model, WholeModel) and is_bert_shaped(config):
        yield encoder_graph(encoder_weights(config, encoder_arrays(encoder)), head, longest=longest)
    yield traced_graph(model)


def check_graph(path: Path, model: TextModel, rows: Sequence[Tensors]) -> None:
    """Hold the graph's outputs against torch's.

    Raises:
        RunError: they differ by more than rounding.
    """
    session = open_session(path, SessionSettings(threads=torch.get_num_threads()))
    for batch in rows:
        with torch.inference_mode():
            wanted = model(**batch)
        given = {name: tensor.numpy().astype(np.int32) for name, tensor in batch.items()}
        _compare(session, given, {_OUTPUTS[name]: tensor.float().numpy() for name, tensor in wanted.items()})


def probe_rows(model: TextModel, tokenizer: Tokenizer, how: Preprocessor) -> tuple[Tensors, ...]:
    """Batches to hold two forms of a model against each other: a row alone, then padded ones, of random tokens."""
    random = np.random.default_rng(0)
    size = _vocabulary(model)
    before, after = marks(tokenizer) if how.special_tokens else ([], [])
    batches = []
    for lengths in _CHECKED:
        drawn = [random.integers(0, size - 1, length) for length in lengths]
        # No text holds the padding token, and RoBERTa counts its positions without it.
        rows = [[*before, *(row + (row >= how.pad_id)).tolist(), *after] for row in drawn]
        _put_listed_pairs(rows, model)
        batches.append(pad(rows, how.pad_id))
    return tuple(batches)


def _put_listed_pairs(rows: list[list[int]], model: TextModel) -> None:
    """Begin each row with a pair that a static model lists: chance would draw none."""
    if isinstance(model.encoder, StaticEncoder) and len(model.encoder.listed):
        listed = model.encoder.listed.tolist()
        for row, place in zip(rows, np.linspace(0, len(listed) - 1, len(rows)).astype(int), strict=True):
            row[:2] = listed[place]


_OUTPUTS = {"features": "embedding", "logits": "logits"}


def _compare(session: Session, given: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    feed = {name: given[name] for name in session.inputs}
    for name, expected in wanted.items():
        gap = float(np.abs(session.run(name, feed) - expected).max())
        # NaN fails this comparison too.
        if not gap <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise RunError(f"the exported graph's {name} differ from the model's by {gap:.2g}")


def _write(model: TextModel, tokenizer: Tokenizer, how: Preprocessor, spec: BundleSpec, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    _write_graph(model, probe_rows(model, tokenizer, how), into / "model.onnx", longest=how.max_length)
    save_tokenizer(tokenizer, into)
    write_spec(into, spec)


def _write_graph(model: TextModel, rows: Sequence[Tensors], path: Path, *, longest: int) -> None:
    """Write the first graph that says what the model says."""
    differences = []
    longest = max(longest, *(batch["input_ids"].shape[1] for batch in rows))
    for graph in graphs_of(model, longest=longest):
        onnx.checker.check_model(graph)
        # SerializeToString orders nothing by chance: equal graphs give equal bytes.
        path.write_bytes(graph.SerializeToString(deterministic=True))
        try:
            return check_graph(path, model, rows)
        except RunError as error:
            differences.append(error)
    raise differences[0]


def _spec(product: str, how: Preprocessor, *, labels: tuple[str, ...], lineage: Sequence[str]) -> BundleSpec:
    preprocessor: dict[str, JsonValue] = json.loads(json.dumps(asdict(how)))
    return BundleSpec(product=product, task=TASK, labels=labels, preprocessor=preprocessor, lineage=tuple(lineage))


def _head(model: TextModel) -> Head | None:
    if model.head is None:
        return None
    weight = model.head.weight.detach() * model.scale
    return Head(weight=weight.float().numpy(), bias=model.head.bias.detach().float().numpy(), dense=_dense(model))


def _dense(model: TextModel) -> Dense | None:
    first = model.first_token
    if first is None:
        return None
    weight, bias = first.dense.weight.detach().float(), first.dense.bias.detach().float()
    return Dense(weight=weight.numpy(), bias=bias.numpy(), activation=first.activation)


def _static_weights(encoder: StaticEncoder) -> StaticWeights:
    table = encoder.word.weight.detach().float().numpy()
    pair_table = table[:0] if encoder.pair is None else encoder.pair.weight.detach().float().numpy()
    return StaticWeights(table, encoder.padding, encoder.listed.numpy(), pair_table)


def _vocabulary(model: TextModel) -> int:
    if isinstance(model.encoder, StaticEncoder):
        return int(model.encoder.word.num_embeddings)
    size = config_of(model.encoder)["vocab_size"]
    if not isinstance(size, int):
        raise RunError(f"the model's configuration says vocab_size: {size!r}, which is no number")
    return size
