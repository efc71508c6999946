"""What trials are made of: labelled rows, the consensus of the people asked, frozen features."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketfit.brief import ObjectiveSpec
from marketfit.bundle import load_unsealed
from marketfit.engine import Run, read_split
from marketfit.records.base import Blob
from marketfit.records.data import Dataset
from marketfit.records.market import MarketView, Opinions
from marketfit.records.models import Backbone, TermSpec
from marketfit.task import Example, FloatMatrix, Labelled, Trainer, normalise_text


@dataclass(frozen=True, eq=False)
class Material:
    """Rows to learn from and rows to rank by; `terms` come on top of cross-entropy in every recipe."""

    train: Labelled
    valid: Labelled
    terms: tuple[TermSpec, ...]
    notes: tuple[str, ...]


def gather(dataset: Dataset, market: MarketView, objective: ObjectiveSpec, *, run: Run) -> Material:
    """Read the splits and lay the opinions beside the training rows."""
    train = read_split(dataset, "train", run.workspace).labelled
    valid = read_split(dataset, "valid", run.workspace).labelled
    if market.opinions is None or objective.survey == 0:
        return Material(train, valid, (), ())
    consensus, notes = _consensus(train, market.opinions, run)
    if consensus is None:
        return Material(train, valid, (), notes)
    return Material(dataclasses.replace(train, consensus=consensus), valid, (survey_term(objective),), notes)


def survey_term(objective: ObjectiveSpec) -> TermSpec:
    """The survey term as the brief wants it; τ matters only where C is fitted."""
    options: dict[str, str | bool | float] = {"sign": objective.sign}
    if objective.fit:
        options |= {"fit": True, "tau": objective.tau}
    return TermSpec(name="survey", weight=objective.survey, options=options)


def _consensus(train: Labelled, opinions: Opinions, run: Run) -> tuple[FloatMatrix | None, tuple[str, ...]]:
    """C⁰ (rows, classes), zeros where nobody was asked, or None where no item is a training row; and what to tell."""
    said: dict[str, dict[str, float]] = {}
    for row in run.workspace.table(opinions.consensus).to_pylist():
        said.setdefault(_form(row["input"]), {})[row["label"]] = float(row["probability"])
    matrix = np.zeros((len(train), len(train.labels)), dtype=np.float32)
    column = {label: index for index, label in enumerate(train.labels)}
    used: set[str] = set()
    lost = 0
    for place, example in enumerate(train.inputs):
        form = _form(example)
        known = {label: p for label, p in said.get(form, {}).items() if label in column and p > 0}
        total = sum(known.values())
        lost += form in said and form not in used and not total
        if form in said:
            used.add(form)
        for label, probability in known.items():
            matrix[place, column[label]] = probability / total
    asked = int((matrix.sum(axis=1) > 0).sum())
    notes = [
        f"Opinions: {asked} of {len(train)} training rows were asked about; {len(said) - len(used)} of {len(said)} "
        "items are no training row (they are unknown, or lie in another split) and are not used."
    ]
    if lost:
        notes.append(f"Opinions: {lost} items name only labels that the data do not have, and are not used.")
    return (matrix if asked else None), tuple(notes)


def _form(example: Example) -> str:
    return normalise_text(example) if isinstance(example, str) else repr(example)


def features_of(
    inputs: Sequence[Example], backbone: Backbone, dataset: Dataset, trainer: Trainer, *, base: Path, run: Run
) -> Blob:
    """The backbone's frozen features of the training rows, computed once and kept.

    The dataset's own features are used where they come from this backbone.
    """
    key = f"features/{dataset.digest()[:40]}/{backbone.digest()[:40]}"
    known = run.ledger.fact(key)
    if known is None:
        with run.reporter.task(f"features of {backbone.name}") as progress:
            blob = _features(inputs, backbone, dataset, trainer, base=base, run=run)
            progress(1.0)
        known = run.ledger.decide_once(key, blob.model_dump(mode="json"))
    return Blob.model_validate(known)


def _features(
    inputs: Sequence[Example], backbone: Backbone, dataset: Dataset, trainer: Trainer, *, base: Path, run: Run
) -> Blob:
    with run.workspace.scratch() as scratch:
        folder = scratch / "embedder"
        trainer.embedder(backbone, folder, base=base)
        if run.workspace.put_folder(folder).digest() == dataset.embedder.digest():
            splits = run.workspace.table(dataset.rows).column("split").to_pylist()
            chosen = np.array([split == "train" for split in splits], dtype=np.bool_)
            return run.workspace.put_array(run.workspace.array(dataset.features)[chosen])
        return run.workspace.put_array(load_unsealed(folder, threads=os.cpu_count() or 1).embed(inputs))
