"""Step 5: finalists exported, compressed as far as a plan finds worth while, reloaded, scored, timed on the target."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from marketfit import registry
from marketfit.brief import Brief
from marketfit.compress.build import VERSION, Builder, best_teacher
from marketfit.compress.engines import engines_for, further_engines
from marketfit.compress.material import Material, gather
from marketfit.compress.order import registered_passes
from marketfit.compress.plan import Planned, Walk
from marketfit.compress.plan.account import Account
from marketfit.compress.plan.bench import Bench
from marketfit.compress.plan.front import axes_of, front_of
from marketfit.compress.plan.survivors import beaten
from marketfit.compress.plan.untried import as_csv, grouped
from marketfit.compress.score import Scorer
from marketfit.compress.settings import started_best
from marketfit.compress.timing import glance, time_variants
from marketfit.engine import Run, step
from marketfit.errors import RunError
from marketfit.records.base import digest_of
from marketfit.records.data import Dataset
from marketfit.records.models import Trial, Tuned
from marketfit.records.variants import Variant, Variants

PLAN_VERSION = 2
"""Raise it when the same study would try other sequences of passes."""

_STUDY = ("task", "product", "data", "target", "require", "weights", "market", "abstain", "seed")


@step(version=8, gives=Variants, reads=(*_STUDY, "compress"))
def compress(brief: Brief, dataset: Dataset, tuned: Tuned, /, *, run: Run) -> Variants:
    """The standard variants of all finalists and those that a plan found worth it, each measured as the reloaded bundle
    that it is.

    A variant that can't be made, gives no probabilities, is far too large, or is beaten in everything by another one
    stays in the record with its reason and is not timed. A compressed variant that is no faster than what it was made
    from stays, with a note.

    Raises:
        RunError: no variant is left that could ship.
    """
    material = gather(dataset, run=run)
    trials = {trial.number: trial for trial in tuned.trials}
    finalists = {number: trials[number] for number in tuned.finalists}
    planned = _planned(brief, dataset, material, finalists, run=run)
    axes = axes_of(brief)
    variants = _without(planned, beaten(planned.tried, axes))
    sound, settings = _started([variant for variant in variants if not variant.rejected], brief, material, run=run)
    timed, machine = time_variants(brief, sound, material.valid.inputs, run=run) if sound else ((), "")
    by_name = {variant.name: variant for variant in timed}
    variants = tuple(by_name.get(variant.name, variant) for variant in variants)
    if not any(variant.bundle.files for variant in variants):
        reasons = "; ".join(f"{variant.name}: {variant.rejected}" for variant in variants)
        raise RunError(f"no finalist could be written as a bundle: {reasons}")
    return Variants(
        variants=variants,
        machine=machine,
        notes=(*planned.notes, *(line for row in planned.tried for line in row.engines), *settings, *_slower(variants)),
        front=front_of(variants, axes),
        untried=grouped(planned.untried),
        every_untried=run.workspace.put_bytes(as_csv(planned.untried), suffix=".csv") if planned.untried else None,
    )


def _planned(brief: Brief, dataset: Dataset, material: Material, finalists: dict[int, Trial], *, run: Run) -> Planned:
    passes = {item.name: item for item in registered_passes(brief.compress.passes)}
    unlabelled = dataset.unlabelled.sha256 if dataset.unlabelled is not None else ""
    shelf = digest_of([VERSION, brief.product, brief.task, dataset.rows.sha256, unlabelled, brief.seed])
    device, planning = (
        brief.target.device,
        brief.compress.trials > 0,
    )  # else nobody asks how quick a variant looks, before all are timed
    asked: list[JsonValue] = [PLAN_VERSION, shelf, brief.part(_STUDY), [*passes], planning, [*further_engines(device)]]
    teacher = best_teacher(finalists.values())
    builder = Builder(brief.product, registry.trainer(brief.task), passes, material, shelf, run, teacher)
    bench = Bench(
        study=digest_of([*asked, [trial.digest() for trial in finalists.values()]]),
        builder=builder,
        scorer=Scorer(brief, material, run),
        look=lambda variant: glance(brief, variant, material.valid.inputs, run=run) if planning else {},
        engines=lambda bundle: engines_for(run.workspace.open_folder(bundle), device),
        run=run,
    )
    account = Account(builder, trials=brief.compress.trials, seconds=60.0 * brief.compress.minutes)
    walk = Walk(bench, account, brief, finalists)
    walk.through_standard()
    return walk.through_plan()


def _started(
    variants: Sequence[Variant], brief: Brief, material: Material, *, run: Run
) -> tuple[list[Variant], list[str]]:
    """Each variant with the settings of its runtime that are fastest for it: where variants are planned at all, or the
    target has a GPU, which is such a setting.
    """
    if not brief.compress.trials and brief.target.device == "cpu":
        return list(variants), []
    found = [started_best(brief, variant, material, run=run) for variant in variants]
    return [variant for variant, _told in found], [line for _variant, told in found for line in told]


def _without(planned: Planned, reasons: dict[str, str]) -> tuple[Variant, ...]:
    """All variants that were tried, the beaten ones rejected."""
    return tuple(
        row.variant.model_copy(update={"rejected": row.variant.rejected or reasons.get(row.variant.name, "")})
        for row in planned.tried
    )


def _slower(variants: Sequence[Variant]) -> list[str]:
    """Compressed variants that are not faster than the shortest prefix of theirs that was timed."""
    notes = []
    for variant in variants:
        own = variant.measured("latency_p50_ms")
        plain = next((v for v in variants if v.trial == variant.trial and not v.passes), None)
        before = plain.measured("latency_p50_ms") if plain else None
        if own and before and variant.passes and own.value >= before.value:
            notes.append(
                f"{variant.name} takes {own.value:.2f} ms at the median, without compression {before.value:.2f} ms "
                f"(n = {own.n} requests): compressed but no faster, it stays for its size."
            )
    return notes
