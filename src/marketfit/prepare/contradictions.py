"""The same text with different labels: the strict majority wins, without one all copies go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from marketfit.prepare.rows import Split

OUTVOTED = "contradictory label, outvoted by equal texts"
NO_MAJORITY = "contradictory labels of equal texts, no majority"
AGAINST_TEST = "contradicts the label of an equal text in test"


@dataclass(frozen=True)
class Contradictions:
    """`removed`: row → reason; `texts` counts the texts with several labels, `in_test` those left in test."""

    removed: dict[int, str]
    texts: int
    in_test: int


def contradictions(strict: Sequence[str], labels: Sequence[str], splits: Sequence[Split | None]) -> Contradictions:
    """Settle every text that has several labels.

    A test split that the user gave is left whole: it may hold a contradiction, and rows elsewhere give way to it.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(strict):
        groups[key].append(row)
    removed: dict[int, str] = {}
    texts = in_test = 0
    for rows in groups.values():
        votes = Counter(labels[row] for row in rows)
        if len(votes) < 2:
            continue
        texts += 1
        tested = {labels[row] for row in rows if splits[row] == "test"}
        in_test += len(tested) > 1
        if tested:
            gone = [row for row in rows if splits[row] != "test" and (labels[row] not in tested or len(tested) > 1)]
            removed |= dict.fromkeys(gone, AGAINST_TEST)
            continue
        winner, count = votes.most_common(1)[0]
        if 2 * count > len(rows):
            removed |= {row: OUTVOTED for row in rows if labels[row] != winner}
        else:
            removed |= dict.fromkeys(rows, NO_MAJORITY)
    return Contradictions(removed, texts, in_test)
