"""The exam of every Pass: a whole new artefact, the same bytes twice, the old one untouched, answers nearly the same.

    check_pass("mine", MyPass(), artefact, rows, folder=tmp_path)

raises `AssertionError` with what is wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marketfit.bundle import check_unsealed, load_unsealed, read_spec, size_mb
from marketfit.compress.passes import Artefact, Context, Pass
from marketfit.errors import BriefError
from marketfit.records import sha256_file
from marketfit.task import Labelled

_NEAR = 0.1
"""Largest mean change of a probability that a compression may cost on the exam's rows."""


def check_pass(name: str, works: Pass, artefact: Artefact, rows: Labelled, *, folder: Path) -> Artefact:
    """Run the whole exam on an artefact that the pass applies to; gives what the pass made."""
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
    if artefact.stage == "graph":
        check_graph(name, artefact, made, rows)
    return made


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


def _context(into: Path, rows: Labelled, told: list[float]) -> Context:
    return Context(
        into=into, inputs=rows.inputs, targets=rows.targets, labels=rows.labels, seed=0, progress=told.append
    )


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
