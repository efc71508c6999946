"""Answers to the rows of a file, and how they are written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from marketfit.bundle import Prediction
from marketfit.errors import ToldError, as_marketfit


class Writable(Protocol):
    """Where answers go."""

    def write(self, text: str, /) -> object:
        """Write some text."""
        ...


@dataclass(frozen=True)
class Answer:
    """The answer to one row of a file; `problem` says why there is none."""

    row: int
    prediction: Prediction | None
    problem: str


def write_csv(answers: Iterable[Answer], into: Writable) -> None:
    """Write answers as CSV: row, label, score, abstain, problem."""
    writer = csv.writer(into, lineterminator="\n")
    header = ("row", "label", "score", "abstain", "problem")
    for number, answer in enumerate(answers):
        if number == 0:
            writer.writerow(header)
        given = answer.prediction
        cells = (given.label, f"{given.score:.6f}", str(given.abstain).lower()) if given else ("", "", "")
        writer.writerow((answer.row, *cells, answer.problem))


def write_json(answers: Iterable[Answer], into: Writable) -> None:
    """Write answers as one JSON list of {label, score, abstain}; a row without one has nulls and its problem.

    Where no more answers can be had, the list ends with the error in the place of the next answer: it is one document
    still, and not one that looks whole.

    Raises:
        ToldError: the list ends with an error.
    """
    separator = "["
    try:
        for answer in answers:
            text = _as_json(answer)
            into.write(f"{separator}{text}")
            separator = ",\n"
    except BrokenPipeError:
        raise
    except Exception as error:
        if separator == "[":
            raise
        told = as_marketfit(error)
        into.write(f"{separator}{json.dumps(told.document(), ensure_ascii=False)}]\n")
        raise ToldError(told) from error
    into.write("[]\n" if separator == "[" else "]\n")


def _as_json(answer: Answer) -> str:
    given = answer.prediction
    document: dict[str, str | float | bool | None] = {
        "label": given.label if given else None,
        "score": round(given.score, 6) if given else None,
        "abstain": given.abstain if given else None,
    }
    if answer.problem:
        document["problem"] = answer.problem
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
