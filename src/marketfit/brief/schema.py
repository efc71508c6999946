"""The brief: the user's YAML file, checked as a whole, every mistake reported with its line.

Each option is declared once, in the module of its section: its default, its check and its help. Relative paths are
relative to the brief.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, JsonValue, field_validator, model_validator

from marketfit.brief.data import DataSpec
from marketfit.brief.market import AttributeSpec, MarketSpec
from marketfit.brief.section import MistakeError, MistakesError, Section, check_metric
from marketfit.brief.target import AbstainSpec, CompressSpec, TargetSpec
from marketfit.brief.training import BudgetSpec, ObjectiveSpec, TrackingSpec
from marketfit.contract import DEFAULT_CONFIDENCE, Requirement
from marketfit.errors import BriefError, Problem
from marketfit.records.base import digest_of, sha256_file
from marketfit.records.plain import plain

_BOUNDS = "metric: '>= NUMBER' or '<= NUMBER'"


class MarketBrief(Section):
    """What market research reads of a brief: all of one in which no model is asked for yet."""

    product: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        description="name: letters, digits, '.', '_' and '-'"
    )
    require: tuple[Requirement, ...] = Field(default=(), description=_BOUNDS)
    market: MarketSpec = MarketSpec()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(default=0, description="of everything random")
    path: Path = Field(default=Path(), exclude=True)

    @property
    def base(self) -> Path:
        """The folder that relative paths are relative to."""
        return self.path.parent

    @field_validator("require", mode="before")
    @classmethod
    def _bounds(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            raise MistakeError(
                "require is not a mapping", "metric: '>= NUMBER' or '<= NUMBER'", "write one line a metric"
            )
        needs: list[Requirement] = []
        problems: list[Problem] = []
        for metric, bound in value.items():
            try:
                needs.append(_requirement(str(metric), bound))
            except BriefError as error:
                problems.extend(error.problems)
        if problems:
            raise MistakesError(problems)
        return tuple(needs)

    def part(self, names: Sequence[str]) -> JsonValue:
        """The JSON of some sections, every file replaced by the digest of its content.

        Two briefs with equal parts ask the same of a step, wherever their files lie.
        """
        return {name: _with_digests(getattr(self, name)) for name in names}

    def digest(self) -> str:
        """SHA-256 of the whole brief and of all files that it names."""
        return digest_of(self.part(sorted(set(type(self).model_fields) - {"path"})))


class Brief(MarketBrief):
    """A product brief."""

    task: str = Field(description="kind of problem")
    data: DataSpec
    require: tuple[Requirement, ...] = Field(min_length=1, description=_BOUNDS)
    objective: ObjectiveSpec = ObjectiveSpec()
    weights: Mapping[str, float] = Field(
        default={}, description="without a survey: value of one unit of each metric, in its better direction"
    )
    target: TargetSpec = TargetSpec()
    backbones: tuple[str, ...] = Field(default=("minilm",), min_length=1, description="built-in name, folder or hub id")
    budget: BudgetSpec = BudgetSpec()
    compress: CompressSpec = CompressSpec()
    abstain: AbstainSpec = AbstainSpec()
    tracking: TrackingSpec = TrackingSpec()

    @field_validator("weights", mode="after")
    @classmethod
    def _known_metrics(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for metric in value:
            check_metric(metric)
        return value

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        problems = list(self._disagreements())
        if problems:
            raise MistakesError(problems)
        return self

    def _disagreements(self) -> Iterator[Problem]:
        if self.weights and self.market.choices is not None:
            found = f"'weights' beside a choice survey: the goal is the market's ({self.market.goal}) then"
            yield Problem("weights", found, "one of the two", "drop weights, or market.choices")
        wanted = [need.metric for need in self.require] + [a.metric or "" for a in self.market.attributes.values()]
        price = "target.price_per_hour: NUMBER"
        if "cost_per_1000" in wanted and self.target.price_per_hour is None:
            yield Problem("", "cost_per_1000 needs a price", price, "add it")
        if self.market.predictions_per_buyer and self.market.goal == "profit" and self.target.price_per_hour is None:
            yield Problem("", "predictions_per_buyer needs the price of the machine", price, "add it")
        groups = {"worst_group_accuracy", "accuracy_gap"} & set(wanted)
        if groups and not self.data.sensitive:
            yield Problem("", f"{sorted(groups)[0]} needs groups", "data.sensitive: [COLUMN]", "name the columns")


def _requirement(metric: str, bound: object) -> Requirement:
    confidence: object = DEFAULT_CONFIDENCE
    where = f"require.{metric}"
    if isinstance(bound, Mapping) and "bound" in bound and set(bound) <= {"bound", "confidence"}:
        confidence = bound.get("confidence", DEFAULT_CONFIDENCE)
        bound = bound["bound"]
    if not isinstance(bound, str):
        allowed = "'>= NUMBER' or '<= NUMBER', in quotes"
        raise BriefError([Problem(where, f"cannot read the bound {bound!r}", allowed, "rewrite it")])
    if not isinstance(confidence, float) or not 0.5 <= confidence < 1:
        allowed = "a number from 0.5 to below 1"
        raise BriefError([Problem(where, f"the confidence is {confidence!r}", allowed, "correct it")])
    return Requirement.parse(metric, bound, confidence=confidence)


def _with_digests(value: object) -> JsonValue:
    if isinstance(value, Path):
        return sha256_file(value)
    if isinstance(value, BaseModel):
        return {name: _with_digests(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Requirement):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): _with_digests(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_with_digests(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a brief can't hold a {type(value).__name__}")


def describe() -> Iterator[tuple[str, str, str]]:
    """Every option of the brief: dotted name, default, help. The docs and `marketfit check --options` print it."""
    yield from _describe(Brief, "")


def _describe(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _describe(inner, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else re.sub(r"^\(\)$|^\{\}$|^None$", "–", str(field.default))
        yield f"{prefix}{name}", default, field.description or ""
        if name == "attributes":
            yield from _describe(AttributeSpec, f"{prefix}{name}.NAME.")
