"""The parts of hierarchical Bayes against slow formulas, quadrature and known answers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np
import polars as pl
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from marketfit.demand import ChoiceData, fit_mnl
from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.models.hierarchical import chains, layout
from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior
from marketfit.demand.models.hierarchical.chains import run_chains
from marketfit.demand.models.hierarchical.convergence import effective_size, r_hat
from marketfit.demand.models.hierarchical.interweave import Interweaver
from marketfit.demand.models.hierarchical.layout import lay_out
from marketfit.demand.models.hierarchical.link import SignLink, latent_of
from marketfit.demand.models.hierarchical.people import PeopleSampler
from marketfit.demand.models.hierarchical.population import DEGREES, SPREAD, Population, new_people
from marketfit.demand.models.hierarchical.respondents import Respondents
from marketfit.demand.models.hierarchical.result import PEOPLE
from marketfit.errors import RunError

Maker = Callable[..., ChoiceData]


def chains_at_work() -> list[psutil.Process]:
    """Processes of chains; other tests may have left services of their own running."""
    return [child for child in psutil.Process().children() if any("hierarchical" in word for word in child.cmdline())]


Tables = Callable[..., pl.DataFrame]


def ragged(read: Maker, seed: int) -> tuple[ChoiceData, FloatArray]:
    """Tasks of 2 to 12 alternatives; not everybody has tasks of every size."""
    rng = np.random.default_rng(seed)
    rows = [
        (person, task, f"a{index:02d}", int(index == 1), float(rng.normal()), float(rng.normal()))
        for person in range(5)
        for task in range(int(rng.integers(1, 5)))
        for index in range(int(rng.integers(2, 13)))
    ]
    table = pl.DataFrame(rows, schema=["person", "task", "alt", "won", "price", "size"], orient="row")
    data = read(table, attributes=["price", "size"])
    return data, np.column_stack([attribute.numbers for attribute in data.attributes])


def slow_value(
    data: ChoiceData, design: FloatArray, weights: FloatArray, coefficients: FloatArray, person: int
) -> float:
    """Log-likelihood of one person at their coefficients (columns,)."""
    assert data.respondent is not None
    total = 0.0
    for task in np.flatnonzero(data.respondent == person).tolist():
        rows = slice(int(data.starts[task]), int(data.starts[task] + data.sizes[task]))
        utilities = design[rows] @ coefficients
        chosen = float(design[data.chosen[task]] @ coefficients)
        total += float(weights[task]) * (chosen - math.log(np.exp(utilities).sum()))
    return total


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cells=st.sampled_from([0, 2, layout.CELLS_OF_A_CALL]))
def test_likelihood_of_each_person(read_choices: Maker, seed: int, cells: int) -> None:
    """cells: where a block costs little, people with fewer tasks get one of their own."""
    data, design = ragged(read_choices, seed)
    assert data.respondent is not None
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 2, data.tasks) if seed % 2 else np.ones(data.tasks)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(layout, "CELLS_OF_A_CALL", cells)
        likelihood = lay_out(data, design, data.respondent, weights)
    point = rng.normal(size=(2, 5)).astype(np.float32)
    value, gradient = likelihood.value_and_gradient(point)
    information = likelihood.information(point)
    step = np.eye(2) * 1e-4
    for person in range(5):

        def at(shift: FloatArray, person: int = person) -> float:
            return slow_value(data, design, weights, point[:, person].astype(np.float64) + shift, person)

        assert value[person] == pytest.approx(at(np.zeros(2)), rel=1e-5, abs=1e-5)
        slopes = [(at(step[k]) - at(-step[k])) / 2e-4 for k in range(2)]
        np.testing.assert_allclose(gradient[:, person], slopes, rtol=1e-4, atol=1e-4)
        bends = [
            [
                (at(step[i] + step[j]) - at(step[i] - step[j]) - at(step[j] - step[i]) + at(-step[i] - step[j])) / 4e-8
                for j in range(2)
            ]
            for i in range(2)
        ]
        np.testing.assert_allclose(information[person], -np.array(bends), rtol=1e-3, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    groups=st.dictionaries(st.integers(1, 40), st.integers(1, 300), min_size=1, max_size=7),
    others=st.integers(1, 20),
)
def test_blocks_cost_as_little_as_any_others_would(groups: dict[int, int], others: int) -> None:
    counts = np.array(sorted(groups))
    people = np.array([groups[count] for count in counts.tolist()])

    def cost(firsts: Sequence[int]) -> int:
        ends = [*firsts[1:], counts.size]
        cells = [int(counts[end - 1]) * int(people[first:end].sum()) for first, end in zip(firsts, ends, strict=True)]
        return layout.CELLS_OF_A_CALL * len(firsts) + others * sum(cells)

    ways = [[0, *inner] for size in range(counts.size) for inner in itertools.combinations(range(1, counts.size), size)]
    assert cost(layout.fewest_cells(counts, people, others)) == min(map(cost, ways))


def test_extreme_coefficients_stay_finite(data: ChoiceData) -> None:
    assert data.respondent is not None
    design = fit_mnl(data).coding.design(data).matrix
    likelihood = lay_out(data, design, data.respondent, np.ones(data.tasks))
    value, gradient = likelihood.value_and_gradient(np.full((4, data.respondents), 1e4, dtype=np.float32))
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("sign", [0, -1])
def test_moves_leave_the_posterior_of_a_person_as_it_is(read_choices: Maker, sign: int) -> None:
    """Four thousand people with the same answers: their coefficients spread as quadrature says."""
    clones, design = 4000, np.array([0.0, 1.0, 2.0])
    wins = (0, 0, 1)
    table = pl.DataFrame(
        {
            "person": np.repeat(np.arange(clones), 9),
            "task": np.tile(np.repeat(np.arange(3), 3), clones),
            "alt": np.tile(["a", "b", "c"], 3 * clones),
            "won": np.tile([int(index == won) for won in wins for index in range(3)], clones),
            "price": np.tile(design, 3 * clones),
        }
    )
    data = read_choices(table, attributes=["price"])
    assert data.respondent is not None
    matrix = data.attributes[0].numbers[:, None]
    likelihood = lay_out(data, matrix, data.respondent, np.ones(data.tasks))
    rng = np.random.default_rng(0)
    signs = np.array([sign])
    sampler = PeopleSampler(likelihood, signs, rng.normal(size=(1, clones)).astype(np.float32))
    population = Population(np.array([0.4]), np.array([[1.5]]), np.array([[1 / 1.5]]), np.ones(1))
    for iteration in range(120):
        if iteration < 60:
            sampler.look(iteration)
            sampler.shape(population, iteration)
        sampler.move(population, rng)
        if iteration < 60:
            sampler.adapt(min(1.0, 20 / (iteration + 10)))
    grid = np.linspace(-12, 12, 4001)
    used = SignLink(signs, np.ones(1)).coefficients(grid[:, None])[:, 0]
    logs = sum(used * design[won] - np.log(np.exp(np.outer(used, design)).sum(axis=1)) for won in wins)
    density = np.exp(logs - (grid - 0.4) ** 2 / 3)
    density /= density.sum()
    mean = density @ used
    spread = math.sqrt(density @ (used - mean) ** 2)
    found = sampler.coefficients()[0].astype(np.float64)
    assert found.mean() == pytest.approx(mean, abs=4 * spread / math.sqrt(clones))
    assert found.std() == pytest.approx(spread, rel=0.06)
    assert (found * sign >= 0).all()
    order = np.argsort(used)
    for quantile in (0.05, 0.5, 0.95):
        cut = used[order][np.searchsorted(np.cumsum(density[order]), quantile)]
        assert (found <= cut).mean() == pytest.approx(quantile, abs=0.025)


@pytest.mark.parametrize("iterations", [1000, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("most_columns", "tasks"), [(30, 1), (1, 1), (30, 2)])
def test_without_answers_the_prior_comes_back(
    most_columns: int, tasks: int, iterations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All moves together, for three people whose tasks tell nothing (Geweke 2004, "Getting it right").

    With two tasks each, as many as columns, the population moves every other iteration. The bands are those of 4,000
    iterations, times the root of how many fewer there are.
    """
    monkeypatch.setattr("marketfit.demand.models.hierarchical.interweave.MOST_COLUMNS", most_columns)
    person = np.repeat(np.arange(3), tasks)
    rows = 2 * person.size
    nothing = np.zeros((rows, 2))
    sizes = np.full(person.size, 2)
    data = ChoiceData(
        attributes=(),
        alternatives=("a", "b"),
        alternative_column="alt",
        alternative=np.tile([0, 1], person.size),
        is_none=np.zeros(rows, dtype=np.bool_),
        none=None,
        row=np.arange(rows),
        starts=np.arange(0, rows, 2),
        sizes=sizes,
        choices=np.arange(0, rows, 2),
        weights=np.ones(person.size),
        respondent=person,
        respondent_labels=np.arange(3),
    )
    likelihood = lay_out(data, nothing, person, np.ones(person.size))
    tasteless = Posterior(likelihood, np.zeros(2, dtype=np.int64), np.zeros(2), np.ones(3))
    drawn = run_chains(tasteless, Length(iterations, iterations // 8, iterations, 10), [1, 2])
    wider = math.sqrt(4000 / iterations)
    covariances = np.concatenate([chain.covariances for chain in drawn])
    spreads = np.sqrt(covariances[:, [0, 1], [0, 1]])
    quantiles = (0.25, 0.5, 0.75)
    half_t = [SPREAD * stats.t.ppf((1 + q) / 2, DEGREES) for q in quantiles]
    np.testing.assert_allclose(np.quantile(spreads, quantiles), half_t, rtol=0.1 * wider)
    correlations = covariances[:, 0, 1] / spreads.prod(axis=1)
    leaning = 2 * stats.beta.ppf(quantiles, DEGREES / 2, DEGREES / 2) - 1  # Huang & Wand 2013, equation 4
    np.testing.assert_allclose(np.quantile(correlations, quantiles), leaning, atol=0.06 * wider)


@pytest.mark.parametrize(("tasks", "due"), [(5.9, [0, 1, 2, 3]), (6.0, [0, 2])])
def test_the_population_moves_seldom_where_people_answered_much(tasks: float, due: list[int]) -> None:
    interweaver = Interweaver(6, tasks)
    assert [iteration for iteration in range(4) if interweaver.due(iteration)] == due


def test_draws_of_the_population_given_everybody() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 0.6], [0.6, 0.8]])
    people = np.array([1.0, -2.0])[:, None] + np.linalg.cholesky(truth) @ rng.normal(size=(2, 300))
    population = Population.around(np.zeros(2))
    means, covariances = [], []
    for _ in range(3000):
        population = population.redrawn(people, np.ones(300), rng)
        means.append(population.mean)
        covariances.append(population.covariance)
    np.testing.assert_allclose(population.covariance @ population.precision, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(np.mean(means, axis=0), people.mean(axis=1), atol=0.01)
    sample = np.cov(people)
    np.testing.assert_allclose(np.cov(np.transpose(means)), sample / 300, rtol=0.15, atol=2e-4)
    np.testing.assert_allclose(np.mean(covariances, axis=0), sample, rtol=0.03)
    # The spread of an inverse-Wishart diagonal with n degrees of freedom: 2 W² / n.
    relative = np.std([covariance[0, 0] for covariance in covariances]) / sample[0, 0]
    assert relative == pytest.approx(math.sqrt(2 / (300 + DEGREES)), rel=0.1)


def test_weights_of_people_are_a_sample_of_their_own() -> None:
    rng = np.random.default_rng(1)
    people = np.concatenate([rng.normal(2, 1, (1, 100)), rng.normal(-2, 1, (1, 100))], axis=1)
    weights = np.repeat([0.9, 0.1], 100)
    population = Population.around(np.zeros(1))
    means = []
    for _ in range(1500):
        population = population.redrawn(people, weights, rng)
        means.append(population.mean[0])
    assert np.mean(means) == pytest.approx(float(people[0] @ weights / 100), abs=0.03)


def test_new_people_follow_the_population() -> None:
    rng = np.random.default_rng(2)
    covariance = np.array([[1.0, -0.7], [-0.7, 2.0]])
    means = np.tile([3.0, -1.0], (400, 1))
    drawn = new_people(means, np.tile(covariance, (400, 1, 1)), 50, rng)
    assert drawn.shape == (400, 50, 2)
    np.testing.assert_allclose(np.cov(drawn.reshape(-1, 2).T), covariance, atol=0.05)
    np.testing.assert_allclose(drawn.mean(axis=1), means, atol=1e-9)  # balanced within every draw
    assert not np.allclose(drawn[0], drawn[1])


def test_few_new_people_stand_for_the_population() -> None:
    """Shares of one population, drawn many times, hardly differ: that noise would widen every interval of a share."""
    rng = np.random.default_rng(0)
    mix = 0.5 * rng.normal(size=(8, 8))
    means, covariance = np.tile(0.5 * rng.normal(size=8), (300, 1)), mix @ mix.T + 0.8 * np.eye(8)
    people = new_people(means, np.tile(covariance, (300, 1, 1)), PEOPLE, rng)
    utilities = people @ rng.normal(size=(8, 3))
    chances = special.softmax(utilities, axis=2)
    at_random = chances.std(axis=(0, 1)) / np.sqrt(PEOPLE)
    assert (chances.mean(axis=1).std(axis=0) < 0.6 * at_random).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_link_keeps_signs_and_its_moments_are_those_of_many_draws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    link = SignLink(np.array([1, -1, 0]), np.array([0.5, 2.0, 1.0]))
    mean, variance = rng.normal(size=3), rng.uniform(0.1, 4, 3)
    drawn = link.coefficients(mean + np.sqrt(variance) * rng.normal(size=(200_000, 3)))
    assert (drawn[:, 0] > 0).all()
    assert (drawn[:, 1] < 0).all()
    means, spreads = link.moments(mean, variance)
    np.testing.assert_allclose(drawn.mean(axis=0), means, atol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), spreads, rtol=0.04)


@given(value=st.floats(0.06, 30))
def test_the_link_inverts(value: float) -> None:
    signs = np.array([1, -1, 0])
    wanted = signs * value
    latent = latent_of(wanted, signs, 0.05)
    np.testing.assert_allclose(SignLink(signs, np.ones(3)).coefficients(latent), wanted, rtol=1e-9)


def test_effective_size_and_r_hat_of_known_chains() -> None:
    rng = np.random.default_rng(3)
    chain = np.zeros((4, 4000))
    for step in range(1, 4000):
        chain[:, step] = 0.8 * chain[:, step - 1] + rng.normal(size=4)
    assert effective_size(chain) == pytest.approx(16_000 * 0.2 / 1.8, rel=0.15)
    assert r_hat(chain) < 1.01
    assert r_hat(chain + np.linspace(0, 8, 4000)) > 1.1  # a chain that drifts disagrees with itself
    assert r_hat(np.ones((2, 100))) == 1.0
    assert math.isnan(r_hat(np.ones((2, 3))))
    assert math.isnan(effective_size(np.ones((2, 7))))


def test_kept_iterations_are_spaced_evenly_and_few() -> None:
    kept, _ = Length(1000, 500, 100, 7).kept
    assert (len(kept), kept[-1]) == (100, 999)
    assert set(np.diff(kept).tolist()) == {5}
    assert Length(20, 10, 500, 500).kept[1] == list(range(10, 20))


def posterior(data: ChoiceData, signs: IntArray | None = None) -> Posterior:
    assert data.respondent is not None
    logit = fit_mnl(data)
    likelihood = lay_out(data, logit.coding.design(data).matrix, data.respondent, np.ones(data.tasks, dtype=np.float64))
    free = np.zeros(logit.estimates.size, dtype=np.int64) if signs is None else signs
    return Posterior(likelihood, free, logit.estimates, np.ones(data.respondents))


def test_where_chains_run_does_not_change_their_draws(read_choices: Maker) -> None:
    data, design = ragged(read_choices, 5)
    assert data.respondent is not None
    likelihood = lay_out(data, design, data.respondent, np.linspace(0.5, 1.5, data.tasks))
    work = Posterior(likelihood, np.array([-1, 0]), np.array([-0.5, 0.0]), np.ones(5))
    told: list[float] = []
    here, apart = (run_chains(work, Length(60, 30, 10, 5), [1, 2, 3], told.append, processes=n) for n in (1, 2))
    assert told[-1] == 1.0
    for first, second in zip(here, apart, strict=True):
        for field in fields(ChainDraws):
            np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert not np.array_equal(here[0].means, here[1].means)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_caller_raises_ends_every_chain(
    data: ChoiceData, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "REPORT_SECONDS", 0.01)

    def progress(done: float) -> None:
        raise KeyboardInterrupt(done)

    with pytest.raises(KeyboardInterrupt):
        run_chains(posterior(data), Length(10**7, 10, 10, 10), [1, 2, 3], progress, processes=processes)
    assert not chains_at_work()


def test_a_chain_that_fails_ends_the_others(data: ChoiceData) -> None:
    with pytest.raises(RunError, match=r"status 1: .*negative"):
        run_chains(posterior(data), Length(10**7, 10, 10, 10), [1, -1], processes=2)  # −1 is no seed
    assert not chains_at_work()


def test_processes_are_for_long_runs(data: ChoiceData, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def apart(*parts: object) -> list[ChainDraws]:
        asked.append(len(parts))
        return []

    monkeypatch.setattr(chains, "_apart", apart)
    monkeypatch.setattr(chains, "_processors", lambda: 2)
    work = posterior(data)
    run_chains(work, Length(20, 10, 5, 5), [1, 2])
    assert not asked
    run_chains(work, Length(10**5, 10, 5, 5), [1, 2])
    assert asked
    run_chains(work, Length(20, 10, 5, 5), [1])


def test_weights_split_into_people_and_tasks(data: ChoiceData) -> None:
    assert data.respondent is not None
    weights = np.where(data.respondent == 0, 0.0, 1.0 + data.respondent % 2)
    weights[data.respondent == 1] *= np.array([0.5, 1.5, 1.0, 1.0, 1.0])
    people = Respondents.of(replace(data, weights=weights))
    own = np.array([0.0, *(1.0 + np.arange(1, 40) % 2)])
    assert people.weights.sum() == pytest.approx(own.sum() ** 2 / (own**2).sum())  # Kish 1965
    np.testing.assert_allclose(people.weights / people.weights[1], own / own[1])
    np.testing.assert_allclose(people.task_weights[5:10], [0.5, 1.5, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(np.delete(people.task_weights, range(5, 10)), 1.0)
    equal = Respondents.of(replace(data, weights=np.full(data.tasks, 7.0)))
    assert (equal.weights == 1.0).all()
    assert people.labels[:2] == ("0", "1")


def test_single_precision_throughout(data: ChoiceData) -> None:
    likelihood = posterior(data).likelihood
    value, gradient = likelihood.value_and_gradient(np.zeros((4, data.respondents), dtype=np.float32))
    kinds: list[SingleArray] = [value, gradient]
    assert all(array.dtype == np.float32 for array in kinds)
