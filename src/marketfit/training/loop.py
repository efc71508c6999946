"""The training loop: transformers' Trainer with our objective, our batches and a progress callback.

Trainer brings AdamW without decay on biases and norms, linear warm-up and decay, clipping, bf16 autocast, devices and
the callbacks that trackers hook into.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import cast

import torch
import transformers
from torch import Tensor, nn
from torch.utils.data import DataLoader
from typing_extensions import override

from marketfit.errors import RunError
from marketfit.records.models import FitSummary, Recipe
from marketfit.task import Follow, Progress, TrainingStep, unfollowed
from marketfit.training.batches import LengthBatches
from marketfit.training.precision import has_bf16
from marketfit.training.terms import Batch, Objective, Outputs

Tensors = dict[str, Tensor]
"""A batch as the model takes it, plus `targets` and, where there are any, the other fields of a `Batch`."""

_OUR_KEYS = tuple(field.name for field in fields(Batch))


@dataclass(frozen=True)
class Course:
    """What is trained on: `collate` makes the tensors of the given rows; `lengths` buckets them."""

    lengths: Sequence[int]
    collate: Callable[[Sequence[int]], Tensors]


def train(
    model: nn.Module,
    course: Course,
    objective: Objective,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress,
    follow: Follow = unfollowed,
) -> FitSummary:
    """Minimise the objective over the model's trainable parameters, in place.

    `model` takes the tensors of a batch and returns a mapping with `logits` and `features` (and `layers`, where a
    teacher's are matched). The same arguments give
    the same parameters on the same machine with the same number of threads; `follow` is told every step.

    Raises:
        RunError: the loss is no longer finite.
    """
    bf16 = has_bf16()
    batches = LengthBatches(course.lengths, batch_size=recipe.batch_size, seed=seed)
    steps = max(1, math.ceil(recipe.epochs * len(batches)))
    losses = _Losses(progress=progress, follow=follow, steps=steps)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as unused:
        trainer = _TermTrainer(
            model=model,
            args=transformers.TrainingArguments(
                output_dir=unused,
                max_steps=steps,
                learning_rate=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                warmup_steps=math.ceil(recipe.warmup * steps),
                lr_scheduler_type="linear",
                max_grad_norm=1.0,
                bf16=bf16,
                use_cpu=not torch.cuda.is_available(),
                seed=seed,
                save_strategy="no",
                logging_strategy="no",
                eval_strategy="no",
                report_to=[],
                disable_tqdm=True,
                remove_unused_columns=False,
            ),
            callbacks=[losses],
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.plan(course, batches, objective, losses)
        trainer.train()
    model.eval()
    return FitSummary(
        steps=steps,
        seconds=time.perf_counter() - started,
        losses=tuple(losses.of_epochs),
        precision="bf16" if bf16 else "float32",
    )


class _Losses(transformers.TrainerCallback):
    """Tells each step to whoever follows, with the progress, and keeps the mean loss of each epoch."""

    def __init__(self, *, progress: Progress, follow: Follow, steps: int) -> None:
        self._progress = progress
        self._follow = follow
        self._steps = steps
        self._rate = 0.0
        self._epoch: list[float] = []
        self.of_epochs: list[float] = []

    def add(self, loss: float) -> None:
        self._epoch.append(loss)

    @override
    def on_pre_optimizer_step(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: object,
    ) -> None:
        schedule = cast("torch.optim.lr_scheduler.LRScheduler", kwargs["lr_scheduler"])
        self._rate = float(schedule.get_last_lr()[0])  # of this step: once it is done, the schedule has moved on

    @override
    def on_step_end(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: object,
    ) -> None:
        self._progress(min(1.0, state.global_step / self._steps))
        self._follow(TrainingStep(state.global_step, float(state.epoch or 0.0), self._epoch[-1], self._rate))

    @override
    def on_epoch_end(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: object,
    ) -> None:
        if self._epoch:
            self.of_epochs.append(math.fsum(self._epoch) / len(self._epoch))
            self._epoch.clear()


class _Rows(torch.utils.data.Dataset[int]):
    """Row numbers; the collate function makes tensors of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> int:
        return row


class _TermTrainer(transformers.Trainer):
    """Trainer with our batches in our order, and the sum of terms as its loss."""

    def plan(self, course: Course, batches: Iterable[list[int]], objective: Objective, losses: _Losses) -> None:
        self._loader: DataLoader[int] = DataLoader(
            _Rows(len(course.lengths)), batch_sampler=batches, collate_fn=course.collate
        )
        self._objective = objective
        self._losses = losses

    @override
    def get_train_dataloader(self) -> DataLoader[int]:
        return self._loader

    @override
    def compute_loss(
        self,
        model: nn.Module,
        inputs: Tensors,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        loss = loss_of(model, inputs, self._objective)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise RunError("the training loss is no longer finite: lower the learning rate or a term's weight")
        self._losses.add(value)
        return loss


def loss_of(model: nn.Module, tensors: Tensors, objective: Objective) -> Tensor:
    """The objective on one batch of tensors."""
    said = model(**{name: value for name, value in tensors.items() if name not in _OUR_KEYS})
    layers = said.get("layers")
    outputs = Outputs(
        logits=said["logits"].float(),
        features=said["features"].float(),
        layers=None if layers is None else layers.float(),
    )
    batch = Batch(
        targets=tensors["targets"],
        consensus=tensors.get("consensus"),
        teacher_logits=tensors.get("teacher_logits"),
        teacher_layers=tensors.get("teacher_layers"),
    )
    return objective.loss(outputs, batch, model)
