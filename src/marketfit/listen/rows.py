"""Training rows out of what users said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from marketfit.listen.gather import Traffic, comparable
from marketfit.records.data import FeedbackRow


@dataclass(frozen=True)
class Conflict:
    """One example to which users gave different labels."""

    example: str
    labels: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Learnt:
    """Rows to train on; what was left out, and why.

    `reserved` corrections are about audited predictions. Those compare champion and challenger: a model that was
    trained on them could not be judged by them.
    """

    rows: tuple[FeedbackRow, ...]
    conflicts: tuple[Conflict, ...]
    reserved: int


def learn(traffic: Traffic) -> Learnt:
    """Corrections and new examples in the order of the events; where users disagree about an example, none of it."""
    found: list[tuple[int, FeedbackRow]] = []
    reserved = 0
    for predicted, judged in traffic.known():
        if judged.label is None:
            continue
        if predicted.note.audited:
            reserved += 1
            continue
        row = _row(predicted.note.input, judged.label, "correction", judged.event)
        found.append((judged.sequence, row))
    for said in traffic.examples:
        if said.note.label is not None:
            found.append((said.event.sequence, _row(said.note.input, said.note.label, "example", said.event.id)))
    rows = [row for _, row in sorted(found, key=lambda pair: pair[0])]
    labels: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = labels.setdefault(comparable(row.input), {})
        counts[row.label] = counts.get(row.label, 0) + 1
    return Learnt(
        rows=tuple(row for row in rows if len(labels[comparable(row.input)]) == 1),
        conflicts=tuple(
            Conflict(example, tuple(sorted(counts)), sum(counts.values()))
            for example, counts in labels.items()
            if len(counts) > 1
        ),
        reserved=reserved,
    )


def _row(example: JsonValue, label: str, origin: Literal["correction", "example"], event: str) -> FeedbackRow:
    return FeedbackRow(input=example, label=label, origin=origin, event=event)
