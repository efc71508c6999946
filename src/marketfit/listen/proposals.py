"""What the person who decides should know, in sentences with numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from marketfit.contract import Requirement
from marketfit.listen.drift import Drift
from marketfit.listen.gather import Traffic
from marketfit.listen.rows import Conflict, Learnt
from marketfit.measure.intervals import clopper_pearson
from marketfit.records.data import Slice

_SHOWN = 5
_FEWEST_CORRECTED = 3


def rate(part: int, whole: int) -> str:
    """A rate with its two-sided 95 % interval (Clopper & Pearson 1934).

    >>> rate(12, 40)
    '12 of 40 (30 %, 95 % interval 17 to 47 %)'
    """
    if not whole:
        return "0 of 0"
    bounds = clopper_pearson(part, whole, confidence=0.975)
    low, high = 100 * bounds.low, 100 * bounds.high
    return f"{part:,} of {whole:,} ({100 * part / whole:.0f} %, 95 % interval {low:.0f} to {high:.0f} %)"


def satisfaction(up: int, down: int) -> Iterator[str]:
    """How users judge."""
    if up + down:
        yield f"satisfaction: {rate(up, up + down)} thumbs are up; those who judge are no random sample"


def corrections(traffic: Traffic) -> Iterator[str]:
    """Labels that users put right most often."""
    wrong = Counter(
        judged.label
        for predicted, judged in traffic.known()
        if judged.label is not None and judged.label != predicted.note.label
    )
    for label, count in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN]:
        if count >= _FEWEST_CORRECTED:
            yield f"collect more examples of '{label}': users corrected {count} predictions to it"


def slices(found: Sequence[Slice], *, rows: int) -> Iterator[str]:
    """Parts of the traffic that fail more than the rest."""
    for part in found:
        yield (
            f"collect more examples for {part.description}: {part.failures} of {part.rows} were judged wrong "
            f"(interval {100 * part.low:.0f} to {100 * part.high:.0f} %, widened for the choice among many parts; "
            f"newest {rows:,} predictions)"
        )


def conflicts(found: Sequence[Conflict]) -> Iterator[str]:
    """Examples that users disagree about."""
    if found:
        rows = sum(conflict.rows for conflict in found)
        yield f"{rows} rows are left out: users give {len(found)} examples different labels"
    for conflict in found[:_SHOWN]:
        yield f"decide what '{conflict.example[:100]}' is: {' or '.join(conflict.labels)}"


def reserved(learnt: Learnt) -> Iterator[str]:
    """Corrections that are not trained on."""
    if learnt.reserved:
        yield (
            f"{learnt.reserved} corrections are about audited predictions: they stay out of training, "
            "because these predictions compare champion and challenger"
        )


def audit(right: int, pairs: int, requirements: Sequence[Requirement]) -> Iterator[str]:
    """What the uniform sample says of the champion, and of the promise that it made."""
    if not pairs:
        return
    yield f"accuracy on audited traffic: {rate(right, pairs)}"
    for need in requirements:
        bounds = clopper_pearson(right, pairs, confidence=need.confidence)
        if need.metric == "accuracy" and bounds.high < need.limit:
            yield (
                f"rule: {need} is not kept in the field, at most {bounds.high:.3f} with confidence {need.confidence:g} "
                f"({pairs} audited): prepare data from traffic, or lower the requirement"
            )


def abstentions(traffic: Traffic) -> Iterator[str]:
    """How often the champion was not sure."""
    if traffic.predictions:
        yield f"the champion was not sure of {rate(traffic.abstained, traffic.predictions)} predictions"


def drifts(found: Sequence[Drift], *, first: int, newest: int) -> Iterator[str]:
    """What changed between the first and the newest traffic."""
    for one in found:
        said = "have changed" if one.found else "show no change"
        yield f"drift: {one.what} {said} (p = {one.p:.3f}; {one.detail}; first {first} against newest {newest})"
