"""A row of the table of the benchmark, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Decision = Literal["met", "MISSED", "not judged", "skipped", "no bar"]
HEADINGS = ("part", "what", "n", "ours", "peer", "peer ÷ ours", "bar", "verdict")


class Verdict(NamedTuple):
    """Whether a bar is kept; why, where that is not plain from the row."""

    decision: Decision
    why: str = ""


NO_BAR = Verdict("no bar")


@dataclass(frozen=True)
class Row:
    """One figure beside a peer's or a bar. Texts are shown as they are; a dash stands for nothing."""

    part: str
    what: str
    n: str
    ours: str
    peer: str = "–"
    ratio: str = "–"
    bar: str = "–"
    verdict: Verdict = NO_BAR


@dataclass(frozen=True)
class Found:
    """Of a part. wide: Markdown of what lies behind its rows, if that was asked for."""

    rows: tuple[Row, ...]
    wide: str = ""


def judged(kept: bool, *, departures: str = "", why: str = "") -> Verdict:
    """The verdict on a bar. departures: how the run differs from what the bar is for: then it says nothing about it.

    >>> judged(True), judged(False, departures="draws is 50, the bar is for 600").decision
    (Verdict(decision='met', why=''), 'not judged')
    """
    if departures:
        return Verdict("not judged", departures)
    return Verdict("met" if kept else "MISSED", why)


def on_two_cores(verdict: Verdict, cores: int) -> Verdict:
    """The verdict on a time that a bar gives for two cores: more do not prove it, fewer do not disprove it."""
    proven = cores <= 2 if verdict.decision == "met" else cores >= 2
    if verdict.decision not in {"met", "MISSED"} or proven:
        return verdict
    told = "is" if cores == 1 else "are"
    return Verdict("not judged", f"there {told} {cores}, the bar is for 2 cores (Linux: taskset --cpu-list 0,1)")


def skipped(part: str, what: str, why: str, bar: str = "–") -> Row:
    """The row of what could not be measured."""
    return Row(part, what, "–", "–", bar=bar, verdict=Verdict("skipped", why))


def spread(values: Sequence[float], form: str) -> str:
    """Median and quartiles.

    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0], ".1f")
    '3.0 (2.0 to 4.0)'
    """
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, and below them the reasons of verdicts that need some."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    lines += [(row.part, row.what, row.n, row.ours, row.peer, row.ratio, row.bar, row.verdict.decision) for row in rows]
    reasons = [
        f"- {row.part}, {row.what}: {row.verdict.decision}: {row.verdict.why}" for row in rows if row.verdict.why
    ]
    shown = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*shown, *([""] if reasons else []), *reasons])
