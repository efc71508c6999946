"""Records of models: backbones, recipes, trials, variants and the bundle that ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

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
    latency_ms: float  # measured floor: p50 of the headless export at int8 (float32 where faster), target's threads


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
