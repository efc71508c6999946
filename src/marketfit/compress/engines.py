"""The engines that a variant may be run with here: onnxruntime, and what works beside it on the target's device."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from marketfit.bundle import read_spec, write_spec
from marketfit.bundle.engines import ENGINES, available
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.decomposition import is_fused
from marketfit.compress.passes.graph_file import read_graph
from marketfit.records.bundle import Device, Engine, SessionSettings


def further_engines(device: Device) -> tuple[Engine, ...]:
    """Engines beside onnxruntime that work here: a target with a GPU has its processor too."""
    return tuple(
        engine
        for engine, facts in ENGINES.items()
        if engine != "onnxruntime" and facts.device in {"cpu", device} and available(engine)
    )


def engines_for(bundle: Path, device: Device) -> tuple[Engine, ...]:
    """The engines that can run the graph of an unsealed bundle on a target's device, onnxruntime first."""
    further = further_engines(device)
    if not all(ENGINES[engine].any_graph for engine in further) and is_fused(read_graph(Artefact("graph", bundle))):
        further = tuple(engine for engine in further if ENGINES[engine].any_graph)
    return ("onnxruntime", *further)


def started_with(bundle: Path, settings: SessionSettings, into: Path) -> Path:
    """A copy of an unsealed bundle that is started with other settings; files are shared by hard links."""
    shutil.copytree(bundle, into, copy_function=os.link)
    write_spec(into, replace(read_spec(into), session=settings))  # a new file in the place of the link
    return into
