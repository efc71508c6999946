"""What can be said of a part of the rows without a label: its typical rows and its words."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketfit.task import Example, FloatMatrix

Mask = NDArray[np.bool_]

_FEWEST = 5  # rows that hold a word before it may stand for them
_SURE = 2.0  # standard errors


def words_of(text: str) -> list[str]:
    """The words of a text in their order, in small letters.

    >>> words_of("Play it, please")
    ['play', 'it', 'please']
    """
    return re.findall(r"\w+", text.lower())


def phrases(text: str) -> set[str]:
    """The words and the pairs of neighbouring words of a text.

    >>> sorted(phrases("Play it, please"))
    ['it', 'it please', 'play', 'play it', 'please']
    """
    words = words_of(text)
    return {*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))}


def most_typical(features: FloatMatrix, part: Mask, centre: NDArray[np.float32], *, count: int) -> list[int]:
    """Numbers of the part's rows that point most in the direction of its centre, the nearest first.

    Args:
        features: rows (n, dim) of unit length.
        part: which of them belong to the part (n,).
        centre: direction of the part (dim,).
        count: rows at the most.
    """
    mine = np.flatnonzero(part)
    order = np.argsort(-(features[mine] @ centre), kind="stable")
    return [int(row) for row in mine[order[:count]]]


def telling_words(texts: Sequence[Example], part: Mask, *, count: int) -> tuple[str, ...]:
    """The words that stand in more rows of a part than elsewhere, the surest first; none where rows are no texts.

    A word's log odds ratio is divided by its standard error, with half a row added to each cell (Haldane 1956,
    Anscombe 1956); words of fewer than five of the part's rows, or below two standard errors, are left out.

    >>> part = np.array([True] * 5 + [False] * 5)
    >>> telling_words(["dim the lamp"] * 5 + ["what is the time"] * 5, part, count=2)
    ('dim', 'lamp')
    """
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    for text, mine in zip(texts, part.tolist(), strict=True):
        if isinstance(text, str):
            (inside if mine else outside).update(set(words_of(text)))
    frequent = sorted(word for word, rows in inside.items() if rows >= _FEWEST)
    here, there = int(part.sum()), int((~part).sum())
    cells = np.array([[inside[w], here - inside[w], outside[w], there - outside[w]] for w in frequent]) + 0.5
    if not len(cells):
        return ()
    logs = np.log(cells)
    sure = (logs[:, 0] - logs[:, 1] - logs[:, 2] + logs[:, 3]) / np.sqrt((1.0 / cells).sum(axis=1))
    best = np.argsort(-sure, kind="stable")[:count]
    return tuple(frequent[place] for place in best.tolist() if sure[place] > _SURE)
