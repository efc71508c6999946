"""What a finalist is said to beat is what ranked it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from marketfit.engine import Run
from marketfit.records.models import Recipe, Trial
from marketfit.task import IntVector
from marketfit.testing.fakes import backbone
from marketfit.tune.ranking import RankBy, comparisons

TRUTH = np.repeat([0, 1, 2], [940, 30, 30])


def made(number: int, predicted: IntVector, run: Run) -> Trial:
    probabilities = (0.05 + 0.85 * np.eye(3)[predicted]).astype(np.float32)
    return Trial(
        number=number, backbone=backbone("one"), recipe=Recipe(method="full", learning_rate=1e-4, epochs=number + 1),
        status="complete", reason="", seed=0, model=None, probabilities=run.workspace.put_array(probabilities),
        accuracy=float((predicted == TRUTH).mean()), macro_f1=float(f1_score(TRUTH, predicted, average="macro")),
        log_loss=0.5, fit=None,
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
def test_beats_is_said_of_what_ranks(run: Run, metric: RankBy) -> None:
    """One trial forgets the rare classes and is right more often; the other has the better macro-F1."""
    hit = np.arange(1000) % 14 != 0
    forgets = made(0, np.zeros(1000, dtype=np.int64), run)
    finds = made(1, np.where(hit | (TRUTH > 0), TRUTH, 1).astype(np.int64), run)
    first, said = (1, "macro-F1") if metric == "macro_f1" else (0, "accuracy")
    (line,) = comparisons([forgets, finds], metric, TRUTH, run=run)
    assert line.startswith(f"Trial {first}, ")
    assert f"{said} +" in line
    assert (" beats " in line) == (metric == "macro_f1")
