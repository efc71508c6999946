"""What a choice survey will be able to tell is that of the design which is really shown."""

from __future__ import annotations

import math
from functools import partial

import pytest

from marketfit.demand import diagnose, sample_size
from marketfit.errors import InputError
from marketfit.research.choice_design import ChoicePlan, design_of, prior_of
from marketfit.research.choice_diagnosis import ChoiceDiagnosis, PrecisionAsked, diagnose_choices
from marketfit.research.instruments.choice import Choice

PLAN = ChoicePlan(
    levels={"privacy": ("cloud", "on-device"), "price": (2.0, 4.0, 6.0)}, better={"price": "lower"},
    respondents=50, tasks=6, alternatives=2, versions=4,
)  # fmt: skip
of = partial(PLAN.model_copy, deep=True)


def diagnosed(plan: ChoicePlan = PLAN, **asked: object) -> ChoiceDiagnosis:
    return diagnose_choices(plan, Choice().design(plan, seed=5), seed=5, asked=PrecisionAsked.of(asked))


def test_it_is_the_design_of_the_questions() -> None:
    found, design = diagnosed(), design_of(PLAN, seed=5)
    report = diagnose(design, prior_of(PLAN, seed=5), respondents=50, rng=5)
    assert (found.respondents, found.d_error, found.relative_efficiency) == (
        50, report.d_error, report.relative_efficiency,
    )  # fmt: skip
    assert found.levels == report.levels
    assert {name: list(map(list, levels.values())) for name, levels in found.places.items()} == {
        name: counts.tolist() for name, counts in report.places.items()
    }
    assert found.place_imbalance == report.place_imbalance
    assert [column.column for column in found.columns] == ["privacy_on-device", "price_2_to_4", "price_4_to_6"]


def test_people_are_needed_by_what_is_to_be_noticed() -> None:
    """60 % for the better of two is a utility of ln(0.6 / 0.4) over the whole range of a column."""
    found = diagnosed(notice=0.6, power=0.9)
    effects = {"privacy_on-device": math.log(1.5), "price_2_to_4": math.log(1.5) / 2}
    direct = sample_size(design_of(PLAN, seed=5), prior_of(PLAN, seed=5), effects=effects, power=0.9)
    for column in found.columns[:2]:
        assert column.effect == pytest.approx(effects[column.column])
        assert column.needed == direct.needed[column.column].respondents
    assert found.needed == max(column.needed or 0 for column in found.columns)
    assert found.rule_of_thumb == direct.rule_of_thumb
    assert (diagnosed(notice=0.7).needed or 0) < (diagnosed(notice=0.55).needed or 0)
    wide, narrow = (diagnosed(margin=margin).needed_for_shares or 0 for margin in (0.1, 0.05))
    assert narrow == pytest.approx(4 * wide, abs=4)


def test_four_times_the_people_halve_the_intervals() -> None:
    fifty, more = diagnosed(), diagnosed(respondents=200)
    for one, other in zip(fifty.columns, more.columns, strict=True):
        assert one.standard_error == pytest.approx(2 * (other.standard_error or 0))
        assert one.half_width == pytest.approx(2 * (other.half_width or 0))
    price = fifty.columns[1]
    assert price.half_width == pytest.approx(1.96 * 2 * (price.standard_error or 0), rel=1e-3)  # from 2 to 4


def test_what_no_number_of_answers_tells_apart_is_said() -> None:
    plan = of(update={"levels": {"brand": tuple("abcdef"), "size": tuple("uvwxyz")}, "better": {}, "tasks": 2,
                      "versions": 1, "none": False, "alternatives": 3})  # fmt: skip
    found = diagnosed(plan)
    assert found.unidentified
    assert (found.needed, found.needed_for_shares, found.d_error) == (None, None, None)
    lost = {column.column for column in found.columns if column.standard_error is None}
    assert lost == set(found.unidentified)
    assert ChoiceDiagnosis.model_validate_json(found.model_dump_json()) == found


def test_every_wrong_option_is_told() -> None:
    with pytest.raises(InputError) as error:
        PrecisionAsked.of({"respondents": 0, "notice": 0.5, "power": 1.0, "margin": 0.05})
    assert [problem.where for problem in error.value.problems] == ["--respondents", "--notice", "--power"]
