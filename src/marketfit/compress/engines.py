"""The engines that a variant may be run with here: onnxruntime, and what is installed beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from marketfit import registry
from marketfit.bundle import read_spec, write_spec
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.decomposition import is_fused
from marketfit.compress.passes.graph_file import read_graph
from marketfit.records.bundle import Engine, SessionSettings


def further_engines() -> tuple[Engine, ...]:
    """Installed engines beside onnxruntime; they run graphs of standard operators only."""
    return ("openvino",) if registry.is_installed("openvino") else ()


def engines_for(bundle: Path) -> tuple[Engine, ...]:
    """The engines that can run the graph of an unsealed bundle, onnxruntime first."""
    further = further_engines()
    if not further or is_fused(read_graph(Artefact("graph", bundle))):
        return ("onnxruntime",)
    return ("onnxruntime", *further)


def started_with(bundle: Path, settings: SessionSettings, into: Path) -> Path:
    """A copy of an unsealed bundle that is started with other settings; files are shared by hard links."""
    shutil.copytree(bundle, into, copy_function=os.link)
    write_spec(into, read_spec(into).model_copy(update={"session": settings}))  # a new file in the place of the link
    return into
