"""What stands between a clause and its proof: how many rows or requests more, or why none would help."""

from __future__ import annotations

import math

from marketfit.contract import METRICS, Clause, Measurement, Requirement, Verdict, judge
from marketfit.measure.intervals import opening_level, rows_needed
from marketfit.report import figures

_TOO_MANY = 10**7


def what_is_missing(clause: Clause, *, opening: int) -> str:
    """In words, for a clause that is not `met`; nothing for one that is.

    Rates: the exact number of rows (Clopper–Pearson). Other metrics: an interval shrinks with the square root of n,
    so the number is rough. Each further opening of the test split is judged more strictly, and that is counted in.

    Args:
        clause: the clause.
        opening: how many times the test split has been opened; 0 if it stayed shut.
    """
    found, need = clause.measurement, clause.requirement
    if clause.verdict is Verdict.MET:
        return ""
    if found is None:
        return "It was not measured, and what is unknown does not pass."
    if clause.verdict is Verdict.UNMEASURED:
        return _not_usable(found, need)
    if clause.verdict is Verdict.BROKEN:
        return f"Misses the limit by {figures.with_unit(need.metric, abs(found.value - need.limit))}."
    if judge(need, found) is Verdict.MET:
        return "Its interval meets the limit on valid rows, but only the locked test can prove it."
    more = _needed(found, need, opening=opening)
    return more or "The value is at the limit itself, or too near to it: no feasible number would prove it."


def _not_usable(found: Measurement, need: Requirement) -> str:
    if found.confidence < need.confidence - 1e-12:
        asked, had = figures.confidence(need.confidence), figures.confidence(found.confidence)
        return f"Its interval is at {had}, and {asked} is required: measure it again."
    if not all(math.isfinite(value) for value in (found.value, found.low, found.high)):
        return f"With n = {found.n:,} it has no finite interval: more is needed."
    return "Its interval does not contain its value, so it proves nothing."


def _needed(found: Measurement, need: Requirement, *, opening: int) -> str:
    of_rows = METRICS[need.metric].of_test_rows
    confidence = found.confidence
    if of_rows:
        confidence = max(need.confidence, 1 - opening_level(opening + 1, alpha=1 - need.confidence))
    if METRICS[need.metric].evidence == "rate":
        wanted, about = _rate(found, need, confidence), ""
    else:
        wanted, about = _by_scaling(found, need, confidence), "about "
    if wanted is None or wanted > _TOO_MANY:
        return ""
    noun = "test row" if of_rows else "request"
    more = max(wanted - found.n, 1)
    wanted = found.n + more
    strict = f", judged at {figures.confidence(confidence)}" if of_rows else ""
    quieter = "" if of_rows else "; so may a quieter machine"
    named = figures.counted(wanted, noun)
    return f"If the value stays, {about}{named} would prove it ({more:,} more){strict}{quieter}."


def _rate(found: Measurement, need: Requirement, confidence: float) -> int | None:
    limit, value = (need.limit, found.value) if need.op == ">=" else (1 - need.limit, 1 - found.value)
    if not (0 <= limit <= 1 and 0 <= value <= 1):
        return None
    wanted = rows_needed(limit=limit, expected=value, confidence=confidence)
    return None if wanted is None else wanted[0]


def _by_scaling(found: Measurement, need: Requirement, confidence: float) -> int | None:
    from scipy.special import ndtri

    margin = abs(found.value - need.limit)
    half = abs(found.value - (found.low if need.op == ">=" else found.high))
    if margin <= 0 or half <= 0 or not 0.5 < found.confidence < 1:
        return None
    stricter = float(ndtri(confidence) / ndtri(found.confidence))
    wanted = found.n * (stricter * half / margin) ** 2
    return math.ceil(wanted) if wanted < 10 * _TOO_MANY else None
