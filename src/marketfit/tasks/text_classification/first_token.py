"""A head that reads the first token through a dense layer and an activation, as the classifiers of BERT's kin do."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from marketfit.tasks.text_classification.weights import HeadActivation

_FUNCTIONS: Mapping[HeadActivation, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}


class FirstToken(nn.Module):
    """What a dense layer and its activation make of the first token."""

    def __init__(self, dim: int, activation: HeadActivation) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, dim)
        self.activation: HeadActivation = activation
        self.function = _FUNCTIONS[activation]()

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, tokens, dim) → (b, dim)."""
        pooled: Tensor = self.function(self.dense(hidden[:, 0]))
        return pooled
