"""Latent classes against planted ones, against slow formulas, and every refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from marketfit.demand import ChoiceData, Errors, LatentClassResult, fit_latent_class, fit_mnl, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.em import begin, climb, run_em
from marketfit.demand.models.likelihood import probabilities
from marketfit.demand.models.mixture import Mixture, derivatives, moved, parameters_of
from marketfit.demand.models.panel import Panel, people_of
from marketfit.demand.segments.agreement import adjusted_rand
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]
Planted = Callable[..., tuple[ChoiceData, np.ndarray]]
KINDS: tuple[Errors, ...] = ("classical", "clustered")
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def three(planted: Planted) -> LatentClassResult:
    return fit_latent_class(planted(11)[0], classes=3)


def packed(data: ChoiceData, weights: FloatArray | None = None) -> tuple[Panel, FloatArray, ChoiceData]:
    labels, person = people_of(data)
    design = fit_mnl(data).coding.design(data).matrix
    weights = np.ones(labels.size) if weights is None else weights
    return Panel.of(data, design, person, weights), design, data


def unbounded(columns: int) -> tuple[FloatArray, FloatArray]:
    return np.full(columns, -np.inf), np.full(columns, np.inf)


def slow_log_likelihood(data: ChoiceData, design: FloatArray, classes: FloatArray, shares: FloatArray) -> float:
    """Person by person, by the definition."""
    assert data.respondent is not None
    total = 0.0
    for person in np.unique(data.respondent):
        chance = 0.0
        for share, point in zip(shares, classes, strict=True):
            product = share
            for task in np.flatnonzero(data.respondent == person).tolist():
                rows = design[data.starts[task] : data.starts[task] + data.sizes[task]]
                exped = np.exp(rows @ point)
                product *= exped[data.chosen[task] - data.starts[task]] / exped.sum()
            chance += product
        total += math.log(chance)
    return total


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_mixture_and_its_derivatives(data: ChoiceData, data_with_none: ChoiceData, seed: int) -> None:
    # Tasks have two to five alternatives here: the packing of unequal tasks is tested too.
    rng = np.random.default_rng(seed)
    for choices in (data, data_with_none):
        weights = rng.uniform(0.5, 2.0, choices.respondents)
        panel, design, _ = packed(choices, weights)
        even = replace(panel, weights=np.ones(panel.people))
        classes, shares = rng.normal(size=(3, design.shape[1])), rng.dirichlet(np.ones(3))
        at = Mixture.at(even, classes, shares)
        assert at.log_likelihood == pytest.approx(slow_log_likelihood(choices, design, classes, shares), rel=1e-10)
        weighted = Mixture.at(panel, classes, shares)
        scores, information = derivatives(panel, weighted)
        point, gradient, step = parameters_of(weighted), scores.sum(axis=0), 1e-5
        for k in range(point.size):
            up, down = (moved(panel, weighted, point + sign * step * np.eye(point.size)[k]) for sign in (1, -1))
            slope = (up.log_likelihood - down.log_likelihood) / (2 * step)
            assert gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-5)
            bend = (derivatives(panel, up)[0] - derivatives(panel, down)[0]).sum(axis=0) / (2 * step)
            np.testing.assert_allclose(-information[k], bend, rtol=1e-4, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, classes=st.integers(1, 5), bounded=st.booleans())
def test_no_step_ever_lowers_the_likelihood(data: ChoiceData, seed: int, classes: int, bounded: bool) -> None:
    rng = np.random.default_rng(seed)
    panel, design, _ = packed(data, rng.uniform(0.0, 3.0, data.respondents))
    bounds = unbounded(design.shape[1])
    if bounded:
        bounds = (bounds[0], np.where(np.arange(design.shape[1]) < 2, 0.0, np.inf))
    start = begin(panel, rng.dirichlet(np.ones(classes), panel.people).T, np.zeros(design.shape[1]), bounds)
    run = climb(panel, run_em(panel, start, bounds, most=60), bounds)
    path = np.array(run.path)
    assert path.size > 2
    assert (np.diff(path) >= -1e-9 * abs(path[0])).all()
    assert (run.mixture.coefficients <= bounds[1]).all()
    np.testing.assert_allclose(run.mixture.membership.sum(axis=0), 1.0)


def test_recovers_planted_classes(
    three: LatentClassResult, planted: Planted, planted_classes: tuple[FloatArray, FloatArray]
) -> None:
    points, shares = planted_classes
    _, truth = planted(11)
    errors = three.standard_errors
    for index in range(3):
        for name, value in zip(three.coding.columns, points[index], strict=True):
            full = f"class{index + 1}_{name}"
            assert abs(three.coefficients[full] - value) < 3.5 * errors[full], full
            assert errors[full] < 0.35
        share = f"share_class{index + 1}"
        assert abs(three.coefficients[share] - shares[index]) < 3.5 * errors[share]
        assert errors[share] == pytest.approx(math.sqrt(shares[index] * (1 - shares[index]) / 300), rel=0.3)
    panel, _, _ = packed(planted(11)[0])
    best = Mixture.at(panel, points, shares).membership.argmax(axis=0) == truth
    assert (three.membership.argmax(axis=1) == truth).mean() >= best.mean() - 0.02
    assert three.shares.tolist() == sorted(three.shares, reverse=True)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))])
def test_bic_picks_the_planted_number(planted: Planted, seed: int) -> None:
    result = fit_latent_class(planted(seed, people=200)[0], classes=range(1, 5), starts=6)
    assert result.classes == 3
    assert [row.classes for row in result.tried] == [1, 2, 3, 4]
    values = [row.log_likelihood for row in result.tried if row.log_likelihood is not None]
    assert values == sorted(values)


def test_well_separated_classes_are_told_apart(planted: Planted) -> None:
    data, truth = planted(1, people=120, tasks=25)
    result = fit_latent_class(data, classes=3, starts=6)
    assert adjusted_rand(result.membership.argmax(axis=1), truth) >= 0.9
    assert result.chosen.entropy_r2 is not None
    assert result.chosen.entropy_r2 > 0.9


def test_one_class_is_the_logit(data: ChoiceData, data_with_none: ChoiceData) -> None:
    weights = np.repeat(np.random.default_rng(0).uniform(0.5, 2, 40), 5)
    for choices in (data, data_with_none, replace(data, weights=weights)):
        one, logit = fit_latent_class(choices, classes=1, constants=True), fit_mnl(choices, constants=True)
        assert one.log_likelihood == pytest.approx(logit.log_likelihood, abs=1e-9)
        assert one.log_likelihood_null == logit.log_likelihood_null
        np.testing.assert_allclose(one.class_estimates[0], logit.estimates, rtol=1e-8)
        for kind in ("classical", "clustered"):
            np.testing.assert_allclose(one.covariances[kind], logit.covariances[kind], rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(one.predict(choices), logit.predict(choices), rtol=1e-8)
        assert math.isnan(one.standard_errors["share_class1"])
        assert one.chosen.entropy_r2 == 1.0


def test_covariance_is_the_inverse_of_a_numerical_hessian(three: LatentClassResult, planted: Planted) -> None:
    panel, _, _ = packed(planted(11)[0])
    at = Mixture.at(panel, three.class_estimates, three.shares)
    point, step = parameters_of(at), 1e-4
    basis = np.eye(point.size) * step

    def value(shift: FloatArray) -> float:
        return moved(panel, at, point + shift).log_likelihood

    hessian = [
        [
            (value(a + b) - value(a - b) - value(b - a) + value(-a - b)) / (4 * step**2)
            for b in basis
        ]
        for a in basis
    ]  # fmt: skip
    np.testing.assert_allclose(np.linalg.inv(-np.array(hessian)), three.covariances["classical"], rtol=2e-3, atol=1e-6)


def test_clustered_errors_by_their_formula(three: LatentClassResult, planted: Planted) -> None:
    panel, _, _ = packed(planted(11)[0])
    at = Mixture.at(panel, three.class_estimates, three.shares)
    point, step = parameters_of(at), 1e-6
    shifts = [moved(panel, at, point + step * row) for row in np.eye(point.size)]
    by_person = [special.logsumexp(m.chances.logs + np.log(m.shares)[:, None], axis=0) for m in [at, *shifts]]
    scores = (np.array(by_person[1:]) - by_person[0]).T / step
    bread, people = three.covariances["classical"], panel.people
    sandwich = people / (people - 1) * bread @ scores.T @ scores @ bread
    np.testing.assert_allclose(three.covariances["clustered"], sandwich, rtol=1e-2, atol=1e-5)
    assert (three.errors, three.interval_errors) == ("classical", "clustered")
    np.testing.assert_array_equal(three.covariance, three.covariances["clustered"])
    assert three.standard_errors == three.standard_errors_of("classical")


def test_errors_are_the_spread_over_samples(planted: Planted, planted_classes: tuple[FloatArray, FloatArray]) -> None:
    fits = [fit_latent_class(planted(seed, people=150)[0], classes=3, starts=4) for seed in range(50, 74)]
    points, errors = [], []
    for fit in fits:
        near = [int(((fit.class_estimates - row) ** 2).sum(axis=1).argmin()) for row in planted_classes[0]]
        assert sorted(near) == [0, 1, 2]
        points.append(fit.class_estimates[near].ravel())
        errors.append([np.sqrt(np.diag(fit.covariances[kind]))[:12].reshape(3, 4)[near].ravel() for kind in KINDS])
    spread = np.std(points, axis=0, ddof=1)
    for kind, own in zip(KINDS, np.mean(errors, axis=0), strict=True):
        assert np.median(own / spread) == pytest.approx(1.0, abs=0.2), kind


def test_the_same_seed_gives_the_same_result_whatever_else_is_tried(planted: Planted) -> None:
    data, _ = planted(3, people=80)
    first, second = (fit_latent_class(data, classes=classes, rng=5) for classes in (2, 2))
    np.testing.assert_array_equal(first.class_estimates, second.class_estimates)
    several = fit_latent_class(data, classes=[3, 2, 2], rng=5)
    assert [row.classes for row in several.tried] == [3, 2]
    assert several.tried[1] == first.tried[0]
    generators = [fit_latent_class(data, classes=2, rng=np.random.default_rng(9)) for _ in range(2)]
    np.testing.assert_array_equal(generators[0].class_estimates, generators[1].class_estimates)


def test_labels_and_units_change_nothing(planted: Planted) -> None:
    data, _ = planted(4, people=100)
    labels = [f"p{value:03}" for value in data.respondent_labels.tolist()]  # type: ignore[union-attr]
    again = replace(data, respondent_labels=np.array(labels))
    scaled = replace(again, attributes=(replace(data.attributes[0], values=data.attributes[0].numbers * 1000),
                                        *data.attributes[1:]))  # fmt: skip
    first, second = fit_latent_class(data, classes=3), fit_latent_class(scaled, classes=3)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(second.class_estimates[:, 0] * 1000, first.class_estimates[:, 0], rtol=1e-5)
    np.testing.assert_allclose(second.shares, first.shares, rtol=1e-6)
    assert second.respondent_labels.tolist() == labels


def test_whole_weights_are_repeated_people(planted: Planted) -> None:
    data, _ = planted(6, people=60)
    weights = np.where(np.repeat(np.arange(60), 10) < 20, 2.0, 1.0)
    assert data.respondent is not None
    twice = data.take(data.respondent < 20)
    merged = {name: np.concatenate([getattr(data, name), getattr(twice, name)]) for name in ("alternative", "is_none",
              "row", "sizes", "weights")}  # fmt: skip
    repeated = replace(
        data,
        **merged,
        attributes=tuple(
            replace(one, values=np.concatenate([one.values, two.values]))
            for one, two in zip(data.attributes, twice.attributes, strict=True)
        ),
        starts=np.concatenate([data.starts, twice.starts + data.rows]),
        choices=np.concatenate([data.chosen, twice.chosen + data.rows]),
        respondent=np.concatenate([data.respondent, twice.respondent + 60]),
        respondent_labels=np.arange(80),
    )
    weighted, copied = (fit_latent_class(choices, classes=2) for choices in (replace(data, weights=weights), repeated))
    assert weighted.log_likelihood == pytest.approx(copied.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(weighted.class_estimates, copied.class_estimates, rtol=1e-5)
    np.testing.assert_allclose(weighted.covariances["classical"], copied.covariances["classical"], rtol=1e-4)
    assert weighted.chosen.bic == pytest.approx(copied.chosen.bic)
    assert (weighted.respondents, copied.respondents) == (60, 80)


def test_signs_hold_in_every_class(planted: Planted) -> None:
    data, _ = planted(11)
    held = fit_latent_class(data, classes=3, signs={"size": 1, "price": -1})
    assert held.at_bound == ("class3_size",)
    assert held.coefficients["class3_size"] == 0.0
    assert math.isnan(held.standard_errors["class3_size"])
    assert held.log_likelihood < fit_latent_class(data, classes=3).log_likelihood
    assert held.chosen.parameters == 13
    values, shares = held.draws(500, np.random.default_rng(0))
    assert (values[:, :, 1] >= 0).all()
    assert not values[:, 2, 1].any()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert "at its bound" in str(held)


def test_prediction_averages_the_classes(three: LatentClassResult, planted: Planted) -> None:
    data, _ = planted(11)
    design = three.coding.design(data).matrix
    parts = [probabilities(design, point, data.starts, data.sizes) for point in three.class_estimates]
    new = three.predict(data)[data.row]
    np.testing.assert_allclose(new, three.shares @ np.array(parts))
    known = three.predict_known(data)[data.row]
    weights = three.membership[data.respondent][data.task_of_row]
    np.testing.assert_allclose(known, (weights.T * np.array(parts)).sum(axis=0))
    assert data.respondent_labels is not None
    as_text = replace(data, respondent_labels=data.respondent_labels.astype(str))
    np.testing.assert_array_equal(three.predict_known(as_text), three.predict_known(data))
    stranger = replace(data, respondent_labels=data.respondent_labels + 1000)
    np.testing.assert_allclose(three.predict_known(stranger), three.predict(data))


def test_what_people_said_before_foretells_what_they_choose(planted: Planted) -> None:
    data, _ = planted(12)
    late = np.arange(data.tasks) % 10 >= 8
    result, test = fit_latent_class(data.take(~late), classes=3), data.take(late)
    logs = {
        "new": np.log(result.predict(test)[np.argsort(np.argsort(test.row))][test.chosen]).mean(),
        "known": np.log(result.predict_known(test)[np.argsort(np.argsort(test.row))][test.chosen]).mean(),
        "logit": np.log(fit_mnl(data.take(~late)).predict(test)[np.argsort(np.argsort(test.row))][test.chosen]).mean(),
    }
    assert logs["known"] > logs["new"] + 0.1
    assert logs["new"] == pytest.approx(logs["logit"], abs=0.05)


def test_membership_of_people(three: LatentClassResult, planted: Planted) -> None:
    data, _ = planted(11)
    labels, membership = three.membership_of(data)
    np.testing.assert_allclose(membership, three.membership, atol=1e-12)
    np.testing.assert_array_equal(labels, three.respondent_labels)
    others, truth = planted(77)
    assert (three.membership_of(others)[1].argmax(axis=1) == truth).mean() > 0.9
    np.testing.assert_allclose(three.membership.mean(axis=0), three.shares, atol=1e-6)
    np.testing.assert_allclose(three.individual, three.membership @ three.class_estimates)
    np.testing.assert_allclose(three.means, three.individual.mean(axis=0), atol=1e-6)


def test_draws_have_the_covariance(three: LatentClassResult) -> None:
    values, shares = three.draws(100_000, np.random.default_rng(1))
    errors = three.standard_errors_of("clustered")
    for index in range(3):
        own = [errors[f"class{index + 1}_{name}"] for name in three.coding.columns]
        np.testing.assert_allclose(values[:, index].mean(axis=0), three.class_estimates[index], atol=0.02 * max(own))
        np.testing.assert_allclose(values[:, index].std(axis=0), own, rtol=0.02)
        assert shares[:, index].std() == pytest.approx(errors[f"share_class{index + 1}"], rel=0.03)
    drawn = three.utility_draws(50, np.random.default_rng(2))
    assert drawn.values.shape == (50, 3, 4)
    assert drawn.weights is not None
    means = three.mean_draws(50, np.random.default_rng(2))
    np.testing.assert_allclose(means, (drawn.values * drawn.weights[:, :, None]).sum(axis=1))


def test_the_simulator_averages_over_classes(three: LatentClassResult) -> None:
    offers = {
        "cheap": {"price": 1.0, "size": 0.0, "brand": "ajax"},
        "big": {"price": 3.0, "size": 1.0, "brand": "ajax"},
    }
    shares = simulate(three, offers, draws=4000)
    gaps = three.class_estimates @ np.array([2.0, 1.0, 0.0, 0.0])
    expected = float(three.shares @ special.expit(-gaps))
    assert shares.mean["cheap"] == pytest.approx(expected, abs=0.01)
    assert shares.low[0] < expected < shares.high[0]
    assert shares.sample_size == 300


def test_degenerate_classes_are_refused_and_listed(read_choices: Maker, make_table: Tables) -> None:
    data = read_choices(make_table(0, people=25, tasks=3))
    result = fit_latent_class(data, classes=[1, 6], starts=2)
    assert result.classes == 1
    assert result.tried[1].bic is None
    assert "run" in result.tried[1].note
    assert "no proper maximum" in str(result)
    with pytest.raises(DataError) as caught:
        fit_latent_class(data, classes=6, starts=2)
    assert "classes=6" in str(caught.value)
    assert "ask for fewer classes" in str(caught.value)


def test_a_class_that_never_errs_has_no_finite_coefficients(planted: Planted) -> None:
    # Half of the people always take what is cheapest, and all prices differ: one class has an infinite coefficient.
    data, _ = planted(5, people=100)
    price = data.attributes[0].numbers + np.tile([0.0, 0.1, 0.2], data.tasks)
    cheapest = data.starts + price.reshape(-1, 3).argmin(axis=1)
    assert data.respondent is not None
    chosen = np.where(data.respondent < 50, cheapest, data.chosen)
    sure = replace(data, choices=chosen, attributes=(replace(data.attributes[0], values=price), *data.attributes[1:]))
    with pytest.raises(DataError, match="no finite coefficients of 'price'"):
        fit_latent_class(sure, classes=3, starts=6)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"classes": 0, "starts": 0}, ["classes=0", "starts=0", "1 to 40"]),
        ({"classes": 41}, ["classes=41"]),
        ({"classes": []}, ["names no number"]),
        ({"classes": 2, "signs": {"prize": 1}}, ["did you mean 'price'?"]),
    ],
)
def test_bad_options(data: ChoiceData, options: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit_latent_class(data, **options)  # type: ignore[arg-type]
    assert all(part in str(caught.value) for part in parts)


def test_people_must_be_known_and_weighed_as_a_whole(data: ChoiceData, read_choices: Maker, make_table: Tables) -> None:
    table = make_table(10).with_columns(task=pl.col("person") * 10 + pl.col("task"))
    with pytest.raises(DataError, match="name the respondent column"):
        fit_latent_class(read_choices(table, respondent=None), classes=2)
    with pytest.raises(DataError, match=r"2 people.*weigh people"):
        fit_latent_class(replace(data, weights=np.where(np.arange(data.tasks) == 7, 2.0, 1.0)
                                 + (np.arange(data.tasks) == 0)), classes=2)  # fmt: skip


def test_errors_that_are_asked_for(planted: Planted) -> None:
    data = planted(8, people=80)[0]
    for kind in KINDS:
        result = fit_latent_class(data, classes=2, starts=2, errors=kind)
        assert (result.errors, result.interval_errors) == (kind, kind)
        assert f"{kind} s.e." in str(result)
    with pytest.raises(DataError, match=r"'robust' is not to be had here; allowed: classical, clustered"):
        fit_latent_class(data, classes=2, errors="robust")
    # Four parameters: their covariance cannot be told from the scores of four people.
    assert fit_latent_class(data.take(np.arange(40)), classes=1).interval_errors == "classical"
    assert fit_latent_class(data.take(np.arange(50)), classes=1).interval_errors == "clustered"


def test_progress_and_summary(planted: Planted) -> None:
    done: list[float] = []
    result = fit_latent_class(planted(8, people=80)[0], classes=range(1, 4), starts=4, progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 1.0
    text = str(result)
    for name, value in result.coefficients.items():
        if name.startswith("class"):
            assert f"{value:.6g}" in text
    assert "standard errors: classical; intervals and draws: clustered" in text
    assert "* least BIC" in text
    assert f"share {result.shares[0]:.4f}" in text


def _two_answers(takers: tuple[int, int]) -> pl.DataFrame:
    """200 people, so many of whom take ours at a price of 2, and at 4."""
    rows = [
        (f"p{person:03d}", task, product, int((person < taking) == (product == "ours")), price, int(product == "ours"))
        for person in range(200)
        for task, (price, taking) in enumerate(zip((2.0, 4.0), takers, strict=True))
        for product in ("ours", "theirs")
    ]
    table = pl.DataFrame(rows, schema=["person", "task", "alt", "won", "price", "home"], orient="row")
    return table.with_columns(price=pl.col("price") * pl.col("home"))


def test_a_ridge_without_an_end_is_no_fault(read_choices: Maker) -> None:
    """Three patterns of two answers do not tell four classes apart, and searches end on a ridge: that is said."""
    data = read_choices(_two_answers((120, 60)), attributes=["price", "home"])
    fit = fit_latent_class(data, classes=[1, 4], starts=4, signs={"price": -1})
    assert fit.classes == 1
    assert "4   no proper maximum: 4 of 4 runs end improperly" in str(fit)


@pytest.mark.parametrize("takers", [(120, 60), (150, 30), (90, 80)])
def test_the_last_step_on_a_ridge_never_falls(read_choices: Maker, takers: tuple[int, int]) -> None:
    """A ridge is concave by its last bits here and there: the step that should polish then leads off it."""
    data = read_choices(_two_answers(takers), attributes=["price", "home"])
    for seed in range(1, 4):
        fit = fit_latent_class(data, classes=[1, 3], starts=5, rng=seed)
        assert fit.classes == 1, seed
