"""Frozen records that steps pass to each other.

A record is small and is stored as JSON; whatever is large (tables, matrices, models) is a `Blob` or a `Folder` of
blobs in the workspace, named by its SHA-256, so that the digest of a record stands for everything behind it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from marketfit.contract import Contract, Measurement


class Record(BaseModel):
    """Base of all records: frozen, no unknown fields, a digest of its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of this record."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(value: JsonValue) -> str:
    """SHA-256 of the canonical JSON of a value: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Blob(Record):
    """One content-addressed file of the workspace. `suffix` is its kind, such as `.parquet` or `.npy`."""

    sha256: str
    bytes: int
    suffix: str


class Folder(Record):
    """A folder of blobs: relative POSIX path → blob."""

    files: Mapping[str, Blob]

    @property
    def bytes(self) -> int:
        """Total size of the files."""
        return sum(blob.bytes for blob in self.files.values())


# --- 1 prepare ---------------------------------------------------------------------------------------------------


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


class Dataset(Record):
    """Prepared rows in splits.

    `rows` is a Parquet table with the columns `row` (int64, number of the row in the source, from 1), `input`
    (the normalised example), `label` (string), `split` (train, valid, test), `group` (string or null), one
    `sensitive.NAME` column for each sensitive attribute, and `origin` (source, feedback). Rows are ordered by `row`.
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


# --- 2 shortlist -------------------------------------------------------------------------------------------------


class Backbone(Record):
    """A pretrained model that can be adapted.

    `source` is what the brief named; `cut` is the number of layers that stay (None: all), `static` says that each
    token has one vector and no attention is computed. `folder` is where its files are on this machine and stays out
    of the digest: `weights_sha256` stands for it.
    """

    name: str
    source: str
    cut: int | None
    static: bool
    parameters: int
    weights_sha256: str
    methods: tuple[str, ...]  # the tuning methods that it takes


class Candidate(Record):
    """A backbone on the shortlist's scale, with the reason why it was kept or dropped."""

    backbone: Backbone
    kept: bool
    reason: str
    size_mb: float  # int8 prior, from the number of parameters
    probe_accuracy: float
    probe_low: float
    probe_high: float
    probe_rows: int
    latency_ms: float  # measured floor: p50 of the headless export on the target's threads


class Shortlist(Record):
    """All backbones considered, best first; `floor` is the accuracy of character TF-IDF that each must beat."""

    candidates: tuple[Candidate, ...]
    floor_accuracy: float
    floor_low: float
    floor_high: float
    floor_rows: int

    @property
    def kept(self) -> tuple[Backbone, ...]:
        """The backbones worth training, best first."""
        return tuple(candidate.backbone for candidate in self.candidates if candidate.kept)


# --- 3 research --------------------------------------------------------------------------------------------------


class Offer(Record):
    """A product as the market sees it: attributes, the price among them."""

    name: str
    attributes: Mapping[str, float | str]


class PartWorth(Record):
    """One coefficient of the choice model."""

    name: str
    value: float
    standard_error: float | None  # None: held at 0 by its sign constraint


class Ratio(Record):
    """Willingness to pay for one unit of an attribute, in units of price, with a two-sided 95 % interval."""

    attribute: str
    value: float
    low: float
    high: float


class ChoiceStudy(Record):
    """The estimated demand curve: coding and draws are blobs that `demand` reads back."""

    model: Blob  # demand's own JSON: coding, coefficients, covariance
    part_worths: tuple[PartWorth, ...]
    willingness_to_pay: tuple[Ratio, ...]
    log_likelihood: float
    log_likelihood_null: float
    respondents: int
    tasks: int
    simulated: bool


class Opinions(Record):
    """What people say of single examples: `consensus` is a Parquet table (input, label, probability).

    `reliability` is one of (respondent, answers, reliability, low, high) with one-sided 95 % bounds; `method` is
    `one-coin` or `full-confusion`.
    """

    consensus: Blob
    items: int
    answers: int
    respondents: int
    unreliable: tuple[str, ...]
    mean_reliability: float
    simulated: bool
    reliability: Blob | None = None
    method: str = ""
    converged: bool = True


class MarketView(Record):
    """What is known of the market. Every part may be missing."""

    choice: ChoiceStudy | None
    competitors: tuple[Offer, ...]
    opinions: Opinions | None
    notes: tuple[str, ...]


# --- 4 tune ------------------------------------------------------------------------------------------------------


class TermSpec(Record):
    """A term of the objective with its weight and options."""

    name: str
    weight: float
    options: Mapping[str, JsonValue] = {}


class Recipe(Record):
    """How a backbone is adapted. `epochs` may be a fraction; `terms` come on top of cross-entropy."""

    method: Literal["probe", "full", "lora"]
    learning_rate: float
    epochs: float
    batch_size: int = 64
    weight_decay: float = 0.01
    warmup: float = 0.1
    dropout: float = 0.1
    rank: int = 8  # LoRA
    regularisation: float = 1.0  # inverse strength C of the probe's logistic regression
    terms: tuple[TermSpec, ...] = ()


class FitSummary(Record):
    """What one training did: optimiser steps, seconds, mean loss of each epoch, precision."""

    steps: int
    seconds: float
    losses: tuple[float, ...]
    precision: str


class Trial(Record):
    """One recipe run once. A failed trial is a result with its reason."""

    number: int
    backbone: Backbone
    recipe: Recipe
    status: Literal["complete", "failed"]
    reason: str
    seed: int
    model: Folder | None
    probabilities: Blob | None  # float32 .npy (valid rows × classes) of the training model: it ranks, never promises
    accuracy: float | None
    macro_f1: float | None
    log_loss: float | None
    fit: FitSummary | None


class Tuned(Record):
    """All trials and the finalist of every backbone; `comparisons` says how each finalist was chosen."""

    trials: tuple[Trial, ...]
    finalists: tuple[int, ...]
    comparisons: tuple[str, ...]
    plan: tuple[str, ...]  # how minutes became trials and steps


# --- 5 compress --------------------------------------------------------------------------------------------------


class SessionSettings(Record):
    """How the runtime is started; part of the variant and measured with it."""

    threads: int = 1
    spinning: bool = False
    arena: bool = True


class BundleSpec(Record):
    """`bundle.json`: all that is needed to run a bundle, beside the graph and the preprocessor's files.

    `preprocessor` belongs to the task's Runtime. `labels` is empty for a headless bundle, which only embeds.
    Scores are `softmax(logits / temperature)`; below `abstain_below` the answer is marked as an abstention.
    """

    format: Literal[1] = 1
    product: str
    task: str
    labels: tuple[str, ...]
    temperature: float = 1.0
    abstain_below: float = 0.0
    session: SessionSettings = SessionSettings()
    preprocessor: Mapping[str, JsonValue] = {}
    lineage: tuple[str, ...] = ()  # backbone, recipe, passes, in order


class Variant(Record):
    """One deployable outcome: an unsealed bundle, measured after it was written and reloaded."""

    name: str
    trial: int
    backbone: str
    passes: tuple[str, ...]
    bundle: Folder
    measurements: tuple[Measurement, ...]  # on valid rows and on the target machine
    probabilities: Blob  # float32 .npy (valid rows × classes), from the reloaded bundle
    unknown_tokens: float  # share of tokens on valid that the preprocessor does not know
    truncated: float  # share of valid inputs that were cut
    rejected: str  # why it can't ship, or empty

    def measured(self, metric: str) -> Measurement | None:
        """The measurement of a metric, if there is one."""
        return next((m for m in self.measurements if m.metric == metric), None)


class Variants(Record):
    """All variants with the machine they were measured on."""

    variants: tuple[Variant, ...]
    machine: str
    notes: tuple[str, ...]


# --- position ----------------------------------------------------------------------------------------------------


class Standing(Record):
    """A (variant, offer) pair on the market: the predicted value of the goal and how sure we are of it."""

    variant: str
    price: float | None
    share: float | None
    share_low: float | None
    share_high: float | None
    value: float  # the goal: share, profit a month, utility, or the first requirement's metric
    value_low: float
    value_high: float
    probability_kept: float  # that the contract will be met on the locked test
    probability_best: float
    feasible: bool
    reason: str


class Decision(Record):
    """Which variant (and price) should ship, before the locked test has spoken."""

    goal: str
    standings: tuple[Standing, ...]
    winner: str | None
    price: float | None
    probability_best: float
    expected_regret: float
    shares: Mapping[str, float]  # our offer, the competitors and none, at the chosen price
    binding: str  # the requirement that nothing meets, or empty
    nearest: str  # the variant that comes nearest to it, or empty
    notes: tuple[str, ...]


class ErrorRow(Record):
    """A misclassified test row."""

    row: int
    input: str
    label: str
    predicted: str
    score: float


class ClassRow(Record):
    """Precision, recall and F1 of one class on the locked test."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


class QualityReport(Record):
    """What the locked test says of the winner, beyond the contract."""

    rows: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    per_class: tuple[ClassRow, ...]
    confusions: tuple[tuple[str, str, int], ...]  # true, predicted, rows; most frequent first
    errors: tuple[ErrorRow, ...]
    reliability: tuple[tuple[float, float, int], ...]  # mean score, accuracy, rows of each bin
    abstained: float
    accuracy_answered: float
    unknown_tokens: float
    truncated: float


class Settlement(Record):
    """The winner after the locked test: the contract that ships, or the refusal."""

    status: Literal["shipped", "refused"]
    variant: str | None
    opening: int  # number of the opening of this test split; 0 if it stayed shut
    level: float  # α/(k(k+1))
    contract: Contract
    quality: QualityReport | None
    reason: str
