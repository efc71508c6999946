"""Who answered which task, and how much each person and each task counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, label
from marketfit.demand.choices.data import ChoiceData


@dataclass(frozen=True, eq=False)
class Respondents:
    """The people of choice data.

    labels: as text. of_task: (tasks,) place of each task's respondent. weights: (respondents,) how many people each
    stands for. task_weights: (tasks,) 1 on average within a respondent.
    """

    labels: tuple[str, ...]
    of_task: IntArray
    weights: FloatArray
    task_weights: FloatArray

    @classmethod
    def of(cls, data: ChoiceData) -> Respondents:
        """The people of data that say who chose. All weights together are Kish's effective sample size."""
        respondent = np.zeros(data.tasks, dtype=np.int64) if data.respondent is None else data.respondent
        codes, of_task, counts = np.unique(respondent, return_inverse=True, return_counts=True)
        own = np.bincount(of_task, weights=data.weights) / counts
        # A respondent of weight 0 is nobody's stand-in, but their answers still say what they want themselves.
        within = np.where(own[of_task] > 0, data.weights / np.where(own > 0, own, 1.0)[of_task], 1.0)
        alike = bool((own == own[0]).all())  # exactly one each then, and not but for rounding
        effective = np.ones(own.size) if alike else own * (own.sum() / (own**2).sum())
        names = data.respondent_labels
        labels = () if names is None else tuple(label(value) for value in names[codes].tolist())
        return cls(labels, of_task.astype(np.int64), effective, within)
