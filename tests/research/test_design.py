from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from marketfit.errors import DataError
from marketfit.records.questionnaire import Answer, Option, Questionnaire
from marketfit.research.choice_design import ChoicePlan
from marketfit.research.instruments.choice import Choice
from marketfit.research.instruments.opinions import OpinionPlan, Opinions

LEVELS = {"accuracy": (0.8, 0.9, 0.95), "privacy": ("cloud", "on-device"), "price": (2.0, 4.0, 6.0, 8.0)}
PLAN = ChoicePlan(
    levels=LEVELS,
    better={"accuracy": "higher", "price": "lower"},
    respondents=30,
    prohibited=({"privacy": "on-device", "price": 2.0},),
)


@pytest.fixture(scope="module")
def questionnaire() -> Questionnaire:
    return Choice().design(PLAN, seed=3)


def products(questionnaire: Questionnaire) -> list[list[Option]]:
    return [[option for option in question.options if option.values] for question in questionnaire.questions]


def test_levels_are_balanced_for_each_respondent_and_over_all(questionnaire: Questionnaire) -> None:
    for name, levels in LEVELS.items():
        total: Counter[object] = Counter()
        for person in {question.respondent for question in questionnaire.questions}:
            own = [q for q in questionnaire.questions if q.respondent == person]
            seen = Counter(option.values[name] for question in own for option in question.options if option.values)
            assert set(seen) == set(levels)
            assert max(seen.values()) - min(seen.values()) <= 1
            total.update(seen)
        assert max(total.values()) - min(total.values()) <= 1


def test_no_task_has_a_duplicate_dominated_or_prohibited_product(questionnaire: Questionnaire) -> None:
    for shown in products(questionnaire):
        for one in shown:
            assert not (one.values["privacy"] == "on-device" and one.values["price"] == 2.0)
            for other in shown:
                if one is other:
                    continue
                worse = (
                    one.values["accuracy"] <= other.values["accuracy"]
                    and one.values["price"] >= other.values["price"]
                    and one.values["privacy"] == other.values["privacy"]
                )
                assert not worse


def test_seeds_differ(questionnaire: Questionnaire) -> None:
    assert Choice().design(PLAN, seed=4) != questionnaire


def test_an_impossible_plan_is_refused() -> None:
    only_price = ChoicePlan(levels={"price": (1.0, 2.0)}, better={"price": "lower"}, respondents=1)
    with pytest.raises(DataError, match="no balanced design"):
        Choice().design(only_price, seed=0)


def test_a_contradictory_plan_is_refused_with_everything_that_is_wrong() -> None:
    plan = ChoicePlan(
        levels={"price": (1.0, 1.0), "privacy": ("a", "b")},
        better={"privacy": "higher", "pric": "lower"},
        respondents=1,
        prohibited=({"privacy": "c"}, {}),
    )
    with pytest.raises(DataError) as error:
        Choice().design(plan, seed=0)
    assert len(error.value.problems) == 5
    assert "did you mean 'price'?" in str(error.value)


def test_opinion_loads_are_even_and_nobody_is_asked_twice() -> None:
    plan = OpinionPlan(items=tuple(f"text {n}" for n in range(101)), labels=("a", "b"), respondents=7, answers=3)
    asked = Opinions().design(plan, seed=0).questions
    loads = Counter(question.respondent for question in asked)
    assert max(loads.values()) - min(loads.values()) <= 1
    assert set(Counter(question.id for question in asked).values()) == {3}
    assert len({(question.id, question.respondent) for question in asked}) == 303


def test_opinions_of_more_people_than_there_are() -> None:
    with pytest.raises(DataError, match="4 answers an item from 3"):
        Opinions().design(OpinionPlan(items=("x",), labels=("a", "b"), respondents=3, answers=4), seed=0)


def test_answers_that_fit_no_question_are_refused(questionnaire: Questionnaire) -> None:
    with pytest.raises(DataError, match="2 problems"):
        questionnaire.table([Answer(question=0, picked="seven"), Answer(question=10**6, picked="1")])
    table = questionnaire.table([Answer(question=0, picked="none")])
    assert table.column("chosen").to_pylist() == [0, 0, 0, 1]
    assert np.isnan(table.to_pandas()["price"].to_numpy()[-1])
