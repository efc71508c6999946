"""Answers to files that are bad in part or as a whole: each row is told, and `--json` is one document."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from marketfit import bundle
from marketfit.bundle import Prediction
from marketfit.loop import predictions

Call = Callable[..., subprocess.CompletedProcess[str]]


class FakeBundle:
    """Answers every input with one label."""

    def predict(self, inputs: Sequence[str]) -> list[Prediction]:
        if "broken" in inputs:
            raise ValueError("a fault of the model")
        return [Prediction(label="a", score=0.5, abstain=False) for _ in inputs]


@pytest.fixture(autouse=True)
def fake_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        threads = 1

    class Spec:
        session, input_name = Session(), "text"

    monkeypatch.setattr(bundle, "verify", lambda _folder, **_kwargs: None)
    monkeypatch.setattr(bundle, "read_spec", lambda _folder: Spec())
    monkeypatch.setattr(bundle, "load", lambda _folder, **_kwargs: FakeBundle())


@pytest.mark.parametrize("name", ["inbox.csv", "inbox.jsonl"])
def test_a_file_without_a_good_row(tmp_path: Path, call: Call, name: str) -> None:
    bad = "hello, where is it\n"
    (tmp_path / name).write_text(f"text\n{bad}" if name.endswith("csv") else bad, encoding="utf-8")
    said = call("predict", tmp_path, tmp_path / name, "--column", "text", "--json", "--quiet")
    assert said.returncode == 0, said.stderr
    (answer,) = json.loads(said.stdout)
    assert (answer["label"], answer["problem"]) == (None, "2 fields instead of 1" if "csv" in name else "not JSON")


def test_a_column_that_no_line_has_is_told_before_anything_is_printed(tmp_path: Path, call: Call) -> None:
    file = tmp_path / "inbox.jsonl"
    file.write_text('{"text": "a"}\n' * 10_500, encoding="utf-8")
    for options in (("--json",), ()):
        said = call("predict", tmp_path, file, "--column", "txt", "--quiet", *options)
        assert said.returncode == 2
        assert "has no column 'txt' (--column); did you mean 'text'?" in (said.stdout if options else said.stderr)
        assert not options or json.loads(said.stdout)["status"] == "error"
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"txt": "b"}\n')
    said = call("predict", tmp_path, file, "--column", "txt", "--json", "--quiet")
    assert said.returncode == 0
    assert [answer["label"] for answer in json.loads(said.stdout)][-2:] == [None, "a"]


@pytest.mark.parametrize(
    ("last", "status", "message"),
    [('"never closed,\n' + "b\n" * 3, 2, "never closed swallows the 3"), ("broken\n", 3, "a fault of the model")],
)
def test_an_error_in_the_middle_leaves_one_document(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, last: str, status: int, message: str
) -> None:
    monkeypatch.setattr("marketfit.prepare.read_csv.CSV_BLOCK", 2**10)
    monkeypatch.setattr(predictions, "_ROWS", 10)
    file = tmp_path / "inbox.csv"
    file.write_text("text\n" + "a\n" * 1000 + last, encoding="utf-8")
    said = call("predict", tmp_path, file, "--json", "--quiet")
    assert said.returncode == status, said.stderr
    *answers, told = json.loads(said.stdout)
    assert len(answers) > 100
    assert all(answer == {"label": "a", "score": 0.5, "abstain": False} for answer in answers)
    assert told["status"] == "error"
    assert message in told["message"]
    assert ("Traceback" in said.stderr) == (status == 3)
