"""Quality of the winner for the groups of the sensitive columns."""

from __future__ import annotations

from marketfit.records.decision import GroupRow, QualityReport, SensitiveRow
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Row, Text, row, whole

_WIDE = 0.2  # an interval from which on a group is called a small sample: ten points either way
_NAMED = 10


def group_blocks(quality: QualityReport) -> list[Block]:
    """Accuracy and its gap, for every sensitive column; nothing where the brief names none."""
    if not quality.sensitive:
        return []
    rows = [line for column in quality.sensitive for line in _lines(column)]
    note = (
        "The intervals hold for all groups of a column at once with 95 % (Bonferroni), so also for the best and the "
        "worst. A gap is the accuracy of the best group minus that of the worst; where zero is in its interval, these "
        "rows prove no difference. A group without a test row is not shown."
    )
    head = ("Column", "Group", "#Accuracy", "#n rows")
    listed = whole("Groups of the sensitive columns, the lowest accuracy first", head, rows, note=note)
    return [listed, *_small(quality.sensitive)]


def _lines(column: SensitiveRow) -> list[Row]:
    rows = [row(column.column, one.name, _rate(one), figures.count(one.rows)) for one in column.groups]
    known = sum(one.rows for one in column.groups)
    if column.gap is not None:
        reach = f"{column.gap.low:.4f} to {column.gap.high:.4f}"
        gap = Cell(f"{column.gap.value:.4f}", below=reach)
        rows.append(row(column.column, "gap: best minus worst", gap, figures.count(known), strong=True))
    elif column.groups:
        only = Cell(figures.MISSING, below="there is one group only")
        rows.append(row(column.column, "gap: best minus worst", only, figures.count(known), strong=True))
    if column.unknown:
        unknown = Cell(figures.MISSING, below="in no group")
        rows.append(row(column.column, "no value", unknown, figures.count(column.unknown), quiet=True))
    return rows


def _rate(one: GroupRow) -> Cell:
    return Cell(f"{one.accuracy:.4f}", below=f"{one.low:.4f} to {one.high:.4f}")


def _small(columns: tuple[SensitiveRow, ...]) -> list[Block]:
    """That some groups have too few rows to say much."""
    every = [f"{column.column}: {one.name}" for column in columns for one in column.groups]
    small = [
        f"{column.column}: {one.name} ({figures.counted(one.rows, 'row')})"
        for column in columns
        for one in column.groups
        if one.high - one.low > _WIDE
    ]
    if not small:
        return []
    more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
    return [
        Text(
            f"These are small samples: the intervals of {len(small):,} of {figures.counted(len(every), 'group')} are "
            f"wider than {_WIDE * 100:.0f} points ({', '.join(small[:_NAMED])}{more}). That no gap is proved there "
            "does not mean that there is none; more test rows of these groups would tell.",
            "warn",
        )
    ]
