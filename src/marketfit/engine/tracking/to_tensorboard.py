"""TensorBoard: event files in the folder of the run, `tensorboard --logdir WORKSPACE/runs` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from marketfit.engine.tracking.tracker import Subject, Tracker, curves
from marketfit.task import TrainingStep


class TensorBoard(Tracker):
    """Scalars of every step; parameters and last figures as TensorBoard's hyper-parameters."""

    def __init__(self, subject: Subject) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._subject = subject
        self._writer = SummaryWriter(str(subject.folder / "tensorboard" / subject.name))

    def step(self, step: TrainingStep) -> None:
        """Note an optimiser step."""
        for name, value in curves(step).items():
            self._writer.add_scalar(name, value, step.number)

    def finish(self, metrics: Mapping[str, float], *, failed: bool) -> None:
        """Note the last figures and close."""
        parameters = {**self._subject.parameters, "failed": failed}
        self._writer.add_hparams(parameters, dict(metrics), run_name=".")  # in the folder of its curves
        self._writer.close()
