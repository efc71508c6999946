"""Engines: which work here, on which device, and what is told where one does not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import onnx
import onnxruntime
import pytest

from marketfit.bundle import engines
from marketfit.bundle.engines import CUDA_PROVIDERS, ENGINES, IDENTITY, available, opens_on_cuda, package_of
from marketfit.compress import engines as offered
from marketfit.compress.settings import candidate_settings, words
from marketfit.records.bundle import Engine, SessionSettings
from marketfit.tasks import engines as sessions


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which onnxruntime can use a GPU, or says so."""
    monkeypatch.setitem(ENGINES, "onnxruntime-cuda", replace(ENGINES["onnxruntime-cuda"], found=lambda: True))  # type: ignore[arg-type]


def test_every_engine_is_known_and_the_one_that_is_always_there_is_first() -> None:
    assert set(ENGINES) == set(get_args(Engine))
    assert next(iter(ENGINES)) == "onnxruntime"
    assert package_of("onnxruntime") == "onnxruntime"
    assert all(facts.get for engine, facts in ENGINES.items() if engine != "onnxruntime")


def test_the_graph_that_asks_for_a_gpu_is_one_identity() -> None:
    model = onnx.load_from_string(IDENTITY)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Identity"]
    assert onnxruntime.InferenceSession(IDENTITY, providers=["CPUExecutionProvider"]).run(None, {"x": [2.0]})[0] == 2.0


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(IDENTITY)
    return tmp_path / "model.onnx"


class Session:
    """A session that tells with which providers it was opened."""

    opened: Sequence[object] = ()

    def __init__(self, _graph: object, _options: object, *, providers: Sequence[object], **_more: object) -> None:
        type(self).opened = providers

    def get_providers(self) -> list[str]:
        return [item if isinstance(item, str) else item[0] for item in type(self).opened]  # type: ignore[index]


class Deaf(Session):
    """What onnxruntime gives where the libraries of CUDA do not load: a session on the processor."""

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


class Broken(Session):
    """And where the driver is too old."""

    def __init__(self, *_given: object, **_more: object) -> None:
        raise RuntimeError("CUDA driver version is insufficient")


@pytest.mark.parametrize(("session", "works"), [(Session, True), (Deaf, False), (Broken, False)])
def test_a_gpu_counts_where_a_graph_opens_on_it(
    session: type[Session], works: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = opens_on_cuda.__wrapped__
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    assert not ask()  # built for processors only
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPU"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("no libcudnn.so.9"))  # noqa: T201
    assert ask() == works
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("gpu")
def test_only_a_target_with_a_gpu_is_offered_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda _package: False)
    assert offered.further_engines("cpu") == ()
    assert offered.further_engines("gpu") == ("onnxruntime-cuda",)
    assert offered.engines_for(tmp_path, "cpu") == ("onnxruntime",)
    assert offered.engines_for(tmp_path, "gpu") == ("onnxruntime", "onnxruntime-cuda")  # whatever graph it is


@pytest.mark.usefixtures("gpu")
def test_settings_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from marketfit.compress import settings

    monkeypatch.setattr(settings, "read_spec", lambda _folder: replace_session(SessionSettings()))
    monkeypatch.setattr(engines, "is_installed", lambda _package: False)
    found = [words(one) for one in candidate_settings(graph, threads=1, device="gpu")]
    assert found == ["onnxruntime, threads 1, arena", "onnxruntime, threads 1, no arena", "onnxruntime-cuda, threads 1"]


def replace_session(session: SessionSettings) -> object:
    return type("Spec", (), {"session": session})()


@pytest.mark.usefixtures("gpu")
def test_a_graph_is_opened_on_the_gpu_that_it_was_measured_on(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    sessions.open_session(graph, SessionSettings(engine="onnxruntime-cuda"))
    assert tuple(Session.opened) == CUDA_PROVIDERS
    sessions.open_session(graph, SessionSettings())
    assert tuple(Session.opened) == ("CPUExecutionProvider",)


def test_without_a_gpu_the_processor_answers_and_says_so(
    graph: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if available("onnxruntime-cuda"):
        pytest.skip("this machine has a GPU")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    with caplog.at_level(logging.WARNING):
        sessions.open_session(graph, SessionSettings(engine="onnxruntime-cuda"))
    assert tuple(Session.opened) == ("CPUExecutionProvider",)
    assert "onnxruntime-cuda, which does not work here" in caplog.text
    assert "onnxruntime-gpu[cuda,cudnn]" in caplog.text
