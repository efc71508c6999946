"""What a proof takes: the confidence at an opening of the locked test, and how many rows or requests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri

from marketfit.contract import METRICS, Measurement, Requirement
from marketfit.measure.intervals import opening_level, rows_needed
from marketfit.measure.process_metrics import LATENCIES, REQUESTS

_TOO_MANY = 10**7
_MOST_PROCESSES = 1000  # that a brief may ask for
_NEXT_TO_OUTERMOST = 8  # the fewest processes whose bound at 95 % is not the outermost of them


@dataclass(frozen=True)
class Needs:
    """`n` of a unit in all, more than there were; `exact` or scaled; the confidence that will be asked for.

    `processes` are those that it takes to get what processes give (`target.processes` of a brief); 0 for test rows.
    `assuming` is what the number rests on beside a value that stays as it is, in words; empty for nothing more.
    """

    n: int
    unit: Literal["test row", "request", "process"]
    exact: bool
    confidence: float
    processes: int = 0
    assuming: str = ""


def confidence_at(need: Requirement, opening: int) -> float:
    """The confidence at which a quality requirement has to be proved at opening number k: above its own."""
    return 1.0 - opening_level(opening, alpha=1.0 - need.confidence)


def proof_needs(found: Measurement, need: Requirement, *, opening: int) -> Needs | None:
    """What would prove a requirement if the value stays as it is; None where no feasible number would.

    Rates: the exact number of rows (Clopper–Pearson). Other metrics of rows, and times of requests: an interval shrinks
    with the square root of n, so the number is rough. What a process gives once: the bound of a median over processes
    that scatter normally as those did. Each further opening of the test split is judged more strictly, and that is
    counted in.

    Args:
        found: the value so far.
        need: the requirement.
        opening: how many times the test split has been opened; 0 if it stayed shut.
    """
    if not METRICS[need.metric].of_test_rows:
        return _of_requests(found, need) if need.metric in LATENCIES else _of_processes(found, need)
    confidence = confidence_at(need, opening + 1)
    exact = METRICS[need.metric].evidence == "rate"
    wanted = _rate(found, need, confidence) if exact else _by_scaling(found, need, confidence)
    if wanted is None or wanted > _TOO_MANY:
        return None
    return Needs(n=max(wanted, found.n + 1), unit="test row", exact=exact, confidence=confidence)


def _of_requests(found: Measurement, need: Requirement) -> Needs | None:
    wanted = _by_scaling(found, need, found.confidence)
    if wanted is None or wanted > _MOST_PROCESSES * REQUESTS:
        return None
    n = max(wanted, found.n + 1)
    return Needs(
        n=n, unit="request", exact=False, confidence=found.confidence, processes=math.ceil(n / REQUESTS),
        assuming="no process is slower than the bound",
    )  # fmt: skip


def _of_processes(found: Measurement, need: Requirement) -> Needs | None:
    """The interval of few processes ends at the outermost of them, so its half is the largest of n normal deviates
    (expected as in Blom 1958); the median of m processes has the standard error σ·√(π/2m)."""
    margin = abs(found.value - need.limit)
    half = abs(found.value - (found.low if need.op == ">=" else found.high))
    if margin <= 0 or half <= 0 or found.n < 2:
        return None
    sigma = half / float(ndtri((found.n - 0.375) / (found.n + 0.25)))
    wanted = (float(ndtri(found.confidence)) * sigma / margin) ** 2 * math.pi / 2
    if wanted > _MOST_PROCESSES:
        return None
    n = max(math.ceil(wanted), _NEXT_TO_OUTERMOST, found.n + 1)
    return Needs(
        n=n, unit="process", exact=False, confidence=found.confidence, processes=n,
        assuming="processes scatter normally as these did",
    )  # fmt: skip


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


def advice(found: Measurement, need: Requirement, *, opening: int) -> str:
    """What would prove an unproven requirement, in words; `opening` as in `proof_needs`.

    >>> seen = Measurement(metric="memory_mb", value=98.0, low=97.0, high=101.0, n=5)
    >>> advice(seen, Requirement.parse("memory_mb", "<= 100"), opening=0)[:82]
    'if memory_mb stays at 98, about 3 more processes (8 in all) would prove it, provid'
    """
    metric, needs = need.metric, proof_needs(found, need, opening=opening)
    if needs is None:
        of_rows = METRICS[metric].of_test_rows
        what, do = (
            ("rows", "improve the model") if of_rows else ("processes", "a quieter machine or a faster model may")
        )
        return f"{metric} is too near to its limit for any number of {what} to prove it: {do}"
    about = "" if needs.exact else "about "
    units = {"test row": "test rows", "request": "requests", "process": "processes"}[needs.unit]
    said = (
        f"if {metric} stays at {found.value:.4g}, {about}{needs.n - found.n:,} more {units} ({needs.n:,} in all) would "
        "prove it"
    )
    if not needs.processes:
        return f"{said} at opening {opening + 1}"
    return f"{said}, provided that {needs.assuming}: target.processes: {needs.processes}; so may a quieter machine"
