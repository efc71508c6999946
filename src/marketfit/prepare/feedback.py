"""Rows learnt from users: they go to train only, and nothing that nears a test or valid row comes in.

Each feedback row has one vote on the label of its text, a row of the source too. A correction that is alone against
the source therefore does not enter; two that agree replace the source's row in train.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marketfit.prepare.contradictions import NO_MAJORITY
from marketfit.prepare.duplicates import REASONS, Duplicates, Found
from marketfit.prepare.keys import Keys
from marketfit.prepare.near import Sketch, sketches
from marketfit.prepare.normalise import clean_input, clean_text
from marketfit.prepare.rows import Quarantine, Rows
from marketfit.records.data import FeedbackBatch

UNKNOWN_LABEL = "feedback with a label that the data does not have"
TOO_NEAR = "feedback too near to a row of test or valid"
OUTVOTED_SOURCE = "contradictory label, outvoted by feedback"
LOST_VOTE = "feedback outvoted on the label of its text"


@dataclass
class Admitted:
    """Places, in the rows given, of the feedback that enters and of source rows that give way to it."""

    enter: list[int] = field(default_factory=list)
    leave: dict[int, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)


def feedback_rows(batch: FeedbackBatch, known: Rows, *, first: int, quarantine: Quarantine) -> Rows:
    """The batch as rows, numbered from `first`; what can't be used is put aside.

    A row number is given to every row of the batch, so that the counts add up.
    """
    labels = set(known.labels)
    rows = Rows(np.zeros(0, np.int64), [], [], [], [], {name: [] for name in known.sensitive}, [])
    numbers: list[int] = []
    for number, row in enumerate(batch.rows, start=first):
        given = row.input if isinstance(row.input, str) else None
        example, reason = clean_input(given)
        label, _ = clean_text(row.label)
        if reason or label not in labels:
            quarantine.add(number, reason or UNKNOWN_LABEL, row.input)
            continue
        numbers.append(number)
        rows.inputs.append(example)
        rows.labels.append(label)
        rows.splits.append("train")
        rows.groups.append(None)
        rows.origins.append("feedback")
        for column in rows.sensitive.values():
            column.append(None)
    return Rows(
        np.array(numbers, dtype=np.int64),
        rows.inputs, rows.labels, rows.splits, rows.groups, rows.sensitive, rows.origins,
    )  # fmt: skip


class Admission:
    """Decides about feedback rows, once the source's rows have their splits."""

    def __init__(self, rows: Rows, keys: Keys, source: Sequence[int], feedback: Sequence[int]) -> None:
        """`source` and `feedback` are places in `rows`; the source's rows are all in splits."""
        self._rows = rows
        self._keys = keys
        self._feedback = sorted(feedback, key=lambda i: (keys.order[i], rows.labels[i], int(rows.numbers[i])))
        self._near = Duplicates(rows, keys)
        self._near.keep_all(source)
        self._train = Counter(rows.labels[i] for i in source if rows.splits[i] == "train")
        self._admitted = Admitted()

    def decide(self, quarantine: Quarantine) -> Admitted:
        """Which rows enter; the others are put aside with their reasons."""
        open_rows: list[tuple[int, Sketch]] = []
        sketched = sketches(self._keys.loose[i] for i in self._feedback)
        for row, sketch in zip(self._feedback, sketched, strict=True):
            if self._held(row, sketch):
                self._aside(quarantine, row, TOO_NEAR)
            else:
                open_rows.append((row, sketch))
        winners = self._vote([row for row, _ in open_rows])
        for row, sketch in open_rows:
            reason = winners.get(self._keys.strict[row], {}).get(self._rows.labels[row], "")
            if reason:
                self._aside(quarantine, row, reason)
            else:
                self._enter(row, sketch, quarantine)
        return self._admitted

    def _held(self, row: int, sketch: Sketch) -> bool:
        near = [other for other, _ in self._near.index.similar(sketch)]
        return any(self._rows.splits[i] != "train" for i in [*self._near.equals(self._keys.loose[row]), *near])

    def _vote(self, feedback: Sequence[int]) -> dict[str, dict[str, str]]:
        """For each contested text: label → why its feedback rows can't enter (empty: they won)."""
        texts: dict[str, list[int]] = defaultdict(list)
        for row in feedback:
            texts[self._keys.strict[row]].append(row)
        verdicts: dict[str, dict[str, str]] = {}
        for text, rows in texts.items():
            loose = self._keys.loose[rows[0]]
            stands = [i for i in self._near.equals(loose) if self._keys.strict[i] == text]
            votes = Counter(self._rows.labels[i] for i in [*rows, *stands])
            if len(votes) < 2:
                continue
            winner, count = votes.most_common(1)[0]
            clear = 2 * count > sum(votes.values())
            losers = [i for i in stands if self._rows.labels[i] != winner]
            if clear and all(self._train[self._rows.labels[i]] > 1 for i in losers):
                self._train.subtract(self._rows.labels[i] for i in losers)
                self._admitted.leave |= dict.fromkeys(losers, OUTVOTED_SOURCE)
                verdicts[text] = {label: "" if label == winner else LOST_VOTE for label in votes}
            else:
                mine = {self._rows.labels[i] for i in stands}
                verdicts[text] = {label: "" if label in mine else NO_MAJORITY for label in votes}
        return verdicts

    def _enter(self, row: int, sketch: Sketch, quarantine: Quarantine) -> None:
        label = self._rows.labels[row]
        equal = [(i, 1.0) for i in self._near.equals(self._keys.loose[row])]
        for other, value in [*equal, *self._near.index.similar(sketch)]:
            if self._rows.labels[other] == label and other not in self._admitted.leave:
                kind = "exact" if self._keys.loose[other] == self._keys.loose[row] else "near"
                self._admitted.found.append(Found(row, other, value, "exact" if kind == "exact" else "near"))
                self._aside(quarantine, row, REASONS[kind])
                return
        self._admitted.enter.append(row)
        self._near.keep(row, sketch)

    def _aside(self, quarantine: Quarantine, row: int, reason: str) -> None:
        quarantine.add(int(self._rows.numbers[row]), reason, self._rows.inputs[row])
