"""The static encoder: one vector a token, one for each listed pair of neighbouring tokens; and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutput


class StaticEncoder(nn.Module):
    """One vector a token and a pair, as an encoder.

    `table` (tokens, dim); the row of `padding` is zero and stays so. `pairs` (n, 2) int64, each once, hold no padding;
    `pair_table` (n, dim).
    """

    def __init__(
        self, table: Tensor, *, padding: int, pairs: Tensor | None = None, pair_table: Tensor | None = None
    ) -> None:
        super().__init__()
        self.padding = padding
        self.word = nn.Embedding.from_pretrained(without_row(table, padding), freeze=False)
        self.pair: nn.Embedding | None = None
        if pairs is not None and pair_table is not None and len(pairs):
            order = torch.argsort(pair_keys(pairs[:, 0], pairs[:, 1], len(table)))
            self.register_buffer("pairs", pairs[order])
            self.pair = nn.Embedding.from_pretrained(pair_table[order], freeze=False)

    @property
    def listed(self) -> Tensor:
        """The listed pairs (n, 2), in the order of their vectors."""
        return torch.zeros((0, 2), dtype=torch.int64) if self.pair is None else cast("Tensor", self.pairs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> BaseModelOutput:  # noqa: ARG002 - as encoders do
        """Vectors (b, tokens, dim); that of a listed pair joins its first token's."""
        hidden = self.word(input_ids)
        if self.pair is not None and input_ids.shape[1] > 1:
            row, known = self.pair_rows(input_ids)
            hidden = hidden + functional.pad(self.pair(row) * known.unsqueeze(-1), (0, 0, 0, 1))
        return BaseModelOutput(last_hidden_state=cast("torch.FloatTensor", hidden))

    def pair_rows(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Of neighbours in each row (b, tokens − 1): the row of the pair table, and 1 where the pair is listed."""
        size = self.word.num_embeddings
        listed = pair_keys(self.listed[:, 0], self.listed[:, 1], size)
        wanted = pair_keys(input_ids[:, :-1], input_ids[:, 1:], size)
        row = torch.searchsorted(listed, wanted).clamp_(max=len(listed) - 1)
        return row, (listed[row] == wanted).float()


class WeightedEncoder(nn.Module):
    """A static encoder in training: only the rows that some text reads, each times exp of a learned scalar.

    What no text reads would get no gradient; leaving it out saves the optimiser most of its time. Dropout leaves out
    whole tokens and pairs: a text must be known by any part of it.
    """

    def __init__(self, static: StaticEncoder, ids: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.static = static.requires_grad_(False)
        self.dropout = nn.Dropout(0.0)
        tokens, pairs = _used(static, ids)
        self.register_buffer("tokens", tokens)
        self.register_buffer("pairs", pairs)
        self.word = nn.Embedding.from_pretrained(static.word.weight[tokens], freeze=False)
        self.word_weight = nn.Embedding(len(tokens), 1, _weight=torch.zeros((len(tokens), 1)))
        self.pair: nn.Embedding | None = None
        if static.pair is not None and len(pairs):
            self.pair = nn.Embedding.from_pretrained(static.pair.weight[pairs], freeze=False)
            self.pair_weight = nn.Embedding(len(pairs), 1, _weight=torch.zeros((len(pairs), 1)))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> BaseModelOutput:
        """Vectors (b, tokens, dim) of ids that are among those of the texts."""
        tokens = cast("Tensor", self.tokens)
        row = torch.searchsorted(tokens, input_ids).clamp_(max=len(tokens) - 1)
        hidden = self.word(row) * self.dropout(self.word_weight(row).exp())
        if self.pair is not None and input_ids.shape[1] > 1:
            pairs = cast("Tensor", self.pairs)
            listed, known = self.static.pair_rows(input_ids)
            row = torch.searchsorted(pairs, listed).clamp_(max=len(pairs) - 1)
            known = known * attention_mask[:, 1:]
            hidden = hidden + functional.pad(
                self.pair(row) * self.dropout(self.pair_weight(row).exp() * known.unsqueeze(-1)), (0, 0, 0, 1)
            )
        return BaseModelOutput(last_hidden_state=cast("torch.FloatTensor", hidden))

    def folded(self) -> StaticEncoder:
        """The static encoder with what was learnt, weights multiplied into the vectors."""
        with torch.no_grad():
            table = self.static.word.weight.clone()
            table[cast("Tensor", self.tokens)] = self.word.weight * self.word_weight.weight.exp()
            pair_table = None
            if self.static.pair is not None:
                pair_table = self.static.pair.weight.clone()
                if self.pair is not None:
                    pair_table[cast("Tensor", self.pairs)] = self.pair.weight * self.pair_weight.weight.exp()
        return StaticEncoder(table, padding=self.static.padding, pairs=self.static.listed, pair_table=pair_table)


def pair_keys(first: Tensor, second: Tensor, size: int) -> Tensor:
    """One int64 for each pair of tokens of a vocabulary of `size`."""
    return first.long() * size + second.long()


def without_row(table: Tensor, row: int) -> Tensor:
    """A float32 copy with a row of zeros."""
    made = table.detach().float().clone()
    made[row] = 0.0
    return made


def _used(static: StaticEncoder, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Sorted tokens that the texts hold, and sorted rows of the listed pairs that they hold."""
    tokens = torch.tensor(sorted({token for row in ids for token in row} | {static.padding}))
    if static.pair is None:
        return tokens, torch.zeros(0, dtype=torch.int64)
    neighbours = torch.tensor([pair for row in ids for pair in pairwise(row)]).reshape(-1, 2)
    row, known = static.pair_rows(neighbours)
    return tokens, torch.unique(row[known > 0])
