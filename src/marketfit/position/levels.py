"""The level at which an opening of the locked test is judged."""

from __future__ import annotations

from marketfit.contract import DEFAULT_CONFIDENCE, Requirement


def level_of(opening: int, *, confidence: float = DEFAULT_CONFIDENCE) -> float:
    """α/(k(k+1)) of opening number k: over all openings the levels add up to α.

    >>> [round(level_of(k), 4) for k in (1, 2, 3)]
    [0.025, 0.0083, 0.0042]
    """
    if opening < 1:
        raise ValueError(f"openings are counted from 1, not {opening}")
    return (1.0 - confidence) / (opening * (opening + 1))


def confidence_at(requirement: Requirement, opening: int) -> float:
    """The confidence at which a quality requirement has to be proved at opening number k: never below its own."""
    return 1.0 - level_of(opening, confidence=requirement.confidence)
