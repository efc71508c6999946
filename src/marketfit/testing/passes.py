"""The exam of every Pass: a whole new artefact, the same bytes twice, the old one untouched, answers nearly the same.

    check_pass("mine", MyPass(), artefact, rows, folder=tmp_path)

raises `AssertionError` with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from marketfit import registry
from marketfit.bundle import check_unsealed, load_unsealed, read_spec, size_mb
from marketfit.compress.passes import Artefact, Context, Options, Pass
from marketfit.errors import BriefError
from marketfit.records import sha256_file
from marketfit.task import Labelled, unreported

_TASK = "text-classification"  # the exam's rows are texts
_DEFAULTS: Options = {}
_ROUNDING = 1e-3
_NEAR = 0.1
"""Largest mean change of a probability that a compression may cost on the exam's rows."""


def check_pass(
    name: str, works: Pass, artefact: Artefact, rows: Labelled, *, folder: Path, teacher: Path | None = None,
    options: Options = _DEFAULTS,
) -> Artefact:  # fmt: skip
    """Run the whole exam on an artefact that the pass applies to; gives what the pass made.

    `teacher` is the tuned model that the artefact was cut from, if it was. `options` keep the exam short where a
    pass trains.
    """
    told: list[float] = []
    context = _context(rows, teacher or artefact.folder, told)
    reason = works.applies(artefact, context(folder / "asked"))
    _demand(reason == "", f"{name}: it does not apply: {reason}")
    before = _bytes(artefact.folder)
    made = works.apply(artefact, options, context(folder / "made"))
    again = works.apply(artefact, options, context(folder / "again"))
    _demand(made.folder == folder / "made", f"{name}: it wrote to {made.folder}")
    _demand(_bytes(artefact.folder) == before, f"{name}: it changed what it was given")
    _demand(_bytes(made.folder) == _bytes(again.folder), f"{name}: twice the same gave different bytes")
    _demand(told[-1:] == [1.0], f"{name}: its progress ended at {told[-1:]}")
    try:
        works.apply(artefact, {"no_such_option": 1}, context(folder / "refused"))
    except BriefError as error:
        _demand("no_such_option" in str(error), f"{name}: the refusal does not name the option: {error}")
    else:
        raise AssertionError(f"{name}: an unknown option was taken without complaint")
    if artefact.stage == "graph":
        check_graph(name, artefact, made, rows)
    else:
        check_model(name, made, rows, folder=folder / "exported")
    return made


def check_model(name: str, made: Artefact, rows: Labelled, *, folder: Path) -> None:
    """A model folder that the Trainer can read and export, whose bundle scores as it does."""
    trainer = registry.trainer(_TASK)
    logits = trainer.scores(made.folder, rows.inputs, progress=unreported)
    _demand(logits.shape == (len(rows), len(rows.labels)), f"{name}: its logits have the shape {logits.shape}")
    trainer.export(made.folder, folder, product=name, lineage=(name,))
    check_unsealed(folder)
    bundle = load_unsealed(folder)
    _demand(bundle.labels == rows.labels, f"{name}: the labels changed")
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    gap = float(np.abs(bundle.probabilities(rows.inputs) - scores).max())
    _demand(gap < _ROUNDING, f"{name}: exported, its probabilities move by {gap:.2g}")


def check_graph(name: str, artefact: Artefact, made: Artefact, rows: Labelled) -> None:
    """A bundle that is sound, smaller, says what was done to it, and answers nearly as before."""
    check_unsealed(made.folder)
    before, after = load_unsealed(artefact.folder), load_unsealed(made.folder)
    _demand(after.labels == before.labels, f"{name}: the labels changed")
    steps = len(read_spec(made.folder).lineage) - len(read_spec(artefact.folder).lineage)
    _demand(steps == 1, f"{name}: {steps} lines joined the lineage, not one")
    sizes = size_mb(artefact.folder), size_mb(made.folder)
    _demand(sizes[1] < sizes[0], f"{name}: the bundle grew from {sizes[0]} to {sizes[1]} MB")
    gap = float(np.abs(after.probabilities(rows.inputs) - before.probabilities(rows.inputs)).mean())
    _demand(gap < _NEAR, f"{name}: probabilities moved by {gap:.3f} in the mean")


def _context(rows: Labelled, teacher: Path, told: list[float]) -> Callable[[Path], Context]:
    return lambda into: Context(
        into=into, inputs=rows.inputs, targets=rows.targets, labels=rows.labels, unlabelled=(),
        trainer=registry.trainer(_TASK), teacher=teacher, seed=0, progress=told.append,
    )  # fmt: skip


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
