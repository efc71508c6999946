"""A tuned model's static version: vectors of tokens and frequent pairs of neighbours, distilled from its encoder.

Every token goes through the encoder between the tokenizer's marks, and so does every listed pair (Tulkens & van Dongen
2024 do so with an encoder before tuning, and single tokens). Principal components of the tokens' outputs are kept.
What a pair's vector adds is what the encoder says of the pair beyond its two tokens. A head is fitted to the frozen
sums; `Trainer.distil` then trains vectors, weights and head together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from marketfit.task import Example, FloatMatrix, Labelled, Progress, StaticShape
from marketfit.tasks.text_classification.fitting import as_linear, facts_of, head_scale, outputs_of
from marketfit.tasks.text_classification.model import TextModel, load_model, save_model
from marketfit.tasks.text_classification.runtime import checked_texts
from marketfit.tasks.text_classification.static import means, reduced, zipf_weights
from marketfit.tasks.text_classification.static_encoder import StaticEncoder
from marketfit.tasks.text_classification.tokens import token_ids
from marketfit.tasks.text_classification.words import marks
from marketfit.training.logistic import Probe
from marketfit.training.terms import Batch, Objective

_FEWEST = 2  # a pair that is seen once teaches nothing that its row does not
_READING = 0.9  # of the progress: the encoder reads tokens and pairs

Pair = tuple[int, int]


def flatten(
    model: Path, rows: Labelled, into: Path, *, unlabelled: Sequence[Example], shape: StaticShape, seed: int,
    progress: Progress,
) -> None:  # fmt: skip
    """Write the static version of a model folder. See `StaticTrainer.static`."""
    torch.manual_seed(seed)
    loaded, card = load_model(model)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    how = replace(card.how(), special_tokens=False)
    ids = token_ids(tokenizer, [*checked_texts(rows.inputs), *checked_texts(unlabelled)], how)
    pairs = frequent_pairs(ids, most=shape.pairs, without={how.pad_id})
    table, pair_table = _vectors(
        loaded.encoder, tokenizer, pairs, shape.dimensions, lambda done: progress(_READING * done)
    )
    encoder = StaticEncoder(
        torch.from_numpy(table),
        padding=how.pad_id,
        pairs=torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2),
        pair_table=torch.from_numpy(pair_table),
    )
    features = outputs_of(TextModel(encoder, None, scale=1.0), ids[: len(rows)], how)["features"]
    made = TextModel(encoder, _head(features, rows), scale=head_scale(features.shape[1]))
    changed = {"preprocessor": vars(how), "pooling": "mean", "activation": None}
    save_model(made, card.model_copy(update=changed), tokenizer, into)
    progress(1.0)


def frequent_pairs(ids: Sequence[Sequence[int]], *, most: int, without: set[int]) -> list[Pair]:
    """The pairs of neighbouring tokens that most texts hold, at least two of them; ties by token.

    >>> frequent_pairs([[5, 6, 7], [5, 6], [7, 5, 6, 5, 6]], most=9, without={0})
    [(5, 6)]
    """
    counts = Counter(pair for row in ids for pair in set(pairwise(row)) if not without & set(pair))
    ranked = sorted((-count, pair) for pair, count in counts.items() if count >= _FEWEST)
    return [pair for _count, pair in ranked[:most]]


def _vectors(
    encoder: nn.Module, tokenizer: Tokenizer, pairs: Sequence[Pair], dimensions: int, progress: Progress
) -> tuple[FloatMatrix, FloatMatrix]:
    """Vectors of all tokens (vocabulary, d) and of the pairs (n, d), of about unit length in the mean."""
    before, after = marks(tokenizer)
    vocabulary = int(encoder.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    singles = torch.tensor([[*before, token, *after] for token in range(vocabulary)])
    doubles = torch.tensor([[*before, *pair, *after] for pair in pairs]).reshape(len(pairs), -1)
    share = vocabulary / (vocabulary + len(pairs))
    words = means(encoder, singles, lambda done: progress(share * done))
    joint = means(encoder, doubles, lambda done: progress(share + (1 - share) * done)) if pairs else words[:0]
    both = reduced(np.concatenate([words, joint]), dimensions)
    weights = zipf_weights(vocabulary)
    table = both[:vocabulary] * weights[:, None]
    first, second = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    beyond = both[vocabulary:] - (both[first] + both[second]) / 2.0
    pair_table = beyond * np.minimum(weights[first], weights[second])[:, None]
    length = float(np.sqrt(np.square(table).sum(axis=1).mean()))
    return (table / length).astype(np.float32), (pair_table / length).astype(np.float32)


def _head(features: FloatMatrix, rows: Labelled) -> nn.Linear:
    objective = Objective.of((), facts_of(rows))
    scaled = torch.from_numpy(features) * head_scale(features.shape[1])
    probe = Probe(
        features=scaled,
        batch=Batch(targets=torch.from_numpy(rows.targets), consensus=None),
        classes=len(rows.labels),
        objective=objective,
        regularisation=1.0,
    )
    return as_linear(probe.fit())
