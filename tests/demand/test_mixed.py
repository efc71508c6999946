"""The mixed logit: recovery of planted tastes, what it predicts and draws, its invariances, and every refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2

from marketfit.demand import (
    ChoiceData,
    ChoiceModel,
    Coding,
    Distribution,
    MixedResult,
    fit_mixed,
    fit_mnl,
    simulate,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.tastes import DISTRIBUTIONS
from marketfit.errors import DataError

NAMES = ("price", "size", "colour")
NORMAL: dict[str, Distribution] = {"price": "normal", "size": "normal"}


def answers(tastes: FloatArray, seed: int, *, tasks: int = 8) -> pl.DataFrame:
    """Logit choices among 2 to 4 alternatives by people with these tastes (people, 3)."""
    rng = np.random.default_rng(seed)
    rows = []
    for person, taste in enumerate(tastes):
        for task in range(tasks):
            count = int(rng.integers(2, 5))
            shown = np.column_stack(
                [rng.integers(1, 5, count), rng.normal(size=count), rng.integers(0, 2, count)]
            ).astype(float)
            won = int(np.argmax(shown @ taste + rng.gumbel(size=count)))
            rows += [(person, task, "wxyz"[place], int(place == won), *shown[place]) for place in range(count)]
    return pl.DataFrame(rows, schema=["person", "task", "alt", "won", *NAMES], orient="row")


def choices(
    table: pl.DataFrame, *, respondent: str | None = "person", attributes: tuple[str, ...] = NAMES
) -> ChoiceData:
    return ChoiceData.from_table(
        table, respondent=respondent, task="task", alternative="alt", chosen="won", attributes=attributes
    )


def normal_tastes(seed: int, people: int) -> FloatArray:
    """Means −0.8, 0.5, 0.6; spreads 0.5, 0.8, 0."""
    draws = np.random.default_rng(seed).standard_normal((people, 3))
    return np.array([-0.8, 0.5, 0.6]) + np.array([0.5, 0.8, 0.0]) * draws


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return answers(normal_tastes(1, 120), 2)


@pytest.fixture(scope="module")
def panel(table: pl.DataFrame) -> ChoiceData:
    return choices(table)


@pytest.fixture(scope="module")
def fitted(panel: ChoiceData) -> MixedResult:
    return fit_mixed(panel, random=NORMAL, draws=100)


def check_recovery(result: MixedResult, truth: Mapping[str, float]) -> None:
    for name, value in truth.items():
        error = result.standard_errors[name]
        assert abs(result.coefficients[name] - value) < 3.5 * error, (name, result.coefficients[name], error)


def test_recovers_normal_tastes() -> None:
    result = fit_mixed(choices(answers(normal_tastes(3, 500), 4)), random=NORMAL, draws=200)
    truth = {"price": -0.8, "size": 0.5, "colour": 0.6, "sd_price": 0.5, "sd_size": 0.8}
    assert set(result.coefficients) == set(truth)
    check_recovery(result, truth)
    assert max(result.standard_errors.values()) < 0.1
    np.testing.assert_allclose(result.means, list(result.coefficients.values())[:3])


def test_recovers_log_normal_tastes() -> None:
    rng = np.random.default_rng(5)
    tastes = np.column_stack([-np.exp(-0.4 + 0.6 * rng.standard_normal(500)), np.full((500, 2), 0.5)])
    data = choices(answers(tastes, 6))
    result = fit_mixed(data, random={"price": "log-normal"}, draws=200, signs={"price": -1, "size": 1})
    check_recovery(result, {"price": -0.4, "sd_price": 0.6, "size": 0.5, "colour": 0.5})
    assert result.means[0] == pytest.approx(
        -math.exp(result.coefficients["price"] + result.coefficients["sd_price"] ** 2 / 2)
    )
    without = fit_mixed(data, random={"price": "log-normal"}, draws=200)
    assert without.signs == {"price": -1}  # that of the multinomial logit
    np.testing.assert_allclose(without.estimates, result.estimates, rtol=1e-4)


@pytest.mark.parametrize("kind", ["triangular", "uniform"])
def test_recovers_bounded_tastes(kind: Distribution) -> None:
    rng = np.random.default_rng(7)
    draws = rng.triangular(-1, 0, 1, 500) if kind == "triangular" else rng.uniform(-1, 1, 500)
    tastes = np.column_stack([np.full(500, -0.7), 0.5 + 1.5 * draws, np.full(500, 0.4)])
    result = fit_mixed(choices(answers(tastes, 8)), random={"size": kind}, draws=200)
    check_recovery(result, {"price": -0.7, "size": 0.5, "sd_size": 1.5, "colour": 0.4})


def test_recovers_correlated_tastes() -> None:
    covariance = np.array([[0.36, 0.3, 0.0], [0.3, 0.49, 0.0], [0.0, 0.0, 0.25]])
    tastes = np.random.default_rng(9).multivariate_normal([-0.8, 0.5, 0.4], covariance, 500)
    data = choices(answers(tastes, 10))
    random: dict[str, Distribution] = {"price": "normal", "size": "normal", "colour": "uniform"}
    result = fit_mixed(data, random=random, draws=200, correlated=True)
    check_recovery(result, {"price": -0.8, "sd_price": 0.6, "sd_size": 0.7, "cor_price:size": 0.3 / 0.42})
    assert [name for name in result.coefficients if name.startswith("cor_")] == ["cor_price:size"]
    assert result.log_likelihood > fit_mixed(data, random=random, draws=200).log_likelihood + 10
    factor = result.tastes.matrix(result.estimates)[:, 1:]
    assert result.coefficients["sd_size"] ** 2 == pytest.approx(float(factor[1] @ factor[1]))


def test_equal_tastes_give_the_multinomial_logit() -> None:
    data = choices(answers(np.tile([-0.8, 0.5, 0.6], (150, 1)), 11))
    logit = fit_mnl(data)
    result = fit_mixed(data, random=NORMAL, draws=200)
    gain = 2 * (result.log_likelihood - logit.log_likelihood)
    assert -0.5 < gain < chi2.isf(0.001, 2)  # simulation may cost a little
    for name, value in logit.coefficients.items():
        assert result.coefficients[name] == pytest.approx(value, abs=1.5 * logit.standard_errors[name])
    assert 0 <= result.coefficients["sd_price"] < 0.25
    assert result.log_likelihood_null == pytest.approx(logit.log_likelihood_null)


def test_the_same_call_gives_the_same_numbers(
    panel: ChoiceData, fitted: MixedResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        again = fit_mixed(panel, random=NORMAL, draws=100)
        np.testing.assert_array_equal(again.estimates, fitted.estimates)
        np.testing.assert_array_equal(again.covariance, fitted.covariance)


def test_order_of_rows_and_units_change_nothing(table: pl.DataFrame, fitted: MixedResult) -> None:
    changed = table.sample(fraction=1.0, shuffle=True, seed=1).with_columns(price=pl.col("price") * 100)
    result = fit_mixed(choices(changed), random=NORMAL, draws=100)
    units = np.array([100, 1, 1, 100, 1])
    np.testing.assert_allclose(result.estimates * units, fitted.estimates, rtol=1e-6)
    np.testing.assert_allclose(result.covariance * np.outer(units, units), fitted.covariance, rtol=1e-4, atol=1e-8)
    kind: dict[str, Distribution] = {"price": "log-normal"}
    cents, dollars = (fit_mixed(choices(some), random=kind, draws=50) for some in (changed, table))
    assert dollars.coefficients["price"] == pytest.approx(cents.coefficients["price"] + math.log(100), abs=1e-5)
    assert dollars.coefficients["sd_price"] == pytest.approx(cents.coefficients["sd_price"], rel=1e-5)


def test_a_log_normal_sign_is_that_of_the_reversed_attribute(table: pl.DataFrame) -> None:
    result = fit_mixed(choices(table), random={"price": "log-normal"}, draws=50, signs={"price": -1})
    reverse = choices(table.with_columns(price=-pl.col("price")))
    other = fit_mixed(reverse, random={"price": "log-normal"}, draws=50, signs={"price": 1})
    np.testing.assert_allclose(result.estimates, other.estimates, rtol=1e-6)
    np.testing.assert_allclose(result.means[0], -other.means[0], rtol=1e-6)
    assert "log −coefficient" in str(result)


def test_tasks_without_respondents_are_people(table: pl.DataFrame) -> None:
    single = table.with_columns(task=pl.col("task") + 100 * pl.col("person"))
    alone = choices(single, respondent=None)
    known = choices(single)
    first, second = (fit_mixed(data, random={"size": "normal"}, draws=50, panel=False) for data in (alone, known))
    np.testing.assert_allclose(first.estimates, second.estimates, rtol=1e-8)
    assert set(first.covariances) == {"classical", "robust"}
    assert (first.interval_errors, second.interval_errors) == ("robust", "clustered")
    assert (first.covariances["robust"] != second.covariances["clustered"]).any()
    assert (first.respondents, first.sample_size, second.sample_size) == (0, alone.tasks, 120)
    assert first.log_likelihood != pytest.approx(
        fit_mixed(known, random={"size": "normal"}, draws=50).log_likelihood, abs=1
    )
    assert fit_mixed(alone, random={"size": "normal"}, draws=50).log_likelihood == first.log_likelihood


def test_people_are_the_independent_units(panel: ChoiceData, fitted: MixedResult) -> None:
    assert (fitted.errors, fitted.interval_errors) == ("classical", "clustered")
    np.testing.assert_allclose(fitted.covariances["clustered"], fitted.covariances["robust"], rtol=1e-10)
    np.testing.assert_array_equal(fitted.covariance, fitted.covariances["clustered"])
    assert fitted.standard_errors == fitted.standard_errors_of("classical") != fitted.standard_errors_of("clustered")
    assert "clustered s.e." in str(fitted)
    asked = fit_mixed(panel, random=NORMAL, draws=100, errors="clustered")
    assert (asked.errors, asked.interval_errors) == ("clustered", "clustered")
    assert asked.standard_errors == fitted.standard_errors_of("clustered")


def test_standard_errors_are_the_spread_over_samples() -> None:
    fits = [
        fit_mixed(choices(answers(normal_tastes(seed, 100), seed)), random=NORMAL, draws=50, starts=1)
        for seed in range(40)
    ]
    spread = np.std([fit.estimates for fit in fits], axis=0, ddof=1)
    for kind in ("classical", "robust"):
        errors = np.median([np.sqrt(np.diag(fit.covariances[kind])) for fit in fits], axis=0)
        np.testing.assert_allclose(errors, spread, rtol=0.4, err_msg=kind)  # 40 samples: ± 11 % each, of five


def test_weights_count_people(panel: ChoiceData, fitted: MixedResult) -> None:
    double = fit_mixed(panel, random=NORMAL, draws=100, weights=np.full(panel.tasks, 2.0))
    np.testing.assert_allclose(double.estimates, fitted.estimates, rtol=1e-6)
    assert double.log_likelihood == pytest.approx(2 * fitted.log_likelihood)
    np.testing.assert_allclose(double.covariances["classical"], fitted.covariances["classical"] / 2, rtol=1e-4)
    np.testing.assert_allclose(double.covariances["clustered"], fitted.covariances["clustered"], rtol=1e-4)
    assert panel.respondent is not None
    nobody = np.where(panel.respondent < 60, 1.0, 0.0)
    half = fit_mixed(panel, random=NORMAL, draws=100, weights=nobody)
    first = fit_mixed(panel.take(panel.respondent < 60), random=NORMAL, draws=100)  # the same people, the same draws
    np.testing.assert_allclose(half.estimates, first.estimates, rtol=1e-5)
    assert half.log_likelihood == pytest.approx(first.log_likelihood)


def test_weights_that_differ_within_a_person(panel: ChoiceData) -> None:
    uneven = replace(panel, weights=np.where(np.arange(panel.tasks) == 9, 2.0, 1.0))
    with pytest.raises(DataError, match="respondent 1: differ between the tasks of one respondent"):
        fit_mixed(uneven, random=NORMAL, draws=50)
    fit_mixed(uneven, random={"size": "normal"}, draws=50, panel=False)


def test_predicts_shares_of_the_population(table: pl.DataFrame, fitted: MixedResult) -> None:
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    shown = shuffled.with_columns(share=fitted.predict(choices(shuffled)))
    sums = shown.group_by("person", "task").agg(pl.col("share").sum())["share"]
    np.testing.assert_allclose(sums, 1.0)
    task = shown.filter((pl.col("person") == 7) & (pl.col("task") == 3)).sort("alt")
    design = task.select(NAMES).to_numpy()
    rng = np.random.default_rng(0)
    tastes = fitted.means + np.array([*fitted.estimates[3:], 0.0]) * rng.standard_normal((200_000, 3))
    odds = np.exp(tastes @ design.T)
    np.testing.assert_allclose(task["share"], (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0), atol=0.004)
    again = shown.filter(pl.col("person") == 7).with_columns(person=pl.lit(0))
    np.testing.assert_allclose(fitted.predict(choices(again.drop("share"))), again["share"], atol=1e-12)


def test_individual_means_come_near_each_person() -> None:
    tastes = normal_tastes(12, 200)
    data = choices(answers(tastes, 13, tasks=20))
    result = fit_mixed(data, random=NORMAL, draws=200)
    found = result.individual(data)
    assert found.shape == (200, 3)
    assert np.corrcoef(found[:, 1], tastes[:, 1])[0, 1] > 0.8
    assert np.abs(found[:, 1] - tastes[:, 1]).mean() < 0.7 * np.abs(0.5 - tastes[:, 1]).mean()
    np.testing.assert_allclose(found.mean(axis=0), result.means, atol=0.03)  # exact at the maximum, but for simulation
    np.testing.assert_array_equal(found[:, 2], np.full(200, result.coefficients["colour"]))
    few = data.take(np.asarray(data.respondent) < 3)
    np.testing.assert_allclose(result.individual(few), found[:3], rtol=1e-10)


def test_utility_draws_are_new_people(fitted: MixedResult) -> None:
    drawn = fitted.utility_draws(2000, np.random.default_rng(1))
    assert drawn.values.shape == (2000, 200, 3)
    assert drawn.sample_size == 120
    np.testing.assert_allclose(drawn.values.mean(axis=(0, 1)), fitted.means, atol=0.01)
    spreads = [fitted.coefficients["sd_price"], fitted.coefficients["sd_size"], 0.0]
    np.testing.assert_allclose(drawn.values.std(axis=1).mean(axis=0), spreads, rtol=0.03, atol=1e-12)
    between = drawn.values.mean(axis=1).std(axis=0)
    errors = [fitted.standard_errors_of("clustered")[name] for name in NAMES]
    np.testing.assert_allclose(between, errors, rtol=0.08)  # hardly more than the error of estimation
    again = fitted.utility_draws(2000, np.random.default_rng(1))
    np.testing.assert_array_equal(again.values, drawn.values)


def test_mean_draws(fitted: MixedResult, panel: ChoiceData) -> None:
    drawn = fitted.mean_draws(20_000, np.random.default_rng(1))
    errors = [fitted.standard_errors_of("clustered")[name] for name in NAMES]
    np.testing.assert_allclose(drawn.mean(axis=0), fitted.means, atol=0.005)
    np.testing.assert_allclose(drawn.std(axis=0), errors, rtol=0.05)
    np.testing.assert_allclose(fitted.mean_covariance, fitted.covariance[:3, :3])
    skewed = fit_mixed(panel, random={"price": "log-normal"}, draws=100)
    assert (skewed.mean_draws(1000, np.random.default_rng(1))[:, 0] < 0).all()
    assert skewed.means[0] < -math.exp(skewed.coefficients["price"])


def test_it_is_a_choice_model(fitted: MixedResult, panel: ChoiceData) -> None:
    model: ChoiceModel = fitted
    offer = {"price": 2.0, "size": 0.0, "colour": 1.0}
    shares = simulate(model, {"ours": offer, "theirs": {**offer, "price": 3.0}}, draws=400)
    assert shares.mean["ours"] > 0.55
    assert shares.low[0] < shares.mean["ours"] < shares.high[0]
    assert 0 < fitted.rho_squared < 1
    assert fitted.log_likelihood > fit_mnl(panel).log_likelihood


def test_summary_shows_every_coefficient(fitted: MixedResult) -> None:
    text = str(fitted)
    assert "960 choices of 120 respondents, 100 Halton draws for each person" in text
    for name, value in fitted.coefficients.items():
        assert any(line.startswith(name) and f"{value:.6g}" in line for line in text.splitlines())
    assert "price normal, size normal" in text


def test_levels_none_and_constants(read_choices: object, make_table: object) -> None:
    assert callable(read_choices)
    assert callable(make_table)
    data = read_choices(make_table(3, people=60, none=True))
    result = fit_mixed(
        data,
        random={"brand": "normal", "none": "normal", "asc_w": "uniform"},
        draws=50,
        constants=True,
    )
    spreads = [name for name in result.coefficients if name.startswith("sd_")]
    assert spreads == ["sd_brand_bolt", "sd_brand_crow", "sd_asc_w", "sd_none"]
    fixed = Coding.from_data(data, constants=True)
    assert fit_mixed(data, random={"none": "normal"}, draws=20, coding=fixed).coding is fixed


def test_a_sign_holds_a_fixed_coefficient(panel: ChoiceData, fitted: MixedResult) -> None:
    held = fit_mixed(panel, random={"size": "normal"}, draws=50, signs={"price": 1, "colour": 1})
    assert held.at_bound == ("price",)
    assert held.coefficients["price"] == 0.0
    assert math.isnan(held.standard_errors["price"])
    assert "at its bound" in str(held)
    without = replace(panel, attributes=panel.attributes[1:])
    rest = fit_mixed(without, random={"size": "normal"}, draws=50)
    np.testing.assert_allclose(held.estimates[1:], rest.estimates, rtol=1e-5)
    assert not held.parameter_draws(100, np.random.default_rng(0))[:, 0].any()
    same = fit_mixed(panel, random=NORMAL, draws=100, signs={"colour": 1})
    np.testing.assert_allclose(same.estimates, fitted.estimates, rtol=1e-6)


def test_reports_progress(panel: ChoiceData) -> None:
    seen: list[float] = []
    fit_mixed(panel, random=NORMAL, draws=50, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.2
    assert seen[-1] == 1.0


def test_all_mistakes_are_told_at_once(panel: ChoiceData) -> None:
    random = {"prize": "normal", "size": "lognormal", "colour": "uniform"}
    with pytest.raises(DataError) as caught:
        fit_mixed(panel, random=random, draws=1, correlated=True, signs={"colour": 1, "sice": 1})  # type: ignore[arg-type]
    text = str(caught.value)
    for found in (
        "random['prize']: no such attribute or column; did you mean 'price'?",
        "random['size']: unknown distribution 'lognormal'; did you mean 'log-normal'?",
        "signs['sice']: no such attribute; did you mean 'size'?",
        "draws=1: is too few",
        "0 of the random columns can be correlated",
    ):
        assert found in text


def test_refusals(panel: ChoiceData) -> None:
    with pytest.raises(DataError, match="has people on both sides of 0"):
        fit_mixed(panel, random=NORMAL, signs={"price": -1})
    with pytest.raises(DataError, match="use fit_mnl"):
        fit_mixed(panel, random={})
    random: dict[str, Distribution] = {"price_2": "normal", "price": "uniform"}
    with pytest.raises(DataError, match="'price_2' is normal elsewhere"):
        fit_mixed(panel, random=random, coding={"price": "levels"})
    with pytest.raises(DataError, match="not to be had"):
        fit_mixed(replace(panel, respondent=None), random=NORMAL, errors="clustered")
    table = answers(normal_tastes(1, 20), 2).with_columns(sd_price=pl.col("size"))
    with pytest.raises(DataError, match="'sd_price': two coefficients have this name"):
        fit_mixed(choices(table, attributes=("price", "sd_price")), random={"price": "normal"})
    twice = answers(normal_tastes(1, 20), 2).with_columns(same=pl.col("price") * 2)
    with pytest.raises(DataError, match="linearly dependent"):
        fit_mixed(choices(twice, attributes=("price", "same")), random={"price": "normal"})


def test_distributions_are_written_once() -> None:
    assert get_args(Distribution) == DISTRIBUTIONS
