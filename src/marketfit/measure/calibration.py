"""Scores that mean what they say, and the score below which the model had better not answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from marketfit.measure.intervals import Bounds, clopper_pearson, rows_needed
from marketfit.measure.quality import Scored

_LOG_LIMIT = math.log(100.0)
_STEPS = 100


@dataclass(frozen=True)
class AbstentionRule:
    """Answer where the score reaches `threshold`.

    `accuracy` is that of the accepted rows, with bounds at the level at which it was tested; `accepted` counts them.
    `proven`: the accuracy of what the threshold accepts is at least the target, at the confidence asked for.
    """

    threshold: float
    proven: bool
    accepted: int
    rows: int
    accuracy: Bounds


def fit_temperature(log_probabilities: NDArray[np.floating], targets: NDArray[np.integer]) -> float:
    """The temperature T for which `softmax(log_probabilities / T)` fits the targets best (Guo et al. 2017).

    `log_probabilities` (n, classes), or logits: a constant per row does not matter. The log-loss is convex in 1/T. As
    in Platt (1999) targets are smoothed by about one row's worth, without which rows that are all right would ask for
    T = 0. T lies between 0.01 and 100.

    >>> logits = np.log([[0.9, 0.1]] * 10)
    >>> fit_temperature(logits, np.array([0] * 6 + [1] * 4)) > 2
    True
    """
    logits = np.asarray(log_probabilities, dtype=np.float64)
    truth = np.asarray(targets, dtype=np.int64)
    if logits.ndim != 2 or truth.shape != logits.shape[:1] or not logits.size:
        raise ValueError(f"log-probabilities {logits.shape} do not belong to targets {truth.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("a log-probability is not finite; clip probabilities before taking logarithms")
    from scipy.optimize import minimize_scalar

    smooth = 1.0 / (len(logits) + 2.0)
    expected = (1.0 - smooth) * logits[np.arange(len(truth)), truth] + smooth * logits.mean(axis=1)

    def loss(log_inverse: float) -> float:
        inverse = math.exp(log_inverse)
        return float((logsumexp(logits * inverse, axis=1) - expected * inverse).mean())

    found = minimize_scalar(loss, bounds=(-_LOG_LIMIT, _LOG_LIMIT), method="bounded", options={"xatol": 1e-6})
    return math.exp(-float(found.x))


def abstention_threshold(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    *,
    target_accuracy: float,
    confidence: float,
) -> AbstentionRule:
    """The lowest score above which the answers are right at `target_accuracy` or better, provably.

    Many thresholds are tried on the same rows, so each can't be tested at the full level (Learn then Test;
    Angelopoulos et al. 2021). Half of it goes to answering everything: if that passes the threshold is 0. The other
    half goes to a fixed sequence from strict to lax thresholds, which stops at the first that fails: the last that
    passed is proven, and no further correction is due. The sequence is set by the order of the scores, never by the
    targets; it starts with just enough rows to prove the target at an error rate of half the one allowed, or with no
    error where rows are too few for that. Where nothing is proven, the threshold is the one of the sequence with the
    highest lower bound, and `proven` is false.

    Raises:
        ValueError: the target or the confidence is no rate, or probabilities do not fit the targets.
    """
    if not 0.0 < target_accuracy < 1.0:
        raise ValueError(f"a target accuracy lies between 0 and 1, not at {target_accuracy}")
    scored = Scored.of(probabilities, targets)
    level = 1.0 - (1.0 - confidence) / 2.0
    everything = _rule(scored, 0.0, level)
    if everything.accuracy.low >= target_accuracy:
        return AbstentionRule(0.0, True, scored.rows, scored.rows, everything.accuracy)
    passed: AbstentionRule | None = None
    tried = [everything]
    for threshold in _sequence(scored, target_accuracy, level):
        rule = _rule(scored, threshold, level)
        tried.append(rule)
        if rule.accuracy.low < target_accuracy:
            break
        passed = AbstentionRule(threshold, True, rule.accepted, rule.rows, rule.accuracy)
    return passed or max(tried, key=lambda rule: rule.accuracy.low)


def _rule(scored: Scored, threshold: float, level: float) -> AbstentionRule:
    accepted = scored.score >= threshold
    count = int(accepted.sum())
    right = int(scored.correct[accepted].sum())
    return AbstentionRule(threshold, False, count, scored.rows, clopper_pearson(right, count, confidence=level))


def _sequence(scored: Scored, target: float, level: float) -> list[float]:
    """Thresholds from strict to lax: scores of equally spaced ranks, the first as far down as a proof needs."""
    generous = rows_needed(limit=target, expected=(1.0 + target) / 2.0, confidence=level)
    strict = rows_needed(limit=target, expected=1.0, confidence=level)
    starts = [need[0] for need in (generous, strict) if need is not None]
    start = next((rows for rows in starts if rows <= scored.rows // 2), min(*starts, scored.rows))
    ordered = np.sort(scored.score)[::-1]
    ranks = np.unique(np.linspace(start, scored.rows, _STEPS).astype(np.int64))
    return sorted({float(ordered[rank - 1]) for rank in ranks}, reverse=True)
