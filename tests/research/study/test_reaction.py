"""Rivals who answer: the equilibrium is where everybody's first-order condition holds, and assumptions are told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import softmax

from marketfit.records.findings import Finding, FindingTable
from marketfit.research.study.reaction import reaction_finding
from marketfit.research.study.stage import Stage


def finding_of(stage: Stage) -> Finding:
    finding, notes = reaction_finding(stage, tasks=960)
    assert finding is not None, notes
    return finding


def table(finding: Finding, begin: str) -> FindingTable:
    return next(one for one in finding.tables if one.title.startswith(begin))


def test_prices_settle_where_nobody_gains(make_stage: Callable[..., Stage]) -> None:
    """In a logit with a slope of −1, price − cost = 1 / (1 − share)."""
    finding = finding_of(make_stage(rival_unit_costs={"theirs": 0.5}, competitors=__file__))
    rows = {row[0]: row for row in table(finding, "Prices now").rows}
    ours, theirs = (float(str(rows[name][3])) for name in ("ours", "theirs"))
    shares = softmax([2.0 - ours, -theirs, -2.0])
    assert ours - 1.0 == pytest.approx(1 / (1 - shares[0]), abs=0.05)
    assert theirs - 0.5 == pytest.approx(1 / (1 - shares[1]), abs=0.05)
    assert [row[1] for row in rows.values()] == [1.0, 0.5]
    assert "ASSUMED" not in finding.lead
    then = {row[0]: row[4] for row in table(finding, "Shares now").rows}
    assert then["ours"] == pytest.approx(100 * shares[0], abs=1.0)


def test_costs_of_rivals_that_are_not_known_are_assumed_and_said(make_stage: Callable[..., Stage]) -> None:
    finding = finding_of(make_stage())
    assert "ASSUMED: theirs pays 1 for each buyer, as we do" in finding.lead


def test_the_lead_says_whether_our_price_survives(make_stage: Callable[..., Stage]) -> None:
    best = {price: finding_of(make_stage(price=price)) for price in (2.0, 3.0)}
    survives = [price for price, finding in best.items() if "survives" in finding.lead]
    assert survives == [3.0]
    assert "does not survive: once the rivals have answered, 3 earns" in best[2.0].lead
    profit = table(best[3.0], "Our profit a month (1,000 buyers)")
    assert [row[0] for row in profit.rows] == [2.0, 3.0, 4.0]
    assert np.argmax([float(str(row[4])) for row in profit.rows]) == 1
    for row in profit.rows:
        assert all(isinstance(cell, float) for cell in row[:8])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"rivals": False}, "no competitor is named"),
        ({"goal": "utility", "unit_cost": None}, "it needs market.unit_cost"),
        ({"price": 9.0}, "lies beyond what was tested"),
    ],
)
def test_without_a_game_the_reason_is_told(
    make_stage: Callable[..., Stage], options: dict[str, object], why: str
) -> None:
    finding, notes = reaction_finding(make_stage(**options), tasks=960)
    assert finding is None
    assert why in notes[0]
