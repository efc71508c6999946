"""Predictions as events: written by the server and by the simulator of traffic, read by `listen`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from marketfit.ledger.events import Event
from marketfit.records.base import Record

Lottery = Callable[[], bool]
"""Draws whether one prediction is audited."""


class PredictionNote(Record):
    """The payload of a prediction. `audited`: it is in the uniform sample that is kept for review.

    `input` is null once it is erased. `simulated`: no user asked, a program did.
    """

    input: JsonValue
    label: str
    score: float
    abstain: bool
    audited: bool
    simulated: bool = False


@dataclass(frozen=True)
class Predicted:
    """A prediction read back from the ledger."""

    id: str
    bundle: str
    sequence: int
    created: float
    note: PredictionNote

    @classmethod
    def of(cls, event: Event) -> Self:
        """Read a prediction event."""
        note = PredictionNote.model_validate(dict(event.payload))
        return cls(id=event.id, bundle=event.bundle, sequence=event.sequence, created=event.created, note=note)


@dataclass(frozen=True)
class Answer:
    """What a bundle said about one input."""

    input: JsonValue
    label: str
    score: float
    abstain: bool


def secret_lottery(rate: float) -> Lottery:
    """Draw with probability `rate` from the system's source of randomness: no client can foresee it."""
    source = secrets.SystemRandom()
    return lambda: source.random() < rate


def prediction_events(
    answers: Sequence[Answer], *, product: str, bundle: str, lottery: Lottery, simulated: bool = False
) -> list[Event]:
    """One event for each answer, each with its own draw for the audited sample."""
    mark: dict[str, JsonValue] = {"simulated": True} if simulated else {}
    return [
        Event(
            product=product,
            kind="prediction",
            bundle=bundle,
            payload={
                "input": answer.input,
                "label": answer.label,
                "score": answer.score,
                "abstain": answer.abstain,
                "audited": lottery(),
                **mark,
            },
        )
        for answer in answers
    ]
