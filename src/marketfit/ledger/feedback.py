"""What users and reviewers say, checked as a whole and turned into events: by the server and from files.

{"prediction": ID, "thumb": "up" | "down"}          a judgement (a label may come with it)
{"prediction": ID, "label": LABEL}                  a correction
{"input": …, "label": LABEL}                        a new example
{"prediction": ID, "truth": LABEL}                  a reviewer's word on an audited prediction
{"input": …, "truth": LABEL, "audited": true}       the same for a uniform sample drawn elsewhere
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue

from marketfit.errors import Problem, nearest
from marketfit.ledger.events import Event, new_id
from marketfit.ledger.store import Ledger
from marketfit.records.base import Record, digest_of
from marketfit.task import normalise_text, scalar_text

Thumb = Literal["up", "down"]
_SHAPES = "prediction with thumb, label or truth; input with label; input with truth and audited"


def _label_form(given: object) -> object:
    """A label in the form that `prepare` gives those of the data; what is no label is left to the type to refuse."""
    text = scalar_text(given) if isinstance(given, str | int | float) else None
    return given if text is None else normalise_text(text)


LabelName = Annotated[str, BeforeValidator(_label_form, json_schema_input_type=str | float | bool)]
"""The name of a label, in its normal form. A number or a truth value of JSON is the label that its text names."""


class FeedbackItem(Record):
    """One thing that somebody said. `id` makes saying it twice harmless."""

    prediction: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="id of a prediction")
    thumb: Thumb | None = Field(default=None, description="whether the prediction helped")
    label: LabelName | None = Field(
        default=None, description="the right label, from a user: it becomes a training example"
    )
    truth: LabelName | None = Field(
        default=None, description="the right label, from a reviewer: it judges and never trains"
    )
    input: JsonValue = Field(default=None, description="a new example")
    audited: bool = Field(default=False, description="the input belongs to a uniform random sample of traffic")
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description="idempotency key")


class FeedbackNote(Record):
    """The payload of feedback and of truths."""

    thumb: Thumb | None = None
    label: str | None = None
    input: JsonValue = None
    audited: bool = False


@dataclass
class Reading:
    """Events to write, or all that is wrong. `unknown` counts problems about predictions that are not there."""

    events: list[Event] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unknown: int = 0


@dataclass(frozen=True)
class Said:
    """A feedback or truth event read back."""

    event: Event
    note: FeedbackNote

    @classmethod
    def of(cls, event: Event) -> Said:
        """Read a feedback or truth event."""
        return cls(event, FeedbackNote.model_validate(dict(event.payload)))


def read_feedback(
    items: Mapping[str, FeedbackItem], *, ledger: Ledger, product: str, labels: Collection[str]
) -> Reading:
    """Check items, each under the name of the place where it stands, and make their events; writes nothing."""
    reading = Reading()
    about = ledger.events_by_id([item.prediction for item in items.values() if item.prediction])
    named = {where: _key(product, item.id) for where, item in items.items() if item.id}
    before = ledger.events_by_id(list(named.values()))
    for where, item in items.items():
        subject = about.get(item.prediction or "")
        found = [*_shape_problems(item, where), *_label_problems(item, where, labels)]
        if item.prediction and (missing := _subject_problem(item, where, subject, product)):
            found.append(missing)
            reading.unknown += 1
        elif item.truth is not None and subject is not None and not subject.payload.get("audited"):
            said = f"prediction {item.prediction} is not in the audited sample"
            found.append(Problem(where, said, "truth is for audited predictions", "send it as a label"))
        event = _event(item, product=product, id=named.get(where) or new_id(), bundle=subject.bundle if subject else "")
        known = before.setdefault(event.id, event)
        if (known.kind, known.subject, dict(known.payload)) != (event.kind, event.subject, dict(event.payload)):
            found.append(Problem(where, f"the id {item.id!r} was used for something else", "", "choose another id"))
        reading.problems += found
        reading.events.append(event)
    return reading


def _event(item: FeedbackItem, *, product: str, id: str, bundle: str) -> Event:  # noqa: A002 - the word of events
    note = FeedbackNote(
        thumb=item.thumb,
        label=item.label if item.truth is None else item.truth,
        input=item.input,
        audited=item.audited,
    )
    return Event(
        product=product,
        kind="feedback" if item.truth is None else "truth",
        subject=item.prediction or "",
        payload=note.model_dump(mode="json", exclude_defaults=True),
        bundle=bundle,
        id=id,
    )


def _key(product: str, given: str) -> str:
    """The event id of an idempotency key: apart from all ids that we give ourselves."""
    return digest_of(["feedback", product, given])


def _shape_problems(item: FeedbackItem, where: str) -> list[Problem]:
    has_input = item.input is not None
    if item.prediction is not None and has_input:
        return [Problem(where, "has both a prediction and an input", _SHAPES, "keep one of them")]
    if item.prediction is None and not has_input:
        return [Problem(where, "has neither a prediction nor an input", _SHAPES, "say what it is about")]
    said = [name for name in ("thumb", "label", "truth") if getattr(item, name) is not None]
    if not said:
        return [Problem(where, "says nothing", _SHAPES, "add what you think of it")]
    if "truth" in said and len(said) > 1:
        return [Problem(where, f"has {' and '.join(said)}", "a truth stands alone", "send them separately")]
    if not has_input:
        return [Problem(where, "'audited' is given", "the server knows it", "leave it out")] if item.audited else []
    problems = []
    if "thumb" in said:
        problems.append(Problem(where, "a thumb without a prediction", _SHAPES, "name the prediction"))
    if isinstance(item.input, str) and not item.input.strip():
        problems.append(Problem(where, "the input is empty", "an example", "give the example"))
    if "truth" in said and not item.audited:
        do = "send it as a label, or add 'audited': true if the input was drawn uniformly from traffic"
        problems.append(Problem(where, "a truth about an input of unknown origin", _SHAPES, do))
    if "truth" not in said and item.audited:
        problems.append(Problem(where, "an audited input with a label", _SHAPES, "send the label as a truth"))
    return problems


def _label_problems(item: FeedbackItem, where: str, labels: Collection[str]) -> list[Problem]:
    return [
        Problem(
            where,
            f"unknown {name} '{given[:100]}'",
            nearest(given, labels),
            "use a label of the bundle; a new label starts with rows in the brief's data",
        )
        for name, given in (("label", item.label), ("truth", item.truth))
        if given is not None and given not in labels
    ]


def _subject_problem(item: FeedbackItem, where: str, subject: Event | None, product: str) -> Problem | None:
    if subject is None or subject.kind != "prediction" or subject.product != product:
        found = f"there is no prediction '{item.prediction}'"
        return Problem(where, found, "an id that /predict gave", "use the id of the answer, or send the input itself")
    if subject.payload.get("input") is None:
        return Problem(where, f"prediction {item.prediction} was erased", "", "nothing can be said about it any more")
    return None


def truth_events(truths: Sequence[tuple[Event, str]]) -> list[Event]:
    """The truths of audited predictions, as a reviewer would send them."""
    return [
        _event(FeedbackItem(prediction=event.id, truth=truth), product=event.product, id=new_id(), bundle=event.bundle)
        for event, truth in truths
    ]
