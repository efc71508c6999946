"""Requirement, Measurement, Verdict, Contract: what is promised, what was measured, what that proves.

The rule that never bends: unknown is not a pass. Only `met` counts as kept, and `met` needs an interval that lies
wholly on the right side of the bound.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from marketfit.errors import BriefError, Problem, nearest

Evidence = Literal["rate", "bootstrap", "process", "exact"]
Operator = Literal[">=", "<="]

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Metric:
    """A quantity that can be required and measured.

    `evidence` says where its interval comes from: `rate` (Clopper–Pearson over test rows), `bootstrap` (over test
    rows), `process` (fresh processes on the target machine), `exact` (zero width).
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    evidence: Evidence

    @property
    def of_test_rows(self) -> bool:
        """Whether it is measured on labelled rows, so that proving it opens the locked test split."""
        return self.evidence in ("rate", "bootstrap")

    @property
    def is_fraction(self) -> bool:
        """Whether its values lie between 0 and 1."""
        return self.of_test_rows and not self.unit


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Accuracy", "", "higher", "rate"),
        Metric("macro_f1", "Macro-F1", "", "higher", "bootstrap"),
        Metric("worst_class_recall", "Recall of the worst class", "", "higher", "bootstrap"),
        Metric("worst_group_accuracy", "Accuracy of the worst group", "", "higher", "bootstrap"),
        Metric("worst_slice_accuracy", "Accuracy of the worst slice", "", "higher", "bootstrap"),
        Metric("accuracy_gap", "Accuracy gap between groups", "", "lower", "bootstrap"),
        Metric("log_loss", "Log-loss", "nats", "lower", "bootstrap"),
        Metric("calibration_error", "Calibration error", "", "lower", "bootstrap"),
        Metric("latency_p50_ms", "Latency, median", "ms", "lower", "process"),
        Metric("latency_p95_ms", "Latency, 95th percentile", "ms", "lower", "process"),
        Metric("latency_p99_ms", "Latency, 99th percentile", "ms", "lower", "process"),
        Metric("memory_mb", "Peak resident memory", "MB", "lower", "process"),
        Metric("cold_start_ms", "Cold start", "ms", "lower", "process"),
        Metric("throughput_per_s", "Throughput", "1/s", "higher", "process"),
        Metric("cost_per_1000", "Cost of 1,000 predictions", "", "lower", "process"),
        Metric("energy_mj_per_prediction", "Energy of a prediction", "mJ", "lower", "process"),
        Metric("size_mb", "Size of the bundle", "MB", "lower", "exact"),
    )
}


@dataclass(frozen=True)
class Requirement:
    """A bound on a metric, to be proved at a one-sided confidence.

    >>> Requirement.parse("accuracy", ">= 0.9")
    Requirement(metric='accuracy', op='>=', limit=0.9, confidence=0.95)
    """

    metric: str
    op: Operator
    limit: float
    confidence: float = DEFAULT_CONFIDENCE

    def __post_init__(self) -> None:
        _as_floats(self, "limit", "confidence")  # 1 and 1.0 would be two contracts with two digests

    @classmethod
    def parse(cls, metric: str, bound: str, *, confidence: float = DEFAULT_CONFIDENCE) -> Requirement:
        """Read a bound such as `">= 0.90"`.

        Raises:
            BriefError: unknown metric, unreadable bound, a bound on the wrong side (`accuracy: "<= 0.9"`), or one that
                no value of the metric can have (`accuracy: ">= 90"`).
        """
        problems: list[Problem] = []
        where = f"require.{metric}"
        if metric not in METRICS:
            problems.append(
                Problem(where, f"unknown metric '{metric}'", nearest(metric, METRICS), "name a metric that is measured")
            )
        match = re.fullmatch(r"\s*(>=|<=)\s*([0-9.eE+-]+)\s*", bound)
        limit = _number(match.group(2)) if match else None
        if match is None or limit is None:
            problems.append(
                Problem(where, f"cannot read the bound '{bound}'", "allowed: '>= NUMBER' or '<= NUMBER'", "rewrite it")
            )
        elif metric in METRICS:
            problems += _out_of_range(where, METRICS[metric], limit)
            wanted = ">=" if METRICS[metric].better == "higher" else "<="
            if match.group(1) != wanted:
                problems.append(
                    Problem(
                        where,
                        f"'{bound}' bounds {metric} on the wrong side",
                        f"{metric} is better when {METRICS[metric].better}",
                        f"write '{wanted} {limit:g}'",
                    )
                )
        if problems:
            raise BriefError(problems)
        assert match is not None
        assert limit is not None
        return cls(metric=metric, op=">=" if match.group(1) == ">=" else "<=", limit=limit, confidence=confidence)

    def allows(self, value: float) -> bool:
        """Whether a value lies on the right side of the bound."""
        return value >= self.limit if self.op == ">=" else value <= self.limit

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.limit:g}"


def _out_of_range(where: str, metric: Metric, limit: float) -> list[Problem]:
    highest = 1.0 if metric.is_fraction else math.inf
    if 0 <= limit <= highest:
        return []
    do = f"for {limit:g} % write {limit / 100:g}" if 1 < limit <= 100 else "correct the bound"
    allowed = "a fraction, 0 to 1" if metric.is_fraction else "0 or more"
    return [Problem(where, f"the bound {limit:g} is beyond what {metric.name} can be", allowed, do)]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Measurement:
    """A measured value with its interval, sample size, conditions and machine.

    `low` and `high` are one-sided bounds, each at `confidence`; an exact metric has `low == value == high`.
    `n` counts rows for quality and requests for latency.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    confidence: float = DEFAULT_CONFIDENCE
    conditions: str = ""
    machine: str = ""

    def __post_init__(self) -> None:
        _as_floats(self, "value", "low", "high", "confidence")
        object.__setattr__(self, "n", int(self.n))


def _as_floats(record: object, *names: str) -> None:
    for name in names:
        object.__setattr__(record, name, float(getattr(record, name)))


class Verdict(enum.StrEnum):
    """What a measurement proves about a requirement. Only `met` counts as kept."""

    MET = "met"
    UNPROVEN = "unproven"
    BROKEN = "broken"
    UNMEASURED = "unmeasured"


def judge(requirement: Requirement, measurement: Measurement | None) -> Verdict:
    """Compare a measurement with a requirement.

    A missing or non-finite number, another metric, or an interval taken at a lower confidence than required is
    `unmeasured`.

    >>> need = Requirement.parse("accuracy", ">= 0.9")
    >>> judge(need, Measurement(metric="accuracy", value=0.93, low=0.91, high=0.95, n=500))
    <Verdict.MET: 'met'>
    >>> judge(need, Measurement(metric="accuracy", value=0.93, low=0.89, high=0.96, n=100))
    <Verdict.UNPROVEN: 'unproven'>
    >>> judge(need, None)
    <Verdict.UNMEASURED: 'unmeasured'>
    """
    if measurement is None or measurement.metric != requirement.metric:
        return Verdict.UNMEASURED
    if measurement.n <= 0 or measurement.confidence < requirement.confidence - 1e-12:
        return Verdict.UNMEASURED
    if not all(math.isfinite(x) for x in (measurement.value, measurement.low, measurement.high)):
        return Verdict.UNMEASURED
    worst = measurement.low if requirement.op == ">=" else measurement.high
    if requirement.allows(worst):
        # An interval that does not contain its own point proves nothing.
        return Verdict.MET if requirement.allows(measurement.value) else Verdict.UNMEASURED
    return Verdict.UNPROVEN if requirement.allows(measurement.value) else Verdict.BROKEN


@dataclass(frozen=True)
class Clause:
    """One line of a contract: a requirement, its measurement and the verdict."""

    requirement: Requirement
    measurement: Measurement | None
    verdict: Verdict

    def as_row(self) -> dict[str, str | float | int | None]:
        """Flat form for `--json`: metric, op, limit, value, low, high, n, verdict."""
        measured = self.measurement
        return {
            "metric": self.requirement.metric,
            "op": self.requirement.op,
            "limit": self.requirement.limit,
            "value": measured.value if measured else None,
            "low": measured.low if measured else None,
            "high": measured.high if measured else None,
            "n": measured.n if measured else 0,
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True)
class Contract:
    """Every requirement with its measurement and verdict."""

    clauses: tuple[Clause, ...]

    @classmethod
    def of(cls, requirements: Sequence[Requirement], measurements: Iterable[Measurement]) -> Contract:
        """Judge every requirement by the measurement of its metric."""
        by_metric = {measurement.metric: measurement for measurement in measurements}
        return cls(
            clauses=tuple(
                Clause(
                    requirement=need,
                    measurement=by_metric.get(need.metric),
                    verdict=judge(need, by_metric.get(need.metric)),
                )
                for need in requirements
            )
        )

    @property
    def kept(self) -> bool:
        """Whether every requirement is `met`. A contract without clauses keeps nothing."""
        return bool(self.clauses) and all(clause.verdict is Verdict.MET for clause in self.clauses)

    @property
    def broken(self) -> tuple[Clause, ...]:
        """The clauses that are not `met`, in the brief's order."""
        return tuple(clause for clause in self.clauses if clause.verdict is not Verdict.MET)
