"""One trial: fit, score the valid rows, tell the trackers. It may run in another process, or on another machine."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketfit.engine import Tracking
from marketfit.errors import InputError, Problem, RunError
from marketfit.measure.quality import Scored, measure_quality
from marketfit.records.base import Blob, Folder
from marketfit.records.models import FitSummary, Trial
from marketfit.task import FloatMatrix, Follow, IntVector, Progress, Trainer
from marketfit.tune.material import Material
from marketfit.workspace import Workspace

_FIT_SHARE = 0.9  # of the progress


@dataclass(frozen=True, eq=False)
class Order:
    """All that one trial takes, wherever it runs: rows come along, features and the model lie in the workspace."""

    trial: Trial  # as planned: failed until it has run
    material: Material
    features: Blob
    trainer: Trainer
    base: Path
    workspace: Path
    tracking: Tracking


@dataclass(frozen=True)
class Ran:
    """What became of it, and the seconds that it took."""

    trial: Trial
    seconds: float


def run_trial(order: Order, progress: Progress) -> Ran:
    """Run a trial. A failure is a result with its reason; nothing is written but blobs and what trackers keep.

    Raises:
        InputError: the brief or this machine is wrong: no other trial would do better.
    """
    workspace = _shared(order.workspace)
    with order.tracking.recording(f"trial-{order.trial.number:03d}", _parameters(order.trial)) as recording:
        began = time.monotonic()
        try:
            trial = _fitted(order, workspace, progress, recording.follow)
        except InputError:
            raise
        except Exception as error:  # whatever a training may throw is this trial's result
            trial = order.trial.model_copy(update={"reason": reason_of(error)})
        seconds = time.monotonic() - began
        if trial.status == "complete":
            recording.complete(_figures(trial, seconds))
    return Ran(trial.model_copy(update={"notes": tuple(recording.notes)}), seconds)


def _shared(root: Path) -> Workspace:
    if not (root / "blobs").is_dir():
        found = f"the machine {socket.gethostname()}, which shall run a trial, does not see this workspace"
        allowed = "a folder on storage that all machines of the cluster share"
        raise InputError([Problem(str(root), found, allowed, "name one with --workspace")])
    return Workspace(root)


def _fitted(order: Order, workspace: Workspace, progress: Progress, follow: Follow) -> Trial:
    trial, valid = order.trial, order.material.valid
    train = dataclasses.replace(order.material.train, features=workspace.array(order.features))
    with workspace.scratch() as scratch:
        folder = scratch / "model"
        fit = order.trainer.fit(
            trial.backbone, trial.recipe, train, folder, base=order.base, seed=trial.seed,
            progress=lambda done: progress(_FIT_SHARE * done), follow=follow,
        )  # fmt: skip
        logits = order.trainer.scores(
            folder, valid.inputs, progress=lambda done: progress(_FIT_SHARE + (1.0 - _FIT_SHARE) * done)
        )
        probabilities = softmax(logits)
        quality = _quality(probabilities, valid.targets)
        model: Folder = workspace.put_folder(folder)
        blob = workspace.put_array(probabilities)
    return _complete(trial, model, blob, quality, fit)


def _complete(trial: Trial, model: Folder, blob: Blob, quality: dict[str, float], fit: FitSummary) -> Trial:
    return trial.model_copy(update={"status": "complete", "model": model, "probabilities": blob, "fit": fit, **quality})


def _quality(probabilities: FloatMatrix, targets: IntVector) -> dict[str, float]:
    found = measure_quality(
        ("accuracy", "macro_f1", "log_loss"), Scored.of(probabilities, targets).probabilities, targets
    )
    return {measurement.metric: measurement.value for measurement in found}


def _parameters(trial: Trial) -> Mapping[str, str | int | float]:
    """The recipe, flat, for trackers."""
    recipe = trial.recipe
    plain: dict[str, str | int | float] = recipe.model_dump(exclude={"terms"})
    weights = {f"term.{term.name}": term.weight for term in recipe.terms}
    return {"backbone": trial.backbone.name, "seed": trial.seed, **plain, **weights}


def _figures(trial: Trial, seconds: float) -> Mapping[str, float]:
    """What came out, for trackers."""
    quality = {"accuracy": trial.accuracy, "macro_f1": trial.macro_f1, "log_loss": trial.log_loss}
    return {f"valid/{name}": value for name, value in quality.items() if value is not None} | {"seconds": seconds}


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
