"""The surgeon of text models. torch is imported inside the methods only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marketfit.task import Anatomy, Importance, Kept, Labelled, Progress


class TextSurgeon:
    """Cuts layers, attention heads and feed-forward neurons of BERT-shaped encoders. See `marketfit.task.Surgeon`."""

    def anatomy(self, model: Path) -> Anatomy:
        """What can be cut of a model folder, or why nothing can."""
        from marketfit.tasks.text_classification.surgery import anatomy

        return anatomy(model)

    def losses(
        self, model: Path, rows: Labelled, without: Sequence[Sequence[int]], *, progress: Progress
    ) -> tuple[float, ...]:
        """Mean log-loss of the model without each of these sets of layers, with the head that it has."""
        from marketfit.tasks.text_classification.importance import losses

        return losses(model, rows, without, progress=progress)

    def importance(self, model: Path, rows: Labelled, *, progress: Progress) -> Importance:
        """First-order scores of heads and neurons (Michel et al. 2019, Molchanov et al. 2017)."""
        from marketfit.tasks.text_classification.importance import importance

        return importance(model, rows, progress=progress)

    def cut(self, model: Path, kept: Kept, into: Path) -> None:
        """Write the smaller model folder.

        Raises:
            ValueError: what is to stay is not in the model, or layers would be left with different widths.
        """
        from marketfit.tasks.text_classification.surgery import cut

        cut(model, kept, into)
