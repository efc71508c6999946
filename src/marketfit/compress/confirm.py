"""The second sitting: what is about to ship is timed once more, later and by itself.

All variants are timed in turns, within the same minutes, which is fair among them. But a shared machine has slow
minutes and fast ones (a process of one and the same bundle: a sixth up or down, benchmarks/README.md, Promises), and a
sitting sees one kind. A promise has to hold in the other kind too, so the worse of both sittings counts.
"""

from __future__ import annotations

from dataclasses import replace

from marketfit.brief import Brief
from marketfit.compress.plan.front import axes_of, front_of
from marketfit.compress.timing import time_variants
from marketfit.contract import METRICS, Measurement
from marketfit.engine import Run, read_split, step
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision
from marketfit.records.variants import Variant, Variants


def unconfirmed(brief: Brief, variants: Variants, decision: Decision) -> str | None:
    """The name of the winner, if something is required of its processes and it was timed in one sitting only."""
    if not any(METRICS[need.metric].evidence == "process" for need in brief.require):
        return None
    winner = next((one for one in variants.variants if one.name == decision.winner), None)
    return winner.name if winner is not None and winner.sittings == 1 else None


@step(version=1, gives=Variants, reads=("product", "target", "require", "weights", "market", "seed"))
def confirm(brief: Brief, dataset: Dataset, variants: Variants, name: str, /, *, run: Run) -> Variants:
    """All variants, of which the one of this name was timed again; of each of its measurements the worse one is kept.

    A variant whose process fails this time is rejected, with what the process said.
    """
    once = next(one for one in variants.variants if one.name == name)
    quality = tuple(found for found in once.measurements if METRICS[found.metric].evidence != "process")
    inputs = read_split(dataset, "valid", run.workspace).labelled.inputs
    (again,), _machine = time_variants(brief, [once.model_copy(update={"measurements": quality})], inputs, run=run)
    both = again if again.rejected else _worse(once, again)
    made = tuple(both if one.name == name else one for one in variants.variants)
    return variants.model_copy(
        update={
            "variants": made,
            "front": front_of(made, axes_of(brief)),
            "notes": (*variants.notes, *_told(brief, once, both)),
        }
    )


def _worse(once: Variant, again: Variant) -> Variant:
    second = {found.metric: found for found in again.measurements}
    measurements = tuple(
        _worse_of(found, second[found.metric])
        if METRICS[found.metric].evidence == "process" and found.metric in second
        else found
        for found in once.measurements
    )
    slower = once.measured("throughput_per_s"), again.measured("throughput_per_s")
    batches = again.batches if slower[0] and slower[1] and slower[1].low < slower[0].low else once.batches
    return once.model_copy(update={"measurements": measurements, "batches": batches, "sittings": 2})


def _worse_of(first: Measurement, second: Measurement) -> Measurement:
    """By the bound that a requirement of the metric is held against."""
    higher = METRICS[first.metric].better == "higher"
    worse = min(first, second, key=lambda found: found.low if higher else -found.high)
    return replace(worse, conditions=f"{worse.conditions}, the worse of two sittings")


def _told(brief: Brief, once: Variant, both: Variant) -> list[str]:
    """What the second sitting changed of what is required."""
    if both.rejected:
        return [f"{once.name} was chosen, and failed when it was timed again: {both.rejected}"]
    changed = []
    for need in brief.require:
        before, after = once.measured(need.metric), both.measured(need.metric)
        if METRICS[need.metric].evidence == "process" and before and after and after.value != before.value:
            changed.append(f"{need.metric} {_bounds(before)}, then {_bounds(after)}")
    if not changed:
        return []
    return [f"{once.name} was chosen and timed again by itself, with worse figures: {'; '.join(changed)}."]


def _bounds(found: Measurement) -> str:
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"
