"""Information criteria: how well a model fits, less what its parameters alone would gain."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Criteria:
    """Information criteria of one maximum, the less the better."""

    aic: float
    bic: float
    caic: float

    @classmethod
    def of(cls, log_likelihood: float, parameters: int, n: float) -> Criteria:
        """Akaike (1974); Schwarz (1978); Bozdogan (1987).

        parameters: those that no sign holds at 0. n: number of people, or the sum of their weights; of choices where
        nobody knows who chose. Answers of one person are not independent, so people are what is counted, here and for
        latent classes alike; other programs may count choices, for a larger BIC.

        >>> Criteria.of(-100.0, 3, 50.0)
        Criteria(aic=206.0, bic=211.736069, caic=214.736069)
        """
        deviance = -2 * log_likelihood
        penalty = parameters * math.log(n)
        return cls(deviance + 2 * parameters, deviance + penalty, deviance + penalty + parameters)


class Informed:
    """What models by maximum likelihood share: how many parameters they took, and what that costs.

    `parameters` are those that no sign holds at 0. The n of `bic` is the number of people, as for latent classes, or of
    choices where the data do not say who chose; weights do not enter it (those that correct a sample have a mean of 1).
    """

    log_likelihood: float
    observations: int
    respondents: int

    @property
    def parameters(self) -> int:
        """Number of parameters that were estimated."""
        raise NotImplementedError

    @property
    def aic(self) -> float:
        """Akaike's information criterion, −2 log-likelihood + 2 parameters: the less the better."""
        return self._criteria.aic

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, −2 log-likelihood + parameters · log(n): the less the better."""
        return self._criteria.bic

    @property
    def _criteria(self) -> Criteria:
        return Criteria.of(self.log_likelihood, self.parameters, self.respondents or self.observations)

    @property
    def _criteria_line(self) -> str:
        """How the summary tells them."""
        n = f"{self.respondents} respondents" if self.respondents else f"{self.observations} choices"
        return f"{self.parameters} parameters, AIC {self.aic:.2f}, BIC {self.bic:.2f} (n = {n})"
