"""May the challenger take the champion's place? The rule, and its reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from marketfit import bundle
from marketfit.bundle import Bundle
from marketfit.contract import Clause, Contract, Verdict
from marketfit.engine import Run, Split, read_split
from marketfit.ledger.champion import Champion
from marketfit.listen.compare import answers_right, compare, compare_on_test
from marketfit.listen.evalue import THRESHOLD
from marketfit.listen.gather import audited
from marketfit.records.data import Dataset
from marketfit.records.decision import Comparison, Promotion, PromotionStatus, Settlement, TestComparison
from marketfit.task import Labelled

_SEEN: tuple[Split, ...] = ("train", "valid")

MARGIN = 0.01
"""What the challenger may lose on the locked test at the most: one point."""


def judge_challenger(comparison: Comparison, test: TestComparison, contract: Contract) -> Promotion:
    """Apply the rule of promotion.

    Promoted: the e-value on audited traffic reaches 20, on the locked test the lower bound of the difference lies above
    −1 point, and every requirement is met. Kept: the e-value of harm reaches 20, a requirement is broken, or the locked
    test proves a loss of more than one point. Anything else is insufficient evidence, which keeps the champion as well.
    """
    harm = [*_broken(contract), *_harm(comparison, test)]
    lacking = _lacking(comparison, test, contract)
    status: PromotionStatus = "kept" if harm else "insufficient evidence" if lacking else "promoted"
    headline = {
        "promoted": "promoted: the challenger is better on audited traffic and keeps every promise",
        "kept": "the champion is kept: " + "; ".join(harm),
        "insufficient evidence": "insufficient evidence, which keeps the champion: " + "; ".join(lacking),
    }
    return Promotion(
        status=status,
        reason=f"{headline[status]}. {_audit_words(comparison)} {_test_words(test)} {_contract_words(contract)}",
        champion=comparison.champion,
        challenger=comparison.challenger,
        comparison=comparison,
        test=test,
        contract=contract,
    )


def challenge(
    champion: Champion, challenger: Path | None, data: Dataset, settled: Settlement, *, run: Run
) -> Promotion:
    """Let a challenger try to take the champion's place: all the comparisons, then the rule.

    Args:
        champion: the bundle in service.
        challenger: folder of the sealed challenger; None if nothing was sealed.
        data: the data that the challenger was made from; its test rows are those that `settled` opened.
        settled: what the locked test said of the challenger; its level is that of the comparison as well.
        run: the run, with the ledger that holds the audited traffic.

    Raises:
        BundleError: one of the two can't be trusted.
    """
    if challenger is None or settled.status != "shipped":
        reason = f"the champion is kept: there is no challenger that keeps every promise. {settled.reason}".rstrip()
        return Promotion(
            status="kept", reason=reason, champion=champion.digest, challenger="", contract=settled.contract
        )
    incumbent, rival = bundle.load(champion.folder), bundle.load(challenger)
    train, valid = (read_split(data, split, run.workspace).labelled for split in _SEEN)
    test_rows = read_split(data, "test", run.workspace).labelled
    trained_on = cast("list[JsonValue]", [*train.inputs, *valid.inputs])
    pairs = audited(run.ledger, run.product)
    with run.reporter.task("listen: champion against challenger"):
        comparison = compare(incumbent, rival, pairs, trained_on=trained_on)
        test = _on_test(incumbent, rival, test_rows, level=settled.level, run=run)
    return judge_challenger(comparison, test, settled.contract)


def _on_test(incumbent: Bundle, rival: Bundle, rows: Labelled, *, level: float, run: Run) -> TestComparison:
    inputs = cast("Sequence[JsonValue]", rows.inputs)
    labels = [rows.labels[target] for target in rows.targets.tolist()]
    return compare_on_test(
        answers_right(incumbent, inputs, labels),
        answers_right(rival, inputs, labels),
        level=level,
        seed=run.seed_for("listen", "challenge"),
    )


def _broken(contract: Contract) -> list[str]:
    return [
        f"requirement {clause.requirement} is broken ({_measured(clause)})"
        for clause in contract.clauses
        if clause.verdict is Verdict.BROKEN
    ]


def _harm(comparison: Comparison, test: TestComparison) -> list[str]:
    found = []
    if comparison.e_harm >= THRESHOLD:
        found.append(f"the challenger does harm, e = {comparison.e_harm:.3g} ≥ {THRESHOLD:g}")
    if test.high < -MARGIN:
        found.append(f"the challenger loses more than 1 point on the locked test (at most {_points(test.high)})")
    return found


def _lacking(comparison: Comparison, test: TestComparison, contract: Contract) -> list[str]:
    found = []
    if comparison.e_better < THRESHOLD:
        found.append(f"e = {comparison.e_better:.3g} on audited traffic, {THRESHOLD:g} is needed")
    if not test.low > -MARGIN:
        found.append(f"the locked test allows a loss of {-100 * test.low:.2f} points, less than 1 point is needed")
    found += [
        f"requirement {clause.requirement} is {clause.verdict} ({_measured(clause)})"
        for clause in contract.broken
        if clause.verdict is not Verdict.BROKEN
    ]
    return found if contract.clauses else [*found, "the challenger's contract is empty"]


def _audit_words(comparison: Comparison) -> str:
    if not comparison.pairs:
        excluded = f" ({comparison.excluded} are among the training rows)" if comparison.excluded else ""
        return f"Audited traffic: no pairs yet{excluded}."
    notes = [f"{comparison.excluded} more left out, they are among the training rows"] if comparison.excluded else []
    notes += [f"{comparison.simulated} of them simulated"] if comparison.simulated else []
    return (
        f"Audited traffic: {comparison.pairs} pairs{' (' + '; '.join(notes) + ')' if notes else ''}, "
        f"challenger right on {comparison.challenger_right}, champion on {comparison.champion_right}; "
        f"only the challenger on {comparison.only_challenger}, only the champion on {comparison.only_champion}; "
        f"e = {comparison.e_better:.3g} for better, {comparison.e_harm:.3g} for harm."
    )


def _test_words(test: TestComparison) -> str:
    return (
        f"Locked test: {test.rows} rows, difference {_points(test.difference)}, lower bound {_points(test.low)} "
        f"(one-sided, level {test.level:.3g}); only the challenger right on {test.only_challenger}, "
        f"only the champion on {test.only_champion}."
    )


def _contract_words(contract: Contract) -> str:
    met = sum(clause.verdict is Verdict.MET for clause in contract.clauses)
    return f"Contract: {met} of {len(contract.clauses)} requirements met."


def _measured(clause: Clause) -> str:
    found = clause.measurement
    return f"{found.value:.4g}, interval {found.low:.4g} to {found.high:.4g}" if found else "not measured"


def _points(difference: float) -> str:
    points = 100 * difference
    return f"{points:+.2f} points" if points else "0 points"
