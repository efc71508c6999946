"""The locked test: opened once, for the winner alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pytest

from marketfit.brief import Brief
from marketfit.contract import Measurement, Verdict
from marketfit.engine import Run
from marketfit.measure.intervals import clopper_pearson
from marketfit.position import position, settle
from marketfit.records.base import Folder
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision, Settlement
from marketfit.records.market import MarketView
from marketfit.records.variants import UntriedGroup, Variant, Variants

EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())
FIRST_TEST_ROW = 901


class Shop(Protocol):
    """The maker of records of conftest.py."""

    def dataset(self, *, test: int = 400, sensitive: tuple[str, ...] = (), sliced: bool = False) -> Dataset: ...
    def bundle(self, *, wrong: range = ...) -> Folder: ...
    def variant(
        self, name: str, *, wrong: range = ..., p95: float = ..., bundle: Folder | None = ...,
        metrics: tuple[str, ...] = ...,
    ) -> Variant: ...  # fmt: skip


MakeBrief = Callable[..., Brief]


def of(*variants: Variant) -> Variants:
    return Variants(variants=variants, machine="test", notes=())


def first_rows(count: int) -> range:
    """Numbers of the first rows of the test split."""
    return range(FIRST_TEST_ROW, FIRST_TEST_ROW + count)


def decided(brief: Brief, dataset: Dataset, variants: Variants, run: Run) -> Decision:
    return position(brief, dataset, EMPTY, variants, run=run)


def settled(brief: Brief, dataset: Dataset, variants: Variants, run: Run) -> Settlement:
    return settle(brief, dataset, variants, decided(brief, dataset, variants, run), run=run)


@pytest.mark.usefixtures("opened")
def test_a_contract_that_is_kept_ships(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with(), shop.dataset()
    winner = shop.variant("v", wrong=range(30), bundle=shop.bundle(wrong=first_rows(20)))
    found = settled(brief, dataset, of(winner), run)
    assert (found.status, found.variant, found.opening) == ("shipped", "v", 1)
    assert found.level == pytest.approx(0.025)
    assert [clause.verdict for clause in found.contract.clauses] == [Verdict.MET] * 3
    accuracy = found.contract.clauses[0].measurement
    assert accuracy is not None
    assert (accuracy.value, accuracy.n) == (0.95, 400)
    assert accuracy.low == pytest.approx(clopper_pearson(380, 400, confidence=0.975).low)
    assert "locked test, opening 1" in accuracy.conditions
    # Time and size are those of the variant.
    assert found.contract.clauses[1].measurement == winner.measured("latency_p95_ms")
    assert found.contract.clauses[2].measurement == winner.measured("size_mb")


@pytest.mark.usefixtures("opened")
def test_the_quality_report_is_that_of_the_test_rows(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with(), shop.dataset()
    found = settled(brief, dataset, of(shop.variant("v", bundle=shop.bundle(wrong=first_rows(20)))), run)
    assert found.quality is not None
    assert (found.quality.rows, found.quality.accuracy) == (400, 0.95)
    assert sorted(error.row for error in found.quality.errors) == list(first_rows(20))
    assert (found.quality.unknown_tokens, found.quality.truncated) == (0.01, 0.02)
    assert sum(line.rows for line in found.quality.per_class) == 400


def test_a_winner_that_fails_is_refused_and_no_runner_up_is_tried(
    brief_with: MakeBrief, shop: Shop, run: Run, opened: list[Path]
) -> None:
    brief, dataset = brief_with(), shop.dataset()
    variants = of(
        shop.variant("first", wrong=range(10), bundle=shop.bundle(wrong=first_rows(100))),
        shop.variant("second", wrong=range(20), bundle=shop.bundle()),
    )
    found = settled(brief, dataset, variants, run)
    assert (found.status, found.variant) == ("refused", "first")
    assert found.contract.clauses[0].verdict is Verdict.BROKEN
    assert "accuracy >= 0.85 is broken at 0.75" in found.reason
    assert "more test rows" not in found.reason
    assert len(opened) == 1
    assert run.ledger.openings(run.product) == 1


@pytest.mark.usefixtures("opened")
def test_an_unproven_requirement_says_how_many_rows_would_settle_it(
    brief_with: MakeBrief, shop: Shop, run: Run
) -> None:
    brief, dataset = brief_with(), shop.dataset()
    found = settled(brief, dataset, of(shop.variant("v", bundle=shop.bundle(wrong=first_rows(52)))), run)
    assert (found.status, found.contract.clauses[0].verdict) == ("refused", Verdict.UNPROVEN)
    assert "if accuracy stays at 0.87," in found.reason
    total = int(found.reason.split("(")[-1].split(" in all")[0].replace(",", ""))
    assert total > 400
    # At opening 2 the level is 0.05/6: that many rows prove it, and clearly fewer do not.
    assert clopper_pearson(round(0.87 * total), total, confidence=1 - 0.05 / 6).low >= 0.85 - 1e-3
    fewer = int(0.9 * total)
    assert clopper_pearson(round(0.87 * fewer), fewer, confidence=1 - 0.05 / 6).low < 0.85


@pytest.mark.usefixtures("opened")
def test_a_bootstrapped_metric_says_about_how_many_rows(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with('{macro_f1: ">= 0.85"}'), shop.dataset()
    winner = shop.variant("v", metrics=("macro_f1",), bundle=shop.bundle(wrong=first_rows(52)))
    found = settled(brief, dataset, of(winner), run)
    assert found.contract.clauses[0].verdict is Verdict.UNPROVEN
    assert "about" in found.reason
    assert found.contract.clauses[0].measurement is not None
    assert found.contract.clauses[0].measurement.confidence == pytest.approx(0.975)


@pytest.mark.usefixtures("opened")
def test_metrics_of_groups_are_measured_on_the_groups_of_the_test(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    """All errors fall on group x: rows of even place, 40 of 200."""
    brief = brief_with().model_copy(update={"require": (brief_with().require[0],)})
    worst = replace(brief.require[0], metric="worst_group_accuracy", limit=0.7)
    brief = brief.model_copy(update={"require": (worst,)})
    dataset = shop.dataset(sensitive=("side",))
    winner = shop.variant("v", bundle=shop.bundle(wrong=range(FIRST_TEST_ROW, FIRST_TEST_ROW + 80, 2)))
    decision = decided(brief_with(), dataset, of(winner), run)
    found = settle(brief, dataset, of(winner), decision, run=run)
    assert found.status == "shipped"
    assert found.contract.clauses[0].measurement is not None
    assert found.contract.clauses[0].measurement.value == pytest.approx(0.8)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("limit", "status", "verdict"),
    [(0.7, "shipped", Verdict.MET), (0.78, "refused", Verdict.UNPROVEN), (0.9, "refused", Verdict.BROKEN)],
)
def test_the_worst_slice_is_judged_on_the_slices_of_the_test(
    brief_with: MakeBrief, shop: Shop, run: Run, limit: float, status: str, verdict: Verdict
) -> None:
    """All errors fall on odd rows, 40 of 200, so that the accuracy is 0.9 and that of the worst slice 0.8."""
    brief = brief_with(f'{{worst_slice_accuracy: ">= {limit}"}}')
    dataset = shop.dataset(sliced=True)
    winner = shop.variant("v", bundle=shop.bundle(wrong=range(FIRST_TEST_ROW, FIRST_TEST_ROW + 80, 2)))
    decision = decided(brief_with(), dataset, of(winner), run)
    found = settle(brief, dataset, of(winner), decision, run=run)
    clause = found.contract.clauses[0]
    assert (found.status, clause.verdict) == (status, verdict)
    assert clause.measurement is not None
    assert clause.measurement.value == pytest.approx(0.8)
    assert clause.measurement.low == pytest.approx(clopper_pearson(160, 200, confidence=0.975).low)
    assert found.quality is not None
    assert [(row.name, row.accuracy) for row in found.quality.slices] == [("odd", 0.8), ("even", 1.0)]


@pytest.mark.usefixtures("opened")
def test_without_slices_their_requirement_is_never_kept(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with('{worst_slice_accuracy: ">= 0.1"}'), shop.dataset()
    winner = shop.variant("v", bundle=shop.bundle())
    found = settle(brief, dataset, of(winner), decided(brief_with(), dataset, of(winner), run), run=run)
    assert (found.status, found.contract.clauses[0].verdict) == ("refused", Verdict.UNMEASURED)
    refused = decided(brief, dataset, of(winner), run)
    assert (refused.winner, refused.binding) == (None, "worst_slice_accuracy >= 0.1")


def timed(variant: Variant, metric: str, value: float, high: float, n: int) -> Variant:
    low = 2 * value - high
    found = Measurement(metric=metric, value=value, low=low, high=high, n=n, conditions="fresh processes")
    return variant.model_copy(update={"measurements": (*variant.measurements, found)})


@pytest.mark.usefixtures("opened")
def test_a_requirement_on_the_99th_percentile_ships_or_refuses(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with('{accuracy: ">= 0.85", latency_p99_ms: "<= 20"}'), shop.dataset()
    plain = shop.variant("v", wrong=range(30), bundle=shop.bundle(wrong=first_rows(20)))
    unmeasured = settled(brief, dataset, of(plain), run)
    assert (unmeasured.status, unmeasured.contract.clauses[1].verdict) == ("refused", Verdict.UNMEASURED)
    found = settled(brief, dataset, of(timed(plain, "latency_p99_ms", 8.0, 9.0, 2000)), run)
    assert found.status == "shipped"
    assert found.contract.clauses[1].measurement is not None
    assert found.contract.clauses[1].measurement.high == 9.0


@pytest.mark.parametrize(
    ("metric", "n", "said"),
    [
        ("memory_mb", 5, "about 3 more processes (8 in all) would prove it"),
        ("latency_p99_ms", 2000, "about 2,500 more requests (4,500 in all) would prove it"),
    ],
)
def test_the_refusal_says_how_much_more_would_prove_what_processes_gave(
    brief_with: MakeBrief, shop: Shop, run: Run, metric: str, n: int, said: str
) -> None:
    brief, dataset = brief_with(f'{{accuracy: ">= 0.85", {metric}: "<= 100"}}'), shop.dataset()
    found = settled(brief, dataset, of(timed(shop.variant("v"), metric, 98.0, 101.0, n)), run)
    assert (found.status, found.opening) == ("refused", 0)
    assert found.contract.clauses[1].verdict is Verdict.UNPROVEN
    assert f"if {metric} stays at 98, {said}" in found.reason
    assert "target.processes: " in found.reason


# --- openings ----------------------------------------------------------------------------------------------------


def test_killed_after_the_opening_it_resumes_at_the_same_number(
    brief_with: MakeBrief, shop: Shop, run: Run, opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    brief, dataset = brief_with(), shop.dataset()
    variants = of(shop.variant("v", bundle=shop.bundle(wrong=first_rows(20))))
    decision = decided(brief, dataset, variants, run)

    def die(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_module("marketfit.position.settle"), "measure_quality", die)
        with pytest.raises(KeyboardInterrupt):
            settle(brief, dataset, variants, decision, run=run)
    assert run.ledger.openings(run.product) == 1
    found = settle(brief, dataset, variants, decision, run=run)
    assert (found.opening, found.status) == (1, "shipped")
    assert settle(brief, dataset, variants, decision, run=run) == found
    assert run.ledger.openings(run.product) == 1
    assert len(opened) == 2  # the killed one and the one that counts; the third came from the ledger


@pytest.mark.usefixtures("opened")
def test_a_second_bundle_is_judged_more_strictly(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with(), shop.dataset()
    first = of(shop.variant("v", bundle=shop.bundle(wrong=first_rows(20))))
    second = of(shop.variant("v", bundle=shop.bundle(wrong=first_rows(19))))
    lows = []
    for variants, opening in ((first, 1), (second, 2), (first, 1)):
        found = settled(brief, dataset, variants, run)
        assert found.opening == opening
        assert found.level == pytest.approx(0.05 / (opening * (opening + 1)))
        measured = found.contract.clauses[0].measurement
        assert measured is not None
        assert measured.confidence == pytest.approx(1 - found.level)
        lows.append(measured.low)
    assert lows[1] < lows[0] == lows[2]  # one error less, and yet less is proved
    assert run.ledger.openings(run.product) == 2


def test_a_refusal_leaves_the_test_shut(brief_with: MakeBrief, shop: Shop, run: Run, opened: list[Path]) -> None:
    brief, dataset = brief_with(), shop.dataset()
    variants = of(shop.variant("slow", p95=30.0, bundle=shop.bundle()), shop.variant("slower", p95=90.0))
    found = settled(brief, dataset, variants, run)
    assert (found.status, found.variant, found.opening, found.quality) == ("refused", None, 0, None)
    assert (run.ledger.openings(run.product), opened) == (0, [])
    assert "binding requirement is latency_p95_ms <= 10" in found.reason
    assert "nearest to it is slow" in found.reason
    verdicts = [clause.verdict for clause in found.contract.clauses]
    # Accuracy is perfect on the valid rows, and still nothing is proved.
    assert verdicts == [Verdict.UNPROVEN, Verdict.BROKEN, Verdict.MET]
    accuracy = found.contract.clauses[0].measurement
    assert accuracy is not None
    assert "the locked test stayed shut" in accuracy.conditions
    assert not found.contract.kept


def test_a_refusal_without_any_measurement_is_unmeasured(
    brief_with: MakeBrief, shop: Shop, run: Run, opened: list[Path]
) -> None:
    broken = shop.variant("broken").model_copy(update={"measurements": (), "rejected": "no probabilities"})
    found = settled(brief_with(), shop.dataset(), of(broken), run)
    assert [clause.verdict for clause in found.contract.clauses] == [Verdict.UNMEASURED] * 3
    assert (run.ledger.openings(run.product), opened) == (0, [])


def test_a_refusal_says_what_the_budget_left_out(brief_with: MakeBrief, shop: Shop, run: Run) -> None:
    brief, dataset = brief_with('{accuracy: ">= 0.85", memory_mb: "<= 50"}'), shop.dataset()
    variants = of(timed(shop.variant("v"), "memory_mb", 98.0, 101.0, 5))
    left = (UntriedGroup(why="over budget", count=428, nearest=()), UntriedGroup(why="unlikely", count=3, nearest=()))
    for untried, told in (((), False), (left[1:], False), (left, True)):
        found = settled(brief, dataset, variants.model_copy(update={"untried": untried}), run)
        assert found.status == "refused"
        assert ("428 sequences of passes were over budget" in found.reason) == told
