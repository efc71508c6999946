"""Segments: by latent class and by clusters, described and profiled, against numbers by hand and other libraries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from marketfit.demand import (
    ChoiceData,
    Coding,
    LatentClassResult,
    Segments,
    adjusted_rand,
    cluster_segments,
    fit_latent_class,
    latent_segments,
    profile_segments,
    willingness_to_pay,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.intervals import rate_interval
from marketfit.demand.models.mnl import fit_mnl
from marketfit.demand.segments.association import cramers_v, holm, independence_p, kruskal_wallis, lift_ends
from marketfit.demand.segments.kmeans import kmeans, silhouette
from marketfit.demand.segments.profile import LevelProfile, NumberProfile
from marketfit.errors import DataError

Planted = Callable[..., tuple[ChoiceData, np.ndarray]]
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def fitted(planted: Planted) -> LatentClassResult:
    return fit_latent_class(planted(21, people=150, tasks=15)[0], classes=3, starts=6)


@pytest.fixture(scope="module")
def truth(planted: Planted) -> np.ndarray:
    return planted(21, people=150, tasks=15)[1]


@pytest.fixture(scope="module")
def coding(planted: Planted) -> Coding:
    return Coding.from_data(planted(21, people=150, tasks=15)[0])


def blobs(seed: int, sizes: tuple[int, ...] = (60, 40, 20), spread: float = 0.3) -> tuple[FloatArray, np.ndarray]:
    """Individual coefficients (price, size, two brands) of people of well-separated kinds."""
    rng = np.random.default_rng(seed)
    centres = np.array([[-1.5, 0.3, 0.0, 0.5], [-0.3, 1.5, 1.0, -0.5], [-0.4, -0.5, 2.0, 2.0]])
    kind = np.repeat(np.arange(len(sizes)), sizes)
    return centres[kind] + spread * rng.normal(size=(kind.size, 4)), kind


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))])
def test_clusters_find_planted_segments(coding: Coding, seed: int) -> None:
    rows, kind = blobs(seed)
    found = cluster_segments(rows, coding, rng=seed)
    assert len(found.segments) == 3
    assert adjusted_rand(found.assigned, kind) >= 0.95
    assert [segment.people for segment in found.segments] == sorted(
        (segment.people for segment in found.segments), reverse=True
    )
    best = next(row for row in found.tried if row.clusters == 3)
    assert best.stability > 0.95
    assert best.silhouette == max(row.silhouette for row in found.tried)


def test_stability_tells_that_there_are_no_clusters(coding: Coding) -> None:
    rows = np.random.default_rng(0).normal(size=(150, 4))
    tried = cluster_segments(rows, coding, clusters=[3, 4, 5]).tried
    assert max(row.stability for row in tried) < 0.75
    assert max(row.silhouette for row in tried) < 0.3
    assert all(row.stability_low <= row.stability <= row.stability_high for row in tried)


def test_latent_segments_and_clusters_agree_with_the_truth(fitted: LatentClassResult, truth: np.ndarray) -> None:
    latent = latent_segments(fitted)
    clusters = cluster_segments(fitted.individual, fitted.coding, respondent_labels=fitted.respondent_labels)
    assert adjusted_rand(latent.assigned, truth) >= 0.85
    assert adjusted_rand(latent.assigned, clusters.assigned) >= 0.9
    assert latent.certainty > 0.95
    assert clusters.certainty == 1.0
    assert clusters.respondent_labels.tolist() == fitted.respondent_labels.tolist()


def test_a_latent_segment_in_numbers(fitted: LatentClassResult) -> None:
    found = latent_segments(fitted, draws=4000)
    errors = fitted.standard_errors_of(fitted.interval_errors)
    for index, segment in enumerate(found.segments):
        assert segment.people == pytest.approx(fitted.membership[:, index].sum())
        assert segment.share.value == pytest.approx(fitted.shares[index])
        width = 2 * 1.96 * errors[f"share_class{index + 1}"]
        assert segment.share.high - segment.share.low == pytest.approx(width, rel=0.1)
        for k, name in enumerate(fitted.coding.columns):
            figure = segment.utilities[name]
            assert figure.value == pytest.approx(fitted.class_estimates[index, k])
            width = 2 * 1.96 * errors[f"class{index + 1}_{name}"]
            assert figure.high - figure.low == pytest.approx(width, rel=0.1)
        assert sum(figure.value for figure in segment.importance.values()) == pytest.approx(100.0)
        assert segment.worth is not None
        ratio = -fitted.class_estimates[index, 1] / fitted.class_estimates[index, 0]
        assert segment.worth["size"].value == pytest.approx(ratio)
        assert segment.worth["size"].low < ratio < segment.worth["size"].high
    assert "segment1" in str(found)


def test_one_class_is_worth_what_the_logit_says(planted: Planted) -> None:
    data, _ = planted(3, people=60)
    only = latent_segments(fit_latent_class(data, classes=1)).segments[0]
    logit = willingness_to_pay(fit_mnl(data)).values
    assert only.worth is not None
    for name, figure in only.worth.items():
        assert figure.value == pytest.approx(logit[name].value, rel=1e-7)
        assert figure.low == pytest.approx(logit[name].simulated_low, rel=0.1, abs=0.03)
    assert (only.share.value, only.share.low, only.share.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("change", "price", "reason"),
    [
        ({}, None, "no price attribute"),
        ({}, "prize", "did you mean 'price'?"),
        ({}, "brand", "no single slope"),
        ({0: 0.4}, "price", "no disadvantage to this segment"),
        ({0: -0.01}, "price", "no finite interval"),
    ],
)
def test_what_cannot_be_had_in_money_has_a_reason(
    coding: Coding, change: dict[int, float], price: str | None, reason: str
) -> None:
    rows, kind = blobs(0)
    for column, value in change.items():
        rows[:, column] += value - np.array([rows[kind == own, column].mean() for own in range(3)])[kind]
    found = cluster_segments(rows, coding, clusters=3, price=price)
    assert all(segment.worth is None and reason in segment.no_worth for segment in found.segments)
    assert reason in str(found)


def test_a_price_that_is_crossed_has_no_worth(coding: Coding) -> None:
    rows, _ = blobs(0)
    crossed = replace(coding, interactions=(("price", "brand"),))
    wider = np.zeros((len(rows), len(crossed.columns)))
    wider[:, : rows.shape[1]] = rows
    found = cluster_segments(wider, crossed, clusters=3)
    assert all("depends on price:brand_bolt" in segment.no_worth for segment in found.segments)


def test_means_of_a_cluster_follow_student(coding: Coding) -> None:
    rows, kind = blobs(4)
    segment = cluster_segments(rows, coding, clusters=3).segments[2]
    own = rows[kind == 2]
    assert segment.people == 20
    low, high = stats.t.interval(0.95, 19, own[:, 0].mean(), own[:, 0].std(ddof=1) / math.sqrt(20))
    figure = segment.utilities["price"]
    assert figure.value == pytest.approx(own[:, 0].mean())
    assert (figure.low, figure.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    exact = stats.binomtest(20, 120).proportion_ci(0.95, "exact")
    assert (segment.share.low, segment.share.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_draws_of_people_widen_the_intervals(coding: Coding) -> None:
    rows, _ = blobs(4)
    shared = 0.5 * np.random.default_rng(2).normal(size=(400, 1, 4))  # an error that all people share in a draw
    draws = rows + shared - shared.mean(axis=0)
    known = cluster_segments(rows, coding, clusters=3).segments[0].utilities["price"]
    drawn = cluster_segments(draws, coding, clusters=3).segments[0].utilities["price"]
    assert drawn.value == pytest.approx(known.value)
    assert drawn.high - drawn.low == pytest.approx(2 * 1.96 * math.hypot(0.5, 0.3 / math.sqrt(60)), rel=0.15)
    assert drawn.high - drawn.low > 3 * (known.high - known.low)


def test_a_person_alone_has_no_interval(coding: Coding) -> None:
    rows = np.concatenate([blobs(0, (30, 0, 0))[0], [[9.0, 9.0, 9.0, 9.0]]])
    alone = cluster_segments(rows, coding, clusters=2).segments[1]
    assert alone.people == 1
    assert math.isnan(alone.utilities["size"].low)
    assert alone.share.low > 0
    assert "no interval" in str(alone.utilities["size"])


def test_clusters_are_the_same_for_the_same_seed_and_units(coding: Coding) -> None:
    rows, _ = blobs(6)
    done: list[float] = []
    first = cluster_segments(rows, coding, rng=3, progress=done.append)
    second = cluster_segments(rows * np.array([1000.0, 1.0, 1.0, 0.01]), coding, rng=3)
    assert done == sorted(done)
    assert done[-1] == 1.0
    np.testing.assert_array_equal(first.assigned, second.assigned)
    assert first.segments == cluster_segments(rows, coding, rng=3).segments


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"clusters": [1, 200]}, ["clusters=1", "clusters=200", "2 to 120"]),
        ({"clusters": []}, ["names no number"]),
        ({"respondent_labels": np.arange(7), "clusters": 500}, ["respondent_labels", "clusters=500"]),
    ],
)
def test_bad_clusters(coding: Coding, options: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        cluster_segments(blobs(0)[0], coding, **options)  # type: ignore[arg-type]
    assert all(part in str(caught.value) for part in parts)
    with pytest.raises(DataError, match="finite"):
        cluster_segments(blobs(0)[0][:, :2], coding)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, clusters=st.integers(2, 6), people=st.integers(8, 60))
def test_measures_agree_with_another_library(seed: int, clusters: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people, 3))
    found = kmeans(rows, clusters, rng)
    assert np.bincount(found.labels, minlength=clusters).min() > 0
    centres = [rows[found.labels == index].mean(axis=0) for index in range(clusters)]
    np.testing.assert_allclose(found.centres, centres, atol=1e-9)
    assert silhouette(rows, found.labels, rng) == pytest.approx(metrics.silhouette_score(rows, found.labels))
    other = rng.integers(0, 4, people)
    expected = metrics.adjusted_rand_score(found.labels, other)
    assert adjusted_rand(found.labels, other) == pytest.approx(expected, abs=1e-12)


def test_twins_do_not_stop_kmeans() -> None:
    rows = np.repeat(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]), 5, axis=0)
    found = kmeans(rows, 3, np.random.default_rng(0))
    assert found.within == pytest.approx(0.0)
    assert sorted(np.bincount(found.labels).tolist()) == [5, 5, 5]


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_association_agrees_with_another_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.multinomial(400, rng.dirichlet(np.ones(12) * 5)).reshape(3, 4).astype(float)
    chi = stats.chi2_contingency(table, correction=False)
    assert cramers_v(table) == pytest.approx(math.sqrt(chi.statistic / (400 * 2)))
    assert independence_p(table, rng) == pytest.approx(chi.pvalue, abs=0.03)
    values, groups = rng.integers(0, 9, 80).astype(float), rng.integers(0, 3, 80)
    other = stats.kruskal(*(values[groups == group] for group in range(3)))
    effect, p = kruskal_wallis(values, groups)
    assert (effect, p) == (pytest.approx(other.statistic / 79), pytest.approx(other.pvalue))
    low, high = rate_interval(table, np.full((3, 4), 400.0), 0.9)
    exact = stats.binomtest(int(table[0, 0]), 400).proportion_ci(0.9, "exact")
    assert (low[0, 0], high[0, 0]) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_independence_of_a_small_table_is_that_of_fisher() -> None:
    table = np.array([[3.0, 1.0], [1.0, 3.0]])
    assert independence_p(table, np.random.default_rng(0)) == pytest.approx(stats.fisher_exact(table).pvalue, abs=0.015)
    assert math.isnan(independence_p(np.array([[3.0, 0.0], [4.0, 0.0]]), np.random.default_rng(0)))
    assert np.isnan(holm(np.array([math.nan]))).all()


PEOPLE: dict[str, list[object]] = {
    "who": [str(person) for person in range(10, 0, -1)] + ["99"],
    "country": ["FR", "FR", "FR", "FR", "DE", None, "FR", "DE", "DE", "DE", "IT"],
    "age": [60.0, 50.0, 40.0, 30.0, 20.0, 10.0, math.nan, 3.0, 2.0, 1.0, 77.0],
    "member": [True, False] * 5 + [True],
}


@pytest.fixture
def ten(coding: Coding) -> Segments:
    """Ten people: 1 to 6 in one segment, with certainty 0.8, and 7 to 10 in the other, with 0.9."""
    rows = np.array([[-1.0, 0.0, 0.0, 0.0]] * 6 + [[-2.0, 3.0, 1.0, 1.0]] * 4)
    found = cluster_segments(rows + 0.01 * np.random.default_rng(0).normal(size=(10, 4)), coding, clusters=2)
    return replace(found, membership=np.array([[0.8, 0.2]] * 6 + [[0.1, 0.9]] * 4))


def test_profile_by_hand(ten: Segments) -> None:
    # By person: 1 DE 1 year, 2 DE 2, 3 DE 3, 4 FR –, 5 – 10, 6 DE 20 | 7 FR 30, 8 FR 40, 9 FR 50, 10 FR 60.
    found = profile_segments(ten, PEOPLE, respondent="who", columns=["country", "age", "member"])
    assert (found.absent, found.others) == (0, 1)
    assert found.certainty == pytest.approx(0.84)
    country, age, member = found.covariates
    assert isinstance(country, LevelProfile)
    assert (country.n, country.missing) == (9, 1)
    german = country.shares[0]
    assert (german.segment, german.level, german.count, german.n) == ("segment1", "DE", 4, 5)
    assert german.overall == pytest.approx(4 / 9)
    assert german.lift.value == pytest.approx((4 / 5) / (4 / 9))
    exact = stats.binomtest(4, 5).proportion_ci(0.95, "exact")
    assert (german.share.low, german.share.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert [share.level for share in country.shares] == ["DE", "FR"] * 2  # only a stranger is Italian
    # Table [[4, 1], [0, 4]]: chi-square = 9 (16 − 0)² / (5·4·4·5) = 5.76.
    assert country.cramers_v == pytest.approx(math.sqrt(9 * 16**2 / (5 * 4 * 4 * 5) / 9))
    nobody = next(share for share in country.shares if (share.segment, share.level) == ("segment2", "DE"))
    assert nobody.lift.value == 0.0
    assert nobody.lift.low == 0.0
    assert 0.3 < nobody.lift.high < 1.2
    assert isinstance(age, NumberProfile)
    assert (age.n, age.missing) == (9, 1)
    assert [row.n for row in age.by_segment] == [5, 4]
    assert [row.mean.value for row in age.by_segment] == [pytest.approx(7.2), pytest.approx(45.0)]
    assert (age.by_segment[1].lower_quartile, age.by_segment[1].median) == (35.0, 45.0)
    low, high = stats.t.interval(0.95, 3, 45.0, stats.sem([30, 40, 50, 60]))
    assert (age.by_segment[1].mean.low, age.by_segment[1].mean.high) == (pytest.approx(low), pytest.approx(high))
    assert age.overall.mean.value == pytest.approx(216 / 9)
    assert isinstance(member, LevelProfile)
    assert {share.level for share in member.shares} == {"0", "1"}
    assert "country" in str(found)


def test_weights_by_hand(ten: Segments) -> None:
    # Person k weighs k. Segment 1: 1 DE, 2 DE, 3 DE, 4 FR, 6 DE; segment 2: 7 to 10, all FR. Person 5 is of nowhere.
    weights = np.arange(1.0, 11.0)
    columns = ["country", "age"]
    country, age = profile_segments(ten, PEOPLE, respondent="who", columns=columns, weights=weights).covariates
    assert isinstance(country, LevelProfile)
    german = country.shares[0]
    assert (german.count, german.n) == (4, 5)
    assert german.share.value == pytest.approx(12 / 16)
    assert german.overall == pytest.approx(12 / 50)
    assert german.lift.value == pytest.approx(0.75 / 0.24)
    assert german.lift.low < german.lift.value
    assert german.lift.high == pytest.approx(50 / 16)  # more is not possible
    worth = 16**2 / (1 + 4 + 9 + 16 + 36)  # Kish
    assert german.share.low == pytest.approx(stats.beta.ppf(0.025, 0.75 * worth, 0.25 * worth + 1))
    assert german.share.high == pytest.approx(stats.beta.ppf(0.975, 0.75 * worth + 1, 0.25 * worth))
    assert isinstance(age, NumberProfile)
    older = age.by_segment[1]
    assert older.n == 4
    assert older.mean.value == pytest.approx((7 * 30 + 8 * 40 + 9 * 50 + 10 * 60) / 34)
    gaps = weights[6:] * (np.array([30, 40, 50, 60]) - older.mean.value)
    half = stats.t.ppf(0.975, 3) * math.sqrt(4 / 3 * (gaps**2).sum()) / 34
    assert older.mean.high - older.mean.value == pytest.approx(half)
    assert (older.lower_quartile, older.median, older.upper_quartile) == (40.0, 50.0, 60.0)  # 7, 15, 24 of 34


def test_whoever_counts_thrice_is_three_people_and_equal_weights_are_none(ten: Segments) -> None:
    columns = ["country", "age"]
    times = np.array([1, 2, 3, 1, 1, 2, 1, 3, 1, 1])
    weighted = profile_segments(ten, PEOPLE, respondent="who", columns=columns, weights=times.astype(float))
    names = [f"{k}.{copy}" for k, count in enumerate(times.tolist(), start=1) for copy in range(count)]
    of = {str(who): row for row, who in enumerate(PEOPLE["who"])}
    rows = [of[name.split(".")[0]] for name in names]
    table = {"who": names, **{name: [PEOPLE[name][row] for row in rows] for name in columns}}
    many = replace(ten, membership=np.repeat(ten.membership, times, axis=0), respondent_labels=np.array(names))
    for mine, theirs in zip(
        weighted.covariates, profile_segments(many, table, respondent="who", columns=columns).covariates, strict=True
    ):
        if isinstance(mine, LevelProfile) and isinstance(theirs, LevelProfile):
            assert mine.cramers_v == pytest.approx(theirs.cramers_v)
            for one, other in zip(mine.shares, theirs.shares, strict=True):
                told = (one.share.value, one.overall, one.lift.value)
                assert told == pytest.approx((other.share.value, other.overall, other.lift.value))
        if isinstance(mine, NumberProfile) and isinstance(theirs, NumberProfile):
            for a, b in zip((*mine.by_segment, mine.overall), (*theirs.by_segment, theirs.overall), strict=True):
                quartiles = (a.lower_quartile, a.median, a.upper_quartile)
                assert quartiles == (b.lower_quartile, b.median, b.upper_quartile)
                assert a.mean.value == pytest.approx(b.mean.value)
    seven = profile_segments(ten, PEOPLE, respondent="who", columns=columns, weights=np.full(10, 7.0))
    assert str(seven) == str(profile_segments(ten, PEOPLE, respondent="who", columns=columns))
    with pytest.raises(DataError, match="one weight for each respondent"):
        profile_segments(ten, PEOPLE, respondent="who", columns=columns, weights=np.ones(9))


def test_who_they_are(fitted: LatentClassResult) -> None:
    segments = latent_segments(fitted)
    rng = np.random.default_rng(5)
    home = np.where(rng.random(150) < 0.8, segments.assigned, rng.integers(0, 3, 150))
    table = pa.table(
        {
            "id": fitted.respondent_labels,
            "home": np.array(["north", "south", "west"])[home],
            "noise": np.array(["red", "blue"])[rng.integers(0, 2, 150)],
        }
    )
    found = profile_segments(segments, table, respondent="id", columns=["home", "noise"])
    told = found.distinctive("segment2")
    assert told[0].level == "south"
    assert told[0].lift.low > 1
    assert {share.level for share in told} <= {"north", "south", "west"}
    assert found.covariates[0].p_holm == pytest.approx(2e-4)
    assert found == profile_segments(segments, table, respondent="id", columns=["home", "noise"])


def test_lift_interval_covers() -> None:
    # 400 samples of two segments of 40 and 60 people, of whom 30 % and 10 % have the level: the lift is 0.3 / 0.18.
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        a, b = rng.binomial(40, 0.3), rng.binomial(60, 0.1)
        table = np.array([[a, 40 - a], [b, 60 - b]], dtype=float)
        low, high = lift_ends(table, table[::-1], np.array([0.4, 0.6]), 0.95, rng)
        covered += low[0, 0] <= 0.3 / 0.18 <= high[0, 0]
    assert 0.925 <= covered / 400 <= 0.98


@pytest.mark.parametrize(
    ("table", "columns", "parts"),
    [
        (
            {**PEOPLE, "who": [1, 1, 2, None, 3, 4, 5, 6, 7, 8, 9]},
            ["country"],
            ["row 2", "row 4", "one row per person"],
        ),
        (PEOPLE, ["county", "aeg"], ["did you mean 'country'?", "did you mean 'age'?"]),
        (PEOPLE, [], ["no column is named"]),
        ({**PEOPLE, "who": [f"x{k}" for k in range(11)]}, ["age"], ["holds none of the respondents"]),
    ],
)
def test_bad_tables(ten: Segments, table: dict[str, list[object]], columns: list[str], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        profile_segments(ten, table, respondent="who", columns=columns)
    assert all(part in str(caught.value) for part in parts)
