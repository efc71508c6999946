"""From a finalist to unsealed bundles: passes on the model, export, passes on the graph; every beginning made once.

What each beginning of a sequence came to is a fact of the ledger, and its folder lies in the workspace: sequences that
begin alike share it, and a kill between a training and its measurement costs nothing.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from marketfit.compress.material import Material
from marketfit.compress.order import Choice, Named, PassStep, Steps
from marketfit.compress.passes import Artefact, Context, Stage
from marketfit.engine import Run
from marketfit.errors import InputError, RunError
from marketfit.records.base import Folder, Record, digest_of
from marketfit.records.models import Recipe, Trial
from marketfit.task import Trainer, unreported

VERSION = 3
"""Raise it when a pass or the export would give other bytes for the same input."""


@dataclass(frozen=True)
class Built:
    """An unsealed bundle in the workspace, or why there is none.

    `refused`: the beginning of the sequence whose last pass has nothing to do, if that is why. `costs`: seconds that
    each of its beginnings took when it was made, in the order of `beginnings`.
    """

    name: str
    trial: Trial
    steps: Steps
    bundle: Folder
    failure: str
    refused: Steps = ()
    costs: tuple[float, ...] = ()


class Piece(Record):
    """What a beginning of a sequence came to: a folder, or why not. `refused`: its last pass does not apply."""

    folder: Folder
    failure: str
    refused: bool
    seconds: float


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes variants of finalists."""

    product: str
    trainer: Trainer
    passes: Mapping[str, Named]
    material: Material
    shelf: str  # digest of all that a beginning depends on beside its trial and its steps
    run: Run
    teacher: Trial  # whose tuned model all students learn from

    def is_taught(self, trial: Trial) -> bool:
        """Whether a finalist's students learn from another finalist."""
        return trial.number != self.teacher.number

    def build(self, trial: Trial, steps: Steps) -> Built:
        """The bundle of a sequence; a failure of any of its passes is told.

        Raises:
            InputError: a package is missing, or a pass was given an option that it does not take.
        """
        costs: list[float] = []
        piece, applied = self._tuned(trial), Steps()
        for applied, stage in beginnings(steps, self.stage_of):
            piece = self._piece(trial, applied, stage, piece.folder)
            costs.append(piece.seconds)
            if piece.failure:
                break
        return Built(
            name=variant_name(trial, steps), trial=trial, steps=steps, bundle=piece.folder, failure=piece.failure,
            refused=applied if piece.refused else (), costs=tuple(costs),
        )  # fmt: skip

    def menu(self, trial: Trial) -> list[Choice]:
        """Every pass with its settings worth trying on a finalist that was exported already, in their order."""
        found = []
        for item in self.passes.values():
            with self._asked(trial, item) as (artefact, context):
                options = item.works.choices(artefact, context)
            found += [Choice(item, PassStep(name=item.name, options=each)) for each in options]
        return found

    def estimate(self, trial: Trial, step: PassStep) -> float | str:
        """Estimated seconds of a pass that trains, or why there is no estimate; asked for once, and written down."""
        item = self.passes[step.name]
        key = f"{self._key(trial, (step,), item.works.stage)}/seconds"
        known = self.run.ledger.fact(key)
        if known is None:
            with self._asked(trial, item) as (artefact, context):
                known = self.run.ledger.decide_once(key, _estimate(item, artefact, step, context))
        if isinstance(known, str):
            return known
        if not isinstance(known, int | float):
            raise RunError(f"the ledger's fact {key} is {known!r}, which is no number of seconds")
        return float(known)

    def known_refusal(self, trial: Trial, steps: Steps) -> str:
        """Why the last pass of a sequence does not apply, if that is on record."""
        known = self.run.ledger.fact(self._key(trial, steps, self.stage_of(steps[-1])))
        piece = Piece.model_validate(known) if known is not None else None
        return piece.failure if piece is not None and piece.refused else ""

    def stage_of(self, step: PassStep) -> Stage:
        """Where a pass works."""
        return self.passes[step.name].works.stage

    @cached_property
    def rewrites(self) -> frozenset[str]:
        """Names of the passes that work on graphs."""
        return frozenset(name for name, item in self.passes.items() if item.works.stage == "graph")

    def _key(self, trial: Trial, steps: Steps, stage: Stage) -> str:
        """The ledger's key of a beginning; `stage` tells the model from its export."""
        labels = [step.label for step in steps]
        taught = [self.teacher.digest()] if self._learns(trial, steps) else []
        return f"piece/{digest_of([self.shelf, trial.digest(), stage, [*labels], *taught])}"

    def _learns(self, trial: Trial, steps: Steps) -> bool:
        """Whether anything of another finalist is in what these steps make."""
        return self.is_taught(trial) and any(self.passes[step.name].works.trains for step in steps)

    @contextlib.contextmanager
    def _asked(self, trial: Trial, item: Named) -> Iterator[tuple[Artefact, Context]]:
        """The finalist as a pass is asked about it: the model, or its plain export."""
        stage = item.works.stage
        piece = self._tuned(trial)
        if stage == "graph":
            piece = self._piece(trial, (), stage, piece.folder)
        with self.run.workspace.scratch() as scratch:
            yield (
                Artefact(stage, self.run.workspace.open_folder(piece.folder)),
                self._context(item, scratch / "unused", trial),
            )

    def _context(self, item: Named, into: Path, trial: Trial) -> Context:
        """What a pass may use."""
        train = self.material.train
        return Context(
            into=into,
            inputs=train.inputs,
            targets=train.targets,
            labels=train.labels,
            unlabelled=self.material.unlabelled,
            trainer=self.trainer,
            teacher=self.run.workspace.open_folder(self._tuned(self.teacher).folder),
            seed=self.run.seed_for("compress", item.name, trial.number),
            progress=unreported,
        )

    def _tuned(self, trial: Trial) -> Piece:
        if trial.model is None:
            raise RunError(f"trial {trial.number} is a finalist but has no model")
        return Piece(folder=trial.model, failure="", refused=False, seconds=0.0)

    def _piece(self, trial: Trial, steps: Steps, stage: Stage, before: Folder) -> Piece:
        """From the ledger, else made of the piece before it, and written down."""
        key = self._key(trial, steps, stage)
        known = self.run.ledger.fact(key)
        if known is None:
            made = self._made(trial, steps, stage, before)
            known = self.run.ledger.decide_once(key, made.model_dump(mode="json"))
        return Piece.model_validate(known)

    def _made(self, trial: Trial, steps: Steps, stage: Stage, before: Folder) -> Piece:
        began = time.monotonic()
        folder, failure, refused = Folder(files={}), "", False
        with self.run.workspace.scratch() as scratch:
            source, into = self.run.workspace.open_folder(before), scratch / "made"
            exports = not steps or self.stage_of(steps[-1]) != stage
            try:
                if exports:
                    self._export(trial, source, into, steps)
                else:
                    failure = self._apply(trial, steps[-1], Artefact(stage, source), into)
                    refused = bool(failure)
                folder = folder if failure else self.run.workspace.put_folder(into)
            except InputError:
                raise
            except Exception as error:  # one variant less: it stays in the record with its reason
                failure = " ".join(f"{type(error).__name__}: {error}".split())
        return Piece(folder=folder, failure=failure, refused=refused, seconds=time.monotonic() - began)

    def _export(self, trial: Trial, model: Path, into: Path, steps: Steps) -> None:
        taught = [f"teacher {line}" for line in lineage(self.teacher)] if self._learns(trial, steps) else []
        told = (*lineage(trial), *taught, *(step.label for step in steps))
        self.trainer.export(model, into, product=self.product, lineage=told)

    def _apply(self, trial: Trial, step: PassStep, artefact: Artefact, into: Path) -> str:
        """Why the pass has nothing to do, or an empty string once it has done it."""
        item = self.passes[step.name]
        context = self._context(item, into, trial)
        reason = item.works.applies(artefact, context)
        if reason:
            return f"{step.name} does not apply: {reason}"
        with self.run.reporter.task(f"{step.label} on {trial.backbone.name}") as progress:
            item.works.apply(artefact, step.options, replace(context, progress=progress))
        return ""


def _estimate(item: Named, artefact: Artefact, step: PassStep, context: Context) -> float | str:
    try:
        found = float(item.works.seconds(artefact, step.options, context))
    except InputError:
        raise
    except Exception as error:  # a sequence that nobody knows the cost of is not made, and this is why
        return " ".join(f"{type(error).__name__}: {error}".split())
    return found if math.isfinite(found) and found >= 0 else f"it was estimated at {found} seconds"


def best_teacher(finalists: Collection[Trial], *, rows: int) -> Trial:
    """The finalist of the smallest loss among those that are right as often as the best one, by the accuracy of so many
    valid rows: up to one standard error less (Breiman et al. 1984). Of equal ones the more accurate, then the first.

    A student learns probabilities, which the loss is about; a few rows decide which of two good models is right more
    often. A small model learns more from a better one than from itself before it was cut: three tuned layers of MiniLM
    are 0.29 points below six on CLINC150, and 0.29 above them when they have learnt from the six (n = 4,500).
    """
    best = max(trial.accuracy or 0.0 for trial in finalists)
    least = best - math.sqrt(best * (1.0 - best) / rows)
    near = [trial for trial in finalists if (trial.accuracy or 0.0) >= least]
    loss = {trial.number: math.inf if trial.log_loss is None else trial.log_loss for trial in near}
    return min(near, key=lambda trial: (loss[trial.number], -(trial.accuracy or 0.0), trial.number))


def beginnings(steps: Steps, stage_of: Callable[[PassStep], Stage]) -> list[tuple[Steps, Stage]]:
    """All that is made on the way to a variant, in order: models, their export, graphs.

    >>> drop, int8 = PassStep(name="drop"), PassStep(name="int8")
    >>> stages = {"drop": "model", "int8": "graph"}
    >>> found = beginnings((drop, int8), lambda step: stages[step.name])
    >>> [([step.name for step in made], stage) for made, stage in found]
    [(['drop'], 'model'), (['drop'], 'graph'), (['drop', 'int8'], 'graph')]
    """
    count = sum(stage_of(step) == "model" for step in steps)
    models: list[tuple[Steps, Stage]] = [(steps[:place], "model") for place in range(1, count + 1)]
    return models + [(steps[:place], "graph") for place in range(count, len(steps) + 1)]


def variant_name(trial: Trial, steps: Sequence[PassStep]) -> str:
    """Readable, unique within a run, and safe as a folder's name."""
    labels = [step.label for step in steps] or ["fp32"]
    backbone, *passes = (re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in (trial.backbone.name, *labels))
    return ".".join((backbone, f"t{trial.number}", *passes))


def lineage(trial: Trial) -> tuple[str, ...]:
    """Where a model comes from, in words."""
    backbone = trial.backbone
    return (f"backbone {backbone.name}, weights {backbone.weights_sha256[:16]}", _words(trial.recipe))


def _words(recipe: Recipe) -> str:
    if recipe.method == "adopted":
        return "taken over as it was: trained elsewhere"
    if recipe.method == "probe":
        text = f"probe: logistic regression on frozen features, C = {recipe.regularisation:g}"
    else:
        kind = "full fine-tuning" if recipe.method == "full" else f"LoRA of rank {recipe.rank}"
        text = (
            f"{kind}: learning rate {recipe.learning_rate:g}, {recipe.epochs:g} epochs, batches of {recipe.batch_size}"
        )
    return text + "".join(f", {term.name} term {term.weight:g}" for term in recipe.terms)
