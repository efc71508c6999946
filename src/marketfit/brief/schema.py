"""The brief: the user's YAML file, checked as a whole, every mistake reported with its line.

Each option is declared here once: its default, its check and its help. Relative paths are relative to the brief.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from marketfit.contract import DEFAULT_CONFIDENCE, METRICS, Requirement
from marketfit.errors import BriefError, Problem, nearest
from marketfit.records import digest_of, sha256_file


class MistakesError(ValueError):
    """Several problems of one value, raised inside a validator; `where` is a dotted name of the brief."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class MistakeError(MistakesError):
    """One problem of one value; the reader of the brief fills in where it stands."""

    def __init__(self, found: str, allowed: str, do: str) -> None:
        super().__init__([Problem("", found, allowed, do)])


def _existing_file(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path())
    full = path if path.is_absolute() else base / path
    if full.is_dir():
        raise MistakeError(f"'{path}' is a directory", "a file is wanted", "name a file inside it")
    if not full.is_file():
        raise MistakeError(
            f"there is no file '{path}'", f"looked in {full.parent}", "correct the path or put the file there"
        )
    return full


SourceFile = Annotated[Path, AfterValidator(_existing_file)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataSpec(_Section):
    """Where the labelled examples are and what their columns mean."""

    source: SourceFile = Field(description="csv, tsv, jsonl or parquet")
    input: str = Field(description="column of the example")
    label: str = Field(description="column of the label")
    where: Mapping[str, tuple[str | int | float | bool, ...]] = Field(
        default={}, description="keep only rows whose column has one of these values"
    )
    split: str | None = Field(default=None, description="column with train, valid (val, dev) or test")
    group: str | None = Field(default=None, description="column whose equal values stay in one split")
    sensitive: tuple[str, ...] = Field(default=(), description="columns of the groups that fairness is about")
    unlabelled: SourceFile | None = Field(default=None, description="file of further examples without labels")


class WideSpec(_Section):
    """A choice survey exported with one row for each respondent. Numbers in names of columns count from 1."""

    picked: Annotated[str, Field(pattern=r"\{task\}")] = Field(
        description="name of a task's answer column, such as 'CBC_Random{task}'"
    )
    shown: Annotated[str, Field(pattern=r"\{task\}")] | None = Field(
        default=None, description="name of the columns with what was shown: 'F-{task}-{alternative}-{attribute}'"
    )
    names: Annotated[str, Field(pattern=r"\{task\}")] | None = Field(
        default=None, description="name of the columns with attributes' names, 'F-{task}-{attribute}', if they move"
    )
    design: SourceFile | None = Field(
        default=None, description="file of the design: version, task, alternative, one column for each attribute"
    )
    version: str = Field(default="version", description="column of the design's version, in both files")
    answers: tuple[str, ...] = Field(
        default=(), description="the answers that mean alternative 1, 2, …, if not numbers"
    )
    none: tuple[str, ...] = Field(default=(), description="answers that mean 'none of these'")
    codes: Mapping[str, Mapping[str, str | float]] = Field(
        default={}, description="attribute → code in the file → level"
    )
    skip_rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="rows below the header that hold no answers (Qualtrics: 2)"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.shown is None) == (self.design is None):
            raise MistakeError("what was shown is in the rows or in a design file", "'shown' or 'design'", "give one")
        if self.shown is not None and not all(part in self.shown for part in ("{alternative}", "{attribute}")):
            allowed = "a name with {task}, {alternative} and {attribute}"
            raise MistakeError(f"'shown' is '{self.shown}'", allowed, "name all three")
        return self


class SurveyFile(_Section):
    """A file of survey answers. In a brief, the file's name alone stands for `{source: NAME}`."""

    source: SourceFile = Field(description="csv, tsv, jsonl or parquet")
    columns: Mapping[str, str] = Field(default={}, description="our name of a column → its name in the file")
    wide: WideSpec | None = Field(default=None, description="layout of an export with one row for each respondent")

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str | Path) else value

    def __str__(self) -> str:
        return str(self.source)


class AttributeSpec(_Section):
    """One attribute of the choice survey: measured on the candidate, or set by us."""

    metric: str | None = Field(default=None, description="the metric that gives its value")
    offer: tuple[float | str, ...] = Field(default=(), description="the value, or values to choose among, that we set")
    better: Literal["higher", "lower"] | None = Field(default=None, description="sign constraint of its utility")

    @field_validator("offer", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str | int | float) else value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.metric is None) == (not self.offer):
            raise MistakeError("an attribute has either 'metric' or 'offer'", "exactly one of the two", "give one")
        if self.metric is not None and self.metric not in METRICS:
            raise MistakeError(
                f"unknown metric '{self.metric}'", nearest(self.metric, METRICS), "name a metric that is measured"
            )
        return self


class MarketSpec(_Section):
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
    codes: Mapping[str, tuple[str, ...]] = Field(
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


class ObjectiveSpec(_Section):
    """Weights of the terms that come on top of cross-entropy."""

    survey: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="λ of the survey term; acts where opinions are"
    )
    sign: Literal["supportive", "literal"] = Field(default="supportive", description="literal: the seed's printed sign")
    fit: bool = Field(default=False, description="fit C too, held to the consensus by τ")
    tau: Annotated[float, Field(gt=0)] = Field(default=1.0, description="τ of the KL term when C is fitted")

    @model_validator(mode="after")
    def _inner_problem_is_convex(self) -> Self:
        if self.fit and self.survey > self.tau:
            raise MistakeError(
                f"survey (λ = {self.survey:g}) exceeds tau ({self.tau:g})", "λ ≤ τ when C is fitted", "raise tau"
            )
        if self.fit and self.sign == "literal":
            raise MistakeError(
                "'sign: literal' is unbounded when C is fitted too", "sign: supportive", "drop one of the two"
            )
        return self


class TargetSpec(_Section):
    """The machine that serves."""

    device: Literal["cpu"] = Field(default="cpu", description="where predictions run")
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default=1, description="threads of one request")
    processes: Annotated[int, Field(ge=5, le=1000)] = Field(
        default=5, description="fresh processes that time each variant at the least; more of them prove tighter limits"
    )
    price_per_hour: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="price of the machine an hour, in the currency of the price attribute"
    )


class BudgetSpec(_Section):
    """What tuning may use."""

    trials: Annotated[int, Field(ge=1)] = Field(default=12, description="trials at the most")
    minutes: Annotated[float, Field(gt=0)] = Field(
        default=20.0, description="minutes of training at the most, summed over the trials"
    )
    parallel: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="trials at the same time, each in a process of its own; they are proposed together"
    )


class CompressSpec(_Section):
    """What compression may try beyond the standard variants of each finalist."""

    trials: Annotated[int, Field(ge=0)] = Field(default=12, description="further variants at the most; 0: none")
    minutes: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="minutes to make and measure them; passes that train take more"
    )
    passes: tuple[str, ...] = Field(default=(), description="the passes that may be used; default: all registered")


TRACKERS = ("mlflow", "tensorboard", "wandb")
"""What a run can be followed in. Each is the name of a package and of the extra that installs it."""


class TrackingSpec(_Section):
    """Where curves and figures go, beside the report. Nothing of it has an influence on a result."""

    to: tuple[str, ...] = Field(default=(), description="any of mlflow, tensorboard and wandb")
    mlflow_uri: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="server or database of mlflow; default: SQLite in the workspace"
    )
    wandb_mode: Literal["offline", "online"] = Field(
        default="offline", description="online: wandb sends what it is told; offline: it lies in the run's folder"
    )

    @field_validator("to", mode="after")
    @classmethod
    def _known_trackers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        problems = [
            Problem("", f"there is no tracker '{name}'", nearest(name, TRACKERS), "name a known one")
            for name in value
            if name not in TRACKERS
        ]
        if len(set(value)) < len(value):
            problems.append(Problem("", "a tracker is named twice", "each once", "remove one of the two"))
        if problems:
            raise MistakesError(problems)
        return value

    @model_validator(mode="after")
    def _every_option_is_used(self) -> Self:
        problems = [
            Problem("", f"'{option}' is given, but {tracker} is not tracked to", f"to: [{tracker}]", "add or remove it")
            for option, tracker in (("mlflow_uri", "mlflow"), ("wandb_mode", "wandb"))
            if option in self.model_fields_set and tracker not in self.to
        ]
        if problems:
            raise MistakesError(problems)
        return self


class AbstainSpec(_Section):
    """When to answer 'I am not sure'."""

    accuracy: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.95, description="accuracy that the answers above the threshold shall have"
    )


class Brief(_Section):
    """A product brief."""

    product: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        description="name: letters, digits, '.', '_' and '-'"
    )
    task: str = Field(description="kind of problem")
    data: DataSpec
    require: tuple[Requirement, ...] = Field(min_length=1, description="metric: '>= NUMBER' or '<= NUMBER'")
    market: MarketSpec = MarketSpec()
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

    @field_validator("weights", mode="after")
    @classmethod
    def _known_metrics(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for metric in value:
            if metric not in METRICS:
                raise MistakeError(
                    f"unknown metric '{metric}'", nearest(metric, METRICS), "name a metric that is measured"
                )
        return value

    @model_validator(mode="after")
    def _cost_has_a_price(self) -> Self:
        wanted = [need.metric for need in self.require] + [a.metric or "" for a in self.market.attributes.values()]
        if "cost_per_1000" in wanted and self.target.price_per_hour is None:
            raise MistakeError("cost_per_1000 needs a price", "target.price_per_hour: NUMBER", "add it")
        if self.market.predictions_per_buyer and self.market.goal == "profit" and self.target.price_per_hour is None:
            allowed = "target.price_per_hour: NUMBER"
            raise MistakeError("predictions_per_buyer needs the price of the machine", allowed, "add it")
        groups = {"worst_group_accuracy", "accuracy_gap"} & set(wanted)
        if groups and not self.data.sensitive:
            raise MistakeError(f"{sorted(groups)[0]} needs groups", "data.sensitive: [COLUMN]", "name the columns")
        return self

    def part(self, names: Sequence[str]) -> JsonValue:
        """The JSON of some sections, every file replaced by the digest of its content.

        Two briefs with equal parts ask the same of a step, wherever their files lie.
        """
        return {name: _with_digests(getattr(self, name)) for name in names}

    def digest(self) -> str:
        """SHA-256 of the whole brief and of all files that it names."""
        return digest_of(self.part(sorted(set(type(self).model_fields) - {"path"})))


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
        if isinstance(inner, type) and issubclass(inner, _Section):
            yield from _describe(inner, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else re.sub(r"^\(\)$|^\{\}$|^None$", "–", str(field.default))
        yield f"{prefix}{name}", default, field.description or ""
        if name == "attributes":
            yield from _describe(AttributeSpec, f"{prefix}{name}.NAME.")
