"""Graphs of a few hundred bytes that take gigabytes of one request of 512 tokens, and sound ones like them."""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from marketfit.bundle.layout import GRAPH
from marketfit.testing.hostile.making import Hostile, put

node = helper.make_node


def asked(*nodes: NodeProto, **numbers: list[int] | int) -> ModelProto:
    """A graph from `x` (batch, tokens) to `y`, with constants of int64."""
    return with_constants([numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()], *nodes)


def with_constants(constants: list[TensorProto], *nodes: NodeProto) -> ModelProto:
    read = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "tokens"])
    graph = helper.make_graph(list(nodes), "g", [read], [ValueInfoProto(name="y")], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def count(power: int) -> list[NodeProto]:
    """`n`: the number of tokens to a power, as a list of one number."""
    first = [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "one"], ["n1"])]
    return [*first, *(node("Mul", [f"n{at}", "n1"], [f"n{at + 1}"]) for at in range(1, power)),
            node("Identity", [f"n{power}"], ["n"])]  # fmt: skip


def outer(*, times: int) -> ModelProto:
    """Everything times everything, again and again: tokens to the power of two to the power of `times`."""
    nodes = [node("Reshape", ["x", "row"], ["flat0"])]
    for at in range(times):
        nodes += [
            node("Transpose", [f"flat{at}"], [f"turned{at}"]),
            node("MatMul", [f"turned{at}", f"flat{at}"], [f"square{at}"]),
            node("Reshape", [f"square{at}", "row"], [f"flat{at + 1}"]),
        ]
    return asked(*nodes, node("Identity", [f"flat{times}"], ["y"]), row=[1, -1])


def spread(*, axes: int) -> ModelProto:
    """Tokens along each of several axes, added."""
    nodes = [
        node("Unsqueeze", ["x", f"axes{at}"], [f"x{at}"]) for at in range(axes)
    ] + [node("Sum", [f"x{at}" for at in range(axes)], ["y"])]  # fmt: skip
    places = {f"axes{at}": [*(place for place in range(1, axes + 1) if place != at + 1)] for at in range(axes)}
    return asked(*nodes, **places)


def lookups(*, times: int) -> ModelProto:
    """A table of a table's rows, by ids that are as many as the tokens."""
    nodes = [node("Cast", ["x"], ["x0"], to=TensorProto.INT64)]
    nodes += [node("Gather", [f"x{at}", "x0"], [f"x{at + 1}"], axis=at + 1) for at in range(times)]
    return asked(*nodes, node("Identity", [f"x{times}"], ["y"]))


def at_a_time(*, results: int) -> ModelProto:
    """Many results of tokens × tokens that are all needed at the end."""
    nodes = [node("Transpose", ["x"], ["z"]), node("MatMul", ["z", "x"], ["s0"])]
    nodes += [node("Relu", ["s0"], [f"s{at}"]) for at in range(1, results)]
    return asked(*nodes, node("Sum", [f"s{at}" for at in range(results)], ["y"]))


def one_after_the_other(*, results: int) -> ModelProto:
    nodes = [node("Transpose", ["x"], ["z"]), node("MatMul", ["z", "x"], ["s0"])]
    nodes += [node("Relu", [f"s{at - 1}"], [f"s{at}"]) for at in range(1, results)]
    return asked(*nodes, node("Identity", [f"s{results - 1}"], ["y"]))


def copies(*, times: int) -> ModelProto:
    """One small weight in many forms, all of which a runtime makes when it opens the graph."""
    weight = numpy_helper.from_array(np.zeros(100_000, dtype=np.float32), "w")
    nodes = [node("Neg", ["w"], [f"w{at}"]) for at in range(times)]
    return with_constants([weight], *nodes, node("Sum", [f"w{at}" for at in range(times)], ["y"]))


def attention(*, heads: int) -> ModelProto:
    weights = [numpy_helper.from_array(np.zeros(shape, dtype=np.float32), name)
               for name, shape in (("w", (1, 3)), ("b", (3,)))]  # fmt: skip
    wide, last = node("Unsqueeze", ["x", "last"], ["hidden"]), numpy_helper.from_array(np.array([-1]), "last")
    fused = node("Attention", ["hidden", "w", "b"], ["y"], domain="com.microsoft", num_heads=heads)
    return with_constants([*weights, last], wide, fused)


def branches(*nodes: NodeProto) -> ModelProto:
    """The nodes, which make `z`, in one branch of two; `n` is known outside."""
    result = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    inner = helper.make_graph(list(nodes), "much", [], [result])
    other = helper.make_graph([node("ConstantOfShape", ["one"], ["z"])], "little", [], [result])
    condition = node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True), "yes"))
    return asked(*count(2), condition, node("If", ["yes"], ["y"], then_branch=inner, else_branch=other), one=[1])


def body() -> GraphProto:
    """A loop's: it goes on, and what it carries becomes twice as long each time."""
    nodes = [node("Identity", ["again"], ["on"]), node("Concat", ["carried", "carried"], ["doubled"], axis=-1)]
    kinds = {"turn": TensorProto.INT64, "again": TensorProto.BOOL, "carried": TensorProto.FLOAT,
             "on": TensorProto.BOOL, "doubled": TensorProto.FLOAT}  # fmt: skip
    values = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    return helper.make_graph(nodes, "body", values[:3], values[3:])


def resized(operator: str) -> ModelProto:
    scales = numpy_helper.from_array(np.array([1.0, 1e9], dtype=np.float32), "scales")
    inputs = ["x", "scales"] if operator == "Upsample" else ["x", "", "scales"]
    return with_constants([scales], node(operator, inputs, ["y"]))


def laid_out(operator: str, power: int) -> ModelProto:
    """An operator whose size is said by the number of tokens to a power."""
    nodes = {
        "Tile": [node("Concat", ["one", "n"], ["times"], axis=0), node("Tile", ["x", "times"], ["y"])],
        "Expand": [node("Concat", ["n", "one", "one"], ["wide"], axis=0), node("Expand", ["x", "wide"], ["y"])],
        "ConstantOfShape": [node("ConstantOfShape", ["n"], ["y"])],
        "Range": [node("Squeeze", ["n"], ["limit"]), node("Range", ["zero", "limit", "step"], ["y"])],
        "OneHot": [node("Cast", ["x"], ["ids"], to=TensorProto.INT64), node("OneHot", ["ids", "n", "off.on"], ["y"])],
        "Pad": [node("Concat", ["none", "n"], ["widths"], axis=0), node("Pad", ["x", "widths"], ["y"])],
        "Reshape": [node("Reshape", ["x", "n"], ["z"]), node("ConstantOfShape", ["n"], ["y"])],
    }[operator]  # fmt: skip
    return asked(*count(power), *nodes, one=[1], zero=0, step=1, none=[0, 0, 0], **{"off.on": [0, 1]})


def makes(operator: str) -> str:
    return f"operator '{operator}' makes"


def put_graph(made: ModelProto, reason: str) -> Hostile:
    return Hostile(put(GRAPH, made.SerializeToString()), reason)


SAID_BY_DATA = [node("Cast", ["x"], ["sizes"], to=TensorProto.INT64), node("Squeeze", ["sizes", "first"], ["list"])]
TWICE = node("Mul", ["n", "n"], ["n.n"])

GROWTH: dict[str, Hostile] = {
    **{f"{name} by the tokens' number": put_graph(laid_out(name, power), makes(name))
       for name, power in (("Tile", 2), ("Expand", 3), ("ConstantOfShape", 3), ("Range", 3), ("OneHot", 2),
                           ("Pad", 3))},
    **{f"{name} by what a request says": put_graph(
        asked(*SAID_BY_DATA, node(name, [*["x"] * (name != "ConstantOfShape"), "list"], ["y"]), first=[0]),
        f"of operator '{name}' becomes can't be told (its size is said by data)")
       for name in ("Tile", "Expand", "ConstantOfShape", "Reshape")},
    **{f"{name}, which is no bound": put_graph(resized(name), f"operator '{name}', of which nobody")
       for name in ("Resize", "Upsample")},
    "a loop": put_graph(asked(node("Loop", ["trips", "", "x"], ["y"], body=body()), trips=60), "operator 'Loop', of"),
    "a scan": put_graph(asked(node("Scan", ["x"], ["y"], body=body(), num_scan_inputs=1)), "operator 'Scan', of"),
    "outer products": put_graph(outer(times=2), makes("MatMul")),
    "tokens along three axes": put_graph(spread(axes=3), makes("Sum")),
    "Einsum without a sum": put_graph(
        asked(node("Einsum", ["x", "x", "x"], ["y"], equation="ab,cd,ef->bdf")), makes("Einsum")),
    "lookups of lookups": put_graph(lookups(times=2), makes("Gather")),
    "hundreds of results at a time": put_graph(at_a_time(results=300), makes("Relu")),
    "a thousand forms of a weight": put_graph(copies(times=1000), makes("Neg")),
    "a million heads": put_graph(attention(heads=1_000_000), makes("Attention")),
    "growth in a branch": put_graph(
        branches(node("Mul", ["n", "n"], ["n.n"]), node("ConstantOfShape", ["n.n"], ["z"])), makes("ConstantOfShape")),
    "an operator that we do not know": put_graph(asked(node("Einmal", ["x"], ["y"])), "operator 'Einmal', of which"),
}  # fmt: skip

GOOD_GROWTH: dict[str, ModelProto] = {
    **{f"{name} by the tokens' number": laid_out(name, 1)
       for name in ("Tile", "Expand", "ConstantOfShape", "Range", "OneHot", "Pad", "Reshape")},
    "an outer product": outer(times=1),
    "tokens along two axes": spread(axes=2),
    "a matrix product by Einsum": asked(node("Einsum", ["x", "x"], ["y"], equation="ab,cb->ac")),
    "lookups": lookups(times=1),
    "hundreds of results one after the other": one_after_the_other(results=300),
    "some forms of a weight": copies(times=4),
    "attention": attention(heads=1),
    "a branch that grows a little": branches(node("ConstantOfShape", ["n"], ["z"])),
}  # fmt: skip
