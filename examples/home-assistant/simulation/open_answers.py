"""Open answers, and what coders make of them. The texts were written one by one, by nobody who owns the product."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulation.choosing import Sample

CODERS = {"coder-a": 0.94, "coder-b": 0.90, "coder-c": 0.62}  # the chance that a coder finds the code of its author
CODED = 60


@dataclass(frozen=True)
class Written:
    """One answer: the code that its author had in mind, the segment that it suits, the text."""

    code: str
    segment: str
    text: str


def read_written(path: Path) -> list[Written]:
    """The answers in their file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Written(row["code"], row["segment"], row["text"]) for row in csv.DictReader(file)]


def interviews(written: Sequence[Written], sample: Sample, rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of interviews.csv: every answer is given by a different person of its segment."""
    people = rng.permutation(len(sample.names)).tolist()
    given = []
    for answer in written:
        person = next(person for person in people if sample.segment(person) == answer.segment)
        people.remove(person)
        given.append((person, answer.text))
    for person, text in sorted(given):
        yield [sample.names[person], text]


def codings(written: Sequence[Written], rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of codings.csv: three coders on the same answers; a wrong code is any other one."""
    codes = sorted({answer.code for answer in written})
    for place in sorted(rng.choice(len(written), size=CODED, replace=False).tolist()):
        answer = written[place]
        others = [code for code in codes if code != answer.code]
        for coder, skill in CODERS.items():
            code = answer.code if rng.random() < skill else str(rng.choice(others))
            yield [answer.text, coder, code]
