"""Which model is taken, on held-out tasks, and what scale its utilities have."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.demand import ChoiceData, HBResult, MNLResult, TunedScale, fit_mnl
from marketfit.research.study.model import Chosen, choose_model, proven


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
    assert found.kind == "logit"
    assert "have not settled" in found.notes[0]
    assert len(found.held_out) == 2


def test_few_people_or_tasks_have_the_same_tastes() -> None:
    assert chosen(survey(2.5, people=10)).kind == "logit"
    assert chosen(survey(2.5, tasks=3)).kind == "logit"


@pytest.mark.parametrize(("low", "high", "factor"), [(0.7, 0.9, 0.8), (0.7, 1.1, 1.0), (1.1, 1.5, 0.8)])
def test_a_factor_counts_where_it_is_proven(low: float, high: float, factor: float) -> None:
    assert proven(TunedScale(0.8, low, high, 0.95, 1.0, 1.1, 100, 50, False)) == factor
