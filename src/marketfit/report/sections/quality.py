"""Quality of the winner on the locked test, beyond the contract."""

from __future__ import annotations

from dataclasses import replace

from marketfit.contract import Measurement
from marketfit.measure.intervals import clopper_pearson
from marketfit.measure.slicing import rows_for_slice
from marketfit.records.decision import ClassRow, QualityReport, SliceRow
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Row, Section, Table, Text, row, table
from marketfit.report.charts.curves import At, reliability
from marketfit.report.charts.draw import chart
from marketfit.report.sections.groups import group_blocks
from marketfit.report.story import Story

_CLASSES, _PAIRS, _ERRORS = 200, 30, 50


def quality_section(story: Story) -> Section:
    """What the winner gets right, what it mixes up, and whether its scores mean what they say."""
    quality = story.settlement.quality
    if quality is None:
        lead = "The locked test was not opened, so nothing is known of the winner beyond valid rows."
        return Section("quality", "Quality of the winner", lead, ())
    blocks: list[Block] = [
        _overall(quality, story),
        _classes(quality),
        _slices(quality, story),
        *group_blocks(quality),
        *_confusions(quality),
        *_errors(quality),
        *_calibration(quality),
    ]
    lead = (
        f"The reloaded bundle on {figures.counted(quality.rows, 'row')} of the locked test. Intervals here are "
        "two-sided at 95 % and, unlike those of the contract, not corrected for how often the test was opened."
    )
    return Section("quality", "Quality of the winner", lead, tuple(blocks))


def _rate(value: float, rows: int) -> Cell:
    """A rate with its Clopper–Pearson interval; a rate of no rows is not shown."""
    if rows < 1:
        return Cell(figures.MISSING, below="no rows")
    bounds = clopper_pearson(min(rows, max(0, round(value * rows))), rows, confidence=0.975)
    return Cell(f"{value:.4f}", below=f"{bounds.low:.4f} to {bounds.high:.4f}")


def _promised(story: Story, metric: str, value: float) -> Cell:
    """A figure without an interval of its own, unless the contract measured the same."""
    clauses = story.settlement.contract.clauses
    found: Measurement | None = next((c.measurement for c in clauses if c.requirement.metric == metric), None)
    if found is None or story.settlement.opening < 1:
        return Cell(figures.metric(metric, value), below="no interval")
    sides = f"one-sided at {figures.confidence(found.confidence)}, as in the contract"
    return Cell(figures.metric(metric, value), below=f"{figures.interval(found)}\n{sides}")


def _overall(quality: QualityReport, story: Story) -> Table:
    rows = quality.rows
    answered = rows - round(quality.abstained * rows)
    n = figures.count(rows)
    lines = [
        row("Accuracy", _rate(quality.accuracy, rows), n),
        row("Macro-F1", _promised(story, "macro_f1", quality.macro_f1), n),
        row("Log-loss (nats)", _promised(story, "log_loss", quality.log_loss), n),
        row("Calibration error", _promised(story, "calibration_error", quality.calibration_error), n),
        row("Share of answers held back (abstention)", _rate(quality.abstained, rows), n),
        row("Accuracy of the answers given", _rate(quality.accuracy_answered, answered), figures.count(answered)),
        row("Share of unknown tokens", Cell(figures.number(quality.unknown_tokens), below="no interval"), n),
        row("Share of inputs that were cut", _rate(quality.truncated, rows), n),
    ]
    return table("The winner in figures", ("What", "#Value and interval", "#n rows"), lines)


def _classes(quality: QualityReport) -> Table:
    ordered = sorted(quality.per_class, key=lambda one: (one.f1, one.label))
    head = ("Class", "#Precision", "#Recall", "#F1", "#n rows")
    note = "Below precision and recall their two-sided 95 % intervals; F1 has none. The n of precision is its own."
    rows = [_class(one) for one in ordered]
    return table("Every class, the lowest F1 first", head, rows, most=_CLASSES, note=note)


def _class(one: ClassRow) -> Row:
    right = round(one.recall * one.rows)
    predicted = round(right / one.precision) if one.precision > 0 else 0
    precision = (
        _rate(one.precision, predicted) if predicted else Cell("0.0000", below="never right, or never predicted")
    )
    if predicted:
        precision = replace(precision, below=f"{precision.below}\nn = {predicted:,}")
    return row(one.label, precision, _rate(one.recall, one.rows), f"{one.f1:.4f}", figures.count(one.rows))


def _slices(quality: QualityReport, story: Story) -> Block:
    slicing = story.dataset.slicing
    if slicing is None or not quality.slices:
        least = rows_for_slice(1)
        return Text(f"There are no slices of the inputs: they take {least} test rows at the least.", "quiet")
    typical = {item.name: item.typical for item in slicing.slices}
    rows = [
        row(
            one.name,
            _slice_rate(one),
            figures.count(one.rows),
            Cell(" · ".join(map(_short, typical.get(one.name, ())))),
        )
        for one in quality.slices
    ]
    note = (
        f"Found in the inputs of train, without a label: topics are clusters of frozen features, named by words that "
        f"stand there more than elsewhere; lengths are the terciles. The intervals hold for all {len(rows)} at once "
        "with 95 % (Bonferroni), so also for the worst."
    )
    head = ("Slice", "#Accuracy", "#n rows", "~Typical inputs of train")
    return table("Slices of the inputs, the worst first", head, rows, note=note)


def _slice_rate(one: SliceRow) -> Cell:
    if one.accuracy is None:
        return Cell(figures.MISSING, below="no rows")
    return Cell(f"{one.accuracy:.4f}", below=f"{one.low:.4f} to {one.high:.4f}")


def _confusions(quality: QualityReport) -> list[Block]:
    if not quality.confusions:
        return [Text("No test row was misclassified.", "good")]
    sizes = {one.label: one.rows for one in quality.per_class}
    rows = [
        row(
            true, predicted, figures.count(number), _rate(number / sizes[true], sizes[true]), figures.count(sizes[true])
        )
        if sizes.get(true)
        else row(true, predicted, figures.count(number), figures.MISSING, figures.MISSING)
        for true, predicted, number in quality.confusions[:_PAIRS]
    ]
    head = ("True class", "Predicted", "#Rows", "#Share of the true class", "#n rows")
    return [table("Confusion pairs, most frequent first", head, rows, total=len(quality.confusions))]


def _errors(quality: QualityReport) -> list[Block]:
    if not quality.errors:
        return []
    wrong = quality.rows - round(quality.accuracy * quality.rows)
    rows = [
        row(str(one.row), Cell(_short(one.input)), one.label, one.predicted, figures.percent(one.score))
        for one in quality.errors[:_ERRORS]
    ]
    head = (".Row", "~Input", "True class", "Predicted", "#Score")
    caption = "Misclassified rows, the surest mistakes first"
    return [table(caption, head, rows, total=wrong, note="A score is that of one row: it has no interval.")]


def _calibration(quality: QualityReport) -> list[Block]:
    if not quality.reliability:
        return [Text("No bins of scores were recorded, so calibration is not drawn.", "quiet")]
    points, rows = [], []
    for score, right, number in quality.reliability:
        bounds = clopper_pearson(min(number, round(right * number)), number, confidence=0.975)
        told = f"score {score:.3f}: {right:.3f} right ({bounds.low:.3f} to {bounds.high:.3f}, n = {number})"
        points.append(At(score, right, bounds.low, bounds.high, told, rows=number))
        reach = f"{bounds.low:.4f} to {bounds.high:.4f}"
        rows.append(row(f"{score:.4f}", f"{right:.4f}", reach, figures.count(number)))
    caption = "Bins of equal mass, with two-sided 95 % intervals"
    data = table(caption, (".Mean score", "#Share right", "#Interval", "#n rows"), rows)
    title = "Calibration: share of right answers by score; on the dashed line scores mean what they say"
    alt_text = "Calibration: " + ", ".join(f"at score {p.x:.2f} {p.value:.2f} are right" for p in points)
    return [chart(title, alt_text, reliability(points), data=data)]


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
