"""Of the brief: the machine that serves, how a model is made small for it, and when it holds an answer back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from marketfit.brief.section import Section
from marketfit.records.bundle import Device


class TargetSpec(Section):
    """The machine that serves."""

    device: Device = Field(
        default="cpu", description="where predictions run; gpu: on an NVIDIA GPU of this machine where that is faster"
    )
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default=1, description="threads of one request")
    processes: Annotated[int, Field(ge=5, le=1000)] = Field(
        default=5, description="fresh processes that time each variant at the least; more of them prove tighter limits"
    )
    price_per_hour: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="price of the machine an hour, in the currency of the price attribute"
    )


class CompressSpec(Section):
    """What compression may try beyond the standard variants of each finalist."""

    trials: Annotated[int, Field(ge=0)] = Field(
        default=12,
        description="further variants at the most, five times as many while none keeps the requirements; 0: none",
    )
    minutes: Annotated[float, Field(ge=0)] = Field(
        default=1.0,
        description="minutes to make and measure them, five times as many while none keeps the requirements",
    )
    passes: tuple[str, ...] = Field(default=(), description="the passes that may be used; default: all registered")


class AbstainSpec(Section):
    """When to answer 'I am not sure'."""

    accuracy: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.95, description="accuracy that the answers above the threshold shall have"
    )
