"""pq-embeddings: lookup tables as numbers of short vectors that all rows share (product quantisation).

A row of a table (rows, dim) is brought to root mean square 1 and cut into pieces of `width` values. A piece becomes the
number, one byte, of the nearest of 256 vectors, which k-means finds (Lloyd 1982) among the pieces of all rows; a row
keeps one scale, with which what the numbers stand for comes nearest to it (least squares). So a value takes 8 / width
bits: 4 by default, 2 with `width` 4. It is the product quantisation of Jégou, Douze and Schmid (2011) with one codebook
for all pieces. A row of zeros stays one.

A request pays for one more lookup, of dim / width short vectors for each token. Two layers of half the width, distilled
from six on CLINC150 (4,500 test rows, full model 96.18 %, all words): 0.18 points below the six with a float32 table,
0.22 with int8-embeddings, 0.33 and 0.40 here with 4 and 2 bits (benchmarks/README.md, Word tables).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.graph_file import read_graph, rewrite
from marketfit.compress.passes.tables import SMALLEST, lookups, recode
from marketfit.errors import BriefError, Problem
from marketfit.task import FloatMatrix, Progress, unreported

if TYPE_CHECKING:
    import onnx

_WIDTH, _WIDEST = 2, 4
_VECTORS = 256  # one byte tells which
_ROUNDS = 15  # of k-means: more move no vector by much
_SAMPLE = 100_000  # pieces that the vectors are found among
_AT_ONCE = 2**16  # pieces whose nearest vectors are looked for together


class PqEmbeddings(Untrained):
    """Lookup tables of 4 or 2 bits a value. Option `width`: values of a piece, 2 (default) or 4."""

    stage: Stage = "graph"
    role: Role = "rewrite"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - Pass contract
        """It needs a lookup in a float32 table of 100,000 values or more, in rows of a multiple of 4."""
        if not _tables(read_graph(artefact)):
            return f"no lookup in a float32 table of {SMALLEST:,} values or more, in rows of a multiple of {_WIDEST}"
        return ""

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - Pass contract
        """4 bits a value, and 2."""
        return {}, {"width": _WIDEST}

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Rewrite every such lookup; what reads it sees the same name."""
        refuse_unknown("pq-embeddings", options, ("width",))
        width = options.get("width", _WIDTH)
        if type(width) is not int or width not in (_WIDTH, _WIDEST):
            raise BriefError(
                [Problem("pass pq-embeddings: width", f"{width!r}", f"{_WIDTH} or {_WIDEST}", "change it")]
            )
        model = read_graph(artefact)
        tables = _tables(model)
        ranks = {name: rank for name, (_node, rank) in tables.items()}
        places = iter(range(len(tables)))

        def encoded(table: FloatMatrix) -> Mapping[str, NDArray[np.generic]]:
            progress = _part_of(context.progress, next(places), len(tables))
            codes, vectors, scale = product_quantise(table, width=width, seed=context.seed, progress=progress)
            return {"codes": codes, "vectors": vectors, "scale": scale}

        step = f"lookup tables of {8 // width} bits a value (product quantisation), one scale a row"
        made = rewrite(
            artefact, context.into, step=step,
            change=lambda _before, after: recode(
                model, after, tables={name: node for name, (node, _rank) in tables.items()}, encode=encoded,
                lookup=lambda node, table: _lookup(node, table, rank=ranks[table]),
            ),
        )  # fmt: skip
        context.progress(1.0)
        return made


Codes = NDArray[np.uint8]


def product_quantise(
    table: FloatMatrix, *, width: int, seed: int, progress: Progress = unreported
) -> tuple[Codes, FloatMatrix, FloatMatrix]:
    """Numbers (rows, dim / width), vectors (256, width) and scales (rows, 1) of a table (rows, dim).

    >>> table = np.array([[3.0, -3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    >>> codes, vectors, scale = product_quantise(table, width=2, seed=0)
    >>> (vectors[codes].reshape(2, 4) * scale).round(6).tolist()
    [[3.0, -3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]]
    """
    rows, dim = table.shape
    size = np.sqrt(np.mean(table * table, axis=1, keepdims=True))
    pieces = (table / np.where(size > 0, size, 1.0)).astype(np.float32).reshape(-1, width)
    random = np.random.default_rng(seed)
    sample = pieces[np.sort(random.permutation(len(pieces))[:_SAMPLE])]
    vectors = _k_means(sample, random, _part_of(progress, 0, 2))
    codes = _nearest(pieces, vectors, _part_of(progress, 1, 2)).reshape(rows, dim // width)
    meant = vectors[codes].reshape(rows, dim)
    square = (meant * meant).sum(axis=1, keepdims=True)
    scale = (meant * table).sum(axis=1, keepdims=True) / np.where(square > 0, square, 1.0)
    return codes, vectors, scale.astype(np.float32)


def _part_of(progress: Progress, place: int, parts: int) -> Progress:
    """The progress of one of several parts of equal length.

    >>> _part_of(print, 1, 2)(0.5)
    0.75
    """
    return lambda done: progress((place + done) / parts)


def _k_means(sample: FloatMatrix, random: np.random.Generator, progress: Progress) -> FloatMatrix:
    """256 vectors, begun with as many pieces by chance; one that is nearest to no piece stays where it is."""
    vectors = sample[random.integers(0, len(sample), _VECTORS)]
    for place in range(_ROUNDS):
        nearest = _nearest(sample, vectors, _part_of(progress, place, _ROUNDS))
        counts = np.bincount(nearest, minlength=_VECTORS)[:, None]
        sums = np.stack([np.bincount(nearest, column, minlength=_VECTORS) for column in sample.T], axis=1)
        vectors = np.where(counts > 0, sums / np.maximum(counts, 1), vectors).astype(np.float32)
    return vectors


def _nearest(pieces: FloatMatrix, vectors: FloatMatrix, progress: Progress) -> Codes:
    """(n,): the number of the nearest vector to each piece (n, width)."""
    half = (vectors * vectors).sum(axis=1) / 2
    found = np.empty(len(pieces), dtype=np.uint8)
    for start in range(0, len(pieces), _AT_ONCE):
        near = pieces[start : start + _AT_ONCE] @ vectors.T - half
        found[start : start + _AT_ONCE] = near.argmax(axis=1)
        progress(min(1.0, (start + _AT_ONCE) / len(pieces)))
    return found


def _tables(model: onnx.ModelProto) -> dict[str, tuple[onnx.NodeProto, int]]:
    """Table → the Gather that reads it and how many axes its row numbers have, wherever that is known."""
    dims = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    found = {name: node for name, node in lookups(model).items() if dims[name][1] % _WIDEST == 0}
    ranks = _ranks(model) if found else {}
    return {name: (node, ranks[node.input[1]]) for name, node in found.items() if node.input[1] in ranks}


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Tensor → number of its axes, as far as it follows from the graph's inputs."""
    from onnx import shape_inference

    graph = shape_inference.infer_shapes(model).graph
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info)
        if value.type.tensor_type.HasField("shape")
    }


def _lookup(node: onnx.NodeProto, table: str, *, rank: int) -> list[onnx.NodeProto]:
    """rows = vectors[codes[ids]], pieces put side by side, × scale[ids]; the scale of a row spreads over its values."""
    from onnx import TensorProto, helper

    ids, output = node.input[1], node.output[0]
    codes, numbers, pieces, joined, scale, shape = (
        f"{output}.{part}" for part in ("codes", "numbers", "pieces", "joined", "scale", "shape")
    )
    whole = helper.make_tensor("shape", TensorProto.INT64, [rank + 1], [0] * rank + [-1])
    return [
        helper.make_node("Gather", [f"{table}.codes", ids], [codes], name=codes, axis=0),
        helper.make_node("Cast", [codes], [numbers], name=numbers, to=TensorProto.INT32),
        helper.make_node("Gather", [f"{table}.vectors", numbers], [pieces], name=pieces, axis=0),
        helper.make_node("Constant", [], [shape], name=shape, value=whole),
        helper.make_node("Reshape", [pieces, shape], [joined], name=joined),
        helper.make_node("Gather", [f"{table}.scale", ids], [scale], name=scale, axis=0),
        helper.make_node("Mul", [joined, scale], [output], name=output),
    ]
