"""Labels that look wrong: cleanlab on out-of-fold probabilities of frozen features. A report; nothing is removed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from marketfit.prepare.options import FEW_FOLDS, FOLDS, ITERATIONS, LARGE, MOST_CHECKED, STRENGTH
from marketfit.task import FloatMatrix, IntVector, Progress


@dataclass(frozen=True)
class LabelIssue:
    """A row whose label its neighbours contradict; `score` is the probability of its own label (self-confidence)."""

    row: int
    label: str
    suggested: str
    score: float


def find_label_issues(
    features: FloatMatrix,
    labels: Sequence[str],
    numbers: Sequence[int],
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> list[LabelIssue]:
    """Rows of train and valid with a suspicious label, the worst first (Northcutt, Jiang & Chuang 2021).

    Every row is judged by a logistic regression that has not seen it. Classes with one row can't be judged and are
    left out. Of more than `MOST_CHECKED` rows a random part is judged.
    """
    names, targets = np.unique(np.array(labels), return_inverse=True)
    large = min(len(targets), MOST_CHECKED) * len(names) > LARGE
    folds = fold_of(targets, FEW_FOLDS if large else FOLDS, rng=rng)
    judged = np.flatnonzero(folds >= 0)
    if len(judged) > MOST_CHECKED:
        judged = np.sort(rng.choice(judged, MOST_CHECKED, replace=False))
    present, local = np.unique(targets[judged], return_inverse=True)
    if len(present) < 2:
        return []
    probabilities = out_of_fold(features[judged], local, folds[judged], classes=len(present), progress=progress)

    from cleanlab.filter import find_label_issues as cleanlab_issues

    ranked = cleanlab_issues(local, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    issues: list[LabelIssue] = []
    for place in ranked.tolist():
        suggested = int(probabilities[place].argmax())
        row = int(judged[place])
        score = round(float(probabilities[place, local[place]]), 4)
        issues.append(LabelIssue(int(numbers[row]), labels[row], str(names[present[suggested]]), score))
    return issues


def fold_of(targets: IntVector, count: int, *, rng: np.random.Generator) -> IntVector:
    """A fold for every row, each class spread over all folds; −1 for the only row of its class.

    A class with fewer rows than folds fills fewer folds: some row of it is then in every training part.
    """
    folds = np.full(len(targets), -1, dtype=np.int64)
    for target in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == target))
        if len(rows) > 1:
            folds[rows] = (np.arange(len(rows)) + int(rng.integers(count))) % count
    return folds


def out_of_fold(
    features: FloatMatrix, targets: IntVector, folds: IntVector, *, classes: int, progress: Progress
) -> FloatMatrix:
    """Probabilities (n, classes) of each row, from a model trained on the other folds."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(targets), classes), dtype=np.float32)
    present = np.unique(folds)
    for done, fold in enumerate(present):
        inside, outside = folds == fold, folds != fold
        seen = np.unique(targets[outside])
        if len(seen) > 1:
            model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=1e-6)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose, see ITERATIONS
                model.fit(features[outside], targets[outside])
            probabilities[np.ix_(inside, model.classes_)] = model.predict_proba(features[inside])
        else:
            probabilities[inside, seen[0]] = 1.0
        progress((done + 1) / len(present))
    return probabilities


def issues_table(issues: Sequence[LabelIssue]) -> pa.Table:
    """The Parquet form (row, label, suggested, score), the worst first."""
    return pa.table(
        {
            "row": pa.array([issue.row for issue in issues], pa.int64()),
            "label": pa.array([issue.label for issue in issues], pa.string()),
            "suggested": pa.array([issue.suggested for issue in issues], pa.string()),
            "score": pa.array([issue.score for issue in issues], pa.float64()),
        }
    )
