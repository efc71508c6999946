"""The static model: pairs counted and found as listed, learned weights folded, the graph as torch says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from marketfit.tasks.text_classification.flatten import frequent_pairs
from marketfit.tasks.text_classification.static_encoder import StaticEncoder, WeightedEncoder
from marketfit.tasks.text_classification.static_graph import StaticWeights, displaced, static_graph

TOKENS = 12
Pairs = set[tuple[int, int]]
a_pair = st.tuples(st.integers(1, TOKENS - 1), st.integers(1, TOKENS - 1))


def encoder_of(pairs: Pairs, *, seed: int = 0) -> StaticEncoder:
    random = torch.Generator().manual_seed(seed)
    return StaticEncoder(
        torch.randn((TOKENS, 4), generator=random),
        padding=0,
        pairs=torch.tensor(list(pairs), dtype=torch.int64).reshape(-1, 2),
        pair_table=torch.randn((len(pairs), 4), generator=random),
    )


@given(pairs=st.sets(a_pair, min_size=1, max_size=60))
def test_a_slot_belongs_to_the_pair_that_is_listed_there(pairs: Pairs) -> None:
    listed = np.array(sorted(pairs))
    slots = displaced(listed, tokens=TOKENS)
    for first in range(TOKENS):
        for second in range(TOKENS):
            slot = slots.offsets[first] + second
            assert (slots.owners[slot] == first) == ((first, second) in pairs)
            if (first, second) in pairs:
                assert tuple(listed[slots.places[slot]]) == (first, second)


@given(pairs=st.sets(a_pair, max_size=30), row=st.lists(st.integers(1, TOKENS - 1), min_size=1, max_size=9))
def test_the_graph_sums_tokens_and_listed_pairs(pairs: Pairs, row: list[int]) -> None:
    encoder = encoder_of(pairs)
    found = dict(zip(map(tuple, encoder.listed.tolist()), encoder.pair.weight if encoder.pair else (), strict=True))
    total = sum((encoder.word.weight[token] for token in row), torch.zeros(4))
    total = total + sum((found[pair] for pair in pairwise(row) if pair in found), torch.zeros(4))
    wanted = torch.nn.functional.normalize(total, dim=0).detach().numpy()
    weights = StaticWeights(
        encoder.word.weight.detach().numpy(), 0, encoder.listed.numpy(),
        encoder.pair.weight.detach().numpy() if encoder.pair else np.zeros((0, 4), dtype=np.float32),
    )  # fmt: skip
    session = onnxruntime.InferenceSession(static_graph(weights, None).SerializeToString())
    ids = np.zeros((2, len(row) + 2), dtype=np.int32)
    ids[0, : len(row)] = row
    (said,) = session.run(["embedding"], {"input_ids": ids})
    assert said[0] == pytest.approx(wanted, abs=1e-4)
    assert np.isfinite(said).all(), "a row of padding alone has no direction, but numbers"


def test_pairs_are_counted_once_a_text() -> None:
    ids = [[5, 6, 5, 6], [5, 6, 7], [7, 8, 0], [7, 8, 0, 0], [6, 7]]
    assert frequent_pairs(ids, most=9, without={0}) == [(5, 6), (6, 7), (7, 8)]
    assert frequent_pairs(ids, most=1, without={0}) == [(5, 6)]


def test_learned_weights_are_folded_into_the_vectors() -> None:
    """In training and folded, the same sums; what no text reads stays as it was."""
    static = encoder_of({(1, 2), (2, 3), (9, 9)})
    ids = torch.tensor([[1, 2, 3, 4], [2, 3, 0, 0]])
    mask = (ids > 0).long()
    trained = WeightedEncoder(static, [[1, 2, 3, 4], [2, 3]])
    with torch.no_grad():
        trained.word_weight.weight.uniform_(-1.0, 1.0)
        trained.pair_weight.weight.uniform_(-1.0, 1.0)
        trained.word.weight.add_(0.5)
    folded = trained.folded()
    before, after = (
        (model(input_ids=ids, attention_mask=mask).last_hidden_state * mask.unsqueeze(-1)).sum(dim=1)
        for model in (trained, folded)
    )
    assert torch.allclose(before, after, atol=1e-5)
    assert torch.equal(folded.word.weight[5:], static.word.weight[5:])
    assert torch.equal(folded.pair.weight[2], static.pair.weight[2])
    assert not torch.allclose(folded.word.weight[1], static.word.weight[1])
    assert not folded.word.weight[0].any()
