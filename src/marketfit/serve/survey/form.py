"""A form that was sent: from its text to an answer, or to what is wrong with it, in the words of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from marketfit.errors import Problem
from marketfit.records.questionnaire import Answer, Cell, Field, Questionnaire
from marketfit.serve.refusal import RefusalError
from marketfit.serve.survey.texts import Texts

PICK = "pick"
"""Name of the radio buttons of a question with options. Fields are called `f0`, `f1`, …"""

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_MOST_FIELDS = 500


@dataclass(frozen=True)
class Filled:
    """What a form holds for one question. `errors`: control → what is wrong; `given`: control → text, to show again."""

    answer: Answer
    errors: Mapping[str, str]
    given: Mapping[str, str]


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form; of several with one name, the last.

    Raises:
        RefusalError: 400 this is no form.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
    except ValueError:
        problem = Problem("body", "this is no form", "application/x-www-form-urlencoded", "use the page")
        raise RefusalError(400, [problem]) from None
    return {name: _printable(value) for name, value in pairs}


def read_answer(
    part: Questionnaire, place: int, form: Mapping[str, str], *, texts: Texts, max_characters: int
) -> Filled:
    """The answer to question number `place` of a part."""
    question = part.questions[place]
    if question.options:
        picked = form.get(PICK)
        answer = Answer(question=place, picked=picked)
        error = texts.missing if picked is None else texts.unknown
        known = not part.problems(answer, where="")
        return Filled(answer, {} if known else {PICK: error}, {PICK: picked or ""})
    cells: dict[str, Cell] = {}
    errors: dict[str, str] = {}
    given: dict[str, str] = {}
    for number, field in enumerate(question.fields):
        name = f"f{number}"
        text = given[name] = form.get(name, "").strip()
        cell = _cell(field, text, texts)
        if len(text) > max_characters:
            errors[name] = texts.long.format(limit=max_characters)
        elif cell is None and text:
            errors[name] = texts.number
        elif not text and field.required:
            errors[name] = texts.missing
        elif cell is not None:
            cells[field.name] = cell
            if wrong := _field_error(field, cell, texts):
                errors[name] = wrong
            elif field.name in question.distinct and cell in [
                cells.get(other) for other in question.distinct if other != field.name
            ]:
                errors[name] = texts.repeated
    answer = Answer(question=place, cells=cells)
    if not errors and part.problems(answer, where=""):
        errors["f0"] = texts.unknown
    return Filled(answer, errors, given)


def number_text(value: float, texts: Texts) -> str:
    """A number as people of the language write it."""
    return f"{value:.15g}".replace(".", texts.decimal)


def _cell(field: Field, text: str, texts: Texts) -> Cell | None:
    """The cell that a text is; None where it is empty or no number."""
    if not text or field.kind == "text":
        return text or None
    return _number(text, texts)


def _number(text: str, texts: Texts) -> float | None:
    """A number with either decimal mark; one that could as well part thousands ("1,500") is none."""
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > 40:
        return None
    tail = match[1] or ""
    if tail and tail[0] != texts.decimal and len(tail) == 4:
        return None
    return float(text.replace(",", "."))


def _field_error(field: Field, cell: Cell, texts: Texts) -> str | None:
    if isinstance(cell, str):
        return texts.unknown if field.allowed and cell not in field.allowed else None
    low, high = field.low, field.high
    if (low is None or cell >= low) and (high is None or cell <= high):
        return texts.whole if field.whole and not cell.is_integer() else None
    shown_low = "" if low is None else number_text(low, texts)
    shown_high = "" if high is None else number_text(high, texts)
    text = texts.at_most if low is None else texts.at_least if high is None else texts.between
    return text.format(low=shown_low, high=shown_high)


def _printable(text: str) -> str:
    """Without control characters, which neither a database nor a table can keep; ends of lines are one character."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in text if character in "\n\t" or ord(character) >= 32)
