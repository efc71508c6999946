from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from marketfit.demand import d_error, read_design, write_design
from marketfit.errors import DataError
from marketfit.records.questionnaire import Answer, Labels, Option, Questionnaire
from marketfit.research.choice_design import ChoicePlan, design_of, prior_of, space_of
from marketfit.research.instruments.choice import Choice, questionnaire_of
from marketfit.research.instruments.opinions import OpinionPlan, Opinions

LEVELS = {"accuracy": (0.8, 0.9, 0.95), "privacy": ("cloud", "on-device"), "price": (2.0, 4.0, 6.0, 8.0)}
PLAN = ChoicePlan(
    levels=LEVELS,
    better={"accuracy": "higher", "price": "lower"},
    respondents=30,
    prohibited=({"privacy": "on-device", "price": 2.0},),
    conditional=({"when": {"privacy": "cloud", "accuracy": 0.95}, "only": {"price": (6.0, 8.0)}},),
    versions=5,
)
EFFICIENT = PLAN.model_copy(update={"method": "efficient"})
SINGLE = EFFICIENT.model_copy(update={"versions": 1})


@pytest.fixture(scope="module", params=["balanced-overlap", "efficient"])
def questionnaire(request: pytest.FixtureRequest) -> Questionnaire:
    return Choice().design(PLAN.model_copy(update={"method": request.param}), seed=3)


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
            if one.values["privacy"] == "cloud" and one.values["accuracy"] == 0.95:
                assert one.values["price"] in (6.0, 8.0)
            for other in shown:
                if one is other:
                    continue
                worse = (
                    one.values["accuracy"] <= other.values["accuracy"]
                    and one.values["price"] >= other.values["price"]
                    and one.values["privacy"] == other.values["privacy"]
                )
                assert not worse


@pytest.mark.parametrize("plan", [PLAN, SINGLE])
def test_seeds_differ_and_repeat(plan: ChoicePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.demand.designs.efficient.MOST_STARTS", 1)
    first = Choice().design(plan, seed=3)
    assert Choice().design(plan, seed=4) != first
    assert Choice().design(plan, seed=3) == first


def test_respondents_get_the_versions_in_turn(questionnaire: Questionnaire) -> None:
    shown: dict[str, list[object]] = {}
    for question in questionnaire.questions:
        shown.setdefault(question.respondent, []).append(question.options)
    answered = list(shown.values())
    assert len(answered) == 30
    assert all(answered[person] == answered[person % 5] for person in range(30))
    assert len({str(tasks) for tasks in answered}) == 5
    few = Choice().design(PLAN.model_copy(update={"respondents": 2}), seed=3)
    assert {question.respondent for question in few.questions} == {"r001", "r002"}


def test_the_efficient_method_is_efficient_for_the_model_of_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.demand.designs.efficient.MOST_STARTS", 1)
    prior = prior_of(PLAN, seed=3)
    assert prior.coding.columns[:2] == ("accuracy_0.8_to_0.9", "accuracy_0.9_to_0.95")
    efficient, balanced = (d_error(design_of(plan, seed=3), prior) for plan in (EFFICIENT, PLAN))
    assert efficient < 0.95 * balanced
    told: list[float] = []
    Choice().design(SINGLE, seed=3, progress=told.append)
    assert told[-1] == 1.0


def test_the_plan_says_what_is_known_of_the_model() -> None:
    plan = PLAN.model_copy(
        update={"coding": {"price": "linear"}, "prior_means": {"price": -0.4}, "prior_sds": {"none": 1.0}}
    )
    prior = prior_of(plan, seed=0)
    named = dict(zip(prior.coding.columns, prior.mean.tolist(), strict=True))
    assert named["price"] == -0.4
    assert named["privacy_on-device"] == 0.0
    assert prior.covariance[-1, -1] == 1.0
    with pytest.raises(DataError, match="did you mean 'price'"):
        Choice().design(EFFICIENT.model_copy(update={"coding": {"pric": "linear"}}), seed=0)
    with pytest.raises(DataError, match=r"means\['pricey'\]"):
        prior_of(PLAN.model_copy(update={"prior_means": {"pricey": 1.0}}), seed=0)


def test_a_design_from_a_file_is_the_same_questionnaire(tmp_path: Path) -> None:
    path = tmp_path / "design.csv"
    write_design(design_of(PLAN, seed=3), path)
    read = questionnaire_of(read_design(path, space_of(PLAN)), respondents=PLAN.respondents)
    assert read == Choice().design(PLAN, seed=3)


def test_every_option_of_the_plan_has_its_help_text() -> None:
    assert all(field.description for field in ChoicePlan.model_fields.values())


def test_prohibitions_that_rule_the_balance_out_are_named() -> None:
    plan = PLAN.model_copy(update={"prohibited": ({"price": (6.0, 8.0)},)})
    with pytest.raises(DataError, match=r"prohibited\[0\]: it leaves no way to show the levels of 'price' equally"):
        Choice().design(plan, seed=0)


def test_attributes_named_like_columns_are_refused() -> None:
    plan = ChoicePlan(levels={"chosen": ("a", "b"), "respondent": (1.0, 2.0, 3.0)}, respondents=1)
    with pytest.raises(DataError, match="2 problems"):
        Choice().design(plan, seed=0)


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


def test_labels_name_levels_however_a_file_spells_them() -> None:
    labels = {"price": {"name": "A month", "levels": {"2.0": "two", "4": "four"}}}
    plan = ChoicePlan.model_validate({**PLAN.model_dump(), "labels": labels})
    made = Choice().design(plan, seed=3)
    assert made.labels == {"price": Labels(name="A month", levels={"2": "two", "4": "four"})}
    assert made.questions == Choice().design(PLAN, seed=3).questions


def test_every_mistake_in_labels_is_told_with_those_of_the_plan() -> None:
    labels = {
        "pric": {"name": "x"},
        "price": {"levels": {"3": "three", "4": "same", "6": "same", "8": " "}},
        "accuracy": {"name": "privacy"},
    }
    plan = {**PLAN.model_dump(), "labels": labels, "prohibited": ({"privcy": "cloud"},)}
    with pytest.raises(DataError) as error:
        Choice().design(ChoicePlan.model_validate(plan), seed=0)
    told = str(error.value)
    for part in (
        "labels.pric: no such attribute; did you mean 'price'",
        "labels.price.levels.3: no such level",
        "labels.price.levels: 'same' stands for more than one",
        "labels.price.levels.8: is empty",
        "labels: 'privacy' stands for more than one",
        "privcy",
    ):
        assert part in told, told
