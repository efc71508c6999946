"""static: a tuned encoder becomes one lookup and a weighted sum a token, and learns from the tuned model.

`StaticTrainer.static` takes the vectors of tokens and frequent pairs out of the encoder, `Trainer.distil` trains them
with a weight each on the teacher's answers. Options: `dimensions`, `pairs` (how many at most) and the numbers of
`marketfit.task.Study`. Leaving out 30 % of tokens and pairs in training is what keeps the vectors from learning the
training rows by heart: 92.9 % of 3,000 CLINC150 rows in the place of 91.5 (labels only, vectors of an
untuned encoder). With all of it: 94.7 % of these rows, the teacher 96.1.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, refuse_unknown
from marketfit.compress.passes.distil import seconds_per_row, study_of
from marketfit.errors import BriefError, Problem
from marketfit.task import StaticShape, StaticTrainer, Study

_STUDY = Study(epochs=4.0, learning_rate=1e-3, batch_size=64, hidden=0.0, dropout=0.3)
_FLATTENING = 0.2  # of the progress
# For the estimate of seconds only, by thought and not by measurement: a plan corrects it by what a training took.
_WORDS, _SHORT = 30_000, 1.0 / 3.0  # tokens of a vocabulary; to read one, or a pair, in units of a training row
_LOOKUP = 2e-4  # seconds of an epoch for each row


class Static:
    """The static version of a model, trained. Options: `dimensions`, `pairs`, and those of `Study`."""

    stage: Stage = "model"
    role: Role = "replace"
    trains = True

    def applies(self, artefact: Artefact, context: Context) -> str:
        """It needs a model that is not static yet, of a task that has static models."""
        if not isinstance(context.trainer, StaticTrainer):
            return "models of this task have no static version"
        if context.trainer.is_static(artefact.folder):
            return "the model is static"
        return ""

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        """The shape as it was chosen."""
        return () if self.applies(artefact, context) else ({},)

    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:
        """The model reads all rows, tokens and pairs once; to learn from rows then is nearly free."""
        shape, study = _read(options)
        rows = len(context.inputs) + len(context.unlabelled)
        reading = seconds_per_row(artefact.folder, context)
        return (rows + _SHORT * (_WORDS + shape.pairs)) * reading + study.epochs * rows * _LOOKUP

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Distil vectors, then train; see the module's docstring."""
        shape, study = _read(options)
        if not isinstance(context.trainer, StaticTrainer):
            raise TypeError("applied where it does not apply")
        with tempfile.TemporaryDirectory() as scratch:
            flat = Path(scratch) / "static"
            context.trainer.static(
                artefact.folder, context.train, flat, unlabelled=context.unlabelled, shape=shape, seed=context.seed,
                progress=lambda done: context.progress(_FLATTENING * done),
            )  # fmt: skip
            context.trainer.distil(
                flat, context.teacher, context.train, context.into, unlabelled=context.unlabelled, study=study,
                seed=context.seed, progress=lambda done: context.progress(_FLATTENING + (1 - _FLATTENING) * done),
            )  # fmt: skip
        return Artefact("model", context.into)


def _read(options: Options) -> tuple[StaticShape, Study]:
    shapes = {item.name: getattr(StaticShape(), item.name) for item in fields(StaticShape)}
    refuse_unknown("static", options, (*shapes, *(item.name for item in fields(Study))))
    problems = [
        Problem(f"pass static: {name}", f"{options[name]!r}", "a whole number from 1 (pairs: 0) up", "change it")
        for name in shapes
        if name in options and (type(options[name]) is not int or int(str(options[name])) < (name != "pairs"))
    ]
    if problems:
        raise BriefError(problems)
    wanted = {name: int(str(options.get(name, default))) for name, default in shapes.items()}
    rest = {name: value for name, value in options.items() if name not in shapes}
    return StaticShape(**wanted), study_of("static", rest, _STUDY)
