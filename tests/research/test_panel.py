"""Who counts reaches every instrument: careless people are left out and told, the others weighted to the market."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from marketfit.brief import MarketSpec, SurveyFile, load_brief
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.research import research
from marketfit.research.instruments import Instrument
from marketfit.research.instruments.importance import Importance
from marketfit.research.instruments.interviews import Interviews
from marketfit.research.instruments.kano import Kano
from marketfit.research.instruments.maxdiff import MaxDiff
from marketfit.research.instruments.opinions import Opinions
from marketfit.research.instruments.perceptions import Perceptions
from marketfit.research.instruments.price_sensitivity import PriceSensitivity
from marketfit.research.instruments.satisfaction import SatisfactionSurvey
from marketfit.research.panel import Panel
from marketfit.research.respondents import NamedAnswers, Respondents
from marketfit.research.study.people import People, read_people

pytestmark = pytest.mark.usefixtures("short_study")

MARKET = MarketSpec(population={"age": {"young": 0.5, "old": 0.5}}, respondents=SurveyFile(source=Path(__file__)))


def respondents(*names: str, weights: list[float] | None = None) -> Respondents:
    return Respondents(pa.array(names, type=pa.large_string()), np.array(weights or [1.0] * len(names)))


@pytest.fixture
def people(tmp_path: Path) -> People:
    path = tmp_path / "people.csv"
    path.write_text("respondent,age\np1,young\np2,young\np3,young\np4,old\nr1,old\n", "utf-8")
    return read_people(SurveyFile(source=path), MARKET)


def test_careless_people_are_left_out_by_name_and_strangers_are_told() -> None:
    panel = Panel(("r1", "r9"), ("p1", "r1", "r9"), None, {})
    standing = panel.standing(respondents("p1", "r1", "x"))
    assert standing.kept.tolist() == [True, False, True]
    assert standing.notes == (
        "Left out: 1 of 3 respondents, against whom two criteria or more speak in the choice survey, where the reasons "
        "are listed: r1.",
        "1 of 3 respondents took no part in the choice survey: whether they answered with care was not judged, and "
        "they count.",
    )


def test_those_who_count_are_weighted_to_the_market(people: People) -> None:
    panel = Panel(("r1",), None, people, MARKET.population)
    standing = panel.standing(respondents("p4", "p3", "r1", "p2", "p1"))
    assert standing.weights[standing.kept] == pytest.approx([2.0, 2 / 3, 2 / 3, 2 / 3])
    assert standing.notes[-1] == "Weights: age match the market."
    own = panel.standing(respondents("p1", "p2", "p3", "p4", weights=[4.0, 1.0, 1.0, 1.0]))
    assert own.weights == pytest.approx([4 / 3, 1 / 3, 1 / 3, 2.0])  # the file's weights hold within an age


def test_people_who_are_not_known_are_not_weighted_unseen(people: People) -> None:
    panel = Panel((), None, people, MARKET.population)
    standing = panel.standing(respondents("a", "b"))
    assert standing.weights.tolist() == [1.0, 1.0]
    assert standing.notes == (
        "Not weighted to the market by age: none of the respondents is in the table of respondents.",
    )
    with pytest.raises(DataError, match=r"1 respondents are .*not known"):
        panel.standing(respondents("p1", "p4", "stranger"))


FILES: dict[str, tuple[type, str, str]] = {
    # Instrument, what careless r1 and r2 say, what p1 to p4 say.
    "kano": (Kano, "respondent,feature,functional,dysfunctional\n{who},f,{answer}\n", "like,like|neutral,dislike"),
    "satisfaction": (SatisfactionSurvey, "respondent,recommend\n{who},{answer}\n", "0|9"),
    "importance": (Importance, "respondent,attribute,scale,importance,performance\n{who},a,5,{answer}\n", "1,1|4,5"),
    "price-sensitivity": (
        PriceSensitivity,
        "respondent,too_cheap,cheap,expensive,too_expensive\n{who},{answer}\n",
        "4,3,2,1|1,2,3,4",
    ),
    "maxdiff": (MaxDiff, "respondent,task,item_1,item_2,item_3,best,worst\n{who},1,a,b,c,{answer}\n", "c,a|a,c"),
    "perceptions": (
        Perceptions,
        "respondent,offer,attribute,scale,rating\n{who},x,fast,1,{answer}\n{who},y,fast,1,{answer}\n",
        "0|1",
    ),
    "interviews": (Interviews, "respondent,text\n{who},{answer}\n", "blah|it is slow"),
    "opinions": (Opinions, "item,respondent,label\nhi,{who},{answer}\nho,{who},{answer}\n", "bad|good"),
}


def numbers(finding: Finding) -> list[float]:
    """All figures and cells that are numbers."""
    figures = [end for one in finding.figures for end in (one.value, one.low, one.high) if end is not None]
    cells = [cell for table in finding.tables for row in table.rows for cell in row]
    return figures + [float(cell) for cell in cells if isinstance(cell, int | float)]


def read(name: str, folder: Path) -> tuple[Instrument, NamedAnswers]:  # type: ignore[type-arg]
    kind, form, answers = FILES[name]
    careless, earnest = answers.split("|")
    header, rest = form.split("\n", 1)
    rows = [rest.format(who=who, answer=careless) for who in ("r1", "r2")]
    rows += [rest.format(who=who, answer=earnest) for who in ("p1", "p2", "p3", "p4")]
    path = folder / f"{name}.csv"
    path.write_text(header + "\n" + "".join(rows), "utf-8")
    instrument = kind()
    answers = instrument.read(SurveyFile(source=path), MarketSpec())
    assert isinstance(answers, NamedAnswers)
    return instrument, answers


@pytest.mark.parametrize("name", sorted(FILES))
def test_leaving_people_out_is_as_if_they_had_not_answered(name: str, tmp_path: Path, run: Run) -> None:
    instrument, answers = read(name, tmp_path)
    panel = Panel(("r1", "r2"), None, None, {})
    counted = answers.counted(panel.standing(answers.who))
    assert counted.who.names.to_pylist() == ["p1", "p2", "p3", "p4"]
    path = tmp_path / f"{name}.csv"
    lines = path.read_text("utf-8").split("\n")
    path.write_text("\n".join(line for line in lines if not re.search(r"\br[12],", line)), "utf-8")
    alone = instrument.estimate(instrument.read(SurveyFile(source=path), MarketSpec()), MarketSpec(), run=run)
    left = instrument.estimate(counted, MarketSpec(), run=run)
    if isinstance(left, Finding):
        assert any("Left out: 2 of 6" in note for note in left.notes)
        alone, left = (one.model_copy(update={"notes": ()}) for one in (alone, left))
    assert left == alone


@pytest.mark.parametrize("name", sorted(set(FILES) - {"opinions"}))
def test_weights_of_people_are_those_of_a_column(name: str, tmp_path: Path, people: People, run: Run) -> None:
    """Raking to the market gives the findings that the column `weight` gives with the same numbers."""
    instrument, answers = read(name, tmp_path)
    panel = Panel(("r1", "r2"), None, people, MARKET.population)
    left = instrument.estimate(answers.counted(panel.standing(answers.who)), MarketSpec(), run=run)
    assert isinstance(left, Finding)
    path = tmp_path / f"{name}.csv"
    weight = {"p1": 2 / 3, "p2": 2 / 3, "p3": 2 / 3, "p4": 2.0}
    header, *rows = path.read_text("utf-8").splitlines()
    kept = [f"{row},{weight[row[:2]]!r}" for row in rows if row.startswith("p")]
    path.write_text("\n".join([f"{header},weight", *kept]), "utf-8")
    column = instrument.estimate(instrument.read(SurveyFile(source=path), MarketSpec()), MarketSpec(), run=run)
    assert any("4 respondents know as much as 3.0" in note for note in left.notes)
    assert numbers(left) == pytest.approx(numbers(column), nan_ok=True)
    assert len(numbers(left)) > 1


def test_robots_of_the_choice_survey_count_in_no_other_survey(
    write_market: Callable[..., Path],
    make_choices: Callable[..., pl.DataFrame],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five of fifteen always take the first offer and hurry; all say 0 where the others say 10."""
    monkeypatch.setattr("marketfit.research.study.model.FEWEST_PEOPLE", 1000)
    choices = make_choices(people=15)
    robots = [f"p{n}" for n in range(5)]
    first = pl.col("alternative") == "1"
    chosen = pl.when(pl.col("respondent").is_in(robots)).then(first).otherwise(pl.col("chosen") == 1)
    choices = choices.with_columns(chosen=chosen.cast(pl.Int64))
    names = [f"p{n}" for n in range(15)]
    content = "respondent,recommend\n" + "".join(f"{n},{0 if n in robots else 10}\n" for n in names)
    table = "respondent,seconds,age\n" + "".join(
        f"{n},{5 if n in robots else 100},{'a' if k % 2 else 'b'}\n" for k, n in enumerate(names)
    )
    path = write_market(choices=choices.write_csv(), satisfaction=content, people=table)
    text = path.read_text("utf-8").replace("drop_careless: false", "drop_careless: true")
    more = "  respondents: people.csv\n  surveys: {satisfaction: satisfaction.csv}\n"
    more += "  population: {age: {a: 0.3, b: 0.7}}\n  goal: profit\n"
    path.write_text(text.replace("  goal: profit\n", more), "utf-8")
    view = research(load_brief(path), None, run=run)
    assert view.choice is not None
    assert {one.respondent for one in view.choice.provenance.dropped} == set(robots)
    found = next(one for one in view.findings if one.instrument == "satisfaction")
    assert (found.respondents, found.figures[0].value) == (10, 100.0)
    assert found.notes[0].startswith("Left out: 5 of 15 respondents, against whom two criteria")
    assert found.notes[0].endswith("listed: p0, p1, p2, p3, p4.")
    assert "Weights: age match the market." in found.notes
    choice = next(one for one in view.findings if one.instrument == "choice")
    assert any(note.startswith("The likelihood of answers was not judged") for note in choice.notes)
