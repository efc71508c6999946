"""`survey design` says what a choice survey will be able to tell before anybody is asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]

SURVEY = """\
survey: small
title: A survey
parts:
  - instrument: satisfaction
    product: it
  - instrument: choice
    respondents: 30
    tasks: 4
    alternatives: 2
    levels: {privacy: [cloud, on-device], price: [2, 4, 6]}
    better: {price: lower}
"""


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    path = tmp_path / "survey.yaml"
    path.write_text(SURVEY, "utf-8")
    return path


def test_the_design_is_printed_with_its_diagnosis(call: Call, survey: Path) -> None:
    done = call("survey", "design", survey, "--json")
    assert done.returncode == 0, done.stderr
    satisfaction, choice = json.loads(done.stdout)["parts"]
    assert satisfaction["diagnosis"] is None
    found = choice["diagnosis"]
    assert (found["respondents"], found["asked"]["notice"]) == (30, 0.6)
    assert {name: sum(levels.values()) for name, levels in found["levels"].items()} == {"privacy": 80, "price": 80}
    text = call("survey", "design", survey).stdout
    assert f"Needed: {found['needed']} respondents to notice" in text
    assert "30 are TOO FEW for the first and TOO FEW for the second." in text
    for words in ("places of a task", "one respondent tells as much", "price_2_to_4", "interval at n = 30"):
        assert words in text


def test_the_number_of_respondents_can_be_asked_about(call: Call, survey: Path) -> None:
    folder = survey.parent / "small" / "survey.json"
    call("survey", "design", survey)
    before = folder.read_bytes()
    done = call("survey", "design", survey, "--respondents", 4000, "--notice", 0.7, "--power", 0.9, "--margin", 0.03)
    assert "interval at n = 4000" in done.stdout
    assert "with a power of 90%, whatever moves 70%" in done.stdout
    assert "within ± 3 points" in done.stdout
    assert "4000 are enough for the first and enough for the second." in done.stdout
    assert folder.read_bytes() == before  # what is asked is the same
    done = call("survey", "design", survey, "--power", 2, "--notice", 0.2)
    assert done.returncode == 2
    assert "--power" in done.stderr
    assert "--notice" in done.stderr
