"""Whether the maximum that a mixture was led to is one: finite, of classes that have people and differ."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.models.em import Run
from marketfit.demand.models.identification import DEPENDENT, SUSPICIOUS
from marketfit.demand.models.mixture import Bounds, bound_parameters, derivatives
from marketfit.demand.models.panel import Panel

FEWEST_PEOPLE = 1.0


def flaw_of(panel: Panel, run: Run, bounds: Bounds, columns: tuple[str, ...]) -> str | None:
    """What is wrong with the end of a run; None where nothing is. Columns are of unit scale.

    A class is empty when fewer than one person is expected in it. Coefficients run off when next to no choice of a
    class speaks against them: the information of the class has faded in some direction, to a millionth of what it is
    at zero. Classes are the same when the observed information of the mixture is singular.
    """
    mixture = run.mixture
    expected = mixture.shares * panel.weights.sum()
    if expected.min() < FEWEST_PEOPLE:
        return f"a class is empty ({expected.min():.2g} people are expected in it)"
    if not run.converged:
        return f"the search did not end in {len(run.path)} steps"
    held = bound_parameters(mixture, bounds)
    by_class = held[: mixture.coefficients.size].reshape(mixture.coefficients.shape)
    equal = panel.chances(np.zeros((1, len(columns)))).others[0]
    for index, others in enumerate(mixture.chances.others):
        weights = panel.weights * mixture.membership[index]
        free = np.flatnonzero(~by_class[index])
        start, end = (panel.information(p, weights)[1][np.ix_(free, free)] for p in (equal, others))
        infinite = _faded(start, end)
        if infinite.size:
            names = ", ".join(f"'{columns[k]}'" for k in free[infinite].tolist())
            who = f"a class of {expected[index]:.1f} people"
            return f"{who} has no finite coefficients of {names}: next to none of its choices speaks against them"
    if _singular(derivatives(panel, mixture)[1][np.ix_(~held, ~held)]):
        return "two classes are the same: the choices do not tell them apart"
    return None


def _faded(start: FloatArray, end: FloatArray) -> IntArray:
    """The columns of a direction in which the information has all but vanished; none where it has not."""
    if not end.size:
        return np.empty(0, dtype=np.int64)
    values, vectors = np.linalg.eigh(end)
    if values[0] > SUSPICIOUS * np.linalg.eigvalsh(start)[0]:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.abs(vectors[:, 0]) > 0.1)


def _singular(information: FloatArray) -> bool:
    scales = np.diag(information)
    if not (scales > 0).all():
        return True
    return bool(np.linalg.eigvalsh(information / np.sqrt(np.outer(scales, scales)))[0] < DEPENDENT)
