"""How many classes: information criteria, and how surely people belong to one class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from marketfit.demand.arrays import FloatArray


@dataclass(frozen=True)
class ClassesTried:
    """What a number of classes came to. All figures are None where no start led to a proper maximum.

    parameters: those that no sign holds at 0. aic: Akaike (1974). bic: Schwarz (1978); caic: Bozdogan (1987), both
    with the number of people as n. entropy_r2: 1 where everybody's class is certain, 0 where nobody's is (Ramaswamy et
    al. 1993). starts: random starts; continued: those followed to the end; agreed: those that ended at this maximum.
    note: what was wrong with other ends, if anything. These figures describe the sample: they have no intervals.
    """

    classes: int
    parameters: int | None
    log_likelihood: float | None
    aic: float | None
    bic: float | None
    caic: float | None
    entropy_r2: float | None
    starts: int
    continued: int
    agreed: int
    note: str


def entropy_r2(membership: FloatArray, weights: FloatArray) -> float:
    """1 − Σ entropy of a person's membership / (n log classes). membership: (people, classes); weights: (people,).

    >>> import numpy as np
    >>> entropy_r2(np.array([[1.0, 0.0], [0.5, 0.5]]), np.ones(2))
    0.5
    """
    if membership.shape[1] == 1:
        return 1.0
    entropy = special.entr(membership).sum(axis=1)
    return float(1 - weights @ entropy / (weights.sum() * math.log(membership.shape[1])))


def table_rows(tried: Sequence[ClassesTried], chosen: int) -> list[str]:
    """Lines of the table of all numbers of classes that were tried; of several, the chosen one is marked."""
    names = ("log-lik.", "param.", "AIC", "BIC", "CAIC", "ent. R²", "ends")
    widths = (12, 7, 11, 11, 11, 8, 7)
    lines = [" classes  " + " ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))]
    several = len(tried) > 1
    for row in tried:
        start = f"{row.classes:>8}{' *' if several and row.classes == chosen else '  '}"
        if row.log_likelihood is None:
            lines.append(f"{start} no proper maximum: {row.note}")
            continue
        figures = f"{row.log_likelihood:>12.3f} {row.parameters:>7} {row.aic:>11.2f} {row.bic:>11.2f} {row.caic:>11.2f}"
        lines.append(f"{start}{figures} {row.entropy_r2:>8.3f} {f'{row.agreed}/{row.continued}':>7}")
    legend = ["* least BIC"] if several else []
    legend.append("ends: continued runs that agree on this maximum, of all that were continued")
    notes = [f"{row.classes} classes: {row.note}" for row in tried if row.bic is not None and row.note]
    return [*lines, *legend, *notes]
