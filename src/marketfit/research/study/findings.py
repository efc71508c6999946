"""What a choice study says, as findings: importance, worth, which model foretells best, who was left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from marketfit.demand import UtilityDraws, Verdict, importance
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.records.market import HeldOut, Ratio
from marketfit.research.study.steps import Step

Cells = tuple[float | str | None, ...]


def choice_finding(
    drawn: UtilityDraws,
    held_out: Sequence[HeldOut],
    verdicts: Sequence[Verdict],
    worth: FindingTable | None,
    *,
    tasks: int,
    simulated: bool,
    notes: Sequence[str] = (),
) -> Finding:
    """How much each attribute counts, what its steps are worth, how well choices are foretold, and whom something
    speaks against. worth: as `worth_table` makes it. notes: on who counts.
    """
    found = importance(drawn)
    rows: list[Cells] = [
        (name, *rounded((float(found.percent[place]), float(found.low[place]), float(found.high[place])), 1))
        for place, name in enumerate(found.attributes)
    ]
    rows.sort(key=lambda row: -float(row[1] or 0))
    tables = [
        FindingTable(
            title="How much each attribute counts, in percent",
            columns=("attribute", "importance, %", "low", "high"),
            rows=tuple(rows),
            note="How far an attribute moves people from its worst to its best tested level; all attributes together "
            f"are 100. 95 % intervals, n = {found.sample_size} respondents.",
            drawing=Drawing(kind="intervals", x="importance, %", label="attribute", low="low", high="high"),
        )
    ]
    tables += [worth] if worth else []
    if held_out:
        tables.append(_held_out(held_out))
    if verdicts:
        tables.append(_people(verdicts))
    return Finding(
        instrument="choice",
        title="What counts, and how sure that is",
        respondents=drawn.sample_size,
        answers=tasks,
        simulated=simulated,
        lead=f"What counts most is {rows[0][0]}: {rows[0][1]} % of all (95 % interval {rows[0][2]} to {rows[0][3]} %).",
        tables=tuple(tables),
        notes=tuple(notes),
    )


def _held_out(held_out: Sequence[HeldOut]) -> FindingTable:
    first = held_out[0]
    return FindingTable(
        title="How well the models foretell choices that they have not seen",
        columns=("model", "log-loss", "log-loss low", "log-loss high", "hit rate, %", "hit rate low", "hit rate high"),
        rows=tuple(
            (one.model, *rounded((one.log_loss, one.log_loss_low, one.log_loss_high), 3),
             *rounded((100 * one.hit_rate, 100 * one.hit_rate_low, 100 * one.hit_rate_high), 1))
            for one in held_out
        ),
        note=f"n = {first.tasks} tasks of {first.respondents} respondents; 95 % intervals. Less log-loss is "
        "better, more hits are.",
    )  # fmt: skip


def _people(verdicts: Sequence[Verdict]) -> FindingTable:
    ordered = sorted(verdicts, key=lambda verdict: (not verdict.dropped, verdict.respondent))
    return FindingTable(
        title="Respondents whose answers were looked at twice",
        columns=("respondent", "what becomes of the answers", "tasks", "reasons"),
        rows=tuple(
            (
                verdict.respondent,
                "left out" if verdict.dropped else "count",
                float(verdict.tasks),
                "; ".join((*verdict.reasons, *verdict.remarks)),
            )
            for verdict in ordered
        ),
        note="Two criteria must speak against a person before their answers are left out.",
    )


def worth_table(ratios: Sequence[Ratio], steps: Sequence[Step], *, price: str, people: int) -> FindingTable | None:
    """What a step of each attribute is worth, from the worth of one unit of its coefficient."""
    known = {ratio.attribute: ratio for ratio in ratios}
    rows: list[Cells] = [
        (step.words, *rounded(step.of(ratio.value, ratio.low, ratio.high), 2))
        for step in steps
        if (ratio := known.get(step.column)) is not None
    ]
    if not rows:
        return None
    return FindingTable(
        title=f"What people would pay for a step, in units of {price}",
        columns=("step", "worth", "low", "high"),
        rows=tuple(rows),
        note=f"To the average person, with no rival in sight: the {price} that a step makes up for. 95 % intervals, "
        f"n = {people} respondents.",
        drawing=Drawing(kind="intervals", x="worth", label="step", low="low", high="high", marks=(0.0,)),
    )


def rounded(values: Sequence[float | None], places: int) -> tuple[float | None, ...]:
    """Numbers to so many places; None where there is none."""
    return tuple(None if value is None or not math.isfinite(value) else round(value, places) for value in values)
