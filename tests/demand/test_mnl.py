"""The multinomial logit against slow, transparent formulas, its invariances, and every refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketfit.demand import ChoiceData, Coding, Errors, MNLResult, fit_mnl
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.likelihood import Likelihood, probabilities
from marketfit.demand.models.newton import maximise
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]
seeds = st.integers(0, 2**32 - 1)


def random_likelihood(seed: int, columns: int = 3, tasks: int = 12) -> Likelihood:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, tasks)
    starts = np.cumsum(sizes) - sizes
    chosen = starts + rng.integers(0, sizes)
    return Likelihood(rng.normal(size=(int(sizes.sum()), columns)), starts, sizes, chosen, rng.uniform(0.2, 3, tasks))


def slow_log_likelihood(likelihood: Likelihood, coefficients: FloatArray) -> float:
    total = 0.0
    for task, start in enumerate(likelihood.starts.tolist()):
        rows = range(start, start + int(likelihood.sizes[task]))
        utility = {row: float(likelihood.design[row] @ coefficients) for row in rows}
        chance = math.exp(utility[int(likelihood.chosen[task])]) / sum(math.exp(value) for value in utility.values())
        total += float(likelihood.weights[task]) * math.log(chance)
    return total


def slow_scores(data: ChoiceData, result: MNLResult) -> list[FloatArray]:
    """Score of each task, by its definition."""
    design = result.coding.design(data).matrix
    scores = []
    for task, start in enumerate(data.starts.tolist()):
        rows = design[start : start + int(data.sizes[task])]
        chances = np.exp(rows @ result.estimates)
        chances /= chances.sum()
        mean = sum(chance * row for chance, row in zip(chances, rows, strict=True))
        scores.append(data.weights[task] * (design[data.chosen[task]] - mean))
    return scores


def slow_sandwich(data: ChoiceData, result: MNLResult, groups: list[list[int]]) -> FloatArray:
    scores = slow_scores(data, result)
    size = result.estimates.size
    meat = np.zeros((size, size))
    for group in groups:
        total = sum((scores[task] for task in group), np.zeros(size))
        meat += np.outer(total, total)
    bread = result.covariances["classical"]
    return len(groups) / (len(groups) - 1) * bread @ meat @ bread


@settings(deadline=None)
@given(seed=seeds)
def test_likelihood_and_derivatives(seed: int) -> None:
    likelihood = random_likelihood(seed)
    point = np.random.default_rng(seed).normal(size=3)
    assert likelihood.value(point) == pytest.approx(slow_log_likelihood(likelihood, point), rel=1e-10)
    gradient, information = likelihood.derivatives(point)
    step = 1e-5
    for k in range(3):
        shift = np.eye(3)[k] * step
        slope = (likelihood.value(point + shift) - likelihood.value(point - shift)) / (2 * step)
        assert gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-6)
        up, down = likelihood.derivatives(point + shift)[0], likelihood.derivatives(point - shift)[0]
        np.testing.assert_allclose(-information[k], (up - down) / (2 * step), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(likelihood.scores(point).sum(axis=0), gradient, atol=1e-10)


@settings(deadline=None)
@given(seed=seeds, shift=st.floats(-500, 500))
def test_probabilities_sum_to_one_and_ignore_a_shift(seed: int, shift: float) -> None:
    likelihood = random_likelihood(seed)
    point = np.array([2.0, -1.0, 0.5])
    chances = probabilities(likelihood.design, point, likelihood.starts, likelihood.sizes)
    np.testing.assert_allclose(np.add.reduceat(chances, likelihood.starts), 1.0, atol=1e-12)
    moved = likelihood.design + np.array([shift, 0.0, 0.0])
    again = probabilities(moved, point, likelihood.starts, likelihood.sizes)
    np.testing.assert_allclose(again, chances, atol=1e-10)


def test_huge_utilities_do_not_overflow() -> None:
    likelihood = random_likelihood(1)
    assert np.isfinite(likelihood.value(np.array([1e5, 0.0, 0.0])))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, signs=st.tuples(*[st.sampled_from((-1, 0, 1))] * 3))
def test_bounded_search_agrees_with_another_solver(seed: int, signs: tuple[int, int, int]) -> None:
    likelihood = random_likelihood(seed, tasks=40)
    lower = np.array([0.0 if sign == 1 else -np.inf for sign in signs])
    upper = np.array([0.0 if sign == -1 else np.inf for sign in signs])
    found = maximise(likelihood, lower, upper)
    assert found.converged
    other = optimize.minimize(
        lambda point: -likelihood.value(point),
        np.zeros(3),
        jac=lambda point: -likelihood.derivatives(point)[0],
        bounds=list(zip(lower.tolist(), upper.tolist(), strict=True)),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    assert found.value >= -float(other.fun) - 1e-9
    np.testing.assert_allclose(found.coefficients, other.x, atol=1e-4)
    np.testing.assert_array_equal(found.at_bound, (found.coefficients == 0) & (np.array(signs) != 0))


def test_recovers_the_truth(read_choices: Maker, make_table: Tables) -> None:
    result = fit_mnl(read_choices(make_table(7, people=400, none=True)))
    truth = {"price": -0.8, "size": 0.5, "brand_bolt": 0.7, "brand_crow": -0.4, "none": -2.0}
    for name, value in truth.items():
        assert abs(result.coefficients[name] - value) < 3.5 * result.standard_errors[name], name
        assert result.standard_errors[name] < 0.2


def test_standard_errors_are_the_spread_over_samples(read_choices: Maker, make_table: Tables) -> None:
    fits = [fit_mnl(read_choices(make_table(seed, people=60))) for seed in range(100, 140)]
    spread = np.std([fit.estimates for fit in fits], axis=0, ddof=1)
    for kind in ("classical", "robust", "clustered"):
        errors = np.mean([np.sqrt(np.diag(fit.covariances[kind])) for fit in fits], axis=0)
        np.testing.assert_allclose(errors, spread, rtol=0.35, err_msg=kind)  # 40 samples: ± 11 % each, four of them


def test_robust_and_clustered_by_their_formulas(data: ChoiceData) -> None:
    weighted = replace(data, weights=np.random.default_rng(0).uniform(0.5, 2, data.tasks))
    result = fit_mnl(weighted)
    each = [[task] for task in range(data.tasks)]
    assert weighted.respondent is not None
    people = [np.flatnonzero(weighted.respondent == person).tolist() for person in np.unique(weighted.respondent)]
    np.testing.assert_allclose(result.covariances["robust"], slow_sandwich(weighted, result, each), rtol=1e-8)
    np.testing.assert_allclose(result.covariances["clustered"], slow_sandwich(weighted, result, people), rtol=1e-8)
    assert (result.errors, result.interval_errors) == ("classical", "clustered")


def test_what_is_shown_is_classical_and_what_decides_is_cautious(data: ChoiceData) -> None:
    result = fit_mnl(data)
    shown = dict(zip(result.coding.columns, np.sqrt(np.diag(result.covariances["classical"])), strict=True))
    assert result.standard_errors == pytest.approx(shown)
    np.testing.assert_array_equal(result.mean_covariance, result.covariances["clustered"])
    drawn = result.mean_draws(40_000, np.random.default_rng(1)).std(axis=0)
    cautious = result.standard_errors_of("clustered")
    np.testing.assert_allclose(drawn, list(cautious.values()), rtol=0.02)
    assert max(abs(cautious[name] / shown[name] - 1) for name in shown) > 0.05
    # Both kinds are printed, each in columns of its own, with its z.
    line = next(line for line in str(result).splitlines() if line.startswith("price"))
    for error in (shown["price"], cautious["price"]):
        assert f" {error:.4g} " in line
        assert f" {result.coefficients['price'] / error:.2f} " in line
    assert "standard errors: classical; intervals and draws: clustered" in str(result)


@pytest.mark.parametrize("kind", ["classical", "robust", "clustered"])
def test_errors_that_are_asked_for_are_shown_and_decide(data: ChoiceData, kind: Errors) -> None:
    result = fit_mnl(data, errors=kind)
    assert (result.errors, result.interval_errors) == (kind, kind)
    assert result.standard_errors == result.standard_errors_of(kind)
    np.testing.assert_array_equal(result.mean_covariance, result.covariances[kind])
    assert [other for other in ("classical", "robust", "clustered") if f"{other} s.e." in str(result)] == [kind]


def test_clusters_of_one_task_are_the_robust_errors(read_choices: Maker, make_table: Tables) -> None:
    result = fit_mnl(read_choices(make_table(4, people=80, tasks=1)))
    np.testing.assert_allclose(result.covariances["clustered"], result.covariances["robust"], rtol=1e-10)


def test_repeated_answers_do_not_fool_clustered_errors(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(5)
    again = pl.concat([table.with_columns(task=pl.col("task") + 100 * copy) for copy in range(4)])
    once, four = fit_mnl(read_choices(table)), fit_mnl(read_choices(again))
    np.testing.assert_allclose(four.estimates, once.estimates, rtol=1e-7)
    np.testing.assert_allclose(four.covariances["classical"], once.covariances["classical"] / 4, rtol=1e-6)
    np.testing.assert_allclose(four.covariances["clustered"], once.covariances["clustered"], rtol=1e-6)


def test_integer_weights_are_repeated_tasks(data: ChoiceData, read_choices: Maker, make_table: Tables) -> None:
    table = make_table()
    double = pl.concat([table, table.filter(pl.col("task") < 2).with_columns(task=pl.col("task") + 50)])
    weights = np.where(np.arange(data.tasks) % 5 < 2, 2.0, 1.0)
    weighted, repeated = fit_mnl(data, weights=weights), fit_mnl(read_choices(double))
    np.testing.assert_allclose(weighted.estimates, repeated.estimates, rtol=1e-8)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood)
    assert weighted.log_likelihood_null == pytest.approx(repeated.log_likelihood_null)
    np.testing.assert_allclose(weighted.covariances["clustered"], repeated.covariances["clustered"], rtol=1e-7)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, shift=st.floats(-1000, 1000), factor=st.floats(1e-4, 1e4))
def test_order_shift_unit_and_labels_change_nothing(
    read_choices: Maker, make_table: Tables, seed: int, shift: float, factor: float
) -> None:
    table = make_table(2, people=20)
    first = fit_mnl(read_choices(table), constants=True)
    changed = table.sample(fraction=1.0, shuffle=True, seed=seed % 1000).with_columns(
        price=pl.col("price") * factor,
        size=pl.col("size") + shift,
        alt=pl.col("alt").replace({"w": "b4", "x": "b1", "y": "b3", "z": "b9"}),
    )
    second = fit_mnl(read_choices(changed), constants=True)
    names = {"asc_w": "asc_b4", "asc_x": "asc_b1", "asc_y": "asc_b3"}
    for name, value in first.coefficients.items():
        unit = factor if name == "price" else 1.0
        assert second.coefficients[names.get(name, name)] * unit == pytest.approx(value, rel=1e-5, abs=1e-7)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-7)


def test_predict_keeps_the_order_of_the_table(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(6, people=20).sample(fraction=1.0, shuffle=True, seed=3)
    data = read_choices(table)
    result = fit_mnl(data)
    shown = table.with_columns(chance=result.predict(data))
    sums = shown.group_by("person", "task").agg(pl.col("chance").sum())["chance"]
    np.testing.assert_allclose(sums, 1.0)
    logs = shown.filter(pl.col("won") == 1)["chance"].log().sum()
    assert logs == pytest.approx(result.log_likelihood)


def test_predict_refuses_what_the_model_does_not_know(
    data: ChoiceData, read_choices: Maker, make_table: Tables
) -> None:
    table = make_table(6, people=5)
    foreign = table.with_columns(brand=pl.when(pl.col("won") == 1).then(pl.lit("dodo")).otherwise(pl.col("brand")))
    with pytest.raises(DataError, match=r"unknown level 'dodo'.*allowed: ajax, bolt, crow"):
        fit_mnl(data).predict(read_choices(foreign))
    with pytest.raises(DataError, match="attribute 'size': is missing"):
        fit_mnl(data).predict(read_choices(table, attributes=["price", "brand"]))
    words = table.with_columns(price=pl.concat_str(pl.lit("p"), "price"))
    with pytest.raises(DataError, match="attribute 'price': holds text"):
        fit_mnl(data).predict(read_choices(words))
    with pytest.raises(DataError, match="unknown alternative 'v'"):
        fit_mnl(data, constants=True).predict(read_choices(table.with_columns(alt=pl.col("alt").replace("w", "v"))))


def test_constants_reproduce_the_observed_shares(data: ChoiceData, data_with_none: ChoiceData) -> None:
    for choices in (data, data_with_none):
        result = fit_mnl(choices, constants=True)
        chances = result.predict(choices)[choices.row]
        expected = np.bincount(choices.alternative, weights=chances)
        observed = np.bincount(choices.alternative[choices.chosen], minlength=expected.size)
        np.testing.assert_allclose(expected, observed, atol=1e-6)


def test_sign_at_its_bound(data: ChoiceData) -> None:
    free = fit_mnl(data)
    held = fit_mnl(data, signs={"price": 1, "size": 1})
    assert held.at_bound == ("price",)
    assert held.coefficients["price"] == 0.0
    assert math.isnan(held.standard_errors["price"])
    assert held.log_likelihood < free.log_likelihood
    without = fit_mnl(replace(data, attributes=data.attributes[1:]))
    np.testing.assert_allclose(held.estimates[1:], without.estimates, rtol=1e-6)
    np.testing.assert_allclose(held.mean_covariance[1:, 1:], without.mean_covariance, rtol=1e-5)
    assert not held.mean_covariance[0].any()
    assert "at its bound" in str(held)
    draws = held.mean_draws(500, np.random.default_rng(0))
    assert not draws[:, 0].any()
    assert (draws[:, 1] >= 0).all()


def test_sign_that_does_not_bind_changes_nothing(data: ChoiceData) -> None:
    free, signed = fit_mnl(data), fit_mnl(data, signs={"price": -1})
    np.testing.assert_allclose(signed.estimates, free.estimates, rtol=1e-7)
    assert signed.at_bound == ()
    monotone = fit_mnl(data, coding={"price": "piecewise"}, signs={"price": -1})
    assert all(monotone.coefficients[name] <= 0 for name in monotone.coding.columns_of("price"))


def test_draws_have_the_covariance(data: ChoiceData) -> None:
    result = fit_mnl(data)
    draws = result.mean_draws(200_000, np.random.default_rng(1))
    errors = np.sqrt(np.diag(result.mean_covariance))
    np.testing.assert_allclose(draws.mean(axis=0), result.estimates, atol=0.02 * errors.max())
    np.testing.assert_allclose(
        np.cov(draws.T) / np.outer(errors, errors), result.mean_covariance / np.outer(errors, errors), atol=0.02
    )
    np.testing.assert_array_equal(
        result.mean_draws(5, np.random.default_rng(2)), result.mean_draws(5, np.random.default_rng(2))
    )


def test_a_fixed_coding_is_used_as_it_is(data: ChoiceData) -> None:
    coding = Coding.from_data(data, options={"price": "levels"})
    assert fit_mnl(data.take(np.arange(100)), coding=coding).coding is coding
    with pytest.raises(DataError, match="already fixed"):
        fit_mnl(data, coding=coding, constants=True)


def test_summary_shows_every_coefficient(data: ChoiceData) -> None:
    result = fit_mnl(data, errors="robust")
    text = str(result)
    for name, value in result.coefficients.items():
        assert any(line.startswith(name) and f"{value:.6g}" in line for line in text.splitlines())
    assert "standard errors: robust" in text
    assert f"{data.tasks} choices of {data.respondents} respondents" in text
    assert 0 < result.rho_squared < 1


def table_of(**columns: list[object]) -> dict[str, list[object]]:
    return {"person": [1, 1, 1, 1, 2, 2], "task": [1, 1, 2, 2, 1, 1], "alt": ["x", "y"] * 3, **columns}


def refusal(read: Maker, table: object, attributes: list[str], **options: object) -> str:
    with pytest.raises(DataError) as caught:
        fit_mnl(read(table, attributes=attributes), **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_separation_names_the_columns(read_choices: Maker) -> None:
    won = [1, 0, 0, 1, 1, 0]
    table = table_of(won=won, price=[1, 2, 5, 3, 2, 3], noise=[0.3, 0.1, 0.2, 0.9, 0.5, 0.55])
    text = refusal(read_choices, table, ["price"])
    assert "'price'" in text
    assert "without exception" in text
    assert fit_mnl(read_choices(table, attributes=["price"]), signs={"price": 1}).at_bound == ("price",)


def test_quasi_separation_leaves_innocent_columns_alone(read_choices: Maker, make_table: Tables) -> None:
    # Nobody ever takes the alternative with the flaw; price is an ordinary attribute.
    table = make_table(8).with_columns(flaw=((pl.col("won") == 0) & (pl.col("size") > 1)).cast(pl.Int8))
    text = refusal(read_choices, table, ["price", "flaw"])
    assert "column 'flaw'" in text
    assert "column 'price'" not in text


def test_dependent_and_constant_columns_are_named(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(9).with_columns(cents=pl.col("price") * 100 + 3, income=pl.col("person") * 1.0)
    text = refusal(read_choices, table, ["price", "size", "cents", "income"])
    assert "'price', 'cents'" in text
    assert "'income'" in text
    assert "does not vary within any task" in text
    assert "'size'" not in text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"signs": {"prize": -1}}, "did you mean 'price'?"),
        ({"signs": {"price": 2}}, "1 or -1"),
        ({"signs": {"brand": 1, "brand_bolt": -1}}, "one sign per column"),
        ({"weights": np.ones(3)}, "shape (3,)"),
        ({"weights": np.full(200, -1.0)}, "at least 0"),
        ({"errors": "bootstrap"}, "allowed here"),
    ],
)
def test_bad_options(data: ChoiceData, options: dict[str, object], part: str) -> None:
    with pytest.raises(DataError) as caught:
        fit_mnl(data, **options)  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_errors_without_respondents(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(10).with_columns(task=pl.col("person") * 10 + pl.col("task"))
    data = read_choices(table, respondent=None)
    result = fit_mnl(data)
    assert (result.errors, result.interval_errors) == ("classical", "robust")
    assert (result.respondents, result.sample_size) == (0, data.tasks)
    with pytest.raises(DataError, match="name the respondent column"):
        fit_mnl(data, errors="clustered")
