from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.research.instruments.satisfaction import Asked, SatisfactionPlan, SatisfactionSurvey
from marketfit.testing.instruments import InstrumentCase, check_design, check_instrument, check_reading

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec()


def estimated(file: SurveyFile, run: Run) -> Finding:
    instrument = SatisfactionSurvey()
    return instrument.estimate(instrument.read(file, MARKET), MARKET, run=run)


@pytest.mark.parametrize("question", ["satisfied", "disappointed"])
def test_each_question_alone_passes_the_exam(question: Asked, tmp_path: Path, run: Run) -> None:
    plan = SatisfactionPlan(product="tiny", questions=(question,), scale=7)
    check_instrument(SatisfactionSurvey(), InstrumentCase(plan, MARKET), folder=tmp_path, run=run)


def test_all_questions_together_read_back(tmp_path: Path, run: Run) -> None:
    case = InstrumentCase(SatisfactionPlan(product="tiny"), MARKET)
    check_design(SatisfactionSurvey(), case)
    check_reading(SatisfactionSurvey(), case, folder=tmp_path, run=run)


def test_three_questions_by_segment(survey: Survey, run: Run) -> None:
    rows = [
        f"p{n},{10 if n < 50 else 8 if n < 80 else 2},{5 if n < 60 else 2},5,{'very' if n < 55 else 'not'},"
        f"{'old' if n < 60 else 'new' if n < 90 else ''}"
        for n in range(100)
    ]
    text = "respondent,recommend,satisfied,scale,disappointed,segment\n" + "\n".join(rows) + "\n"
    finding = estimated(survey(text), run)
    figures = {figure.name: figure for figure in finding.figures}
    assert figures["Net Promoter Score"].value == pytest.approx(30.0)
    assert figures["Net Promoter Score"].low == pytest.approx(14.05, abs=0.01)  # by hand: see the tests of the core
    assert figures["Satisfied (4 or 5 of 5)"].value == pytest.approx(60.0)
    assert figures["Mean satisfaction (1 to 5)"].value == pytest.approx(3.8)
    assert figures["Very disappointed without it"].value == pytest.approx(55.0)
    assert "Ellis's mark of 40% very disappointed is met, and the interval lies above it." in finding.notes
    assert all(figure.low is not None and figure.n == 100 for figure in finding.figures)
    assert [table.title.split(" by ")[1] for table in finding.tables] == ["segment"] * 3
    by_segment = {row[0]: (row[1], row[4]) for row in finding.tables[0].rows}
    assert by_segment["old"] == (pytest.approx(100 * 50 / 60), 60)
    assert by_segment["(not given)"] == (pytest.approx(-100.0), 10)
    assert sum(float(str(row[4])) for row in finding.tables[0].rows) == 100
    assert (finding.respondents, finding.answers) == (100, 300)


def test_who_did_not_answer_is_counted(survey: Survey, run: Run) -> None:
    finding = estimated(survey("respondent,recommend,disappointed\na,9,\nb,,\nc,3,\n"), run)
    assert {figure.n for figure in finding.figures} == {2}
    assert "'recommend' was not answered by 1 of 3 respondents." in finding.notes
    assert "'disappointed' was not answered by 3 of 3 respondents." in finding.notes
    assert (finding.respondents, finding.answers) == (3, 2)


def test_every_mistake_is_told(survey: Survey) -> None:
    text = "respondent,recommend,satisfied,disappointed\na,11,1,a bit\na,7.5,2,very\n,x,3,not\n"
    with pytest.raises(DataError) as error:
        SatisfactionSurvey().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "has 'satisfied' but no 'scale'",
        "column 'respondent', row 3: is empty",
        "column 'recommend', row 3: 'x' is no number",
        "column 'recommend', rows 1, 2: is 11; whole numbers from 0 to 10",
        "column 'disappointed', row 1: is 'a bit'",
        "rows 1, 2: a respondent answers more than once",
    ):
        assert part in told, told


def test_answers_beyond_the_scale_and_two_scales_are_told(survey: Survey) -> None:
    with pytest.raises(DataError, match="column 'satisfied', row 2: is 6; whole numbers from 1 to 5"):
        SatisfactionSurvey().read(survey("respondent,satisfied,scale\na,5,5\nb,6,5\n"), MARKET)
    with pytest.raises(DataError, match="column 'scale', row 2: is not 5 as above"):
        SatisfactionSurvey().read(survey("respondent,satisfied,scale\na,5,5\nb,4,7\n"), MARKET)


def test_a_file_without_any_of_the_questions_is_refused(survey: Survey) -> None:
    with pytest.raises(DataError, match="none of the columns 'recommend', 'satisfied', 'disappointed'"):
        SatisfactionSurvey().read(survey("respondent,nps\na,9\n"), MARKET)
