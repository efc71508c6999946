"""Line search: equals brute force by simulation, knows cannibalisation, and says no before it would take for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import (
    Adjustments,
    LineCandidates,
    Market,
    MarketSource,
    OfferSpace,
    Profit,
    UtilityDraws,
    search_line,
    simulate,
)
from marketfit.demand.arrays import FloatArray
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

RIVALS: Offers = {
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}
CANDIDATES: Offers = {
    "cheap": {"price": 1.5, "quality": 0.1, "brand": "bolt"},
    "fair": {"price": 3, "quality": 0.6, "brand": "bolt"},
    "fine": {"price": 4.5, "quality": 1.0, "brand": "bolt"},
    "twin": {"price": 3, "quality": 0.6, "brand": "bolt"},
}
COSTS: dict[str, dict[float | str, float]] = {"quality": {0.1: 0.5, 0.6: 1.0, 1: 1.9}, "brand": {"bolt": 0.25}}
GOAL = Profit(COSTS, audience=1000, offer_cost=30)


def brute(source: MarketSource, goal: Profit | None, size: int) -> dict[tuple[str, ...], FloatArray]:
    """Line → goal in each draw, one simulation per line."""
    found = {}
    for own in range(1, size + 1):
        for line in itertools.combinations(CANDIDATES, own):
            shares = simulate(source, {**RIVALS, **{name: CANDIDATES[name] for name in line}})
            ours = shares.share_draws[:, len(RIVALS) : len(RIVALS) + own].astype(np.float64)
            if goal is None:
                found[line] = ours.sum(axis=1)
                continue
            margin = [
                float(offer["price"]) - COSTS["quality"][offer["quality"]] - 0.25
                for offer in (CANDIDATES[name] for name in line)
            ]
            found[line] = 1000 * ours @ np.array(margin) - 30 * own
    return found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 6)),
    met=st.sampled_from([None, 0.0, 0.4]),
    block=st.sampled_from([1, 40, 1 << 16]),
    goal=st.sampled_from([None, GOAL]),
)
def test_equals_brute_force(
    tastes: Tastes, seed: int, shape: tuple[int, int], met: float | None, block: int, goal: Profit | None
) -> None:
    drawn = tastes(seed, draws=shape[0], people=shape[1], weighted=True)
    adjustments = Adjustments({"theirs": 0.8, "fine": -0.3}, scale=1.3)
    source = Market(drawn, {} if met is None else {"theirs": met, "other": 0.9}, adjustments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketfit.demand.market.line_goals.BLOCK_CELLS", block)
        found = search_line(source, RIVALS, candidates=CANDIDATES, size=3, goal=goal or "share", shown=99)
    expected = brute(source, goal, 3)
    unit = 1.0 if goal is None else 1000.0
    assert found.enumerated == len(expected) == len(found.lines)
    best = np.max(list(expected.values()), axis=0)
    for line in found.lines:
        np.testing.assert_allclose(line.goal_draws, expected[line.offers], atol=5e-6 * unit)
        assert line.goal.value == pytest.approx(expected[line.offers].mean(), abs=5e-6 * unit)
        assert line.regret == pytest.approx((best - expected[line.offers]).mean(), abs=1e-5 * unit)
        # Twins tie; rounding decides which of them has the win.
        assert line.chance_best <= (expected[line.offers] >= best - 1e-5 * unit).mean() + 1e-9
    values = [line.goal.value for line in found.lines]
    assert values == sorted(values, reverse=True)
    assert sum(line.chance_best for line in found.lines) == pytest.approx(1)
    for size, line in found.best_of_size.items():
        assert len(line.offers) == size
        assert line.goal.value == pytest.approx(
            max(v.mean() for k, v in expected.items() if len(k) == size), abs=unit * 1e-5
        )


def test_cannibalisation_is_counted(tastes: Tastes) -> None:
    # People who all choose like one logit: a twin takes from its brother what it takes from the others.
    drawn = tastes(1, draws=1, people=1)
    found = search_line(drawn, RIVALS, candidates=CANDIDATES, size=2, shown=99)
    shares = {line.offers: line.share.value for line in found.lines}
    odds = shares[("fair",)] / (1 - shares[("fair",)])
    assert shares[("fair", "twin")] == pytest.approx(2 * odds / (1 + 2 * odds), abs=1e-6)


def test_the_best_alone_need_not_be_in_the_best_pair(tastes: Tastes) -> None:
    # Two camps of equal size and one offer that is everybody's second choice: alone it wins, in a pair it loses.
    drawn = tastes(0, draws=1, people=2, none=True)
    values = np.zeros((1, 2, 5))
    values[0, 0, :] = [0, 0, 8, -8, 4.5]
    values[0, 1, :] = [0, 0, -8, 8, 4.5]
    people = UtilityDraws(values, drawn.coding, 2)
    camps: Offers = {
        "bolt": {"price": 1, "quality": 0, "brand": "bolt"},
        "crow": {"price": 1, "quality": 0, "brand": "crow"},
        "both": {"price": 1, "quality": 0, "brand": "ajax"},
    }
    market = Market(people, adjustments=Adjustments({"both": 5.5}))
    found = search_line(market, {}, candidates=camps, size=2)
    assert found.best_of_size[1].offers == ("both",)
    assert found.best_of_size[2].offers == ("bolt", "crow")


def test_of_lines_that_tie_the_first_has_the_win(tastes: Tastes) -> None:
    fair = CANDIDATES["fair"]
    candidates: Offers = {"one": fair, "best": {"price": 1, "quality": 1.0, "brand": "bolt"}, "two": fair}
    found = search_line(tastes(5), RIVALS, candidates=candidates, size=2, shown=9)
    chances = {line.offers: line.chance_best for line in found.lines}
    assert chances[("one", "best")] > 0.9
    assert chances[("best", "two")] == 0


def test_levels_with_prohibitions(tastes: Tastes) -> None:
    space = OfferSpace(
        {"price": [2, 3, 4], "quality": [0.5, 1.0], "brand": ["bolt", "crow"]},
        prohibited=[{"price": 2, "quality": 1.0}, {"brand": "crow", "price": 4}],
    )
    offers = space.candidates()
    assert len(offers) == 12 - 2 - 2
    assert not any(offer["price"] == 2 and offer["quality"] == 1 for offer in offers.values())
    found = search_line(tastes(2), RIVALS, candidates=space, size=2, goal=Profit(0.5))
    assert found.enumerated == 8 + 28
    assert found.candidates == offers
    assert len(found.lines) == 10


def test_costs_of_all_kinds(tastes: Tastes) -> None:
    drawn = tastes(3)

    def cost(offer: object) -> float:
        assert isinstance(offer, dict)
        return {0.1: 0.5, 0.6: 1.0, 1.0: 1.9}[offer["quality"]] + 0.25

    by_level = search_line(drawn, RIVALS, candidates=CANDIDATES, goal=Profit(COSTS))
    by_function = search_line(drawn, RIVALS, candidates=CANDIDATES, goal=Profit(cost))
    assert by_level.lines[0].goal == by_function.lines[0].goal
    flat = search_line(drawn, RIVALS, candidates={"fair": CANDIDATES["fair"]}, goal=Profit(1.25))
    assert flat.lines[0].goal.value == pytest.approx(1.75 * flat.lines[0].share.value, rel=1e-5)


def test_progress_and_interval(tastes: Tastes) -> None:
    told: list[float] = []
    found = search_line(tastes(4, draws=400, people=20), RIVALS, candidates=CANDIDATES, size=2, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    line = found.lines[0]
    assert line.goal.low < line.goal.value < line.goal.high
    assert (found.sample_size, found.level) == (100, 0.95)


def test_too_much_to_compare(tastes: Tastes) -> None:
    space = OfferSpace({"price": [1 + k / 10 for k in range(40)], "quality": [0, 0.5, 1], "brand": ["bolt", "crow"]})
    with pytest.raises(DataError, match=r"2,303,520 lines|lines to compare") as caught:
        search_line(tastes(0), RIVALS, candidates=space, size=4)
    assert "smaller size" in str(caught.value)
    with pytest.raises(DataError, match=r"draw_utilities\(model, draws=…\)"):
        search_line(tastes(0, draws=2000, people=100), RIVALS, candidates=space, size=3)
    with pytest.raises(DataError, match="combinations of levels"):
        OfferSpace({f"x{k}": range(10) for k in range(6)}).candidates()


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    market = Market(tastes(0), availability={"fair": 0.5})
    candidates = {**CANDIDATES, "theirs": CANDIDATES["fair"], "dear": {"price": 50, "quality": 1, "brand": "bolt"}}
    goal = Profit({"qualty": {1: 1}, "brand": {"ajax": 1}}, audience=0)
    with pytest.raises(DataError) as caught:
        search_line(market, RIVALS, candidates=candidates, size=9, goal=goal, shown=0)
    text = str(caught.value)
    parts = ("name of a rival", "of rivals only", "1 to 6", "at least 1", "did you mean 'quality'?", "none for 'bolt'")
    for part in (*parts, "audience above 0", "candidate 'dear': the price lies beyond"):
        assert part in text
    with pytest.raises(DataError, match=r"'share' or Profit"):
        search_line(tastes(0), RIVALS, candidates=CANDIDATES, goal="sales")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="an offer to compare with"):
        search_line(tastes(0, none=False), {}, candidates=CANDIDATES)
    with pytest.raises(DataError, match="no price"):
        search_line(tastes(0), RIVALS, candidates=CANDIDATES, goal=Profit(1.0, price="cost"))


@pytest.mark.parametrize(
    ("prohibited", "part"),
    [
        ({"prise": 1}, "did you mean 'price'?"),
        ({"price": 9}, "no such level '9'"),
        ({}, "empty"),
        ({"price": 1}, "no offer"),
    ],
)
def test_bad_prohibitions(prohibited: dict[str, float], part: str) -> None:
    with pytest.raises(DataError) as caught:
        OfferSpace({"price": [1]}, prohibited=[prohibited]).candidates()
    assert part in str(caught.value)


def test_only_lines_that_may_be_are_compared(tastes: Tastes) -> None:
    """The best of the others, with the chance of being best among them."""
    source = tastes()

    def allowed(line: tuple[str, ...]) -> bool:
        return not {"fair", "twin"} <= set(line)

    whole = brute(source, GOAL, 2)
    found = search_line(source, RIVALS, candidates=LineCandidates(CANDIDATES, allowed), size=2, goal=GOAL, shown=99)
    assert found.enumerated == len(found.lines) == len(whole) - 1
    assert all(allowed(line.offers) for line in found.lines)
    kept = {line: draws for line, draws in whole.items() if allowed(line)}
    best = np.max(list(kept.values()), axis=0)
    for line in found.lines:
        assert line.goal.value == pytest.approx(kept[line.offers].mean(), rel=1e-3)
        assert line.regret == pytest.approx(best.mean() - kept[line.offers].mean(), rel=1e-2, abs=0.1)
    assert sum(line.chance_best for line in found.lines) == pytest.approx(1)
    with pytest.raises(DataError, match="leaves no line"):
        search_line(source, RIVALS, candidates=LineCandidates(CANDIDATES, lambda _: False), size=2)


def test_a_size_without_an_allowed_line_has_no_best(tastes: Tastes) -> None:
    alone = LineCandidates(CANDIDATES, lambda line: len(line) == 1)
    assert set(search_line(tastes(), RIVALS, candidates=alone, size=2).best_of_size) == {1}
