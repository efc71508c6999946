"""Texts of five languages, and what people write as numbers in them."""

from __future__ import annotations

import string
import subprocess
import sys
from dataclasses import asdict

import pytest

from marketfit.errors import InputError
from marketfit.records.questionnaire import Answer, Field, Labels, Option, Question, Questionnaire, Survey
from marketfit.records.respondents import Asked, asked_of, designed_respondents
from marketfit.serve.survey import SurveySettings
from marketfit.serve.survey.form import read_answer
from marketfit.serve.survey.texts import ENGLISH, LANGUAGES, texts_of
from marketfit.serve.survey.views import view_of

PRICE = Field(name="price", kind="number", low=0, high=5000)
NOTE = Field(name="note", kind="text", required=False, show="long")
FORM = Questionnaire(
    instrument="prices", title="", columns=("respondent", "price", "note"), keeps="cells",
    questions=(Question(id="1", respondent="", text="?", fields=(PRICE, NOTE)),),
)  # fmt: skip


def price(text: str, language: str) -> float | str:
    """The number that is read, or what the page says."""
    filled = read_answer(FORM, 0, {"f0": text}, texts=texts_of(language), max_characters=100)
    if filled.errors:
        return filled.errors["f0"]
    cell = filled.answer.cells["price"]
    assert isinstance(cell, float)
    return cell


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        (" 12 ", "en", 12.0),
        ("12.5", "de", 12.5),
        ("12,5", "en", 12.5),
        ("1.125", "en", 1.125),
        ("1,125", "de", 1.125),
        ("+7", "zh", 7.0),
    ],
)
def test_either_decimal_mark_is_read(text: str, language: str, value: float) -> None:
    assert price(text, language) == value


@pytest.mark.parametrize(("text", "language"), [("1,500", "en"), ("1.500", "fr"), ("1.234.567", "de"), ("٣x", "en")])
def test_what_could_part_thousands_is_asked_again(text: str, language: str) -> None:
    assert price(text, language) == texts_of(language).number


def test_ranges_are_told_as_people_write_numbers() -> None:
    assert price("-1", "de") == "Bitte schreiben Sie eine Zahl von 0 bis 5000"
    assert price("", "en") == ENGLISH.missing
    filled = read_answer(FORM, 0, {"f0": "1", "f1": "x" * 101}, texts=ENGLISH, max_characters=100)
    assert filled.errors == {"f1": "Please write at most 100 characters"}
    assert read_answer(FORM, 0, {"f0": "1"}, texts=ENGLISH, max_characters=100).answer.cells == {"price": 1.0}


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "zh"])
def test_every_language_has_every_text_with_the_same_places_to_fill_in(language: str) -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    wanted, found = asdict(ENGLISH), asdict(LANGUAGES[language])
    assert all(found.values())
    assert {name: places(text) for name, text in found.items()} == {name: places(text) for name, text in wanted.items()}


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InputError) as refused:
        SurveySettings.of({"workspace": "w", "max_responents": 3, "max_characters": 0})
    assert [problem.where for problem in refused.value.problems] == [
        "server setting 'max_characters'", "server setting 'max_responents'",
    ]  # fmt: skip
    assert "max_respondents" in refused.value.problems[1].allowed


def test_the_command_line_loads_no_web_framework() -> None:
    program = (
        "import sys, marketfit.cli, marketfit.serve.survey\n"
        "print(sorted({'fastapi', 'starlette', 'uvicorn', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_answers_that_must_differ_are_held_against_each_other() -> None:
    fields = tuple(Field(name=name, kind="text", allowed=("a", "b")) for name in ("best", "worst"))
    question = Question(id="1", respondent="", text="?", fields=fields, distinct=("best", "worst"))
    part = FORM.model_copy(update={"columns": ("respondent", "best", "worst"), "questions": (question,)})
    assert part.problems(Answer(question=0, cells={"best": "a", "worst": "b"}), where="answer 1") == []
    (problem,) = part.problems(Answer(question=0, cells={"best": "a", "worst": "a"}), where="answer 1")
    assert (problem.where, problem.found) == ("answer 1, 'worst'", "is 'a', as 'best' is")


def test_each_respondent_is_asked_their_own_questions_and_those_for_anyone() -> None:
    def part(instrument: str, *people: str) -> Questionnaire:
        questions = tuple(Question(id=str(n), respondent=who, text="?") for n, who in enumerate(people))
        return FORM.model_copy(update={"instrument": instrument, "questions": questions})

    parts = (part("one", "r2", "r1", "r2"), part("two", ""), part("three", "r1", "r3"))
    survey = Survey(name="s", title="", introduction="", thanks="", language="en", seed=0, parts=parts)
    assert designed_respondents(survey) == ("r2", "r1", "r3")
    asked = [[(one.part.instrument, one.place) for one in asked_of(survey, who)] for who in ("r1", "r2", "r3")]
    assert asked == [
        [("one", 1), ("two", 0), ("three", 0)],
        [("one", 0), ("one", 2), ("two", 0)],
        [("two", 0), ("three", 1)],
    ]


def test_cards_show_labels_and_the_answer_keeps_the_levels() -> None:
    options = (
        Option(name="1", values={"latency_ms": 5.0, "privacy": "cloud", "price": 2.5}),
        Option(name="2", values={"latency_ms": 50.0, "privacy": "on-device", "price": 4.0}),
    )
    part = Questionnaire(
        instrument="choice", title="", columns=("respondent", "task", "alternative", "chosen", "latency_ms"),
        keeps="options", questions=(Question(id="1", respondent="r1", text="?", options=options),),
        labels={
            "latency_ms": Labels(name="Answer time", levels={"5": "5 ms: at once"}),
            "privacy": Labels(levels={"cloud": "on our servers"}),
        },
    )  # fmt: skip
    german = texts_of("de")
    view = view_of(Asked(part=part, place=0), given={}, errors={}, texts=german)
    assert view.cards[0].rows == (("Answer time", "5 ms: at once"), ("Privacy", "on our servers"), ("Price", "2,5"))
    assert view.cards[1].rows == (("Answer time", "50"), ("Privacy", "on-device"), ("Price", "4"))
    filled = read_answer(part, 0, {"pick": view.cards[0].choice.value}, texts=german, max_characters=100)
    assert part.rows(filled.answer)[0]["latency_ms"] == 5.0


def test_buttons_show_labels_and_send_the_values() -> None:
    field = Field(name="missed", kind="text", allowed=("very", "not"), labels={"very": "Sehr"}, show="choice")
    question = Question(id="1", respondent="", text="?", fields=(field,))
    part = Questionnaire(
        instrument="satisfaction", title="", columns=("respondent", "missed"), keeps="cells", questions=(question,)
    )
    german = texts_of("de")
    (control,) = view_of(Asked(part=part, place=0), given={"f0": "very"}, errors={}, texts=german).controls
    assert [(one.value, one.label, one.checked) for one in control.choices] == [
        ("very", "Sehr", True),
        ("not", "not", False),
    ]
    assert read_answer(part, 0, {"f0": "Sehr"}, texts=german, max_characters=9).errors == {"f0": german.unknown}
