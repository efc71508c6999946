"""The contract: what was required, what was measured, what that proves, and what is missing."""

from __future__ import annotations

from marketfit.contract import Clause, Contract, Verdict
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Row, Section, Table, Text, Tone, columns, row
from marketfit.report.proof import what_is_missing
from marketfit.report.story import Story

NOTHING = "Nothing was required, so nothing is promised."

_TONES: dict[Verdict, Tone] = {
    Verdict.MET: "good",
    Verdict.UNPROVEN: "warn",
    Verdict.BROKEN: "bad",
    Verdict.UNMEASURED: "bad",
}


def contract_section(story: Story) -> Section:
    """The first thing that is read."""
    settlement = story.settlement
    blocks: list[Block] = [contract_table(settlement.contract, opening=settlement.opening)]
    if settlement.reason:
        blocks.append(Text(figures.sentence(settlement.reason), "" if settlement.status == "shipped" else "warn"))
    blocks.append(Text(_opening(story), "quiet"))
    return Section("contract", "Contract", _lead(settlement.contract), tuple(blocks))


def contract_table(contract: Contract, *, opening: int, caption: str = "Every requirement of the brief") -> Table:
    """The clauses with what each of them still lacks."""
    note = (
        "Each end of an interval is a one-sided bound at the confidence named. Only “met” counts as kept: the interval "
        "proves it. Unproven: the value meets the limit, the interval does not."
    )
    head = columns("Requirement", "#Measured", "#Interval", "#n", "Verdict", "~What is missing, and conditions")
    rows = tuple(_row(clause, opening) for clause in contract.clauses)
    return Table(
        caption, head, rows, note=note if rows else "Nothing was required, so nothing is promised.", cards=True
    )


def _row(clause: Clause, opening: int) -> Row:
    need, found = clause.requirement, clause.measurement
    wanted = Cell(f"{figures.title(need.metric)} {_sign(need.op)} {need.limit:g} {figures.unit(need.metric)}".strip())
    verdict = Cell(clause.verdict.value, _TONES[clause.verdict], badge=True)
    missing = what_is_missing(clause, opening=opening)
    if found is None:
        return row(wanted, "not measured", "none", "0", verdict, missing)
    exact = found.low == found.value == found.high
    interval = Cell(figures.interval(found), below="" if exact else f"{figures.confidence(found.confidence)} a side")
    conditions = Cell(missing or found.conditions, below=found.conditions if missing else "")
    return row(
        wanted, figures.with_unit(need.metric, found.value), interval, figures.count(found.n), verdict, conditions
    )


def _sign(operator: str) -> str:
    return "≥" if operator == ">=" else "≤"


def _lead(contract: Contract) -> str:
    clauses = contract.clauses
    met = sum(clause.verdict is Verdict.MET for clause in clauses)
    if not clauses:
        return NOTHING
    if met == len(clauses):
        return "The requirement is met." if met == 1 else f"All {met} requirements are met."
    counts = {verdict: sum(c.verdict is verdict for c in clauses) for verdict in Verdict if verdict is not Verdict.MET}
    others = ", ".join(f"{number} {verdict.value}" for verdict, number in counts.items() if number)
    return f"{met} of {figures.counted(len(clauses), 'requirement')} met: {others}."


def _opening(story: Story) -> str:
    settlement = story.settlement
    rows = figures.counted(story.dataset.splits.get("test", 0), "row")
    if settlement.opening < 1:
        return f"The locked test split ({rows}) stayed shut: what rests on labelled rows was measured on valid rows."
    return (
        f"Labelled rows: this was opening number {settlement.opening} of the locked test split ({rows}), judged at the "
        f"level {settlement.level:.4g}, so that all openings together stay honest."
    )
