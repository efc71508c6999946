"""The exam of every Pass: a whole new artefact, the same bytes twice, the old one untouched, answers nearly the same.

    check_pass("mine", MyPass(), artefact, rows, folder=tmp_path)

A pass on models is given a trainer, and examined on what that exports. It raises `AssertionError` with what is
wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marketfit.bundle import check_unsealed, load_unsealed, read_spec, size_mb
from marketfit.compress.passes import Artefact, Context, Pass
from marketfit.errors import BriefError
from marketfit.records import sha256_file
from marketfit.task import FloatMatrix, Labelled, Trainer

NEAR = 0.1
"""Largest mean change of a probability that a compression may cost on the exam's rows."""

NEAR_OF_CUTS = 0.3
"""The same for passes that cut layers, heads or neurons out: what they make is a start for distillation."""

_ROUNDING = 2e-3  # of a probability: float32 in another order


def check_pass(
    name: str,
    works: Pass,
    artefact: Artefact,
    rows: Labelled,
    *,
    folder: Path,
    trainer: Trainer | None = None,
    near: float = NEAR,
) -> Artefact:
    """Run the whole exam on an artefact that the pass applies to; gives what the pass made.

    `trainer`: of the artefact's task, for a pass on models. `near`: the largest mean change of a probability.
    """
    _demand(works.applies(artefact) == "", f"{name}: it does not apply: {works.applies(artefact)}")
    before = _bytes(artefact.folder)
    told: list[float] = []
    made = works.apply(artefact, {}, _context(folder / "made", rows, told))
    again = works.apply(artefact, {}, _context(folder / "again", rows, told))
    _demand(made.folder == folder / "made", f"{name}: it wrote to {made.folder}")
    _demand(_bytes(artefact.folder) == before, f"{name}: it changed what it was given")
    _demand(_bytes(made.folder) == _bytes(again.folder), f"{name}: twice the same gave different bytes")
    _demand(told[-1:] == [1.0], f"{name}: its progress ended at {told[-1:]}")
    try:
        works.apply(artefact, {"no_such_option": 1}, _context(folder / "refused", rows, told))
    except BriefError as error:
        _demand("no_such_option" in str(error), f"{name}: the refusal does not name the option: {error}")
    else:
        raise AssertionError(f"{name}: an unknown option was taken without complaint")
    _demand(made.stage == artefact.stage == works.stage, f"{name}: of stage {works.stage}, it gave {made.stage}")
    if artefact.stage == "graph":
        check_graph(name, artefact, made, rows, near=near)
        return made
    if trainer is None:
        raise ValueError(f"{name} works on models: give the exam a trainer to export them with")
    check_model(name, artefact, made, rows, trainer=trainer, folder=folder, near=near)
    return made


def check_model(
    name: str, artefact: Artefact, made: Artefact, rows: Labelled, *, trainer: Trainer, folder: Path, near: float
) -> None:
    """A model folder that is scored, exported and loaded; its bundle is smaller, and answers as the model does."""
    bundles = []
    for model, into in ((artefact, folder / "exported-before"), (made, folder / "exported-after")):
        trainer.export(model.folder, into, product="exam", lineage=("exam",))
        bundles.append(load_unsealed(into))
    check_unsealed(folder / "exported-after")
    _demand(bundles[0].labels == bundles[1].labels, f"{name}: the labels changed")
    sizes = size_mb(folder / "exported-before"), size_mb(folder / "exported-after")
    _demand(sizes[1] < sizes[0], f"{name}: the exported bundle grew from {sizes[0]} to {sizes[1]} MB")
    logits = trainer.scores(made.folder, rows.inputs, progress=lambda _done: None)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    before, after = (bundle.probabilities(rows.inputs) for bundle in bundles)
    apart = float(np.abs(powers / powers.sum(axis=1, keepdims=True) - after).max())
    _demand(apart < _ROUNDING, f"{name}: the exported model's probabilities are {apart:.2g} from the model's own")
    _near(name, before, after, near)


def check_graph(name: str, artefact: Artefact, made: Artefact, rows: Labelled, *, near: float = NEAR) -> None:
    """A bundle that is sound, smaller, says what was done to it, and answers nearly as before."""
    check_unsealed(made.folder)
    before, after = load_unsealed(artefact.folder), load_unsealed(made.folder)
    _demand(after.labels == before.labels, f"{name}: the labels changed")
    steps = len(read_spec(made.folder).lineage) - len(read_spec(artefact.folder).lineage)
    _demand(steps == 1, f"{name}: {steps} lines joined the lineage, not one")
    sizes = size_mb(artefact.folder), size_mb(made.folder)
    _demand(sizes[1] < sizes[0], f"{name}: the bundle grew from {sizes[0]} to {sizes[1]} MB")
    _near(name, before.probabilities(rows.inputs), after.probabilities(rows.inputs), near)


def _near(name: str, before: FloatMatrix, after: FloatMatrix, near: float) -> None:
    gap = float(np.abs(after - before).mean())
    # NaN fails this comparison too.
    _demand(gap < near, f"{name}: probabilities moved by {gap:.3f} in the mean")


def _context(into: Path, rows: Labelled, told: list[float]) -> Context:
    return Context(
        into=into, inputs=rows.inputs, targets=rows.targets, labels=rows.labels, seed=0, progress=told.append
    )


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
