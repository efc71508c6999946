"""All of preparation that needs no model: read, check, settle contradictions, remove duplicates, split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from marketfit.brief import Brief, DataSpec
from marketfit.engine import Reporter
from marketfit.errors import DataError, Problem, RunError
from marketfit.prepare.checks import class_problems, split_notes, split_problems
from marketfit.prepare.collect import NOT_SELECTED, Collected, collect
from marketfit.prepare.contradictions import Contradictions, contradictions
from marketfit.prepare.duplicates import REASONS, Duplicates
from marketfit.prepare.feedback import Admission, feedback_rows
from marketfit.prepare.keys import Keys, strict_key
from marketfit.prepare.options import MOST_INDEXED
from marketfit.prepare.rows import Quarantine, Receipt, Rows
from marketfit.prepare.split import Material, assign, carved_parts
from marketfit.records.data import FeedbackBatch

GROUP_CROSSES = "its group is in another split"

_RANK = {"test": 0, "valid": 1, "train": 2}


@dataclass(frozen=True)
class Curated:
    """Rows in splits, and what became of all others. `source_rows` counts the feedback's rows too."""

    rows: Rows
    quarantine: Quarantine
    receipts: tuple[Receipt, ...]
    notes: tuple[str, ...]
    source_rows: int


def curate(brief: Brief, batch: FeedbackBatch | None, *, reporter: Reporter) -> Curated:
    """Prepare the rows of a brief.

    Raises:
        DataError: what is wrong with the data, all of it at once.
        RunError: the counts do not add up, which would be our fault.
    """
    with reporter.task(f"reading {brief.data.source.name}") as advance:
        collected = collect(brief.data, progress=advance)
    quarantine, source = collected.quarantine, collected.rows
    carved = carved_parts(source.splits)
    _raise([*collected.problems, *class_problems(source.labels, brief.data, carved=carved)])
    notes = _read_notes(collected)
    source = _without_group_crossings(source, quarantine, notes)
    source = _without_contradictions(source, quarantine, notes)
    carved = carved_parts(source.splits)
    with reporter.task("looking for duplicates") as advance:
        keys = Keys.of(source.inputs)
        if len(source) > MOST_INDEXED:
            source = _split(source, keys, brief)  # only test and valid are indexed then, so they must be known
            notes.append(
                f"near-duplicates were looked for between train and the other splits only ({len(source):,} rows)"
            )
        duplicates = Duplicates(source, keys)
        duplicates.settle(duplicates.priority(), progress=advance)
    receipts = _remove(duplicates, quarantine, notes)
    kept = sorted(duplicates.kept)
    source = source.take(kept)
    carved = carved_parts(source.splits) or carved  # those that are carved already are not missing now
    _raise(class_problems(source.labels, brief.data, carved=carved, when=" after cleaning"))
    source = _split(source, keys.take(kept), brief)
    _raise(split_problems(source, brief.data))
    notes += split_notes(source)
    rows, total = source, collected.source_rows
    if batch is not None and batch.rows:
        total += len(batch.rows)
        rows, more = _with_feedback(source, batch, quarantine, notes, first=collected.source_rows + 1)
        receipts += more
    curated = Curated(rows, quarantine, tuple(receipts), tuple(notes), total)
    check_counts(curated)
    return curated


def check_counts(curated: Curated) -> None:
    """Nothing lost: every row is in one split or in the quarantine, once.

    Raises:
        RunError: it is not so.
    """
    kept = [int(number) for number in curated.rows.numbers]
    places = Counter(kept + curated.quarantine.rows)
    twice = [row for row, times in places.items() if times > 1]
    if twice or len(places) != curated.source_rows or None in curated.rows.splits:
        raise RunError(
            f"the counts do not add up: {curated.source_rows:,} rows read, {len(kept):,} in splits, "
            f"{len(curated.quarantine):,} in quarantine, {len(twice):,} in two places; please report this"
        )


def _read_notes(collected: Collected) -> list[str]:
    unread = sum(count.rows for count in collected.quarantine.counts() if count.reason != NOT_SELECTED)
    if unread <= 0.2 * collected.source_rows:
        return []
    return [f"{unread:,} of {collected.source_rows:,} rows could not be used: see the quarantine for the reasons"]


def _without_group_crossings(rows: Rows, quarantine: Quarantine, notes: list[str]) -> Rows:
    """Where the user's splits part a group, its rows in train (then valid) give way."""
    best: dict[str, int] = {}
    for group, split in zip(rows.groups, rows.splits, strict=True):
        if group is not None and split is not None:
            best[group] = min(best.get(group, 2), _RANK[split])
    kept: list[int] = []
    for row, (group, split) in enumerate(zip(rows.groups, rows.splits, strict=True)):
        if group is not None and split is not None and _RANK[split] > best[group]:
            quarantine.add(int(rows.numbers[row]), GROUP_CROSSES, rows.inputs[row])
        else:
            kept.append(row)
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept):,} rows left out: their group is in test or valid as well")
    return rows.take(kept)


def _without_contradictions(rows: Rows, quarantine: Quarantine, notes: list[str]) -> Rows:
    found: Contradictions = contradictions([strict_key(example) for example in rows.inputs], rows.labels, rows.splits)
    for row, reason in found.removed.items():
        quarantine.add(int(rows.numbers[row]), reason, rows.inputs[row])
    if found.texts:
        notes.append(
            f"{found.texts:,} texts have several labels: {len(found.removed):,} of their rows are in quarantine"
            + (f"; {found.in_test:,} such texts stay in the test split that was given" if found.in_test else "")
        )
    return rows.take([row for row in range(len(rows)) if row not in found.removed])


def _remove(duplicates: Duplicates, quarantine: Quarantine, notes: list[str]) -> list[Receipt]:
    rows = duplicates.rows
    crossing = 0
    for found in duplicates.found:
        quarantine.add(int(rows.numbers[found.removed]), REASONS[found.kind], rows.inputs[found.removed])
        crossing += rows.splits[found.removed] != rows.splits[found.kept]
    if crossing:
        notes.append(f"{crossing:,} duplicates crossed the splits that were given: the copy in train (then valid) went")
    if duplicates.distinct:
        pairs = [f"{rows.numbers[one]}/{rows.numbers[other]}" for one, other in sorted(duplicates.distinct)[:5]]
        notes.append(
            f"{len(duplicates.distinct):,} pairs of nearly equal texts have different labels; they stay "
            f"(rows {', '.join(pairs)}{' …' if len(duplicates.distinct) > 5 else ''})"
        )
    return [found.receipt(rows) for found in duplicates.found]


def _split(rows: Rows, keys: Keys, brief: Brief) -> Rows:
    material = Material(keys, rows.labels, rows.splits, rows.groups)
    return rows.with_splits(assign(material, seed=brief.seed))


def _with_feedback(
    source: Rows, batch: FeedbackBatch, quarantine: Quarantine, notes: list[str], *, first: int
) -> tuple[Rows, list[Receipt]]:
    rows = source.joined(feedback_rows(batch, source, first=first, quarantine=quarantine))
    places = range(len(source)), range(len(source), len(rows))
    admitted = Admission(rows, Keys.of(rows.inputs), *places).decide(quarantine)
    for row, reason in admitted.leave.items():
        quarantine.add(int(rows.numbers[row]), reason, rows.inputs[row])
    kept = [row for row in places[0] if row not in admitted.leave] + sorted(admitted.enter)
    notes.append(
        f"{len(admitted.enter):,} of {len(batch.rows):,} feedback rows entered train (rows {first:,} and up); "
        f"{len(admitted.leave):,} rows of the source gave way to them"
    )
    return rows.take(kept), [found.receipt(rows) for found in admitted.found]


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise DataError(problems)


def data_description(data: DataSpec) -> str:
    """What an input is, in words."""
    return f"column '{data.input}' of {data.source.name}"
