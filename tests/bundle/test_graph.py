"""What a graph may not hold, found without the onnx package; held against that package's own reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from marketfit.bundle import graph as graph_module
from marketfit.bundle import verify, wire
from marketfit.bundle.graph import ALLOWED_DOMAINS, FORBIDDEN_OPERATORS, graph_problems
from marketfit.bundle.layout import GRAPH
from marketfit.errors import BundleError

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])


def model_of(
    *nodes: NodeProto, constants: tuple[TensorProto, ...] = (), domains: tuple[str, ...] = ("",)
) -> ModelProto:
    graph = helper.make_graph(list(nodes), "g", [FLOATS], [RESULT], list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 1) for domain in domains])


def external(name: str) -> TensorProto:
    """A tensor whose bytes are said to be in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def branch(*nodes: NodeProto, constants: tuple[TensorProto, ...] = ()) -> GraphProto:
    return helper.make_graph(list(nodes), "branch", [], [RESULT], list(constants))


def plain() -> NodeProto:
    return helper.make_node("Relu", ["x"], ["y"])


def foreign() -> NodeProto:
    return helper.make_node("Evil", ["x"], ["y"], domain="com.evil")


@pytest.fixture
def said_of(tmp_path: Path) -> Callable[[ModelProto | bytes], str]:
    """All that is said of a model, as one text."""

    def say(model: ModelProto | bytes) -> str:
        path = tmp_path / GRAPH
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return "\n".join(map(str, graph_problems(path)))

    return say


SayOf = Callable[[ModelProto | bytes], str]


def test_a_plain_graph_is_accepted(said_of: SayOf) -> None:
    weights = numpy_helper.from_array(np.ones(1000, dtype=np.float32), "w")
    ranks = helper.make_node("TreeEnsembleRegressor", ["x"], ["t"], domain="ai.onnx.ml", nodes_values=[0.5] * 5000,
                             nodes_nodeids=list(range(5000)))  # fmt: skip
    fused = helper.make_node("FastGelu", ["x"], ["z"], domain="com.microsoft")
    assert not said_of(
        model_of(plain(), ranks, fused, constants=(weights,), domains=("", "ai.onnx.ml", "com.microsoft"))
    )


def test_data_that_onnx_itself_stores_outside_is_found(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones(1000, dtype=np.float32), "w")
    path = tmp_path / "model.onnx"
    onnx.save_model(model_of(plain(), constants=(weights,)), str(path), save_as_external_data=True, size_threshold=10)
    assert "stored outside the file" in str(graph_problems(path)[0])


@pytest.mark.parametrize(
    "model",
    [
        model_of(plain(), constants=(external("w"),)),
        model_of(helper.make_node("Constant", [], ["y"], value=external("v"))),
        model_of(helper.make_node("If", ["x"], ["y"], then_branch=branch(constants=(external("w"),)))),
        model_of(NodeProto(op_type="Constant", attribute=[AttributeProto(name="v", tensors=[external("w")])])),
    ],
    ids=["initializer", "attribute", "branch", "list of tensors"],
)
def test_external_data_is_found_wherever_it_is(said_of: SayOf, model: ModelProto) -> None:
    assert "a tensor is stored outside the file" in said_of(model)


@pytest.mark.parametrize("field", ["data_location", "external_data"])
def test_either_sign_of_external_data_is_enough(said_of: SayOf, field: str) -> None:
    tensor = external("w")
    tensor.ClearField("external_data" if field == "data_location" else "data_location")
    assert "a tensor is stored outside the file" in said_of(model_of(plain(), constants=(tensor,)))


def test_external_data_of_sparse_tensors_is_found(said_of: SayOf) -> None:
    model = model_of(plain())
    model.graph.sparse_initializer.add().values.CopyFrom(external("w"))
    assert "stored outside the file" in said_of(model)
    model = model_of(plain())
    model.graph.sparse_initializer.add().indices.CopyFrom(external("w"))
    assert "stored outside the file" in said_of(model)


@pytest.mark.parametrize(
    "model",
    [
        model_of(foreign()),
        model_of(plain(), domains=("", "com.evil")),
        model_of(helper.make_node("If", ["x"], ["y"], then_branch=branch(foreign()))),
        model_of(helper.make_node("If", ["x"], ["y"], then_branch=branch(
            helper.make_node("Loop", ["x"], ["y"], body=branch(foreign()))))),
        model_of(NodeProto(op_type="If", attribute=[AttributeProto(name="v", graphs=[branch(foreign())])])),
    ],
    ids=["node", "import", "branch", "nested branch", "list of graphs"],
)  # fmt: skip
def test_a_foreign_domain_is_found_wherever_it_is(said_of: SayOf, model: ModelProto) -> None:
    assert "operator domain 'com.evil'" in said_of(model)


def test_a_foreign_domain_of_a_function_is_found(said_of: SayOf) -> None:
    model = model_of(plain())
    model.functions.append(helper.make_function("ai.onnx", "f", ["x"], ["y"], [foreign()], []))
    assert "com.evil" in said_of(model)
    model = model_of(plain())
    model.functions.append(helper.make_function("com.evil", "f", ["x"], ["y"], [plain()], []))
    assert "com.evil" in said_of(model)


def test_a_foreign_domain_of_training_information_is_found(said_of: SayOf) -> None:
    model = model_of(plain())
    model.training_info.add().algorithm.CopyFrom(branch(foreign()))
    assert "com.evil" in said_of(model)


@pytest.mark.parametrize("operator", sorted(FORBIDDEN_OPERATORS))
def test_operators_that_load_code_or_files_are_refused(said_of: SayOf, operator: str) -> None:
    model = model_of(helper.make_node(operator, ["x"], ["y"], domain="com.microsoft"), domains=("", "com.microsoft"))
    assert f"operator '{operator}'" in said_of(model)


def test_every_kind_of_fault_is_told_once(said_of: SayOf) -> None:
    nodes = [helper.make_node("Evil", ["x"], ["y"], domain=f"com.evil{number % 2}") for number in range(10)]
    text = said_of(model_of(*nodes, constants=(external("a"), external("b"))))
    assert text.count("stored outside") == 1
    assert text.count("com.evil0") == 1
    assert "com.evil1" in text


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b"\x00" * 50, b"\x08\x07", b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x80"],
    ids=["empty", "text", "zeros", "no graph", "cut", "cut length"],
)  # fmt: skip
def test_what_is_no_model_is_refused(said_of: SayOf, content: bytes) -> None:
    assert said_of(content)


def test_a_graph_that_is_nested_without_end_is_refused(said_of: SayOf) -> None:
    inner = branch(plain())
    for _ in range(20):
        inner = branch(helper.make_node("If", ["x"], ["y"], then_branch=inner))
    assert "nested deeper" in said_of(model_of(helper.make_node("If", ["x"], ["y"], then_branch=inner)))


def test_a_graph_of_too_many_parts_is_refused(said_of: SayOf, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(*[plain() for _ in range(20)])
    monkeypatch.setattr(graph_module, "MAX_NODES", 10)
    assert "more than 10 nodes" in said_of(model)
    monkeypatch.setattr(wire, "MAX_FIELDS", 10)
    assert "more than 10 fields" in said_of(model)


def faults_that_onnx_sees(model: ModelProto) -> Iterator[str]:
    """A plain walk over the objects of the onnx package."""
    yield from (item.domain for item in model.opset_import if item.domain not in ALLOWED_DOMAINS)
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield from (tensor.name for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL)
        for node in graph.node:
            if node.domain not in ALLOWED_DOMAINS:
                yield node.domain
            graphs += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
            graphs += [graph for attribute in node.attribute for graph in attribute.graphs]


SOUND = model_of(
    helper.make_node("If", ["x"], ["y"], then_branch=branch(plain())),
    plain(),
    constants=(numpy_helper.from_array(np.ones(3, dtype=np.float32), "w"),),
    domains=("", "com.microsoft"),
).SerializeToString()


@settings(max_examples=400, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, len(SOUND)),
)
def test_whatever_onnx_reads_as_a_fault_is_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(SOUND)
    for place, value in changes:
        content[place] = value
    mutated = bytes(content[: cut or None])
    path = tmp_path_factory.getbasetemp() / "mutated.onnx"
    path.write_bytes(mutated)
    refused = graph_problems(path)
    try:
        model = onnx.load_model_from_string(mutated)
    except DecodeError:
        return  # onnxruntime can't read it either
    if any(faults_that_onnx_sees(model)):
        assert refused


@pytest.mark.parametrize("model", [model_of(foreign()), model_of(plain(), constants=(external("w"),))])
def test_a_forged_manifest_does_not_get_such_a_graph_through(
    sealed: Path, forge: Callable[[Path], None], unsealed_refusal: Callable[[Path], str], model: ModelProto
) -> None:
    (sealed / GRAPH).write_bytes(model.SerializeToString())
    forge(sealed)
    with pytest.raises(BundleError, match=r"com\.evil|stored outside"):
        verify(sealed)
    unsealed_refusal(sealed)
