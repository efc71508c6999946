"""A question as a page shows it: cards to pick from, or controls to fill in; nothing here knows HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from marketfit.records.questionnaire import Cell, Field, Labels, Option, Question
from marketfit.records.respondents import Asked
from marketfit.serve.survey.form import PICK, number_text
from marketfit.serve.survey.texts import Texts

ControlKind = Literal["choice", "scale", "words", "number", "whole", "text", "long"]

_NONE = "none"
_LONGEST_SCALE = 21


@dataclass(frozen=True)
class Choice:
    """One radio button."""

    id: str
    value: str
    label: str
    checked: bool


@dataclass(frozen=True)
class Card:
    """One option: what it is called, and what it offers. `nothing`: the card of taking none."""

    choice: Choice
    rows: tuple[tuple[str, str], ...]
    nothing: bool


@dataclass(frozen=True)
class Control:
    """One field. `kind`: what it becomes on the page; `error`: what is wrong with it, or empty."""

    name: str
    kind: ControlKind
    label: str
    required: bool
    value: str
    error: str
    choices: tuple[Choice, ...]

    @property
    def target(self) -> str:
        """The id of what a link to this control leads to."""
        return self.choices[0].id if self.choices else self.name


@dataclass(frozen=True)
class QuestionView:
    """All that a page shows of a question. `lead`: what is asked, where `text` is only what it is asked about."""

    lead: str
    text: str
    cards: tuple[Card, ...]
    controls: tuple[Control, ...]
    error: str

    @property
    def deep(self) -> int:
        """Rows of the largest card."""
        return max((len(card.rows) for card in self.cards), default=0)

    @property
    def wide(self) -> int:
        """Cards that stand side by side where there is room."""
        return sum(not card.nothing for card in self.cards)

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Where each mistake is, and what it is."""
        cards = ((self.cards[0].choice.id, self.error),) if self.error else ()
        wrong = [control for control in self.controls if control.error]
        several = len(self.controls) > 1
        return (*cards, *((one.target, f"{one.label}: {one.error}" if several else one.error) for one in wrong))


def view_of(asked: Asked, *, given: Mapping[str, str], errors: Mapping[str, str], texts: Texts) -> QuestionView:
    """A question with what was filled in (`given`) and what is wrong with it, both by the name of the control."""
    question = asked.question
    cards = tuple(_card(option, place, asked, given, texts) for place, option in enumerate(question.options))
    controls = tuple(
        _control(field, f"f{place}", given.get(f"f{place}", ""), errors.get(f"f{place}", ""))
        for place, field in enumerate(() if question.options else question.fields)
    )
    lead = asked.part.title if asked.part.keeps == "pick" else ""
    return QuestionView(lead, question.text, cards, controls, errors.get(PICK, ""))


def given_of(question: Question, picked: str | None, cells: Mapping[str, Cell], texts: Texts) -> dict[str, str]:
    """What a form would hold after an answer, by the name of the control."""
    if question.options:
        return {PICK: picked or ""}
    return {
        f"f{place}": _text(cells[field.name], texts)
        for place, field in enumerate(question.fields)
        if field.name in cells
    }


def _card(option: Option, place: int, asked: Asked, given: Mapping[str, str], texts: Texts) -> Card:
    described = any(other.values for other in asked.question.options)
    nothing = described and not option.values
    label = option.name
    if nothing and option.name == _NONE:
        label = texts.none
    elif described and option.name.isdecimal():
        label = texts.option.format(name=option.name)
    rows = tuple(_row(asked.part.labels.get(name), name, value, texts) for name, value in option.values.items())
    checked = given.get(PICK) == option.name
    return Card(Choice(f"pick-{place}", option.name, label, checked), rows, nothing)


def _row(labels: Labels | None, name: str, value: Cell, texts: Texts) -> tuple[str, str]:
    """An attribute and its value, as their labels put them or else as they stand."""
    labels = labels or Labels()
    key = value if isinstance(value, str) else f"{value:.15g}"
    return labels.name or _words(name), labels.levels.get(key) or _text(value, texts)


def _control(field: Field, name: str, value: str, error: str) -> Control:
    kind, values = _kind(field)
    choices = tuple(
        Choice(f"{name}-{place}", text, field.labels.get(text, text), value == text)
        for place, text in enumerate(values)
    )
    label = field.text or _words(field.name)
    return Control(name, kind, label, field.required, value, error, choices)


def _kind(field: Field) -> tuple[ControlKind, tuple[str, ...]]:
    if field.allowed:
        return ("words" if field.show == "scale" else "choice"), field.allowed
    if field.kind == "text":
        return ("long" if field.show == "long" else "text"), ()
    low, high = field.low, field.high
    if field.show in ("scale", "choice") and low is not None and high is not None and high - low < _LONGEST_SCALE:
        steps = range(int(low), int(high) + 1)
        return ("scale" if field.show == "scale" else "choice"), tuple(str(step) for step in steps)
    return ("whole" if field.whole else "number"), ()


def _words(name: str) -> str:
    """The name of a column as a label: `latency_ms` is "Latency ms", and iOS stays."""
    words = name.replace("_", " ")
    return words.capitalize() if words.islower() else words


def _text(value: Cell, texts: Texts) -> str:
    return value if isinstance(value, str) else number_text(value, texts)
