from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.records.questionnaire import Answer, Language
from marketfit.records.respondents import Asked
from marketfit.research.instruments.perceptions import PerceptionPlan, Perceptions
from marketfit.serve.survey.form import read_answer
from marketfit.serve.survey.texts import texts_of
from marketfit.serve.survey.views import view_of

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec()
HEADER = "respondent,offer,attribute,scale,rating\n"
FITS = {"ours": (0.9, 0.2, 0.3), "rival": (0.2, 0.8, 0.3), "other": (0.3, 0.3, 0.9)}


def told_by(people: int, scale: int) -> str:
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people):
        for offer, chances in FITS.items():
            for attribute, chance in zip(("fast", "private", "cheap"), chances, strict=True):
                rating = int(rng.random() < chance) if scale == 1 else 1 + rng.binomial(scale - 1, chance)
                rows.append(f"p{person},{offer},{attribute},{scale},{rating}")
    return HEADER + "\n".join(rows) + "\n"


def estimated(file: SurveyFile, run: Run) -> Finding:
    return Perceptions().estimate(Perceptions().read(file, MARKET), MARKET, run=run)


@pytest.mark.parametrize(("scale", "method"), [(1, "Correspondence analysis"), (5, "PCA biplot")])
def test_offers_lie_towards_what_people_say_of_them(scale: int, method: str, survey: Survey, run: Run) -> None:
    finding = estimated(survey(told_by(80, scale)), run)
    said, drawn = finding.tables
    assert drawn.note.startswith(method)
    assert len(said.rows) == 9
    assert all(row[5] == 80 and row[3] < row[2] < row[4] for row in said.rows)  # type: ignore[operator]
    points = {str(row[0]): np.array([row[2], row[5]], dtype=float) for row in drawn.rows}
    for offer, attribute in (("ours", "fast"), ("rival", "private"), ("other", "cheap")):
        inner = {name: points[name] @ points[attribute] for name in FITS}
        assert max(inner, key=lambda name: inner[name]) == offer
    places = {row[1]: row[3:5] for row in drawn.rows}
    assert places["attribute"] == (None, None)
    assert None not in places["offer"]
    assert sum(figure.value for figure in finding.figures) == pytest.approx(100.0)
    assert (finding.respondents, finding.answers) == (80, 720)


def test_every_mistake_is_told(survey: Survey) -> None:
    text = HEADER + "a,x,fast,1,2\na,x,fast,1,0\n,x,cheap,1,\nb,y,fast,1,yes\n"
    with pytest.raises(DataError) as error:
        Perceptions().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "column 'respondent', row 3: is empty",
        "column 'rating', row 1: is 2; whole numbers from 0 to 1",
        "column 'rating', row 3: is empty",
        "column 'rating', row 4: 'yes' is no number",
        "rows 1, 2: a respondent judges an attribute of an offer more than once",
    ):
        assert part in told, told


def test_what_nobody_judged_is_told(survey: Survey) -> None:
    text = HEADER + "a,x,fast,5,2\na,x,cheap,5,3\na,y,fast,5,4\n"
    with pytest.raises(DataError, match="nobody judged 'cheap' of 'y'"):
        Perceptions().read(survey(text), MARKET)


def test_without_differences_there_is_no_map(survey: Survey, run: Run) -> None:
    rows = "".join(f"a,{offer},{attribute},5,3\n" for offer in "xy" for attribute in "uv")
    finding = estimated(survey(HEADER + rows), run)
    assert [table.title for table in finding.tables] == ["Mean ratings"]
    assert any(note.startswith("No map") for note in finding.notes)
    two = "".join(f"a,{offer},{attribute},5,{rate}\n" for offer, rate in (("x", 2), ("y", 4)) for attribute in "uv")
    assert "No map: offers differ in one direction only." in estimated(survey(HEADER + two), run).notes


def test_names_twice_in_the_plan_are_refused_together() -> None:
    with pytest.raises(DataError) as error:
        Perceptions().design(PerceptionPlan(offers=("a", "a"), attributes=("b", "b")), seed=0)
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(("language", "words"), [("en", ["Yes", "No"]), ("de", ["Ja", "Nein"]), ("zh", ["是", "否"])])
def test_a_page_says_yes_and_no_and_keeps_one_and_zero(language: Language, words: list[str]) -> None:
    plan = PerceptionPlan(offers=("ours", "rival"), attributes=("fast", "private"))
    part = Perceptions().design(plan, seed=0, language=language)
    asked = Asked(part=part, place=0)
    texts = texts_of(language)
    (control,) = view_of(asked, given={"f0": "0"}, errors={}, texts=texts).controls
    assert [(choice.label, choice.value, choice.checked) for choice in control.choices] == [
        (words[0], "1", False),
        (words[1], "0", True),
    ]
    assert not any(digit in control.label for digit in "01")
    for value in ("1", "0"):
        filled = read_answer(part, 0, {"f0": value}, texts=texts, max_characters=100)
        assert (filled.answer.cells, filled.errors) == ({"rating": float(value)}, {})
    for value in ("0.5", "2", "yes"):
        assert read_answer(part, 0, {"f0": value}, texts=texts, max_characters=100).errors
    with pytest.raises(DataError, match="allowed: 0, 1"):
        part.table([Answer(question=0, respondent="p", cells={"rating": 0.5})])
