"""Who people are, asked on a page of the survey: kept and resumed like any answer, and used as weights."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile
from marketfit.demand import rake
from marketfit.loop.survey_answers import read_survey
from marketfit.research.study.people import read_people
from marketfit.serve.server import Server
from marketfit.testing.forms import FormClient

SURVEY = """\
survey: homes
title: Your home
parts:
  - instrument: background
    questions:
      - name: age
        text: How old are you?
        answers: [18-34, 35-54, 55+]
        labels: {55+: 55 or more}
      - {name: people, text: How many of you live together?, low: 1, high: 20, required: false}
  - instrument: interviews
    questions: [What annoys you most?]
"""


@pytest.fixture
def survey_file(tmp_path: Path) -> Path:
    """In place of the usual one: `survey` and `pages` are of this."""
    path = tmp_path / "survey.yaml"
    path.write_text(SURVEY, "utf-8")
    return path


def respondents(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def begun(client: FormClient) -> str:
    """Begin the survey; gives the personal link."""
    client.open("/")
    client.send()
    return client.path.removesuffix("/1")


def test_the_page_says_what_it_asks_and_what_is_wrong(pages: Server) -> None:
    with FormClient(pages.url) as client:
        link = begun(client)
        assert client.page.heading == "About you"
        assert client.page.radios == {"f0": ["18-34", "35-54", "55+"]}
        assert client.page.blanks() == ["f1"]
        assert client.reply is not None
        for text in ("<legend>How old are you?</legend>", "55 or more", "How many of you live together? <span"):
            assert text in client.reply.text
        client.send({"f1": "0"})
        assert client.status == 422
        assert {"#f0-0", "#f1"} <= set(client.page.links)
        assert client.page.fields["f1"] == "0"
        client.send({"f0": "18-34", "f1": "3"})
        assert client.path == f"{link}/2"


def test_answers_are_kept_resumed_and_become_columns_of_the_respondents(pages: Server, survey_file: Path) -> None:
    with FormClient(pages.url) as client:
        link = begun(client)
        client.send({"f0": "18-34", "f1": "3"})
    with FormClient(pages.url) as again:  # on another device, by the personal link
        again.open(link)
        assert again.path == f"{link}/2"
        again.open(f"{link}/1")
        assert (again.page.fields["f0"], again.page.fields["f1"]) == ("18-34", "3")
        again.send({"f0": "55+", "f1": ""})
        again.answer(write="noise")
        assert again.path == f"{link}/done"
    with FormClient(pages.url) as other, FormClient(pages.url) as silent:
        begun(other)
        other.answer(choose=0, write="4")
        begun(silent)
    made = read_survey(survey_file)
    rows = respondents(Path(made.respondents))
    assert [(row["respondent"], row["age"], row["people"], row["complete"]) for row in rows] == [
        ("p0001", "55+", "", "1"), ("p0002", "18-34", "4", "0"), ("p0003", "", "", "0"),
    ]  # fmt: skip
    assert made.readable
    assert [(part.instrument, part.answers) for part in made.parts] == [("background", 2), ("interviews", 1)]
    assert "background" not in made.brief
    assert not Path(made.folder, "background.csv").exists()


def test_the_market_is_weighed_by_them(pages: Server, survey_file: Path) -> None:
    for number in range(3):
        with FormClient(pages.url) as client:
            begun(client)
            client.answer(choose=number, write="2")
    source = SurveyFile(source=Path(read_survey(survey_file).respondents))
    shares = {"18-34": 0.5, "35-54": 0.25, "55+": 0.25}
    market = MarketSpec(attributes={"price": AttributeSpec(offer=(2.0,))}, population={"age": shares},
                        respondents=source)  # fmt: skip
    people = read_people(source, market)
    ages = people.of(["p0001", "p0002", "p0003"], "age")
    assert ages == ["18-34", "35-54", "55+"]
    assert rake({"age": [age or "" for age in ages]}, market.population).weights.tolist() == pytest.approx(
        [1.5, 0.75, 0.75]
    )
