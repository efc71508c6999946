"""Classifiers of other people: taken over whole, with every logit that transformers gives."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
import torch
import transformers
from tokenizers import Tokenizer

from marketfit import registry
from marketfit.bundle import check_unsealed, load_unsealed, read_spec
from marketfit.compress.passes import Artefact, Pass
from marketfit.errors import InputError
from marketfit.records.base import sha256_file
from marketfit.task import Adopter, FloatMatrix, Labelled, unreported
from marketfit.tasks.text_classification.graph import Head
from marketfit.tasks.text_classification.weights import EncoderWeights
from marketfit.testing.encoders import Shape, tiny_classifier
from marketfit.testing.passes import check_pass

TEXTS = ["turn on the light", "play", "stop the music please now", "an UNHEARD song", "lamp off " * 9, ""]
LABELS = ("light", "music", "neither")
TAKEN_APART = ("bert", "camembert", "distilbert", "electra", "roberta", "xlm-roberta")
KEPT_WHOLE = ("albert", "deberta-v2", "mpnet", "modernbert")
NEAR = 1e-4


def adopt(folder: Path, into: Path) -> None:
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    trainer.adopt(folder, into)


def transformers_logits(folder: Path, texts: list[str]) -> FloatMatrix:
    """What transformers says of each text alone."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    with torch.inference_mode():
        rows = [model(input_ids=torch.tensor([tokenizer.encode(text).ids])).logits for text in texts]
    return torch.cat(rows).numpy()


def softmax(logits: FloatMatrix) -> FloatMatrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [*TAKEN_APART, *KEPT_WHOLE])
def test_what_is_adopted_says_what_transformers_says(kind: str, tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", kind=kind, labels=LABELS)
    adopt(source, tmp_path / "model")
    trainer = registry.trainer("text-classification")
    trainer.export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=("theirs",))
    check_unsealed(tmp_path / "bundle")
    assert read_spec(tmp_path / "bundle").labels == LABELS
    wanted = transformers_logits(source, TEXTS)
    assert np.ptp(wanted, axis=0).min() > 0.01  # it does tell texts apart
    scores = trainer.scores(tmp_path / "model", TEXTS, progress=unreported)
    assert np.abs(scores - wanted).max() < NEAR
    bundle = load_unsealed(tmp_path / "bundle")
    alone = np.concatenate([bundle.probabilities([text]) for text in TEXTS])
    for said in (bundle.probabilities(TEXTS), alone):
        assert np.abs(said - softmax(wanted)).max() < NEAR
    features = bundle.embed(TEXTS)
    assert np.allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-4)


@pytest.mark.parametrize("kind", TAKEN_APART)
def test_known_architectures_get_the_fused_graph(kind: str, tmp_path: Path) -> None:
    adopt(tiny_classifier(tmp_path / "theirs", kind=kind, labels=LABELS), tmp_path / "model")
    registry.trainer("text-classification").export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())
    nodes = onnx.load(str(tmp_path / "bundle" / "model.onnx")).graph.node
    assert sum(node.op_type == "Attention" for node in nodes) == 2
    assert registry.surgeon("text-classification").anatomy(tmp_path / "model").heads == (2, 2)


@pytest.mark.parametrize("kind", KEPT_WHOLE)
def test_unknown_architectures_get_standard_operators_and_are_not_cut(kind: str, tmp_path: Path) -> None:
    adopt(tiny_classifier(tmp_path / "theirs", kind=kind, labels=LABELS), tmp_path / "model")
    registry.trainer("text-classification").export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())
    graph = onnx.load(str(tmp_path / "bundle" / "model.onnx"))
    assert {node.domain for node in graph.graph.node} == {""}
    assert kind in registry.surgeon("text-classification").anatomy(tmp_path / "model").obstacle


def test_a_fused_graph_that_says_something_else_is_not_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketfit.tasks.text_classification import export

    honest = export.encoder_graph

    def wrong(weights: EncoderWeights, head: Head, *, longest: int) -> onnx.ModelProto:
        return honest(replace(weights, epsilon=0.5), head, longest=longest)

    monkeypatch.setattr(export, "encoder_graph", wrong)
    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    adopt(source, tmp_path / "model")
    registry.trainer("text-classification").export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())
    said = load_unsealed(tmp_path / "bundle").probabilities(TEXTS)
    assert np.abs(said - softmax(transformers_logits(source, TEXTS))).max() < NEAR
    assert {node.domain for node in onnx.load(str(tmp_path / "bundle" / "model.onnx")).graph.node} == {""}


def test_passes_on_models_work_on_adopted_ones(tmp_path: Path) -> None:
    """Of the last, as kept whole, only the static pass can make something."""
    shape = Shape(layers=4, heads=4, width=128)
    rows = Labelled(inputs=TEXTS * 3, targets=np.arange(18) % 3, labels=LABELS)
    for kind in ("bert", "distilbert"):
        adopt(tiny_classifier(tmp_path / kind, kind=kind, labels=LABELS, shape=shape), tmp_path / f"{kind}-model")
    made = Artefact("model", tmp_path / "bert-model")
    for name in ("layer-drop", "width-prune", "distil"):
        works = cast("type[Pass]", registry.load("passes", name))()
        options = {"epochs": 4, "batch_size": 6} if name == "distil" else {}
        made = check_pass(
            name, works, made, rows, folder=tmp_path / name, teacher=tmp_path / "bert-model", options=options, near=0.6
        )
    adopt(tiny_classifier(tmp_path / "deberta", kind="deberta-v2", labels=LABELS), tmp_path / "whole")
    static = cast("type[Pass]", registry.load("passes", "static"))()
    check_pass("static", static, Artefact("model", tmp_path / "whole"), rows, folder=tmp_path / "static", near=0.6,
               options={"epochs": 2, "batch_size": 6, "pairs": 4})  # fmt: skip


def test_twice_the_same_and_the_source_stays_as_it_was(tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    before = {path.name: sha256_file(path) for path in source.iterdir()}
    for into in ("one", "two"):
        adopt(source, tmp_path / into)
    one, two = ({path.name: sha256_file(path) for path in (tmp_path / into).iterdir()} for into in ("one", "two"))
    assert one == two
    assert {path.name: sha256_file(path) for path in source.iterdir()} == before
    assert all(str(tmp_path).encode() not in path.read_bytes() for path in (tmp_path / "one").iterdir())


def test_weights_that_were_saved_in_half_precision(tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float16)
    model.save_pretrained(source)
    adopt(source, tmp_path / "model")
    scores = registry.trainer("text-classification").scores(tmp_path / "model", TEXTS, progress=unreported)
    assert np.abs(scores - transformers_logits(source, TEXTS)).max() < NEAR


def test_a_head_that_is_not_what_its_name_says_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An activation that we take for another one: the logits tell, and the model is kept as it is."""
    from marketfit.tasks.text_classification import adopting

    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    names = adopting._Names("bert.pooler.dense", "relu", "classifier")
    monkeypatch.setattr(adopting, "_HEADS", {"bert": names})
    adopt(source, tmp_path / "model")
    trainer = registry.trainer("text-classification")
    scores = trainer.scores(tmp_path / "model", TEXTS, progress=unreported)
    assert np.abs(scores - transformers_logits(source, TEXTS)).max() < NEAR
    assert "kept whole" in registry.surgeon("text-classification").anatomy(tmp_path / "model").obstacle
    trainer.export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"problem_type": "multi_label_classification"}, "multi_label_classification"),
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "labels that occur twice: a"),
        ({"problem_type": "regression", "id2label": {"0": "a"}}, "2 problems"),
        ({"model_type": "no-such-model"}, "no-such-model"),
    ],
)
def test_classifiers_that_are_refused(change: dict[str, object], said: str, tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(InputError, match=said):
        adopt(source, tmp_path / "model")


def test_folders_that_are_refused(tmp_path: Path) -> None:
    whole = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    with pytest.raises(InputError, match="no such folder"):
        adopt(tmp_path / "nowhere", tmp_path / "model")
    for name, said in (
        ("tokenizer.json", "no tokenizer"),
        ("model.safetensors", "safetensors"),
        ("config.json", "con"),
    ):
        broken = tmp_path / name.split(".", maxsplit=1)[0]
        shutil.copytree(whole, broken)
        (broken / name).unlink()
        with pytest.raises(InputError, match=said):
            adopt(broken, tmp_path / "model")


def test_an_encoder_without_a_classifier_is_refused(tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", labels=LABELS)
    transformers.AutoModel.from_pretrained(source).save_pretrained(source)
    with pytest.raises(InputError, match="lack classifier"):
        adopt(source, tmp_path / "model")


def test_a_tokenizer_that_reads_more_than_the_model(tmp_path: Path) -> None:
    source = tiny_classifier(tmp_path / "theirs", kind="roberta", labels=LABELS)
    config = json.loads((source / "config.json").read_text())
    (source / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 16}))
    adopt(source, tmp_path / "model")
    assert config["max_position_embeddings"] > 16
    assert json.loads((tmp_path / "model" / "marketfit.json").read_text())["preprocessor"]["max_length"] == 16
