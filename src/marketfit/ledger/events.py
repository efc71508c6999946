"""Events: what happened to a product in service."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

EventKind = Literal["prediction", "feedback", "truth", "answer", "shown", "decision", "erasure"]
"""`answer` is a survey answer, `shown` the moment at which a respondent first saw a question."""


def new_id() -> str:
    """A random identifier of 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Event:
    """One thing that happened. `id` makes writing it twice harmless.

    `subject` is the id of the prediction that feedback or truth is about, or of the respondent's session in a survey
    (whose name is the product, and whose digest stands in place of a bundle's); `sequence` is the ledger's order, 0
    before it is written.
    """

    product: str
    kind: EventKind
    payload: Mapping[str, JsonValue]
    subject: str = ""
    bundle: str = ""
    id: str = field(default_factory=new_id)
    created: float = field(default_factory=time.time)
    sequence: int = 0
