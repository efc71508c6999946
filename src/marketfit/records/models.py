"""Records of models: backbones, recipes, trials, variants and the bundle that ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from marketfit.contract import Measurement
from marketfit.records.base import Blob, Folder, Record


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


class TermSpec(Record):
    """A term of the objective with its weight and options."""

    name: str
    weight: float
    options: Mapping[str, JsonValue] = {}


class Recipe(Record):
    """How a backbone is adapted. `epochs` may be a fraction; `terms` come on top of cross-entropy.

    `adopted`: somebody else trained the model; nothing was fitted here, and the other fields say nothing.
    """

    method: Literal["probe", "full", "lora", "adopted"]
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
    """One recipe run once. A failed trial is a result with its reason. `notes`: trackers that did not follow it."""

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
    notes: tuple[str, ...] = ()


class Tuned(Record):
    """All trials and the finalist of every backbone; `comparisons` says how each finalist was chosen."""

    trials: tuple[Trial, ...]
    finalists: tuple[int, ...]
    comparisons: tuple[str, ...]
    plan: tuple[str, ...]  # how minutes became trials and steps


Engine = Literal["onnxruntime", "openvino"]
"""What runs a graph."""


class SessionSettings(Record):
    """How the runtime is started; part of the variant and measured with it.

    `spinning` threads wait busily for the next request, and an `arena` keeps memory between requests: both are
    onnxruntime's.
    """

    engine: Engine = "onnxruntime"
    threads: int = 1
    spinning: bool = False
    arena: bool = True


class BundleSpec(Record):
    """`bundle.json`: all that is needed to run a bundle, beside the graph and the preprocessor's files.

    `input_name` is the column that the inputs came from. `preprocessor` belongs to the task's Runtime. `labels` is
    empty for a headless bundle, which only embeds. Scores are `softmax(logits / temperature)`; below `abstain_below`
    the answer is marked as an abstention.
    """

    format: Literal[1] = 1
    product: str
    task: str
    labels: tuple[str, ...]
    input_name: str = ""
    temperature: float = 1.0
    abstain_below: float = 0.0
    session: SessionSettings = SessionSettings()
    preprocessor: Mapping[str, JsonValue] = {}
    lineage: tuple[str, ...] = ()  # backbone, recipe, passes, in order


class BatchSpeed(Record):
    """How fast a variant is in batches of one size: rows a second, the median of the processes with the slowest and the
    fastest of them, and the largest peak of resident memory so far, in MB."""

    size: int
    rows_per_second: float
    slowest: float
    fastest: float
    processes: int
    peak_mb: float


class Variant(Record):
    """One deployable outcome: an unsealed bundle, measured after it was written and reloaded."""

    name: str
    trial: int
    backbone: str
    passes: tuple[str, ...]
    bundle: Folder
    measurements: tuple[Measurement, ...]  # on valid rows and on the target machine
    batches: tuple[BatchSpeed, ...] = ()  # on the target machine, by rising size
    probabilities: Blob  # float32 .npy (valid rows × classes), from the reloaded bundle
    unknown_tokens: float  # share of tokens on valid that the preprocessor does not know
    truncated: float  # share of valid inputs that were cut
    rejected: str  # why it can't ship, or empty

    def measured(self, metric: str) -> Measurement | None:
        """The measurement of a metric, if there is one."""
        return next((m for m in self.measurements if m.metric == metric), None)


Untaken = Literal["cannot win", "does not apply", "over budget", "unlikely"]
"""Why a sequence was not made; the kinds that say most come first."""


class Untried(Record):
    """A sequence of passes that was thought of and not made, and why.

    `gain` is what the plan expected of it (see `compress.plan.value`), `seconds` what it was expected to take; None
    where nobody can say.
    """

    name: str
    passes: tuple[str, ...]
    why: Untaken
    reason: str
    gain: float | None = None
    seconds: float | None = None


class UntriedGroup(Record):
    """All sequences that were not made for one kind of reason; `nearest` are the few that came nearest to it."""

    why: Untaken
    count: int
    nearest: tuple[Untried, ...]


class Variants(Record):
    """All variants with the machine they were measured on.

    `front` names those that no other one beats in everything; `untried` are the sequences that were not made, by
    reason, and `every_untried` is a CSV file of all of them; None where there are none.
    """

    variants: tuple[Variant, ...]
    machine: str
    notes: tuple[str, ...]
    front: tuple[str, ...] = ()
    untried: tuple[UntriedGroup, ...] = ()
    every_untried: Blob | None = None
