"""The heavy half of text classification. torch and transformers are imported inside the methods only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marketfit.records.models import Backbone, FitSummary, Recipe
from marketfit.task import (
    Example,
    FloatMatrix,
    Follow,
    Labelled,
    Progress,
    StaticShape,
    Study,
    unfollowed,
)


class TextTrainer:
    """Adapts encoders and static models to text classification. See `marketfit.task.Trainer`.

    Names of backbones: `minilm` (all of the built-in model's kinds), `minilm-3` (its first three layers),
    `minilm-static`; a local folder or a hub id likewise, with `#LAYERS` or `#static` for one kind of it.
    """

    def backbones(self, name: str, *, base: Path) -> tuple[Backbone, ...]:
        """All backbones behind a name of the brief: the model, its first half, its static version.

        Raises:
            BriefError: there is no such model, it is no encoder, or it can't be cut so.
            MissingExtraError: the built-in model's package is not installed.
        """
        from marketfit.tasks.text_classification.kinds import backbones_of
        from marketfit.tasks.text_classification.sources import locate, parse

        wanted = parse(name)
        return backbones_of(locate(wanted.source, base=base), wanted)

    def embedder(self, backbone: Backbone, into: Path, *, base: Path) -> None:
        """Write the frozen backbone as a headless unsealed bundle: unit-length mean-pooled `embedding`.

        Raises:
            BriefError: the backbone's files are gone.
            RunError: they changed, or the graph disagrees with the model.
        """
        from marketfit.tasks.text_classification.export import write_embedder

        write_embedder(backbone, into, base=base)

    def fit(
        self,
        backbone: Backbone,
        recipe: Recipe,
        train: Labelled,
        into: Path,
        *,
        base: Path,
        seed: int,
        progress: Progress,
        follow: Follow = unfollowed,
    ) -> FitSummary:
        """Adapt a backbone and write the tuned model as a model folder.

        The same arguments give the same bytes on one machine with one number of threads.

        Raises:
            BriefError: the backbone does not take the recipe's method, or an option of a term is wrong.
            DataError: an input is no text, or a term has nothing to work on.
            RunError: the objective is not finite.
        """
        from marketfit.tasks.text_classification.fitting import fit

        return fit(backbone, recipe, train, into, base=base, seed=seed, progress=progress, follow=follow)

    def scores(self, model: Path, examples: Sequence[Example], *, progress: Progress) -> FloatMatrix:
        """Logits (n, classes) of a model folder, in float32."""
        from marketfit.tasks.text_classification.fitting import scores

        return scores(model, examples, progress=progress)

    def distil(
        self,
        student: Path,
        teacher: Path,
        train: Labelled,
        into: Path,
        *,
        unlabelled: Sequence[Example],
        study: Study,
        seed: int,
        progress: Progress,
    ) -> FitSummary:
        """Train a model folder on a teacher's answers, its layers where depth and width allow, and the labels.

        The same arguments give the same bytes on one machine with one number of threads.

        Raises:
            BriefError: student, teacher and rows have not the same labels, or there is nothing to read.
            DataError: an input is no text.
            RunError: the objective is not finite.
        """
        from marketfit.tasks.text_classification.distilling import distil

        return distil(
            student, teacher, train, into, unlabelled=unlabelled, study=study, seed=seed, progress=progress,
        )  # fmt: skip

    def static(
        self, model: Path, train: Labelled, into: Path, *, unlabelled: Sequence[Example], shape: StaticShape,
        seed: int, progress: Progress,
    ) -> None:  # fmt: skip
        """Write the static version of a model folder: a vector for each token and each frequent pair of neighbours.

        Raises:
            DataError: an input is no text.
        """
        from marketfit.tasks.text_classification.flatten import flatten

        flatten(model, train, into, unlabelled=unlabelled, shape=shape, seed=seed, progress=progress)

    def is_static(self, model: Path) -> bool:
        """Whether a model folder holds a static model."""
        from marketfit.tasks.text_classification.model import is_static

        return is_static(model)

    def adopt(self, source: Path, into: Path) -> tuple[str, ...]:
        """Write a Hugging Face sequence-classification folder as a model folder. See `marketfit.task.Adopter`.

        BERT-shaped models are taken apart into encoder and head, so that every pass can work on them; others are kept
        whole.

        Raises:
            InputError: it is no classifier of one label a text, lacks a file or a fast tokenizer, or transformers
                can't load it.
        """
        from marketfit.tasks.text_classification.adopting import adopt

        return adopt(source, into)

    def seconds_per_epoch(self, backbone: Backbone, recipe: Recipe, train: Labelled, *, base: Path) -> float:
        """Seconds of one epoch, from a few real optimiser steps; of a probe, the seconds of all of it."""
        from marketfit.tasks.text_classification.pace import seconds_per_epoch

        return seconds_per_epoch(backbone, recipe, train, base=base)

    def export(self, model: Path, into: Path, *, product: str, lineage: Sequence[str]) -> None:
        """Write a model folder as an unsealed bundle: one ONNX file with fused operators, tokenizer, spec.

        Raises:
            RunError: the graph's outputs are not those of the model.
        """
        from marketfit.tasks.text_classification.export import write_bundle

        write_bundle(model, into, product=product, lineage=lineage)
