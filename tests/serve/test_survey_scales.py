"""Places on a scale are whole numbers: the page refuses what the instrument could not read later."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.errors import DataError
from marketfit.loop.survey_answers import read_survey
from marketfit.records.questionnaire import Answer, Survey
from marketfit.serve.server import Server
from marketfit.serve.survey.texts import ENGLISH
from marketfit.testing.forms import FormClient

SURVEY = """\
survey: scales
title: Your kitchen
parts:
  - {instrument: satisfaction, product: Oven, scale: 50, questions: [recommend, satisfied]}
  - {instrument: price-sensitivity, product: Oven}
"""


@pytest.fixture
def survey_file(tmp_path: Path) -> Path:
    """In place of the usual one: `survey` and `pages` are of this."""
    path = tmp_path / "survey.yaml"
    path.write_text(SURVEY, "utf-8")
    return path


def test_a_scale_takes_whole_numbers_and_a_price_any(pages: Server, survey_file: Path) -> None:
    with FormClient(pages.url) as client:
        client.open("/")
        client.send()
        assert client.page.blanks() == ["f1"]  # fifty buttons are too many: a box
        client.send({"f0": "9.5", "f1": "3.5"})
        assert client.status == 422
        assert client.reply is not None
        assert client.reply.text.count(ENGLISH.whole) == 4  # at the top of the page and at the control, for each
        assert 'inputmode="numeric"' in client.reply.text
        assert client.page.fields["f1"] == "3.5"
        client.send({"f0": "9", "f1": "35"})
        client.send({"f0": "1.5", "f1": "2.25", "f2": "3", "f3": "4", "f4": "4.5", "f5": "2"})
        assert client.status == 422
        client.send({"f0": "1.5", "f1": "2.25", "f2": "3", "f3": "4", "f4": "4", "f5": "2"})
        assert client.path.endswith("/done")
    made = read_survey(survey_file)
    assert made.readable, made.as_text()


def test_a_record_refuses_a_place_between_two(survey: Survey) -> None:
    part = survey.parts[0]
    with pytest.raises(DataError, match=r"'recommend'.*is 9\.5.*a whole number from 0 to 10"):
        part.table([Answer(question=0, respondent="p", cells={"recommend": 9.5, "satisfied": 3.0})])
