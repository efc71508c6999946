"""The page that asks people who they are, as a survey file declares it."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.errors import BriefError, DataError
from marketfit.records.questionnaire import Answer
from marketfit.research.background import Background, BackgroundPlan
from marketfit.research.survey import load_survey, survey_options

AGE = {"name": "age", "text": "How old are you?", "answers": ("18-34", "35-54", "55+")}
HOME = {"name": "people", "text": "How many of you live together?", "low": 1, "high": 20, "required": False}


def test_one_page_for_everybody_with_a_column_for_each_question() -> None:
    made = Background().design(BackgroundPlan.model_validate({"questions": [AGE, HOME]}), seed=0, language="de")
    assert (made.title, made.columns) == ("Über Sie", ("respondent", "age", "people"))
    (page,) = made.questions
    assert (page.respondent, page.text) == ("", "Über Sie")
    age, home = page.fields
    assert (age.text, age.allowed, age.show, age.required) == ("How old are you?", AGE["answers"], "choice", True)
    assert (home.kind, home.low, home.high, home.required) == ("number", 1.0, 20.0, False)
    assert made.problems(Answer(question=0, cells={"age": "55+"}), where="") == []
    wrong = made.problems(Answer(question=0, cells={"age": "old", "people": 0.0}), where="")
    assert len(wrong) == 2


def test_columns_have_one_meaning() -> None:
    plan = BackgroundPlan.model_validate({"questions": [AGE, AGE, HOME | {"name": "seconds"}]})
    with pytest.raises(DataError) as error:
        Background().design(plan, seed=0)
    assert [(problem.where, problem.found) for problem in error.value.problems] == [
        ("questions.seconds", "is a column of the table of respondents"),
        ("questions.age", "is there twice"),
    ]


def test_a_survey_file_declares_it_and_mistakes_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "survey.yaml"
    head = "survey: s\ntitle: T\nparts:\n  - instrument: satisfaction\n    product: it\n  - instrument: background\n"
    path.write_text(
        head + "    title: You\n    questions:\n      - {name: sex, text: 'You are', answers: [female, male]}\n",
        "utf-8",
    )
    assert [part.title for part in load_survey(path).parts] == ["Satisfaction", "You"]
    path.write_text(
        head + "    questions:\n"
        "      - {name: a b, text: '', answers: [x]}\n"
        "      - {name: b, text: B, answers: [x, y], high: 3}\n"
        "      - {name: c, text: C, answers: [x, y], labels: {z: Z}}\n"
        "      - {name: d, text: D, low: 3, high: 3}\n"
        "      - {name: e, txt: E}\n",
        "utf-8",
    )
    with pytest.raises(BriefError) as error:
        load_survey(path)
    told = [str(problem).removeprefix(f"{path}:") for problem in error.value.problems]
    for line, words in (
        (8, "parts.1.questions.0.name"), (8, "parts.1.questions.0.text"), (9, "it has answers and a range"),
        (10, "labels name 'z'"), (11, "low is 3 and high 3"), (12, "did you mean 'text'?"), (12, "'text' is missing"),
    ):  # fmt: skip
        assert any(text.startswith(f"{line}:") and words in text for text in told), (line, words, told)


def test_it_is_among_the_options_of_a_survey_file_and_a_near_name_leads_to_it(tmp_path: Path) -> None:
    assert "parts[background].questions" in [name for name, _, _ in survey_options()]
    path = tmp_path / "survey.yaml"
    path.write_text("survey: s\ntitle: T\nparts: [{instrument: backgroud}]\n", "utf-8")
    with pytest.raises(BriefError, match="did you mean 'background'"):
        load_survey(path)
