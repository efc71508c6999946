"""How long an epoch takes here: a few real optimiser steps on batches of typical length."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from marketfit.records.models import Backbone, Recipe
from marketfit.task import Labelled
from marketfit.tasks.text_classification.fitting import (
    check,
    course_of,
    facts_of,
    head_scale,
    probe_head,
    texts_of,
)
from marketfit.tasks.text_classification.model import TextModel, width
from marketfit.tasks.text_classification.prepared import prepare
from marketfit.training.batches import LengthBatches
from marketfit.training.loop import Course, loss_of
from marketfit.training.methods import with_dropout, with_lora
from marketfit.training.precision import device, has_bf16
from marketfit.training.terms import Objective

_POINTS = (1 / 8, 3 / 8, 5 / 8, 7 / 8)  # of the batches ordered by length


def seconds_per_epoch(backbone: Backbone, recipe: Recipe, rows: Labelled, *, base: Path) -> float:
    """Seconds of one epoch. See `Trainer.seconds_per_epoch`."""
    check(backbone, recipe, rows)
    objective = Objective.of(recipe.terms, facts_of(rows))
    prepared = prepare(backbone, texts_of(rows), base=base)
    if recipe.method == "probe":
        started = time.perf_counter()
        probe_head(prepared, recipe, rows, objective)
        return time.perf_counter() - started
    # Steps cost the same whatever the head says, so the probe is not fitted for this.
    dim = width(prepared.encoder)
    model = TextModel(prepared.encoder, nn.Linear(dim, len(rows.labels)), scale=head_scale(dim))
    with_dropout(model.encoder, recipe.dropout)
    if recipe.method == "lora":
        model.encoder = with_lora(model.encoder, rank=recipe.rank, dropout=recipe.dropout)
    course = course_of(prepared, rows)
    batches = LengthBatches(course.lengths, batch_size=recipe.batch_size, seed=0)
    return len(batches) * _seconds_per_step(model, course, objective, recipe, _typical(batches, course.lengths))


def _typical(batches: LengthBatches, lengths: Sequence[int]) -> list[list[int]]:
    ordered = sorted(batches.epoch(0), key=lambda rows: max(lengths[row] for row in rows))
    return [ordered[int(point * len(ordered))] for point in _POINTS]


def _seconds_per_step(
    model: nn.Module, course: Course, objective: Objective, recipe: Recipe, batches: Sequence[Sequence[int]]
) -> float:
    where = device()
    model.to(where).train()
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=0.0, weight_decay=recipe.weight_decay)
    # The first step allocates what the others find allocated: it is not counted.
    _step(model, course, objective, batches[-1], optimiser, where)
    # Of two times of one batch the shorter counts: what else the machine does for a moment is no part of an epoch.
    return statistics.fmean(
        min(_step(model, course, objective, rows, optimiser, where) for _ in range(2)) for rows in batches
    )


def _step(
    model: nn.Module,
    course: Course,
    objective: Objective,
    rows: Sequence[int],
    optimiser: torch.optim.Optimizer,
    where: torch.device,
) -> float:
    """Seconds of one optimiser step at a learning rate of 0."""
    started = time.perf_counter()
    tensors = {name: tensor.to(where) for name, tensor in course.collate(rows).items()}
    with torch.autocast(device_type=where.type, dtype=torch.bfloat16, enabled=has_bf16()):
        loss = loss_of(model, tensors, objective)
    loss.backward()
    nn.utils.clip_grad_norm_(list(model.parameters()), 1.0)
    optimiser.step()
    optimiser.zero_grad()
    float(loss.detach())  # waits for an accelerator
    return time.perf_counter() - started
