"""The probe: multinomial logistic regression on frozen features, for any terms of the objective.

Minimises objective + ‖W‖² / (2 C n), which for cross-entropy alone is scikit-learn's `LogisticRegression(C=C)`
(intercepts are not penalised). L-BFGS (Liu & Nocedal 1989) from zero: the same data give the same head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from marketfit.errors import RunError
from marketfit.training.terms import Batch, Objective, Outputs

_ITERATIONS = 300
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class LinearHead:
    """A linear classifier: weight (classes, dim), bias (classes,)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Probe:
    """What one logistic regression is fitted to: features (n, dim) float32 and the rows' targets."""

    features: Tensor
    batch: Batch
    classes: int
    objective: Objective
    regularisation: float

    def value_and_gradient(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The penalised objective and its gradient at the flattened (classes, dim + 1) coefficients."""
        rows, dim = self.features.shape
        head = nn.Linear(dim, self.classes)
        table = torch.from_numpy(flat.reshape(self.classes, dim + 1)).float()
        with torch.no_grad():
            head.weight.copy_(table[:, :dim])
            head.bias.copy_(table[:, dim])
        outputs = Outputs(logits=head(self.features), features=self.features)
        penalty = head.weight.square().sum() / (2.0 * self.regularisation * rows)
        value = self.objective.loss(outputs, self.batch, head) + penalty
        value.backward()
        if head.weight.grad is None or head.bias.grad is None:
            raise RunError("the objective of the probe does not depend on its head")
        gradient = torch.cat([head.weight.grad, head.bias.grad[:, None]], dim=1)
        return float(value.detach()), gradient.double().numpy().ravel()

    def fit(self) -> LinearHead:
        """Solve it.

        Raises:
            RunError: the objective is not finite, as with a literal survey term, which has no minimum.
        """
        dim = self.features.shape[1]
        start = np.zeros(self.classes * (dim + 1))
        tolerance = float(_TOLERANCE / self.classes**0.5)
        with torch.enable_grad():
            found = minimize(
                self.value_and_gradient,
                start,
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": _ITERATIONS, "gtol": tolerance, "maxcor": 10},
            )
        if not np.isfinite(found.fun) or not np.isfinite(found.x).all():
            raise RunError("the probe's objective has no finite minimum; a survey term of sign 'literal' has none")
        table = torch.from_numpy(found.x.reshape(self.classes, dim + 1)).float()
        return LinearHead(weight=table[:, :dim].clone(), bias=table[:, dim].clone())
