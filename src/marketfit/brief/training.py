"""Of the brief: what training minimises, what it may use, and where it can be followed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from marketfit.brief.section import MistakeError, MistakesError, Section
from marketfit.errors import Problem, nearest


class ObjectiveSpec(Section):
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


class BudgetSpec(Section):
    """What tuning may use."""

    trials: Annotated[int, Field(ge=1)] = Field(default=12, description="trials at the most")
    minutes: Annotated[float, Field(gt=0)] = Field(
        default=20.0, description="minutes of training at the most, summed over the trials"
    )
    parallel: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="trials at the same time, each in a process of its own; they are proposed together"
    )


TRACKERS = ("mlflow", "tensorboard", "wandb")
"""What a run can be followed in. Each is the name of a package and of the extra that installs it."""


class TrackingSpec(Section):
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
