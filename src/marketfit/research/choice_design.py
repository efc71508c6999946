"""The plan of a choice survey, and the design that it asks for (`demand.designs` does the work)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from marketfit.demand import (
    ChoiceDesign,
    CodingOption,
    DesignSpace,
    Prior,
    Prohibition,
    balanced_design,
    efficient_design,
    space_coding,
    vague_prior,
)
from marketfit.demand.coding.options import MOST_KNOTS
from marketfit.records.base import Record
from marketfit.records.questionnaire import Cell, Labels

Levels = Mapping[str, Cell | tuple[Cell, ...]]
"""Attribute → a level, or any of several."""


class Conditional(Record):
    """Levels that go together: an alternative that has all of `when` must have all of `only` too."""

    when: Levels = Field(description="levels that bring the condition about", min_length=1)
    only: Levels = Field(description="levels that an alternative must then have", min_length=1)


class ChoicePlan(Record):
    """A choice survey, as it is declared. Every option has its help text here and nowhere else."""

    levels: Mapping[str, tuple[Cell, ...]] = Field(
        min_length=1, description="attribute → the levels to show, numbers or names"
    )
    better: Mapping[str, Literal["higher", "lower"]] = Field(
        {}, description="attribute of numbers → which way all people like it; dominated alternatives are then not shown"
    )
    labels: Mapping[str, Labels] = Field(
        {},
        description="attribute → {name: TEXT, levels: {LEVEL: TEXT}}: what respondents read in place of its name and "
        "its levels (default: these themselves); the answers keep the levels",
    )
    respondents: Annotated[int, Field(ge=1, description="how many people are asked")]
    tasks: Annotated[int, Field(ge=1, description="how often each of them chooses")] = 8
    alternatives: Annotated[int, Field(ge=2, description="how many alternatives a task shows")] = 3
    none: bool = Field(True, description="whether a task also offers to take nothing")
    prohibited: tuple[Levels, ...] = Field(
        (), description="combinations of levels that no alternative may have; several levels of an attribute mean any"
    )
    conditional: tuple[Conditional, ...] = Field(
        (), description="levels that an alternative may have only together with others"
    )
    method: Literal["balanced-overlap", "efficient"] = Field(
        "balanced-overlap",
        description="balanced-overlap: levels and pairs of levels equally often, with some overlap within tasks, good "
        "for interactions and must-have levels; efficient: the smallest expected error of the main effects",
    )
    versions: Annotated[int, Field(ge=1, description="different questionnaires; people get them in turn")] = 10
    coding: Mapping[str, Literal["linear", "piecewise", "levels"]] = Field(
        {},
        description="attribute → how it enters the model that an efficient design is for (default: names by levels, "
        "numbers of three or more levels piecewise linear, which is the most that the estimate lets them bend)",
    )
    prior_means: Mapping[str, float] = Field(
        {},
        description="column of the model (such as price or brand_b; the first level listed has none) → the coefficient "
        "to expect (default: the range of an attribute with a direction in `better` is worth 1, all else 0)",
    )
    prior_sds: Mapping[str, float] = Field(
        {},
        description="column of the model → how unsure that is, as a standard deviation (default: 0.5 over the range "
        "of the column)",
    )


def space_of(plan: ChoicePlan) -> DesignSpace:
    """What the design of a plan may show. Raises DataError with everything in which the plan contradicts itself."""
    named = [Prohibition(levels, name=f"prohibited[{place}]") for place, levels in enumerate(plan.prohibited)]
    named += [
        Prohibition(item.when, unless=item.only, name=f"conditional[{place}]")
        for place, item in enumerate(plan.conditional)
    ]
    return DesignSpace(
        levels=plan.levels,
        alternatives=plan.alternatives,
        tasks=plan.tasks,
        versions=min(plan.versions, plan.respondents),
        none=plan.none,
        prohibited=tuple(named),
        better=plan.better,
    )


def prior_of(plan: ChoicePlan, *, seed: int) -> Prior:
    """What the plan says, or else is silent, about the coefficients of the model that will be fitted.

    Of names, the first level of the plan is the base. Files of answers say no order, so that the estimate from them may
    have another base: the same utilities, less another level's.
    Raises DataError for codings and columns that do not fit the plan.
    """
    space = space_of(plan)
    options: dict[str, CodingOption] = {
        name: "piecewise"
        for name, levels in space.levels.items()
        if space.is_number(name) and 3 <= len(levels) <= MOST_KNOTS
    }
    coding = space_coding(space, {**options, **plan.coding})
    return vague_prior(space, coding, means=plan.prior_means, sds=plan.prior_sds, rng=seed)


def design_of(plan: ChoicePlan, *, seed: int, progress: Callable[[float], None] | None = None) -> ChoiceDesign:
    """The design of a plan by its method; the same plan and seed give the same one.

    Raises DataError when the plan contradicts itself, or when no design keeps its rules.
    """
    if plan.method == "efficient":
        return efficient_design(space_of(plan), prior_of(plan, seed=seed), rng=seed, progress=progress)
    return balanced_design(space_of(plan), overlap="balanced", rng=seed, progress=progress)
