"""L of the objective: mean negative log-likelihood of the labels that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from marketfit.records.models import TermSpec
from marketfit.training.terms import UNLABELLED, Batch, Facts, Outputs, check_weight, raise_all, refuse_unknown


@dataclass(frozen=True)
class CrossEntropy:
    """Mean over the labelled rows of −log p(label | x), times the weight."""

    weight: float
    scale: float  # rows / labelled: makes a batch's mean over all of its rows an unbiased mean over the labelled ones

    @classmethod
    def prepare(cls, spec: TermSpec, facts: Facts) -> Self:
        """Takes no options."""
        raise_all([*check_weight(spec), *refuse_unknown(spec, ())])
        return cls(weight=spec.weight, scale=facts.rows / max(1, facts.rows - facts.unlabelled))

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:  # noqa: ARG002 - Term contract
        """Weighted cross-entropy of the batch."""
        total = functional.cross_entropy(outputs.logits, batch.targets, ignore_index=UNLABELLED, reduction="sum")
        return self.weight * self.scale * total / len(batch.targets)
