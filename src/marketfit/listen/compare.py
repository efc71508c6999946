"""Champion against challenger: on audited traffic, and on the locked test."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from marketfit.bundle import Bundle
from marketfit.listen.evalue import evalue
from marketfit.listen.gather import AuditedPair, comparable
from marketfit.measure.compare import compare_scores, mcnemar
from marketfit.records.decision import Comparison, TestComparison

_PIECE = 256


def compare(
    champion: Bundle, challenger: Bundle, pairs: Sequence[AuditedPair], *, trained_on: Collection[JsonValue]
) -> Comparison:
    """Let both bundles answer the audited inputs.

    Args:
        champion: the bundle in service.
        challenger: the one that wants its place.
        pairs: inputs drawn uniformly from traffic, with their truths.
        trained_on: the challenger's training inputs; pairs that equal one of them, normalised, are left out.
    """
    seen = {comparable(example) for example in trained_on}
    kept = [pair for pair in pairs if comparable(pair.input) not in seen]
    first, second = _right(champion, kept), _right(challenger, kept)
    differing = mcnemar(second, first)
    return Comparison(
        champion=champion.digest or "",
        challenger=challenger.digest or "",
        pairs=len(kept),
        excluded=len(pairs) - len(kept),
        simulated=sum(pair.simulated for pair in kept),
        champion_right=int(first.sum()),
        challenger_right=int(second.sum()),
        only_champion=differing.only_second,
        only_challenger=differing.only_first,
        e_better=evalue(differing.only_first, differing.only_second),
        e_harm=evalue(differing.only_second, differing.only_first),
    )


def compare_on_test(
    champion: Sequence[bool] | NDArray[np.bool_],
    challenger: Sequence[bool] | NDArray[np.bool_],
    *,
    level: float,
    seed: int,
) -> TestComparison:
    """Compare which rows of the locked test each has right, in the same order; bounds are one-sided at `level`.

    Raises:
        ValueError: the vectors are not of the same rows.
    """
    first, second = np.asarray(champion, dtype=np.bool_), np.asarray(challenger, dtype=np.bool_)
    paired = compare_scores(second, first, confidence=1.0 - level, seed=seed)
    differing = mcnemar(second, first)
    return TestComparison(
        rows=paired.rows,
        difference=paired.difference,
        low=paired.low,
        high=paired.high,
        level=level,
        only_champion=differing.only_second,
        only_challenger=differing.only_first,
    )


def answers_right(bundle: Bundle, inputs: Sequence[JsonValue], truths: Sequence[str]) -> NDArray[np.bool_]:
    """Which inputs a bundle labels rightly."""
    right = [
        answer.label == truth
        for start in range(0, len(inputs), _PIECE)
        for answer, truth in zip(
            bundle.predict(inputs[start : start + _PIECE]), truths[start : start + _PIECE], strict=True
        )
    ]
    return np.array(right, dtype=np.bool_)


def _right(bundle: Bundle, pairs: Sequence[AuditedPair]) -> NDArray[np.bool_]:
    return answers_right(bundle, [pair.input for pair in pairs], [pair.truth for pair in pairs])
