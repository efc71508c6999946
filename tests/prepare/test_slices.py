"""Slices are found in the training inputs, whatever the labels are, and stay when users' rows come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import Brief
from marketfit.engine import Run, read_split
from marketfit.prepare import prepare
from marketfit.records.data import Dataset, FeedbackBatch, FeedbackRow

from .conftest import csv_of, sentence

Write = Callable[..., Path]
BriefOf = Callable[..., Brief]
RunOf = Callable[[Brief], Run]

HEADER = "text,label,part"


def rows_with(labels: Callable[[int], str], count: int = 700) -> list[tuple[str, ...]]:
    """300 training rows, 150 valid ones, the rest test; each starts with the word of one of four topics."""
    parts = ["train"] * 300 + ["valid"] * 150 + ["test"] * (count - 450)
    topics = ("lamps " * 8, "weather " * 8, "songs " * 8, "calls " * 8)
    return [(topics[k % 4] + sentence(k), labels(k), part) for k, part in enumerate(parts)]


@pytest.fixture
def prepared(write: Write, brief_of: BriefOf, run_of: RunOf) -> Callable[..., tuple[Dataset, Run]]:
    def make(rows: list[tuple[str, ...]]) -> tuple[Dataset, Run]:
        brief = brief_of(write(csv_of(rows, HEADER)), split="part")
        run = run_of(brief)
        return prepare(brief, None, run=run), run

    return make


@pytest.mark.usefixtures("fake_embedder")
def test_every_row_is_in_its_slices_and_splits_are_read_with_them(
    prepared: Callable[..., tuple[Dataset, Run]],
) -> None:
    dataset, run = prepared(rows_with(lambda k: f"class {k % 3}"))
    assert dataset.slicing is not None
    table = run.workspace.table(dataset.rows)
    names = {family: {s.name for s in dataset.slicing.slices if s.family == family} for family in ("topic", "length")}
    assert len(names["topic"]) == 2  # 250 test rows
    assert set(table["slice.topic"].to_pylist()) <= names["topic"]
    assert set(table["slice.length"].to_pylist()) <= names["length"] | {None}
    test = read_split(dataset, "test", run.workspace)
    assert list(test.slices) == [s.name for s in dataset.slicing.slices]
    topics = np.array([test.slices[name] for name in names["topic"]])
    assert (topics.sum(axis=0) == 1).all()
    column = [name for name, part in zip(table["slice.topic"].to_pylist(), table["split"].to_pylist(), strict=True)
              if part == "test"]  # fmt: skip
    for name in names["topic"]:
        assert test.slices[name].tolist() == [cell == name for cell in column]


@pytest.mark.usefixtures("fake_embedder")
def test_labels_have_no_say_in_the_slices(prepared: Callable[..., tuple[Dataset, Run]]) -> None:
    one, _ = prepared(rows_with(lambda k: f"class {k % 3}"))
    other, _ = prepared(rows_with(lambda k: f"class {k // 7 % 3}"))
    assert one.test_digest != other.test_digest
    assert one.slicing is not None
    assert one.slicing == other.slicing


@pytest.mark.usefixtures("fake_embedder")
def test_test_inputs_have_no_say_in_the_slices(prepared: Callable[..., tuple[Dataset, Run]]) -> None:
    rows = rows_with(lambda k: f"class {k % 3}")
    changed = [(f"unlike {sentence(5000 + k)}", *rest) if rest[1] == "test" else (text, *rest)
               for k, (text, *rest) in enumerate(rows)]  # fmt: skip
    one, _ = prepared(rows)
    other, _ = prepared(changed)
    assert one.slicing is not None
    assert one.slicing == other.slicing


@pytest.mark.usefixtures("fake_embedder")
def test_few_test_rows_have_no_slices(prepared: Callable[..., tuple[Dataset, Run]]) -> None:
    dataset, run = prepared(rows_with(lambda k: f"class {k % 3}", count=640))
    assert dataset.slicing is None
    assert read_split(dataset, "test", run.workspace).slices == {}


@pytest.mark.usefixtures("fake_embedder")
def test_feedback_moves_no_slice(write: Write, brief_of: BriefOf, run_of: RunOf) -> None:
    brief = brief_of(write(csv_of(rows_with(lambda k: f"class {k % 3}"), HEADER)), split="part")
    run = run_of(brief)
    before = prepare(brief, None, run=run)
    feedback = tuple(
        FeedbackRow(input=f"{'boiler ' * 9}{sentence(9000 + k)}", label="class 0", origin="correction", event=str(k))
        for k in range(80)
    )
    batch = FeedbackBatch(rows=feedback, thumbs_up=0, thumbs_down=0, slices=(), proposals=(), upto="x")
    after = prepare(brief, batch, run=run)
    assert after.splits["train"] == before.splits["train"] + 80
    assert after.slicing is not None
    assert after.slicing == before.slicing
    tests = [read_split(dataset, "test", run.workspace) for dataset in (before, after)]
    assert all((tests[0].slices[name] == tests[1].slices[name]).all() for name in tests[0].slices)
