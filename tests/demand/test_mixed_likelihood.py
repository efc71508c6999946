"""The simulated likelihood against a slow, transparent one; derivatives against differences; the layout of blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketfit.demand import ChoiceData, Coding, Distribution, fit_mnl
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.halton import halton, primes
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.mixed import blocks, likelihood
from marketfit.demand.models.mixed.blocks import blocks_of, units_of
from marketfit.demand.models.mixed.likelihood import SKIPPED, SimulatedLikelihood
from marketfit.demand.models.mixed.spreads import spread_names, spreads_of
from marketfit.demand.models.mixed.tastes import Tastes

DRAWS = 13
MODELS: dict[str, tuple[dict[str, Distribution], bool]] = {
    "normal": ({"size": "normal"}, False),
    "all kinds": ({"price": "log-normal", "size": "triangular", "brand_bolt": "uniform"}, False),
    "two log-normals": ({"price": "log-normal", "size": "log-normal", "none": "normal"}, False),
    "correlated": ({"price": "log-normal", "size": "uniform", "brand_bolt": "normal", "none": "log-normal"}, True),
    "everything": (dict.fromkeys(("price", "size", "brand_bolt", "brand_crow", "none"), "normal"), True),
}


def model(data: ChoiceData, name: str, panel: bool = True) -> tuple[SimulatedLikelihood, FloatArray, FloatArray]:
    """A likelihood with uneven weights, its design, and some parameters."""
    random, correlated = MODELS[name]
    coding = Coding.from_data(data)
    signs = {"price": -1, "size": 1, "none": -1}
    tastes = Tastes(coding.columns, random, signs, correlated)
    design = coding.design(data).matrix
    unit = units_of(data, panel)
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.5, 2, int(unit[-1]) + 1)
    found = SimulatedLikelihood.of(tastes, data, design, (unit, weights), DRAWS)
    return found, design, rng.normal(scale=0.5, size=tastes.parameters)


def slow_value(data: ChoiceData, found: SimulatedLikelihood, design: FloatArray, parameters: FloatArray) -> float:
    """The simulated log-likelihood by its definition, draw by draw and task by task."""
    tastes, total = found.tastes, 0.0
    numbers = primes(len(tastes.names))
    assert data.respondent is not None
    for unit, respondent in enumerate(np.unique(data.respondent)):
        likelihoods = []
        for draw in range(DRAWS):
            index = np.array([SKIPPED + unit * DRAWS + draw])
            uniforms = np.array([halton(prime, index) for prime in numbers])
            taste = tastes.people(parameters, tastes.base(uniforms))[0]
            product = 1.0
            for task in np.flatnonzero(data.respondent == respondent).tolist():
                rows = slice(int(data.starts[task]), int(data.starts[task] + data.sizes[task]))
                odds = np.exp(design[rows] @ taste)
                product *= float(odds[data.chosen[task] - data.starts[task]] / odds.sum())
            likelihoods.append(product)
        total += float(found.weights[unit]) * math.log(float(np.mean(likelihoods)))
    return total


@pytest.mark.parametrize("name", MODELS)
def test_value_by_its_definition(data_with_none: ChoiceData, name: str) -> None:
    data = data_with_none.take(np.arange(data_with_none.tasks) % 7 != 0)  # people differ in their number of tasks
    found, design, parameters = model(data, name)
    assert found.evaluate(parameters).value == pytest.approx(slow_value(data, found, design, parameters), rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("panel", [True, False])
def test_derivatives_are_slopes(data_with_none: ChoiceData, name: str, panel: bool) -> None:
    found, _, parameters = model(data_with_none, name, panel)
    here = found.evaluate(parameters, information=True)
    assert here.information is not None
    gradient = here.scores.sum(axis=0)
    step = 1e-5
    for place in range(parameters.size):
        shift = np.eye(parameters.size)[place] * step
        up, down = found.evaluate(parameters + shift), found.evaluate(parameters - shift)
        assert gradient[place] == pytest.approx((up.value - down.value) / (2 * step), rel=1e-6, abs=1e-5)
        curved = (up.scores - down.scores).sum(axis=0) / (2 * step)
        np.testing.assert_allclose(-here.information[place], curved, rtol=1e-5, atol=1e-4)
    unweighted = here.scores / found.weights[:, None]
    np.testing.assert_allclose(here.outer, unweighted.T @ here.scores)


def test_no_spread_is_the_multinomial_logit(data: ChoiceData) -> None:
    logit = fit_mnl(data)
    design = logit.coding.design(data).matrix
    tastes = Tastes(logit.coding.columns, {"size": "normal"}, {}, False)
    unit = units_of(data, panel=True)
    found = SimulatedLikelihood.of(tastes, data, design, (unit, np.ones(int(unit[-1]) + 1)), DRAWS)
    here = found.evaluate(np.append(logit.estimates, 0.0), information=True)
    assert here.value == pytest.approx(logit.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(here.scores.sum(axis=0)[:-1], 0.0, atol=1e-6)
    assert here.information is not None
    expected = Likelihood.of(data, design, data.weights).derivatives(logit.estimates)[1]
    np.testing.assert_allclose(here.information[:-1, :-1], expected, rtol=1e-8, atol=1e-8)


def test_memory_and_blocks_change_nothing(data_with_none: ChoiceData, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _, parameters = model(data_with_none, "correlated")
    expected = whole.evaluate(parameters, information=True)
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 1)
    monkeypatch.setattr(likelihood, "KEPT_NUMBERS", 500)
    small, _, _ = model(data_with_none, "correlated")
    assert len(small.blocks) == data_with_none.respondents
    assert 0 < len(small.bases) < len(small.blocks)
    found = small.evaluate(parameters, information=True)
    assert found.value == pytest.approx(expected.value, rel=1e-13)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-9, atol=1e-12)
    assert found.information is not None
    assert expected.information is not None
    np.testing.assert_allclose(found.information, expected.information, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(small.conditional_means(parameters), whole.conditional_means(parameters), rtol=1e-12)


def test_blocks_hold_every_difference_once(data: ChoiceData) -> None:
    design = np.random.default_rng(1).normal(size=(data.rows, 2))
    unit = units_of(data, panel=True)
    found = blocks_of(data, design, unit, 50)
    assert sorted(np.concatenate([block.units for block in found]).tolist()) == list(range(data.respondents))
    for block in found:
        present = np.ones(block.differences.shape[:-1], dtype=bool) if block.absent is None else ~block.absent
        assert not block.differences[~present].any()
        for place, one in enumerate(block.units.tolist()):
            tasks = np.flatnonzero(unit == one)
            assert present[place].sum(axis=0).tolist() == (data.sizes[tasks] - 1).tolist()
            for number, task in enumerate(tasks.tolist()):
                rows = np.arange(data.starts[task], data.starts[task] + data.sizes[task])
                others = design[rows[rows != data.chosen[task]]] - design[data.chosen[task]]
                np.testing.assert_array_equal(block.differences[place, present[place, :, number], number], others)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["normal", "two log-normals"])
def test_huge_utilities_do_not_overflow(data_with_none: ChoiceData, name: str) -> None:
    found, _, parameters = model(data_with_none, name)
    far = found.evaluate(parameters * 1e5, information=True)
    assert np.isfinite(far.value)
    assert np.isfinite(far.scores).all()
    assert far.information is not None
    assert np.isfinite(far.information).all()


def test_spreads_and_their_slopes() -> None:
    random: dict[str, Distribution] = {"a": "normal", "b": "uniform", "c": "log-normal", "d": "normal"}
    tastes = Tastes(("a", "b", "x", "c", "d"), random, {"c": 1}, True)
    assert spread_names(tastes) == ("sd_a", "sd_b", "sd_c", "sd_d", "cor_a:c", "cor_a:d", "cor_c:d")
    parameters = np.random.default_rng(2).normal(size=tastes.parameters)
    values, slopes = spreads_of(tastes, parameters)
    factor = tastes.matrix(parameters)[:, 1:]
    covariance = factor @ factor.T
    np.testing.assert_allclose(values[:4], np.sqrt(np.diag(covariance)))
    assert values[6] == pytest.approx(covariance[2, 3] / (values[2] * values[3]))
    assert covariance[0, 1] == covariance[1, 2] == 0
    for number in range(slopes.shape[1]):
        shift = np.zeros(parameters.size)
        shift[5 + number] = 1e-6
        up, down = spreads_of(tastes, parameters + shift)[0], spreads_of(tastes, parameters - shift)[0]
        np.testing.assert_allclose(slopes[:, number], (up - down) / 2e-6, atol=1e-8)


def test_means_and_their_slopes() -> None:
    random: dict[str, Distribution] = {"a": "log-normal", "b": "log-normal", "c": "triangular"}
    tastes = Tastes(("a", "x", "b", "c"), random, {"a": 1, "b": -1}, True)
    parameters = np.random.default_rng(3).normal(scale=0.3, size=tastes.parameters)
    slopes = tastes.mean_slopes(parameters)
    for number in range(parameters.size):
        shift = np.eye(parameters.size)[number] * 1e-6
        up, down = tastes.means(parameters + shift), tastes.means(parameters - shift)
        np.testing.assert_allclose(slopes[:, number], (up - down) / 2e-6, atol=1e-8)
    base = tastes.base(np.random.default_rng(4).random((3, 400_000)))
    np.testing.assert_allclose(tastes.people(parameters, base).mean(axis=0), tastes.means(parameters), atol=0.005)


def test_turned_factors_are_the_same_distribution() -> None:
    tastes = Tastes(("a", "b"), {"a": "normal", "b": "normal"}, {}, True)
    parameters = np.array([1.0, 2.0, -0.5, 0.3, -0.7])
    turned = parameters * tastes.turns(parameters)
    np.testing.assert_array_equal(turned, [1.0, 2.0, 0.5, -0.3, 0.7])
    before, after = (tastes.matrix(one)[:, 1:] for one in (parameters, turned))
    np.testing.assert_allclose(before @ before.T, after @ after.T)
