"""Probe, LogME, floor and sample."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.shortlist import sample as sampling
from marketfit.shortlist.sample import Part, sample, spread
from marketfit.shortlist.scoring import logme, probe, text_floor


def clusters(rows: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, rows)
    features = np.eye(16, dtype=np.float32)[targets] + noise * rng.standard_normal((rows, 16)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True), targets


def test_probe_learns_what_is_there() -> None:
    train, targets = clusters(300, 0.2, 0)
    valid, truth = clusters(200, 0.2, 1)
    found = probe(train, targets, valid, truth)
    assert found.accuracy.value > 0.95
    assert found.accuracy.low < found.accuracy.value <= found.accuracy.high
    shuffled = probe(train, np.random.default_rng(2).permutation(targets), valid, truth)
    assert shuffled.accuracy.value < 0.6


def test_logme_ranks_features_by_what_they_explain() -> None:
    values = [logme(*clusters(400, noise, 0)) for noise in (0.1, 0.4, 2.0)]
    assert values == sorted(values, reverse=True)


def test_logme_is_the_evidence_at_its_maximum() -> None:
    """Against the definition: log N(y | 0, I/beta + F Fᵀ/alpha), maximised over a grid of alpha and beta."""
    features, targets = clusters(60, 0.5, 3)
    best = []
    for target in range(3):
        y = (targets == target).astype(float)
        grid = [
            log_evidence(features.astype(float), y, alpha, beta)
            for alpha in np.logspace(-2, 3, 60)
            for beta in np.logspace(-1, 3, 60)
        ]
        best.append(max(grid) / len(y))
    assert logme(features, targets) == pytest.approx(np.mean(best), abs=2e-3)


def log_evidence(features: np.ndarray, y: np.ndarray, alpha: float, beta: float) -> float:
    covariance = np.eye(len(y)) / beta + features @ features.T / alpha
    _, logdet = np.linalg.slogdet(covariance)
    return float(-(logdet + y @ np.linalg.solve(covariance, y) + len(y) * np.log(2 * np.pi)) / 2)


def part(inputs: list[object], targets: list[int]) -> Part:
    return Part(np.arange(len(inputs)), inputs, np.array(targets))


def test_the_floor_reads_letters_in_any_script() -> None:
    good = ["很好，房间干净", "非常满意，服务好", "这里真好，喜欢"]
    bad = ["太差了，很脏", "不满意，服务差", "真糟糕，讨厌"]
    train = part([*good * 5, *bad * 5], [0] * 15 + [1] * 15)
    found = text_floor(train, part(["服务好", "服务差"], [0, 1]), seed=0)
    assert found.accuracy.value == 1.0


def test_inputs_that_are_not_text_have_the_most_frequent_class_as_floor() -> None:
    found = text_floor(part([b"a", b"b", b"c"], [1, 1, 0]), part([b"d", b"e"], [1, 0]), seed=0)
    assert found.accuracy.value == 0.5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(1, 100))
def test_a_spread_has_every_class_and_no_row_twice(targets: list[int], wanted: int) -> None:
    rows = np.array(targets)
    chosen = spread(rows, wanted, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(rows[chosen]) == set(targets)
    assert len(chosen) <= max(wanted, len(targets) if len(targets) <= wanted else 0) + 6


def test_sample_takes_train_and_valid_only_and_bounds_long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "FEWEST_ROWS", 10)
    monkeypatch.setattr(sampling, "TRAIN_CHARACTERS", 2000)
    splits = ["train", "train", "valid", "test"] * 50
    table = pa.table({"input": ["x" * 100] * 200, "label": ["a", "b"] * 100, "split": splits})
    train, valid = sample(table, ["a", "b"], np.random.default_rng(0))
    assert {splits[place] for place in train.places} == {"train"}
    assert {splits[place] for place in valid.places} == {"valid"}
    assert (len(train), len(valid)) == (20, 50)
    assert [table["label"][int(place)].as_py() for place in train.places] == ["ab"[target] for target in train.targets]
