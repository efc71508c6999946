"""Step 5: finalists exported, compressed as far as a plan finds worth while, reloaded, scored, timed on the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from marketfit.records.models import Tuned
from marketfit.records.variants import Variant, Variants

PLAN_VERSION = 3
"""Raise it when the same study would try other sequences of passes."""

_FURTHER = "No variant of the plan could ship once it was timed for good, so the plan went on."

_STUDY = ("task", "product", "data", "target", "require", "weights", "market", "abstain", "seed")


@step(version=9, gives=Variants, reads=(*_STUDY, "compress"))
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
    walk = _walk(brief, dataset, material, tuned, (), run=run)
    walk.through_standard()
    found = _timed(brief, material, walk.through_plan(), Variants(variants=(), machine="", notes=()), run=run)
    if not any(variant.bundle.files for variant in found.variants):
        reasons = "; ".join(f"{variant.name}: {variant.rejected}" for variant in found.variants)
        raise RunError(f"no finalist could be written as a bundle: {reasons}")
    return found


@step(version=1, gives=Variants, reads=(*_STUDY, "compress"))
def extend(brief: Brief, dataset: Dataset, tuned: Tuned, variants: Variants, /, *, run: Run) -> Variants:
    """What else the plan makes where nothing that was timed can ship, beside the variants that it has made.

    A plan goes by short looks, which may have seen a contract kept that the timing for good, or the second sitting,
    found broken. The figures of those count here in place of the looks', none of these variants keeps the contract, and
    what the budget holds for that case is spent. The same variants come back where it holds nothing more, or where no
    plan is asked for.
    """
    if not brief.compress.trials:
        return variants
    material = gather(dataset, run=run)
    walk = _walk(brief, dataset, material, tuned, variants.variants, run=run)
    walk.through_standard()
    return _timed(brief, material, walk.through_plan(), variants, run=run)


def _timed(brief: Brief, material: Material, planned: Planned, before: Variants, *, run: Run) -> Variants:
    """The variants of before with all that was planned since and with those that are no longer beaten, each started
    well and timed, unless beaten; the same where there is none.
    """
    axes, earlier = axes_of(brief), {variant.name: variant for variant in before.variants}
    reasons = beaten(planned.tried, axes)
    fresh = [row for row in planned.tried if _is_open(earlier.get(row.variant.name), row.variant, reasons)]
    if not fresh:
        return before
    made = [_rejected(row.variant, reasons) for row in fresh]
    sound, settings = _started([variant for variant in made if not variant.rejected], brief, material, run=run)
    timed, machine = time_variants(brief, sound, material.valid.inputs, run=run) if sound else ((), "")
    found = {**earlier, **{variant.name: variant for variant in (*made, *timed)}}
    variants = tuple(found[row.variant.name] for row in planned.tried)
    told = (line for row in fresh if row.variant.name not in earlier for line in row.engines)
    slower = _slower([found[row.variant.name] for row in fresh], variants)
    return Variants(
        variants=variants,
        machine=before.machine or machine,
        notes=(*before.notes, *([_FURTHER] if earlier else []), *planned.notes, *told, *settings, *slower),
        front=front_of(variants, axes),
        untried=grouped(planned.untried),
        every_untried=run.workspace.put_bytes(as_csv(planned.untried), suffix=".csv") if planned.untried else None,
    )


def _is_open(before: Variant | None, variant: Variant, reasons: Mapping[str, str]) -> bool:
    """Whether it is new, or was left untimed because it was beaten by one that has turned out to be worse."""
    return before is None or not (before.sittings or variant.rejected or variant.name in reasons)


def _walk(
    brief: Brief, dataset: Dataset, material: Material, tuned: Tuned, before: Sequence[Variant], *, run: Run
) -> Walk:
    """The plan at its beginning; `before` are the variants that it has made, of which none can ship."""
    trials = {trial.number: trial for trial in tuned.trials}
    finalists = {number: trials[number] for number in tuned.finalists}
    passes = {item.name: item for item in registered_passes(brief.compress.passes)}
    unlabelled = dataset.unlabelled.sha256 if dataset.unlabelled is not None else ""
    shelf = digest_of([VERSION, brief.product, brief.task, dataset.rows.sha256, unlabelled, brief.seed])
    device = brief.target.device
    planning = brief.compress.trials > 0  # else nobody asks how quick a variant looks, before all are timed
    asked: list[JsonValue] = [PLAN_VERSION, shelf, brief.part(_STUDY), [*passes], planning, [*further_engines(device)]]
    teacher = best_teacher(finalists.values(), rows=len(material.valid.inputs))
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
    failed = {variant.name: variant.figures for variant in before if variant.sittings}
    return Walk(bench, account, brief, finalists, {variant.name for variant in before}, failed)


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


def _rejected(variant: Variant, reasons: Mapping[str, str]) -> Variant:
    """Not to be timed, where there is a reason."""
    return variant.model_copy(update={"rejected": variant.rejected or reasons.get(variant.name, "")})


def _slower(made: Sequence[Variant], variants: Sequence[Variant]) -> list[str]:
    """Compressed variants that are not faster than the export of their trial."""
    notes = []
    for variant in made:
        own = variant.measured("latency_p50_ms")
        plain = next((v for v in variants if v.trial == variant.trial and not v.passes), None)
        before = plain.measured("latency_p50_ms") if plain else None
        if own and before and variant.passes and own.value >= before.value:
            notes.append(
                f"{variant.name} takes {own.value:.2f} ms at the median, without compression {before.value:.2f} ms "
                f"(n = {own.n} requests): compressed but no faster, it stays for its size."
            )
    return notes
