"""Variances of randomised first choice from choices: planted ones are found, and the logit is left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from marketfit.demand import ChoiceData, UtilityDraws, fit_randomised
from marketfit.demand.market.rules import LOGIT_VARIANCE, level_matrix
from marketfit.demand.market.scene import scene_of
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]


def choices(drawn: UtilityDraws, attribute: float, product: float, tasks: int = 2000) -> ChoiceData:
    """Choices by the rule itself among three products, the second of which is often nearly the first's twin."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[float | str | int | None]] = {
        name: [] for name in ("task", "alt", "won", "price", "quality", "brand")
    }
    people = drawn.values.reshape(-1, drawn.values.shape[2])
    for task in range(tasks):
        offers: list[dict[str, float | str]] = [
            {"price": float(rng.integers(1, 6)), "quality": float(rng.choice([0, 0.5, 1])), "brand": str(brand)}
            for brand in rng.choice(["ajax", "bolt", "crow"], 3)
        ]
        if task % 2:
            offers[1] = {**offers[0], "price": float(rng.integers(1, 6))}
        designs = np.concatenate([*(drawn.coding.code(offer).matrix for offer in offers), drawn.coding.code_none()])
        levels = level_matrix(drawn.coding, scene_of(drawn, {str(place): offer for place, offer in enumerate(offers)}))
        utility = designs @ people[rng.integers(len(people))] + levels @ rng.normal(
            0, np.sqrt(attribute), levels.shape[1]
        )
        won = int((utility + rng.gumbel(scale=np.sqrt(product / LOGIT_VARIANCE), size=4)).argmax())
        for place, name in enumerate(("a", "b", "c", "none")):
            offer = offers[place] if place < 3 else {}
            cells = (task, name, int(place == won), *(offer.get(part) for part in ("price", "quality", "brand")))
            for column, cell in zip(columns.values(), cells, strict=True):
                column.append(cell)
    return ChoiceData.from_table(
        pl.DataFrame(columns, strict=False),
        task="task",
        alternative="alt",
        chosen="won",
        attributes=["price", "quality", "brand"],
    )


def test_planted_variances_are_found(tastes: Tastes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.demand.market.randomised_fit.MOST_TASKS", 2000)
    monkeypatch.setattr("marketfit.demand.market.randomised_fit.PEOPLE", 128)
    drawn = tastes(0, draws=40, people=5, spread=0.3)
    told: list[float] = []
    found = fit_randomised(drawn, choices(drawn, 2.5, 0.5), progress=told.append)
    assert found.rule.attribute_variance == pytest.approx(2.5, rel=0.3)
    assert found.rule.product_variance == pytest.approx(0.5, rel=0.3)
    assert 0 < found.gain.low < found.gain.value < found.gain.high
    assert found.tasks == 2000
    assert told == sorted(told)


def test_choices_of_a_logit_do_not_call_for_it(tastes: Tastes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.demand.market.randomised_fit.PEOPLE", 128)
    drawn = tastes(0, draws=40, people=5, spread=0.3)
    found = fit_randomised(drawn, choices(drawn, 0.0, LOGIT_VARIANCE, tasks=1500))
    assert found.rule.attribute_variance < 0.25
    assert found.rule.product_variance == pytest.approx(LOGIT_VARIANCE, rel=0.25)
    assert found.gain.low < 0.005
    assert found.tasks == 1000


def test_one_choice_is_too_few(tastes: Tastes) -> None:
    drawn = tastes(0)
    with pytest.raises(DataError, match="at least 2"):
        fit_randomised(drawn, choices(drawn, 0.0, 1.0, tasks=1))
