"""Which trackers a run has, and the guard that keeps what they do from touching the run."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from marketfit.brief import TrackingSpec
from marketfit.engine.tracking.tracker import Subject, Tracker, Value
from marketfit.errors import MissingExtraError
from marketfit.registry import is_installed
from marketfit.task import TrainingStep

_MEMBERS: Mapping[str, tuple[str, str]] = {
    "mlflow": ("marketfit.engine.tracking.to_mlflow", "MLflow"),
    "tensorboard": ("marketfit.engine.tracking.to_tensorboard", "TensorBoard"),
    "wandb": ("marketfit.engine.tracking.to_wandb", "Wandb"),
}


@dataclass(frozen=True)
class Tracking:
    """Where the trials and the outcome of one run can be followed. Small and frozen: a trial takes it along."""

    spec: TrackingSpec
    product: str
    run: str
    workspace: Path

    @contextlib.contextmanager
    def recording(self, what: str, parameters: Mapping[str, Value]) -> Iterator[Recording]:
        """Follow one subject, `trial-007` say, in every tracker until the block ends.

        A tracker that fails is noted in the recording and left out of the rest of it: it never raises here.
        """
        subject = Subject(
            product=self.product,
            name=f"{self.product}/{what}",
            run=self.run,
            folder=self.workspace / "runs" / self.run,
            workspace=self.workspace,
            spec=self.spec,
            parameters=parameters,
        )
        recording = Recording(subject)
        try:
            yield recording
        finally:
            recording.close()


def require(spec: TrackingSpec) -> None:
    """Refuse trackers whose packages are not installed, all at once.

    Raises:
        MissingExtraError: with the line that installs them.
    """
    missing = sorted(name for name in spec.to if not is_installed(name))
    if missing:
        raise MissingExtraError(",".join(missing), ", ".join(missing))


class Recording:
    """One subject in every tracker. `notes` says which of them failed, and how."""

    def __init__(self, subject: Subject) -> None:
        self.notes: list[str] = []
        self._metrics: dict[str, float] = {}
        self._failed = True  # until it is said to be complete
        self._open: dict[str, Tracker] = {}
        for name in subject.spec.to:
            with self._guard(name):
                self._open[name] = _member(name)(subject)

    def follow(self, step: TrainingStep) -> None:
        """Tell an optimiser step."""
        for name, tracker in list(self._open.items()):
            with self._guard(name):
                tracker.step(step)

    def complete(self, metrics: Mapping[str, float]) -> None:
        """Say that the subject came to an end, with its last figures; one that is not finite is left out."""
        self._metrics = {name: value for name, value in metrics.items() if math.isfinite(value)}
        self._failed = False

    def close(self) -> None:
        """Write the last figures and close every tracker."""
        for name, tracker in list(self._open.items()):
            with self._guard(name):
                tracker.finish(self._metrics, failed=self._failed)
        self._open.clear()

    @contextlib.contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a tracker is no reason to stop a training
            self._open.pop(name, None)
            words = " ".join(str(error).split())[:300]
            self.notes.append(f"{name} stopped following: {type(error).__name__}: {words}".rstrip(": "))


def _member(name: str) -> Callable[[Subject], Tracker]:
    module, kind = _MEMBERS[name]
    return cast("Callable[[Subject], Tracker]", getattr(importlib.import_module(module), kind))
