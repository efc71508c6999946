"""What the ledger holds about a product, up to one event: predictions, judgements, new examples."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

from pydantic import JsonValue

from marketfit.ledger import Event, EventKind, Ledger
from marketfit.ledger.feedback import FeedbackNote, Said, Thumb
from marketfit.ledger.traffic import Predicted
from marketfit.task import normalise_text


def comparable(example: JsonValue) -> str:
    """The form in which examples are compared: normalised text, or canonical JSON."""
    if isinstance(example, str):
        return normalise_text(example)
    return json.dumps(example, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Judged:
    """The last word of users on one prediction. `event` and `sequence` are those of its label."""

    thumb: Thumb | None = None
    label: str | None = None
    event: str = ""
    sequence: int = 0
    predicted: Predicted | None = None

    @property
    def failed(self) -> bool:
        """Whether the users' last word is that the prediction was wrong."""
        if self.label is not None and self.predicted is not None:
            return self.label != self.predicted.note.label
        return self.thumb == "down"


@dataclass
class Traffic:
    """Predictions of one bundle and all judgements, erased ones left out.

    `first` and `newest` hold up to `window` predictions of that bundle, oldest first; they overlap when there are few.
    """

    first: list[Predicted] = field(default_factory=list)
    newest: list[Predicted] = field(default_factory=list)
    predictions: int = 0
    abstained: int = 0
    judged: dict[str, Judged] = field(default_factory=dict)
    examples: list[Said] = field(default_factory=list)
    last: str = ""  # id of the last feedback or truth

    def known(self) -> Iterator[tuple[Predicted, Judged]]:
        """The judged predictions that are still there, in the order of the judgements."""
        for judged in self.judged.values():
            if judged.predicted is not None:
                yield judged.predicted, judged


def gather(ledger: Ledger, product: str, *, upto: int, bundle: str, window: int) -> Traffic:
    """Read the ledger up to a sequence number, in two passes that keep what is needed only."""
    traffic = Traffic()
    for event in _until(ledger, product, ("feedback", "truth"), upto):
        traffic.last = event.id
        said = Said.of(event)
        if event.kind == "feedback":
            if event.subject:
                before = traffic.judged.pop(event.subject, Judged())
                traffic.judged[event.subject] = _after(before, said)
            elif said.note.input is not None:
                traffic.examples.append(said)
    newest: deque[Predicted] = deque(maxlen=window)
    for event in _until(ledger, product, ("prediction",), upto):
        predicted = Predicted.of(event)
        if predicted.note.input is None:
            continue
        if event.id in traffic.judged:
            traffic.judged[event.id] = replace(traffic.judged[event.id], predicted=predicted)
        if predicted.bundle == bundle:
            traffic.predictions += 1
            traffic.abstained += predicted.note.abstain
            newest.append(predicted)
            if len(traffic.first) < window:
                traffic.first.append(predicted)
    traffic.newest = list(newest)
    return traffic


@dataclass(frozen=True)
class AuditedPair:
    """An input drawn uniformly from traffic and what a reviewer says it is."""

    input: JsonValue
    truth: str
    simulated: bool


def audited(ledger: Ledger, product: str, *, upto: int | None = None) -> tuple[AuditedPair, ...]:
    """All audited inputs with their truths; the last word on each counts."""
    words: dict[str, FeedbackNote] = {}
    for event in _until(ledger, product, ("truth",), upto):
        words.pop(event.subject or event.id, None)
        words[event.subject or event.id] = Said.of(event).note
    predictions = ledger.events_by_id(list(words))
    return tuple(pair for key, note in words.items() if (pair := _pair(note, key, predictions)))


def _pair(note: FeedbackNote, key: str, predictions: Mapping[str, Event]) -> AuditedPair | None:
    if note.label is None:
        return None
    event = predictions.get(key)
    if event is None or event.kind != "prediction":
        return AuditedPair(note.input, note.label, False) if note.audited and note.input is not None else None
    predicted = Predicted.of(event).note
    if predicted.input is None or not predicted.audited:
        return None
    return AuditedPair(predicted.input, note.label, predicted.simulated)


def _after(before: Judged, said: Said) -> Judged:
    thumb = said.note.thumb or before.thumb
    if said.note.label is None:
        return replace(before, thumb=thumb)
    return Judged(thumb=thumb, label=said.note.label, event=said.event.id, sequence=said.event.sequence)


def _until(ledger: Ledger, product: str, kinds: tuple[EventKind, ...], upto: int | None) -> Iterator[Event]:
    return takewhile(lambda event: upto is None or event.sequence <= upto, ledger.events(product, kinds=kinds))
