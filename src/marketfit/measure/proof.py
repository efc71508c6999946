"""What a proof takes: the confidence at an opening of the locked test, and how many rows or requests."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from marketfit.contract import METRICS, Measurement, Requirement
from marketfit.measure.intervals import opening_level, rows_needed

_TOO_MANY = 10**7


@dataclass(frozen=True)
class Needs:
    """`n` in all, more than there were; `exact` or scaled; the confidence that will be asked for."""

    n: int
    exact: bool
    confidence: float


def confidence_at(need: Requirement, opening: int) -> float:
    """The confidence at which a quality requirement has to be proved at opening number k: above its own."""
    return 1.0 - opening_level(opening, alpha=1.0 - need.confidence)


def proof_needs(found: Measurement, need: Requirement, *, opening: int) -> Needs | None:
    """What would prove a requirement if the value stays as it is; None where no feasible number would.

    Rates: the exact number of rows (Clopper–Pearson). Other metrics: an interval shrinks with the square root of n,
    so the number is rough. Each further opening of the test split is judged more strictly, and that is counted in.
    What a process gives is settled by requests, and by a quieter machine.

    Args:
        found: the value so far.
        need: the requirement.
        opening: how many times the test split has been opened; 0 if it stayed shut.
    """
    confidence = confidence_at(need, opening + 1) if METRICS[need.metric].of_test_rows else found.confidence
    exact = METRICS[need.metric].evidence == "rate"
    wanted = _rate(found, need, confidence) if exact else _by_scaling(found, need, confidence)
    if wanted is None or wanted > _TOO_MANY:
        return None
    return Needs(n=max(wanted, found.n + 1), exact=exact, confidence=confidence)


def _rate(found: Measurement, need: Requirement, confidence: float) -> int | None:
    limit, value = (need.limit, found.value) if need.op == ">=" else (1 - need.limit, 1 - found.value)
    if not (0 <= limit <= 1 and 0 <= value <= 1):
        return None
    wanted = rows_needed(limit=limit, expected=value, confidence=confidence)
    return None if wanted is None else wanted[0]


def _by_scaling(found: Measurement, need: Requirement, confidence: float) -> int | None:
    margin = abs(found.value - need.limit)
    half = abs(found.value - (found.low if need.op == ">=" else found.high))
    if margin <= 0 or half <= 0 or not 0.5 < found.confidence < 1:
        return None
    stricter = float(ndtri(confidence) / ndtri(found.confidence))
    wanted = found.n * (stricter * half / margin) ** 2
    return math.ceil(wanted) if wanted < 10 * _TOO_MANY else None
