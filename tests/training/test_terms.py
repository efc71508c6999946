"""Terms: the exam, the survey term's gradient, closed form and unboundedness (docs/objective.md)."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from marketfit import registry
from marketfit.errors import BriefError, DataError
from marketfit.records.models import TermSpec
from marketfit.testing.terms import check_term
from marketfit.training.terms import Batch, Facts, Objective, Outputs, Term
from marketfit.training.terms.survey import Survey, fitted_consensus, fitted_value

SPECS = {
    "cross-entropy": (TermSpec(name="cross-entropy", weight=1.0),),
    "distillation": (
        TermSpec(name="distillation", weight=0.5),
        TermSpec(name="distillation", weight=2.0, options={"temperature": 4.0, "hidden": 1.0}),
    ),
    "survey": (
        TermSpec(name="survey", weight=0.5),
        TermSpec(name="survey", weight=0.5, options={"sign": "supportive", "fit": True, "tau": 2.0}),
        TermSpec(name="survey", weight=0.0),
    ),
}
FACTS = Facts(rows=4, asked=2, classes=3)


def outputs(logits: torch.Tensor) -> Outputs:
    return Outputs(logits=logits, features=torch.ones((len(logits), 2)))


def test_the_registered_terms_are_those_of_the_list() -> None:
    assert registry.names("terms") == tuple(sorted(SPECS))


@pytest.mark.parametrize("spec", [spec for specs in SPECS.values() for spec in specs], ids=str)
def test_term_passes_the_exam(spec: TermSpec) -> None:
    check_term(cast("type[Term]", registry.load("terms", spec.name)), spec)


def test_the_exam_fails_a_biased_term() -> None:
    class Biased(Survey):
        def loss(self, outputs: Outputs, batch: Batch, model: torch.nn.Module) -> torch.Tensor:
            return super().loss(outputs, batch, model) * len(batch.targets)

    with pytest.raises(AssertionError, match="mean over batches"):
        check_term(Biased, TermSpec(name="survey", weight=1.0))


def test_the_survey_term_by_hand() -> None:
    """λ/N Σ −C log p over the N = 2 rows that people were asked about."""
    logits = torch.tensor([[1.0, 0.0, -1.0], [0.2, 0.1, 0.0], [0.0, 2.0, 0.0], [3.0, 1.0, 0.0]], dtype=torch.float64)
    consensus = torch.tensor(
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.25, 0.75], [0.0, 0.0, 0.0]], dtype=torch.float64
    )
    term = Survey.prepare(TermSpec(name="survey", weight=0.7), FACTS)
    value = float(term.loss(outputs(logits), Batch(torch.zeros(4).long(), consensus), torch.nn.Identity()))
    log_p = np.log(np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True))
    assert value == pytest.approx(0.7 / 2 * -(consensus.numpy() * log_p).sum())


@given(
    weight=st.floats(0.05, 2.0),
    ratio=st.floats(1.0, 5.0),
    logits=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    first=st.floats(0.05, 0.9),
)
def test_the_fitted_consensus_is_the_minimiser(weight: float, ratio: float, logits: list[float], first: float) -> None:
    """C_ik ∝ C⁰_ik p_ik^(λ/τ) attains the closed form, and no other distribution is better."""
    tau = weight * ratio
    log_p = torch.log_softmax(torch.tensor([logits], dtype=torch.float64), dim=1)
    consensus = torch.tensor([[first, (1 - first) / 3, 2 * (1 - first) / 3]], dtype=torch.float64)

    def inner(c: torch.Tensor) -> float:
        return float((-weight * c * log_p + tau * c * (c / consensus).log()).sum())

    best = fitted_consensus(log_p, consensus, weight=weight, tau=tau)
    assert float(best.sum()) == pytest.approx(1.0)
    assert inner(best) == pytest.approx(float(fitted_value(log_p, consensus, weight=weight, tau=tau)), abs=1e-9)
    for other in (consensus, torch.full((1, 3), 1 / 3, dtype=torch.float64), best.roll(1, dims=1)):
        assert inner(best) <= inner(other) + 1e-9


def test_the_literal_sign_warns_and_is_unbounded_below() -> None:
    """L + λρ with λ = 2: the more the model denies what people say, the lower the objective, without end."""
    with pytest.warns(UserWarning, match="unbounded below"):
        objective = Objective.of(
            (TermSpec(name="survey", weight=2.0, options={"sign": "literal"}),), Facts(rows=1, asked=1, classes=2)
        )
    batch = Batch(torch.tensor([0]), torch.tensor([[1.0, 0.0]]))
    values = []
    for denial in (0.0, 10.0, 100.0, 1000.0):
        logits = torch.tensor([[-denial, denial]])
        values.append(float(objective.loss(outputs(logits), batch, torch.nn.Identity())))
    assert values == sorted(values, reverse=True)
    assert values[-1] < -1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective.of((TermSpec(name="survey", weight=2.0),), Facts(rows=1, asked=1, classes=2))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sign": "both"}, "supportive, literal"),
        ({"fit": "yes"}, "true, false"),
        ({"fit": True, "tau": 0.1}, "below the weight"),
        ({"tau": 2.0}, "without fit: true"),
        ({"fit": True, "sign": "literal"}, "no minimum in C"),
        ({"lambda": 1}, "unknown option 'lambda'"),
    ],
)
def test_options_that_are_refused(options: dict[str, str | float | bool], said: str) -> None:
    with pytest.raises(BriefError, match=said):
        Survey.prepare(TermSpec(name="survey", weight=1.0, options=options), FACTS)


def test_nobody_asked_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match="set the weight to 0"):
        Survey.prepare(TermSpec(name="survey", weight=1.0), Facts(rows=4, asked=0, classes=3))


def test_a_batch_without_asked_rows_adds_nothing() -> None:
    term = Survey.prepare(TermSpec(name="survey", weight=1.0), FACTS)
    logits = torch.randn((2, 3), requires_grad=True)
    for consensus in (None, torch.zeros((2, 3))):
        value = term.loss(outputs(logits), Batch(torch.tensor([0, 1]), consensus), torch.nn.Identity())
        value.backward()
        assert float(value.detach()) == 0.0
        assert logits.grad is not None
        assert float(logits.grad.abs().sum()) == 0.0
