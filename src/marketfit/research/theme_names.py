"""Names of themes: the words that tell one from the others, in any language that the embedder knows.

Two things make a word tell. It stands in the theme's statements more than in others: the z-score of its log-odds under
an informative Dirichlet prior, the words of all statements (Monroe, Colaresi & Quinn 2008, "Fightin' words"). And it
means what the theme means: its embedding lies nearer to the centre of the theme than to other centres (after
Grootendorst 2020, KeyBERT). Function words and negations may pass the first by chance where few people speak, and
fail the second; so there is no list of stop words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from marketfit.research.given import Floats
from marketfit.task import FloatMatrix

Embed: TypeAlias = Callable[[Sequence[str]], FloatMatrix]

_TERMS, _CANDIDATES = 3, 30
_LEAST = 0.3  # of the score of a theme's first word: what falls short of it adds no meaning


def theme_names(themes: Sequence[Sequence[str]], centres: FloatMatrix, embed: Embed | None = None) -> tuple[str, ...]:
    """A name for each theme, of up to three words; without `embed` by log-odds alone.

    themes: texts of each. centres: (themes, dim) mean embeddings. embed: texts → (texts, dim) of unit length.

    >>> theme_names([["it is slow", "slow it is"], ["it is dear", "is it dear"]], np.eye(2))
    ('slow', 'dear')
    """
    counted = [Counter(word for text in texts for word in _words(text)) for texts in themes]
    everything = sum(counted, Counter[str]())
    weights = [_log_odds(mine, everything) if len(counted) > 1 else _frequency(mine) for mine in counted]
    candidates = [sorted(weight, key=lambda word: (-weight[word], word))[:_CANDIDATES] for weight in weights]
    vocabulary = sorted({word for words in candidates for word in words})
    nearness = _nearness(vocabulary, centres, embed)
    names = []
    for theme, words in enumerate(candidates):
        scores = {word: weights[theme][word] * nearness[vocabulary.index(word), theme] for word in words}
        ranked = sorted((word for word in words if scores[word] > 0), key=lambda word: (-scores[word], word))
        telling = [word for word in ranked if scores[word] >= _LEAST * scores[ranked[0]]]
        names.append(", ".join(telling[:_TERMS]) or "(no words)")
    return tuple(names)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_][\w'’]*", text.lower()) if len(word) > 1}


def _frequency(mine: Counter[str]) -> dict[str, float]:
    return {word: float(count) for word, count in mine.items()}


def _log_odds(mine: Counter[str], everything: Counter[str]) -> dict[str, float]:
    """The z-score of each word of a theme against all other themes."""
    total, own = everything.total(), mine.total()
    found = {}
    for word, count in mine.items():
        prior = everything[word]
        rest = prior - count
        here = math.log((count + prior) / (own - count + total - prior or 1))
        there = math.log((rest + prior) / (total - own - rest + total - prior or 1))
        found[word] = (here - there) / math.sqrt(1 / (count + prior) + 1 / (rest + prior))
    return found


def _nearness(words: Sequence[str], centres: FloatMatrix, embed: Embed | None) -> Floats:
    """(words, themes) how much nearer a word is to a theme than to the others on average; 1 without `embed`."""
    themes = len(centres)
    if embed is None or not words:
        return np.ones((len(words), themes))
    alike = embed(words).astype(np.float64) @ centres.T.astype(np.float64)
    others = (alike.sum(axis=1, keepdims=True) - alike) / max(themes - 1, 1)
    return np.asarray((alike - others).round(6))
