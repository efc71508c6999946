from __future__ import annotations

from collections.abc import Callable

import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.research.instruments.kano import Kano, KanoPlan

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec()
HEADER = "respondent,feature,functional,dysfunctional\n"


def rows(feature: str, functional: str, dysfunctional: str, people: int, *, start: int = 0) -> str:
    return "".join(f"p{n},{feature},{functional},{dysfunctional}\n" for n in range(start, start + people))


def test_a_must_be_feature_is_proposed_as_a_requirement(survey: Survey, run: Run) -> None:
    text = HEADER + rows("offline", "neutral", "dislike", 30) + rows("offline", "like", "neutral", 10, start=30)
    text += rows("dark mode", "like", "tolerate", 22) + rows("dark mode", "neutral", "neutral", 18, start=22)
    text += rows("sounds", "Must-Be", "5", 12) + rows("sounds", "1", "live-with", 11, start=12)
    finding = Kano().estimate(Kano().read(survey(text), MARKET), MARKET, run=run)
    assert [proposal.text.split(":")[0] for proposal in finding.proposals] == ["Treat 'offline' as a requirement"]
    assert "75% of 40 people" in finding.proposals[0].reason
    kinds = {row[0]: row[1:3] for row in finding.tables[0].rows}
    assert kinds["offline"] == ("must-be", "yes")
    assert kinds["dark mode"] == ("attractive", "no, from indifferent")  # 4 is less than 1.65 · √20
    assert kinds["sounds"] == ("must-be", "no, from attractive")
    better = {row[0]: row[2:8] for row in finding.tables[1].rows}["offline"]
    assert better[0] == pytest.approx(0.25)
    assert better[3] == pytest.approx(-0.75)
    assert isinstance(better[4], float)
    assert isinstance(better[5], float)
    assert better[4] < -0.75 < better[5]
    grid = {row[0]: row[1:3] for row in finding.tables[2].rows}
    assert grid["offline"] == ("must-be", "proven")
    assert all(table.drawing.kind == "map" for table in finding.tables[1:] if table.drawing)
    assert finding.tables[2].drawing is not None
    assert (finding.tables[2].drawing.marks, finding.tables[2].drawing.marks_y) == ((2.0,), (2.0,))
    assert (finding.respondents, finding.answers) == (40, 103)
    assert finding.figures[0].value == 0.0


def test_every_mistake_is_told(survey: Survey) -> None:
    text = HEADER + "a,x,like,hate\na,x,like,dislike\n,x,6,\n"
    with pytest.raises(DataError) as error:
        Kano().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "column 'respondent', row 3: is empty",
        "column 'functional', row 3: is '6'",
        "column 'dysfunctional', row 3: is empty",
        "column 'dysfunctional', row 1: is 'hate'",
        "rows 1, 2: a respondent answers on a feature more than once; every 'respondent' and 'feature' once",
    ):
        assert part in told, told


def test_a_feature_twice_in_the_plan_is_refused() -> None:
    with pytest.raises(DataError, match="every feature once"):
        Kano().design(KanoPlan(features=("a", "a")), seed=0)


def test_weights_and_unused_columns_are_noted(survey: Survey, run: Run) -> None:
    text = "respondent,feature,functional,dysfunctional,weight,age\na,x,2,5,3,20\nb,x,1,3,1,30\nc,x,1,3,1,40\n"
    finding = Kano().estimate(Kano().read(survey(text), MARKET), MARKET, run=run)
    assert finding.tables[0].rows[0][1] == "must-be"
    assert any("'age'" in note for note in finding.notes)
    assert any("3 respondents know as much as 2.3 of equal weight" in note for note in finding.notes)
