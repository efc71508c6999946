"""How many rows a proof takes, before and after there is a model."""

from __future__ import annotations

import math

from marketfit.contract import METRICS, Clause
from marketfit.measure.intervals import rows_needed
from marketfit.position.levels import confidence_at


def more_rows(clause: Clause, *, opening: int) -> str:
    """How many more test rows would settle an unproven clause if the value stays as it is; empty if that is unknown.

    Exact for accuracy. For other metrics of rows the distance from value to bound shrinks with the square root of the
    rows. Time on the target machine is settled by a quieter machine, not by rows.
    """
    need, found = clause.requirement, clause.measurement
    if found is None or not METRICS[need.metric].of_test_rows:
        return ""
    confidence = confidence_at(need, opening)
    if METRICS[need.metric].evidence == "rate":
        needed = rows_needed(limit=need.limit, expected=found.value, confidence=confidence)
        if needed is None:
            return f"{need.metric} is too near to its limit for any number of rows to prove it: improve the model"
        rows, about = needed[0], ""
    else:
        reach = found.value - found.low if need.op == ">=" else found.high - found.value
        margin = abs(found.value - need.limit)
        if margin == 0 or reach == 0:
            return f"{need.metric} is too near to its limit for any number of rows to prove it: improve the model"
        rows, about = math.ceil(found.n * (reach / margin) ** 2), "about "
    more = max(rows - found.n, 1)
    return (
        f"if {need.metric} stays at {found.value:.4g}, {about}{more:,} more test rows ({found.n + more:,} in all) "
        f"would prove it at opening {opening}"
    )
