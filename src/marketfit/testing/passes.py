"""The exam of every Pass: a whole new artefact, the same bytes twice, the old one untouched, answers nearly the same.

    check_pass("mine", MyPass(), artefact, rows, folder=tmp_path)

A pass on models is examined on what its task's trainer exports. It raises `AssertionError` with what is wrong.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import numpy as np

from marketfit import registry
from marketfit.bundle import check_unsealed, load_unsealed, read_spec, size_mb
from marketfit.compress.order import PassStep
from marketfit.compress.passes import Artefact, Context, Options, Pass, Role
from marketfit.errors import BriefError
from marketfit.records.base import sha256_file
from marketfit.task import FloatMatrix, Labelled, Progress, unreported

_TASK = "text-classification"  # the exam's rows are texts
_DEFAULTS: Options = {}
_ROUNDING = 1e-3
_ABOUT = 1.1  # times as large as before, where a pass does not shrink

NEAR = 0.1
"""Largest mean change of a probability that a compression may cost on the exam's rows."""

NEAR_OF_CUTS = 0.3
"""The same for passes that cut parts out, which are a start for distillation, and for trainings kept short."""


def check_pass(  # noqa: PLR0913 - what an exam allows are its arguments
    name: str, works: Pass, artefact: Artefact, rows: Labelled, *, folder: Path, teacher: Path | None = None,
    options: Options = _DEFAULTS, near: float = NEAR, shrinks: bool = True,
) -> Artefact:  # fmt: skip
    """Run the whole exam on an artefact that the pass applies to; gives what the pass made.

    `teacher` is the tuned model that the artefact was cut from, if it was. `options` keep the exam short where a
    pass trains. `near`: the largest mean change of a probability, to a pass on models from the teacher's. `shrinks`: a
    pass on graphs makes the bundle smaller; else it may stay about as large.
    """
    told: list[float] = []

    def context(into: Path) -> Context:
        return context_for(rows, into, teacher=teacher or artefact.folder, progress=told.append)

    reason = works.applies(artefact, context(folder / "asked"))
    _demand(reason == "", f"{name}: it does not apply: {reason}")
    before = _bytes(artefact.folder)
    check_plannable(name, works, artefact, context(folder / "asked"))
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
    _demand(made.stage == artefact.stage == works.stage, f"{name}: of stage {works.stage}, it gave {made.stage}")
    if artefact.stage == "graph":
        check_graph(name, artefact, made, rows, near=near, shrinks=shrinks)
    else:
        check_model(name, teacher or artefact.folder, made, rows, folder=folder, near=near)
    return made


def check_plannable(name: str, works: Pass, artefact: Artefact, context: Context) -> None:
    """What a plan asks of a pass: its role, settings worth trying, each once, the same twice, and what training takes.

    A cut and a training change the model, so they come before the export.
    """
    _demand(works.role in get_args(Role), f"{name}: its role is {works.role!r}, not one of {get_args(Role)}")
    _demand(works.trains in (True, False), f"{name}: whether it trains is {works.trains!r}")
    early = works.role in ("cut", "recover", "replace") or works.trains
    _demand(not early or works.stage == "model", f"{name}: a pass of its role works on models, not on graphs")
    choices = [PassStep(name=name, options=options) for options in works.choices(artefact, context)]
    _demand(len({step.label for step in choices}) == len(choices), f"{name}: two of its choices are the same")
    again = [PassStep(name=name, options=options) for options in works.choices(artefact, context)]
    _demand(choices == again, f"{name}: asked twice, it gave other choices")
    if works.trains:
        for step in choices:
            seconds = works.seconds(artefact, step.options, context)
            _demand(math.isfinite(seconds) and seconds > 0, f"{name}: {step.label} would take {seconds} seconds")
    _demand(not context.into.exists(), f"{name}: it wrote when it was only asked")


def check_model(name: str, teacher: Path, made: Artefact, rows: Labelled, *, folder: Path, near: float) -> None:
    """A model folder that is scored and exported: no larger a bundle, which says what the model says, and nearly what
    the teacher's does.
    """
    trainer = registry.trainer(_TASK)
    exported = folder / "exported-before", folder / "exported"
    for model, into in zip((teacher, made.folder), exported, strict=True):
        trainer.export(model, into, product="exam", lineage=("exam",))
        check_unsealed(into)
    old, new = (load_unsealed(into) for into in exported)
    _demand(new.labels == old.labels == rows.labels, f"{name}: the labels changed")
    sizes = [size_mb(into) for into in exported]
    _demand(sizes[1] <= sizes[0], f"{name}: the exported bundle grew from {sizes[0]} to {sizes[1]} MB")
    logits = trainer.scores(made.folder, rows.inputs, progress=unreported)
    _demand(logits.shape == (len(rows), len(rows.labels)), f"{name}: its logits have the shape {logits.shape}")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    before, after = (bundle.probabilities(rows.inputs) for bundle in (old, new))
    apart = float(np.abs(powers / powers.sum(axis=1, keepdims=True) - after).max())
    _demand(apart < _ROUNDING, f"{name}: exported, its probabilities move by {apart:.2g}")
    _near(name, before, after, near)


def check_graph(
    name: str, artefact: Artefact, made: Artefact, rows: Labelled, *, near: float = NEAR, shrinks: bool = True
) -> None:
    """A bundle that is sound, smaller, says what was done to it, and answers nearly as before."""
    check_unsealed(made.folder)
    before, after = load_unsealed(artefact.folder), load_unsealed(made.folder)
    _demand(after.labels == before.labels, f"{name}: the labels changed")
    steps = len(read_spec(made.folder).lineage) - len(read_spec(artefact.folder).lineage)
    _demand(steps == 1, f"{name}: {steps} lines joined the lineage, not one")
    sizes = size_mb(artefact.folder), size_mb(made.folder)
    most = sizes[0] if shrinks else _ABOUT * sizes[0]
    _demand(sizes[1] < most, f"{name}: the bundle grew from {sizes[0]} to {sizes[1]} MB")
    _near(name, before.probabilities(rows.inputs), after.probabilities(rows.inputs), near)


def _near(name: str, before: FloatMatrix, after: FloatMatrix, near: float) -> None:
    gap = float(np.abs(after - before).mean())
    # NaN fails this comparison too.
    _demand(gap < near, f"{name}: probabilities moved by {gap:.3f} in the mean")


def context_for(rows: Labelled, into: Path, *, teacher: Path, progress: Progress = unreported) -> Context:
    """A context of the exam's rows, without unlabelled ones."""
    return Context(
        into=into, inputs=rows.inputs, targets=rows.targets, labels=rows.labels, unlabelled=(),
        trainer=registry.trainer(_TASK), teacher=teacher, seed=0, progress=progress,
    )  # fmt: skip


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
