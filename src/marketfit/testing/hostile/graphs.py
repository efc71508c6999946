"""Hostile graphs: data outside, foreign operators, headers that lie, growth, size, NaN. And sound ones like them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from marketfit.bundle.layout import GRAPH
from marketfit.testing.hostile.making import TOKENIZER, Change, Hostile, put

OUTSIDE, FOREIGN = "stored outside the file", "operator domain 'com.evil'"
ANNOUNCES, IS_NAN = "of a tensor announces", "a weight is NaN"

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
NAN = float("nan")


def relu() -> NodeProto:
    return helper.make_node("Relu", ["x"], ["y"])


def model(*nodes: NodeProto, constants: tuple[TensorProto, ...] = (), domains: tuple[str, ...] = ("",)) -> ModelProto:
    graph = helper.make_graph(list(nodes) or [relu()], "g", [FLOATS], [RESULT], list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 17) for domain in domains])


def branch(*nodes: NodeProto, constants: tuple[TensorProto, ...] = ()) -> GraphProto:
    return helper.make_graph(list(nodes) or [relu()], "branch", [], [RESULT], list(constants))


def within_if(inner: GraphProto) -> ModelProto:
    return model(helper.make_node("If", ["x"], ["y"], then_branch=inner))


def graph(made: ModelProto | Callable[[], bytes]) -> Change:
    return put(GRAPH, made.SerializeToString() if isinstance(made, ModelProto) else made)


def external(*, location: bool = True, entry: bool = True, path: str = "../../etc/passwd") -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    if location:
        tensor.data_location = TensorProto.EXTERNAL
    if entry:
        tensor.external_data.add(key="location", value=path)
    return tensor


def says(*dims: int, stored: int = 8, kind: int = TensorProto.FLOAT) -> ModelProto:
    """A tensor of these sizes of which `stored` bytes are there."""
    return model(constants=(TensorProto(name="w", data_type=kind, dims=list(dims), raw_data=bytes(stored)),))


def twice() -> ModelProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], raw_data=bytes(8), float_data=[1.0, 2.0])
    return model(constants=(tensor,))


def sparse(*dims: int) -> ModelProto:
    made = model()
    item = made.graph.sparse_initializer.add()
    item.values.CopyFrom(TensorProto(name="s", data_type=TensorProto.FLOAT, dims=[1], raw_data=bytes(4)))
    item.indices.CopyFrom(TensorProto(data_type=TensorProto.INT64, dims=[1], raw_data=bytes(8)))
    item.dims.extend(dims)
    return made


def grown(operator: str, *, is_node: bool = False) -> ModelProto:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "shape")
    inputs = ["shape"] if operator == "ConstantOfShape" else ["x", "shape"]
    nodes = [helper.make_node(operator, inputs, ["y"])]
    if is_node:
        return model(helper.make_node("Constant", [], ["shape"], value=shape), *nodes)
    return model(*nodes, constants=(shape,))


def laughs() -> ModelProto:
    """Each function calls the one before it twice: two to the fortieth nodes once they are inlined."""
    made = model(helper.make_node("f40", ["x"], ["y"]))
    opset = [helper.make_opsetid("", 17)]
    for level in range(1, 41):
        inner = f"f{level - 1}" if level > 1 else "Relu"
        nodes = [helper.make_node(inner, ["x"], ["t"]), helper.make_node(inner, ["t"], ["y"])]
        made.functions.append(helper.make_function("ai.onnx", f"f{level}", ["x"], ["y"], nodes, opset))
    return made


def weights(values: object, kind: str) -> ModelProto:
    return model(constants=(numpy_helper.from_array(np.array(values, dtype=kind), "w"),))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of the protobuf wire format."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def many_nodes() -> bytes:
    return field(7, field(1, field(4, b"A")) * 2_000_000) + field(8, b"\x10\x11")


def many_fields() -> bytes:
    return field(7, field(1, b"\x18\x00" * 4_000_000)) + field(8, b"\x10\x11")


def many_numbers() -> bytes:
    return field(7, field(1, field(5, b"\x40\x01" * 50_000_000))) + field(8, b"\x10\x11")


def long_varints() -> bytes:
    tensor = b"\x08\x01\x10\x07" + field(7, b"\x80" * 100_000_000 + b"\x01")
    return field(7, field(5, tensor)) + field(8, b"\x10\x11")


BF16 = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=b"\x80\x3f\xc0\x7f")
HALVES = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[2], int32_data=[0x3C00, 0x7E00])
LISTED = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], float_data=[1.0, NAN])


GRAPHS: dict[str, Hostile] = {
    "external data": Hostile(graph(model(constants=(external(),))), OUTSIDE),
    "external data, location only": Hostile(graph(model(constants=(external(entry=False),))), OUTSIDE),
    "external data, entry only": Hostile(graph(model(constants=(external(location=False),))), OUTSIDE),
    "external data beside": Hostile(graph(model(constants=(external(path=TOKENIZER),))), OUTSIDE),
    "external data in a branch": Hostile(graph(within_if(branch(constants=(external(),)))), OUTSIDE),
    "external data of an attribute": Hostile(
        graph(model(helper.make_node("Constant", [], ["y"], value=external()))), OUTSIDE
    ),
    "foreign node": Hostile(graph(model(helper.make_node("Evil", ["x"], ["y"], domain="com.evil"))), FOREIGN),
    "foreign import": Hostile(graph(model(domains=("", "com.evil"))), FOREIGN),
    "foreign node in a branch": Hostile(
        graph(within_if(branch(helper.make_node("Evil", ["x"], ["y"], domain="com.evil")))), FOREIGN
    ),
    "domain that looks right": Hostile(
        graph(model(helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft "))), "operator domain"
    ),
    **{
        f"operator {name}": Hostile(
            graph(model(helper.make_node(name, ["x"], ["y"], domain="com.microsoft"))), f"operator '{name}'"
        )
        for name in ("EPContext", "PythonOp", "ATen")
    },
    "huge header": Hostile(graph(says(1 << 40)), ANNOUNCES),
    "huge header that wraps to nothing": Hostile(graph(says(1 << 32, 1 << 32, stored=0)), ANNOUNCES),
    "negative header": Hostile(graph(says(-1, 2)), ANNOUNCES),
    "header of a gigabyte": Hostile(graph(says(1 << 14, 1 << 14)), ANNOUNCES),
    "header too small": Hostile(graph(says(1)), ANNOUNCES),
    "header of a thousand sizes": Hostile(graph(says(*[1 << 62] * 1000)), ANNOUNCES),
    "header of an unknown type": Hostile(graph(says(2, kind=99)), "data types [99]"),
    "values stored twice": Hostile(graph(twice()), "stores its values twice"),
    "numbers without end": Hostile(graph(long_varints), "longer than numbers can be"),
    "sparse tensor of a terabyte": Hostile(graph(sparse(1 << 20, 1 << 20)), "few bytes that become"),
    "constant of a huge shape": Hostile(graph(grown("ConstantOfShape")), "operator 'ConstantOfShape' makes"),
    "constant of a huge shape, by a node": Hostile(
        graph(grown("ConstantOfShape", is_node=True)), "operator 'ConstantOfShape' makes"
    ),
    "expansion to a huge shape": Hostile(graph(grown("Expand")), "operator 'Expand' makes"),
    "functions that call each other": Hostile(graph(laughs()), "functions of its own"),
    "millions of nodes": Hostile(graph(many_nodes), "more than 12,000 nodes"),
    "millions of fields": Hostile(graph(many_fields), "more than 300,000 fields"),
    "millions of numbers": Hostile(graph(many_numbers), "bytes of numbers in attributes"),
    "NaN weight": Hostile(graph(weights([1.0, NAN], "float32")), IS_NAN),
    "NaN weight at the end of many": Hostile(graph(weights([*[1.0] * 1_000_000, NAN], "float32")), IS_NAN),
    "NaN weight of 64 bits": Hostile(graph(weights([1.0, NAN], "float64")), IS_NAN),
    "NaN weight of 16 bits": Hostile(graph(weights([1.0, NAN], "float16")), IS_NAN),
    "NaN weight as bfloat16": Hostile(graph(model(constants=(BF16,))), IS_NAN),
    "NaN weight of 16 bits as int32": Hostile(graph(model(constants=(HALVES,))), IS_NAN),
    "NaN weight in a list": Hostile(graph(model(constants=(LISTED,))), IS_NAN),
    "NaN attribute": Hostile(graph(model(helper.make_node("Elu", ["x"], ["y"], alpha=NAN))), IS_NAN),
    "NaN in an attribute's list": Hostile(
        graph(model(NodeProto(op_type="Constant", output=["y"],
                              attribute=[AttributeProto(name="value_floats", floats=[1.0, NAN])]))), IS_NAN
    ),
    "NaN weight in a branch": Hostile(
        graph(within_if(branch(constants=(numpy_helper.from_array(np.array([NAN], dtype=np.float32), "w"),)))), IS_NAN
    ),
}  # fmt: skip

GOOD_GRAPHS: dict[str, ModelProto] = {
    "minus infinity is no NaN": weights([1.0, -np.inf], "float32"),
    "a tensor of many megabytes": weights(np.ones(5_000_000), "float32"),
    "half precision": weights([1.0, 2.0], "float16"),
    "half precision in a list": model(
        constants=(TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[2], int32_data=[0x3C00, 0x4000]),)
    ),
    "integers": weights([[1, 2], [3, -4]], "int8"),
    "booleans": weights([True, False], "bool"),
    "long integers in a list": model(constants=(helper.make_tensor("w", TensorProto.INT64, [3], [1, -2, 300]),)),
    "texts": model(
        constants=(TensorProto(name="w", data_type=TensorProto.STRING, dims=[2], string_data=[b"a", b"bc"]),)
    ),
    "a scalar": weights(1.0, "float32"),
    "an empty tensor": weights(np.zeros((0, 3)), "float32"),
    "four bits": model(constants=(TensorProto(name="w", data_type=TensorProto.INT4, dims=[3], raw_data=b"\x21\x03"),)),
    "a sparse tensor": sparse(100, 100),
    "a small shape": model(
        helper.make_node("ConstantOfShape", ["shape"], ["y"]),
        constants=(numpy_helper.from_array(np.array([8, 8]), "shape"),),
    ),
    "a tree with many numbers": model(
        helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", nodes_values=[0.5] * 50_000,
                         nodes_nodeids=list(range(50_000))),
        domains=("", "ai.onnx.ml"),
    ),
    "fused operators": model(
        helper.make_node("FastGelu", ["x"], ["y"], domain="com.microsoft"), domains=("", "com.microsoft")
    ),
    "a branch": within_if(branch()),
}  # fmt: skip
