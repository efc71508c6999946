"""Adapting a backbone: the probe, full fine-tuning from the probe's head, LoRA."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from marketfit.errors import BriefError, Problem
from marketfit.records.models import Backbone, FitSummary, Recipe
from marketfit.task import Example, FloatMatrix, Follow, Labelled, Progress, unfollowed, unreported
from marketfit.tasks.text_classification.model import (
    Card,
    TextModel,
    load_model,
    pad,
    save_model,
)
from marketfit.tasks.text_classification.prepared import Prepared, prepare
from marketfit.tasks.text_classification.runtime import Preprocessor, by_length, checked_texts
from marketfit.tasks.text_classification.tokens import token_ids
from marketfit.training.logistic import LinearHead, Probe
from marketfit.training.loop import Course, Tensors, train
from marketfit.training.methods import merged, with_dropout, with_lora
from marketfit.training.terms import Batch, Facts, Objective


def fit(
    backbone: Backbone,
    recipe: Recipe,
    rows: Labelled,
    into: Path,
    *,
    base: Path,
    seed: int,
    progress: Progress,
    follow: Follow = unfollowed,
) -> FitSummary:
    """Adapt a backbone and write a model folder. See `Trainer.fit`."""
    started = time.perf_counter()
    check(backbone, recipe, rows)
    torch.manual_seed(seed)
    objective = Objective.of(recipe.terms, facts_of(rows))
    prepared = prepare(backbone, texts_of(rows), base=base)
    head = probe_head(prepared, recipe, rows, objective)
    model = TextModel(prepared.encoder, as_linear(head), scale=head_scale(head.weight.shape[1]))
    summary = FitSummary(steps=0, seconds=0.0, losses=(), precision="float32")
    if recipe.method != "probe":
        course = course_of(prepared, rows)
        summary = tune(model, recipe, course, objective, seed=seed, progress=progress, follow=follow)
    card = Card(labels=rows.labels, preprocessor=vars(prepared.how), backbone=backbone)
    save_model(model, card, prepared.tokenizer, into)
    progress(1.0)
    return summary.model_copy(update={"seconds": time.perf_counter() - started})


def tune(
    model: TextModel,
    recipe: Recipe,
    course: Course,
    objective: Objective,
    *,
    seed: int,
    progress: Progress,
    follow: Follow = unfollowed,
) -> FitSummary:
    """Train in place, all weights or low-rank updates that are merged at the end."""
    with_dropout(model.encoder, recipe.dropout)
    if recipe.method == "full":
        return train(model, course, objective, recipe, seed=seed, progress=progress, follow=follow)
    lora = with_lora(model.encoder, rank=recipe.rank, dropout=recipe.dropout)
    model.encoder = lora
    summary = train(model, course, objective, recipe, seed=seed, progress=progress, follow=follow)
    model.encoder = merged(lora).eval()
    return summary


def check(backbone: Backbone, recipe: Recipe, rows: Labelled) -> None:
    """Refuse what can't be trained.

    Raises:
        BriefError: the backbone does not take the method, or there are no rows.
    """
    problems: list[Problem] = []
    if recipe.method not in backbone.methods:
        allowed = f"allowed: {', '.join(backbone.methods)}"
        problems.append(Problem(backbone.name, f"method '{recipe.method}'", allowed, "use another method"))
    if not len(rows) or len(rows.targets) != len(rows):
        found = f"{len(rows)} training rows and {len(rows.targets)} targets"
        problems.append(Problem(backbone.name, found, "as many targets as rows, at least one", "give training rows"))
    if problems:
        raise BriefError(problems)


def texts_of(rows: Labelled) -> list[str]:
    """The rows' inputs as text."""
    return checked_texts(rows.inputs)


def facts_of(rows: Labelled) -> Facts:
    """Sizes that the terms need."""
    asked = 0 if rows.consensus is None else int((rows.consensus.sum(axis=1) > 0).sum())
    return Facts(rows=len(rows), asked=asked, classes=len(rows.labels))


def head_scale(dim: int) -> float:
    """Unit-length features times √dim have coordinates of about unit variance."""
    return math.sqrt(dim)


def as_linear(head: LinearHead) -> nn.Linear:
    """A trainable copy of a head."""
    layer = nn.Linear(head.weight.shape[1], head.weight.shape[0])
    layer.load_state_dict({"weight": head.weight, "bias": head.bias})
    return layer


def probe_head(prepared: Prepared, recipe: Recipe, rows: Labelled, objective: Objective) -> LinearHead:
    """The logistic regression that every method starts from, on features times their scale."""
    features = rows.features
    if features is None:
        features = outputs_of(TextModel(prepared.encoder, None, scale=1.0), prepared.ids, prepared.how)["features"]
    scaled = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)) * head_scale(features.shape[1])
    return Probe(
        features=scaled,
        batch=Batch(targets=torch.from_numpy(rows.targets), consensus=consensus_of(rows)),
        classes=len(rows.labels),
        objective=objective,
        regularisation=recipe.regularisation,
    ).fit()


def consensus_of(rows: Labelled) -> Tensor | None:
    """The consensus as a tensor."""
    if rows.consensus is None:
        return None
    return torch.from_numpy(np.ascontiguousarray(rows.consensus, dtype=np.float32))


def course_of(prepared: Prepared, rows: Labelled) -> Course:
    """The training rows as the loop takes them."""
    targets = torch.from_numpy(rows.targets)
    consensus = consensus_of(rows)

    def collate(numbers: Sequence[int]) -> Tensors:
        batch = pad([prepared.ids[row] for row in numbers], prepared.how.pad_id)
        batch["targets"] = targets[list(numbers)]
        if consensus is not None:
            batch["consensus"] = consensus[list(numbers)]
        return batch

    return Course(lengths=[len(row) for row in prepared.ids], collate=collate)


def outputs_of(
    model: TextModel, ids: Sequence[Sequence[int]], how: Preprocessor, progress: Progress = unreported
) -> dict[str, FloatMatrix]:
    """All outputs of the model for every row, at least one, in float32."""
    parts: list[tuple[list[int], dict[str, Tensor]]] = []
    done = 0
    model.eval()
    with torch.inference_mode():
        for rows in by_length([len(row) for row in ids]):
            parts.append((rows, model(**pad([ids[row] for row in rows], how.pad_id))))
            done += len(rows)
            progress(done / len(ids))
    order = np.argsort(np.concatenate([rows for rows, _said in parts]))
    return {name: torch.cat([said[name].float() for _rows, said in parts]).numpy()[order] for name in parts[0][1]}


def scores(folder: Path, examples: Sequence[Example], *, progress: Progress) -> FloatMatrix:
    """Logits (n, classes) of a model folder."""
    texts = checked_texts(examples)
    model, card = load_model(folder)
    if not texts:
        progress(1.0)
        return np.zeros((0, len(card.labels)), dtype=np.float32)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return outputs_of(model, token_ids(tokenizer, texts, card.how()), card.how(), progress)["logits"]
