"""Predictions: effects of measured pairs add, what was never measured stays wide."""

from __future__ import annotations

import math

import numpy as np

from marketfit.compress.order import PassStep
from marketfit.compress.plan.front import downward_one
from marketfit.compress.plan.predict import QUALITY, RATIO, Candidate, Known, predict

METRICS = ("latency_p50_ms", "accuracy")


def candidate(*names: str, trial: int = 0) -> Candidate:
    return Candidate(trial, tuple(PassStep(name=name) for name in names))


def known(latency: float, accuracy: float, *names: str, trial: int = 0) -> Known:
    return Known("x", candidate(*names, trial=trial), {"latency_p50_ms": latency, "accuracy": accuracy})


MEASURED = [known(4.0, 0.95), known(2.0, 0.94, "int8"), known(3.0, 0.95, "trim")]


def test_effects_of_measured_pairs_are_added_along_the_sequence() -> None:
    found = predict(MEASURED, [candidate("trim", "int8")], METRICS)
    np.testing.assert_allclose(downward_one("latency_p50_ms", found.mean[0, 0]), 4.0 * 0.5 * 0.75, rtol=0.03)
    np.testing.assert_allclose(downward_one("accuracy", found.mean[0, 1]), 0.94, atol=0.002)
    assert found.spread[0, 0] < 0.2
    assert found.spread[0, 1] < 0.01


def test_what_is_measured_is_predicted_as_it_was() -> None:
    found = predict(MEASURED, [item.candidate for item in MEASURED], METRICS)
    latencies = [downward_one("latency_p50_ms", value) for value in found.mean[:, 0]]
    np.testing.assert_allclose(latencies, [4.0, 2.0, 3.0], rtol=0.02)


def test_a_rewrite_is_not_expected_to_answer_better_than_the_model_that_it_rewrites() -> None:
    """That int8 was measured above its model is chance, of which nothing is expected again."""
    lucky = [known(4.0, 0.95), known(2.0, 0.953, "int8"), known(3.0, 0.93, "cut", "int8", trial=1)]
    asked = [candidate("trim"), candidate("int8", "half"), candidate("cut", "half", trial=1), candidate("cut", "half")]
    noise = np.random.default_rng(0).standard_normal((200, 1, 2))
    rewrites = {"int8", "half", "trim"}
    drawn, free = (predict(lucky, asked, METRICS, rewrites=names).drawn(noise) for names in (rewrites, ()))
    np.testing.assert_allclose(drawn[..., 1].max(axis=0)[:3], [0.95, 0.95, 0.94])  # a point that int8 may have cost
    np.testing.assert_array_equal(drawn[:, 3], free[:, 3])  # that model was never measured
    np.testing.assert_array_equal(drawn[..., 0], free[..., 0])  # what is quicker is quicker
    assert (free[..., 1].max(axis=0)[:2] > 0.953).all()


def test_uncertainty_grows_with_the_number_of_unmeasured_passes() -> None:
    chain = [candidate(), candidate("a"), candidate("a", "b"), candidate("a", "b", "c"), candidate("int8")]
    spread = predict(MEASURED, chain, METRICS).spread
    assert (np.diff(spread[:4], axis=0) > 0).all()
    assert (spread[4] < spread[1]).all()
    whole = math.sqrt(RATIO.pass_**2 + RATIO.options**2 + RATIO.trial**2 + RATIO.rest**2)
    np.testing.assert_allclose(spread[1, 0], whole, rtol=0.01)
    assert spread[1, 1] > QUALITY.pass_


def test_a_pass_measured_on_one_trial_says_something_of_it_on_another() -> None:
    measured = [*MEASURED, known(40.0, 0.90, trial=1)]
    here, there, unknown = predict(
        measured, [candidate("int8", trial=1), candidate("int8"), candidate("half", trial=1)], METRICS
    ).spread[:, 0]
    assert there < here < unknown
    mean = predict(measured, [candidate("int8", trial=1)], METRICS).mean[0, 0]
    assert 20.0 < downward_one("latency_p50_ms", mean) < 28.0


def test_other_options_of_a_measured_pass_are_better_known_than_another_pass() -> None:
    other = Candidate(0, (PassStep(name="int8", options={"range": "full"}),))
    spread = predict(MEASURED, [other, candidate("half")], METRICS).spread
    assert (spread[0] < spread[1]).all()


def sized(table: float, weights: float, *names: str) -> Known:
    parts = {"word table": table, "other weights": weights, "other files": 0.5}
    return Known("x", candidate(*names), {"size_mb": sum(parts.values())}, {"size_mb": parts})


SIZED = [
    sized(46.9, 21.3), sized(46.9, 5.5, "int8"), sized(11.7, 5.5, "int8", "table"), sized(5.8, 21.3, "trim", "table"),
]  # fmt: skip
"""Sizes that were measured of a six-layer MiniLM on CLINC150."""


def test_a_size_is_predicted_by_its_parts() -> None:
    """The last one was made: it has 11.8 MB. From wholes 21.1 MB would be expected."""
    asked = [candidate("trim", "int8", "table"), candidate("table"), candidate("trim", "int8")]
    found = predict(SIZED, asked, ("size_mb",))
    sizes = [downward_one("size_mb", value) for value in found.mean[:, 0]]
    np.testing.assert_allclose(sizes, [5.8 + 5.5 + 0.5, 11.7 + 21.3 + 0.5, 4 * 5.8 + 5.5 + 0.5], rtol=0.06)
    assert (found.spread < 0.25).all()
    wholes = [Known(item.name, item.candidate, item.figures) for item in SIZED]
    whole = predict(wholes, asked[:1], ("size_mb",)).mean[0, 0]
    assert abs(whole - found.mean[0, 0]) > 2 * found.spread[0, 0]


def test_parts_change_nothing_where_there_is_one() -> None:
    """The same numbers as of the whole, also for what was never measured and for a metric of which more is better."""
    for metric in ("size_mb", "throughput_per_s"):
        values = {(): 80.0, ("int8",): 40.0, ("trim",): 60.0}
        plain = [Known("x", candidate(*names), {metric: value}) for names, value in values.items()]
        parted = [
            Known("x", item.candidate, item.figures, {metric: {"all": item.figures[metric]}}) for item in plain
        ]  # fmt: skip
        asked = [candidate("trim", "int8"), candidate("never measured")]
        one, two = (predict(known, asked, (metric,)) for known in (plain, parted))
        np.testing.assert_allclose(one.mean, two.mean)
        np.testing.assert_allclose(one.spread, two.spread)


def test_a_part_that_a_pass_takes_away_is_gone() -> None:
    measured = [sized(46.9, 21.3), sized(46.9, 5.5, "int8"), sized(0.0, 21.3, "flat")]
    found = predict(measured, [candidate("flat", "int8")], ("size_mb",))
    np.testing.assert_allclose(downward_one("size_mb", found.mean[0, 0]), 6.0, rtol=0.05)
