"""From a finalist to unsealed bundles: exported, then each prefix of the passes that apply.

Order of passes: those on models come before export, those on graphs after it; within a stage the built-in ones in the
order of `ORDER`, then others by name. Variants are the prefixes of that sequence, a pass that does not apply being left
out: for an encoder nothing, int8, int8 and int8-embeddings; for a static model nothing, int8-embeddings. The passes of
`ON_REQUEST` make none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from marketfit import registry
from marketfit.compress.material import Material
from marketfit.compress.passes import Artefact, Context, Pass, Stage
from marketfit.engine import Run
from marketfit.errors import InputError, RunError
from marketfit.records import Folder, Recipe, Trial
from marketfit.task import Trainer, unreported

ORDER = (
    "layer-drop", "width-prune", "distil", "static", "vocabulary-trim", "standard-operators", "static-int8", "int8",
    "int8-embeddings", "half",
)  # fmt: skip

ON_REQUEST = (
    "layer-drop", "width-prune", "distil", "static", "vocabulary-trim", "standard-operators", "static-int8", "half",
)  # fmt: skip
"""Passes that make no variants unasked: they train for minutes, give a start for distillation, cost a tenth of a point
(vocabulary-trim), are a start for another engine (standard-operators), or take the place of one that does better on
most processors (static-int8, half). Which of them a contract is worth is for a plan to find, that does not exist yet.
"""


@dataclass(frozen=True)
class Built:
    """An unsealed bundle in the workspace, or why there is none."""

    name: str
    trial: Trial
    passes: tuple[str, ...]
    bundle: Folder
    failure: str


@dataclass(frozen=True)
class Named:
    """A registered pass with its name."""

    name: str
    works: Pass


def registered_passes() -> tuple[Named, ...]:
    """All registered passes but those on request, in the order in which they are applied."""
    names = [name for name in registry.names("passes") if name not in ON_REQUEST]
    found = [Named(name, cast("type[Pass]", registry.load("passes", name))()) for name in names]
    return tuple(sorted(found, key=lambda item: (item.works.stage != "model", _place(item.name), item.name)))


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes all variants of a finalist, one after the other."""

    product: str
    trainer: Trainer
    passes: tuple[Named, ...]
    material: Material
    run: Run

    def variants(self, trial: Trial) -> Iterator[Built]:
        """Every prefix of the passes that apply; a failure ends the sequence and is told."""
        if trial.model is None:
            raise RunError(f"trial {trial.number} is a finalist but has no model")
        with self.run.workspace.scratch() as scratch:
            model = Artefact("model", self.run.workspace.open_folder(trial.model))
            applied: tuple[str, ...] = ()
            yield from self._graphs(trial, model, applied, scratch / "0")
            for number, item in enumerate(self._of_stage("model"), start=1):
                context = self._context(item, scratch / f"{number}-model", trial)
                if item.works.applies(model, context):
                    continue
                applied = (*applied, item.name)
                made = self._try(trial, applied, partial(self._apply, item, model, context, trial))
                if isinstance(made, Built):
                    yield made
                    return
                model = made
                yield from self._graphs(trial, model, applied, scratch / str(number))

    def _graphs(self, trial: Trial, model: Artefact, applied: tuple[str, ...], scratch: Path) -> Iterator[Built]:
        """The exported model, and after each pass on graphs."""
        scratch.mkdir()
        made = self._try(trial, applied, partial(self._export, trial, model, scratch / "export", applied))
        if isinstance(made, Built):
            yield made
            return
        yield self._kept(trial, applied, made)
        for item in self._of_stage("graph"):
            context = self._context(item, scratch / item.name, trial)
            if item.works.applies(made, context):
                continue
            applied = (*applied, item.name)
            step = self._try(trial, applied, partial(self._apply, item, made, context, trial))
            if isinstance(step, Built):
                yield step
                return
            made = step
            yield self._kept(trial, applied, made)

    def _of_stage(self, stage: Stage) -> list[Named]:
        return [item for item in self.passes if item.works.stage == stage]

    def _kept(self, trial: Trial, applied: tuple[str, ...], artefact: Artefact) -> Built:
        bundle = self.run.workspace.put_folder(artefact.folder)
        return Built(variant_name(trial, applied), trial, applied, bundle, "")

    def _try(self, trial: Trial, applied: tuple[str, ...], work: Callable[[], Artefact]) -> Artefact | Built:
        try:
            return work()
        except InputError:
            raise
        except Exception as error:  # one variant less: it stays in the record with its reason
            text = " ".join(f"{type(error).__name__}: {error}".split())
            return Built(variant_name(trial, applied), trial, applied, Folder(files={}), text)

    def _export(self, trial: Trial, model: Artefact, into: Path, applied: tuple[str, ...]) -> Artefact:
        self.trainer.export(model.folder, into, product=self.product, lineage=(*lineage(trial), *applied))
        return Artefact("graph", into)

    def _context(self, item: Named, into: Path, trial: Trial) -> Context:
        if trial.model is None:
            raise RunError(f"trial {trial.number} is a finalist but has no model")
        train = self.material.train
        return Context(
            into=into,
            inputs=train.inputs,
            targets=train.targets,
            labels=train.labels,
            unlabelled=self.material.unlabelled,
            trainer=self.trainer,
            teacher=self.run.workspace.open_folder(trial.model),
            seed=self.run.seed_for("compress", item.name, trial.number),
            progress=unreported,
        )

    def _apply(self, item: Named, artefact: Artefact, context: Context, trial: Trial) -> Artefact:
        with self.run.reporter.task(f"{item.name} on {trial.backbone.name}") as progress:
            return item.works.apply(artefact, {}, replace(context, progress=progress))


def variant_name(trial: Trial, passes: Sequence[str]) -> str:
    """Readable, unique within a run, and safe as a folder's name."""
    backbone = re.sub(r"[^A-Za-z0-9_-]+", "-", trial.backbone.name).strip("-")
    return ".".join((backbone, f"t{trial.number}", *(passes or ("fp32",))))


def lineage(trial: Trial) -> tuple[str, ...]:
    """Where a model comes from, in words."""
    backbone = trial.backbone
    return (f"backbone {backbone.name}, weights {backbone.weights_sha256[:16]}", _words(trial.recipe))


def _words(recipe: Recipe) -> str:
    if recipe.method == "probe":
        text = f"probe: logistic regression on frozen features, C = {recipe.regularisation:g}"
    else:
        kind = "full fine-tuning" if recipe.method == "full" else f"LoRA of rank {recipe.rank}"
        text = (
            f"{kind}: learning rate {recipe.learning_rate:g}, {recipe.epochs:g} epochs, batches of {recipe.batch_size}"
        )
    return text + "".join(f", {term.name} term {term.weight:g}" for term in recipe.terms)
