"""A requirement on the worst slice, from the brief to a bundle that is verified again."""

from __future__ import annotations

from pathlib import Path

import pytest

import marketfit
from marketfit.bundle import load
from marketfit.contract import Verdict
from marketfit.loop import Outcome, check
from marketfit.loop.verification import LabelledFile, _quality, _rows, verify
from marketfit.testing.encoders import small_minilm

UTTERANCES = Path(__file__).parents[2] / "examples" / "home-assistant" / "utterances.csv"


def brief_in(folder: Path, backbone: Path, limit: float) -> Path:
    lines = UTTERANCES.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "utterances.csv").write_text("".join([lines[0], *lines[1::3]]), encoding="utf-8")
    path = folder / "brief.yaml"
    path.write_text(
        f"""\
product: sliced
task: text-classification
data: {{source: utterances.csv, input: text, label: intent}}
require: {{worst_slice_accuracy: ">= {limit}", accuracy: ">= 0.3"}}
backbones: ['{backbone}#static']
budget: {{trials: 1, minutes: 30}}
compress: {{trials: 0}}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_minilm(tmp_path_factory.mktemp("backbone") / "small")


@pytest.fixture(scope="module")
def made(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    brief = brief_in(tmp_path_factory.mktemp("sliced"), backbone, 0.3)
    outcome = marketfit.fit(brief)
    assert outcome.status == "shipped", outcome.as_text()
    return brief, outcome


def test_check_says_what_a_proof_takes(made: tuple[Path, Outcome]) -> None:
    plan = check(made[0]).rows_needed[0]
    assert (plan.metric, plan.enough) == ("worst_slice_accuracy", True)
    assert "test rows of the smallest slice prove it" in plan.text


def test_the_contract_holds_for_the_worst_slice_and_report_and_card_name_it(made: tuple[Path, Outcome]) -> None:
    _, outcome = made
    clause, whole = outcome.contract.clauses
    assert clause.verdict is Verdict.MET
    assert clause.measurement is not None
    assert whole.measurement is not None
    assert clause.measurement.value < whole.measurement.value
    page = Path(outcome.report).read_text(encoding="utf-8")
    assert "Slices of the inputs, the worst first" in page
    assert outcome.bundle is not None
    card = (Path(outcome.bundle) / "card.md").read_text(encoding="utf-8")
    weakest = next(line for line in card.splitlines() if "slices of the inputs: " in line)
    assert f"accuracy {clause.measurement.value:.4f}" in weakest
    name = weakest.split("slices of the inputs: ")[1].split("; accuracy")[0]
    assert name in page


def test_verify_measures_the_worst_slice_again(made: tuple[Path, Outcome]) -> None:
    _, outcome = made
    assert outcome.bundle is not None
    found = verify(Path(outcome.bundle))
    again, sealed = found.contract.clauses[0].measurement, found.recorded.clauses[0].measurement
    assert again is not None
    assert sealed is not None
    assert (again.value, again.low, again.high, again.n) == (sealed.value, sealed.low, sealed.high, sealed.n)


def test_labelled_rows_of_a_file_leave_the_worst_slice_unmeasured_and_say_so(
    made: tuple[Path, Outcome], tmp_path: Path
) -> None:
    """The processes that time a bundle are left out: they take long and say nothing of slices."""
    folder = made[1].bundle
    assert folder is not None
    few = tmp_path / "few.csv"
    few.write_text("".join(UTTERANCES.read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    loaded = load(Path(folder))
    rows, notes = _rows(loaded, None, LabelledFile(few, "text", "intent"), None)
    assert rows is not None
    assert loaded.contract is not None
    assert [found.metric for found in _quality(loaded, loaded.contract, rows)] == ["accuracy"]
    assert any("worst_slice_accuracy stays unmeasured: few.csv does not say" in note for note in notes)
