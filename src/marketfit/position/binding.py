"""Nothing is feasible: which requirement stands in the way, and which variant comes nearest to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marketfit.contract import METRICS, Requirement
from marketfit.position.kept import Outlook
from marketfit.records.variants import Variant


@dataclass(frozen=True)
class Obstacle:
    """The binding requirement, the variant nearest to it (empty where none was measured), and a sentence.

    `provable`: whether another model could overcome it; not where the test has too few rows to prove it of any.
    """

    requirement: str
    nearest: str
    words: str
    provable: bool = True


def obstacle(variants: Sequence[Variant], outlooks: Sequence[Outlook], requirements: Sequence[Requirement]) -> Obstacle:
    """The requirement whose nearest variant is farthest away from it.

    A requirement that was measured but that no result on this test split could prove is farther than any other. What
    was not measured (a variant far too large is not timed) counts only where nothing else stands in the way. Where
    each requirement is met by some variant but none meets all, it is the one that the best variant fails.
    """
    judged = list(zip(variants, outlooks, strict=True))
    for need in requirements:
        measured = [v for v, _ in judged if v.measured(need.metric) is not None]
        if measured and all(math.isinf(outlook.distances[str(need)]) for v, outlook in judged if v in measured):
            nearest = max(measured, key=lambda v: (_value(v, need), v.name))
            return Obstacle(str(need), nearest.name, _unprovable(nearest, need), provable=False)
    reached = {str(need): _nearest(judged, need) for need in requirements}
    missed = {name: found for name, found in reached.items() if found and found[1] > 0}
    if missed:
        name = max(missed, key=lambda item: missed[item][1])
        return _missed(name, missed[name][0], requirements)
    return _together(judged, requirements, reached)


def _nearest(judged: Sequence[tuple[Variant, Outlook]], need: Requirement) -> tuple[Variant, float] | None:
    """The variant to name for a requirement, one that could ship if there is any, and the smallest distance of all."""
    finite = [(v, o) for v, o in judged if math.isfinite(o.distances[str(need)])]
    if not finite:
        return None
    variant, _ = min(
        finite,
        key=lambda item: (bool(item[0].rejected), item[1].distances[str(need)], -_value(item[0], need), item[0].name),
    )
    return variant, min(outlook.distances[str(need)] for _, outlook in finite)


def _together(
    judged: Sequence[tuple[Variant, Outlook]],
    requirements: Sequence[Requirement],
    reached: dict[str, tuple[Variant, float] | None],
) -> Obstacle:
    """Each requirement can be reached, but not all by one variant; or there is one that nobody measured."""
    for name, found in reached.items():
        if found is None:
            return Obstacle(name, "", f"{name} was not measured on any variant")
    variant, outlook = max(judged, key=lambda item: (-max(item[1].distances.values()), item[1].kept, item[0].name))
    name = max(outlook.distances, key=lambda item: (outlook.distances[item], -outlook.probabilities[item]))
    if outlook.distances[name] > 0 and math.isfinite(outlook.distances[name]):
        alone = _missed(name, variant, requirements)
        return Obstacle(name, variant.name, f"no variant meets all requirements at once; {alone.words}")
    why = outlook.reason or "it lacks a measurement that the goal needs"
    return Obstacle(name, variant.name, f"{variant.name} comes nearest: {why}")


def _missed(name: str, variant: Variant, requirements: Sequence[Requirement]) -> Obstacle:
    need = next(item for item in requirements if str(item) == name)
    measured = variant.measured(need.metric)
    at = (
        f"{measured.value:.4g} ({measured.low:.4g} to {measured.high:.4g}, n = {measured.n})" if measured else "nothing"
    )
    return Obstacle(name, variant.name, f"{name} is not within reach: nearest is {variant.name} with {at}")


def _unprovable(variant: Variant, need: Requirement) -> str:
    measured = variant.measured(need.metric)
    at = f"{measured.value:.4g} on {measured.n} valid rows" if measured else "nothing"
    return (
        f"{need} cannot be proved on this test split, not even by a model without error: it has too few rows. "
        f"Nearest is {variant.name} with {at}"
    )


def _value(variant: Variant, need: Requirement) -> float:
    """The measured value, in the better direction."""
    measured = variant.measured(need.metric)
    if measured is None:
        return -math.inf
    return measured.value if METRICS[need.metric].better == "higher" else -measured.value
