"""A requirement on the worst slice, and a sensitive column, from the brief to a bundle that is verified again."""

from __future__ import annotations

import html
import re
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
    kept = [lines[0].rstrip() + ",voice\n"]
    kept += [f"{line.rstrip()},{('low', 'high', '')[row % 3]}\n" for row, line in enumerate(lines[1::3])]
    kept[1] = kept[1].replace(",low", ",whispered")
    (folder / "utterances.csv").write_text("".join(kept), encoding="utf-8")
    path = folder / "brief.yaml"
    path.write_text(
        f"""\
product: sliced
task: text-classification
data: {{source: utterances.csv, input: text, label: intent, sensitive: [voice]}}
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


def test_the_report_shows_every_group_of_a_sensitive_column_though_nothing_is_required_of_them(
    made: tuple[Path, Outcome],
) -> None:
    _, outcome = made
    page = html.unescape(Path(outcome.report).read_text(encoding="utf-8"))
    start = page.index("Groups of the sensitive columns, the lowest accuracy first")
    shown = page[page.index("<tbody>", start) : page.index("</table>", start)]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in re.findall(r"<tr.*?</tr>", shown, re.DOTALL)]
    told = {cells[1]: [_plain(cell) for cell in cells] for cells in rows}
    assert {"low", "high", "gap: best minus worst", "no value"} <= set(told)
    assert set(told) <= {"low", "high", "whispered", "gap: best minus worst", "no value"}
    groups = [told[name] for name in told if name in ("low", "high", "whispered")]
    clause = outcome.contract.clauses[1].measurement
    assert clause is not None
    assert sum(int(cells[3]) for cells in [*groups, told["no value"]]) == clause.n
    rates = [float(cells[2].split()[0]) for cells in groups]
    assert float(told["gap: best minus worst"][2].split()[0]) == pytest.approx(max(rates) - min(rates), abs=2e-4)
    assert all(re.fullmatch(r"[01][.]\d{4} [01][.]\d{4} to [01][.]\d{4}", cells[2]) for cells in groups)


def _plain(cell: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", cell).split())


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
