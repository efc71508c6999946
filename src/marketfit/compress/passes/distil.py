"""distil: a small model, or one that was cut, learns from the best tuned model.

The method belongs to the task's Trainer (`Trainer.distil`): the teacher's answers on training and unlabelled rows, its
layers where they can be matched, the labels. Options are the numbers of `marketfit.task.Study`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, refuse_unknown
from marketfit.errors import BriefError, Problem
from marketfit.records.base import sha256_file
from marketfit.task import Study, unreported

LEARNING = 3.0
"""Cost of learning from a row, in units of scoring it: forward, and backward, which is twice as dear. Not measured: a
plan corrects the estimate by what a training took."""

_TIMED = (8, 72)  # rows: what loading costs is in both


class Distil:
    """Fit a model to its teacher. Options: those of `Study`."""

    stage: Stage = "model"
    role: Role = "recover"
    trains = True

    def applies(self, artefact: Artefact, context: Context) -> str:
        """It needs a model that is not the teacher itself."""
        if weights_digest(artefact.folder) == weights_digest(context.teacher):
            return "the model is its own teacher"
        return ""

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - Pass contract
        """The study as it was chosen."""
        return ({},)

    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:
        """The teacher reads all rows once, the student learns from them for some epochs."""
        study, rows = study_of("distil", options), len(context.inputs) + len(context.unlabelled)
        reading = learning = seconds_per_row(context.teacher, context)
        if artefact.folder != context.teacher:
            learning = seconds_per_row(artefact.folder, context)
        return rows * (reading + study.epochs * LEARNING * learning)

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Train; see the module's docstring."""
        study = study_of("distil", options)
        context.trainer.distil(
            artefact.folder,
            context.teacher,
            context.train,
            context.into,
            unlabelled=context.unlabelled,
            study=study,
            seed=context.seed,
            progress=context.progress,
        )
        return Artefact("model", context.into)


def seconds_per_row(model: Path, context: Context) -> float:
    """Seconds in which a model folder scores a training row: a few of them are, once to start and once to measure."""
    few, more = (context.inputs[:count] for count in _TIMED)
    taken: list[float] = []
    for examples in (few, few, more):
        began = time.perf_counter()
        context.trainer.scores(model, examples, progress=unreported)
        taken.append(time.perf_counter() - began)
    if len(more) > len(few) and taken[2] > taken[1]:
        return (taken[2] - taken[1]) / (len(more) - len(few))
    return taken[1] / max(1, len(few))


def weights_digest(folder: Path) -> tuple[str, ...]:
    """SHA-256 of the weights of a model folder, whatever its task keeps them in."""
    return tuple(sha256_file(path) for path in sorted(folder.glob("model.*")))


def study_of(name: str, options: Options, default: Study | None = None) -> Study:
    """A Study with some of its numbers changed by a pass's options.

    Raises:
        BriefError: an option that is none of a Study's, or no finite number from 0 up.
    """
    default = default or Study()
    known = {item.name: getattr(default, item.name) for item in fields(Study)}
    refuse_unknown(name, options, tuple(known))
    problems = [
        Problem(f"pass {name}: {option}", f"{value!r}", "a number from 0 up", "change it")
        for option, value in options.items()
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf")
    ]
    if problems:
        raise BriefError(problems)
    changed = {option: type(known[option])(float(str(value))) for option, value in options.items()}
    return Study(**{**known, **changed})
