"""Verifying takes as many processes as the contract rests on, and labelled rows of which every one is usable."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from marketfit.bundle import Bundle
from marketfit.contract import Contract, Measurement, Requirement
from marketfit.errors import DataError
from marketfit.loop.verification import LabelledFile, _processes, _read_file


@pytest.mark.parametrize(
    ("metric", "n", "processes"),
    [("memory_mb", 9, 9), ("memory_mb", 5, 5), ("latency_p95_ms", 3600, 5), ("accuracy", 700, 5)],
)
def test_as_many_processes_as_the_contract_rests_on(metric: str, n: int, processes: int) -> None:
    bound = ">= 0" if metric == "accuracy" else "<= 900"
    measured = Measurement(metric=metric, value=0.5, low=0.5, high=0.5, n=n)
    contract = Contract.of([Requirement.parse(metric, bound)], [measured])
    assert _processes(contract) == processes


def test_a_bundle_without_a_contract_takes_the_usual_number() -> None:
    assert _processes(Contract(clauses=())) == 5


def test_what_is_wrong_with_labelled_rows_names_the_options_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    loaded = cast("Bundle", SimpleNamespace(labels=("a", "b")))
    file.write_text("text,label\na\nb\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 1: 1 field instead of 2"):
        _read_file(loaded, LabelledFile(file, "text", "label"))
    with pytest.raises(DataError) as caught:
        _read_file(loaded, LabelledFile(file, "txt", "lable"))
    assert "no column 'txt' (--columns INPUT)" in str(caught.value)
    assert "no column 'lable' (--columns LABEL)" in str(caught.value)
