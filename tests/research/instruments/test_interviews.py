from __future__ import annotations

from collections.abc import Callable

import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.records.questionnaire import Answer
from marketfit.research.instruments.interviews import InterviewPlan, Interviews

ASKED = (
    "respondent,question,text\n"
    "p1,What is missing?,The price is too high.\np1,What do you like?,It is fast.\n"
    "p2,What is missing?,An app is missing.\np2,What do you like?,\n"
    "p3,What is missing?,The price again.\n"
)


def finding(file: SurveyFile, run: Run, market: MarketSpec) -> Finding:
    instrument = Interviews()
    return instrument.estimate(instrument.read(file, market), market, run=run)


def test_themes_are_told_by_question_among_those_who_were_asked_it(
    survey: Callable[[str], SurveyFile], run: Run
) -> None:
    found = finding(survey(ASKED), run, MarketSpec(codes={"price": ("price",)}))
    assert [table.title for table in found.tables] == [
        "“What do you like?”: Codes, by the rules of the brief",
        "“What do you like?”: Themes, by meaning",
        "“What is missing?”: Codes, by the rules of the brief",
        "“What is missing?”: Themes, by meaning",
    ]
    liked, _, missing, _ = (table.rows[0] for table in found.tables)
    assert liked[:2] == ("price", 0.0)
    assert missing[:2] == ("price", pytest.approx(2 / 3))
    assert "2 people who were asked" in found.tables[0].note
    quotes = [str(row[6]) for table in found.tables[:2] for row in table.rows]
    assert not any("price" in quote for quote in quotes)  # what was said to the other question
    assert (found.respondents, found.answers) == (3, 5)


def test_weights_count_people_in_themes(survey: Callable[[str], SurveyFile], run: Run) -> None:
    text = "respondent,text,weight\na,The price.,3\nb,An app.,1\nc,A map.,1\n"
    (row,) = finding(survey(text), run, MarketSpec(codes={"price": ("price",)})).tables[0].rows
    assert row[1] == pytest.approx(0.6)
    assert row[4] == 1.0


def test_a_question_that_nobody_answered_in_words_says_so(survey: Callable[[str], SurveyFile], run: Run) -> None:
    found = finding(survey("respondent,question,text\na,One?,Yes it is.\na,Two?,\n"), run, MarketSpec())
    assert [table.title for table in found.tables] == ["“One?”: Themes, by meaning"]
    assert "“Two?”: nobody who counts said a word." in found.notes


def test_the_questionnaire_keeps_what_was_asked(survey: Callable[[str], SurveyFile]) -> None:
    made = Interviews().design(InterviewPlan(questions=("One?", "Two?")), seed=0)
    table = made.table([Answer(question=1, cells={"text": "yes"}, respondent="p1")])
    assert table.to_pylist() == [{"respondent": "p1", "question": "Two?", "text": "yes"}]
    with pytest.raises(DataError, match="column 'question', row 2: is empty"):
        Interviews().read(survey("respondent,question,text\na,One?,x\nb,,y\n"), MarketSpec())
