"""The engines that run a bundle's graph, all behind one small interface: onnxruntime, on a GPU where asked for, and
OpenVINO.

OpenVINO is imported only for a bundle that records it, and without its tools: those tell its maker of every import, and
nothing here reaches a network unasked. Where an engine does not work onnxruntime on the processor takes its place: the
answers are the same to rounding (of 8-bit integers, where the graph has them), the times are not those that were
measured.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import onnxruntime

from marketfit.bundle.engines import CUDA_PROVIDERS, ENGINES, available
from marketfit.bundle.mapped import mapped_model
from marketfit.records.bundle import SessionSettings

if TYPE_CHECKING:
    import openvino

    from marketfit.task import Feed, FloatMatrix

_TELLING = "openvino.tools.ovc"
_LOG = logging.getLogger("marketfit.tasks")


class Session(Protocol):
    """An opened graph. Calls from several threads at once are fine."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the graph's inputs."""
        ...

    def width(self, output: str) -> int:
        """Columns of an output."""
        ...

    def run(self, output: str, feed: Feed) -> FloatMatrix:
        """One output (rows, columns) for all inputs."""
        ...


def open_session(path: Path, settings: SessionSettings) -> Session:
    """Open a graph with the engine and the settings of the variant."""
    if not available(settings.engine):
        _LOG.warning(
            "this bundle was measured with %s, which does not work here: onnxruntime runs it on the processor, at "
            "another speed; %s", settings.engine, ENGINES[settings.engine].get
        )  # fmt: skip
        settings = replace(settings, engine="onnxruntime")
    return OpenVinoSession(path, settings) if settings.engine == "openvino" else OnnxRuntimeSession(path, settings)


class OnnxRuntimeSession:
    """onnxruntime, on the processor or on a GPU. It computes only the output that it is asked for."""

    def __init__(self, path: Path, settings: SessionSettings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = settings.arena
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings.spinning else "0")
        on_gpu = settings.engine == "onnxruntime-cuda"
        providers = CUDA_PROVIDERS if on_gpu else ("CPUExecutionProvider",)
        path = path.resolve()  # what is mapped must not lie behind a link
        model = None if on_gpu else mapped_model(path)
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
        self._session = onnxruntime.InferenceSession(model or str(path), options, providers=[*providers])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the graph's inputs."""
        return tuple(node.name for node in self._session.get_inputs())

    def width(self, output: str) -> int:
        """Columns of an output."""
        return next(int(found.shape[1]) for found in self._session.get_outputs() if found.name == output)

    def run(self, output: str, feed: Feed) -> FloatMatrix:
        """One output (rows, columns) for all inputs."""
        values: FloatMatrix = self._session.run([output], feed)[0]
        return values


class OpenVinoSession:
    """OpenVINO, in float32 wherever the graph says so; its threads neither spin nor have an arena to set."""

    def __init__(self, path: Path, settings: SessionSettings) -> None:
        core = _quiet_openvino().Core()
        self._model = core.compile_model(
            core.read_model(str(path)),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": settings.threads,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._requests = threading.local()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the graph's inputs."""
        return tuple(port.get_any_name() for port in self._model.inputs)

    def width(self, output: str) -> int:
        """Columns of an output."""
        return int(self._model.output(output).get_partial_shape()[1].get_length())

    def run(self, output: str, feed: Feed) -> FloatMatrix:
        """One output (rows, columns) for all inputs."""
        values: FloatMatrix = self._request().infer(dict(feed), share_inputs=True)[self._model.output(output)]
        return values

    def _request(self) -> openvino.InferRequest:
        """A request belongs to one thread."""
        if not hasattr(self._requests, "mine"):
            self._requests.mine = self._model.create_infer_request()
        request: openvino.InferRequest = self._requests.mine
        return request


def _quiet_openvino() -> ModuleType:
    """OpenVINO without `openvino.tools.ovc`, whose import sends a message over the network."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    sys.modules[_TELLING] = None  # type: ignore[assignment]  # Python's way of saying that there is no such module
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[_TELLING]
