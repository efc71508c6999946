from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.research.instruments.importance import Importance, ImportancePlan

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec()
HEADER = "respondent,attribute,scale,importance,performance\n"


def test_what_matters_and_is_done_badly_is_proposed(survey: Survey, run: Run) -> None:
    rng = np.random.default_rng(0)
    means = {"fast": (6, 2), "private": (6, 6), "pretty": (2, 6), "loud": (2, 2), "odd": (4, 4)}
    rows = [
        f"p{person},{name},7,{min(7, max(1, important + rng.integers(-1, 2)))},"
        f"{min(7, max(1, done + rng.integers(-1, 2)))}"
        for person in range(50)
        for name, (important, done) in means.items()
    ]
    file = survey(HEADER + "\n".join(rows) + "\np0,unknown,7,3,\n")
    finding = Importance().estimate(Importance().read(file, MARKET), MARKET, run=run)
    assert [proposal.text.split(":")[0] for proposal in finding.proposals] == ["Improve 'fast' first"]
    table, gaps = finding.tables
    quadrants = {row[0]: row[1:3] for row in table.rows}
    assert quadrants["fast"] == ("concentrate here", "proven")
    assert quadrants["private"] == ("keep up the good work", "proven")
    assert quadrants["pretty"] == ("possible overkill", "proven")
    assert quadrants["loud"] == ("low priority", "proven")
    assert table.drawing is not None
    assert (len(table.drawing.marks), len(table.drawing.marks_y)) == (1, 1)
    assert gaps.rows[0][0] == "fast"
    assert gaps.rows[0][1] == pytest.approx(-4, abs=0.5)
    assert "Not placed, because fewer than two people rated their performance: unknown." in finding.notes
    assert any(note.startswith("1 of 251 ratings have no performance") for note in finding.notes)
    assert (finding.respondents, finding.answers) == (50, 251)


def test_every_mistake_is_told(survey: Survey) -> None:
    text = HEADER + "a,x,5,6,1\na,x,5,2,0\nb,,5,,3\nb,y,5,1,much\n"
    with pytest.raises(DataError) as error:
        Importance().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "column 'attribute', row 3: is empty",
        "column 'importance', row 1: is 6; numbers from 1 to 5",
        "column 'importance', row 3: is empty",
        "column 'performance', row 4: 'much' is no number",
        "rows 1, 2: a respondent rates an attribute more than once",
    ):
        assert part in told, told


def test_without_performance_there_is_nothing_to_place(survey: Survey, run: Run) -> None:
    finding = Importance().estimate(Importance().read(survey(HEADER + "a,x,5,3,\n"), MARKET), MARKET, run=run)
    assert (finding.tables, finding.proposals) == ((), ())


def test_an_attribute_twice_in_the_plan_is_refused() -> None:
    with pytest.raises(DataError, match="every attribute once"):
        Importance().design(ImportancePlan(attributes=("a", "a")), seed=0)
