"""Data quality: counts that add up, classes, duplicates, suspicious labels, lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from marketfit.records.base import Blob
from marketfit.records.data import Dataset
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Fact, Facts, Section, Table, Text, bullets, row, table
from marketfit.report.story import Story
from marketfit.workspace import Workspace

_CLASSES, _EXAMPLES, _LABELS = 200, 15, 25
_ORDER = ("train", "valid", "test")

if TYPE_CHECKING:
    import pyarrow as pa

Line = Mapping[str, str | int | float | bytes | None]


def data_section(story: Story, *, workspace: Workspace) -> Section:
    """Where every row of the source went, and what is odd about those that stayed."""
    data = story.dataset
    blocks: list[Block] = [
        Facts(tuple(_facts(data))),
        _fates(data, workspace),
        _balance(data),
        _classes(data),
        *_quarantine(data, workspace),
        *_receipts(data, workspace),
        _label_issues(data, workspace),
        *bullets("Notes on the data", data.notes),
    ]
    return Section("data", "Data quality", _lead(data), tuple(blocks))


def lines_of(blob: Blob, workspace: Workspace) -> list[Line]:
    """A stored table, row by row."""
    return cast("list[Line]", workspace.table(blob).to_pylist())


def _lead(data: Dataset) -> str:
    kept, away = sum(data.splits.values()), sum(count.rows for count in data.quarantined)
    what = figures.sentence(data.input_description)
    return (
        f"{what} {figures.counted(data.source_rows, 'row')} came in: {kept:,} are in the splits and {away:,} in "
        "quarantine. These are counts, so they have no interval."
    ).strip()


def _facts(data: Dataset) -> list[Fact]:
    length = data.length
    longest = f"{length.unit}; half are up to {length.p50:,.0f}, 95 % up to {length.p95:,.0f}"
    splits = [Fact(f"Rows in {name}", figures.count(data.splits[name])) for name in _splits(data)]
    return [
        *splits,
        Fact("Classes", figures.count(len(data.labels))),
        Fact("Longest input", f"{length.longest:,.0f}", longest),
    ]


def _splits(data: Dataset) -> list[str]:
    return [name for name in _ORDER if name in data.splits] + [n for n in data.splits if n not in _ORDER]


def _fates(data: Dataset, workspace: Workspace) -> Table:
    learnt = _learnt(data, workspace)
    rows = [
        row(
            f"in {name}" + (f", {learnt[name]:,} of them from feedback" if learnt[name] else ""),
            figures.count(data.splits[name]),
            _part(data.splits[name], data),
        )
        for name in _splits(data)
    ]
    rows += [
        row(f"in quarantine: {count.reason}", figures.count(count.rows), _part(count.rows, data), quiet=True)
        for count in data.quarantined
    ]
    total = sum(data.splits.values()) + sum(count.rows for count in data.quarantined)
    rows.append(row("together", figures.count(total), _part(total, data), strong=True))
    return table("Where every row went", ("Place", "#Rows", "#Share"), rows)


def _learnt(data: Dataset, workspace: Workspace) -> Counter[str]:
    """Rows from feedback in each split."""
    import pyarrow.compute as pc

    rows = workspace.table(data.rows).select(["split", "origin"])
    return _tally(rows.filter(pc.equal(rows.column("origin"), "feedback")).column("split"))


def _tally(column: pa.ChunkedArray) -> Counter[str]:
    """How often each value occurs; nothing is copied into Python but the values."""
    return Counter({str(found["values"]): int(found["counts"]) for found in column.value_counts().to_pylist()})


def _part(rows: int, data: Dataset) -> str:
    return figures.percent(rows / data.source_rows) if data.source_rows else figures.MISSING


def _balance(data: Dataset) -> Text:
    total = sum(data.splits.values()) + sum(count.rows for count in data.quarantined)
    if total == data.source_rows:
        return Text(f"The counts add up: {total:,} rows are accounted for, as many as came in.", "quiet")
    lost = data.source_rows - total
    return Text(f"The counts do NOT add up: {data.source_rows:,} rows came in, {total:,} are told ({lost:+,}).", "bad")


def _classes(data: Dataset) -> Table:
    names = _splits(data)
    totals = {label: sum(data.classes.get(label, {}).values()) for label in data.labels}
    rows = [
        row(label, *(figures.count(data.classes.get(label, {}).get(name, 0)) for name in names), figures.count(total))
        for label, total in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]
    return table("Rows of each class", ("Class", *(f"#{name}" for name in names), "#Total"), rows, most=_CLASSES)


def _quarantine(data: Dataset, workspace: Workspace) -> tuple[Table, ...]:
    import pyarrow.compute as pc

    every = workspace.table(data.quarantine)
    if not every.num_rows:
        return ()
    each = max(1, _EXAMPLES // max(1, len(data.quarantined)))  # a few of every reason say more than many of one
    lines: list[Line] = []
    for count in data.quarantined:
        lines += every.filter(pc.equal(every.column("reason"), count.reason)).slice(0, each).to_pylist()
    shown = [row(str(line["row"]), str(line["reason"]), _short(line["content"])) for line in lines]
    head = (".Row", "Reason", "~Content")
    return (table("Examples from the quarantine", head, shown, most=2 * _EXAMPLES, total=every.num_rows),)


def _receipts(data: Dataset, workspace: Workspace) -> tuple[Block, ...]:
    every = workspace.table(data.receipts)
    if not every.num_rows:
        return (Text("No duplicates were removed.", "quiet"),)
    said = ", ".join(f"{rows:,} {kind}" for kind, rows in sorted(_tally(every.column("kind")).items()))
    # Exact copies need no look: what was only similar may be a mistake, the least similar first.
    lines = every.sort_by([("similarity", "ascending"), ("removed", "ascending")]).slice(0, _EXAMPLES).to_pylist()
    shown = [
        row(str(line["removed"]), str(line["kept"]), str(line["kind"]), figures.number(line["similarity"]))
        for line in lines
    ]
    caption = f"Receipts of removed duplicates ({said}); the least similar first"
    head = (".Removed row", ".Kept row", "Kind", "#Similarity")
    return (table(caption, head, shown, total=every.num_rows),)


def _label_issues(data: Dataset, workspace: Workspace) -> Block:
    lines = lines_of(data.label_issues, workspace)
    if not lines:
        return Text("No label in train or valid looks wrong.", "quiet")
    texts = _inputs(data, {int(line["row"] or 0) for line in lines[:_LABELS]}, workspace)
    shown = [
        row(
            str(line["row"]),
            Cell(texts.get(int(line["row"] or 0), "")),
            str(line["label"]),
            str(line["suggested"]),
            figures.number(float(line["score"] or 0.0), digits=3),
        )
        for line in lines[:_LABELS]
    ]
    note = (
        "A report: nothing was removed or changed for it. The score is the label's own probability; it has no interval."
    )
    head = (".Row", "~Input", "Label", "Its neighbours say", "#Score")
    return table("Labels that look wrong, the worst first", head, shown, total=len(lines), note=note)


def _inputs(data: Dataset, wanted: set[int], workspace: Workspace) -> dict[int, str]:
    import pyarrow.compute as pc

    rows = workspace.table(data.rows).select(["row", "input"])
    found = rows.filter(pc.is_in(rows.column("row"), value_set=_array(sorted(wanted))))
    return {int(line["row"]): _short(line["input"]) for line in found.to_pylist()}


def _array(values: list[int]) -> object:
    import pyarrow as pa

    return pa.array(values, pa.int64())


def _short(content: str | int | float | bytes | None) -> str:
    text = f"{len(content):,} bytes" if isinstance(content, bytes) else str(content)
    return text if len(text) <= 160 else text[:159] + "…"
