"""A classifier of somebody else's: compressed without a brief, sealed, or refused with what binds; clear mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import marketfit
from marketfit import loop, registry
from marketfit.brief import Brief, TargetSpec
from marketfit.contract import Contract, Verdict
from marketfit.engine import Run
from marketfit.errors import InputError, Problem
from marketfit.loop import turn
from marketfit.position import settle
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision, Settlement
from marketfit.records.variants import Variants
from marketfit.task import Adopter, unreported
from marketfit.testing.encoders import WORDS, tiny_classifier

Call = Callable[..., subprocess.CompletedProcess[str]]
LABELS = ("light", "music", "neither")


def write_rows(path: Path, rows: Sequence[tuple[str, str]], head: tuple[str, str] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])
    return path


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier; beside it rows.csv, labelled as it answers."""
    root = tmp_path_factory.mktemp("library")
    folder = tiny_classifier(root / "their model", labels=LABELS)
    texts = [f"{one} {two} {three}" for one in WORDS[:6] for two in WORDS[4:11] for three in WORDS[8:14]]
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    trainer.adopt(folder, root / "adopted")
    said = trainer.scores(root / "adopted", texts, progress=unreported)
    write_rows(root / "rows.csv", [(t, LABELS[k]) for t, k in zip(texts, np.argmax(said, axis=1), strict=True)])
    return folder


@pytest.fixture
def rows(theirs: Path) -> Path:
    return theirs.parent / "rows.csv"


def test_a_model_is_compressed_and_sealed_and_the_same_call_resumes(
    theirs: Path, rows: Path, call: Call, tmp_path: Path
) -> None:
    asked = ("compress", theirs, "--data", rows, "--require", "latency_p95_ms<=500", "--require", "accuracy >= 0.6",
             "--minutes", "0.1", "--workspace", tmp_path / "work", "--quiet")  # fmt: skip
    said = call(*asked, "--json")
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout)
    assert document["status"] == "shipped"
    assert [clause["verdict"] for clause in document["contract"]] == ["met", "met"]
    front = [item for item in document["variants"] if item["front"]]
    assert front
    assert document["winner"] in {item["name"] for item in document["variants"]}
    assert document["winner"].startswith("their-model.t0.")
    trained = {"distil", "static"}
    assert not any(trained & {step.split(":")[0] for step in item["passes"]} for item in document["variants"])
    listed = Path(document["every_untried"]).read_text(encoding="utf-8").splitlines()[1:]
    assert sum(group["count"] for group in document["untried"]) == len(listed)
    assert all(1 <= len(group["nearest"]) <= 5 for group in document["untried"])
    loaded = marketfit.load(Path(document["bundle"]))
    assert loaded.labels == LABELS
    assert "taken over as it was: trained elsewhere" in loaded.spec.lineage
    again = call(*asked)
    assert again.returncode == 0, again.stderr
    assert document["bundle"] in again.stdout
    assert "Pareto set" in again.stdout
    for item in front:
        assert item["name"] in again.stdout


def test_what_nothing_keeps_is_refused_with_what_binds(theirs: Path, rows: Path, tmp_path: Path) -> None:
    made = marketfit.compress_model(
        theirs, marketfit.LabelledFile(rows, "text", "label"), ["latency_p95_ms<=0.0001"], minutes=0,
        workspace=tmp_path / "work",
    )  # fmt: skip
    assert made.status == "refused"
    assert made.bundle is None
    assert made.binding == "latency_p95_ms <= 0.0001"
    assert "binding requirement" in made.as_text()


def test_a_refusal_by_the_locked_test_names_what_binds(
    theirs: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unproven(brief: Brief, dataset: Dataset, variants: Variants, decision: Decision, *, run: Run) -> Settlement:
        settled = settle(brief, dataset, variants, decision, run=run)
        size, accuracy = settled.contract.clauses
        clauses = (size, replace(accuracy, verdict=Verdict.UNPROVEN))
        return settled.model_copy(update={"status": "refused", "contract": Contract(clauses=clauses)})

    monkeypatch.setattr(turn, "settle", unproven)
    made = marketfit.compress_model(
        theirs, marketfit.LabelledFile(rows, "text", "label"), ["size_mb<=100", "accuracy>=0.6"], minutes=0,
        workspace=tmp_path / "work",
    )  # fmt: skip
    assert made.status == "refused"
    assert made.winner is not None
    assert made.binding == "accuracy >= 0.6"


def test_all_mistakes_of_the_command_at_once(theirs: Path, call: Call, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.csv", [("play", "music")], ("texts", "label"))
    said = call("compress", tmp_path / "nowhere", "--data", file, "--require", "speed<=2", "--require", "size_mb=3")
    assert said.returncode == 2
    for told in ("nowhere: there is no such folder", "unknown metric 'speed'", "cannot read the bound 'size_mb=3'",
                 "rows.csv has no column 'text'; did you mean 'texts'?"):  # fmt: skip
        assert told in said.stderr
    said = call("compress", theirs, "--data", tmp_path / "no.csv", "--require", "cost_per_1000<=2")
    assert said.returncode == 2
    assert "there is no such file" in said.stderr


def test_a_cost_needs_a_price(theirs: Path, rows: Path, call: Call) -> None:
    said = call("compress", theirs, "--data", rows, "--require", "cost_per_1000<=2")
    assert said.returncode == 2
    assert "cost_per_1000 needs a price" in said.stderr


def test_processes_are_those_of_the_target_and_not_fewer_than_five(
    theirs: Path, rows: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = call("compress", theirs, "--data", rows, "--require", "size_mb<=2", "--processes", 3)
    assert said.returncode == 2
    assert "--processes" in said.stderr
    targets: list[TargetSpec] = []

    def stopped(*_model: object, target: TargetSpec, **_more: object) -> None:
        targets.append(target)
        raise InputError([Problem("here", "enough was seen", "nothing more", "stop")])

    monkeypatch.setattr(loop, "compress_model", stopped)
    for options in ((), ("--processes", 9)):
        assert call("compress", theirs, "--data", rows, "--require", "size_mb<=2", *options).returncode == 2
    assert [target.processes for target in targets] == [TargetSpec().processes, 9]


def test_labels_must_be_those_of_the_model(theirs: Path, call: Call, tmp_path: Path) -> None:
    few = [(f"{one} {two}", "musik" if number % 2 else "light")
           for number, (one, two) in enumerate((a, b) for a in WORDS[:4] for b in WORDS[4:9])]  # fmt: skip
    file = write_rows(tmp_path / "rows.csv", few, ("utterance", "intent"))
    said = call("compress", theirs, "--data", file, "--input", "utterance", "--label", "intent",
                "--require", "size_mb<=2", "--workspace", tmp_path / "work", "--quiet")  # fmt: skip
    assert said.returncode == 2
    assert "the model has no label 'musik'; did you mean 'music'?" in said.stderr


def test_a_folder_that_is_no_classifier_or_has_no_fast_tokenizer(
    theirs: Path, rows: Path, call: Call, tmp_path: Path
) -> None:
    plain = shutil.copytree(theirs, tmp_path / "plain")
    (plain / "tokenizer.json").unlink()
    (tmp_path / "empty").mkdir()
    for folder, told in ((plain, "tokenizer"), (tmp_path / "empty", "weights as safetensors")):
        said = call("compress", folder, "--data", rows, "--require", "size_mb<=2", "--workspace", tmp_path / "work")
        assert said.returncode == 2, said.stderr
        assert told in said.stderr
