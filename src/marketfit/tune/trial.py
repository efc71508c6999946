"""One trial: fit, score the valid rows, record. A failure is a recorded result with its reason."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketfit.engine import Run
from marketfit.errors import InputError, RunError
from marketfit.ledger import TrialRow
from marketfit.measure.quality import Scored, measure_quality
from marketfit.records import Backbone, Blob, Dataset, FitSummary, Folder, Recipe, Trial
from marketfit.task import FloatMatrix, IntVector, Trainer
from marketfit.tune.defaults import TITLES
from marketfit.tune.material import Material, with_features

_FIT_SHARE = 0.9  # of the progress bar


@dataclass(frozen=True, eq=False)
class Bench:
    """What all trials of a study share."""

    study: str
    dataset: Dataset
    material: Material
    trainer: Trainer
    base: Path
    run: Run

    def recorded(self) -> dict[int, tuple[Trial, float]]:
        """The finished trials of this study with their seconds, by number."""
        rows = self.run.ledger.trials(self.study)
        return {row.number: (Trial.model_validate_json(row.record), row.seconds) for row in rows}

    def attempt(self, number: int, backbone: Backbone, recipe: Recipe, *, failed: str = "") -> tuple[Trial, float]:
        """Run a trial and record it: complete, or failed with its reason; `failed`: it failed before it began."""
        seed = self.run.seed_for("tune", "trial", number)
        title = f"trial {number}: {TITLES[recipe.method]} of {backbone.name}"
        trial = Trial(
            number=number, backbone=backbone, recipe=recipe, status="failed", reason=failed, seed=seed, model=None,
            probabilities=None, accuracy=None, macro_f1=None, log_loss=None, fit=None,
        )  # fmt: skip
        began = time.monotonic()
        done = trial if failed else self._outcome(trial, title)
        seconds = time.monotonic() - began
        row = TrialRow(number=done.number, status=done.status, record=done.model_dump_json(), seconds=seconds)
        self.run.ledger.put_trial(self.study, row, run=self.run.id)
        return done, seconds

    def _outcome(self, trial: Trial, title: str) -> Trial:
        try:
            return self._fitted(trial, title)
        except InputError:
            raise  # the brief or the environment is wrong: no other trial would do better
        except Exception as error:  # whatever a training may throw is this trial's result
            reason = reason_of(error)
            self.run.reporter.say(f"  {title} failed: {reason}")
            return trial.model_copy(update={"reason": reason})

    def _fitted(self, trial: Trial, title: str) -> Trial:
        run = self.run
        train = with_features(self.material.train, trial.backbone, self.dataset, self.trainer, base=self.base, run=run)
        with run.workspace.scratch() as scratch, run.reporter.task(title) as progress:
            folder = scratch / "model"
            fit = self.trainer.fit(
                trial.backbone, trial.recipe, train, folder, base=self.base, seed=trial.seed,
                progress=lambda done: progress(_FIT_SHARE * done),
            )  # fmt: skip
            logits = self.trainer.scores(
                folder,
                self.material.valid.inputs,
                progress=lambda done: progress(_FIT_SHARE + (1.0 - _FIT_SHARE) * done),
            )
            probabilities = softmax(logits)
            quality = _quality(probabilities, self.material.valid.targets)
            model: Folder = run.workspace.put_folder(folder)
            blob = run.workspace.put_array(probabilities)
        return _complete(trial, model, blob, quality, fit)


def _complete(trial: Trial, model: Folder, blob: Blob, quality: dict[str, float], fit: FitSummary) -> Trial:
    return trial.model_copy(update={"status": "complete", "model": model, "probabilities": blob, "fit": fit, **quality})


def _quality(probabilities: FloatMatrix, targets: IntVector) -> dict[str, float]:
    found = measure_quality(
        ("accuracy", "macro_f1", "log_loss"), Scored.of(probabilities, targets).probabilities, targets
    )
    return {measurement.metric: measurement.value for measurement in found}


def softmax(logits: FloatMatrix) -> FloatMatrix:
    """Rows of probabilities.

    Raises:
        RunError: a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise RunError("the trained model gives logits that are not finite")
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    probabilities: FloatMatrix = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def reason_of(error: Exception) -> str:
    """An exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
