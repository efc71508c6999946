"""The locked test: opened for the winner alone, and the contract that follows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from marketfit.brief import Brief
from marketfit.bundle import Bundle, load_unsealed
from marketfit.contract import METRICS, Clause, Contract, Measurement, Requirement, Verdict, judge
from marketfit.engine import Run, SplitRows, read_split, step
from marketfit.errors import RunError
from marketfit.measure.intervals import opening_level
from marketfit.measure.proof import advice, confidence_at
from marketfit.measure.quality import measure_quality
from marketfit.measure.quality_report import quality_report
from marketfit.records.data import Dataset
from marketfit.records.decision import Decision, QualityReport, Settlement
from marketfit.records.variants import Variant, Variants
from marketfit.task import FloatMatrix


@step(version=5, gives=Settlement, reads=("product", "require", "seed"))
def settle(brief: Brief, dataset: Dataset, variants: Variants, decision: Decision, /, *, run: Run) -> Settlement:
    """Put the winner to the locked test, or say why there is none.

    The opening is written down before a row is read; it is judged at α/(k(k+1)) for opening number k of the product.
    No runner-up is tried. Without a winner the test stays shut.

    Raises:
        RunError: the decision names a variant that is not there.
    """
    if decision.winner is None:
        return _refused(brief, variants, decision, opening=run.ledger.openings(run.product))
    winner = next((variant for variant in variants.variants if variant.name == decision.winner), None)
    if winner is None:
        raise RunError(f"the decision names '{decision.winner}', which is none of the variants")
    if not dataset.splits.get("test", 0):
        return _settlement(brief, winner, Contract.of(brief.require, winner.measurements), None, opening=0)
    opening = run.ledger.open_test(
        product=run.product, test_digest=dataset.test_digest, bundle_digest=winner.bundle.digest(), run=run.id
    )
    rows = read_split(dataset, "test", run.workspace)
    reloaded = load_unsealed(run.workspace.open_folder(winner.bundle), threads=os.cpu_count() or 1)
    with run.reporter.task(f"locked test, opening {opening}: {winner.name} on {len(rows.labelled)} rows") as progress:
        probabilities = reloaded.probabilities(rows.labelled.inputs)
        progress(1.0)
    quality = _quality(brief.require, probabilities, rows, opening, run=run)
    others = [found for found in winner.measurements if not METRICS[found.metric].of_test_rows]
    contract = Contract.of(brief.require, [*quality, *others])
    return _settlement(brief, winner, contract, _report(reloaded, probabilities, rows), opening=opening)


def _quality(
    requirements: Sequence[Requirement], probabilities: FloatMatrix, rows: SplitRows, opening: int, *, run: Run
) -> list[Measurement]:
    """Each required quality metric, at the confidence that this opening asks for."""
    found: list[Measurement] = []
    for need in requirements:
        if METRICS[need.metric].of_test_rows:
            confidence = confidence_at(need, opening)
            found += measure_quality(
                [need.metric],
                probabilities,
                rows.labelled.targets,
                groups=rows.groups,
                slices=rows.slices,
                confidence=confidence,
                seed=run.seed_for("settle", need.metric),
                conditions=f"locked test, opening {opening}, level {1.0 - confidence:.4g}, reloaded bundle",
            )
    return found


def _report(reloaded: Bundle, probabilities: FloatMatrix, rows: SplitRows) -> QualityReport:
    return quality_report(
        probabilities,
        rows,
        abstain_below=reloaded.spec.abstain_below,
        lost=reloaded.inspect(rows.labelled.inputs),
    )


def _settlement(
    brief: Brief, winner: Variant, contract: Contract, quality: QualityReport | None, *, opening: int
) -> Settlement:
    rows = quality.rows if quality else 0
    return Settlement(
        status="shipped" if contract.kept else "refused",
        variant=winner.name,
        opening=opening,
        level=opening_level(opening) if opening else 0.0,
        contract=contract,
        quality=quality,
        reason=_kept(contract, opening, rows) if contract.kept else _not_kept(brief, winner, contract, opening),
    )


def _kept(contract: Contract, opening: int, rows: int) -> str:
    count = len(contract.clauses)
    said = "the requirement is" if count == 1 else f"all {count} requirements are"
    test = f" on {rows} test rows, opening {opening}" if opening else ""
    return f"{said} met{test}"


def _not_kept(brief: Brief, winner: Variant, contract: Contract, opening: int) -> str:
    """Every clause that is not met, and what would settle it."""
    told = [f"{clause.requirement} is {clause.verdict}{_found(clause)}" for clause in contract.broken]
    told += _advice(contract, opening=opening)
    stays = f" No other variant is tried on the same rows: {winner.name} was the choice for {brief.product}."
    return "; ".join(told) + "." + stays


def _advice(contract: Contract, *, opening: int) -> list[str]:
    """What would settle each unproven clause. One that valid rows would prove lacks nothing but the locked test."""
    return [
        advice(found, clause.requirement, opening=opening)
        for clause in contract.clauses
        if clause.verdict is Verdict.UNPROVEN
        and (found := clause.measurement) is not None
        and judge(clause.requirement, found) is Verdict.UNPROVEN
    ]


def _found(clause: Clause) -> str:
    found = clause.measurement
    return f" at {found.value:.4g} ({found.low:.4g} to {found.high:.4g}, n = {found.n})" if found else ""


def _refused(brief: Brief, variants: Variants, decision: Decision, *, opening: int) -> Settlement:
    """No winner: the test stays shut; what is known of the nearest variant is shown, and proves nothing of quality."""
    nearest = next((variant for variant in variants.variants if variant.name == decision.nearest), None)
    standing = next((line for line in decision.standings if line.variant == decision.nearest), None)
    words = [f"nothing can be expected to keep the contract; the binding requirement is {decision.binding}"]
    if nearest is not None:
        words.append(f"nearest to it is {nearest.name}" + (f" ({standing.reason})" if standing else ""))
    left = sum(group.count for group in variants.untried if group.why == "over budget")
    if left:
        words.append(f"{left:,} sequences of passes were over budget: more compress.minutes or trials may find one")
    words.append("the locked test stays shut")
    contract = Contract(clauses=tuple(_unopened(need, nearest) for need in brief.require))
    words += _advice(contract, opening=opening)
    return Settlement(
        status="refused",
        variant=None,
        opening=0,
        level=0.0,
        contract=contract,
        quality=None,
        reason="; ".join(words),
    )


def _unopened(need: Requirement, nearest: Variant | None) -> Clause:
    """A clause without the locked test: valid rows may break a requirement of quality, they never prove it."""
    measured = nearest.measured(need.metric) if nearest else None
    verdict = judge(need, measured)
    if measured is not None and METRICS[need.metric].of_test_rows:
        verdict = Verdict.UNPROVEN if verdict is Verdict.MET else verdict
        measured = replace(measured, conditions=f"the locked test stayed shut; {measured.conditions}")
    return Clause(requirement=need, measurement=measured, verdict=verdict)
