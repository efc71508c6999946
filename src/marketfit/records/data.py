"""Records of data: what `prepare` makes and what `listen` hands to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from marketfit.records.base import Blob, Folder, Record


class Count(Record):
    """Rows that met the same fate for the same reason."""

    reason: str
    rows: int


class LengthProfile(Record):
    """Quantiles of the examples' lengths in characters (text) or other natural units of the task."""

    p50: float
    p95: float
    longest: float
    unit: str


SliceFamily = Literal["topic", "length"]


class InputSlice(Record):
    """A part of the inputs that was found without a label. `place`: its number among those of its family.

    `typical` are training inputs, the most typical first, where they are texts and their slice is a topic.
    """

    family: SliceFamily
    place: int
    name: str
    typical: tuple[str, ...]
    train_rows: int


class Slicing(Record):
    """How rows are put into slices, fixed once for a test split and an embedder.

    A topic is the nearest of the `centres`, a float32 `.npy` matrix (topics, dim); a length is short up to the first
    of `ends`, middle up to the second, and long beyond.
    """

    centres: Blob
    ends: tuple[int, int]
    slices: tuple[InputSlice, ...]


class Dataset(Record):
    """Prepared rows in splits.

    `rows` is a Parquet table with the columns `row` (int64, number of the row in the source, from 1), `input`
    (the normalised example), `label` (string), `split` (train, valid, test), `group` (string or null), one
    `sensitive.NAME` column for each sensitive attribute, and `origin` (source, feedback). Rows are ordered by `row`.
    With a `slicing`, the columns `slice.topic` and `slice.length` name the slices of each row; there is none where the
    test split has too few rows for slices.
    `features` is a float32 `.npy` matrix aligned with `rows`: one frozen feature row per example, from `embedder`.
    `quarantine` is a Parquet table (row, reason, content) of every row that is in no split; `receipts` (removed, kept,
    similarity, kind) has one line for each duplicate among them; `label_issues` (row, label, suggested, score) is a
    report: nothing is removed for it.
    """

    task: str
    rows: Blob
    features: Blob
    embedder: Folder
    labels: tuple[str, ...]
    splits: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]  # label → split → rows
    source_rows: int
    quarantined: tuple[Count, ...]
    quarantine: Blob
    receipts: Blob
    label_issues: Blob
    unlabelled: Blob | None
    length: LengthProfile
    notes: tuple[str, ...]
    test_digest: str
    input_description: str
    slicing: Slicing | None = None


class FeedbackRow(Record):
    """One example learnt from users: a correction or a new example. It never goes to `test`."""

    input: JsonValue
    label: str
    origin: Literal["correction", "example", "audit"]
    event: str


class Slice(Record):
    """A part of the traffic in which the model fails more than elsewhere."""

    description: str
    examples: tuple[str, ...]
    rows: int
    failures: int
    low: float
    high: float


class FeedbackBatch(Record):
    """What `listen` hands to the next turn of the loop. Rows are ordered by event."""

    rows: tuple[FeedbackRow, ...]
    thumbs_up: int
    thumbs_down: int
    slices: tuple[Slice, ...]
    proposals: tuple[str, ...]  # data and brief changes, in words, for the person who decides
    upto: str  # the last event that is in here
