"""Slices are fixed by training inputs alone, and each of them is large enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.measure.parts import telling_words
from marketfit.measure.slicing import MOST_TOPICS, SliceRule, rows_for_slice, slice_rule, smallest_slice, topics_wanted
from marketfit.task import FloatMatrix

TOPICS = ("dim the lamp", "what is the weather", "play a song", "call my mother")


def four_topics(rows: int = 400, *, seed: int = 0) -> tuple[list[str], FloatMatrix]:
    """Inputs of four kinds in turn; the features of one kind point one way."""
    noise = np.random.default_rng(seed).normal(0.0, 0.05, (rows, 8))
    features = np.eye(8)[np.arange(rows) % 4] + noise
    texts = [f"{TOPICS[row % 4]} {'now ' * (row % 3)}please" for row in range(rows)]
    return texts, (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def rule(texts: list[str], features: FloatMatrix, *, test_rows: int) -> SliceRule:
    found = slice_rule(texts, features, test_rows=test_rows, unit="characters")
    assert found is not None
    return found


def test_topics_are_the_clusters_and_are_named_by_their_words() -> None:
    texts, features = four_topics()
    found = rule(texts, features, test_rows=400)
    topics = [item for item in found.slices if item.family == "topic"]
    assert len(topics) == 4
    assert {item.typical[0].rsplit(" ", 1)[0].replace(" now", "") for item in topics} == set(TOPICS)
    weather = next(item for item in topics if "weather" in item.name)
    assert weather.train_rows == 100
    assert "the" not in weather.name.split(": ")[1].split(", ")[0]


def test_rows_go_to_the_nearest_centre_and_to_their_length() -> None:
    texts, features = four_topics()
    found = rule(texts, features, test_rows=400)
    given_to = found.assign(texts, features)
    for kind in range(4):
        assert len(set(given_to["topic"][kind::4])) == 1
    assert len(set(given_to["topic"])) == 4
    short, long = found.assign(["a", "a" * 500], features[:2])["length"]
    assert (short or "").startswith("short: up to")
    assert (long or "").startswith("long: more than")


def test_too_few_test_rows_have_no_slices() -> None:
    texts, features = four_topics()
    assert slice_rule(texts, features, test_rows=199, unit="characters") is None
    assert slice_rule(texts, features, test_rows=200, unit="characters") is not None


def test_a_small_cluster_is_dissolved() -> None:
    """Of 400 rows 4 are unlike all others: as a slice they would hold 4 of 400 test rows."""
    texts, features = four_topics()
    features[:4] = np.eye(8, dtype=np.float32)[7]
    found = rule(texts, features, test_rows=400)
    topics = [item.train_rows for item in found.slices if item.family == "topic"]
    assert min(topics) >= 50
    assert sum(topics) == 400


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(30, 300), test_rows=st.integers(200, 5000), seed=st.integers(0, 1000))
def test_every_slice_can_be_expected_to_hold_enough_test_rows(rows: int, test_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 6)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    texts = ["x" * int(length) for length in rng.integers(1, 6, rows)]
    found = rule(texts, features, test_rows=test_rows)
    for item in found.slices:
        assert item.train_rows / rows * test_rows >= smallest_slice(test_rows)
    topics = sum(item.family == "topic" for item in found.slices)
    assert topics <= min(MOST_TOPICS, topics_wanted(test_rows))
    again = rule(texts, features, test_rows=test_rows)
    assert again.slices == found.slices
    assert (again.centres == found.centres).all()


@given(rows=st.integers(1, 2000), more=st.integers(0, 5000))
def test_from_the_rows_that_are_named_every_number_has_slices_that_large(rows: int, more: int) -> None:
    assert smallest_slice(rows_for_slice(rows) + more) >= rows


def test_inputs_of_one_length_have_one_slice_of_it() -> None:
    _, features = four_topics()
    found = rule(["same"] * 400, features, test_rows=400)
    assert [item.name for item in found.slices if item.family == "length"] == ["short: up to 4 characters"]


def test_words_that_stand_everywhere_tell_nothing() -> None:
    texts = ["please dim the lamp"] * 6 + ["please call the office"] * 6
    part = np.arange(12) < 6
    assert telling_words(texts, part, count=9) == ("dim", "lamp")
    assert telling_words([b"x"] * 12, part, count=9) == ()


def test_an_example_without_a_length_is_refused() -> None:
    _, features = four_topics(4)
    with pytest.raises(TypeError, match="dict has no length"):
        slice_rule([{}] * 4, features, test_rows=400, unit="cells")
