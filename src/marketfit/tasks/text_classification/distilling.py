"""Distillation: a smaller text model learns what a larger one says of the same texts.

The teacher reads every text once, before training. Of its layers the means over tokens are kept, not all hidden
states: they are what is pooled in the end, and take one vector a text and layer in the place of one a token (on
CLINC150 with three layers 70 MB against 700).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from marketfit.errors import BriefError, Problem
from marketfit.records.models import FitSummary, Recipe, TermSpec
from marketfit.task import Example, Labelled, Progress, Study
from marketfit.tasks.text_classification.fitting import head_scale, outputs_of
from marketfit.tasks.text_classification.model import Card, TextModel, config_of, load_model, pad, save_model
from marketfit.tasks.text_classification.runtime import checked_texts
from marketfit.tasks.text_classification.static_encoder import StaticEncoder, WeightedEncoder
from marketfit.tasks.text_classification.tokens import token_ids
from marketfit.training.loop import Course, Tensors, train
from marketfit.training.methods import with_dropout
from marketfit.training.terms import UNLABELLED, Facts, Objective
from marketfit.training.terms.cross_entropy import CrossEntropy
from marketfit.training.terms.distillation import Distillation

_LISTENING = 0.3  # of the progress: the teacher reads


@dataclass(frozen=True, eq=False)
class Answers:
    """What a teacher says of texts: logits (n, classes) and token means of its watched layers (n, layers, dim)."""

    logits: Tensor
    layers: Tensor | None


@dataclass(frozen=True, eq=False)
class Pupil:
    """A student loaded, with its tokenizer and card."""

    model: TextModel
    card: Card
    tokenizer: Tokenizer


def distil(
    student: Path,
    teacher: Path,
    rows: Labelled,
    into: Path,
    *,
    unlabelled: Sequence[Example],
    study: Study,
    seed: int,
    progress: Progress,
) -> FitSummary:
    """Train a student and write a model folder. See `Trainer.distil`."""
    started = time.perf_counter()
    torch.manual_seed(seed)
    pupil = pupil_of(student)
    texts = [*checked_texts(rows.inputs), *checked_texts(unlabelled)]
    elder, card = load_model(teacher)
    _check(pupil.card, card, rows, texts)
    if study.hidden:
        pupil.model.watched, elder.watched = matched_layers(pupil.model, elder)
    answers = ask(elder, card, Tokenizer.from_file(str(teacher / "tokenizer.json")), texts,
                  progress=lambda done: progress(_LISTENING * done))  # fmt: skip
    summary = learn(
        pupil, texts, rows, answers, study, seed=seed,
        progress=lambda done: progress(_LISTENING + (1.0 - _LISTENING) * done),
    )  # fmt: skip
    save_model(pupil.model, pupil.card, pupil.tokenizer, into)
    progress(1.0)
    return summary.model_copy(update={"seconds": time.perf_counter() - started})


def pupil_of(folder: Path) -> Pupil:
    """Load a student; a head on unit-length features reads them at unit variance again, as in any training."""
    model, card = load_model(folder)
    if model.head is not None and card.pooling == "mean":
        model.scale = head_scale(model.head.in_features)
        with torch.no_grad():
            model.head.weight /= model.scale
    return Pupil(model, card, Tokenizer.from_file(str(folder / "tokenizer.json")))


def ask(elder: TextModel, card: Card, tokenizer: Tokenizer, texts: Sequence[str], *, progress: Progress) -> Answers:
    """What the teacher says of all texts."""
    said = outputs_of(elder, token_ids(tokenizer, texts, card.how()), card.how(), progress)
    layers = torch.from_numpy(said["layers"]) if "layers" in said else None
    return Answers(torch.from_numpy(said["logits"]), layers)


def learn(
    pupil: Pupil, texts: Sequence[str], rows: Labelled, answers: Answers, study: Study, *, seed: int,
    progress: Progress,
) -> FitSummary:  # fmt: skip
    """Train the student in place on labelled texts, which come first, and unlabelled ones."""
    how, model = pupil.card.how(), pupil.model
    ids = token_ids(pupil.tokenizer, texts, how)
    targets = torch.full((len(texts),), UNLABELLED)
    targets[: len(rows)] = torch.from_numpy(rows.targets)

    def collate(numbers: Sequence[int]) -> Tensors:
        chosen = list(numbers)
        batch = pad([ids[row] for row in chosen], how.pad_id)
        batch |= {"targets": targets[chosen], "teacher_logits": answers.logits[chosen]}
        if answers.layers is not None:
            batch["teacher_layers"] = answers.layers[chosen]
        return batch

    static = model.encoder if isinstance(model.encoder, StaticEncoder) else None
    if static is not None:
        model.encoder = WeightedEncoder(static, ids)
    with_dropout(model.encoder, study.dropout)
    facts = Facts(rows=len(texts), asked=0, classes=len(rows.labels), unlabelled=len(texts) - len(rows), taught=True)
    course = Course(lengths=[len(row) for row in ids], collate=collate)
    summary = train(model, course, objective_of(study, facts), recipe_of(study), seed=seed, progress=progress)
    if isinstance(model.encoder, WeightedEncoder):
        model.encoder = model.encoder.folded()
    return summary


def objective_of(study: Study, facts: Facts) -> Objective:
    """Cross-entropy on the labels and the distillation term."""
    options = {"temperature": study.temperature, "hidden": study.hidden}
    return Objective(
        terms=(
            CrossEntropy.prepare(TermSpec(name="cross-entropy", weight=study.labels), facts),
            Distillation.prepare(TermSpec(name="distillation", weight=study.logits, options=options), facts),
        )
    )


def recipe_of(study: Study) -> Recipe:
    """The course of a study as the training loop takes it."""
    return Recipe(
        method="full",
        learning_rate=study.learning_rate,
        epochs=study.epochs,
        batch_size=study.batch_size,
        dropout=study.dropout,
    )


def matched_layers(student: TextModel, teacher: TextModel) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Layers of both that are held against each other: all of the student's, evenly among the teacher's.

    None where one of them is static or their widths differ.
    """
    depths = _depth(student), _depth(teacher)
    widths = [config_of(model.encoder).get("hidden_size") for model in (student, teacher)]
    if not all(depths) or depths[0] > depths[1] or widths[0] != widths[1] or widths[0] is None:
        return (), ()
    return even_map(*depths)


def even_map(student: int, teacher: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Layers from 1, the last with the last.

    >>> even_map(3, 6)
    ((1, 2, 3), (2, 4, 6))
    """
    layers = tuple(range(1, student + 1))
    return layers, tuple(math.ceil(layer * teacher / student) for layer in layers)


def _depth(model: TextModel) -> int:
    depth = config_of(model.encoder).get("num_hidden_layers", 0)
    return depth if isinstance(depth, int) else 0


def _check(student: Card, teacher: Card, rows: Labelled, texts: Sequence[str]) -> None:
    problems: list[Problem] = []
    if student.labels != teacher.labels or student.labels != rows.labels:
        counts = [len(said.labels) for said in (student, teacher, rows)]
        found = "{} labels of the student, {} of the teacher, {} of the rows".format(*counts)
        problems.append(Problem("distil", found, "the same labels in one order", "cut the student from its teacher"))
    if not texts:
        problems.append(Problem("distil", "no texts", "at least one", "give training rows or unlabelled ones"))
    if problems:
        raise BriefError(problems)
