"""What stands between a clause and its proof: how many rows or requests more, or why none would help."""

from __future__ import annotations

import math

from marketfit.contract import Clause, Measurement, Requirement, Verdict, judge
from marketfit.measure.proof import advice
from marketfit.report import figures


def what_is_missing(clause: Clause, *, opening: int) -> str:
    """In words, for a clause that is not `met`; nothing for one that is.

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
    return figures.sentence(advice(found, need, opening=opening))


def _not_usable(found: Measurement, need: Requirement) -> str:
    if found.confidence < need.confidence - 1e-12:
        asked, had = figures.confidence(need.confidence), figures.confidence(found.confidence)
        return f"Its interval is at {had}, and {asked} is required: measure it again."
    if not all(math.isfinite(value) for value in (found.value, found.low, found.high)):
        return f"With n = {found.n:,} it has no finite interval: more is needed."
    return "Its interval does not contain its value, so it proves nothing."
