"""The backbones behind a source: the whole model, its first half, its static version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from marketfit.errors import RunError
from marketfit.records.models import Backbone
from marketfit.tasks.text_classification.model import without_pooler
from marketfit.tasks.text_classification.sources import Source, Wanted, locate, refused
from marketfit.tasks.text_classification.static import DIMENSIONS
from marketfit.tasks.text_classification.tokens import load_tokenizer

# Encoders whose configuration counts the layers and whose first layers are a model of their own.
_CUTTABLE = ("bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta")


def backbones_of(source: Source, wanted: Wanted) -> tuple[Backbone, ...]:
    """All backbones of a source, or the one that was asked for.

    Raises:
        BriefError: the model is no encoder, or it can't be cut so.
    """
    known = MODEL_FOR_MASKED_LM_MAPPING_NAMES
    kind = str(source.config["model_type"])
    if kind not in known or source.config.get("is_encoder_decoder") or source.config.get("is_decoder"):
        raise refused(source.name, f"'{kind}' is not an encoder", "encoders such as bert, distilbert, roberta")
    load_tokenizer(source)
    config = transformers.AutoConfig.from_pretrained(source.folder)
    layers = int(config.num_hidden_layers)
    cuttable = kind in _CUTTABLE and layers > 1
    if wanted.kind == "cut":
        if not cuttable or not 0 < (wanted.layers or 0) <= layers:
            allowed = f"1 to {layers} layers" if cuttable else f"no cut of a '{kind}' model"
            raise refused(source.name, f"it can't be cut to {wanted.layers} layers", allowed)
        return (_backbone(source, cut=wanted.layers),)
    if wanted.kind == "static":
        return (_backbone(source, static=True),)
    halves: Sequence[Backbone] = (_backbone(source, cut=layers // 2),) if cuttable else ()
    return (_backbone(source), *halves, _backbone(source, static=True))


def find(backbone: Backbone, *, base: Path) -> Source:
    """The source of a backbone, if its files are still those that it was made from.

    Raises:
        RunError: they changed in between.
        BriefError: they are gone.
    """
    source = locate(backbone.source, base=base)
    if source.digest != backbone.weights_sha256:
        raise RunError(
            f"the files of backbone '{backbone.name}' changed: {source.folder} has digest {source.digest}, "
            f"expected {backbone.weights_sha256}"
        )
    return source


def _backbone(source: Source, *, cut: int | None = None, static: bool = False) -> Backbone:
    # The built-in name takes a dash, as in minilm-3; a path or hub id may hold dashes of its own.
    mark = "-" if source.name == "minilm" else "#"
    part = f"{mark}static" if static else f"{mark}{cut}" if cut else ""
    return Backbone(
        name=f"{source.name}{part}",
        source=source.name,
        cut=cut,
        static=static,
        parameters=_parameters(source, cut=cut, static=static),
        weights_sha256=source.digest,
        methods=("probe", "full") if static else ("probe", "full", "lora"),
    )


def _parameters(source: Source, *, cut: int | None, static: bool) -> int:
    config = transformers.AutoConfig.from_pretrained(source.folder)
    if static:
        return int(config.vocab_size) * min(DIMENSIONS, int(config.hidden_size))
    if cut is not None:
        config.num_hidden_layers = cut
    with torch.device("meta"):
        encoder = without_pooler(transformers.AutoModel.from_config(config))
    return sum(parameter.numel() for parameter in encoder.parameters())
