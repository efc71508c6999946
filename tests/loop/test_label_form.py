"""A label is the same label wherever it is read: the data, feedback, verification and opinions name it alike."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketfit import bundle
from marketfit.brief import DataSpec, MarketSpec, SurveyFile
from marketfit.ledger import Ledger
from marketfit.ledger.feedback import FeedbackItem
from marketfit.listen import feedback_file
from marketfit.loop.verification import LabelledFile, _read_file
from marketfit.prepare.collect import collect
from marketfit.research.instruments.opinions import Opinions
from marketfit.testing import tiny_bundle

CAFE = unicodedata.normalize("NFD", "café")
WRITTEN = (" order  status", CAFE, "a\u00a0b", "plain")
NORMAL = ("order status", "café", "a b", "plain")
SCALARS: dict[str, tuple[list[object], tuple[str, ...]]] = {
    "bool": ([True, False], ("true", "false")),
    "float": ([3.0, 0.1 + 0.2], ("3", "0.30000000000000004")),
    "int": ([3, 2**60 + 1], ("3", "1152921504606846977")),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.beside(tmp_path)
    yield opened
    opened.close()


def data_labels(path: Path) -> tuple[str, ...]:
    data = DataSpec(source=path, input="item", label="label")
    return tuple(collect(data, progress=lambda _done: None).rows.labels)


def opinion_labels(path: Path) -> tuple[str, ...]:
    answers = Opinions().read(SurveyFile(source=path), MarketSpec())
    return tuple(answers.labels[code] for code in answers.answers.label.tolist())


def write(path: Path, labels: list[object]) -> Path:
    rows = [{"item": f"text {n}", "respondent": "r", "label": label} for n, label in enumerate(labels)]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_spelling_is_one_label_everywhere(tmp_path: Path, ledger: Ledger) -> None:
    path = write(tmp_path / "rows.jsonl", list(WRITTEN))
    assert data_labels(path) == NORMAL
    assert opinion_labels(path) == NORMAL
    made = tiny_bundle(tmp_path / "bundle", {"text": "plain"}, labels=list(NORMAL))
    rows = _read_file(bundle.load(made.folder), LabelledFile(path, "item", "label"))
    assert [NORMAL[target] for target in rows.labelled.targets.tolist()] == list(NORMAL)
    for name in ("label", "truth"):
        said = [{"text": f"text {n}", name: label} for n, label in enumerate(WRITTEN)]
        lines = [json.dumps(item | ({"audited": True} if name == "truth" else {})) for item in said]
        given = tmp_path / "feedback.jsonl"
        given.write_text("\n".join(lines), encoding="utf-8")
        events = feedback_file(
            given, ledger=ledger, product="tiny", labels=NORMAL, input_column="text", label_column="intent"
        )
        assert tuple(event.payload["label"] for event in events) == NORMAL


@pytest.mark.parametrize("kind", list(SCALARS))
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_numbers_and_truth_values_are_labels_by_their_text(tmp_path: Path, kind: str, ending: str) -> None:
    given, names = SCALARS[kind]
    path = write(tmp_path / f"rows.{ending}", list(given))
    assert data_labels(path) == names
    assert opinion_labels(path) == names
    assert tuple(FeedbackItem.model_validate({"input": "x", "label": one}).label for one in given) == names


def test_numbers_among_texts_keep_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [3.0, "other", True])
    assert opinion_labels(path) == data_labels(path) == ("3", "other", "true")
