"""L of the objective: mean negative log-likelihood of the given labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from marketfit.records import TermSpec
from marketfit.training.terms import Batch, Facts, Outputs, check_weight, raise_all, refuse_unknown


@dataclass(frozen=True)
class CrossEntropy:
    """Mean over the batch of −log p(label | x), times the weight."""

    weight: float

    @classmethod
    def prepare(cls, spec: TermSpec, facts: Facts) -> Self:  # noqa: ARG003 - part of the Term contract
        """Takes no options."""
        raise_all([*check_weight(spec), *refuse_unknown(spec, ())])
        return cls(weight=spec.weight)

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:  # noqa: ARG002 - Term contract
        """Weighted cross-entropy of the batch."""
        return self.weight * functional.cross_entropy(outputs.logits, batch.targets)
