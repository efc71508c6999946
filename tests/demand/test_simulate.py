"""Shares of preference: a slow softmax, people within draws, intervals, the none option, and every refusal."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import ChoiceData, Coding, MNLResult, UtilityDraws, draw_utilities, fit_mnl, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.terms import LinearTerm
from marketfit.demand.intervals import interval
from marketfit.demand.market.shares import share_curve_draws, share_draws
from marketfit.errors import DataError

OFFERS: dict[str, dict[str, float | str]] = {
    "ours": {"price": 2, "size": 0.5, "brand": "bolt"},
    "theirs": {"price": 1, "size": 0.0, "brand": "ajax"},
    "other": {"price": 3, "size": 1.0, "brand": "crow"},
}


def slow_shares(designs: FloatArray, values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean over the people of each draw of the softmax, in double precision, one at a time."""
    answer = np.zeros((values.shape[0], designs.shape[0]))
    weights = np.ones(values.shape[:2]) if weights is None else weights
    for draw, people in enumerate(values):
        for place, person in enumerate(people):
            worth = [float(design @ person) for design in designs]
            powers = [math.exp(value - max(worth)) for value in worth]
            answer[draw] += np.array(powers) / sum(powers) * weights[draw, place] / weights[draw].sum()
    return answer


def drawn(values: FloatArray, weights: FloatArray | None = None) -> UtilityDraws:
    """Draws of as many numeric attributes as there are columns."""
    terms = tuple(LinearTerm(f"x{place}", -1.0, 1.0) for place in range(values.shape[2]))
    return UtilityDraws(values, Coding(terms, (), None, None, "alt"), 1, weights)


@pytest.fixture(scope="module")
def model(data: ChoiceData) -> MNLResult:
    return fit_mnl(data)


@pytest.fixture(scope="module")
def model_with_none(data_with_none: ChoiceData) -> MNLResult:
    return fit_mnl(data_with_none)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 6), st.integers(1, 4)),
    offers=st.integers(1, 8),
    block=st.integers(1, 64),
    shift=st.floats(-1e5, 1e5),
)
def test_shares_in_any_blocks(seed: int, shape: tuple[int, int, int], offers: int, block: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    values, designs = rng.normal(size=shape), rng.normal(size=(offers, shape[2]))
    weights = rng.uniform(0.1, 3.0, shape[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketfit.demand.market.shares.BLOCK_CELLS", block)
        shares = share_draws(designs, drawn(values))
        weighted = share_draws(designs, drawn(values, weights))
        # What all offers have in common changes nothing, in single precision too.
        moved = share_draws(designs + shift, drawn(values))
        curve = share_curve_draws(designs[:1], designs[1:], drawn(values, weights)) if offers > 1 else None
    np.testing.assert_allclose(shares, slow_shares(designs, values), atol=2e-6)
    np.testing.assert_allclose(weighted, slow_shares(designs, values, weights), atol=2e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=2e-6)
    np.testing.assert_allclose(moved, shares, atol=2e-6)
    if curve is not None:
        np.testing.assert_allclose(curve[:, 0], weighted[:, 0], atol=2e-6)


@given(seed=st.integers(0, 2**32 - 1), draws=st.integers(1, 3000), level=st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_interval_is_the_exact_quantile(seed: int, draws: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    # Skewed, tied and nearly sorted columns.
    columns = np.stack([rng.gamma(0.3, size=draws), rng.integers(0, 3, draws) * 1.0, np.arange(draws) * 1.0], axis=1)
    low, high = interval(columns, level)
    if draws * (1 - level) / 2 < 1:
        assert np.isnan(low).all()
        assert np.isnan(high).all()
        return
    tail = (1 - level) / 2
    np.testing.assert_allclose([low, high], np.quantile(columns, (tail, 1 - tail), axis=0), rtol=1e-9, atol=1e-12)


def test_quantile_of_values_whose_sample_misleads() -> None:
    # Every third value, which is what the bracketing sample sees, is far below all others.
    values = np.where(np.arange(3000) % 3 == 0, np.arange(3000) / 1e6, 100.0 + np.arange(3000))
    low, high = interval(values[:, None], 0.95)
    np.testing.assert_allclose([low[0], high[0]], np.quantile(values, (0.025, 0.975)), rtol=1e-12)


def test_huge_utilities_do_not_overflow() -> None:
    values = np.array([[[1e4, 0.0]], [[-1e4, 0.0]]])
    designs = np.array([[1.0, 0.0], [2.0, 1.0]])
    assert share_draws(designs, drawn(values)).tolist() == [[0, 1], [1, 0]]
    assert share_curve_draws(designs[:1], designs[1:], drawn(values)).tolist() == [[0], [1]]


def test_one_draw_is_the_formula(model: MNLResult) -> None:
    shares = simulate(UtilityDraws(model.estimates[None], model.coding, 40), OFFERS)
    designs = np.concatenate([model.coding.code(offer).matrix for offer in OFFERS.values()])
    np.testing.assert_allclose(shares.share, slow_shares(designs, model.estimates[None, None])[0], atol=1e-6)
    assert shares.offers == tuple(OFFERS)
    assert np.isnan(shares.low).all()  # one draw has no interval, and says so
    assert (shares.draws, shares.sample_size) == (1, 40)


def test_mean_interval_and_draws_belong_together(model: MNLResult) -> None:
    shares = simulate(model, OFFERS, draws=4000, rng=5, level=0.8)
    assert shares.share_draws.shape == (4000, 3)
    np.testing.assert_allclose(shares.share, shares.share_draws.mean(axis=0, dtype=float), rtol=1e-6)
    inside = ((shares.share_draws >= shares.low) & (shares.share_draws <= shares.high)).mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.002)
    assert (shares.low < shares.share).all()
    assert (shares.share < shares.high).all()
    assert sum(shares.mean.values()) == pytest.approx(1.0)
    assert shares.sample_size == model.respondents
    with pytest.raises(ValueError, match="read-only"):
        shares.share_draws[0, 0] = 1


def test_same_seed_same_shares(model: MNLResult) -> None:
    first, second, third = (simulate(model, OFFERS, draws=100, rng=seed).share_draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_intervals_narrow_with_more_people(model: MNLResult) -> None:
    sharper = replace(model, covariances={kind: matrix / 100 for kind, matrix in model.covariances.items()})
    wide, narrow = simulate(model, OFFERS), simulate(sharper, OFFERS)
    np.testing.assert_allclose((wide.high - wide.low) / (narrow.high - narrow.low), 10, rtol=0.15)


def test_scale_makes_the_market_more_decided(model: MNLResult) -> None:
    best = max(simulate(model, OFFERS).mean.values())
    assert max(simulate(model, OFFERS, scale=3).mean.values()) > best
    np.testing.assert_allclose(simulate(model, OFFERS, scale=1e-9).share, 1 / 3, atol=1e-6)
    draws = draw_utilities(model, draws=50, rng=3)
    np.testing.assert_allclose(
        simulate(draws, OFFERS, scale=2).share_draws, simulate(model, OFFERS, draws=50, rng=3, scale=2).share_draws
    )


def test_people_are_averaged_within_draws(model: MNLResult) -> None:
    rng = np.random.default_rng(0)
    values = model.estimates + rng.normal(size=(60, 25, model.estimates.size))
    shares = simulate(UtilityDraws(values, model.coding, 25), OFFERS)
    designs = np.concatenate([model.coding.code(offer).matrix for offer in OFFERS.values()])
    np.testing.assert_allclose(shares.share_draws, slow_shares(designs, values), atol=2e-6)


def test_none_takes_its_share(model: MNLResult, model_with_none: MNLResult) -> None:
    with_none = simulate(model_with_none, OFFERS)
    assert with_none.offers == (*OFFERS, "none")
    without = simulate(model_with_none, OFFERS, none=False)
    assert without.offers == tuple(OFFERS)
    kept = with_none.share_draws[:, :3] / with_none.share_draws[:, :3].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(kept, without.share_draws, atol=1e-5)
    with pytest.raises(DataError, match="without a none option"):
        simulate(model, OFFERS, none=True)
    with pytest.raises(DataError, match="name of the none option"):
        simulate(model_with_none, {**OFFERS, "none": OFFERS["ours"]})


def test_extrapolated_offers_are_flagged(model: MNLResult) -> None:
    shares = simulate(model, {**OFFERS, "dear": {"price": 99, "size": 99, "brand": "ajax"}})
    assert shares.extrapolated == {"dear": ("price", "size")}


def test_mistakes_of_all_offers_are_told_at_once(model: MNLResult) -> None:
    with pytest.raises(DataError) as caught:
        simulate(model, {"one": {"price": "x", "size": 1, "brand": "bold"}, "two": {"price": 1, "size": 2}})
    text = str(caught.value)
    for part in ("offer 'one': 'price'", "did you mean 'bolt'?", "offer 'two': 'brand'"):
        assert part in text


@pytest.mark.parametrize(
    ("options", "part"),
    [({"draws": 0}, "at least 1 draw"), ({"scale": 0.0}, "scale above 0"), ({"level": 1.0}, "between 0 and 1")],
)
def test_bad_options(model: MNLResult, options: dict[str, float], part: str) -> None:
    with pytest.raises(DataError, match=part):
        simulate(model, OFFERS, **options)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one"):
        simulate(model, {})


@pytest.mark.parametrize("values", [np.zeros((3, 2)), np.zeros(4), np.zeros((0, 4)), np.full((3, 4), np.nan)])
def test_bad_draws(model: MNLResult, values: FloatArray) -> None:
    assert len(model.coding.columns) == 4
    with pytest.raises(DataError, match="utility draws"):
        UtilityDraws(values, model.coding, 1)


def test_constants_enter_offers(data: ChoiceData) -> None:
    result = fit_mnl(data, constants=True)
    same = {"price": 2.0, "size": 0.0, "brand": "ajax"}
    shares = simulate(result, {"a": {**same, "alt": "w"}, "b": {**same, "alt": "z"}})
    expected = 1 / (
        1 + np.exp(-result.mean_draws(2000, np.random.default_rng(0))[:, list(result.coding.columns).index("asc_w")])
    )
    np.testing.assert_allclose(shares.share_draws[:, 0], expected, atol=1e-6)


def test_large_simulation_is_quick(model: MNLResult) -> None:
    # The bar is 0.2 s on two free cores; the test allows for neighbours.
    rng = np.random.default_rng(0)
    offers = {f"offer {k}": {"price": rng.uniform(1, 4), "size": rng.normal(), "brand": "bolt"} for k in range(300)}
    simulate(model, offers, draws=1000)
    begin = time.perf_counter()
    shares = simulate(model, offers, draws=36_000)
    assert time.perf_counter() - begin < 1.5
    assert shares.share_draws.shape == (36_000, 300)


def test_simulating_loads_no_table_library() -> None:
    code = "import sys, marketfit.demand; print({'pyarrow', 'polars', 'pandas', 'torch', 'sklearn'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_coding_is_kept_by_draws(model: MNLResult) -> None:
    assert isinstance(draw_utilities(model, draws=3).coding, Coding)
    assert draw_utilities(model, draws=3).values.shape == (3, 1, 4)
