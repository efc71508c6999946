"""The distillation term: a student is pulled towards what its teacher says.

    λ/N Σ_i [ T² KL(softmax(t_i / T) ‖ softmax(z_i / T)) + η/(L·d) Σ_l ‖s_il − h_il‖² ]

over all N rows, labelled or not: t and z are the logits of teacher and student (Hinton, Vinyals & Dean 2015, whose
factor T² keeps the gradient's size when T changes), h and s the token means of their matched layers (Sanh et al. 2019,
Jiao et al. 2020). The KL divergence is the cross-entropy to the teacher less the teacher's own entropy, a constant:
the term is zero where the student says what the teacher says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from marketfit.errors import DataError, Problem
from marketfit.records.models import TermSpec
from marketfit.training.terms import Batch, Facts, Outputs, check_weight, raise_all, refuse_unknown

_WHERE = "objective.distillation"
_DEFAULTS: tuple[tuple[str, float], ...] = (("temperature", 2.0), ("hidden", 0.0))


@dataclass(frozen=True)
class Distillation:
    """The distillation term. Options: `temperature` T (2), `hidden` η (0: logits only)."""

    weight: float
    temperature: float
    hidden: float

    @classmethod
    def prepare(cls, spec: TermSpec, facts: Facts) -> Self:
        """Check the options against the data.

        Raises:
            BriefError: an unknown option, or one that is no number in its range.
            DataError: no teacher says anything of the training rows.
        """
        raise_all([*check_weight(spec), *refuse_unknown(spec, dict(_DEFAULTS)), *_option_problems(spec)])
        if not facts.taught:
            found = "no teacher's answers come with the training rows"
            fix = "drop the term here: the pass 'distil' has a teacher and adds it by itself"
            raise DataError([Problem(_WHERE, found, "a training with a teacher", fix)])
        temperature, hidden = (spec.options.get(name, default) for name, default in _DEFAULTS)
        return cls(weight=spec.weight, temperature=float(str(temperature)), hidden=float(str(hidden)))

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:  # noqa: ARG002 - Term contract
        """The weighted term on one batch."""
        if batch.teacher_logits is None:
            raise ValueError("a batch of a taught training lacks the teacher's logits")
        value = divergence(outputs.logits, batch.teacher_logits, temperature=self.temperature)
        if self.hidden and outputs.layers is not None and batch.teacher_layers is not None:
            value = value + self.hidden * functional.mse_loss(outputs.layers, batch.teacher_layers)
        return self.weight * value


def divergence(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """T² KL(teacher ‖ student) of softened answers, the mean over rows; logits (rows, classes)."""
    said = functional.log_softmax(student / temperature, dim=1)
    wanted = functional.log_softmax(teacher / temperature, dim=1)
    return temperature**2 * functional.kl_div(said, wanted, log_target=True, reduction="batchmean")


def _option_problems(spec: TermSpec) -> list[Problem]:
    problems: list[Problem] = []
    for name, default in _DEFAULTS:
        value = spec.options.get(name, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        least = 0.0 if name == "hidden" else 1e-3
        if not number or not least <= float(str(value)) < float("inf"):
            problems.append(Problem(f"{_WHERE}.{name}", f"{value!r}", f"a number from {least:g} up", "change it"))
    return problems
