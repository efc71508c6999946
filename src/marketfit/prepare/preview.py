"""What `marketfit check` needs to know of the data, without a model."""

from __future__ import annotations

from collections.abc import Mapping

from marketfit.brief import Brief
from marketfit.engine import Reporter, reporter
from marketfit.prepare.locked_test import digest_of_test
from marketfit.prepare.sources import read_sources
from marketfit.prepare.step import class_counts, length_profile, split_counts
from marketfit.records.base import Record
from marketfit.records.data import Count, LengthProfile


class DataPreview(Record):
    """The data as `prepare` will split it: the same rows, the same test digest."""

    splits: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]  # label → split → rows
    source_rows: int
    quarantined: tuple[Count, ...]
    duplicates: int  # removed with a receipt; a part of the quarantined
    length: LengthProfile
    notes: tuple[str, ...]
    test_digest: str


def inspect(brief: Brief, *, progress: Reporter | None = None) -> DataPreview:
    """Read, validate, deduplicate and split; nothing is stored and no model is needed.

    Raises:
        DataError: what is wrong with the data, all of it at once.
    """
    say = progress or reporter(quiet=True)
    sources = read_sources(brief, None, reporter=say)
    curated, rows = sources.curated, sources.curated.rows
    return DataPreview(
        splits=split_counts(rows),
        classes=class_counts(rows),
        source_rows=curated.source_rows,
        quarantined=curated.quarantine.counts(),
        duplicates=len(curated.receipts),
        length=length_profile(rows),
        notes=(*curated.notes, *sources.unlabelled_notes),
        test_digest=digest_of_test(rows),
    )
