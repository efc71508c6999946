"""The survey term: pull the model towards what people say of single examples.

    (λ/N) Σ_i −Σ_k C_ik log p_ik                          C fixed at the consensus C⁰ (default)
    (λ/N) Σ_i −Σ_k C_ik log p_ik + (τ/N) Σ_i KL(C_i ‖ C⁰_i)    C fitted too (`fit: true`)

over the N training rows that people were asked about. Derivation and behaviour: docs/objective.md.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from marketfit.errors import DataError, Problem
from marketfit.records.models import TermSpec
from marketfit.training.terms import Batch, Facts, Outputs, check_weight, raise_all, refuse_unknown

_WHERE = "objective.survey"

LITERAL_WARNING = (
    "objective.survey: sign 'literal' minimises L + λρ as the formula is printed. ρ is a log-likelihood of what people "
    "say, so for λ > 0 this drives the model away from the survey and is unbounded below; it is there for comparison. "
    "Use sign 'supportive' (the default) to learn from the survey."
)


@dataclass(frozen=True)
class Survey:
    """The survey term.

    Options: `sign` is `supportive` (default) or `literal`, which adds λρ as printed and diverges; `fit: true` also
    fits C, held to the consensus by τ·KL, with `tau` ≥ λ (default: τ = λ).
    """

    weight: float
    scale: float  # rows / asked: makes a batch's mean over all of its rows an unbiased mean over the asked ones
    sign: float
    tau: float | None  # None: C stays at the consensus

    @classmethod
    def prepare(cls, spec: TermSpec, facts: Facts) -> Self:
        """Check the options against the data.

        Raises:
            BriefError: an unknown option, a sign that is neither of the two, or τ < λ.
            DataError: people were asked about none of the training rows.
        """
        raise_all([*check_weight(spec), *refuse_unknown(spec, ("sign", "fit", "tau")), *_option_problems(spec)])
        if facts.asked == 0:
            problem = Problem(
                _WHERE,
                "people were asked about none of the training rows",
                "opinions on at least one training row",
                "give opinions whose items are training examples, or set the weight to 0",
            )
            raise DataError([problem])
        literal = spec.options.get("sign", "supportive") == "literal"
        if literal:
            warnings.warn(LITERAL_WARNING, UserWarning, stacklevel=2)
        tau = spec.options.get("tau", spec.weight)
        fitted = bool(spec.options.get("fit", False)) and spec.weight > 0
        return cls(
            weight=spec.weight,
            scale=facts.rows / facts.asked,
            sign=-1.0 if literal else 1.0,
            tau=float(tau) if fitted and isinstance(tau, int | float) else None,
        )

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:  # noqa: ARG002 - Term contract
        """The weighted term on one batch: zero when nobody was asked about its rows."""
        if batch.consensus is None:
            return outputs.logits.sum() * 0.0
        asked = batch.consensus.sum(dim=1) > 0
        consensus = batch.consensus[asked]
        log_p = torch.log_softmax(outputs.logits[asked], dim=1)
        if self.tau is None:
            total = -self.sign * self.weight * (consensus * log_p).sum()
        else:
            total = fitted_value(log_p, consensus, weight=self.weight, tau=self.tau).sum()
        return total * (self.scale / len(batch.targets))


def fitted_value(log_p: Tensor, consensus: Tensor, *, weight: float, tau: float) -> Tensor:
    """min over C_i of −λ Σ_k C_ik log p_ik + τ KL(C_i ‖ C⁰_i), for each row (rows,).

    The minimum is −τ log Σ_k C⁰_ik p_ik^(λ/τ). By the envelope theorem its gradient in p is that of the term with C
    held at its minimiser, so descending it is the alternating fit with C always up to date.
    """
    return -tau * torch.logsumexp(consensus.log() + (weight / tau) * log_p, dim=1)


def fitted_consensus(log_p: Tensor, consensus: Tensor, *, weight: float, tau: float) -> Tensor:
    """The minimiser C_ik ∝ C⁰_ik · p_ik^(λ/τ), rows summing to one."""
    return torch.softmax(consensus.log() + (weight / tau) * log_p, dim=1)


def _option_problems(spec: TermSpec) -> list[Problem]:
    problems: list[Problem] = []
    sign, fit, tau = (spec.options.get(name, default) for name, default in _DEFAULTS)
    if sign not in ("supportive", "literal"):
        problems.append(Problem(f"{_WHERE}.sign", f"{sign!r}", "allowed: supportive, literal", "use one of them"))
    if not isinstance(fit, bool):
        problems.append(Problem(f"{_WHERE}.fit", f"{fit!r}", "allowed: true, false", "use one of them"))
    if fit is True and sign == "literal":
        found = "fit: true with sign: literal has no minimum in C"
        problems.append(Problem(_WHERE, found, "fit with sign: supportive", "drop one of the two"))
    if tau is None:
        return problems
    if isinstance(tau, bool) or not isinstance(tau, int | float) or not 0 < tau < float("inf"):
        problems.append(Problem(f"{_WHERE}.tau", f"{tau!r}", "a number above 0", "change it"))
    elif fit is not True:
        problems.append(Problem(f"{_WHERE}.tau", "tau without fit: true", "tau belongs to fit: true", "add or drop"))
    elif tau < spec.weight:
        found = f"tau {tau} is below the weight {spec.weight}"
        problems.append(Problem(f"{_WHERE}.tau", found, "tau ≥ the term's weight", "raise tau or lower the weight"))
    return problems


_DEFAULTS: tuple[tuple[str, str | bool | None], ...] = (("sign", "supportive"), ("fit", False), ("tau", None))
