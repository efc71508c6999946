"""What a run came to, as plain text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, Unpack

from marketfit.contract import Clause, Contract, Measurement
from marketfit.records.decision import Promotion
from marketfit.records.findings import Finding
from marketfit.report import figures
from marketfit.task import normalise_text

_GAP = "  "


def contract_table(contract: Contract) -> str:
    """Every requirement with its measurement and verdict, in aligned columns.

    >>> from marketfit.contract import Requirement
    >>> need = Requirement.parse("accuracy", ">= 0.9")
    >>> found = Measurement(metric="accuracy", value=0.93, low=0.91, high=0.95, n=500)
    >>> print(contract_table(Contract.of([need], [found])))
    metric    limit   value   interval          n    verdict
    accuracy  >= 0.9  0.9300  0.9100 to 0.9500  500  met
    """
    if not contract.clauses:
        return "Nothing was required, so nothing is promised."
    head = ("metric", "limit", "value", "interval", "n", "verdict")
    return aligned([head, *(_cells(clause) for clause in contract.clauses)])


def _cells(clause: Clause) -> tuple[str, ...]:
    need, found = clause.requirement, clause.measurement
    limit = f"{need.op} {need.limit:g}"
    if found is None:
        return need.metric, limit, "not measured", "none", "0", clause.verdict.value
    value = figures.with_unit(need.metric, found.value)
    return need.metric, limit, value, figures.interval(found), figures.count(found.n), clause.verdict.value


def variants_table(variants: Sequence[tuple[str, Sequence[Measurement]]]) -> str:
    """Names with what was measured of each, a column for each metric that any of them has.

    >>> found = Measurement(metric="accuracy", value=0.93, low=0.91, high=0.95, n=500)
    >>> print(variants_table([("plain", [found]), ("smaller", [])]))
    variant  accuracy
    plain    0.9300
    smaller  not measured
    """
    metrics = list(dict.fromkeys(item.metric for _name, found in variants for item in found))
    rows = [("variant", *metrics)]
    for name, found in variants:
        shown = {item.metric: figures.with_unit(item.metric, item.value) for item in found}
        rows.append((name, *(shown.get(metric, "not measured") for metric in metrics)))
    return aligned(rows)


class Told(TypedDict):
    """What `describe_outcome` tells: status and reason, the winner, its price, the files, step → seconds.

    `offers` are names with predicted shares; `champion` says whether the bundle is in service now; `simulated` says
    that the survey behind the shares was answered by a program.
    """

    product: str
    status: str
    reason: str
    winner: str | None
    price: float | None
    contract: Contract
    offers: Sequence[tuple[str, float]]
    bundle: str | None
    report: str
    seconds: Mapping[str, float]
    champion: bool
    simulated: NotRequired[bool]


def describe_outcome(**told: Unpack[Told]) -> str:
    """One run for a person: status, contract, winner, market, where the files are, time."""
    reason = told["reason"]
    lines = [f"{told['product']}: {told['status']}" + (f". {reason}" if reason else "")]
    lines += ["", "Contract", contract_table(told["contract"]), ""]
    facts = [("winner", _winner(told["winner"], told["price"]))]
    if told["offers"]:
        label = "shares (SIMULATED answers)" if told.get("simulated") else "shares"
        facts.append((label, ", ".join(f"{name} {figures.percent(share)}" for name, share in told["offers"])))
    if told["bundle"] is not None:
        place = "in service: it is the champion" if told["champion"] else "not in service"
        facts.append(("bundle", f"{told['bundle']} ({place})"))
    facts.append(("report", told["report"]))
    if told["seconds"]:
        steps = ", ".join(f"{step} {figures.duration(taken)}" for step, taken in told["seconds"].items())
        facts.append(("time", f"{figures.duration(sum(told['seconds'].values()))} ({steps})"))
    return "\n".join([*lines, aligned(facts)])


def _winner(winner: str | None, price: float | None) -> str:
    if winner is None:
        return "none"
    return winner if price is None else f"{winner} at a price of {price:g}"


def describe_promotion(promotion: Promotion) -> str:
    """What became of the challenger, with the evidence.

    The reason that was written down comes first; then the numbers that it rests on, each with n and bounds.
    """
    lines = [f"Challenger: {promotion.status}", promotion.reason]
    facts: list[tuple[str, str]] = []
    if promotion.comparison is not None:
        seen = promotion.comparison
        made = f", {seen.simulated:,} of them SIMULATED" if seen.simulated else ""
        left = f"; {seen.excluded:,} left out, they are training rows" if seen.excluded else ""
        facts += [
            ("audited traffic", f"n = {seen.pairs:,} pairs{made}{left}"),
            ("right", f"challenger {seen.challenger_right:,}, champion {seen.champion_right:,}"),
            ("right alone", f"challenger {seen.only_challenger:,}, champion {seen.only_champion:,}"),
            ("e-value", f"better {seen.e_better:.3g}, harm {seen.e_harm:.3g} (20 decides; valid at any time)"),
        ]
    if promotion.test is not None:
        test = promotion.test
        bounds = f"{_points(test.low)} to {_points(test.high)}, one-sided at {figures.confidence(1 - test.level)} each"
        facts.append(("locked test", f"{_points(test.difference)} ({bounds}; n = {test.rows:,} rows)"))
    if facts:
        lines += ["", aligned(facts)]
    return "\n".join(lines)


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f} points".replace("-", "−")


def describe_finding(finding: Finding) -> str:
    """A finding for a terminal: the answer, every table, the notes."""
    made = " (SIMULATED answers)" if finding.simulated else ""
    lines = [f"{finding.title}{made}", *([finding.lead] if finding.lead else [])]
    for one in finding.tables:
        rows = [tuple(cell if isinstance(cell, str) else figures.number(cell) for cell in row) for row in one.rows]
        lines += ["", one.title, aligned([one.columns, *rows]), *([one.note] if one.note else [])]
    return "\n".join([*lines, *([""] if finding.notes else []), *finding.notes])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns; every cell on one line and without control characters, which a terminal would obey."""
    flat = [[normalise_text(cell) for cell in row] for row in rows]
    widths = [max(_width(cell) for cell in column) for column in zip(*flat, strict=True)]
    lines = [
        _GAP.join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in flat
    ]
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )
