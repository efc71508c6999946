"""Lines of our offers: what wins, and that no offer is in a line with one that beats it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from marketfit.errors import DataError
from marketfit.research.study.line import line_finding, possible_offers
from marketfit.research.study.stage import Stage

OFFERED = {"place": ("cloud", "device"), "price": (2.0, 3.0, 4.0)}


def test_offers_are_combinations_of_what_may_be_offered(make_stage: Callable[..., Stage]) -> None:
    offers = possible_offers(make_stage(), {"place": ("cloud",), "price": (2.0, 3.0)})
    assert list(offers) == ["price 2", "price 3"]
    assert offers["price 2"] == {"place": "cloud", "price": 2.0}
    assert len(possible_offers(make_stage(), OFFERED)) == 6


def test_no_line_has_the_same_product_at_two_prices(make_stage: Callable[..., Stage]) -> None:
    finding = line_finding(make_stage(), size=2, offered=OFFERED, tasks=960)
    assert finding.tables[0].title == "The best of 15 lines of up to 2"  # 6 alone and 3 · 3 pairs
    lines = [str(row[0]) for one in finding.tables for row in one.rows]
    assert lines
    assert all(line.count("device") <= 1 and line.count("cloud") <= 1 for line in lines)
    assert [str(row[0]).count(" + ") for row in finding.tables[1].rows] == [0, 1]
    assert all(isinstance(cell, float) for row in finding.tables[0].rows for cell in row[1:])
    assert finding.lead.startswith(f"Best is {finding.tables[0].rows[0][0]}: it earns")


def test_where_offers_differ_in_price_alone_there_is_no_line(make_stage: Callable[..., Stage]) -> None:
    finding = line_finding(make_stage(), size=2, offered={"price": (2.0, 3.0)}, tasks=960)
    assert len(finding.tables) == 1
    assert finding.notes[0].startswith("No line of more than 1")


def test_more_offers_than_there_are_is_refused(make_stage: Callable[..., Stage]) -> None:
    with pytest.raises(DataError, match=r"size of the line: is 7; 1 to 6 \(our offers\)"):
        line_finding(make_stage(), size=7, offered=OFFERED, tasks=960)


def test_a_goal_of_share_says_what_it_likes(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(goal="utility")
    finding = line_finding(stage, size=1, offered=OFFERED, tasks=960)
    assert finding.tables[0].rows[0][0] == "place device, price 2"
    assert any(note.startswith("A goal of share") for note in finding.notes)
