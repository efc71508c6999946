"""Sequences of passes that were not made: grouped by their reason, and as a file with every one of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import get_args

from marketfit.records.variants import Untaken, Untried, UntriedGroup

NEAREST = 5
"""Sequences of each group that are told one by one."""


def grouped(lines: Sequence[Untried]) -> tuple[UntriedGroup, ...]:
    """One group for each kind of reason that occurs, each with the sequences that came nearest to being made.

    Nearest: the largest expected gain, and of equal ones the least seconds; where neither is known, the fewest passes.
    """
    groups = []
    for why in get_args(Untaken):
        mine = [line for line in lines if line.why == why]
        if mine:
            groups.append(UntriedGroup(why=why, count=len(mine), nearest=tuple(sorted(mine, key=_distance)[:NEAREST])))
    return tuple(groups)


def _distance(line: Untried) -> tuple[float, float, int]:
    gain = line.gain if line.gain is not None else 0.0
    seconds = line.seconds if line.seconds is not None else float("inf")
    return -gain, seconds, len(line.passes)


def as_csv(lines: Sequence[Untried]) -> bytes:
    """Every sequence: name, passes, why, reason, expected gain and seconds (empty where nobody can say)."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["name", "passes", "why", "reason", "gain", "seconds"])
    for line in lines:
        table.writerow([line.name, " ".join(line.passes), line.why, line.reason, line.gain, line.seconds])
    return text.getvalue().encode()
