"""What a tracker is told, and where it may write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from marketfit.brief import TrackingSpec
from marketfit.task import TrainingStep

Value = str | int | float | bool


@dataclass(frozen=True)
class Subject:
    """What is followed: one trial, or what a run came to. `name` is `PRODUCT/trial-007` or `PRODUCT/outcome`.

    `folder` is that of the run, `workspace` the one that all runs share.
    """

    product: str
    name: str
    run: str
    folder: Path
    workspace: Path
    spec: TrackingSpec
    parameters: Mapping[str, Value]


class Tracker(Protocol):
    """One subject in one tracker. A member is made where the subject begins; whatever it raises is noted."""

    def step(self, step: TrainingStep) -> None:
        """Note an optimiser step."""
        ...

    def finish(self, metrics: Mapping[str, float], *, failed: bool) -> None:
        """Note the last figures and close."""
        ...


def curves(step: TrainingStep) -> dict[str, float]:
    """The figures of a step by the names that they have in every tracker."""
    return {"train/loss": step.loss, "train/learning_rate": step.learning_rate, "train/epoch": step.epoch}
