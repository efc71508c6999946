"""`marketfit survey serve | read` on the command line: what is printed, and what is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import Design, Session, note_answer, take_slot
from marketfit.loop.surveys import design_survey, open_survey
from marketfit.records.questionnaire import Survey

Call = Callable[..., subprocess.CompletedProcess[str]]

SURVEY = """\
survey: kitchen
title: {title}
parts:
  - instrument: choice
    levels: {{price: [2, 4], place: [home, shop]}}
    respondents: 3
    tasks: 2
    alternatives: 2
  - instrument: interviews
    questions: [Why?]
  - instrument: competitors
    attributes: {{price: [], place: [home, shop]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "survey.yaml"
    path.write_text(SURVEY.format(title="Kitchens"), "utf-8")
    return path


def begun(survey: Survey, ledger: Ledger, token: str) -> Session:
    design = Design(survey.name, survey.digest())
    session = take_slot(ledger, design, token=token, external=None, name=lambda slot: f"r{slot:03d}")
    assert session is not None
    return session


@pytest.fixture
def ledger(file: Path) -> Ledger:
    """Two people have answered: one everything, one a single task."""
    root = file.parent / "marketfit-workspace"
    root.mkdir()
    ledger, survey = Ledger.beside(root), open_survey(file)
    one, two = begun(survey, ledger, "one"), begun(survey, ledger, "two")
    for session, place in ((one, 0), (one, 1), (two, 2)):
        note_answer(ledger, session, ("choice", place), picked="none" if place else "1", cells={})
    note_answer(ledger, one, ("interviews", 0), picked=None, cells={"text": "it is, in short, 0042"})
    offer = {"offer": "Acme", "price": 3.0, "place": "shop"}
    note_answer(ledger, one, ("competitors", 0), picked=None, cells=offer)
    return ledger


@pytest.mark.usefixtures("ledger")
def test_read_prints_one_document_and_the_folder_of_a_design_is_the_same_survey(call: Call, file: Path) -> None:
    folder = Path(design_survey(file).folder)
    of_folder = json.loads(call("survey", "read", folder, "--json").stdout)
    of_file = json.loads(call("survey", "read", file, "--json").stdout)
    assert of_folder == of_file
    assert (of_file["complete"], of_file["partial"]) == (1, 1)
    assert [(part["answers"], part["rows"], part["found"]) for part in of_file["parts"]] == [
        (3, 9, []), (1, 1, []), (1, 1, []),
    ]  # fmt: skip
    text = (folder / "answers" / "interviews.csv").read_text("utf-8")
    assert text == '"respondent","question","text"\n"r001","Why?","it is, in short, 0042"\n'


def test_what_an_instrument_refuses_is_said_and_the_file_stays(call: Call, file: Path, ledger: Ledger) -> None:
    two = begun(open_survey(file), ledger, "two")
    offer = {"offer": "acme", "price": 3.0, "place": "shop"}
    note_answer(ledger, two, ("competitors", 0), picked=None, cells=offer)
    done = call("survey", "read", file, "--out", file.parent / "out")
    assert done.returncode == 2
    assert "the offer 'acme' is in row 1 already" in done.stdout
    assert (file.parent / "out" / "competitors.csv").is_file()


@pytest.mark.usefixtures("ledger")
def test_answers_to_another_design_are_not_mixed_in(call: Call, file: Path) -> None:
    file.write_text(SURVEY.format(title="All kitchens"), "utf-8")
    done = call("survey", "read", file)
    assert done.returncode == 2
    assert "nobody has begun this survey; 2 people began another design" in done.stderr


def test_mistakes_are_instructions(call: Call, file: Path) -> None:
    done = call("survey", "read", file)
    assert done.returncode == 2
    assert "there is no ledger" in done.stderr
    assert not (file.parent / "marketfit-workspace").exists()
    done = call("survey", "serve", file, "--set", "max_respondents=none", "--set", "id_parameter")
    assert done.returncode == 2
    assert "id_parameter" in done.stderr
    assert call("survey", "serve", file.parent / "nowhere.json").returncode == 2
    assert "max_respondents" in call("survey", "serve", file, "--set", "help").stdout
