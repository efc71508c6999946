"""Of the brief: what the market says, and what we want of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from marketfit.brief.section import MistakeError, Section, check_metric
from marketfit.brief.survey_file import SurveyFile
from marketfit.errors import nearest
from marketfit.task import normalise_text


def looks_for_something(phrase: str) -> bool:
    """Whether a rule for open answers has a character of its own: `*` alone, or nothing, would fit every answer."""
    return bool(normalise_text(phrase.replace("*", " ")))


def _rule(phrases: tuple[str, ...]) -> tuple[str, ...]:
    if not phrases:
        raise MistakeError("has no words or phrases", "one or more", "add what people say, or drop the code")
    if empty := [phrase for phrase in phrases if not looks_for_something(phrase)]:
        raise MistakeError(f"'{empty[0]}' fits every answer", "words or phrases", "write what people say, or drop it")
    return phrases


class AttributeSpec(Section):
    """One attribute of the choice survey: measured on the candidate, or set by us."""

    metric: str | None = Field(default=None, description="the metric that gives its value")
    offer: tuple[float | str, ...] = Field(default=(), description="the value, or values to choose among, that we set")
    better: Literal["higher", "lower"] | None = Field(default=None, description="sign constraint of its utility")
    levels: tuple[float | str, ...] = Field(
        default=(), description="every level that people may have been shown; the files are refused with any other"
    )

    @field_validator("offer", "levels", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str | int | float) else value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.metric is None) == (not self.offer):
            raise MistakeError("an attribute has either 'metric' or 'offer'", "exactly one of the two", "give one")
        if self.metric is not None:
            check_metric(self.metric)
        return self

    @model_validator(mode="after")
    def _levels_hold_the_offers(self) -> Self:
        names = self.level_names
        if twice := [name for name in names if names.count(name) > 1]:
            raise MistakeError(f"the level '{twice[0]}' is there twice", "every level once", "drop the copies")
        for offer in self.offer:
            # A number may lie between levels.
            if names and isinstance(offer, str) and offer not in names:
                raise MistakeError(f"offers '{offer}', which is no level", nearest(offer, names), "correct one of them")
        return self

    @property
    def level_names(self) -> tuple[str, ...]:
        """The declared levels as text."""
        return tuple(level if isinstance(level, str) else f"{level:.15g}" for level in self.levels)


class MarketSpec(Section):
    """What the market says, and what we want of it."""

    goal: Literal["share", "profit", "utility"] = Field(default="utility", description="what the decision maximises")
    audience: Annotated[float, Field(gt=0)] | None = Field(default=None, description="buyers a month (profit)")
    unit_cost: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="cost per buyer and month, beside the measured cost of predictions (profit)"
    )
    rival_unit_costs: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="competitor → its cost per buyer and month, for price competition (default: ours)"
    )
    predictions_per_buyer: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="predictions a buyer makes a month; their measured cost is added to unit_cost"
    )
    price: str = Field(default="price", description="the attribute that is the price")
    choices: SurveyFile | None = Field(default=None, description="choice survey, long form")
    competitors: SurveyFile | None = Field(default=None, description="table of named offers")
    attributes: Mapping[str, AttributeSpec] = Field(default={}, description="the attributes of the choice survey")
    opinions: SurveyFile | None = Field(default=None, description="item, respondent, label")
    surveys: Mapping[str, SurveyFile] = Field(default={}, description="further instruments: name → file of answers")
    respondents: SurveyFile | None = Field(
        default=None, description="who was asked: respondent and a column for whatever is known of them"
    )
    model: Literal["auto", "logit", "hierarchical-bayes", "latent-class"] = Field(
        default="auto", description="of the choice survey; auto: what foretells held-out choices better"
    )
    drop_careless: bool = Field(default=True, description="leave out respondents with two signs of careless answers")
    population: Mapping[str, Mapping[str, float]] = Field(
        default={}, description="column of respondents → level → share of the market: answers are weighted to it"
    )
    codes: Mapping[str, Annotated[tuple[str, ...], AfterValidator(_rule)]] = Field(
        default={}, description="rules for open answers: code → words and phrases; 'expens*' is any ending"
    )
    simulated: bool = Field(default=False, description="the answers were made by a program: said wherever shown")

    @model_validator(mode="after")
    def _goal_can_be_computed(self) -> Self:
        prices = self.attributes[self.price].offer if self.price in self.attributes else ()
        if self.goal == "share" and len(prices) > 1:
            raise MistakeError(
                "a share goal with several prices would always give the product away",
                "goal profit with audience and unit_cost, or one price",
                "change the goal or keep one price",
            )
        if self.goal == "profit" and (self.audience is None or self.unit_cost is None):
            raise MistakeError("a profit goal needs audience and unit_cost", "numbers", "add what is missing")
        if self.goal == "profit" and not prices:
            raise MistakeError(
                "a profit goal needs a price", f"an attribute '{self.price}' with 'offer'", "add it to attributes"
            )
        if self.goal == "profit" and any(isinstance(price, str) for price in prices):
            raise MistakeError(
                f"the prices of '{self.price}' are names", "numbers", "write them without quotation marks"
            )
        if self.rival_unit_costs and self.competitors is None:
            raise MistakeError("'rival_unit_costs' needs competitors", "competitors: FILE", "add the table or drop it")
        if self.population and self.respondents is None:
            raise MistakeError("'population' needs a table of respondents", "respondents: FILE", "add it")
        if self.choices is not None and not self.attributes:
            raise MistakeError(
                "a choice survey needs attributes", "one entry for each of its attribute columns", "add them"
            )
        if self.goal in ("share", "profit") and self.choices is None:
            raise MistakeError(f"a {self.goal} goal needs a choice survey", "choices: FILE", "add it, or drop the goal")
        return self
