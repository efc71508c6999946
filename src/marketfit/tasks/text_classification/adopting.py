"""Take over a classifier that somebody else trained: a Hugging Face folder becomes a model folder.

An encoder and a head that we know are taken apart, where that gives the logits that transformers gives; every other
model is kept whole.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
import transformers
from tokenizers import Tokenizer
from torch import nn

from marketfit.errors import BriefError, InputError, Problem
from marketfit.records.models import Backbone
from marketfit.task import normalise_text
from marketfit.tasks.text_classification.export import probe_rows
from marketfit.tasks.text_classification.first_token import FirstToken
from marketfit.tasks.text_classification.model import Card, TextModel, WholeModel, quietly, save_model, without_pooler
from marketfit.tasks.text_classification.runtime import Preprocessor
from marketfit.tasks.text_classification.sources import Source, read_folder
from marketfit.tasks.text_classification.tokens import load_tokenizer, positions, preprocessor
from marketfit.tasks.text_classification.weights import HeadActivation

_SAME = 1e-4  # of a logit, relative to the largest: float32 in another order
_FEWEST = 2  # labels: with one, transformers trains a regression


@dataclass(frozen=True)
class _Names:
    """transformers' names of the parts of a head on the first token."""

    dense: str
    activation: HeadActivation
    out: str


_ROBERTA = _Names("classifier.dense", "tanh", "classifier.out_proj")
_HEADS: Mapping[str, _Names] = {
    "bert": _Names("bert.pooler.dense", "tanh", "classifier"),
    "camembert": _ROBERTA,
    "distilbert": _Names("pre_classifier", "relu", "classifier"),
    "electra": _Names("classifier.dense", "gelu", "classifier.out_proj"),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}


def adopt(folder: Path, into: Path) -> tuple[str, ...]:
    """Write a foreign classifier as a model folder. See `Adopter.adopt`."""
    found, tokenizer = _read(folder)
    whole = _load(found)
    limit = min(positions(found), _tokenizer_limit(folder))
    how = preprocessor(found, tokenizer, static=False, max_length=limit)
    model = _taken_apart(whole, tokenizer, how) or WholeModel(whole).eval()
    _check_length(model, how, folder)
    first = model.first_token
    card = Card(
        labels=_labels(whole.config),
        preprocessor=vars(how),
        backbone=_backbone(found, whole),
        pooling="own" if first is None else "first",
        activation=None if first is None else first.activation,
    )
    save_model(model, card, tokenizer, into)
    return card.labels


def _read(folder: Path) -> tuple[Source, Tokenizer]:
    where, do = str(folder), "give the folder of a sequence classifier as transformers saves it"
    if not folder.is_dir():
        raise InputError([Problem(where, "there is no such folder", "", do)])
    try:
        found = read_folder(folder.resolve().name, folder)
        return found, load_tokenizer(found)
    except BriefError as error:
        raise InputError([replace(problem, where=where, do=do) for problem in error.problems]) from error


def _load(found: Source) -> transformers.PreTrainedModel:
    """The classifier in float32."""
    where, do = str(found.folder), "give a folder that transformers loads as a sequence classifier"
    with quietly():
        try:
            config = transformers.AutoConfig.from_pretrained(found.folder, local_files_only=True)
            if problems := _unfit(config, where):
                raise InputError(problems)
            whole, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
                found.folder, config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, KeyError) as error:
            text = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError([Problem(where, text, "", do)]) from error
    if missing := sorted(loaded["missing_keys"]):
        text = f"its weights lack {', '.join(missing[:5])}: no classifier was trained there"
        raise InputError([Problem(where, text, "a fine-tuned classifier", do)])
    return cast("transformers.PreTrainedModel", whole.eval())


def _unfit(config: transformers.PreTrainedConfig, where: str) -> list[Problem]:
    """All that keeps a classifier from being one of one label a text."""
    problems = []
    do = "give a classifier that was trained to say one label of each text"
    labels = _labels(config)
    if config.problem_type in ("regression", "multi_label_classification"):
        problems.append(Problem(where, f"problem_type '{config.problem_type}'", "single_label_classification", do))
    if len(labels) < _FEWEST:
        problems.append(Problem(where, f"{len(labels)} label", f"at least {_FEWEST}", do))
    if len(set(labels)) < len(labels):
        twice = sorted({label for label in labels if labels.count(label) > 1})
        do = "give each a name of its own in id2label of config.json"
        problems.append(Problem(where, f"labels that occur twice: {', '.join(twice[:5])}", "different labels", do))
    return problems


def _labels(config: transformers.PreTrainedConfig) -> tuple[str, ...]:
    names = config.id2label or {}
    # In the form that labels of data have, for rows are compared with them.
    return tuple(normalise_text(str(name)) for _number, name in sorted(names.items(), key=lambda item: int(item[0])))


def _tokenizer_limit(folder: Path) -> int:
    """How many tokens the tokenizer's own configuration allows; without one, any number."""
    path = folder / "tokenizer_config.json"
    said = json.loads(path.read_text(encoding="utf-8")).get("model_max_length") if path.is_file() else None
    return said if isinstance(said, int) and said > 0 else 10**9


def _taken_apart(whole: transformers.PreTrainedModel, tokenizer: Tokenizer, how: Preprocessor) -> TextModel | None:
    """Encoder and head of a model of BERT's kin; None where they are not known, or say something else together."""
    names = _HEADS.get(str(whole.config.model_type))
    if names is None:
        return None
    dense, out = (cast("nn.Linear", whole.get_submodule(name)) for name in (names.dense, names.out))
    first = FirstToken(dense.in_features, names.activation)
    first.dense = copy.deepcopy(dense)
    encoder = without_pooler(copy.deepcopy(whole.base_model))
    model = TextModel(encoder, copy.deepcopy(out), scale=1.0, first_token=first).eval()
    with torch.inference_mode():
        for batch in probe_rows(model, tokenizer, how):
            wanted, said = whole(**batch).logits, model(**batch)["logits"]
            if not float((wanted - said).abs().max()) <= _SAME * max(1.0, float(wanted.abs().max())):
                return None
    return model


def _check_length(model: TextModel, how: Preprocessor, folder: Path) -> None:
    """Read one text of the largest length: a table of positions may be shorter than the configuration says."""
    ids = torch.full((1, how.max_length), int(how.pad_id == 0))  # any token but padding
    try:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError) as error:
        text = f"it can't read {how.max_length} tokens ({next(iter(str(error).splitlines()), '')})"
        do = "say in tokenizer_config.json how many it reads: model_max_length"
        raise InputError([Problem(str(folder), text, "", do)]) from error


def _backbone(found: Source, whole: transformers.PreTrainedModel) -> Backbone:
    return Backbone(
        name=found.name, source=found.name, cut=None, static=False,
        parameters=sum(parameter.numel() for parameter in whole.parameters()), weights_sha256=found.digest, methods=(),
    )  # fmt: skip
