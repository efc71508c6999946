"""The exam of every Term: a finite scalar with the right gradient, unbiased over batches, options checked.

    check_term(MyTerm, TermSpec(name="mine", weight=0.5))

raises `AssertionError` with what is wrong. Needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketfit.errors import BriefError
from marketfit.records.models import TermSpec
from marketfit.training.terms import UNLABELLED, Batch, Facts, Outputs, Term

if TYPE_CHECKING:
    from torch import Tensor

_ROWS, _CLASSES, _DIM, _BATCH = 12, 4, 3, 3
_STEP = 1e-5
_UNLABELLED_ROWS = [3, 6, 10]
_FACTS = Facts(rows=_ROWS, asked=_ROWS // 2, classes=_CLASSES, unlabelled=len(_UNLABELLED_ROWS), taught=True)


def check_term(kind: type[Term], spec: TermSpec) -> None:
    """Run the whole exam on random outputs in double precision.

    People were asked about half of the rows, a quarter has no label, and a teacher speaks of all of them.
    """
    import torch

    logits, batch = _material()
    term = kind.prepare(spec, _FACTS)
    value = _loss(term, logits, batch)
    _demand(value.ndim == 0 and bool(torch.isfinite(value)), f"{spec.name}: the loss is no finite scalar: {value}")
    _demand(bool(value == _loss(term, logits, batch)), f"{spec.name}: two calls gave two values")
    _check_gradient(term, logits, batch, name=spec.name)
    parts = [_loss(term, logits[rows], _part(batch, rows)) for rows in torch.arange(_ROWS).split(_BATCH)]
    mean = torch.stack(parts).mean()
    _demand(bool(torch.isclose(mean, value)), f"{spec.name}: the mean over batches is {mean}, over all rows {value}")
    _check_refusals(kind, spec)


def _material() -> tuple[Tensor, Batch]:
    import torch

    random = torch.Generator().manual_seed(0)
    logits = torch.randn((_ROWS, _CLASSES), generator=random, dtype=torch.float64)
    targets = torch.arange(_ROWS) % _CLASSES
    targets[_UNLABELLED_ROWS] = UNLABELLED
    consensus = torch.rand((_ROWS, _CLASSES), generator=random, dtype=torch.float64)
    consensus /= consensus.sum(dim=1, keepdim=True)
    consensus[1::2] = 0.0  # nobody was asked about these
    teacher = torch.randn((_ROWS, _CLASSES), generator=random, dtype=torch.float64)
    return logits, Batch(targets=targets, consensus=consensus, teacher_logits=teacher)


def _part(batch: Batch, rows: Tensor) -> Batch:
    def part(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[rows]

    return Batch(batch.targets[rows], part(batch.consensus), part(batch.teacher_logits))


def _loss(term: Term, logits: Tensor, batch: Batch) -> Tensor:
    import torch
    from torch import nn

    features = torch.ones((len(logits), _DIM), dtype=torch.float64)
    return term.loss(Outputs(logits=logits, features=features), batch, nn.Identity())


def _check_gradient(term: Term, logits: Tensor, batch: Batch, *, name: str) -> None:
    """Against central differences."""
    import torch

    free = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_loss(term, free, batch), free)
    for row, column in ((0, 0), (1, 2), (_ROWS - 1, _CLASSES - 1)):
        nudge = torch.zeros_like(logits)
        nudge[row, column] = _STEP
        slope = (_loss(term, logits + nudge, batch) - _loss(term, logits - nudge, batch)) / (2 * _STEP)
        _demand(
            bool(torch.isclose(slope, gradient[row, column], atol=1e-7)),
            f"{name}: the gradient at ({row}, {column}) is {gradient[row, column]}, by differences {slope}",
        )


def _check_refusals(kind: type[Term], spec: TermSpec) -> None:
    for wrong in (
        spec.model_copy(update={"options": {**spec.options, "no_such_option": 1}}),
        spec.model_copy(update={"weight": -1.0}),
    ):
        try:
            kind.prepare(wrong, _FACTS)
        except BriefError:
            continue
        raise AssertionError(f"{spec.name}: {wrong} was taken without complaint")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
