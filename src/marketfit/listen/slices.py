"""Parts of the traffic in which users say that the model is wrong more often than elsewhere.

The parts are drawn without looking at the failures: by predicted label, by word or pair of words, and by clusters of
the champion's embeddings. Each is tested against the rest by Fisher's exact test (1935), one-sided, with Holm's
correction (1979) over all parts, so that with probability 95 % no part is named by chance. The intervals of those that
are named are widened for having been chosen (Benjamini & Yekutieli 2005).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.measure.clusters import clusters
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.parts import Mask, most_typical, phrases
from marketfit.records.data import Slice
from marketfit.task import FloatMatrix

ALPHA = 0.05
FEWEST = 8  # rows of a part
_MOST_PHRASES = 2000
_EXAMPLES = 5


@dataclass(frozen=True)
class Part:
    """A part of the traffic: which rows belong to it."""

    description: str
    rows: Mask


def failing_slices(
    texts: Sequence[str], labels: Sequence[str], failed: Mask, embeddings: FloatMatrix | None
) -> tuple[Slice, ...]:
    """The parts that fail more than the rest, worst evidence first; parts that repeat a named one are left out.

    Args:
        texts: the inputs (n,), as text.
        labels: the predicted labels (n,).
        failed: whether users said that the prediction is wrong (n,).
        embeddings: feature rows (n, dim) of unit length, or None.
    """
    if not failed.any() or failed.all():
        return ()
    parts = [
        *_by_label(labels),
        *_by_phrase(texts),
        *(_by_cluster(texts, embeddings) if embeddings is not None else ()),
    ]
    named = [parts[number] for number in _significant(parts, failed)]
    confidence = 1.0 - ALPHA * max(1, len(named)) / max(1, len(parts))
    slices: list[Slice] = []
    covered = np.zeros(len(texts), dtype=np.bool_)
    for part in named:
        mine = part.rows & failed
        if (mine & covered).sum() > 0.5 * mine.sum():
            continue
        covered |= mine
        count, failures = int(part.rows.sum()), int(mine.sum())
        bounds = clopper_pearson(failures, count, confidence=confidence)
        examples = tuple(dict.fromkeys(texts[row] for row in np.flatnonzero(mine).tolist()))[:_EXAMPLES]
        slices.append(
            Slice(
                description=part.description,
                examples=examples,
                rows=count,
                failures=failures,
                low=bounds.low,
                high=bounds.high,
            )
        )
    return tuple(slices)


def _significant(parts: Sequence[Part], failed: Mask) -> list[int]:
    """Numbers of the parts that fail more than the rest, smallest p-value first (Holm)."""
    from scipy.stats import hypergeom

    total, failures = len(failed), int(failed.sum())
    sizes = np.array([part.rows.sum() for part in parts], dtype=np.int64)
    hits = np.array([(part.rows & failed).sum() for part in parts], dtype=np.int64)
    values = np.asarray(hypergeom.sf(hits - 1, total, failures, sizes), dtype=np.float64)
    order = sorted(range(len(parts)), key=lambda number: (values[number], number))
    kept: list[int] = []
    for rank, number in enumerate(order):
        if values[number] > ALPHA / (len(parts) - rank):
            break
        kept.append(number)
    return kept


def _by_label(labels: Sequence[str]) -> list[Part]:
    given = np.array(labels, dtype=np.str_)
    counts = Counter(labels)
    return [
        Part(f"predicted as '{label}'", given == label)
        for label in sorted(counts)
        if FEWEST <= counts[label] < len(labels)
    ]


def _by_phrase(texts: Sequence[str]) -> list[Part]:
    members: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for phrase in phrases(text):
            members.setdefault(phrase, []).append(number)
    frequent = [phrase for phrase, rows in members.items() if FEWEST <= len(rows) < len(texts)]
    frequent.sort(key=lambda phrase: (-len(members[phrase]), phrase))
    parts = []
    for phrase in frequent[:_MOST_PHRASES]:
        rows = np.zeros(len(texts), dtype=np.bool_)
        rows[members[phrase]] = True
        parts.append(Part(f"inputs with '{phrase}'", rows))
    return parts


def _by_cluster(texts: Sequence[str], embeddings: FloatMatrix) -> list[Part]:
    count = min(20, len(texts) // (3 * FEWEST))
    if count < 2:
        return []
    centres, nearest = clusters(embeddings, count)
    parts = []
    for number in range(len(centres)):
        rows = nearest == number
        if FEWEST <= rows.sum() < len(texts):
            (typical,) = most_typical(embeddings, rows, centres[number], count=1)
            parts.append(Part(f"inputs like '{texts[typical]}'", rows))
    return parts
