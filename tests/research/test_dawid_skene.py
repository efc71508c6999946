from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.errors import DataError
from marketfit.research.dawid_skene import Answers, Consensus, Prior, full_confusion, one_coin, unreliable

CROWDS = Path(__file__).parents[3] / "shared" / "data"


def simulated(seed: int, skills: np.ndarray, *, items: int, labels: int, each: int) -> tuple[Answers, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=items)
    item = np.repeat(np.arange(items), each)
    person = np.concatenate([rng.choice(skills.size, size=each, replace=False) for _ in range(items)])
    wrong = (truth[item] + rng.integers(1, labels, size=item.size)) % labels
    label = np.where(rng.random(item.size) < skills[person], truth[item], wrong)
    return Answers(item, person, label, items, skills.size, labels), truth


def dense(found: Consensus, answers: Answers) -> np.ndarray:
    table = np.zeros((answers.items, answers.labels))
    table[found.item, found.label] = found.probability
    return table


def majority(answers: Answers) -> np.ndarray:
    votes = np.zeros((answers.items, answers.labels))
    np.add.at(votes, (answers.item, answers.label), 1.0)
    return votes.argmax(axis=1)


def by_the_book(answers: Answers) -> np.ndarray:
    """One-coin EM as in the paper, item by item over all labels: (items, labels)."""
    r = np.full(answers.respondents, 0.75)
    k = answers.labels
    for _ in range(300):
        score = np.zeros((answers.items, k))
        for i, j, said in zip(answers.item, answers.respondent, answers.label, strict=True):
            for true in range(k):
                score[i, true] += math.log(r[j] if said == true else (1 - r[j]) / (k - 1))
        table = np.exp(score - score.max(axis=1, keepdims=True))
        table /= table.sum(axis=1, keepdims=True)
        right = np.zeros(answers.respondents)
        for i, j, said in zip(answers.item, answers.respondent, answers.label, strict=True):
            right[j] += table[i, said]
        r = (right + 3) / (answers.load + 4)
    return table


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 5))
def test_the_sparse_form_is_the_paper_s(seed: int, labels: int) -> None:
    answers, _ = simulated(seed, np.array([0.9, 0.8, 0.6, 0.7]), items=12, labels=labels, each=3)
    np.testing.assert_allclose(dense(one_coin(answers, least=0.0), answers), by_the_book(answers), atol=2e-3)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 6))
def test_the_objective_never_falls_and_rows_add_up(seed: int, labels: int) -> None:
    answers, _ = simulated(seed, np.random.default_rng(seed).uniform(0.3, 0.95, 8), items=30, labels=labels, each=4)
    for method in (one_coin, full_confusion):
        found = method(answers)
        assert found.converged
        assert np.diff(found.objective).min(initial=0.0) > -1e-8
        np.testing.assert_allclose(dense(found, answers).sum(axis=1), 1.0)
        assert (found.probability >= 0.01).all()


def test_it_beats_the_majority_and_finds_the_spammers() -> None:
    skills = np.array([0.95] * 6 + [0.25] * 6)  # four labels: the last six only guess
    answers, truth = simulated(1, skills, items=400, labels=4, each=5)
    found = one_coin(answers)
    ours = (dense(found, answers).argmax(axis=1) == truth).mean()
    assert ours > (majority(answers) == truth).mean() + 0.05
    assert ours > 0.93
    assert unreliable(found, 4).tolist() == [False] * 6 + [True] * 6
    assert (np.abs(found.reliability - skills) < 0.08).all()
    assert (found.low < found.reliability).all()
    assert (found.reliability < found.high).all()


def test_few_answers_prove_nobody_unreliable() -> None:
    answers, _ = simulated(2, np.full(20, 0.8), items=15, labels=5, each=3)
    assert not unreliable(one_coin(answers), 5).any()


def test_a_prior_moves_what_few_answers_say() -> None:
    answers, _ = simulated(2, np.full(20, 0.8), items=15, labels=5, each=3)
    for method in (one_coin, full_confusion):
        loose, tight = (method(answers, prior=Prior(right=9.0 * much, wrong=much)) for much in (0.1, 100.0))
        assert np.ptp(tight.reliability) < 0.01 < np.ptp(loose.reliability)
        assert tight.reliability.mean() == pytest.approx(0.9, abs=0.01)
        assert method(answers).probability.tolist() == method(answers, prior=Prior(3.0, 1.0)).probability.tolist()


def test_a_prior_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(DataError) as error:
        Prior(right=0.0, wrong=float("nan"))
    assert "prior, right: is 0" in str(error.value)
    assert "prior, wrong: is nan" in str(error.value)


def test_many_answers_call_for_confusion_matrices() -> None:
    few, _ = simulated(0, np.full(10, 0.8), items=50, labels=3, each=3)
    many, _ = simulated(0, np.full(4, 0.8), items=100, labels=3, each=3)
    assert (few.many, many.many) == (False, True)


@pytest.mark.parametrize(
    ("name", "vote", "coin", "full"),
    [("crowd_bluebird", 0.759, 0.72, 0.889), ("crowd_face_sentiment", 0.637, 0.628, 0.644)],
)
def test_real_crowds(name: str, vote: float, coin: float, full: float) -> None:
    path = CROWDS / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not here: the real crowds are not part of the project")
    table = pl.read_parquet(path)
    items, item = np.unique(table["question"].to_numpy(), return_inverse=True)
    people, person = np.unique(table["worker"].to_numpy(), return_inverse=True)
    label = table["answer"].to_numpy()
    answers = Answers(item, person, label, items.size, people.size, int(label.max()) + 1)
    truth = np.zeros(items.size, dtype=np.int64)
    truth[item] = table["truth"].to_numpy()
    assert answers.many
    # Ties of the vote are broken by chance in the published figure.
    assert (majority(answers) == truth).mean() == pytest.approx(vote, abs=0.03)
    for method, expected in ((one_coin, coin), (full_confusion, full)):
        accuracy = (dense(method(answers), answers).argmax(axis=1) == truth).mean()
        assert accuracy == pytest.approx(expected, abs=0.01)
