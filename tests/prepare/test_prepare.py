"""The step and the preview as a whole: counts add up, test stays the same, reports are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from marketfit.brief import Brief
from marketfit.engine import Run
from marketfit.errors import DataError, RunError
from marketfit.prepare import inspect, prepare
from marketfit.prepare.curate import GROUP_CROSSES, Curated, check_counts
from marketfit.prepare.feedback import OUTVOTED_SOURCE, TOO_NEAR, UNKNOWN_LABEL
from marketfit.prepare.rows import Quarantine
from marketfit.records.data import Dataset, FeedbackBatch, FeedbackRow

from .conftest import csv_of, plain_rows, sentence

Write = Callable[..., Path]
BriefOf = Callable[..., Brief]
RunOf = Callable[[Brief], Run]


def batch_of(*rows: tuple[str, str]) -> FeedbackBatch:
    feedback = tuple(
        FeedbackRow(input=text, label=label, origin="correction", event=str(place))
        for place, (text, label) in enumerate(rows)
    )
    return FeedbackBatch(rows=feedback, thumbs_up=0, thumbs_down=0, slices=(), proposals=(), upto="x")


def refusal(brief: Brief) -> str:
    with pytest.raises(DataError) as caught:
        inspect(brief)
    return str(caught.value)


def reasons(dataset: Dataset) -> dict[str, int]:
    return {count.reason: count.rows for count in dataset.quarantined}


@pytest.mark.usefixtures("fake_embedder")
def test_the_counts_add_up_and_tables_agree(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    rows = [*plain_rows(60), (sentence(0).upper(), "class 0"), ("", "class 1"), ("no label", ""), ("one", "two", "3")]
    brief = brief_of(write(csv_of(rows)))
    run = run_of(brief)
    dataset = prepare(brief, None, run=run)
    table = run.workspace.table(dataset.rows)
    aside = run.workspace.table(dataset.quarantine)
    assert dataset.source_rows == 64 == table.num_rows + aside.num_rows
    assert sorted(table["row"].to_pylist() + aside["row"].to_pylist()) == list(range(1, 65))
    assert sum(dataset.splits.values()) == table.num_rows
    assert Counter(table["split"].to_pylist()) == dataset.splits
    assert reasons(dataset) == {
        "3 fields instead of 2": 1, "empty input": 1, "empty label": 1, "exact duplicate": 1,
    }  # fmt: skip
    features = run.workspace.array(dataset.features)
    assert features.shape == (table.num_rows, 64)
    assert features.dtype == np.float32
    assert dataset.labels == ("class 0", "class 1", "class 2")
    receipts = run.workspace.table(dataset.receipts).to_pylist()
    assert {receipts[0]["removed"], receipts[0]["kept"]} == {1, 61}


@pytest.mark.usefixtures("fake_embedder")
def test_features_are_aligned_with_rows(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    from .conftest import FakeBundle

    brief = brief_of(write(csv_of(plain_rows(40))))
    run = run_of(brief)
    dataset = prepare(brief, None, run=run)
    inputs = run.workspace.table(dataset.rows)["input"].to_pylist()
    np.testing.assert_allclose(run.workspace.array(dataset.features), FakeBundle().embed(inputs), rtol=1e-6)


@pytest.mark.usefixtures("fake_embedder")
def test_feedback_never_touches_test(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    brief = brief_of(write(csv_of(plain_rows(60))))
    run = run_of(brief)
    before = prepare(brief, None, run=run)
    table = run.workspace.table(before.rows).to_pylist()
    test = next(row for row in table if row["split"] == "test")
    valid = next(row for row in table if row["split"] == "valid")
    train = next(row for row in table if row["split"] == "train" and row["label"] == "class 0")
    batch = batch_of(
        (test["input"] + "!", "class 1"),
        (valid["input"], "class 2"),
        ("a wholly new example of its kind", "class 1"),
        ("a wholly new example of its kind", "class 1"),
        ("nobody knows this label", "class 9"),
        (train["input"], "class 2"),
        (train["input"], "class 2"),
        (" ", "class 1"),
    )
    after = prepare(brief, batch, run=run)
    assert after.test_digest == before.test_digest
    assert after.splits["test"] == before.splits["test"]
    assert after.source_rows == 68
    assert reasons(after) == {
        TOO_NEAR: 2, "exact duplicate": 2, UNKNOWN_LABEL: 1, "empty input": 1, OUTVOTED_SOURCE: 1,
    }  # fmt: skip
    fresh = [row for row in run.workspace.table(after.rows).to_pylist() if row["origin"] == "feedback"]
    assert {(row["input"], row["label"], row["split"]) for row in fresh} == {
        ("a wholly new example of its kind", "class 1", "train"),
        (train["input"], "class 2", "train"),
    }
    assert all(row["row"] > 60 for row in fresh)


@pytest.mark.usefixtures("fake_embedder")
def test_one_correction_against_the_source_does_not_enter(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    brief = brief_of(write(csv_of(plain_rows(60))))
    run = run_of(brief)
    before = prepare(brief, None, run=run)
    rows = run.workspace.table(before.rows).to_pylist()
    train = next(row for row in rows if row["split"] == "train" and row["label"] == "class 0")
    after = prepare(brief, batch_of((train["input"], "class 2")), run=run)
    assert after.splits == before.splits
    assert len(after.quarantined) == 1


@pytest.mark.usefixtures("fake_embedder")
def test_a_changed_test_split_is_said(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    first = brief_of(write(csv_of(plain_rows(60))))
    run = run_of(first)
    assert not any("test split" in note for note in prepare(first, None, run=run).notes)
    second = brief_of(write(csv_of(plain_rows(90)), "more.csv"))
    assert "test split number 2" in prepare(second, None, run=run).notes[0]
    recorded = run.ledger.fact("test-digest/p/2")
    assert recorded == prepare(second, None, run=run).test_digest


@pytest.mark.usefixtures("fake_embedder")
def test_label_errors_and_outliers_are_reported_and_stay(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    rng = np.random.default_rng(0)
    sides = {"fruit": ["apple", "pear", "plum", "grape", "lemon"], "metal": ["iron", "zinc", "gold", "lead", "tin"]}
    rows = [(" ".join(rng.permutation(words)) + f" {n}", label) for n in range(60) for label, words in sides.items()]
    flipped = (8, 20, 34, 62)  # row numbers of metals that are now called fruit
    for row in flipped:
        rows[row - 1] = (rows[row - 1][0], "fruit")
    brief = brief_of(write(csv_of(rows)))
    run = run_of(brief)
    dataset = prepare(brief, None, run=run)
    held = {row["row"]: row["split"] for row in run.workspace.table(dataset.rows).to_pylist()}
    issues = run.workspace.table(dataset.label_issues).to_pylist()
    expected = {row for row in flipped if held[row] != "test"}  # nobody looks at test
    assert 0 < len(expected) < 4
    assert {(issue["row"], issue["label"], issue["suggested"]) for issue in issues} == {
        (row, "fruit", "metal") for row in expected
    }
    assert all(held[issue["row"]] != "test" for issue in issues)
    assert any("farthest from all other rows" in note for note in dataset.notes)


def test_the_preview_is_what_prepare_does(write: Write, brief_of: BriefOf, run_of: RunOf, fake_embedder: None) -> None:
    assert fake_embedder is None
    brief = brief_of(write(csv_of([*plain_rows(60), *plain_rows(3)])))
    preview = inspect(brief)
    dataset = prepare(brief, None, run=run_of(brief))
    assert (preview.splits, preview.test_digest) == (dataset.splits, dataset.test_digest)
    assert preview.quarantined == dataset.quarantined
    assert preview.duplicates == 3


@pytest.mark.usefixtures("fake_embedder")
def test_semicolons_are_noted(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    source = write(csv_of(plain_rows(60)).replace(",", ";"))
    dataset = prepare(brief_of(source), None, run=run_of(brief_of(source)))
    assert dataset.quarantined == ()
    assert (
        "data.csv: cells are parted by semicolons, as in its header." in dataset.notes
    )  # of decimals nothing: all is text


@pytest.mark.usefixtures("fake_embedder")
def test_unlabelled_rows_do_not_near_test(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    source = write(csv_of(plain_rows(60)))
    run = run_of(brief_of(source))
    test = next(
        row["input"]
        for row in run.workspace.table(prepare(brief_of(source), None, run=run).rows).to_pylist()
        if row["split"] == "test"
    )
    extra = write(csv_of([("free text",), ("Free text!",), ("",), (test.upper(),)], header="text") + "\n", "free.csv")
    dataset = prepare(brief_of(source, unlabelled=str(extra)), None, run=run)
    assert dataset.unlabelled is not None
    assert run.workspace.table(dataset.unlabelled)["input"].to_pylist() == ["free text"]
    assert "1 of 3 unlabelled rows are used" in dataset.notes[-1]


def test_where_and_the_split_column(write: Write, brief_of: BriefOf) -> None:
    parts = ["train", "Val", "TEST", "spare"]
    rows = [(text, label, parts[place % 4]) for place, (text, label) in enumerate(plain_rows(60))]
    source = write(csv_of(rows, header="text,label,part"))
    message = refusal(brief_of(source, split="part"))
    assert "'spare' (15 rows)" in message
    assert "leave those rows out with where: {part: [TEST, Val, train]}" in message
    preview = inspect(brief_of(source, split="part", where={"part": ["train", "Val", "TEST"]}))
    assert preview.splits == {"train": 15, "valid": 15, "test": 15}
    assert [(count.reason, count.rows) for count in preview.quarantined] == [("not selected by where", 15)]
    assert "it has: train (15 rows), Val (15 rows)" in refusal(brief_of(source, where={"part": ["dev"]}))


def test_a_value_of_where_that_no_row_has(write: Write, brief_of: BriefOf) -> None:
    """Beside another that matches too: `tset` would leave the published test rows out without a word."""
    parts = ["train", "val", "test"]
    rows = [(text, label, parts[place % 3]) for place, (text, label) in enumerate(plain_rows(60))]
    source = write(csv_of([*rows, ("x", "rare", "train"), ("torn",)], header="text,label,part"))
    message = refusal(brief_of(source, where={"part": ["train", "val", "tset", "dev"], "label": ["class 0", "rare"]}))
    assert "data.where: no row has part = tset or dev; it has: train (21 rows), val (20 rows)" in message
    assert "'rare' (1)" in message  # told together with what else is wrong
    message = refusal(brief_of(source, where={"part": ["val"], "label": ["rare"]}))
    assert "no row has all of part, label as wanted" in message
    assert "names no value of part" in refusal(brief_of(source, where={"part": []}))
    split = refusal(brief_of(source, split="label", where={"part": ["train", "tset"]}))
    assert "no row has part = tset" in split
    assert "unknown values: 'class 0'" in split


def test_too_few_groups_for_the_parts(write: Write, brief_of: BriefOf) -> None:
    rows = [(text, label, f"g{place % 2}") for place, (text, label) in enumerate(plain_rows(60))]
    message = refusal(brief_of(write(csv_of(rows, header="text,label,author")), group="author"))
    assert "no row is left in" in message
    assert "add rows with other values of 'author'" in message
    assert "drop data.group" in message
    assert "data.split" not in message


@pytest.mark.parametrize("given", [("train",), ("train", "test"), ("train", "valid"), ("train", "valid", "test")])
def test_rare_classes_are_refused_wherever_a_part_is_carved(
    write: Write, brief_of: BriefOf, given: tuple[str, ...]
) -> None:
    rows = [(text, label, given[place // 3 % len(given)]) for place, (text, label) in enumerate(plain_rows(60))]
    rows += [("some words", "rare", "train"), ("other words", "rare", given[-1])]
    brief = brief_of(write(csv_of(rows, header="text,label,part")), split="part")
    if len(given) == 3:
        assert inspect(brief).classes["rare"]["train"] == 1
    else:
        assert "1 class has fewer than 3 rows: 'rare' (2)" in refusal(brief)


def test_the_where_that_is_proposed_can_be_pasted(write: Write, brief_of: BriefOf) -> None:
    names = ["a, b", "on: off", "#1", "it's", "2"]
    rows = [(sentence(place), f'"{names[place % 5]}"') for place in range(60)]
    source = write(csv_of([*rows, ("x", "rare")]))
    told = refusal(brief_of(source))
    proposed = YAML(typ="safe").load("{" + told[told.index("where: {") :] + "}")
    assert proposed == {"where": {"label": sorted(names)}}
    assert set(inspect(brief_of(source, where=proposed["where"])).classes) == set(names)


def test_groups_that_the_users_splits_part(write: Write, brief_of: BriefOf) -> None:
    rows = [
        (text, label, ["train", "test"][place % 2], f"g{place // 2 if place < 4 else place}")
        for place, (text, label) in enumerate(plain_rows(60))
    ]
    source = write(csv_of(rows, header="text,label,part,author"))
    preview = inspect(brief_of(source, split="part", group="author"))
    assert {count.reason: count.rows for count in preview.quarantined} == {GROUP_CROSSES: 2}
    assert preview.splits["test"] == 30


def test_problems_with_classes(write: Write, brief_of: BriefOf) -> None:
    few = [*plain_rows(30), ("x", "rare"), ("y", "rare"), ("z", "single")]
    message = refusal(brief_of(write(csv_of(few))))
    assert "2 classes have fewer than 3 rows: 'single' (1), 'rare' (2)" in message
    after = [*plain_rows(30), ("x y z", "rare"), ("X y z", "rare"), ("x, y z", "rare")]
    header = "text;label"
    tsv = write("\n".join(["text\tlabel", *["\t".join(row) for row in after]]) + "\n", "data.tsv")
    assert "after cleaning: 'rare' (1)" in refusal(brief_of(tsv)), header
    assert "have one class" in refusal(brief_of(write(csv_of(plain_rows(10, classes=1)))))


def test_problems_with_columns(write: Write, brief_of: BriefOf) -> None:
    message = refusal(brief_of(write(csv_of([(" ", "")] * 4))))
    assert "column 'text' (data.input) is empty in all 4 rows" in message
    assert "column 'label' (data.label) is empty in all 4 rows" in message


def test_a_huge_field_and_half_a_surrogate_are_put_aside(write: Write, brief_of: BriefOf) -> None:
    rows = [f'{{"text": "{text}", "label": "{label}"}}' for text, label in plain_rows(30)]
    rows += ['{"text": "' + "x" * 1_000_001 + '", "label": "class 0"}', '{"text": "\\ud800", "label": "class 0"}']
    preview = inspect(brief_of(write("\n".join(rows), "data.jsonl")))
    assert {count.reason for count in preview.quarantined} == {
        "a field of more than 1,000,000 characters",
        "not valid Unicode (half of a surrogate pair)",
    }


def test_texts_are_normalised(write: Write, brief_of: BriefOf) -> None:
    rows = [*plain_rows(30), ("cafe\u0301  au\u00a0lait", " class 0 "), ("caf\u00e9 au lait", "class 0")]
    assert inspect(brief_of(write(csv_of(rows)))).duplicates == 1


def test_lost_rows_are_an_error() -> None:
    from .test_duplicates import rows_of

    rows = rows_of(["a", "b"], ["x", "y"], ["train", "test"])
    quarantine = Quarantine()
    quarantine.add(3, "why", "c")
    check_counts(Curated(rows, quarantine, (), (), 3))
    with pytest.raises(RunError, match="do not add up"):
        check_counts(Curated(rows, quarantine, (), (), 4))
    quarantine.add(2, "why", "b")
    with pytest.raises(RunError, match="do not add up"):
        check_counts(Curated(rows, quarantine, (), (), 3))
