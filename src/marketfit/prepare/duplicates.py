"""Remove duplicates: of equal and nearly equal texts with one label, one stays. Each removal leaves a receipt.

Which one stays does not depend on the order of the file: test before valid before train, then by a hash of the
content. Test rows are removed only where text and label repeat exactly. Equal or nearly equal texts with different
labels may be a real distinction ("turn on", "turn off"): they stay and are reported.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from marketfit.prepare.keys import Keys
from marketfit.prepare.near import NearIndex, Sketch, sketches
from marketfit.prepare.options import MOST_INDEXED
from marketfit.prepare.rows import Input, Receipt, Rows, Split
from marketfit.task import Progress

REASONS: Mapping[str, str] = {"exact": "exact duplicate", "near": "near-duplicate"}

_RANK: Mapping[Split | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_TELL_EVERY = 500  # rows


@dataclass(frozen=True)
class Found:
    """A row that an earlier one stands for; both are places in `Rows`."""

    removed: int
    kept: int
    similarity: float
    kind: Literal["exact", "near"]

    def receipt(self, rows: Rows) -> Receipt:
        """By row numbers of the source."""
        removed, kept = int(rows.numbers[self.removed]), int(rows.numbers[self.kept])
        return Receipt(removed, kept, round(self.similarity, 4), self.kind)


@dataclass
class Duplicates:
    """Looks rows up among those that stay, and remembers them. Feed it rows in the order of priority."""

    rows: Rows
    keys: Keys
    index: NearIndex = field(default_factory=NearIndex)
    found: list[Found] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    distinct: list[tuple[int, int]] = field(default_factory=list)  # nearly equal, but with different labels
    _by_text: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def priority(self) -> list[int]:
        """All rows, those that stay in doubt first."""
        order, splits, labels, numbers = self.keys.order, self.rows.splits, self.rows.labels, self.rows.numbers
        return sorted(range(len(self.rows)), key=lambda i: (_RANK[splits[i]], order[i], labels[i], int(numbers[i])))

    def settle(self, order: Sequence[int], *, progress: Progress) -> None:
        """Decide about rows, in this order."""
        small = len(self.rows) <= MOST_INDEXED
        for done, (row, sketch) in enumerate(zip(order, self._sketches(order), strict=True)):
            duplicate = self._exact(row) or (self._near(row, sketch) if sketch else None)
            if duplicate:
                self.found.append(duplicate)
            else:
                self.keep(row, sketch, indexed=small or self.rows.splits[row] in ("valid", "test"))
            if done % _TELL_EVERY == 0:
                progress(done / len(order))

    def keep(self, row: int, sketch: Sketch | None, *, indexed: bool = True) -> None:
        """Let a row stay, and later ones be compared with it."""
        self.kept.append(row)
        self._by_text[self.keys.loose[row]].append(row)
        if sketch is not None and indexed:
            self.index.add(row, sketch)

    def keep_all(self, order: Sequence[int]) -> None:
        """Let rows stay without looking them up."""
        small = len(self.rows) <= MOST_INDEXED
        for row, sketch in zip(order, self._sketches(order), strict=True):
            self.keep(row, sketch, indexed=small or self.rows.splits[row] in ("valid", "test"))

    def equals(self, key: str) -> list[int]:
        """The rows that stay and have this loose key."""
        return list(self._by_text.get(key, ()))

    def _sketches(self, order: Sequence[int]) -> Iterator[Sketch | None]:
        if _all_text(self.rows.inputs):
            return iter(sketches(self.keys.loose[row] for row in order))
        return itertools.repeat(None, len(order))

    def _exact(self, row: int) -> Found | None:
        same = [i for i in self.equals(self.keys.loose[row]) if self.rows.labels[i] == self.rows.labels[row]]
        if self.rows.splits[row] == "test":
            same = [i for i in same if self.keys.strict[i] == self.keys.strict[row]]
        return Found(row, same[0], 1.0, "exact") if same else None

    def _near(self, row: int, sketch: Sketch) -> Found | None:
        for other, value in self.index.similar(sketch):
            if self.rows.labels[other] != self.rows.labels[row]:
                self.distinct.append((row, other))
            elif self.rows.splits[row] != "test":
                return Found(row, other, value, "near")
        return None


def _all_text(inputs: Sequence[Input]) -> bool:
    return not any(isinstance(example, bytes) for example in inputs)
