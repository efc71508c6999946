"""What a set of labelled rows says of a model beyond the contract: classes, confusions, errors, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketfit.engine import SplitRows
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.quality import BINS, Scored, Slices, group_rates, rate_gap, slice_rates
from marketfit.records.bundle import InputReport
from marketfit.records.decision import ClassRow, ErrorRow, GroupGap, GroupRow, QualityReport, SensitiveRow, SliceRow
from marketfit.task import Example

_SHOWN_CHARACTERS = 2000


def quality_report(
    probabilities: NDArray[np.floating],
    rows: SplitRows,
    *,
    abstain_below: float,
    lost: InputReport,
    max_errors: int = 100,
) -> QualityReport:
    """Describe the predictions (n, classes) for labelled rows.

    The misclassified rows come with the highest score first, at most `max_errors` of them; confusions are counted in
    full. With every row abstained, `accuracy_answered` is 0.

    Raises:
        ValueError: probabilities that do not fit the rows.
    """
    labels, inputs = rows.labelled.labels, rows.labelled.inputs
    scored = Scored.of(probabilities, rows.labelled.targets)
    if len(labels) != scored.classes or not len(inputs) == len(rows.numbers) == scored.rows:
        raise ValueError("labels, inputs and row numbers must fit the probabilities")
    per_class, macro_f1 = _per_class(scored, labels)
    reliability = _reliability(scored)
    answered = scored.score >= abstain_below
    return QualityReport(
        rows=scored.rows,
        accuracy=float(scored.correct.mean()),
        macro_f1=macro_f1,
        log_loss=float(scored.losses.mean()),
        calibration_error=sum(abs(score - right) * rows for score, right, rows in reliability) / scored.rows,
        per_class=per_class,
        confusions=_confusions(scored, labels),
        errors=_errors(scored, rows, limit=max_errors),
        reliability=reliability,
        abstained=float(1.0 - answered.mean()),
        accuracy_answered=float(scored.correct[answered].mean()) if answered.any() else 0.0,
        unknown_tokens=lost.unknown,
        truncated=lost.truncated,
        slices=_slices(scored, rows.slices),
        sensitive=tuple(_sensitive(scored, column, values) for column, values in rows.groups.items()),
    )


def _slices(scored: Scored, slices: Slices) -> tuple[SliceRow, ...]:
    """Every slice, the lowest accuracy first. The worst is named for being the worst, so the intervals hold for all at
    once (Bonferroni 1936): one-sided at 0.025/k each for k slices."""
    rows = []
    for name, (right, number) in zip(slices, slice_rates(scored, slices), strict=True):
        bounds = clopper_pearson(right, number, confidence=1.0 - 0.025 / len(slices))
        accuracy = right / number if number else None
        rows.append(SliceRow(name=name, rows=number, accuracy=accuracy, low=bounds.low, high=bounds.high))
    return tuple(sorted(rows, key=lambda row: (row.accuracy is None, row.accuracy or 0.0, row.name)))


def _sensitive(scored: Scored, column: str, values: Sequence[str | None]) -> SensitiveRow:
    """Every group of a column, the lowest accuracy first, with intervals that hold for all of them at once, as slices'
    do; the interval of the gap takes care of their number by itself (`rate_gap`)."""
    rates = group_rates(scored, values)
    groups = []
    for name, (right, number) in rates.items():
        bounds = clopper_pearson(right, number, confidence=1.0 - 0.025 / len(rates))
        groups.append(GroupRow(name=name, rows=number, accuracy=right / number, low=bounds.low, high=bounds.high))
    gap = rate_gap(tuple(rates.values()), confidence=0.975) if len(rates) > 1 else None
    return SensitiveRow(
        column=column,
        groups=tuple(sorted(groups, key=lambda group: (group.accuracy, group.name))),
        gap=None if gap is None else GroupGap(value=gap.value, low=gap.low, high=gap.high),
        unknown=sum(value is None for value in values),
    )


def _per_class(scored: Scored, labels: Sequence[str]) -> tuple[tuple[ClassRow, ...], float]:
    count = scored.classes
    rows = np.bincount(scored.targets, minlength=count)
    guessed = np.bincount(scored.predicted, minlength=count)
    right = np.bincount(scored.targets[scored.correct], minlength=count)
    precision, recall = right / np.maximum(guessed, 1), right / np.maximum(rows, 1)
    f1 = 2 * right / np.maximum(rows + guessed, 1)
    table = tuple(
        ClassRow(
            label=label,
            precision=float(precision[k]),
            recall=float(recall[k]),
            f1=float(f1[k]),
            rows=int(rows[k]),
        )
        for k, label in enumerate(labels)
    )
    return table, float(f1[(rows + guessed) > 0].mean())


def _confusions(scored: Scored, labels: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
    wrong = ~scored.correct
    pairs, counts = np.unique(scored.targets[wrong] * scored.classes + scored.predicted[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        (labels[int(pairs[k]) // scored.classes], labels[int(pairs[k]) % scored.classes], int(counts[k])) for k in order
    )


def _errors(scored: Scored, rows: SplitRows, *, limit: int) -> tuple[ErrorRow, ...]:
    labels = rows.labelled.labels
    wrong = np.flatnonzero(~scored.correct)
    order = wrong[np.argsort(-scored.score[wrong], kind="stable")][:limit]
    return tuple(
        ErrorRow(
            row=rows.numbers[k],
            input=_shown(rows.labelled.inputs[k]),
            label=labels[scored.targets[k]],
            predicted=labels[scored.predicted[k]],
            score=float(scored.score[k]),
        )
        for k in order.tolist()
    )


def _shown(example: Example) -> str:
    """An example as text for people; bytes are only counted."""
    text = f"{len(example):,} bytes" if isinstance(example, bytes) else str(example)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _reliability(scored: Scored) -> tuple[tuple[float, float, int], ...]:
    """Mean score, accuracy and rows of each bin of equal mass that has rows."""
    rows = np.bincount(scored.bins, minlength=BINS)
    score = np.bincount(scored.bins, weights=scored.score, minlength=BINS)
    right = np.bincount(scored.bins, weights=scored.correct.astype(np.float64), minlength=BINS)
    return tuple((float(score[k] / rows[k]), float(right[k] / rows[k]), int(rows[k])) for k in range(BINS) if rows[k])
