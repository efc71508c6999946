"""Which model is taken, on held-out tasks, and what scale its utilities have."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.demand import ChoiceData, HBResult, MNLResult, TunedScale, draw_utilities, fit_mnl, price_curve
from marketfit.research.study.model import Chosen, choose_model, proven


@pytest.fixture(autouse=True)
def few_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More classes than there are kinds of people take long to fit."""
    monkeypatch.setattr("marketfit.research.study.model.CLASSES", (1, 2))


def survey(spread: float, people: int = 60, tasks: int = 10) -> ChoiceData:
    """Choices among three by two numbers, with tastes that differ between people by `spread`."""
    rng = np.random.default_rng(1)
    table: dict[str, list[float]] = {name: [] for name in ("who", "task", "alt", "won", "x", "y")}
    for person in range(people):
        taste = np.array([1.0, -1.0]) + spread * rng.normal(size=2)
        for task in range(tasks):
            shown = rng.normal(size=(3, 2))
            won = int(np.argmax(shown @ taste + rng.gumbel(size=3)))
            for place in range(3):
                row = (person, task, place, float(place == won), *shown[place])
                for name, value in zip(table, row, strict=True):
                    table[name].append(float(value))
    return ChoiceData.from_table(
        table, respondent="who", task="task", alternative="alt", chosen="won", attributes=["x", "y"]
    )


def chosen(data: ChoiceData, wanted: str = "auto") -> Chosen:
    logit = fit_mnl(data)
    return choose_model(logit, data, wanted=wanted, seed=0, progress=lambda _done: None)  # type: ignore[arg-type]


def test_people_who_differ_are_described_by_hierarchical_bayes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.research.study.model.ITERATIONS", (800, 2400))
    monkeypatch.setattr("marketfit.research.study.model.TRYING", 200)
    found = chosen(survey(2.5))
    assert found.kind == "hierarchical-bayes"
    assert isinstance(found.model, HBResult)
    losses = {held.model: held.log_loss for held in found.held_out}
    assert losses["hierarchical-bayes"] < losses["logit"]


def test_a_wanted_model_is_the_only_one_that_is_tried() -> None:
    data = survey(2.5)
    found = chosen(data, "logit")
    assert isinstance(found.model, MNLResult)
    assert [held.model for held in found.held_out] == ["logit"]
    assert found.scale == 1.0
    classes = chosen(data, "latent-class")
    assert classes.kind == "latent-class"
    assert "by BIC" in classes.notes[0]


def test_an_unsettled_posterior_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.research.study.model.ITERATIONS", (20, 20))
    monkeypatch.setattr("marketfit.research.study.model.TRYING", 200)
    found = chosen(survey(2.5))
    assert found.kind != "hierarchical-bayes"
    assert any("Not hierarchical-bayes" in note and "have not settled" in note for note in found.notes)
    assert "hierarchical-bayes" in {held.model for held in found.held_out}


HUNTERS, OTHERS, NONE = (0.3, -0.9), (1.6, -0.15), -3.0
"""What a device and a unit of price are worth to a third of people, and to the others."""


def two_segments(people: int = 120, tasks: int = 10) -> ChoiceData:
    """Choices among three, or none, of people of two kinds."""
    rng = np.random.default_rng(3)
    table: dict[str, list[object]] = {name: [] for name in ("who", "task", "alt", "won", "place", "price")}
    for person in range(people):
        device, slope = HUNTERS if person % 3 == 0 else OTHERS
        for task in range(tasks):
            local, price = rng.integers(2, size=3), rng.choice([2.0, 4.0, 6.0, 8.0], size=3)
            worth = np.append(device * local + slope * price, NONE) + rng.gumbel(size=4)
            for place in range(4):
                none = place == 3
                shown = (None, None) if none else (("cloud", "device")[local[place]], float(price[place]))
                row = (person, task, "none" if none else str(place), int(place == worth.argmax()), *shown)
                for name, value in zip(table, row, strict=True):
                    table[name].append(value)
    return ChoiceData.from_table(
        table, respondent="who", task="task", alternative="alt", chosen="won", attributes=["place", "price"]
    )


def test_where_chains_do_not_settle_two_segments_stay_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.research.study.model.ITERATIONS", (20, 20))
    monkeypatch.setattr("marketfit.research.study.model.TRYING", 200)
    data = two_segments()
    logit = fit_mnl(data, signs={"price": -1})
    found = choose_model(logit, data, wanted="auto", seed=0, progress=lambda _done: None)
    assert found.kind == "latent-class"
    assert found.model is found.classes
    assert found.model.coding.columns == ("place_device", "price", "none")
    losses = {held.model: held.log_loss for held in found.held_out}
    assert set(losses) == {"logit", "latent-class", "hierarchical-bayes"}
    assert losses["latent-class"] < losses["logit"]

    drawn = draw_utilities(found.model, draws=1000, rng=0)
    offers = {"ours": {"place": "device", "price": 2.0}, "theirs": {"place": "cloud", "price": 4.0}}
    prices = [2.0, 4.0, 6.0, 8.0]
    curve = price_curve(drawn, offers, offer="ours", prices=prices, unit_cost=1.0, audience=1.0, price="price")
    for price, low, high in zip(prices, curve.share_low, curve.share_high, strict=True):
        assert low < true_share(price) < high


def true_share(price: float) -> float:
    """Of a device at this price, against a cloud at 4 and none."""
    shares = []
    for device, slope in (HUNTERS, OTHERS, OTHERS):
        utility = np.exp([device + slope * price, 4.0 * slope, NONE])
        shares.append(utility[0] / utility.sum())
    return float(np.mean(shares))


def test_few_people_or_tasks_have_the_same_tastes() -> None:
    assert chosen(survey(2.5, people=10)).kind == "logit"
    assert chosen(survey(2.5, tasks=3)).kind == "logit"


@pytest.mark.parametrize(("low", "high", "factor"), [(0.7, 0.9, 0.8), (0.7, 1.1, 1.0), (1.1, 1.5, 0.8)])
def test_a_factor_counts_where_it_is_proven(low: float, high: float, factor: float) -> None:
    assert proven(TunedScale(0.8, low, high, 0.95, 1.0, 1.1, 100, 50, False)) == factor
