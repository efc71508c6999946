"""Weights & Biases: a folder in that of the run, which `wandb sync` sends; at once where the brief says online."""

from __future__ import annotations

import os
from collections.abc import Mapping

from marketfit.engine.tracking.tracker import Subject, Tracker, curves
from marketfit.task import TrainingStep

_PATIENCE = 30  # seconds that a login may take; without a key it would ask on the terminal for ever


class Wandb(Tracker):
    """A run of the project named like the product, in a group for each run of ours."""

    def __init__(self, subject: Subject) -> None:
        mode = subject.spec.wandb_mode
        if mode == "offline":
            os.environ["WANDB_ERROR_REPORTING"] = "false"  # it would look up the host that it reports crashes to
        import wandb

        self._run = wandb.init(
            project=subject.product,
            name=subject.name,
            group=subject.run,
            dir=str(subject.folder),
            mode=mode,
            config=dict(subject.parameters),
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                login_timeout=_PATIENCE,
                silent=True,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )

    def step(self, step: TrainingStep) -> None:
        """Note an optimiser step."""
        self._run.log(curves(step), step=step.number)

    def finish(self, metrics: Mapping[str, float], *, failed: bool) -> None:
        """Note the last figures and close."""
        self._run.summary.update(dict(metrics))
        self._run.finish(exit_code=int(failed))
