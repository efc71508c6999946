"""The decision before the locked test."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import pytest

from marketfit.brief import Brief, load_brief
from marketfit.engine import Run, start
from marketfit.position import position
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision, Standing
from marketfit.records.market import MarketView
from marketfit.records.variants import Variant, Variants
from marketfit.research import research

EXAMPLE = Path(__file__).parents[2] / "examples" / "home-assistant"


class Shop(Protocol):
    """The maker of records of conftest.py."""

    def __init__(self, run: Run) -> None: ...
    def dataset(self, *, test: int = 400) -> Dataset: ...
    def variant(
        self, name: str, *, wrong: range = ..., p95: float | None = ..., size: float = ..., rejected: str = ...,
        cost: float | None = ..., metrics: tuple[str, ...] = ...,
    ) -> Variant: ...  # fmt: skip


MakeBrief = Callable[..., Brief]
EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())


def of(*variants: Variant) -> Variants:
    return Variants(variants=variants, machine="test", notes=())


def line(decision: Decision, variant: str, price: float | None = None) -> Standing:
    return next(item for item in decision.standings if (item.variant, item.price) == (variant, price))


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    """The module that states the true preferences of the example's simulated buyers."""
    spec = importlib.util.spec_from_file_location("truth", EXAMPLE / "simulation" / "truth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Brief, MarketView, Run]]:
    """The example's brief with its survey estimated once: by the logit, which is quick."""
    brief = priced(load_brief(EXAMPLE / "brief.yaml"), model="logit", drop_careless=False, surveys={})
    with start(brief, workspace=tmp_path_factory.mktemp("workspace"), command="test") as run:
        yield brief, logit_study(brief, run), run


@pytest.fixture(scope="module")
def full_survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Brief, MarketView, Run]]:
    """The same as a user has it: respondents judged, hierarchical Bayes compared and fitted. It takes minutes."""
    brief = load_brief(EXAMPLE / "brief.yaml")
    with start(brief, workspace=tmp_path_factory.mktemp("workspace"), command="test") as run:
        yield brief, research(brief, None, run=run), run


@pytest.fixture
def make(shop: Shop) -> Callable[[Run], Shop]:
    return type(shop)


def priced(brief: Brief, **market: object) -> Brief:
    """The brief with other market settings, checked again."""
    spec = type(brief.market).model_validate(brief.market.model_dump() | market)
    return brief.model_copy(update={"market": spec})


def best_price(survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]) -> Decision:
    """What is decided for a variant with 95 % of 600 valid rows right and a p95 of 5 ms."""
    brief, market, run = survey
    shop = make(run)
    return position(brief, shop.dataset(), market, of(shop.variant("v", wrong=range(30), p95=5.0)), run=run)


def logit_study(brief: Brief, run: Run) -> MarketView:
    """Research without what no decision rests on: classes of people, and price competition in many worlds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketfit.research.study.segments.CLASSES", (1,))
        patch.setattr("marketfit.research.study.reaction.WORLDS", 2)
        return research(brief, None, run=run)


def one_price(brief: Brief, price: float) -> dict[str, object]:
    return brief.market.model_dump()["attributes"] | {"price": {"offer": price, "better": "lower"}}


# --- on the example's survey, whose truth is known ---------------------------------------------------------------


def test_the_true_best_price_is_found(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop], truth: ModuleType
) -> None:
    decision = best_price(survey, make)
    assert (decision.goal, decision.winner, decision.price) == ("profit", "v", 4.0)
    for price in (2, 4, 6):
        found = line(decision, "v", float(price))
        assert found.share is not None
        assert found.value == pytest.approx(50_000 * found.share * (price - 0.8))
    assert sum(decision.shares.values()) == pytest.approx(1.0)
    assert list(decision.shares) == ["home-assistant", *truth.COMPETITORS, "none"]
    assert decision.shares["home-assistant"] == pytest.approx(line(decision, "v", 4.0).share)


@pytest.mark.slow  # the whole study, for minutes
@pytest.mark.timeout(900)
def test_true_shares_lie_within_reach(
    full_survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop], truth: ModuleType
) -> None:
    decision = best_price(full_survey, make)
    assert (decision.goal, decision.winner, decision.price) == ("profit", "v", 4.0)
    offer = {"accuracy": "0.95", "latency_ms": "5", "privacy": "on-device"}
    for price in (2, 4, 6):
        rivals = truth.COMPETITORS.values()
        true = float(truth.true_shares([{**offer, "price": str(price)}, *rivals], buyers=20_000)[0])
        found = line(decision, "v", float(price))
        assert found.share_low is not None
        assert found.share_high is not None
        assert found.share_low - 0.03 < true < found.share_high + 0.03


def test_chances_add_up_and_regret_is_what_a_wrong_choice_costs(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    brief, market, run = survey
    shop = make(run)
    variants = of(
        shop.variant("accurate", wrong=range(24), p95=9.0),
        shop.variant("quick", wrong=range(60, 87), p95=2.5),
        shop.variant("huge", wrong=range(5), size=45.0),
    )
    decision = position(brief, shop.dataset(), market, variants, run=run)
    assert sum(item.probability_best for item in decision.standings) == pytest.approx(1.0)
    # "accurate" and "quick" are worth about the same, so that either may be the likelier best: the mean decides.
    assert 0.0 < decision.probability_best < 1.0
    assert sum(line(decision, name, 4.0).probability_best for name in ("accurate", "quick")) > 0.95
    values = [item.value for item in decision.standings if item.feasible and item.value is not None]
    assert line(decision, decision.winner or "", decision.price).value == max(values)
    assert 0.0 < decision.expected_regret < 0.03 * (line(decision, decision.winner or "", 4.0).value or 0.0)
    assert len(decision.standings) == 9
    assert not line(decision, "huge", 4.0).feasible
    assert "size_mb <= 30 is broken" in line(decision, "huge", 4.0).reason
    # The most accurate: the market would take it, the promise forbids it.
    assert (line(decision, "huge", 4.0).value or 0.0) > (line(decision, "accurate", 4.0).value or 0.0)


def test_goals_share_and_utility_take_their_own_best(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    brief, market, run = survey
    shop = make(run)
    variants = of(shop.variant("good", wrong=range(12)), shop.variant("poor", wrong=range(60)))
    shared = priced(brief, goal="share", attributes=one_price(brief, 6.0))
    by_share = position(shared, shop.dataset(), market, variants, run=run)
    assert (by_share.winner, by_share.price) == ("good", 6.0)
    best = line(by_share, "good", 6.0)
    assert best.value == pytest.approx(best.share)
    by_utility = position(priced(brief, goal="utility"), shop.dataset(), market, variants, run=run)
    assert (by_utility.winner, by_utility.price) == ("good", 2.0)
    assert any("no account of what we earn" in note for note in by_utility.notes)


def test_the_measured_cost_of_predictions_lowers_the_profit(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    brief, market, run = survey
    shop = make(run)
    dear = priced(brief, predictions_per_buyer=1000.0)
    variants = of(shop.variant("cheap", wrong=range(30), cost=0.1), shop.variant("dear", wrong=range(30), cost=1.0))
    decision = position(dear, shop.dataset(), market, variants, run=run)
    assert decision.winner == "cheap"
    cheap, costly = line(decision, "cheap", 4.0), line(decision, "dear", 4.0)
    assert cheap.share == pytest.approx(costly.share or 0.0, abs=0.01)
    assert cheap.value == pytest.approx(50_000 * (cheap.share or 0.0) * (4 - 0.8 - 0.1), rel=1e-3)
    unmeasured = position(dear, shop.dataset(), market, of(shop.variant("v", wrong=range(30))), run=run)
    assert unmeasured.winner is None
    assert line(unmeasured, "v", 4.0).value is None


def test_what_the_survey_did_not_test_is_clamped_and_said(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    brief, market, run = survey
    shop = make(run)
    two = of(shop.variant("at the end", wrong=range(30), p95=2.0), shop.variant("beyond", wrong=range(30), p95=0.5))
    decision = position(brief, shop.dataset(), market, two, run=run)
    assert any("beyond: 0.5" in note and "tested 2 to 200" in note for note in decision.notes)
    assert line(decision, "beyond", 4.0).share == pytest.approx(line(decision, "at the end", 4.0).share or 0, abs=1e-3)
    free = {**brief.market.model_dump()["attributes"], "price": {"offer": [4, 40], "better": "lower"}}
    overpriced = position(priced(brief, attributes=free), shop.dataset(), market, two, run=run)
    assert overpriced.price == 4.0  # demand is held at 8 USD there, so 40 USD would seem to earn a fortune
    assert (line(overpriced, "beyond", 40.0).value or 0.0) > (line(overpriced, "beyond", 4.0).value or 0.0)
    assert "nobody knows the demand" in line(overpriced, "beyond", 40.0).reason


def test_every_combination_of_what_we_set_is_tried(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    brief, market, run = survey
    shop = make(run)
    attributes = brief.market.model_dump()["attributes"] | {"privacy": {"offer": ["cloud", "on-device"]}}
    decision = position(
        priced(brief, attributes=attributes), shop.dataset(), market, of(shop.variant("v", wrong=range(30))), run=run
    )
    assert len(decision.standings) == 6
    assert decision.price == 4.0
    assert "We offer privacy = on-device." in decision.notes
    assert {item.reason for item in decision.standings} == {"privacy = cloud", "privacy = on-device"}


def test_the_same_seed_gives_the_same_decision(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop], tmp_path: Path
) -> None:
    brief, market, run = survey
    shop = make(run)
    variants, dataset = of(shop.variant("v", wrong=range(31)), shop.variant("w", wrong=range(32))), shop.dataset()
    first = position(brief, dataset, market, variants, run=run)
    with start(brief, workspace=tmp_path / "other", command="test") as other:
        again, elsewhere = type(shop)(other), logit_study(brief, other)
        same = of(again.variant("v", wrong=range(31)), again.variant("w", wrong=range(32)))
        assert position(brief, again.dataset(), elsewhere, same, run=other) == first


def test_measurement_error_makes_the_choice_less_sure(
    survey: tuple[Brief, MarketView, Run], make: Callable[[Run], Shop]
) -> None:
    """Equal but for 3 of 600 rows: whatever tastes are, which one is more accurate stays open."""
    brief, market, run = survey
    shop = make(run)
    one = priced(brief, attributes=one_price(brief, 4.0))
    variants = of(shop.variant("more", wrong=range(30)), shop.variant("less", wrong=range(100, 133)))
    decision = position(one, shop.dataset(), market, variants, run=run)
    assert decision.winner == "more"
    assert 0.5 < decision.probability_best < 0.8


# --- without a survey --------------------------------------------------------------------------------------------


def test_without_a_survey_the_first_requirement_ranks(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    variants = of(
        shop.variant("quick", wrong=range(50), p95=2.0),
        shop.variant("good", wrong=range(20), p95=5.0),
        shop.variant("slow", wrong=range(5), p95=40.0),
    )
    by_accuracy = position(brief_with(), shop.dataset(), EMPTY, variants, run=run)
    assert (by_accuracy.goal, by_accuracy.winner, by_accuracy.price) == ("accuracy", "good", None)
    assert line(by_accuracy, "good").value == pytest.approx(580 / 600)
    assert by_accuracy.shares == {}
    speed = brief_with('{latency_p95_ms: "<= 10", accuracy: ">= 0.85"}')
    by_speed = position(speed, shop.dataset(), EMPTY, variants, run=run)
    assert (by_speed.goal, by_speed.winner) == ("latency_p95_ms", "quick")
    assert line(by_speed, "quick").value == pytest.approx(2.0)
    assert by_speed.probability_best == 1.0  # 2 against 5 ms, each within 5 %
    assert by_speed.expected_regret == 0.0


def test_without_a_survey_weights_rank_in_the_better_direction(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    variants = of(shop.variant("quick", wrong=range(40), p95=2.0), shop.variant("good", wrong=range(20), p95=8.0))
    # 3.3 points of accuracy against 6 ms.
    for per_ms, winner in ((0.001, "good"), (0.01, "quick")):
        brief = brief_with(extra=f"weights: {{accuracy: 1.0, latency_p95_ms: {per_ms}}}")
        decision = position(brief, shop.dataset(), EMPTY, variants, run=run)
        assert (decision.goal, decision.winner) == ("weights", winner)
    assert line(decision, "quick").value == pytest.approx(560 / 600 - 0.02)


def test_equal_variants_share_the_chance_and_the_smaller_wins(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    variants = of(shop.variant("large", wrong=range(20), size=25.0), shop.variant("small", wrong=range(20), size=10.0))
    decision = position(brief_with(), shop.dataset(), EMPTY, variants, run=run)
    assert decision.winner == "small"
    assert [item.probability_best for item in decision.standings] == [0.5, 0.5]


@pytest.mark.parametrize(("high", "winner"), [(5.7, "small"), (6.5, "large")])
def test_chances_that_only_the_noise_of_timing_tells_apart_are_equal(
    brief_with: MakeBrief, shop: Shop, run: Run, high: float, winner: str
) -> None:
    """The smaller one was timed while the machine was busy: a bound nearer to the limit counts from 5 points on."""
    large, small = shop.variant("large", wrong=range(20), size=25.0), shop.variant("small", wrong=range(20), size=10.0)
    busy = small.model_copy(
        update={
            "measurements": tuple(
                replace(found, low=16.0 / high, high=high) if found.metric == "latency_p95_ms" else found
                for found in small.measurements
            )
        }
    )
    decision = position(brief_with(), shop.dataset(), EMPTY, of(large, busy), run=run)
    assert decision.winner == winner
    lost = line(decision, "large").probability_kept - line(decision, "small").probability_kept
    assert 0.01 < lost < 0.2
    assert (lost < 0.05) == (winner == "small")


def test_shared_luck_cancels_when_variants_are_compared(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    """Both err on the same 30 rows, one on 3 more: it is worse in every resample, though the intervals overlap."""
    nested = of(shop.variant("less", wrong=range(30)), shop.variant("more", wrong=range(33)))
    decision = position(brief_with(), shop.dataset(), EMPTY, nested, run=run)
    assert decision.probability_best == 1.0
    assert decision.expected_regret == 0.0
    low, high = line(decision, "less").value_low, line(decision, "more").value_high
    assert low is not None
    assert high is not None
    assert low < high
    apart = of(shop.variant("less", wrong=range(30)), shop.variant("more", wrong=range(100, 133)))
    assert 0.5 < position(brief_with(), shop.dataset(), EMPTY, apart, run=run).probability_best < 0.8


def test_macro_f1_is_drawn_jointly_too(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief = brief_with('{macro_f1: ">= 0.85"}')
    metrics = ("macro_f1",)
    nested = of(
        shop.variant("less", wrong=range(30), metrics=metrics), shop.variant("more", wrong=range(45), metrics=metrics)
    )
    decision = position(brief, shop.dataset(), EMPTY, nested, run=run)
    assert (decision.winner, decision.probability_best) == ("less", 1.0)
    low, value, high = (getattr(line(decision, "less"), name) for name in ("value_low", "value", "value_high"))
    assert low < value < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.95 * 0.05 / 600), rel=0.2)


# --- feasibility -------------------------------------------------------------------------------------------------


def test_a_variant_that_the_test_would_refuse_gives_way_to_a_likely_one(
    brief_with: MakeBrief, shop: Shop, run: Run
) -> None:
    """The quickest is the goal here, but accuracy 0.868 could hardly be proved to be 0.85 or more."""
    brief = brief_with('{latency_p95_ms: "<= 10", accuracy: ">= 0.85"}')
    variants = of(shop.variant("doubtful", wrong=range(79), p95=2.0), shop.variant("sound", wrong=range(30), p95=6.0))
    decision = position(brief, shop.dataset(), EMPTY, variants, run=run)
    assert decision.winner == "sound"
    doubtful = line(decision, "doubtful")
    assert doubtful.feasible
    assert 0.05 < doubtful.probability_kept < 0.5
    assert "probability" in doubtful.reason


def test_an_opened_test_is_harder_to_keep_a_contract_on(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    variants, dataset = of(shop.variant("v", wrong=range(66))), shop.dataset()
    first = position(brief_with(), dataset, EMPTY, variants, run=run)
    run.ledger.open_test(product=run.product, test_digest="t", bundle_digest="b", run=run.id)
    later = position(brief_with(), dataset, EMPTY, of(shop.variant("w", wrong=range(66))), run=run)
    assert later.standings[0].probability_kept < first.standings[0].probability_kept - 0.1


@pytest.mark.parametrize(
    ("worst", "binding"),
    [
        ({"wrong": range(120)}, "accuracy >= 0.85"),
        ({"p95": 30.0}, "latency_p95_ms <= 10"),
        ({"p95": None}, "latency_p95_ms <= 10"),
        ({"size": 31.0}, "size_mb <= 30"),
        # Far too large: it was never timed, and its size is what stands in the way.
        ({"size": 80.0, "p95": None, "rejected": "80 MB is far above the limit"}, "size_mb <= 30"),
    ],
)
def test_nothing_feasible_names_the_binding_requirement(
    brief_with: MakeBrief, shop: Shop, run: Run, worst: dict[str, object], binding: str
) -> None:
    only = of(shop.variant("only", **worst))  # type: ignore[arg-type] # the cases above have the right types
    decision = position(brief_with(), shop.dataset(), EMPTY, only, run=run)
    assert (decision.winner, decision.price, decision.probability_best) == (None, None, 0.0)
    assert decision.binding == binding
    assert decision.nearest == ("" if worst == {"p95": None} else "only")
    assert not decision.standings[0].feasible
    assert decision.standings[0].reason


def test_the_binding_requirement_is_the_one_that_all_miss_by_most(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    """Latency is missed by 20 % at best, size by 10 %: the nearest to the latency bound is named."""
    variants = of(
        shop.variant("slow", p95=30.0, size=33.0),
        shop.variant("slower", p95=60.0, size=33.0),
        shop.variant("near", p95=11.5, size=60.0),
    )
    decision = position(brief_with(), shop.dataset(), EMPTY, variants, run=run)
    assert (decision.binding, decision.nearest) == ("latency_p95_ms <= 10", "near")
    assert "11.5" in decision.notes[0]


def test_the_nearest_variant_is_one_that_could_ship(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    """A rejected one is a little more accurate, but has no chance whatever the accuracy."""
    variants = of(
        shop.variant("far too large", wrong=range(110), size=90.0, p95=None, rejected="90 MB is far above the limit"),
        shop.variant("small", wrong=range(115)),
    )
    decision = position(brief_with(), shop.dataset(), EMPTY, variants, run=run)
    assert (decision.binding, decision.nearest) == ("accuracy >= 0.85", "small")


def test_requirements_that_no_variant_meets_together(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    variants = of(shop.variant("small and poor", wrong=range(300), size=10.0), shop.variant("large", size=33.0))
    decision = position(brief_with(), shop.dataset(), EMPTY, variants, run=run)
    assert (decision.binding, decision.nearest) == ("size_mb <= 30", "large")
    assert "no variant meets all" in decision.notes[0]
    assert decision.provable


def test_a_test_split_too_small_for_any_proof_is_the_obstacle(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    perfect = of(shop.variant("perfect", p95=30.0))
    decision = position(brief_with(), shop.dataset(test=15), EMPTY, perfect, run=run)
    assert decision.binding == "accuracy >= 0.85"
    assert "too few rows" in decision.notes[0]
    assert not decision.provable
