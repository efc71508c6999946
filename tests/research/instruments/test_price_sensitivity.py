from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.research.instruments.price_sensitivity import PricePlan, PriceSensitivity

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec()
HEADER = "respondent,too_cheap,cheap,expensive,too_expensive"


def estimated(file: SurveyFile, run: Run) -> Finding:
    instrument = PriceSensitivity()
    return instrument.estimate(instrument.read(file, MARKET), MARKET, run=run)


def test_the_range_and_the_best_price_with_their_curves(survey: Survey, run: Run) -> None:
    rng = np.random.default_rng(0)
    right = rng.lognormal(2, 0.3, 80)
    rows = [
        f"p{n},{0.5 * x:.2f},{0.8 * x:.2f},{1.2 * x:.2f},{1.8 * x:.2f},{rng.integers(3, 6)},{rng.integers(1, 4)}"
        for n, x in enumerate(right)
    ]
    finding = estimated(survey("\n".join([f"{HEADER},buy_cheap,buy_expensive", *rows]) + "\n"), run)
    named = {figure.name.split(" (")[0]: figure for figure in finding.figures}
    lowest, optimal = named["Lowest acceptable price"], named["Optimal price"]
    highest, best = named["Highest acceptable price"], named["Price of the highest revenue"]
    assert lowest.value < optimal.value < highest.value
    assert optimal.value == pytest.approx(np.exp(2) * np.sqrt(0.9), rel=0.1)
    for figure in finding.figures:
        assert figure.n == 80
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high
    assert [table.title for table in finding.tables] == ["Price curves", "Demand", "Revenue"]
    assert all(table.drawing and table.drawing.kind == "curves" for table in finding.tables)
    assert finding.tables[2].drawing is not None
    assert finding.tables[2].drawing.marks == (best.value,)
    assert len(finding.tables[0].rows) == 6 * 60  # six curves at sixty of the prices
    assert any("0%, 10%, 30%, 50%, 70%" in note for note in finding.notes)


def test_prices_that_do_not_rise_are_listed_left_out_and_counted(survey: Survey, run: Run) -> None:
    text = f"{HEADER}\na,1,3,5,7\nb,2,4,6,8\nc,3,5,7,9\nd,5,4,6,8\ne,1,2,6,6\n"
    finding = estimated(survey(text), run)
    assert (finding.respondents, finding.answers) == (5, 3)
    assert finding.figures[1].value == pytest.approx(5.0)  # by hand: see the tests of the core
    assert finding.figures[1].low is None
    assert finding.tables[-1].rows == (
        ("d", "too_cheap 5 is not below cheap 4"),
        ("e", "expensive 6 is not below too_expensive 6"),
    )
    assert "Left out: 2 of 5 respondents, whose prices do not rise." in finding.notes
    assert any("no intervals" in note for note in finding.notes)


def test_a_flat_optimum_tells_its_range(survey: Survey, run: Run) -> None:
    rows = "".join(f"p{n},{1 + n / 10},{3 + n / 10},{5 + n / 10},{7 + n / 10}\n" for n in range(12))
    finding = estimated(survey(f"{HEADER}\n{rows}"), run)
    optimal = finding.figures[1]
    assert (optimal.value, optimal.low) == (pytest.approx(4.55), None)
    (note,) = [note for note in finding.notes if note.startswith("Optimal price")]
    assert "from 3 to 6.1, so any price between is as good" in note
    assert "An interval can't be had" in note


def test_nobody_consistent_gives_no_curve(survey: Survey, run: Run) -> None:
    finding = estimated(survey(f"{HEADER}\na,4,3,2,1\n"), run)
    assert (finding.answers, finding.figures) == (0, ())
    assert [table.title for table in finding.tables] == ["Left out"]


def test_everybody_who_is_left_out_is_listed(survey: Survey, run: Run) -> None:
    finding = estimated(survey(f"{HEADER}\n" + "".join(f"p{n},4,3,2,1\n" for n in range(150))), run)
    assert [row[0] for row in finding.tables[-1].rows] == [f"p{n}" for n in range(150)]


def test_every_mistake_is_told(survey: Survey) -> None:
    text = f"{HEADER},buy_cheap\na,1,two,5,7,3\na,1,3,5,,3\n,1,3,-5,7,3\nb,1,3,inf,7,9\n"
    with pytest.raises(DataError) as error:
        PriceSensitivity().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "column 'cheap', row 1: 'two' is no number",
        "rows 1, 2: a respondent answers more than once",
        "column 'too_expensive', row 2: is empty",
        "column 'respondent', row 3: is empty",
        "column 'expensive', row 3: is -5",
        "column 'expensive', row 4: 'inf' is no number",
        "has 'buy_cheap' but no 'buy_expensive'",
    ):
        assert part in told, told


def test_a_chance_must_be_on_its_scale_and_may_be_empty(survey: Survey, run: Run) -> None:
    head = f"{HEADER},buy_cheap,buy_expensive\n"
    with pytest.raises(DataError, match="column 'buy_expensive', row 1: is 60; whole numbers from 1 to 5"):
        PriceSensitivity().read(survey(f"{head}a,1,3,5,7,4,60\n"), MARKET)
    finding = estimated(survey(f"{head}a,1,3,5,7,4,2\nb,2,4,6,8,,\n"), run)
    assert any(note.startswith("1 respondents gave no chance to buy") for note in finding.notes)
    assert {figure.n for figure in finding.figures} == {2, 1}


def test_where_nobody_would_buy_there_is_no_best_price(survey: Survey, run: Run) -> None:
    finding = estimated(survey(f"{HEADER},buy_cheap,buy_expensive\na,1,3,5,7,1,1\nb,9,3,5,7,5,5\n"), run)
    assert any(note.startswith("No demand curve: nobody") for note in finding.notes)
    assert all("revenue" not in figure.name for figure in finding.figures)


def test_the_chance_to_buy_need_not_be_asked() -> None:
    design = PriceSensitivity().design(PricePlan(product="x", purchase=False), seed=0)
    assert design.columns == ("respondent", "too_cheap", "cheap", "expensive", "too_expensive")
