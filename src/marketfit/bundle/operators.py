"""How large an operator's results become, by the sizes of what it reads: one rule for each operator that is allowed.

Rules follow the operators' documentation (ONNX, Operators.md; onnxruntime, ContribOperators.md). A size may be larger
than what a runtime would make of it, never smaller: where sizes do not fit together a runtime fails, and nothing grows.
An operator whose size is said by data has a rule only as far as that data follows from shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from marketfit.bundle.folding import MAX_FOLDED, axes_of, slices
from marketfit.bundle.outline import Array, Dims, Node


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a tensor: sizes, its values where they are few and follow from shapes. `exact`: the sizes are no
    mere bound. `stored`: it comes from the file, not larger than it is there.
    """

    dims: Dims
    values: Array | None = None
    exact: bool = True
    stored: bool = False

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.dims)


class UntoldError(ValueError):
    """The size does not follow from what is known."""


Given = Sequence[Known | None]
Rule = Callable[[Node, Given], Sequence[Dims]]


def rule_of(node: Node) -> Rule | None:
    """The rule of an operator, or None where it has none."""
    if node.domain in ("", "ai.onnx"):
        return STANDARD.get(node.operator)
    return (FUSED if node.domain == "com.microsoft" else CLASSIC).get(node.operator)


def inner_values(node: Node, given: Given) -> int:
    """Values that a fused operator holds beside its results: attention's scores."""
    if node.operator not in ("Attention", "QAttention"):
        return 0
    batch, tokens = _dims(given, 0)[:2]
    return batch * node.number("num_heads", 1) * tokens * tokens


def told(known: Known | None) -> list[int]:
    """The values of a tensor that says a size.

    Raises:
        UntoldError: they are not known.
    """
    if known is None or known.values is None:
        raise UntoldError("its size is said by data")
    return [int(value) for value in known.values.ravel().tolist()]


def _at(given: Given, place: int) -> Known | None:
    return given[place] if place < len(given) else None


def _dims(given: Given, place: int) -> Dims:
    found = _at(given, place)
    if found is None:
        raise UntoldError("an input is missing")
    return found.dims


def _axis(node: Node, default: int, rank: int) -> int:
    axis = node.number("axis", default)
    if not -rank <= axis < max(rank, 1):
        raise UntoldError(f"axis {axis} of {rank}")
    return axis % rank if rank else 0


def broadcast(shapes: Sequence[Dims]) -> Dims:
    """Sizes of what is spread over each other; the larger one where they do not fit."""
    turned = [tuple(reversed(dims)) for dims in shapes]
    return tuple(0 if 0 in sizes else max(sizes) for sizes in zip_longest(*turned, fillvalue=1))[::-1]


def _first(node: Node, given: Given) -> Sequence[Dims]:
    return [_dims(given, 0)] * len(node.outputs)


def _spread(_node: Node, given: Given) -> Sequence[Dims]:
    return [broadcast([known.dims for known in given if known is not None])]


def _product(one: Dims, other: Dims) -> Dims:
    if not one or not other:
        raise UntoldError("a product of single numbers")
    left = one if len(one) > 1 else (1, *one)
    right = other if len(other) > 1 else (*other, 1)
    return (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1])


def _matmul(*places: int) -> Rule:
    """The product of two inputs; a vector counts as a matrix of one row or column."""
    return lambda node, given: [_product(*(_dims(given, place) for place in places))] * len(node.outputs)


def _turned(dims: Dims, *, is_turned: bool) -> Dims:
    return (*dims[:-2], dims[-1], dims[-2]) if is_turned and len(dims) > 1 else dims


def _gemm(node: Node, given: Given) -> Sequence[Dims]:
    left, right = (
        _turned(_dims(given, place), is_turned=bool(node.number(name, 0))) for place, name in enumerate(_TURNS)
    )
    return [_product(left, right)]


_TURNS = ("transA", "transB")


def _reduce(node: Node, given: Given) -> Sequence[Dims]:
    dims, named = _dims(given, 0), _at(given, 1)
    axes = axes_of(node, np.array(told(named)) if named is not None else None, len(dims))
    if not axes:
        axes = [] if node.number("noop_with_empty_axes", 0) else list(range(len(dims)))
    return [_without(dims, axes, keep=node.number("keepdims", 1) != 0)]


def _arg(node: Node, given: Given) -> Sequence[Dims]:
    dims = _dims(given, 0)
    return [_without(dims, [_axis(node, 0, len(dims))], keep=node.number("keepdims", 1) != 0)]


def _without(dims: Dims, axes: Sequence[int], *, keep: bool) -> Dims:
    made = (1 if place in axes else size for place, size in enumerate(dims) if keep or place not in axes)
    return tuple(made)


def _shape(node: Node, given: Given) -> Sequence[Dims]:
    start, end = node.number("start", 0), node.number("end", len(_dims(given, 0)))
    return [(len(_dims(given, 0)[start:end]),)]


def _reshape(node: Node, given: Given) -> Sequence[Dims]:
    dims, wanted = _dims(given, 0), told(_at(given, 1))
    size = math.prod(dims)
    found = [dims[place] if one == 0 and not node.number("allowzero", 0) else one for place, one in enumerate(wanted)]
    if min(found, default=0) < -1 or found.count(-1) > 1:
        raise UntoldError(f"the shape {found}")
    rest = math.prod(one for one in found if one >= 0)
    return [tuple(-(-size // max(1, rest)) if one < 0 else one for one in found)]


def _transpose(node: Node, given: Given) -> Sequence[Dims]:
    dims = _dims(given, 0)
    order = node.numbers("perm") or list(range(len(dims)))[::-1]
    if sorted(order) != list(range(len(dims))):
        raise UntoldError(f"the order {order}")
    return [tuple(dims[place] for place in order)]


def _unsqueeze(node: Node, given: Given) -> Sequence[Dims]:
    axes = node.numbers("axes") if _at(given, 1) is None else told(_at(given, 1))
    made = np.expand_dims(_nothing(_dims(given, 0)), tuple(axes or ()))
    return [made.shape]


def _squeeze(node: Node, given: Given) -> Sequence[Dims]:
    dims, named = _dims(given, 0), _at(given, 1)
    axes = axes_of(node, np.array(told(named)) if named is not None else None, len(dims))
    gone = [place for place, size in enumerate(dims) if size == 1] if axes is None else axes
    return [tuple(size for place, size in enumerate(dims) if place not in gone or size != 1)]


def _nothing(dims: Dims) -> Array:
    """An array of these sizes that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype=np.bool_), dims)


def _flatten(node: Node, given: Given) -> Sequence[Dims]:
    dims, axis = _dims(given, 0), node.number("axis", 1)
    return [(math.prod(dims[:axis]), math.prod(dims[axis:]))]


def _concat(node: Node, given: Given) -> Sequence[Dims]:
    shapes = [known.dims for known in given if known is not None]
    axis = _axis(node, 0, len(shapes[0]))
    sizes = [*map(max, zip(*shapes, strict=True))]
    sizes[axis] = sum(dims[axis] for dims in shapes)
    return [tuple(sizes)]


def _split(node: Node, given: Given) -> Sequence[Dims]:
    dims, named = _dims(given, 0), _at(given, 1)
    axis = _axis(node, 0, len(dims))
    parts = told(named) if named is not None else node.numbers("split")
    if parts is None:
        parts = [-(-dims[axis] // max(1, len(node.outputs)))] * len(node.outputs)
    if min(parts, default=0) < 0:
        raise UntoldError(f"parts of {parts}")
    return [(*dims[:axis], part, *dims[axis + 1 :]) for part in parts]


def _slice(node: Node, given: Given) -> Sequence[Dims]:
    dims = _dims(given, 0)
    if len(given) < 2:
        found = [node.numbers(name) for name in ("starts", "ends", "axes")]
        named = [np.array(numbers) for numbers in found if numbers is not None]
    else:
        parts = [known for known in given[1:] if known is not None]
        named = [part.values for part in parts if part.values is not None]
        if len(named) < len(parts):
            return [dims]  # a part of it, at the most all
    return [_nothing(dims)[slices(len(dims), named)].shape]


def _gather(node: Node, given: Given) -> Sequence[Dims]:
    dims, places = _dims(given, 0), _dims(given, 1)
    axis = _axis(node, 0, len(dims))
    return [(*dims[:axis], *places, *dims[axis + 1 :])]


def _second(_node: Node, given: Given) -> Sequence[Dims]:
    return [_dims(given, 1)]


def _gather_nd(node: Node, given: Given) -> Sequence[Dims]:
    dims, places = _dims(given, 0), _dims(given, 1)
    return [(*places[:-1], *dims[node.number("batch_dims", 0) + places[-1] :])]


def _expand(_node: Node, given: Given) -> Sequence[Dims]:
    return [broadcast([_dims(given, 0), tuple(told(_at(given, 1)))])]


def _tile(_node: Node, given: Given) -> Sequence[Dims]:
    dims, times = _dims(given, 0), told(_at(given, 1))
    return [tuple(size * max(0, time) for size, time in zip(dims, times, strict=True))]


def _filled(_node: Node, given: Given) -> Sequence[Dims]:
    return [tuple(max(0, size) for size in told(_at(given, 0)))]


def _range(_node: Node, given: Given) -> Sequence[Dims]:
    parts = [known.values for known in given if known is not None and known.values is not None]
    if len(parts) != 3:
        raise UntoldError("its size is said by data")
    start, limit, step = (float(part.ravel()[0]) for part in parts)
    return [(max(0, math.ceil((limit - start) / step)),)]


def _one_hot(node: Node, given: Given) -> Sequence[Dims]:
    dims, depth = _dims(given, 0), told(_at(given, 1))[0]
    axis = node.number("axis", -1) % (len(dims) + 1)
    return [(*dims[:axis], max(0, depth), *dims[axis:])]


def _pad(node: Node, given: Given) -> Sequence[Dims]:
    dims = _dims(given, 0)
    widths = node.numbers("pads") if _at(given, 1) is None else told(_at(given, 1))
    axes = told(_at(given, 3)) if _at(given, 3) is not None else list(range(len(dims)))
    made = list(dims)
    for place, axis in enumerate(axes):
        made[axis] = max(0, made[axis] + (widths or [])[place] + (widths or [])[place + len(axes)])
    return [tuple(made)]


def _nonzero(_node: Node, given: Given) -> Sequence[Dims]:
    dims = _dims(given, 0)
    return [(max(1, len(dims)), math.prod(dims))]


def _einsum(node: Node, given: Given) -> Sequence[Dims]:
    equation = node.attributes["equation"].text.replace(" ", "")
    read, arrow, made = equation.partition("->")
    if "." in equation or not arrow:
        raise UntoldError(f"the equation {equation!r}")
    sizes: dict[str, int] = {}
    for letters, known in zip(read.split(","), given, strict=True):
        for letter, size in zip(letters, known.dims if known is not None else (), strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    return [tuple(sizes[letter] for letter in made)]


def _conv(node: Node, given: Given) -> Sequence[Dims]:
    dims, kernel = _dims(given, 0), _dims(given, 1)
    space, same = len(dims) - 2, node.attributes["auto_pad"].text if "auto_pad" in node.attributes else ""
    pads = node.numbers("pads") or [0] * (2 * space)
    steps, wide = (node.numbers(name) or [1] * space for name in ("strides", "dilations"))
    inner = []
    for place, size in enumerate(dims[2:]):
        left = size + pads[place] + pads[place + space] - wide[place] * (kernel[place + 2] - 1)
        step = max(1, steps[place])
        inner.append(-(-size // step) if same.startswith("SAME") else max(0, -(-left // step)))
    return [(dims[0], kernel[0], *inner)]


def _with_single_numbers(_node: Node, given: Given) -> Sequence[Dims]:
    return [_dims(given, 0), (), ()]


def _attention(_node: Node, given: Given) -> Sequence[Dims]:
    batch, tokens = _dims(given, 0)[:2]
    return [(batch, tokens, -(-_dims(given, 1)[-1] // 3))]


def _with_statistics(node: Node, given: Given) -> Sequence[Dims]:
    """The input's sizes, and no more for mean and deviation; the sum last."""
    return [broadcast([_dims(given, 0), _dims(given, 1)])] * len(node.outputs)


def _scored(node: Node, given: Given) -> Sequence[Dims]:
    """A model's answer: one value for each row and class or target."""
    lists = [
        node.attributes[name].count for name in node.attributes if name.startswith(("classlabels", "class_labels"))
    ]
    columns = max(1, node.number("n_targets", 1), node.number("targets", 1), *lists)
    rows = math.prod(_dims(given, 0)[:-1]) or 1
    return [(rows * columns,)] * len(node.outputs)


def _rules(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


STANDARD: Mapping[str, Rule] = {
    **_rules(_first, """
        Identity Cast CastLike Relu LeakyRelu Elu Celu Selu Gelu Erf Tanh Sigmoid HardSigmoid HardSwish Mish Softplus
        Softsign ThresholdedRelu Sqrt Exp Log Neg Abs Not Sign Ceil Floor Round Reciprocal Sin Cos Tan Asin Acos Atan
        Sinh Cosh Asinh Acosh Atanh IsNaN IsInf Softmax LogSoftmax Hardmax LpNormalization LRN LayerNormalization
        RMSNormalization BatchNormalization InstanceNormalization GroupNormalization MeanVarianceNormalization Clip
        CumSum Trilu Dropout QuantizeLinear DequantizeLinear ScatterND ScatterElements Shrink EyeLike BitwiseNot
        ReverseSequence"""),
    **_rules(_spread, """
        Add Sub Mul Div Pow Mod Min Max Sum Mean And Or Xor Equal Less Greater LessOrEqual GreaterOrEqual Where PRelu
        BitwiseAnd BitwiseOr BitwiseXor BitShift"""),
    **_rules(_reduce, """
        ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
        ReduceSumSquare"""),
    **_rules(_arg, "ArgMax ArgMin"),
    **_rules(_matmul(0, 1), "MatMul MatMulInteger"),
    "QLinearMatMul": _matmul(0, 3), "Gemm": _gemm, "Einsum": _einsum, "Conv": _conv,
    "DynamicQuantizeLinear": _with_single_numbers,
    "Shape": _shape, "Size": lambda _node, _given: [()],
    "Reshape": _reshape, "Transpose": _transpose, "Unsqueeze": _unsqueeze, "Squeeze": _squeeze, "Flatten": _flatten,
    "Concat": _concat, "Split": _split, "Slice": _slice,
    "Gather": _gather, "GatherElements": _second, "GatherND": _gather_nd,
    "Expand": _expand, "Tile": _tile, "ConstantOfShape": _filled, "Range": _range, "OneHot": _one_hot, "Pad": _pad,
    "NonZero": _nonzero,
}  # fmt: skip

FUSED: Mapping[str, Rule] = {
    **_rules(_first, "FastGelu Gelu QuickGelu"),
    **_rules(_spread, "BiasGelu"),
    **_rules(_with_statistics, "SkipLayerNormalization"),
    **_rules(_attention, "Attention QAttention"),
    **_rules(_matmul(0, 1), "MatMulIntegerToFloat DynamicQuantizeMatMul"),
}

CLASSIC: Mapping[str, Rule] = {
    **_rules(_first, "Scaler Normalizer Imputer LabelEncoder Binarizer"),
    **_rules(_scored, """
        TreeEnsembleRegressor TreeEnsembleClassifier LinearRegressor LinearClassifier SVMRegressor SVMClassifier"""),
}  # fmt: skip


def is_bound(node: Node, given: Given) -> bool:
    """Whether an operator's rule says no more than how large its result is at the most."""
    cuts_somewhere = node.operator == "Slice" and any(known is not None and known.values is None for known in given[1:])
    return cuts_somewhere or node.operator == "NonZero"


def filled_values(dims: Dims, node: Node) -> Array | None:
    """What ConstantOfShape fills a small tensor with."""
    if math.prod(dims) > MAX_FOLDED:
        return None
    found = node.attributes.get("value")
    if found is None:
        return np.zeros(dims, dtype=np.float32)
    stored = found.tensor.values if found.tensor is not None else None
    return None if stored is None or stored.size != 1 else np.full(dims, stored.ravel()[0], dtype=stored.dtype)
