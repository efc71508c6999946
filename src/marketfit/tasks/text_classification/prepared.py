"""A backbone loaded, with its tokenizer: what adapting starts from, and all that an embedder is made of.

Apart from `fitting`, whose training stack takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

from marketfit.records.models import Backbone
from marketfit.tasks.text_classification.kinds import find
from marketfit.tasks.text_classification.model import load_encoder
from marketfit.tasks.text_classification.runtime import Preprocessor
from marketfit.tasks.text_classification.static import static_table
from marketfit.tasks.text_classification.static_encoder import StaticEncoder
from marketfit.tasks.text_classification.tokens import load_tokenizer, max_length, positions, preprocessor, token_ids


@dataclass(frozen=True)
class Prepared:
    """A backbone loaded, with the training texts as token ids."""

    encoder: nn.Module
    tokenizer: Tokenizer
    how: Preprocessor
    ids: list[list[int]]


def prepare(backbone: Backbone, texts: Sequence[str] | None, *, base: Path) -> Prepared:
    """Load a backbone; the length limit comes from the texts, or from the model where there are none."""
    source = find(backbone, base=base)
    tokenizer = load_tokenizer(source)
    limit = positions(source)
    how = preprocessor(source, tokenizer, static=backbone.static, max_length=limit)
    ids = token_ids(tokenizer, texts, how) if texts else []
    if ids:
        how = replace(how, max_length=max_length([len(row) for row in ids], limit=limit))
        ids = token_ids(tokenizer, texts or (), how)
    if backbone.static:
        encoder: nn.Module = StaticEncoder(torch.from_numpy(static_table(source).copy()), padding=how.pad_id)
    else:
        encoder = load_encoder(source, layers=backbone.cut)
    return Prepared(encoder=encoder, tokenizer=tokenizer, how=how, ids=ids)
