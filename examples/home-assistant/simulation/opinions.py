"""What simulated annotators say of single utterances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

ANNOTATORS, ITEMS, ANSWERS = 30, 200, 3
SKILL = (0.70, 0.95)  # an annotator's chance of being right is uniform between these


def opinions(utterances: Sequence[tuple[str, str]], rng: np.random.Generator) -> Iterator[list[str]]:
    """The rows of opinions.csv: three different annotators an item; a wrong answer is any other intent."""
    intents = sorted({intent for _, intent in utterances})
    skills = rng.uniform(*SKILL, size=ANNOTATORS)
    for row in rng.choice(len(utterances), size=ITEMS, replace=False):
        text, intent = utterances[int(row)]
        others = [other for other in intents if other != intent]
        for annotator in sorted(rng.choice(ANNOTATORS, size=ANSWERS, replace=False)):
            right = rng.random() < skills[annotator]
            yield [text, f"a{annotator + 1:02d}", intent if right else str(rng.choice(others))]
