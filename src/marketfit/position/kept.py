"""How likely it is that the contract will be met on the locked test, judged from valid rows and the probe.

Rates: the number of successes on the test rows is beta-binomial (posterior of the valid rows under Jeffreys' prior),
and Clopper–Pearson says exactly how many successes are needed. Other metrics of rows: normal, with the spread of the
valid bootstrap for both sets of rows. Metrics of processes: the bound measured again is log-normal around the bound
measured now; one that is not `met` now has little chance, one that is broken has none. Size is known.

The product over the requirements takes them as independent. Quality metrics of the same rows rise and fall together,
so the product errs on the low side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln, logsumexp, ndtr, ndtri

from marketfit.contract import METRICS, Measurement, Requirement, Verdict, judge
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.proof import confidence_at
from marketfit.records.variants import Variant

ENOUGH = 0.05
"""A variant whose quality requirements hold with less probability than this is not worth an opening of the test."""

_SMALLEST_SPREAD = 0.01  # of the logarithm of a time: two probes never agree better than about 1 %


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of a variant: the probability of each requirement, how far it is from each, and why not.

    `distances` are relative: 0 where the evidence at hand is good enough, infinite where there is none.
    """

    probabilities: Mapping[str, float]
    distances: Mapping[str, float]
    reason: str

    @property
    def kept(self) -> float:
        """Probability that the whole contract is met."""
        return math.prod(self.probabilities.values())

    @property
    def feasible(self) -> bool:
        """Whether it may be put to the test."""
        return not self.reason


@dataclass(frozen=True)
class Test:
    """The locked test as far as it is known before it is opened: its rows and the number of the opening."""

    rows: int
    opening: int


def outlook(variant: Variant, requirements: Sequence[Requirement], test: Test) -> Outlook:
    """Judge a variant against the contract before the test is opened."""
    probabilities, distances, reasons = {}, {}, []
    for need in requirements:
        name = str(need)
        measured = variant.measured(need.metric)
        verdict = judge(need, measured)
        probabilities[name] = 0.0 if measured is None else probability_met(need, measured, test)
        distances[name] = distance(need, measured, test)
        if METRICS[need.metric].of_test_rows:
            if measured is None:
                reasons.append(f"{name} is unmeasured")
        elif verdict is not Verdict.MET:
            reasons.append(f"{name} is {verdict.value}{_found(measured)}")
    quality = math.prod(probabilities[str(n)] for n in requirements if METRICS[n.metric].of_test_rows)
    if quality < ENOUGH:
        reasons.append(f"quality would be proved on the test with probability {quality:.3f}, below {ENOUGH:g}")
    if variant.rejected:
        reasons = [variant.rejected]
    return Outlook(probabilities, distances, "; ".join(reasons))


def probability_met(need: Requirement, measured: Measurement, test: Test) -> float:
    """Probability that a requirement will be `met` when it is measured again for good."""
    if judge(need, measured) is Verdict.UNMEASURED:
        return 0.0
    evidence = METRICS[need.metric].evidence
    if evidence == "exact":
        return float(need.allows(measured.value))
    if evidence == "process":
        return _process(need, measured)
    if evidence == "rate":
        return _rate(need, measured, test)
    return _bootstrap(need, measured, test)


def successes_needed(need: Requirement, test: Test) -> int | None:
    """The fewest successes of the test rows whose lower bound reaches the limit, or None where none do."""
    confidence = confidence_at(need, test.opening)
    low, high = 0, test.rows + 1
    while low < high:  # the bound rises with the successes
        middle = (low + high) // 2
        if middle <= test.rows and clopper_pearson(middle, test.rows, confidence=confidence).low < need.limit:
            low = middle + 1
        else:
            high = middle
    return low if low <= test.rows else None


def _rate(need: Requirement, measured: Measurement, test: Test) -> float:
    needed = successes_needed(need, test) if test.rows else None
    if needed is None:
        return 0.0
    right = round(measured.value * measured.n)
    return beta_binomial_tail(needed, test.rows, right + 0.5, measured.n - right + 0.5)


def beta_binomial_tail(least: int, rows: int, a: float, b: float) -> float:
    """Probability of at least `least` successes in `rows` trials whose common rate is Beta(a, b).

    By itself, since scipy.stats takes longer to import than all else that a command needs.

    >>> round(beta_binomial_tail(9, 10, 45.5, 5.5), 4)  # scipy.stats.betabinom.sf(8, 10, 45.5, 5.5)
    0.7054
    """
    successes = np.arange(least, rows + 1)
    ways = gammaln(rows + 1) - gammaln(successes + 1) - gammaln(rows - successes + 1)
    logs = ways + betaln(successes + a, rows - successes + b) - betaln(a, b)
    return min(1.0, float(np.exp(logsumexp(logs))))


def _bootstrap(need: Requirement, measured: Measurement, test: Test) -> float:
    if not test.rows:
        return 0.0
    here = spread(measured, lower=need.op == ">=")
    there = here * math.sqrt(measured.n / test.rows)
    margin = (measured.value - need.limit) * (1.0 if need.op == ">=" else -1.0)
    margin -= float(ndtri(confidence_at(need, test.opening))) * there
    total = math.hypot(here, there)
    return float(ndtr(margin / total)) if total > 0 else float(margin >= 0)


def _process(need: Requirement, measured: Measurement) -> float:
    if judge(need, measured) is Verdict.BROKEN:
        return 0.0
    bound = measured.high if need.op == "<=" else measured.low
    if min(bound, measured.value, need.limit) <= 0:
        return float(need.allows(bound))
    width = max(log_spread(measured), _SMALLEST_SPREAD)
    margin = math.log(need.limit / bound) * (1.0 if need.op == "<=" else -1.0)
    return float(ndtr(margin / (math.sqrt(2.0) * width)))


def spread(measured: Measurement, *, lower: bool) -> float:
    """Standard error that a one-sided bound of a measurement stands for."""
    reach = measured.value - measured.low if lower else measured.high - measured.value
    return max(0.0, reach) / float(ndtri(measured.confidence))


def log_spread(measured: Measurement) -> float:
    """Standard error of the logarithm of a positive measurement; 0 where it has no width."""
    if measured.low <= 0 or measured.value <= 0:
        return spread(measured, lower=False) / max(measured.value, 1e-9)
    reach = max(math.log(measured.high / measured.value), math.log(measured.value / measured.low))
    return reach / float(ndtri(measured.confidence))


def distance(need: Requirement, measured: Measurement | None, test: Test) -> float:
    """How far the evidence is from what is needed, relative to the limit.

    Rows are held against the value that the test has to show, all else with its bound against the limit.
    """
    if measured is None or judge(need, measured) is Verdict.UNMEASURED:
        return math.inf
    found, wanted = measured.high if need.op == "<=" else measured.low, need.limit
    if METRICS[need.metric].evidence == "rate":
        needed = successes_needed(need, test) if test.rows else None
        found, wanted = measured.value, needed / test.rows if needed is not None else math.inf
    elif METRICS[need.metric].of_test_rows:
        found = measured.value
    missing = (found - wanted) if need.op == "<=" else (wanted - found)
    return max(0.0, missing) / max(abs(need.limit), 1e-9)


def _found(measured: Measurement | None) -> str:
    if measured is None:
        return ""
    if measured.low == measured.high:
        return f" at {measured.value:.4g}"
    return f" at {measured.value:.4g} ({measured.low:.4g} to {measured.high:.4g})"
