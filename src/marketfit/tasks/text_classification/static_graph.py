"""The ONNX graph of a static model: ids to rows of one table, their sum, unit length, head.

Its one input is `input_ids`; the padding token's row is zero, so no mask is needed. Listed pairs of neighbours have
rows of their own behind the tokens'. The graph finds them itself in a sparse table by row displacement (Tarjan & Yao
1979): the pair (a, b) is at slot offset[a] + b, and is listed if that slot belongs to a.

    pairs.offsets       (tokens,) int32     where the row of each first token starts
    pairs.owners        (slots,) int32      the first token that a slot belongs to, or −1
    pairs.rows          (slots,) int32      row of the slot's pair in `embeddings.word`
    embeddings.word     (tokens + pairs, dim)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from marketfit.task import FloatMatrix
from marketfit.tasks.text_classification.graph import GraphParts, Head, finished

Ids = NDArray[np.int64]

_LOOK_AHEAD = 256  # offsets that are tried at once


@dataclass(frozen=True, eq=False)
class StaticWeights:
    """`table` (tokens, dim), whose row of `padding` is zeros; pairs (n, 2) and their `pair_table` (n, dim)."""

    table: FloatMatrix
    padding: int
    pairs: Ids
    pair_table: FloatMatrix


@dataclass(frozen=True, eq=False)
class Slots:
    """Row displacement: `offsets` (tokens,), `owners` (slots,) with −1 where empty, `places` (slots,) in the list."""

    offsets: Ids
    owners: Ids
    places: Ids


def static_graph(weights: StaticWeights, head: Head | None) -> onnx.ModelProto:
    """The graph of a static model, with or without a head."""
    graph = GraphParts()
    graph.weight("one", np.array([1], dtype=np.int64))
    table, ids = weights.table, "input_ids"
    if len(weights.pairs):
        ids = _with_pairs(graph, weights)
        table = np.vstack([table, weights.pair_table])
    word = graph.weight("embeddings.word", table)
    rows = graph.node("Gather", [word, ids], "embeddings.word_rows", axis=0)
    graph.node("ReduceSum", [rows, "one"], "pool.sum", keepdims=0)
    graph.node("LpNormalization", ["pool.sum"], "embedding", axis=-1, p=2)
    return finished(graph, head, dim=table.shape[1], inputs=("input_ids",))


def _with_pairs(graph: GraphParts, weights: StaticWeights) -> str:
    """Ids of the tokens and, behind them, rows of the pairs of neighbours; padding where a pair is not listed."""
    slots = displaced(weights.pairs, tokens=len(weights.table))
    graph.weight("zero", np.array([0], dtype=np.int64))
    graph.weight("minus_one", np.array([-1], dtype=np.int64))
    graph.weight("far", np.array([np.iinfo(np.int32).max], dtype=np.int64))
    graph.weight("pairs.none", np.array(weights.padding, dtype=np.int32))
    graph.weight("pairs.offsets", slots.offsets.astype(np.int32))
    graph.weight("pairs.owners", slots.owners.astype(np.int32))
    graph.weight("pairs.rows", (len(weights.table) + slots.places).astype(np.int32))
    first = graph.node("Slice", ["input_ids", "zero", "minus_one", "one"], "pairs.first")
    second = graph.node("Slice", ["input_ids", "one", "far", "one"], "pairs.second")
    offset = graph.node("Gather", ["pairs.offsets", first], "pairs.offset", axis=0)
    slot = graph.node("Add", [offset, second], "pairs.slot")
    owner = graph.node("Gather", ["pairs.owners", slot], "pairs.owner", axis=0)
    listed = graph.node("Equal", [owner, first], "pairs.listed")
    row = graph.node("Gather", ["pairs.rows", slot], "pairs.row", axis=0)
    chosen = graph.node("Where", [listed, row, "pairs.none"], "pairs.chosen")
    return graph.node("Concat", ["input_ids", chosen], "embeddings.ids", axis=1)


def displaced(pairs: Ids, *, tokens: int) -> Slots:
    """A slot of its own for each pair (n, 2): rows with most pairs first, each at the first offset where it fits.

    >>> slots = displaced(np.array([[1, 2], [3, 2], [3, 4]]), tokens=5)
    >>> slots.offsets.tolist(), slots.owners.tolist(), slots.places.tolist()
    ([0, 1, 0, 0, 0], [-1, -1, 3, 1, 3, -1], [0, 0, 1, 0, 2, 0])
    """
    order = np.argsort(pairs[:, 0], kind="stable")
    firsts, starts = np.unique(pairs[order, 0], return_index=True)
    rows = sorted(zip(firsts.tolist(), np.split(order, starts[1:]), strict=True), key=lambda row: -len(row[1]))
    offsets = np.zeros(tokens, dtype=np.int64)
    owners = np.full(tokens, -1, dtype=np.int64)
    places = np.zeros(tokens, dtype=np.int64)
    for first, members in rows:
        seconds = pairs[members, 1]
        offset = _first_fit(owners, seconds)
        if offset + tokens > len(owners):
            more = offset + tokens - len(owners)
            owners, places = np.append(owners, np.full(more, -1)), np.append(places, np.zeros(more, dtype=np.int64))
        offsets[first] = offset
        owners[offset + seconds], places[offset + seconds] = first, members
    slots = int(offsets.max(initial=0)) + tokens
    return Slots(offsets, owners[:slots], places[:slots])


def _first_fit(owners: Ids, seconds: Ids) -> int:
    """The first offset at which all slots are free; behind the last slot all are."""
    taken = np.append(owners >= 0, np.zeros(_LOOK_AHEAD, dtype=np.bool_))
    for start in range(0, len(owners), _LOOK_AHEAD):
        slots = start + np.arange(_LOOK_AHEAD)[:, None] + seconds
        fits = ~taken[np.minimum(slots, len(taken) - 1)].any(axis=1)
        if fits.any():
            return start + int(fits.argmax())
    return len(owners)
