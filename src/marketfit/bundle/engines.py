"""The engines that a bundle may name: what each is installed as, where it runs, and whether this machine has it.

onnxruntime on the processor is the one that is always there; it runs what was measured with another one wherever that
is missing.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from marketfit.records.bundle import Device, Engine
from marketfit.registry import is_installed

CUDA_PROVIDERS = (("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider")
"""What onnxruntime gets for an NVIDIA GPU: float32 stays float32, and what has no kernel there runs beside it."""

# One Identity of one float: enough for onnxruntime to say whether it can use the GPU. A test reads it with onnx.
IDENTITY = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11"
)


@dataclass(frozen=True)
class EngineFacts:
    """What is known of an engine before it is loaded.

    `packages`: any one of them brings it. `get`: how to have it. `any_graph`: it knows onnxruntime's own operators,
    not standard ones only. `found`: whether it would work here.
    """

    device: Device
    packages: tuple[str, ...]
    get: str
    any_graph: bool
    found: Callable[[], bool]


def available(engine: Engine) -> bool:
    """Whether an engine works here; of one for a GPU a graph is opened on it, once.

    >>> available("onnxruntime")
    True
    """
    return ENGINES[engine].found()


def device_here(engine: Engine) -> Device:
    """Where a graph that asks for an engine runs here: on the processor, where the engine does not work.

    >>> device_here("onnxruntime")
    'cpu'
    """
    return ENGINES[engine].device if available(engine) else "cpu"


def package_of(engine: Engine) -> str | None:
    """The installed package that brings an engine.

    >>> package_of("onnxruntime") in ENGINES["onnxruntime"].packages
    True
    """
    from importlib import metadata

    for name in ENGINES[engine].packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            metadata.version(name)
            return name
    return None


@functools.cache
def opens_on_cuda() -> bool:
    """Whether onnxruntime opens a graph on an NVIDIA GPU: it is built for one, its libraries load, and there is one."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for results, and it says there what it lacks
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(IDENTITY, options, providers=[*CUDA_PROVIDERS], enable_fallback=0)
    except Exception:
        return False
    return "CUDAExecutionProvider" in session.get_providers()


ENGINES: Mapping[Engine, EngineFacts] = {
    "onnxruntime": EngineFacts("cpu", ("onnxruntime", "onnxruntime-gpu"), "", any_graph=True, found=lambda: True),
    "onnxruntime-cuda": EngineFacts(
        "gpu",
        ("onnxruntime-gpu",),
        "on a machine with an NVIDIA GPU: pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'",
        any_graph=True,
        found=opens_on_cuda,
    ),
    "openvino": EngineFacts(
        "cpu",
        ("openvino",),
        "pip install 'marketfit[openvino]'",
        any_graph=False,
        found=lambda: is_installed("openvino"),
    ),
}
"""Every engine; onnxruntime on the processor first."""
