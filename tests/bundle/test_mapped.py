"""Large int8 tensors stay in their file: the model is the same, and what is not worth it is read as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from marketfit.bundle import mapped
from marketfit.bundle.mapped import LEAST_BYTES, mapped_model
from marketfit.records.bundle import SessionSettings
from marketfit.tasks import engines
from marketfit.tasks.engines import OnnxRuntimeSession


def model_of(*shapes: tuple[str, tuple[int, ...]], seed: int = 0) -> onnx.ModelProto:
    """Looks a row up in each table of the given type, makes it float32, and sums all."""
    rng = np.random.default_rng(seed)
    nodes, tables = [], []
    for number, (kind, shape) in enumerate(shapes):
        values = rng.integers(0, 100, shape).astype(kind)
        tables.append(numpy_helper.from_array(values, f"table {number}"))
        nodes.append(helper.make_node("Gather", [f"table {number}", "row"], [f"taken {number}"]))
        nodes.append(helper.make_node("Cast", [f"taken {number}"], [f"cast {number}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("ReduceSum", [f"cast {number}"], [f"sum {number}"], keepdims=0))
    nodes.append(helper.make_node("Sum", [f"sum {number}" for number in range(len(shapes))], ["total"]))
    nodes.append(helper.make_node("Reshape", ["total", "square"], ["scores"]))
    tables.append(numpy_helper.from_array(np.array([1, 1]), "square"))
    graph = helper.make_graph(
        nodes,
        "tables",
        [helper.make_tensor_value_info("row", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1])],
        tables,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


LARGE = ("int8", (20, 400))


@given(
    tables=st.lists(
        st.tuples(st.sampled_from(["int8", "uint8", "float32"]), st.tuples(st.integers(1, 40), st.integers(1, 300))),
        min_size=1,
        max_size=5,
    ),
    seed=st.integers(0, 99),
)
def test_the_model_is_the_same_once_its_tensors_are_read(
    tables: list[tuple[str, tuple[int, int]]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = model_of(*tables, seed=seed)
    path = written(model, tmp_path_factory.mktemp("model"))
    content = mapped_model(path)
    large = [kind != "float32" and rows * columns >= LEAST_BYTES for kind, (rows, columns) in tables]
    if content is None:
        assert not any(large)
        return
    found = onnx.load_model_from_string(content)
    outside = [item.name for item in found.graph.initializer if item.data_location == TensorProto.EXTERNAL]
    assert outside == [f"table {number}" for number, is_large in enumerate(large) if is_large]
    assert len(content) < path.stat().st_size
    onnx.load_external_data_for_model(found, str(path.parent))
    for item in found.graph.initializer:
        del item.external_data[:]
        item.ClearField("data_location")
    expected = onnx.load_model_from_string(model.SerializeToString())
    for item in expected.graph.initializer:
        item.ClearField("data_location")
    assert found == expected


@pytest.mark.parametrize(
    "tables",
    [[("int8", (LEAST_BYTES - 1,))], [("float32", (100, 400))], [("int32", (100, 400))]],
    ids=["small", "float32", "int32"],
)
def test_other_tensors_are_read_as_a_whole(tables: list[tuple[str, tuple[int, ...]]], tmp_path: Path) -> None:
    assert mapped_model(written(model_of(*tables), tmp_path)) is None


def test_where_much_is_left_the_model_is_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(model_of(LARGE), tmp_path)
    assert mapped_model(path)
    monkeypatch.setattr(mapped, "MOST_LEFT", 100)
    assert mapped_model(path) is None


def test_what_is_not_in_the_usual_form_is_left_to_the_runtime(tmp_path: Path) -> None:
    """A length that takes one byte more than it needs: parsers take it, but nobody writes it."""
    content = model_of(LARGE).SerializeToString()
    size = LARGE[1][0] * LARGE[1][1]
    low, high = size & 0x7F | 0x80, size >> 7
    assert content.count(bytes([0x4A, low, high])) == 1
    longer = content.replace(bytes([0x4A, low, high]), bytes([0x4A, low, high | 0x80, 0]))
    (tmp_path / "model.onnx").write_bytes(longer)
    assert mapped_model(tmp_path / "model.onnx") is None
    (tmp_path / "model.onnx").write_bytes(content[: len(content) // 2])
    assert mapped_model(tmp_path / "model.onnx") is None
    assert mapped_model(written(model_of(LARGE), tmp_path))


@pytest.mark.parametrize("behind", ["nothing", "a linked folder", "a linked file"])
def test_answers_are_those_of_the_model_that_is_read_as_a_whole(
    behind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    path = written(model_of(LARGE, ("uint8", (20, 300)), ("float32", (20, 3))), tmp_path / "real")
    if behind == "a linked folder":
        (tmp_path / "link").symlink_to(path.parent)
        path = tmp_path / "link" / path.name
    if behind == "a linked file":
        (tmp_path / "link.onnx").symlink_to(path)
        path = tmp_path / "link.onnx"
    feeds = [{"row": np.array([row])} for row in range(20)]
    lean = OnnxRuntimeSession(path, SessionSettings())
    found = [lean.run("scores", feed).item() for feed in feeds]
    monkeypatch.setattr(engines, "mapped_model", lambda _path: None)
    whole = OnnxRuntimeSession(path, SessionSettings())
    assert found == [whole.run("scores", feed).item() for feed in feeds]
    assert len(set(found)) > 10


def test_a_model_that_is_open_outlives_its_folder(tmp_path: Path) -> None:
    path = written(model_of(LARGE), tmp_path)
    session = OnnxRuntimeSession(path, SessionSettings())
    before = session.run("scores", {"row": np.array([3])}).item()
    path.unlink()
    assert session.run("scores", {"row": np.array([3])}).item() == before
