"""The example's files agree with each other, and its demo speaks to a real server."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from marketfit.brief import load_brief
from marketfit.ledger import Ledger, champion
from marketfit.serve import ServeSettings, running
from marketfit.testing import tiny_bundle

EXAMPLE = Path(__file__).parents[2] / "examples" / "home-assistant"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("demo", EXAMPLE / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def utterances() -> list[tuple[str, str]]:
    with (EXAMPLE / "utterances.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["intent"]) for row in csv.DictReader(file)]


def test_the_example_is_as_large_as_it_says() -> None:
    rows = utterances()
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert f"{len(rows):,} utterances" in readme
    assert len(rows) >= 1200
    intents = Counter(intent for _, intent in rows)
    assert len(intents) >= 20
    assert min(intents.values()) >= 30
    assert set(re.findall(r"^\| `([a-z_]+)` \|", readme, flags=re.MULTILINE)) == set(intents)


def test_feedback_and_traffic_have_the_same_intents_and_no_row_of_the_data(demo: ModuleType) -> None:
    rows = utterances()
    seen = {text.casefold() for text, _ in rows}
    intents = {intent for _, intent in rows}
    feedback, traffic = demo.examples("feedback.jsonl"), demo.examples("traffic.jsonl")
    assert (len(feedback), len(traffic)) == (144, 400)
    for text, intent in [*feedback, *traffic]:
        assert intent in intents
        assert text.casefold() not in seen
    assert not {text for text, _ in feedback} & {text for text, _ in traffic}


def test_the_brief_says_that_the_survey_is_simulated() -> None:
    brief = load_brief(EXAMPLE / "brief.yaml")
    assert brief.market.simulated
    assert brief.market.goal == "profit"


def test_the_script_makes_the_survey_files_again(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "make_survey.py", tmp_path)
    shutil.copytree(EXAMPLE / "simulation", tmp_path / "simulation")
    shutil.copy(EXAMPLE / "utterances.csv", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make_survey.py")], check=True)
    made = sorted(path.relative_to(EXAMPLE) for folder in ("survey", "market") for path in EXAMPLE.glob(f"{folder}/*"))
    assert len(made) == 12
    for name in made:
        assert (tmp_path / name).read_bytes() == (EXAMPLE / name).read_bytes(), name


def test_the_readme_states_the_truth_that_the_script_answers_by() -> None:
    script = [sys.executable, str(EXAMPLE / "make_survey.py"), "--truth"]
    lines = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    profits = [line.split()[3] for line in lines]
    assert all(profit in readme for profit in profits), profits
    for accuracy in (profits[:3], profits[3:]):  # at 2, 4 and 6 USD
        assert max(accuracy, key=lambda profit: int(profit.replace(",", ""))) == accuracy[1]


def test_the_demo_sends_corrections_and_truths(demo: ModuleType, tmp_path: Path) -> None:
    sealed = tiny_bundle(tmp_path / "bundles" / "b", {"lamp": "on", "dark": "off"}, labels=["on", "off"])
    ledger = Ledger.beside(tmp_path)
    champion.promote(ledger, "tiny", tmp_path, sealed.folder, reason="first bundle")
    said = [("lamp", "on"), ("dark", "on")] * 60  # two requests; every second answer is wrong
    with running(ServeSettings(workspace=tmp_path, audit_rate=0.0)) as server:
        assert demo.correct(server.url, said) == 60
    with running(ServeSettings(workspace=tmp_path, audit_rate=1.0)) as server:
        assert demo.review(server.url, said) == 60
    feedback = [event.payload for event in ledger.events("tiny", kinds=["feedback"])]
    assert Counter((note["thumb"], note["label"]) for note in feedback) == {("up", "on"): 60, ("down", "on"): 60}
    assert len(list(ledger.events("tiny", kinds=["truth"]))) == 120
    assert len(list(ledger.events("tiny", kinds=["prediction"]))) == 240
    ledger.close()


def test_fresh_deletes_a_workspace_and_nothing_else(demo: ModuleType, tmp_path: Path) -> None:
    other, mine = tmp_path / "other", tmp_path / "mine"
    for folder in (other / "runs", mine / "runs", mine / "blobs"):
        folder.mkdir(parents=True)
    demo.remove(other)
    demo.remove(mine)
    demo.remove(tmp_path / "missing")
    assert (other.exists(), mine.exists()) == (True, False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_demo(tmp_path: Path) -> None:
    """What `make demo` runs: exit status 0, and every requirement of the first contract is met."""
    command = [sys.executable, str(EXAMPLE / "demo.py"), "--workspace", str(tmp_path / "workspace")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = sorted((tmp_path / "workspace" / "runs").glob("*/outcome.json"), key=lambda path: path.stat().st_mtime)
    first = json.loads(outcomes[0].read_text(encoding="utf-8"))
    assert {clause["verdict"] for clause in first["contract"]["clauses"]} == {"met"}
    assert json.loads(outcomes[-1].read_text(encoding="utf-8"))["promotion"] is not None
