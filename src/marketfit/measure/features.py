"""One frozen feature row per example, from a backbone as it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from marketfit import registry
from marketfit.bundle import load_unsealed
from marketfit.engine import Run
from marketfit.records.base import Folder
from marketfit.task import FloatMatrix

_CHUNK = 1024


def make_embedder(task: str, name: str, *, base: Path, run: Run) -> Folder:
    """Write the first backbone behind a name as a headless bundle. `base`: what a local folder's name is relative to.

    Raises:
        BriefError: there is no such backbone.
    """
    trainer = registry.trainer(task)
    backbone = trainer.backbones(name, base=base)[0]
    with run.workspace.scratch() as folder:
        trainer.embedder(backbone, folder / "embedder", base=base)
        return run.workspace.put_folder(folder / "embedder")


def embed(embedder: Folder, inputs: Sequence[str | bytes], run: Run) -> FloatMatrix:
    """Features (n, dim) of inputs, of unit length, in their order."""
    bundle = load_unsealed(run.workspace.open_folder(embedder), threads=os.cpu_count() or 1)
    # Inputs of like length share a batch, so that little is computed on padding.
    order = sorted(range(len(inputs)), key=lambda row: len(inputs[row]))
    parts: list[FloatMatrix] = []
    done = 0
    total = max(1, sum(len(example) for example in inputs))
    with run.reporter.task(f"embedding {len(inputs):,} rows") as advance:
        for start in range(0, len(order), _CHUNK):
            chunk = [inputs[row] for row in order[start : start + _CHUNK]]
            parts.append(bundle.embed(chunk))
            done += sum(len(example) for example in chunk)
            advance(done / total)
    ordered = np.concatenate(parts)
    features = np.empty_like(ordered, dtype=np.float32)
    features[np.array(order)] = ordered
    return features
