"""What stands between a clause and its proof: how many rows or requests more, or why none would help."""

from __future__ import annotations

import math

from marketfit.contract import METRICS, Clause, Measurement, Requirement, Verdict, judge
from marketfit.measure.proof import proof_needs
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
    needs = proof_needs(found, need, opening=opening)
    if needs is None:
        return ""
    of_rows = METRICS[need.metric].of_test_rows
    about = "" if needs.exact else "about "
    named = figures.counted(needs.n, "test row" if of_rows else "request")
    strict = f", judged at {figures.confidence(needs.confidence)}" if of_rows else ""
    quieter = "" if of_rows else "; so may a quieter machine"
    return f"If the value stays, {about}{named} would prove it ({needs.n - found.n:,} more){strict}{quieter}."
