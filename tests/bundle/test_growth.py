"""Sizes that are followed through a graph: those that a runtime makes, and limits that hold for good models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from marketfit import registry
from marketfit.bundle import graph as graph_module
from marketfit.bundle import growth
from marketfit.bundle.folding import folded
from marketfit.bundle.graph import graph_problems
from marketfit.bundle.layout import GRAPH
from marketfit.bundle.outline import Graph, Node
from marketfit.compress.passes import Artefact, Pass
from marketfit.task import Adopter, Labelled
from marketfit.tasks.text_classification.static_graph import StaticWeights, static_graph
from marketfit.testing.encoders import tiny_classifier
from marketfit.testing.hostile.growth import GOOD_GROWTH, asked, node
from marketfit.testing.passes import context_for

ROWS = Labelled(inputs=["turn on the light", "play music now"], targets=np.arange(2), labels=("a", "b"))
SEQUENCES = ("standard-operators", "int8", "static-int8", "half", "static-int8 half")


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Graphs as marketfit writes them: fused, in standard operators, quantised, traced."""
    folder = tmp_path_factory.mktemp("growth")
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    made = {}
    for kind in ("bert", "mpnet"):
        trainer.adopt(tiny_classifier(folder / f"{kind}.theirs", kind=kind, labels=ROWS.labels), folder / kind)
        trainer.export(folder / kind, folder / f"{kind}.open", product="x", lineage=())
        made[kind] = folder / f"{kind}.open" / GRAPH
    for sequence in SEQUENCES:
        artefact = Artefact("graph", folder / "bert.open")
        for name in sequence.split():
            works = registry.load("passes", name)
            assert isinstance(works, type)
            step: Pass = works()
            into = folder / f"{sequence} {name}"
            artefact = step.apply(artefact, {}, context_for(ROWS, into, teacher=folder / "bert"))
            into = artefact.folder
        made[sequence] = artefact.folder / GRAPH
    pairs = np.array([[1, 2], [3, 2], [3, 4]])
    table, pair_table = (np.ones((rows, 4), dtype=np.float32) for rows in (9, 3))
    made["static"] = folder / "static.onnx"
    onnx.save_model(static_graph(StaticWeights(table, 0, pairs, pair_table), None), str(made["static"]))
    return made


def outline(path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """What the walk has collected of a graph."""
    seen: list[Graph] = []
    monkeypatch.setattr(graph_module, "growth", seen.append)
    assert graph_problems(path) == ()
    return seen[0]


def really(model: ModelProto, names: list[str], batch: int, tokens: int) -> dict[str, np.ndarray]:
    """What onnxruntime makes of a request, every result."""
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    kinds = {"tensor(float)": np.float32, "tensor(int32)": np.int32}
    feed = {item.name: np.ones((batch, tokens), dtype=kinds[item.type]) for item in session.get_inputs()}
    return dict(zip((item.name for item in session.get_outputs()), session.run(None, feed), strict=True))


def check_sizes(path: Path, batch: int, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = outline(path, monkeypatch)
    graph.outputs = [name for one in graph.nodes for name in one.outputs if name]
    scope: dict[str, growth.Known] = {}
    assert growth._Follower(batch, tokens).follow(graph, scope) is None
    found = really(onnx.load(str(path)), graph.outputs, batch, tokens)
    assert {name: known.dims for name, known in scope.items()} == {name: found[name].shape for name in scope}
    for name, known in scope.items():
        if known.values is not None:
            assert np.array_equal(known.values, found[name])
            assert known.values.dtype == found[name].dtype


@pytest.mark.parametrize("name", ["bert", "mpnet", "static", *SEQUENCES])
def test_sizes_are_those_that_onnxruntime_makes(
    name: str, graphs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for batch, tokens in ((1, 24), (3, 9)):
        check_sizes(graphs[name], batch, tokens, monkeypatch)


@pytest.mark.parametrize("name", [name for name in GOOD_GROWTH if "OneHot" not in name and "branch" not in name])
def test_sizes_of_operators_that_grow_are_those_that_onnxruntime_makes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / GRAPH).write_bytes(GOOD_GROWTH[name].SerializeToString())
    check_sizes(tmp_path / GRAPH, 1, 5, monkeypatch)


def test_a_limit_is_one_of_all_results_that_are_alive(graphs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two heads look from 512 tokens at 512: whatever came before is not counted any more."""
    monkeypatch.setattr(growth, "MAX_DENSE_VALUES", 700_000)
    assert graph_problems(graphs["bert"]) == ()
    monkeypatch.setattr(growth, "MAX_DENSE_VALUES", 500_000)
    (problem,) = graph_problems(graphs["bert"])
    assert "values of a request of 512 tokens" in str(problem)


def fault(model: ModelProto, tmp_path: Path) -> str:
    (tmp_path / GRAPH).write_bytes(model.SerializeToString())
    return "\n".join(map(str, graph_problems(tmp_path / GRAPH)))


def many_rows() -> ModelProto:
    """Rows times rows times rows: it grows with the requests in a batch, not with their tokens."""
    nodes = [node("Transpose", ["x"], ["z"]), node("MatMul", ["x", "z"], ["s"]), node("Unsqueeze", ["s", "two"], ["w"]),
             node("Unsqueeze", ["s", "none"], ["v"]), node("Add", ["w", "v"], ["y"])]  # fmt: skip
    return asked(*nodes, two=[2], none=[0])


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (many_rows(), "a request of 512 of 1 tokens"),
        (asked(node("Relu", ["nowhere"], ["y"])), "nothing is known of its input 'nowhere'"),
        (asked(node("Concat", ["x"], ["y"])), ""),
        (asked(helper.make_node("Transpose", ["x"], ["y"], perm=[0, 0])), "the order [0, 0]"),
    ],
)
def test_what_is_said(model: ModelProto, says: str, tmp_path: Path) -> None:
    assert says in fault(model, tmp_path) if says else not fault(model, tmp_path)


def test_names_that_are_given_twice_are_refused(tmp_path: Path) -> None:
    """A parser may take either."""
    twice = asked(node("Relu", ["x"], ["y"]), a=[1])
    twice.graph.initializer.append(twice.graph.initializer[0])
    assert "two tensors are called 'a'" in fault(twice, tmp_path)
    node_twice = helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])
    node_twice.attribute.append(helper.make_attribute("perm", [0, 1]))
    assert "two attributes are called 'perm'" in fault(asked(node_twice), tmp_path)
    two_branches = helper.make_graph([], "b", [], [])
    merged = helper.make_node("If", ["x"], ["y"])
    merged.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPHS).graphs.extend([two_branches] * 2)
    assert "of operator 'If' becomes can't be told" in fault(asked(merged), tmp_path)


WHOLE = st.integers(-(2**31), 2**31 - 1)


@given(
    operator=st.sampled_from(["Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Less"]), one=WHOLE, other=WHOLE
)
def test_small_numbers_are_computed_as_onnxruntime_does(operator: str, one: int, other: int) -> None:
    """In 32 bits too, where they overflow."""
    if operator in ("Div", "Mod") and (other in (0, -1) or one == -(2**31) or other == -(2**31)):
        return
    wide = [np.array([one], dtype=np.int32), np.array([other], dtype=np.int32)]
    found = folded(Node(operator=operator, inputs=["a", "b"], outputs=["y"]), wide)
    assert found is not None
    assert np.array_equal(found[0], session_of(operator).run(None, {"a": wide[0], "b": wide[1]})[0])


SESSIONS: dict[str, onnxruntime.InferenceSession] = {}


def session_of(operator: str) -> onnxruntime.InferenceSession:
    if operator not in SESSIONS:
        read = [helper.make_tensor_value_info(name, TensorProto.INT32, [1]) for name in "ab"]
        made = [onnx.ValueInfoProto(name="y")]
        graph = helper.make_graph([node(operator, ["a", "b"], ["y"])], "g", read, made)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        SESSIONS[operator] = onnxruntime.InferenceSession(model.SerializeToString())
    return SESSIONS[operator]
