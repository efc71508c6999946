"""Step 5: every finalist exported, compressed, calibrated, reloaded, scored, and timed on the target."""

from __future__ import annotations

from collections.abc import Sequence

from marketfit import registry
from marketfit.brief import Brief
from marketfit.compress.build import Builder, registered_passes
from marketfit.compress.material import Material, gather
from marketfit.compress.score import Scorer
from marketfit.compress.timing import time_variants
from marketfit.engine import Run, step
from marketfit.errors import RunError
from marketfit.records import Dataset, Trial, Tuned, Variant, Variants


@step(
    version=3,
    gives=Variants,
    reads=("task", "product", "data", "target", "require", "weights", "market", "abstain", "seed"),
)
def compress(brief: Brief, dataset: Dataset, tuned: Tuned, /, *, run: Run) -> Variants:
    """All variants of all finalists, each measured as the reloaded bundle that it is.

    A variant that can't be made, gives no probabilities, or is far too large stays in the record with its reason and
    is not timed. A compressed variant that is no faster than what it was made from stays, with a note.

    Raises:
        RunError: no variant is left that could ship.
    """
    material = gather(dataset, run=run)
    trials = {trial.number: trial for trial in tuned.trials}
    scored = _scored(brief, material, [trials[number] for number in tuned.finalists], run=run)
    sound = [variant for variant in scored if not variant.rejected]
    timed, machine = time_variants(brief, sound, material, run=run) if sound else ((), "")
    by_name = {variant.name: variant for variant in timed}
    variants = tuple(by_name.get(variant.name, variant) for variant in scored)
    if not any(variant.bundle.files for variant in variants):
        reasons = "; ".join(f"{variant.name}: {variant.rejected}" for variant in variants)
        raise RunError(f"no finalist could be written as a bundle: {reasons}")
    return Variants(variants=variants, machine=machine, notes=tuple(_slower(variants)))


def _scored(brief: Brief, material: Material, finalists: Sequence[Trial], *, run: Run) -> list[Variant]:
    builder = Builder(brief.product, registry.trainer(brief.task), registered_passes(), material, run)
    scorer = Scorer(brief, material, run)
    found: list[Variant] = []
    for number, trial in enumerate(finalists):
        with run.reporter.task(f"variants of trial {trial.number}, {trial.backbone.name}") as progress:
            for built in builder.variants(trial):
                found.append(scorer.variant(built))
                progress(min(0.99, len(found) / (3 * (number + 1))))
    return found


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
