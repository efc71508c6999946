"""The step: from a Dataset to the backbones that are worth training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketfit import registry
from marketfit.brief import Brief
from marketfit.bundle import load_unsealed
from marketfit.engine import Run, step
from marketfit.records.base import Folder
from marketfit.records.data import Dataset
from marketfit.records.models import Backbone, Shortlist
from marketfit.shortlist.latency import int8_form, latencies
from marketfit.shortlist.rules import Evidence, Times, judge_all
from marketfit.shortlist.sample import Part, sample
from marketfit.shortlist.scoring import Score, logme, probe, text_floor
from marketfit.task import Example, FloatMatrix, Trainer

_GRAPH = "model.onnx"
_CHUNK = 512


@dataclass(frozen=True)
class _Embedded:
    """A backbone with its headless bundle and the features of the rows that are looked at."""

    backbone: Backbone
    embedder: Folder
    train: FloatMatrix
    valid: FloatMatrix


@step(version=3, gives=Shortlist, reads=("task", "backbones", "require", "target", "seed"))
def shortlist(brief: Brief, dataset: Dataset, /, *, run: Run) -> Shortlist:
    """Compare all backbones of the brief by size, frozen-feature probe and latency floor.

    Every candidate is in the record with a reason; at least one is kept. Test rows are not looked at.

    Raises:
        BriefError: a named backbone does not exist.
    """
    trainer = registry.trainer(brief.task)
    rows = run.workspace.table(dataset.rows)
    train, valid = sample(rows, dataset.labels, run.rng("shortlist", "rows"))
    with run.reporter.task(f"character TF-IDF on {len(train):,} rows"):
        floor = text_floor(train, valid, seed=run.seed_for("shortlist", "floor"))
    embedded = [
        _embed(trainer, backbone, (train, valid), dataset if place == 0 else None, brief, run)
        for place, backbone in enumerate(_backbones(trainer, brief))
    ]
    times = _latencies(embedded, valid.inputs, brief, run)
    scores = _scores(embedded, train, valid, run)
    evidence = [
        Evidence(one.backbone, score, transfer, int8_size_mb(one.backbone, one.embedder), floats, int8)
        for one, (score, transfer), (floats, int8) in zip(embedded, scores, times, strict=True)
    ]
    return Shortlist(
        candidates=judge_all(evidence, floor, brief.require),
        floor_accuracy=floor.accuracy.value,
        floor_low=floor.accuracy.low,
        floor_high=floor.accuracy.high,
        floor_rows=len(valid),
    )


def int8_size_mb(backbone: Backbone, embedder: Folder) -> float:
    """A byte for each parameter, and the preprocessor's files as they are, over 10⁶ bytes."""
    others = sum(blob.bytes for name, blob in embedder.files.items() if name != _GRAPH)
    return (backbone.parameters + others) / 1e6


def _backbones(trainer: Trainer, brief: Brief) -> list[Backbone]:
    """All backbones behind the names of the brief, each once, the one whose features the Dataset holds first."""
    found: dict[str, Backbone] = {}
    for name in brief.backbones:
        for backbone in trainer.backbones(name, base=brief.base):
            found.setdefault(backbone.name, backbone)
    return list(found.values())


def _embed(
    trainer: Trainer, backbone: Backbone, parts: tuple[Part, Part], dataset: Dataset | None, brief: Brief, run: Run
) -> _Embedded:
    train, valid = parts
    if dataset is not None:
        features = run.workspace.array(dataset.features)
        return _Embedded(backbone, dataset.embedder, features[train.places], features[valid.places])
    with run.workspace.scratch() as folder, run.reporter.task(f"exporting {backbone.name}"):
        trainer.embedder(backbone, folder / "embedder", base=brief.base)
        embedder = run.workspace.put_folder(folder / "embedder")
    place = run.workspace.open_folder(embedder)
    both = _features(place, [*train.inputs, *valid.inputs], backbone.name, run)
    return _Embedded(backbone, embedder, both[: len(train)], both[len(train) :])


def _features(folder: Path, inputs: Sequence[Example], name: str, run: Run) -> FloatMatrix:
    bundle = load_unsealed(folder, threads=os.cpu_count() or 1)
    parts: list[FloatMatrix] = []
    with run.reporter.task(f"embedding {len(inputs):,} rows with {name}") as advance:
        for start in range(0, len(inputs), _CHUNK):
            parts.append(bundle.embed(inputs[start : start + _CHUNK]))
            advance(min(1.0, (start + _CHUNK) / len(inputs)))
    return np.concatenate(parts)


def _latencies(
    embedded: Sequence[_Embedded], inputs: Sequence[Example], brief: Brief, run: Run
) -> list[tuple[Times, Times | None]]:
    """Of each backbone as it is, and at int8 where it has such a form; all take turns."""
    with run.workspace.scratch() as scratch, run.reporter.task(f"latency of {len(embedded)} backbones") as advance:
        folders = [run.workspace.open_folder(one.embedder) for one in embedded]
        quantised = [int8_form(folder, scratch / f"{place}") for place, folder in enumerate(folders)]
        made = [folder for folder in quantised if folder is not None]
        bundles = [load_unsealed(folder, threads=brief.target.threads) for folder in (*folders, *made)]
        found = latencies(bundles, inputs, progress=advance)
        at_int8 = iter(found[len(folders) :])
        return [
            (floats, None if form is None else next(at_int8))
            for floats, form in zip(found[: len(folders)], quantised, strict=True)
        ]


def _scores(embedded: Sequence[_Embedded], train: Part, valid: Part, run: Run) -> list[tuple[Score, float]]:
    found: list[tuple[Score, float]] = []
    with run.reporter.task(f"probing {len(embedded)} backbones on {len(train):,} rows") as advance:
        for done, one in enumerate(embedded):
            score = probe(one.train, train.targets, one.valid, valid.targets)
            found.append((score, logme(one.train, train.targets)))
            advance((done + 1) / len(embedded))
    return found
