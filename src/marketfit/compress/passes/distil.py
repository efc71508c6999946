"""distil: a model that was cut learns from the tuned model that it was cut from.

The method belongs to the task's Trainer (`Trainer.distil`): the teacher's answers on training and unlabelled rows, its
layers where they can be matched, the labels. Options are the numbers of `marketfit.task.Study`.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from marketfit.compress.passes import Artefact, Context, Options, Stage, refuse_unknown
from marketfit.errors import BriefError, Problem
from marketfit.records import sha256_file
from marketfit.task import Study


class Distil:
    """Fit a model to its teacher. Options: those of `Study`."""

    stage: Stage = "model"

    def applies(self, artefact: Artefact, context: Context) -> str:
        """It needs a model that is not the teacher itself."""
        if weights_digest(artefact.folder) == weights_digest(context.teacher):
            return "the model is its own teacher"
        return ""

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
