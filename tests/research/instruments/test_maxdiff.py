from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.questionnaire import Answer
from marketfit.research.instruments.maxdiff import MaxDiff
from marketfit.research.maxdiff_design import MaxDiffPlan
from marketfit.serve.survey.form import read_answer
from marketfit.serve.survey.texts import ENGLISH

Survey = Callable[[str], SurveyFile]
MARKET = MarketSpec(simulated=True)
WORTH = {"fast": 1.5, "private": 0.8, "cheap": 0.3, "small": -0.4, "pretty": -1.2, "open": 0.0, "known": -1.0}


def filled_in(people: int, *, seed: int = 0) -> str:
    """The questionnaire of our own design, answered by people with the tastes of WORTH, as csv."""
    rng = np.random.default_rng(seed)
    design = MaxDiff().design(MaxDiffPlan(items=tuple(WORTH), respondents=people), seed=1)
    answers = []
    for place, question in enumerate(design.questions):
        shown = list(question.fields[0].allowed)
        best = max(shown, key=lambda item: WORTH[item] + rng.gumbel())
        worst = min((item for item in shown if item != best), key=lambda item: WORTH[item] - rng.gumbel())
        answers.append(Answer(question=place, cells={"best": best, "worst": worst}))
    table = design.table(answers)
    rows = [",".join(table.column_names), *(",".join(str(cell) for cell in row.values()) for row in table.to_pylist())]
    return "\n".join(rows) + "\n"


def test_the_tastes_of_people_are_found_again(survey: Survey, run: Run) -> None:
    finding = MaxDiff().estimate(MaxDiff().read(survey(filled_in(150)), MARKET), MARKET, run=run)
    shares, counts = finding.tables
    assert [row[0] for row in shares.rows] == sorted(WORTH, key=lambda item: -WORTH[item])
    total = sum(np.exp(list(WORTH.values())))
    covered = 0
    for item, share, low, high, n in shares.rows:
        truth = 100 * np.exp(WORTH[str(item)]) / total
        assert isinstance(low, float)
        assert isinstance(high, float)
        assert isinstance(share, float)
        assert low < share < high
        covered += low < truth < high
        assert n == 150
    assert covered >= 6
    assert sum(float(str(row[1])) for row in shares.rows) == pytest.approx(100)
    assert {row[0] for row in counts.rows} == set(WORTH)
    assert (finding.respondents, finding.answers, finding.simulated) == (150, 150 * 6, True)


def test_every_mistake_is_told(survey: Survey) -> None:
    text = (
        "respondent,task,item_1,item_2,item_3,best,worst\n"
        "a,1,x,y,z,x,y\n"
        "a,1,x,y,z,x,z\n"  # again
        "a,2,x,x,z,x,z\n"  # twice shown
        "b,1,x,y,z,w,z\n"  # not shown
        "b,2,x,,z,x,z\n"  # empty
        ",3,x,y,z,x,z\n"
    )
    with pytest.raises(DataError) as error:
        MaxDiff().read(survey(text), MARKET)
    told = str(error.value)
    for part in (
        "rows 1, 2: a respondent answers a task more than once",
        "row 3: shows an item twice",
        "column 'best', row 4: is none of the items shown",
        "add the column 'item_4' if more were shown",
        "column 'item_2', row 5: is empty",
        "column 'respondent', row 6: is empty",
    ):
        assert part in told, told


def test_a_gap_in_the_columns_is_told(survey: Survey) -> None:
    with pytest.raises(DataError, match="has 'item_4' but no 'item_3'"):
        MaxDiff().read(survey("respondent,task,item_1,item_2,item_4,best,worst\na,1,x,y,z,x,y\n"), MARKET)


def test_a_task_that_contradicts_itself_is_left_out_and_noted(survey: Survey, run: Run) -> None:
    text = filled_in(20) + "r900,1,fast,private,cheap,small,fast,fast\n"
    finding = MaxDiff().estimate(MaxDiff().read(survey(text), MARKET), MARKET, run=run)
    assert (finding.respondents, finding.answers) == (21, 120)
    assert any("Left out: 1 of 121 tasks" in note and "row 121" in note for note in finding.notes)


def test_without_a_chain_of_wins_the_counts_stand_alone(survey: Survey, run: Run) -> None:
    text = "respondent,task,item_1,item_2,item_3,best,worst\na,1,x,y,z,x,z\nb,1,x,y,z,x,y\n"
    finding = MaxDiff().estimate(MaxDiff().read(survey(text), MARKET), MARKET, run=run)
    assert [table.title for table in finding.tables] == ["Best and worst counts"]
    assert finding.tables[0].rows[0][:5] == ("x", 2, 0, 2, 1.0)
    assert any(note.startswith("No shares: some items never lost") and "'x'" in note for note in finding.notes)


def test_nothing_but_contradictions_gives_an_empty_finding(survey: Survey, run: Run) -> None:
    text = "respondent,task,item_1,item_2,item_3,best,worst\na,1,x,y,z,x,x\n"
    finding = MaxDiff().estimate(MaxDiff().read(survey(text), MARKET), MARKET, run=run)
    assert (finding.answers, finding.tables[0].rows) == (0, ())


def test_versions_go_round() -> None:
    design = MaxDiff().design(MaxDiffPlan(items=tuple(WORTH), respondents=5, versions=2), seed=0)
    of = {who: [q.given for q in design.questions if q.respondent == who] for who in ("r001", "r002", "r003")}
    assert of["r001"] == of["r003"] != of["r002"]


def test_best_and_worst_are_asked_to_differ() -> None:
    design = MaxDiff().design(MaxDiffPlan(items=tuple("abcde"), respondents=2), seed=0)
    assert all(question.distinct == ("best", "worst") for question in design.questions)
    shown = str(design.questions[0].given["item_1"])
    (problem,) = design.problems(Answer(question=0, cells={"best": shown, "worst": shown}), where="answer 1")
    assert problem.do == "choose two different ones"


def test_the_page_asks_again_where_best_is_worst() -> None:
    design = MaxDiff().design(MaxDiffPlan(items=tuple("abcde"), respondents=2), seed=0)
    shown = str(design.questions[0].given["item_1"])
    filled = read_answer(design, 0, {"f0": shown, "f1": shown}, texts=ENGLISH, max_characters=100)
    assert filled.errors == {"f1": ENGLISH.repeated}
