"""Texts made up of given ones, for a teacher to label: more to distil from than anybody wrote.

After Tang et al. (2019), who mask words and sample n-grams: half of the texts begin as one text and end as another, and
of each some words are left out or replaced by any word of the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SPLICED = 0.5
_DROPPED = 0.1
_REPLACED = 0.1


def made_up(texts: Sequence[str], count: int, *, seed: int) -> list[str]:
    """`count` texts; the same arguments give the same ones. None where the given ones hold no words.

    >>> made_up(["turn on the light", "play a song"], 2, seed=3)
    ['play song', 'turn light turn on the light']
    """
    random = np.random.default_rng(seed)
    split = [words for words in (text.split() for text in texts) if words]
    if not split:
        return []
    corpus = sorted({word for words in split for word in words})
    made = []
    for first, second in random.integers(0, len(split), (count, 2)):
        words = split[first]
        if random.random() < _SPLICED:
            other = split[second]
            words = words[: random.integers(1, len(words) + 1)] + other[random.integers(0, len(other)) :]
        fate = random.random(len(words))
        kept = [
            corpus[random.integers(len(corpus))] if chance < _DROPPED + _REPLACED else word
            for word, chance in zip(words, fate, strict=True)
            if chance >= _DROPPED
        ]
        made.append(" ".join(kept or words))
    return made
