from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile
from marketfit.demand import ChoiceData, Piecewise, fit_mnl
from marketfit.engine import Run
from marketfit.research.choice_model import bends, fit_choices, money
from marketfit.research.instruments.choice import Choice

pytestmark = pytest.mark.usefixtures("short_study")

REAL = Path(__file__).parents[3] / "shared" / "data"


def as_data(table: pl.DataFrame) -> ChoiceData:
    return ChoiceData.from_table(
        table,
        task="task",
        alternative="alternative",
        chosen="chosen",
        attributes=["accuracy", "privacy", "price"],
        respondent="respondent",
    )


def quiet(_done: float) -> None:
    pass


def test_straight_lines_stay_straight(make_choices: Callable[..., pl.DataFrame]) -> None:
    """A price that is a straight line bends in about one survey of twenty."""
    bent = 0
    for seed in range(20):
        rng = np.random.default_rng(1000 + seed)
        table = make_choices(seed, people=40, none=False)
        utility = table.select(pl.col("accuracy") * 8 - pl.col("price") * 0.5).to_series().to_numpy()
        noisy = (utility + rng.gumbel(size=utility.size)).reshape(-1, 3)
        chosen = (noisy == noisy.max(axis=1, keepdims=True)).astype(int).ravel()
        fitted = fit_choices(as_data(table.with_columns(chosen=chosen)), signs={}, price="price", progress=quiet)
        bent += "price" not in fitted.model.coding.columns
    assert bent <= 4


def test_money_comes_from_the_straight_price(make_choices: Callable[..., pl.DataFrame]) -> None:
    data = as_data(make_choices())
    fitted = fit_choices(data, signs={"price": -1}, price="price", progress=quiet)
    assert "price" not in fitted.model.coding.columns
    assert "price" in fitted.straight_price.coding.columns
    ratios, notes = money(fitted.straight_price, price="price", seed=0)
    assert "privacy_on-device" in {ratio.attribute for ratio in ratios}
    assert all(ratio.low < ratio.value < ratio.high for ratio in ratios)
    assert notes == ()


def test_nothing_is_expressed_in_money_without_a_price(make_choices: Callable[..., pl.DataFrame]) -> None:
    model = fit_mnl(as_data(make_choices(people=30)))
    for price in ("prize", "privacy"):
        ratios, notes = money(model, price=price, seed=0)
        assert ratios == ()
        assert "nothing is expressed in money" in notes[0]


def test_many_tested_values_bend_at_quintiles(make_choices: Callable[..., pl.DataFrame]) -> None:
    rng = np.random.default_rng(0)
    table = make_choices(people=20, none=False)
    data = as_data(table.with_columns(price=pl.Series(rng.uniform(1, 9, table.height))))
    option = bends(data)["price"]
    assert isinstance(option, Piecewise)
    assert len(option.knots) == 4
    assert bends(data)["accuracy"] == "piecewise"


def test_electricity_suppliers(tmp_path: Path, run: Run) -> None:
    """Published: pf −0.62523, cl −0.1083, loc 1.4422, wk 0.9955, tod −5.4628, seas −5.84; LL −4958.649."""
    path = REAL / "choice_electricity.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not here: the real survey is not part of the project")
    names = {"person_id": "respondent", "obs_id": "task", "alt": "alternative"}
    pl.read_parquet(path).rename(names).write_parquet(tmp_path / "choices.parquet")
    numbers = {name: AttributeSpec(offer=(1.0,)) for name in ("pf", "cl", "loc", "wk", "tod", "seas")}
    market = MarketSpec(price="pf", attributes=numbers, model="logit", drop_careless=False)
    answers = Choice().read(SurveyFile(source=tmp_path / "choices.parquet"), market)
    straight = fit_mnl(answers.data)
    assert straight.log_likelihood == pytest.approx(-4958.649, abs=1e-3)
    study = Choice().estimate(answers, market, run=run).study
    assert (study.respondents, study.tasks) == (361, 4308)
    assert study.log_likelihood >= straight.log_likelihood
    local = next(ratio for ratio in study.willingness_to_pay if ratio.attribute == "loc")
    assert local.low < 1.4422 / 0.62523 < local.high
