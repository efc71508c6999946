"""Exact and near-duplicates, contradictions: who goes, who stays, and that each removal has a receipt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.prepare.contradictions import AGAINST_TEST, NO_MAJORITY, OUTVOTED, contradictions
from marketfit.prepare.duplicates import Duplicates
from marketfit.prepare.keys import Keys, loose_key
from marketfit.prepare.near import NearIndex, shingles, similarity, sketches
from marketfit.prepare.options import NEAR
from marketfit.prepare.rows import Input, Rows, Split

LONG = "please tell me how the weather in the northern mountains will be over the coming week and weekend"


def rows_of(inputs: list[str], labels: list[str], splits: list[Split | None] | None = None) -> Rows:
    count = len(inputs)
    texts: list[Input] = list(inputs)
    return Rows(
        numbers=np.arange(1, count + 1),
        inputs=texts,
        labels=labels,
        splits=splits or [None] * count,
        groups=[None] * count,
        sensitive={},
        origins=["source"] * count,
    )


def settled(rows: Rows) -> Duplicates:
    duplicates = Duplicates(rows, Keys.of(rows.inputs))
    duplicates.settle(duplicates.priority(), progress=lambda _: None)
    return duplicates


def test_exact_but_for_case_and_punctuation() -> None:
    duplicates = settled(rows_of(["Turn it on!", "turn it on", "turn it off"], ["on", "on", "off"]))
    assert len(duplicates.kept) == 2
    assert [(found.kind, found.similarity) for found in duplicates.found] == [("exact", 1.0)]


def test_near_with_one_label_goes_with_two_labels_stays() -> None:
    texts = [LONG, LONG + "s", "something else altogether"]
    same = settled(rows_of(texts, ["a", "a", "b"]))
    assert [found.kind for found in same.found] == ["near"]
    assert same.found[0].similarity == pytest.approx(similarity(shingles(texts[0]), shingles(texts[1])))
    different = settled(rows_of(texts, ["a", "b", "b"]))
    assert not different.found
    assert len(different.distinct) == 1


def test_the_copy_in_train_goes_and_test_stays_whole() -> None:
    texts = [LONG, LONG + "s", LONG, LONG + "!", "Other text here", "other text here"]
    splits: list[Split | None] = ["train", "valid", "test", "test", "test", "test"]
    duplicates = settled(rows_of(texts, ["a"] * 6, splits))
    assert {found.removed for found in duplicates.found} == {0, 1, 5} or {0, 1, 4} == {
        found.removed for found in duplicates.found
    }
    assert all(splits[found.kept] == "test" for found in duplicates.found)


def test_no_chaining() -> None:
    words = LONG.split()
    one, two, three = LONG, " ".join([*words[:-1], "weekends"]), " ".join([*words[:-2], "or", "weekends"])
    assert similarity(shingles(one), shingles(two)) >= NEAR
    assert similarity(shingles(one), shingles(three)) < NEAR
    duplicates = settled(rows_of([one, two, three], ["a"] * 3))
    kept = {duplicates.rows.inputs[row] for row in duplicates.kept}
    for found in duplicates.found:
        assert duplicates.rows.inputs[found.kept] in kept
        assert found.similarity >= NEAR


@given(st.permutations(range(6)))
def test_who_stays_does_not_depend_on_the_order(order: list[int]) -> None:
    texts = [LONG, LONG + "s", LONG.upper(), "short one", "Short one.", "another"]
    labels = ["a", "a", "a", "b", "b", "b"]
    duplicates = settled(rows_of([texts[i] for i in order], [labels[i] for i in order]))
    baseline = settled(rows_of(texts, labels))
    kept = {duplicates.rows.inputs[row] for row in duplicates.kept}
    assert kept == {baseline.rows.inputs[row] for row in baseline.kept}


def test_the_index_finds_what_brute_force_finds() -> None:
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(50)]
    texts = [" ".join(rng.choice(words, 14)) for _ in range(60)]
    texts += [text.replace("word1", "wordx", 1) for text in texts]
    index = NearIndex()
    found = set()
    for row, sketch in enumerate(sketches(texts)):
        found |= {(row, other) for other, _ in index.similar(sketch)}
        index.add(row, sketch)
    sets = [shingles(text) for text in texts]
    exact = {(i, j) for i in range(len(texts)) for j in range(i) if similarity(sets[i], sets[j]) >= NEAR}
    assert len(exact) > 10
    assert found == exact


def test_punctuation_only_and_symbols_are_kept_apart() -> None:
    assert len({loose_key(text) for text in ("?!", "...", "☺", "☹")}) == 4


def test_bytes_are_compared_as_they_are() -> None:
    rows = rows_of(["x", "x", "y"], ["a"] * 3)
    rows.inputs[:] = [b"x", b"x", b"y"]
    assert len(settled(rows).kept) == 2


def test_contradictions() -> None:
    texts = ["one", "one", "one", "two", "two", "three"]
    found = contradictions(texts, ["a", "a", "b", "a", "b", "a"], [None] * 6)
    assert found.removed == {2: OUTVOTED, 3: NO_MAJORITY, 4: NO_MAJORITY}
    assert found.texts == 2


def test_contradictions_give_way_to_the_test_split() -> None:
    splits: list[Split | None] = ["test", "train", "train", "valid"]
    found = contradictions(["one"] * 4, ["a", "b", "b", "a"], splits)
    assert found.removed == {1: AGAINST_TEST, 2: AGAINST_TEST}
    both: list[Split | None] = ["test", "test", "train"]
    found = contradictions(["one"] * 3, ["a", "b", "b"], both)
    assert (found.removed, found.in_test) == ({2: AGAINST_TEST}, 1)
