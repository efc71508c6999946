"""What a choice survey is worth before it is fielded: balance, precision, and how many people it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError

from marketfit.demand import ChoiceDesign, DesignReport, Prior, diagnose, rule_of_thumb, sample_size, share_sample_size
from marketfit.demand.coding.columns import NONE_COLUMN
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.diagnostics import QUANTILE
from marketfit.errors import InputError, Problem
from marketfit.records.base import Record
from marketfit.records.questionnaire import Questionnaire
from marketfit.research.choice_design import ChoicePlan, prior_of, space_of


class PrecisionAsked(Record):
    """What a survey shall be able to tell. Each option has its help text here and nowhere else."""

    respondents: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="people who will answer; default: those that the survey is designed for"
    )
    notice: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.6, description="the smallest difference to notice: so many take the better of two products"
    )
    power: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.8, description="chance to notice it, at 5 %")
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="half the width of the 95 % interval of a share"
    )

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """From options of a command line.

        Raises:
            InputError: every value that is wrong.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(
                [
                    Problem(f"--{detail['loc'][0]}", f"is {detail['input']!r}", detail["msg"].lower(), "correct it")
                    for detail in error.errors()
                ]
            ) from None


class ColumnPrecision(Record):
    """One column of the model. half_width: of the 95 % interval of what its whole range is worth in utility, expected
    at the respondents of the diagnosis; standard_error: of its coefficient, likewise.

    effect: the coefficient that makes the whole range worth `notice`; needed: respondents to notice it; low, high:
    those at the 10 % and the 90 % of the prior's draws. All None where no number of answers tells the column apart.
    """

    column: str
    standard_error: float | None
    half_width: float | None
    effect: float
    needed: int | None
    low: int | None
    high: int | None


class ChoiceDiagnosis(Record):
    """Diagnostics of a choice survey under the plan's prior (see `demand.DesignReport`), computed and not sampled.

    levels, places: attribute → level → how often it is shown, in all and at each place of a task. needed: respondents
    for all columns; needed_for_shares: until the share of every alternative of the first version's tasks, as markets
    of their own, is within ± `margin`; None where columns can't be told apart. rule_of_thumb: Orme's (2010).
    """

    asked: PrecisionAsked
    respondents: int
    levels: Mapping[str, Mapping[str, int]]
    places: Mapping[str, Mapping[str, tuple[int, ...]]]
    level_imbalance: float
    pair_imbalance: float
    place_imbalance: float
    overlap: Mapping[str, float]
    dominated: int
    d_error: float | None
    d_error_random: float | None
    relative_efficiency: float | None
    unidentified: tuple[str, ...]
    columns: tuple[ColumnPrecision, ...]
    needed: int | None
    needed_for_shares: int | None
    rule_of_thumb: int


def diagnose_choices(
    plan: ChoicePlan, questions: Questionnaire, *, seed: int, asked: PrecisionAsked | None = None
) -> ChoiceDiagnosis:
    """Diagnose what respondents are really shown. seed: that of the design, which the plan's prior is drawn by.

    An effect to notice is ln(p / (1 − p)) for the share p that takes the better of two products which differ in one
    column by its whole range. A person's answers count as independent: where tastes differ much, more people are
    needed (`design_effect` of `demand.sample_size`).
    """
    asked = asked or PrecisionAsked()
    design, prior = _design_in(plan, questions), prior_of(plan, seed=seed)
    people = asked.respondents or plan.respondents
    report = diagnose(design, prior, respondents=people, rng=seed)
    columns = _columns(design, prior, report, asked)
    known = not report.unidentified
    return ChoiceDiagnosis(
        asked=asked,
        respondents=people,
        levels=report.levels,
        places={
            name: {level: tuple(counts) for level, counts in zip(levels, report.places[name].tolist(), strict=True)}
            for name, levels in report.levels.items()
        },
        level_imbalance=report.level_imbalance,
        pair_imbalance=report.pair_imbalance,
        place_imbalance=report.place_imbalance,
        overlap=report.overlap,
        dominated=report.dominated,
        d_error=_finite(report.d_error),
        d_error_random=_finite(report.d_error_random),
        relative_efficiency=_finite(report.relative_efficiency),
        unidentified=report.unidentified,
        columns=columns,
        needed=max(column.needed or 1 for column in columns) if known else None,
        needed_for_shares=_for_shares(design, prior, asked.margin) if known else None,
        rule_of_thumb=rule_of_thumb(design.space),
    )


def _design_in(plan: ChoicePlan, questions: Questionnaire) -> ChoiceDesign:
    """The choice design behind the questions: people get its versions in turn, so the first ones show them all."""
    space = space_of(plan)
    shown = questions.questions[: space.versions * space.tasks]
    codes = [
        [
            [space.code(name, option.values[name]) for name in space.names]
            for option in question.options
            if option.values
        ]
        for question in shown
    ]
    return ChoiceDesign(space, np.array(codes, dtype=np.int64).reshape(space.shape))


def _columns(
    design: ChoiceDesign, prior: Prior, report: DesignReport, asked: PrecisionAsked
) -> tuple[ColumnPrecision, ...]:
    worth = math.log(asked.notice / (1.0 - asked.notice))
    names = prior.coding.columns
    # The none option is no difference between products: nobody asks whether it is noticed.
    effects = dict(zip(names, (worth / Rows.of(design.space, prior.coding).spans()).tolist(), strict=True))
    effects = {name: effect for name, effect in effects.items() if name != NONE_COLUMN}
    needed = {} if report.unidentified else sample_size(design, prior, effects=effects, power=asked.power).needed
    return tuple(
        ColumnPrecision(
            column=name,
            standard_error=_finite(report.standard_errors[name]),
            half_width=_finite(QUANTILE * report.standard_errors[name] * worth / effect),
            effect=effect,
            needed=needed[name].respondents if name in needed else None,
            low=needed[name].low if name in needed else None,
            high=needed[name].high if name in needed else None,
        )
        for name, effect in effects.items()
    )


def _for_shares(design: ChoiceDesign, prior: Prior, margin: float) -> int:
    """The most that any alternative of the first version's tasks takes."""
    needed = []
    for task in range(design.space.tasks):
        offers = {str(place): offer for place, offer in enumerate(design.offers(0, task), start=1)}
        needed += [share_sample_size(design, prior, offers, offer=name, margin=margin).needed for name in offers]
    return max(one.respondents for one in needed)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
