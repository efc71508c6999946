"""The fingerprint of this machine: what a latency or a memory size depends on, in one readable line."""

from __future__ import annotations

import functools
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from marketfit.bundle.engines import ENGINES, available, package_of
from marketfit.records.bundle import Engine

# Instruction sets for which onnxruntime has kernels of its own.
_FLAGS = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16",
)  # fmt: skip

_CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_GPUS = Path("/proc/driver/nvidia/gpus")


@functools.cache
def fingerprint(*engines: Engine) -> str:
    """CPU, cores, instruction sets, memory, system, Python and engines; the same line while none of them changes.

    onnxruntime is always named: it takes the place of every engine that does not work here. An engine that runs on a
    GPU names the GPUs.

    >>> "onnxruntime" in fingerprint()
    True
    """
    facts = cpu_facts(_CPUINFO.read_text("utf-8", "replace") if _CPUINFO.is_file() else "")
    flags = set(" ".join(facts.get(key, "") for key in ("flags", "Features")).split())
    parts = (
        facts.get("model name") or platform.processor() or "unknown CPU",
        f"{len(cores())} of {os.cpu_count()} cores{_quota()}",
        f"{platform.machine()} {' '.join(flag for flag in _FLAGS if flag in flags)}".strip(),
        f"{_memory_bytes() / 2**30:.1f} GiB memory",
        f"{platform.system()} {platform.release()}",
        f"Python {sys.version.split()[0]}",
        *(_told(engine) for engine in ENGINES if engine == "onnxruntime" or engine in engines),
    )
    return ", ".join(parts)


def _told(engine: Engine) -> str:
    package = package_of(engine)
    if package is None:
        return f"{engine} not installed"
    if ENGINES[engine].device == "cpu":
        return f"{engine} {version(package)}"
    return f"{package} {version(package)} on {' and '.join(_gpus()) if available(engine) else 'no GPU'}"


def _gpus() -> tuple[str, ...]:
    """NVIDIA's graphics processors by name, in the order of their places on the bus."""
    found = (cpu_facts(path.read_text("utf-8", "replace")) for path in sorted(_GPUS.glob("*/information")))
    return tuple(facts.get("Model", "unknown GPU") for facts in found)


def cores() -> tuple[int, ...]:
    """Numbers of the cores that this process may run on."""
    allowed: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # Linux only
    return tuple(sorted(allowed(0))) if allowed else tuple(range(os.cpu_count() or 1))


def cpu_facts(text: str) -> Mapping[str, str]:
    r"""The first processor of `/proc/cpuinfo`.

    >>> cpu_facts("processor\t: 0\nmodel name\t: Fast One\n\nprocessor\t: 1\nmodel name\t: Slow\n")["model name"]
    'Fast One'
    """
    first = text.partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _quota() -> str:
    """A container's limit on processor time: it shows as requests that take much longer now and then."""
    if not _QUOTA.is_file():
        return ""
    limit, _, period = _QUOTA.read_text("ascii").strip().partition(" ")
    return f" (at most {int(limit) / int(period):g} at a time)" if limit.isdigit() and period.isdigit() else ""
