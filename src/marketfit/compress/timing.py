"""Latency, memory and cost of variants: fresh processes on the target's threads, interleaved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marketfit.brief import Brief
from marketfit.bundle import read_spec
from marketfit.engine import Run
from marketfit.measure.machine import fingerprint
from marketfit.measure.probe import Probed, probe
from marketfit.measure.process_metrics import (
    USUAL_BATCH,
    Plan,
    Setting,
    batch_speeds,
    process_figures,
    process_measurements,
)
from marketfit.records.variants import Variant
from marketfit.task import Example

GLANCE = 2, 100
"""Processes and requests that a plan looks at: enough to compare, too few to promise anything."""


def glance(brief: Brief, variant: Variant, valid: Sequence[Example], *, run: Run) -> dict[str, float] | str:
    """What a few short processes give: metric → value, or what the one that failed said."""
    processes, requests = GLANCE
    plan = Plan(brief.target.threads, processes, requests, batches=(USUAL_BATCH,))
    folder = run.workspace.open_folder(variant.bundle)
    inputs = sampled_inputs(valid, processes * requests, run=run)
    with run.reporter.task(f"a look at {variant.name}") as progress:
        seen = probe({variant.name: folder}, inputs, plan=plan, progress=progress)[variant.name]
    return seen.failure or process_figures(seen.processes, price_per_hour=brief.target.price_per_hour)


def time_variants(
    brief: Brief, variants: Sequence[Variant], valid: Sequence[Example], *, run: Run
) -> tuple[tuple[Variant, ...], str]:
    """The variants with their process measurements, and the fingerprint of the machine with all of their engines.

    Inputs are drawn from `valid`. A variant whose process fails is rejected, with what the process said.
    """
    setting = Setting(brief.target.threads, brief.require, brief.target.price_per_hour, brief.target.processes)
    folders = {variant.name: run.workspace.open_folder(variant.bundle) for variant in variants}
    engines = {name: read_spec(folder).session.engine for name, folder in folders.items()}
    plan = setting.plan
    inputs = sampled_inputs(valid, plan.processes * plan.requests, run=run)
    with run.reporter.task(f"timing of {len(variants)} variants in fresh processes") as progress:
        probed = probe(folders, inputs, plan=plan, progress=progress)
    timed = [
        _timed(variant, probed[variant.name], replace(setting, engine=engines[variant.name])) for variant in variants
    ]
    return tuple(timed), fingerprint(*engines.values())


def sampled_inputs(inputs: Sequence[Example], most: int, *, run: Run) -> list[Example]:
    """Valid inputs in random order, each once; where they are few the probe starts again with the first."""
    order = run.rng("compress", "timing").permutation(len(inputs))[:most]
    return [inputs[row] for row in order.tolist()]


def _timed(variant: Variant, probed: Probed, setting: Setting) -> Variant:
    if probed.failure:
        return variant.model_copy(update={"rejected": probed.failure, "sittings": 1})
    measured = (*variant.measurements, *process_measurements(probed.processes, setting))
    found = {"measurements": measured, "batches": batch_speeds(probed.processes), "sittings": 1}
    return variant.model_copy(update=found)
