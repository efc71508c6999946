"""The step: from the user's file to a Dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from marketfit.brief import Brief
from marketfit.brief.delimiter import delimiter_notes
from marketfit.engine import Run, step
from marketfit.measure.features import embed, make_embedder
from marketfit.prepare.curate import data_description
from marketfit.prepare.label_issues import LabelIssue, find_label_issues, issues_table
from marketfit.prepare.locked_test import digest_of_test, record_test
from marketfit.prepare.options import MOST_CHECKED, OUTLIERS
from marketfit.prepare.outliers import nearest_cosine
from marketfit.prepare.rows import SPLITS, Rows, receipts_table, shown
from marketfit.prepare.slices import slice_columns, slicing_of
from marketfit.prepare.sources import read_sources
from marketfit.records.data import Dataset, FeedbackBatch, LengthProfile
from marketfit.task import FloatMatrix


@step(version=2, gives=Dataset, reads=("task", "data", "backbones", "seed"))
def prepare(brief: Brief, batch: FeedbackBatch | None, /, *, run: Run) -> Dataset:
    """Read, validate, quarantine, deduplicate, split, embed, find slices, and report label errors and outliers.

    Feedback rows enter train only; the test split is the same with and without them.

    Raises:
        DataError: what is wrong with the data, all of it at once.
        BriefError: the first backbone does not exist.
        RunError: the counts of rows do not add up.
    """
    sources = read_sources(brief, batch, reporter=run.reporter)
    curated, unlabelled = sources.curated, sources.unlabelled
    rows = curated.rows.take(np.argsort(curated.rows.numbers, kind="stable"))
    embedder = make_embedder(brief.task, brief.backbones[0], base=brief.base, run=run)
    features = embed(embedder, rows.inputs, run)
    issues = _label_issues(rows, features, run)
    notes = [*curated.notes, *_issue_notes(rows, issues), *_outlier_notes(rows, features, run)]
    notes += sources.unlabelled_notes
    digest = digest_of_test(rows)
    changed = record_test(digest, brief.product, run.ledger)
    notes = [changed, *notes] if changed else notes
    notes += delimiter_notes(brief.data.source, numbers=False)
    length, put = length_profile(rows), run.workspace.put_table
    slicing = slicing_of(rows, features, embedder=embedder, test_digest=digest, unit=length.unit, run=run)
    return Dataset(
        task=brief.task,
        rows=put(rows.table(slices=slice_columns(slicing, rows, features, run=run))),
        features=run.workspace.put_array(features),
        embedder=embedder,
        labels=tuple(sorted(set(rows.labels))),
        splits=split_counts(rows),
        classes=class_counts(rows),
        source_rows=curated.source_rows,
        quarantined=curated.quarantine.counts(),
        quarantine=put(curated.quarantine.table()),
        receipts=put(receipts_table(curated.receipts)),
        label_issues=put(issues_table(issues)),
        unlabelled=put(unlabelled.table()) if unlabelled is not None else None,
        length=length,
        notes=tuple(notes),
        test_digest=digest,
        input_description=data_description(brief.data),
        slicing=slicing,
    )


def split_counts(rows: Rows) -> Mapping[str, int]:
    """Rows of each split."""
    counts = Counter(rows.splits)
    return {split: counts[split] for split in SPLITS}


def class_counts(rows: Rows) -> Mapping[str, Mapping[str, int]]:
    """Rows of each label in each split."""
    counts: dict[str, Counter[str | None]] = defaultdict(Counter)
    for label, split in zip(rows.labels, rows.splits, strict=True):
        counts[label][split] += 1
    return {label: {split: counts[label][split] for split in SPLITS} for label in sorted(counts)}


def length_profile(rows: Rows) -> LengthProfile:
    """Quantiles of the lengths of all inputs."""
    lengths = [len(example) for example in rows.inputs]
    p50, p95, longest = np.quantile(lengths, [0.5, 0.95, 1.0]).tolist()
    unit = "bytes" if any(isinstance(example, bytes) for example in rows.inputs) else "characters"
    return LengthProfile(p50=p50, p95=p95, longest=longest, unit=unit)


def _seen(rows: Rows) -> list[int]:
    """Places of all rows outside test: what reports may look at."""
    return [row for row, split in enumerate(rows.splits) if split != "test"]


def _label_issues(rows: Rows, features: FloatMatrix, run: Run) -> list[LabelIssue]:
    seen = _seen(rows)
    part = rows.take(seen)
    with run.reporter.task("looking for label errors") as advance:
        return find_label_issues(
            features[seen], part.labels, part.numbers.tolist(), rng=run.rng("prepare", "labels"), progress=advance
        )


def _issue_notes(rows: Rows, issues: list[LabelIssue]) -> list[str]:
    checked = len(_seen(rows))
    among = f"a random {MOST_CHECKED:,} of {checked:,}" if checked > MOST_CHECKED else f"{checked:,}"
    if not issues:
        return [f"no label of {among} rows in train and valid looks wrong"]
    worst = issues[0]
    return [
        f"{len(issues):,} labels of {among} rows in train and valid look wrong (a report: all rows stay); first row "
        f"{worst.row}: '{worst.label}', its neighbours say '{worst.suggested}'"
    ]


def _outlier_notes(rows: Rows, features: FloatMatrix, run: Run) -> list[str]:
    seen = _seen(rows)
    nearest = nearest_cosine(features[seen], rng=run.rng("prepare", "outliers"))
    named = [
        f"row {rows.numbers[seen[place]]} (cosine {nearest[place]:.2f}) '{shown(rows.inputs[seen[place]])[:60]}'"
        for place in np.argsort(nearest, kind="stable")[:OUTLIERS].tolist()
    ]
    return [f"farthest from all other rows of train and valid: {'; '.join(named)}"]
