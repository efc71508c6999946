"""What if, and competitive willingness to pay, on a market whose answers are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scipy.special import softmax

from marketfit.demand import Change, ChoiceData, UtilityDraws
from marketfit.research.study.changes import change_finding, levels_shown, worth_words
from marketfit.research.study.stage import Stage

LEVELS = {"place": ("cloud", "device"), "price": (1.0, 3.0, 6.0)}


def test_each_tested_level_but_our_own_has_a_row_with_its_interval(make_stage: Callable[..., Stage]) -> None:
    finding = change_finding(make_stage(), LEVELS, tasks=960)
    assert finding is not None
    shares = finding.tables[0]
    assert [row[0] for row in shares.rows] == ["place: device → cloud", "price: 3 → 1", "price: 3 → 6"]
    assert all(row[3] < row[2] < row[4] for row in shares.rows)  # type: ignore[operator]  # all are numbers
    before, after = (softmax([place - price, -2.0, -2.0])[0] for place, price in ((2.0, 3.0), (0.0, 3.0)))
    assert shares.rows[0][2] == pytest.approx(100 * (after - before), abs=0.3)
    assert "n = 120 respondents, simulated" in shares.note
    assert finding.lead.startswith("Of single changes, price: 3 → 1 adds most")


def test_the_price_at_which_our_share_returns_is_the_ratio_where_all_are_alike(
    make_stage: Callable[..., Stage],
) -> None:
    finding = change_finding(make_stage(price=4.0), LEVELS, tasks=960)
    assert finding is not None
    (row,) = finding.tables[1].rows
    assert row[0] == "place: device → cloud"
    assert row[1] == pytest.approx(2.0, abs=0.05)
    assert row[4] == pytest.approx(-2.0, abs=0.05)
    assert isinstance(row[2], float)
    assert isinstance(row[3], float)
    assert row[2] < 2.0 < row[3]


def test_where_no_tested_price_answers_none_is_made_up(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(price=2.0)
    finding = change_finding(stage, LEVELS, tasks=960)
    assert finding is not None
    (row,) = finding.tables[1].rows
    assert row[1:5] == (None, None, None, None)
    assert row[5] == "share stays lower even at 1: costs more than 1"
    (told,) = worth_words(stage, [Change("ours", "place", "cloud")])
    assert told.startswith("No tested price brings our share back")


def test_worth_in_words_is_of_our_changes_beside_the_price(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(price=4.0)
    (told,) = worth_words(stage, [Change("ours", "place", "cloud")])
    assert told.startswith("At a price of 2")
    assert "95 % interval" in told
    assert worth_words(stage, [Change("ours", "price", 2.0)]) == ()
    assert worth_words(stage, [Change("theirs", "place", "device")]) == ()
    assert worth_words(stage, []) == ()


def test_alone_there_is_still_taking_nothing(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(rivals=False)
    assert not stage.alone
    assert change_finding(stage, LEVELS, tasks=960) is not None
    assert change_finding(stage, {}, tasks=960) is None


def test_levels_are_those_that_were_shown(make_stage: Callable[..., Stage]) -> None:
    data = ChoiceData.from_table(
        {"q": [1, 1, 2, 2], "alt": ["a", "b"] * 2, "won": [1, 0, 0, 1], "place": ["device", "cloud", "cloud", "cloud"],
         "price": [6.0, 1.0, 3.0, 1.0]},
        task="q", alternative="alt", chosen="won", attributes=["place", "price"],
    )  # fmt: skip
    drawn: UtilityDraws = make_stage().drawn
    assert levels_shown(data, drawn) == {"place": ("cloud", "device"), "price": (1.0, 3.0, 6.0)}
