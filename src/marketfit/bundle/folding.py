"""Operators on small tensors whose values are known: how exporters compute the sizes of what follows from shapes.

Types are those of the graph, so that whole numbers overflow here as they do in a runtime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from marketfit.bundle.outline import TYPES, Array, Node

MAX_FOLDED = 1024
"""Values of a tensor that is computed here."""

Fold = Callable[[Node, Sequence[Array]], Sequence[Array]]


def folded(node: Node, given: Sequence[Array]) -> Sequence[Array] | None:
    """The outputs of an operator, or None where they are not computed here."""
    fold = _FOLDS.get(node.operator) if node.domain in ("", "ai.onnx") else None
    if fold is None:
        return None
    with np.errstate(all="raise", over="ignore", under="ignore"):
        found = fold(node, given)
    return found if all(array.size <= MAX_FOLDED for array in found) else None


def axes_of(node: Node, given: Array | None, rank: int) -> list[int] | None:
    """The axes that an operator works on, from 0: an attribute, or its second input in newer operator sets."""
    named = node.numbers("axes") if given is None else given.ravel().tolist()
    return None if named is None else [int(axis) % rank if rank else 0 for axis in named]


def _same(function: Callable[..., Array]) -> Fold:
    def fold(_node: Node, given: Sequence[Array]) -> Sequence[Array]:
        if math.prod(np.broadcast_shapes(*(array.shape for array in given))) > MAX_FOLDED:
            raise ValueError("too many values")
        return [np.asarray(function(*given))]

    return fold


def _divide(one: Array, other: Array) -> Array:
    """Whole numbers are cut towards zero."""
    if not np.issubdtype(one.dtype, np.integer):
        return np.asarray(np.true_divide(one, other))
    if one.dtype.kind == "i" and min(one.min(initial=0), other.min(initial=0)) == np.iinfo(np.dtype(one.dtype.str)).min:
        raise ValueError("a number without a positive counterpart")
    return np.asarray(np.sign(one) * np.sign(other) * (np.abs(one) // np.abs(other)), dtype=one.dtype)


def _cast(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    kind = np.dtype(TYPES[node.number("to", 0)])
    if kind.kind in "iu" and given[0].dtype.kind == "f":
        limits, values = np.iinfo(kind), given[0].astype(np.float64)
        if not ((values > float(limits.min)) & (values < float(limits.max))).all():
            raise ValueError("a number that the type does not hold")
    return [given[0].astype(kind)]


def _gather(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    return [np.take(given[0], given[1].astype(np.int64), axis=node.number("axis", 0))]


def _concat(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    return [np.concatenate(list(given), axis=node.number("axis", 0))]


def slices(rank: int, given: Sequence[Array]) -> tuple[slice, ...]:
    """Where Slice cuts: its starts, ends and, if they are given, axes and steps."""
    starts, ends = (part.ravel().tolist() for part in given[:2])
    axes = given[2].ravel().tolist() if len(given) > 2 else range(len(starts))
    steps = given[3].ravel().tolist() if len(given) > 3 else [1] * len(starts)
    cuts = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        before_all = step < 0 and end < -(2**30)  # which Python's slices can't say
        cuts[axis] = slice(start, None if before_all else end, step)
    return tuple(cuts)


def _slice(_node: Node, given: Sequence[Array]) -> Sequence[Array]:
    return [given[0][slices(given[0].ndim, given[1:])]]


def _unsqueeze(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    axes = node.numbers("axes") if len(given) < 2 else given[1].ravel().tolist()
    return [np.expand_dims(given[0], tuple(axes or ()))]


def _squeeze(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    axes = axes_of(node, given[1] if len(given) > 1 else None, given[0].ndim)
    return [np.squeeze(given[0], None if axes is None else tuple(axes))]


def _reshape(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    wanted = [
        given[0].shape[place] if size == 0 and not node.number("allowzero", 0) else size
        for place, size in enumerate(given[1].ravel().tolist())
    ]
    return [given[0].reshape(wanted)]


def _transpose(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    return [np.transpose(given[0], node.numbers("perm"))]


def _reduced(function: Callable[..., Array]) -> Fold:
    def fold(node: Node, given: Sequence[Array]) -> Sequence[Array]:
        axes = axes_of(node, given[1] if len(given) > 1 else None, given[0].ndim)
        if not axes and node.number("noop_with_empty_axes", 0):
            return [given[0]]
        keep = bool(node.number("keepdims", 1))
        made = function(given[0], axis=tuple(axes) if axes else None, keepdims=keep)
        return [np.asarray(made, dtype=given[0].dtype)]

    return fold


def _nonzero(_node: Node, given: Sequence[Array]) -> Sequence[Array]:
    return [np.stack(np.nonzero(np.atleast_1d(given[0]))).astype(np.int64)]


def _one_hot(node: Node, given: Sequence[Array]) -> Sequence[Array]:
    places, depth, (off, on) = given[0], int(given[1].ravel()[0]), given[2]
    if places.size * depth > MAX_FOLDED:
        raise ValueError("too many values")
    hit = np.arange(depth) == (places % max(1, depth))[..., None]
    return [np.moveaxis(np.where(hit, on, off), -1, node.number("axis", -1))]


_FOLDS: Mapping[str, Fold] = {
    "Identity": _same(lambda x: x), "Cast": _cast,
    "Add": _same(np.add), "Sub": _same(np.subtract), "Mul": _same(np.multiply), "Div": _same(_divide),
    "Neg": _same(np.negative), "Abs": _same(np.abs), "Sqrt": _same(np.sqrt), "Floor": _same(np.floor),
    "Ceil": _same(np.ceil), "Min": _same(lambda *x: np.minimum.reduce(np.broadcast_arrays(*x))),
    "Max": _same(lambda *x: np.maximum.reduce(np.broadcast_arrays(*x))),
    "Equal": _same(np.equal), "Less": _same(np.less), "Greater": _same(np.greater),
    "LessOrEqual": _same(np.less_equal), "GreaterOrEqual": _same(np.greater_equal),
    "And": _same(np.logical_and), "Or": _same(np.logical_or), "Not": _same(np.logical_not), "Where": _same(np.where),
    "Mod": lambda node, x: [(np.fmod if node.number("fmod", 0) else np.mod)(*x)],
    "Gather": _gather, "Concat": _concat, "Slice": _slice, "Unsqueeze": _unsqueeze, "Squeeze": _squeeze,
    "Reshape": _reshape, "Transpose": _transpose, "NonZero": _nonzero, "OneHot": _one_hot,
    "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum), "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
}  # fmt: skip
