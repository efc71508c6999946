"""Held-out tasks: which they are, what is measured on them, and the scale that they choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketfit.demand import (
    ChoiceData,
    LatentClassResult,
    MixedResult,
    MNLResult,
    UtilityDraws,
    best_scale,
    cross_validate,
    cross_validate_scaled,
    draw_utilities,
    fit_latent_class,
    fit_mixed,
    fit_mnl,
    fold_tasks,
    hit_rate,
    log_loss,
    split_tasks,
    tune_scale,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.hierarchical.predict import task_probabilities
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]
Planted = Callable[..., tuple[ChoiceData, FloatArray]]


def counts(data: ChoiceData) -> FloatArray:
    assert data.respondent is not None
    return np.bincount(data.respondent)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), held_out=st.integers(1, 4))
def test_every_person_gives_up_as_many_tasks(data: ChoiceData, seed: int, held_out: int) -> None:
    split = split_tasks(data, held_out=held_out, rng=seed)
    assert set(counts(split.test).tolist()) == {held_out}
    assert set(counts(split.train).tolist()) == {5 - held_out}
    rows = np.concatenate([split.train.row, split.test.row])
    np.testing.assert_array_equal(np.sort(rows), np.arange(data.rows))
    again = split_tasks(data, held_out=held_out, rng=seed)
    np.testing.assert_array_equal(split.test.row, again.test.row)


def test_seeds_differ_and_none_takes_the_last(data: ChoiceData) -> None:
    assert not np.array_equal(split_tasks(data, rng=0).test.row, split_tasks(data, rng=1).test.row)
    last = split_tasks(data, rng=None).test
    np.testing.assert_array_equal(last.starts.size, 80)
    np.testing.assert_array_equal(last.row, data.take(np.arange(data.tasks) % 5 >= 3).row)


def test_people_with_few_tasks_stay_in_training(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(3, people=10).filter((pl.col("person") > 2) | (pl.col("task") < 2))
    split = split_tasks(read_choices(table))
    assert counts(split.train).tolist() == [2, 2, 2, *[3] * 7]
    assert counts(split.test).tolist() == [0, 0, 0, *[2] * 7]
    with pytest.raises(DataError, match="nobody answered more than 5 tasks"):
        split_tasks(read_choices(table), held_out=5)


def test_errors_of_splitting(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(10).with_columns(task=pl.col("person") * 10 + pl.col("task"))
    with pytest.raises(DataError) as caught:
        split_tasks(read_choices(table, respondent=None), held_out=0)
    assert "name the respondent column" in str(caught.value)
    assert "at least 1" in str(caught.value)


@pytest.fixture
def three() -> tuple[ChoiceData, FloatArray]:
    """Three tasks of two people, rows out of order, with chances in the order of the rows."""
    table = {
        "person": [2, 2, 1, 1, 1, 1],
        "task": [1, 1, 2, 2, 1, 1],
        "alt": ["x", "y"] * 3,
        "won": [1, 0, 0, 1, 1, 0],
        "price": [1.0, 2, 3, 4, 5, 6],
    }
    data = ChoiceData.from_table(
        table, respondent="person", task="task", alternative="alt", chosen="won", attributes=["price"]
    )
    return data, np.array([0.9, 0.1, 0.8, 0.2, 0.5, 0.5])


def test_measures_by_hand(three: tuple[ChoiceData, FloatArray]) -> None:
    data, chances = three
    loss, hits = log_loss(data, chances), hit_rate(data, chances)
    expected = -np.log([0.9, 0.2, 0.5])
    assert loss.value == pytest.approx(expected.mean())
    assert hits.value == pytest.approx((1 + 0 + 0.5) / 3)  # a tie is half a hit
    assert (loss.tasks, loss.respondents) == (3, 2)
    away = expected - expected.mean()
    error = np.sqrt(2 * (away[0] ** 2 + (away[1] + away[2]) ** 2)) / 3
    assert loss.high - loss.value == pytest.approx(1.959964 * error)


def test_interval_covers_the_loss_of_the_population(read_choices: Maker, make_table: Tables) -> None:
    result = fit_mnl(read_choices(make_table(50, people=300)))
    covered = 0
    everything = log_loss(big := read_choices(make_table(51, people=2000)), result.predict(big)).value
    for seed in range(40):
        data = read_choices(make_table(60 + seed, people=30))
        measure = log_loss(data, result.predict(data))
        covered += measure.low <= everything <= measure.high
    assert covered >= 33  # 38 are to be expected; 32 or fewer in 1 of 500 such tests


def test_probabilities_must_fit(three: tuple[ChoiceData, FloatArray]) -> None:
    data, chances = three
    for wrong in (chances[:4], chances * 2, -chances, np.full(6, np.nan)):
        with pytest.raises(DataError, match="what predict"):
            log_loss(data, wrong)


@dataclass(frozen=True)
class Boastful:
    """A logit whose utilities are too large by a factor."""

    fitted: MNLResult
    factor: float

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        utilities = self.fitted.coding.design(data).matrix @ self.fitted.estimates * self.factor * scale
        return data.in_table_order(task_probabilities(utilities, data))


def test_scale_undoes_a_factor_and_sees_no_task_twice(read_choices: Maker, make_table: Tables) -> None:
    data = read_choices(make_table(5, people=250))
    asked: list[ChoiceData] = []

    def fit(part: ChoiceData) -> Boastful:
        asked.append(part)
        return Boastful(fit_mnl(part), 2.5)

    tuned = tune_scale(fit, data)
    assert tuned.low < tuned.value < tuned.high
    assert tuned.value == pytest.approx(1 / 2.5, rel=0.25)  # over samples, it spreads by about 10 %
    assert tuned.log_loss < tuned.log_loss_unscaled
    assert (tuned.tasks, tuned.respondents, tuned.at_edge) == (500, 250, False)
    assert [part.tasks for part in asked] == [750]


def test_the_interval_covers_the_best_scale_of_the_fit(read_choices: Maker, make_table: Tables) -> None:
    market = read_choices(make_table(999, people=1500))
    covered = 0
    for seed in range(15):
        models: list[Boastful] = []

        def fit(part: ChoiceData, models: list[Boastful] = models) -> Boastful:
            models.append(Boastful(fit_mnl(part), 2.5))
            return models[-1]

        tuned = tune_scale(fit, read_choices(make_table(seed, people=100)))
        best = optimize.minimize_scalar(
            lambda scale, model=models[0]: log_loss(market, model.predict(market, scale=scale)).value,
            bounds=(0.1, 1.0),
            method="bounded",
            options={"xatol": 1e-3},
        )
        covered += tuned.low < best.x < tuned.high
    assert covered >= 11  # 14 are to be expected; fewer than 11 in 6 of 10,000 such tests


def test_a_scale_at_the_edge_is_flagged(data: ChoiceData) -> None:
    assert tune_scale(lambda part: Boastful(fit_mnl(part), 1e-3), data).at_edge


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 7))
def test_folds_hold_every_task_out_once(data: ChoiceData, seed: int, folds: int) -> None:
    splits = fold_tasks(data, folds=folds, rng=seed)
    held = np.concatenate([split.test.row for split in splits])
    np.testing.assert_array_equal(np.sort(held), np.arange(data.rows))
    for split in splits:
        rows = np.concatenate([split.train.row, split.test.row])
        np.testing.assert_array_equal(np.sort(rows), np.arange(data.rows))
        assert counts(split.test).max() <= -(-5 // folds)  # of everybody's five


def test_a_single_task_is_never_held_out(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(3, people=10).filter((pl.col("person") > 2) | (pl.col("task") < 1))
    splits = fold_tasks(read_choices(table))
    assert sum(counts(split.test)[:3].sum() for split in splits) == 0
    assert sum(split.test.tasks for split in splits) == 35
    with pytest.raises(DataError, match="a single task of each person"):
        fold_tasks(read_choices(make_table(3, people=10).filter(pl.col("task") < 1)))
    with pytest.raises(DataError, match="folds: are 1"):
        fold_tasks(read_choices(table), folds=1)


def test_cross_validation_is_that_of_the_folds(read_choices: Maker, make_table: Tables) -> None:
    data = read_choices(make_table(5, people=60).sample(fraction=1.0, shuffle=True, seed=0))
    found = cross_validate(fit_mnl, data, rng=3)
    losses = [log_loss(s.test, fit_mnl(s.train).predict(s.test)) for s in fold_tasks(data, rng=3)]
    assert found.log_loss.value == pytest.approx(
        np.average([o.value for o in losses], weights=[o.tasks for o in losses])
    )
    assert (found.log_loss.tasks, found.log_loss.respondents, found.scale) == (300, 60, None)
    assert 0 < found.hit_rate.low < found.hit_rate.value < found.hit_rate.high < 1


def test_cross_validation_undoes_a_factor_with_every_task(read_choices: Maker, make_table: Tables) -> None:
    data = read_choices(make_table(5, people=250))
    found = cross_validate_scaled(lambda part: Boastful(fit_mnl(part), 2.5), data)
    plain = cross_validate(fit_mnl, data)
    assert found.scale is not None
    assert found.scale.tasks == data.tasks
    assert found.scale.low < 1 / 2.5 < found.scale.high
    fewer = tune_scale(lambda part: Boastful(fit_mnl(part), 2.5), data)
    assert found.scale.high - found.scale.low < 0.8 * (fewer.high - fewer.low)
    assert found.log_loss.value == pytest.approx(plain.log_loss.value, rel=0.01)  # the factor is all but undone


def mixed(part: ChoiceData) -> MixedResult:
    return fit_mixed(part, random={"size": "normal"}, draws=20, starts=1)


def classes(part: ChoiceData) -> LatentClassResult:
    return fit_latent_class(part, classes=2, starts=2)


@pytest.mark.parametrize("fit", [fit_mnl, mixed, classes])
def test_every_model_of_ours_takes_a_scale(
    planted: Planted, fit: Callable[[ChoiceData], MNLResult | MixedResult | LatentClassResult]
) -> None:
    data = planted(3, people=50 if fit is mixed else 100, tasks=5 if fit is mixed else 8)[0]
    model = fit(data)
    plain = model.predict(data)
    np.testing.assert_array_equal(model.predict(data, scale=1.0), plain)
    np.testing.assert_allclose(model.predict(data, scale=1e-9), read_guess(data), atol=1e-6)
    assert log_loss(data, model.predict(data, scale=1.0)).value < log_loss(data, model.predict(data, scale=3.0)).value
    for scale in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(DataError, match="above 0"):
            model.predict(data, scale=scale)
    tuned = best_scale(model, data)
    assert tuned.low < 1 < tuned.high
    assert tune_scale(fit, data, held_out=1, rng=1).tasks == model.respondents
    found = cross_validate_scaled(fit, data, folds=2)
    assert found.scale is not None
    assert found.scale.tasks == data.tasks


def read_guess(data: ChoiceData) -> FloatArray:
    """Equal probabilities within tasks."""
    return data.in_table_order(np.repeat(1 / data.sizes, data.sizes))


def test_the_scale_of_classes_is_that_of_the_simulator(planted: Planted) -> None:
    """At the estimate itself, whose draws have a class for a person."""
    data = planted(3, people=100, tasks=8)[0]
    model = classes(data)
    certain = UtilityDraws(model.class_estimates[None], model.coding, model.sample_size, model.shares)
    drawn = draw_utilities(certain, scale=2.0)
    design = model.coding.design(data).matrix
    chances = task_probabilities(drawn.values[0] @ design.T, data)
    assert drawn.weights is not None
    np.testing.assert_allclose(model.predict(data, scale=2.0), data.in_table_order(drawn.weights[0] @ chances))
    known = model.predict_known(data, scale=2.0)
    assert not np.allclose(known, model.predict_known(data))


@dataclass(frozen=True)
class Unscaled:
    """A predictor whose utilities take no factor."""

    fitted: MNLResult

    def predict(self, data: ChoiceData) -> FloatArray:
        return self.fitted.predict(data)


def test_a_predictor_without_a_scale_is_told(data: ChoiceData) -> None:
    def fit(part: ChoiceData) -> Unscaled:
        return Unscaled(fit_mnl(part))

    asks: list[Callable[[], object]] = [
        lambda: tune_scale(fit, data),  # type: ignore[arg-type]
        lambda: best_scale(fit(data), data),  # type: ignore[arg-type]
        lambda: cross_validate_scaled(fit, data),  # type: ignore[arg-type]
        lambda: best_scale(fit_mnl, data),  # type: ignore[arg-type]
    ]
    for ask in asks:
        with pytest.raises(DataError, match=r"(predict of 'Unscaled' takes no scale|is function); a fit of fit_mnl"):
            ask()
    assert cross_validate(fit, data).scale is None
