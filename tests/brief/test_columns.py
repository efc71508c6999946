"""Columns that a brief names are looked for in its files: in every row that may hold them, whatever case the ending."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketfit.brief import load_brief
from marketfit.brief.columns import Header, header_of
from marketfit.errors import BriefError

BRIEF = """\
product: tiny
task: text-classification
data: {source: SOURCE, input: text, label: label, group: customer}
require: {accuracy: ">= 0.5"}
"""
LATE = '{"text": "a", "label": "x"}\n{bad\n\n{"customer": "c", "text": "b", "label": "y"}\n'


def refusal(path: Path) -> str:
    with pytest.raises(BriefError) as caught:
        load_brief(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.NDJSON", "ROWS.JSONL"])
def test_a_key_may_stand_on_any_line(write_brief: Callable[..., Path], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\ufeff" + LATE, encoding="utf-8")
    assert load_brief(write_brief(BRIEF.replace("SOURCE", name))).data.group == "customer"
    (tmp_path / name).write_text(LATE.replace("customer", "buyer"), encoding="utf-8")
    assert "has no column 'customer'" in refusal(write_brief(BRIEF.replace("SOURCE", name)))


def test_of_a_long_file_only_its_reader_knows_that_a_key_is_absent(
    write_brief: Callable[..., Path], tmp_path: Path
) -> None:
    row = json.dumps({"text": "a" * 1000, "label": "x"}) + "\n"
    (tmp_path / "rows.jsonl").write_text(row * 1100, encoding="utf-8")
    assert load_brief(write_brief(BRIEF.replace("SOURCE", "rows.jsonl"))).data.group == "customer"
    assert header_of(tmp_path / "rows.jsonl") == Header(("text", "label"), complete=False)
    assert header_of(tmp_path / "rows.jsonl", most=None) == Header(("text", "label"), complete=True)


def test_lines_that_are_no_objects_have_no_keys(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"{bad\n[1]\n" + b"[" * 100_000 + b"\n\xff\n")
    assert header_of(tmp_path / "rows.jsonl") is None


@pytest.mark.parametrize("name", ["rows.csv", "ROWS.CSV", "ROWS.TSV", "ROWS.PARQUET"])
def test_endings_in_capitals(tmp_path: Path, name: str) -> None:
    if name.endswith("PARQUET"):
        pq.write_table(pa.table({"text": ["a"], "label": ["x"]}), tmp_path / name)
    else:
        (tmp_path / name).write_text("text\tlabel\n" if "TSV" in name else "text,label\n", encoding="utf-8")
    assert header_of(tmp_path / name) == Header(("text", "label"), complete=True)
