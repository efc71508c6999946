"""The static version of an encoder: one vector a token, as model2vec does (Tulkens & van Dongen 2024).

Every token of the vocabulary goes through the encoder by itself, between the tokenizer's marks; the mean of the
outputs is reduced to 256 dimensions by PCA and weighted by a/(a + p), the smooth inverse frequency of Arora et al.
(2017) with p from Zipf's law on the token's rank in the vocabulary. Made once and kept in a cache folder.
"""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from marketfit.task import FloatMatrix, Progress, unreported
from marketfit.tasks.text_classification.model import load_encoder
from marketfit.tasks.text_classification.sources import Source
from marketfit.tasks.text_classification.tokens import load_tokenizer
from marketfit.tasks.text_classification.words import marks
from marketfit.workspace import write_atomic

DIMENSIONS = 256
_SIF = 1e-4
_BATCH = 1024
_VERSION = 1  # of the method: a change of it must not meet an old cache


def cache_folder() -> Path:
    """Where marketfit keeps what it can make again: `$XDG_CACHE_HOME/marketfit`, else `~/.cache/marketfit`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "marketfit"


def static_table(source: Source) -> FloatMatrix:
    """Vectors (vocabulary, min(256, dim)) of all tokens, from the cache if they were made before."""
    path = cache_folder() / f"static-{source.digest[:32]}-v{_VERSION}.npy"
    if path.is_file():
        kept: FloatMatrix = np.load(path, allow_pickle=False)
        return kept
    table = _make(source)
    stream = io.BytesIO()
    np.save(stream, table, allow_pickle=False)
    try:
        write_atomic(path, stream.getvalue())
    except OSError as error:
        # The table is right either way; only the next run has to make it again.
        logging.getLogger(__name__).warning("the cache %s can't be written (%s)", path, error.strerror)
    return table


def _make(source: Source) -> FloatMatrix:
    encoder = load_encoder(source, layers=None)
    before, after = marks(load_tokenizer(source))
    vocabulary = int(encoder.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    rows = torch.tensor([[*before, token, *after] for token in range(vocabulary)])
    return reduced(means(encoder, rows)) * zipf_weights(vocabulary)[:, None]


def means(encoder: nn.Module, rows: Tensor, progress: Progress = unreported) -> FloatMatrix:
    """The mean output (n, dim) of the encoder over the tokens of each row (n, tokens)."""
    done = 0
    parts: list[FloatMatrix] = []
    with torch.inference_mode():
        for batch in rows.split(_BATCH):
            hidden = encoder(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
            parts.append(hidden.mean(dim=1).float().numpy())
            done += len(batch)
            progress(done / len(rows))
    return np.concatenate(parts)


def reduced(vectors: FloatMatrix, dimensions: int = DIMENSIONS) -> FloatMatrix:
    """The first principal components of the rows, at most `dimensions`, centred."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    largest = np.argsort(values)[::-1][:dimensions]
    components: FloatMatrix = (centred @ axes[:, largest]).astype(np.float32)
    return components


def zipf_weights(count: int) -> FloatMatrix:
    """Weights (count,) of tokens by rank, most frequent first: rare tokens weigh more."""
    inverse = 1.0 / np.arange(2, count + 2)
    share = inverse / inverse.sum()
    weights: FloatMatrix = (_SIF / (_SIF + share)).astype(np.float32)
    return weights
